//! NumPy on the Legate runtime: arrays, ufuncs, reductions, views, linear algebra, random numbers.
//!
//! A [`Session`] owns a runtime and issues operations to it; an [`NdArray`] is a view of a base array whose values are at
//! hand (small ones), or are a field of the runtime that may still be computed. Nothing here knows Python.
//!
//! Everything about *what* is computed follows NumPy 2: promotion ([`promote`], NEP 50), views ([`view`]), broadcasting ([`shape`]),
//! messages of errors ([`error`]).
#![deny(unsafe_code)]

pub mod array;
mod assign;
pub mod bits;
pub mod choice;
mod chosen;
pub mod coverage;
pub mod create;
mod decode;
pub mod error;
pub mod exceptions;
pub mod gufunc;
pub mod index;
mod indirect;
mod inline;
mod issue;
pub mod join;
mod key;
pub mod linalg;
pub mod mapper;
pub mod methods;
pub mod norm;
mod order;
mod placing;
mod product;
pub mod promote;
mod quick;
pub mod random;
pub mod reduction;
mod resolve;
mod retype;
mod routine;
pub mod scan;
pub mod search;
pub mod session;
pub mod shape;
mod solve;
mod sorting;
pub(crate) mod times;
pub mod ufunc;
mod variance;
pub mod view;

mod tasks;

pub use array::NdArray;
pub use choice::BoundsMode;
pub use error::{Casting, Error, ExceptionKind, Result};
pub use gufunc::Gufunc;
pub use index::{IndexItem, Picked};
pub use key::KeyEntry;
pub use legate_kernels::cast::cast as cast_scalar;
pub use legate_kernels::dtype::{DType, Kind, Scalar, Unit};
pub use methods::{FoldOptions, Initial};
pub use norm::Norm;
pub use order::Layout;
pub use promote::Weak;
pub use quick::Arg;
pub use random::{Generator, LegacyState};
pub use reduction::{ReduceOptions, Reduction};
pub use scan::ScanOp;
pub use search::Unique;
pub use session::{LocalPiece, Session, SessionConfig, Wait, Waiter};
pub use ufunc::{CallOptions, Operand, Ufunc};
