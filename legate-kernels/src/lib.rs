//! CPU kernels for array programs. A leaf: pointers and strides in, values out; no runtime, no NumPy object in sight.
//!
//! **Element types** ([`dtype`], [`cast`]). NumPy's bool, integers, floats and complex numbers; a [`dtype::Scalar`] is one value with its type.
//!
//! **Operations** ([`ops`]). Tables: a row names an operation, its loops and its scalar body. Enums, the oracle, the engine's kernels and the
//! tests all come from the row.
//!
//! **Programs** ([`program`]). A fused element-wise task as plain data. [`oracle`] runs it obviously and slowly; [`engine`] runs it over
//! cache-sized tiles with one SIMD loop per instruction; [`host`] is the engine behind a safe, checked interface.
//!
//! **Sums** ([`mod@reduce`]). The order in which reductions fold, which makes their bits independent of the cutting.
//!
//! **Exceptions** ([`exceptions`]). Division by zero, overflow and their like: which operation of a program has met them.
//!
//! **Order and choice** ([`along`], [`mod@scan`], [`select`], [`mod@gather`], [`extreme`], [`mod@sort`]). Operations one after the other, running sums; elements that masks and indices choose; where
//! extremes are; sorting.
//!
//! **Moments** ([`mod@moments`]). Means and squares around them in one read.
//!
//! **Threads** ([`parallel`]) are lent by the caller.
//!
//! **Products** ([`linalg`]). Matrices times vectors and matrices.
//!
//! **Random numbers** ([`random`]). Streams that can be entered anywhere.
//!
//! ```
//! use legate_kernels::dtype::DType;
//! use legate_kernels::host::{self, HostOperand};
//! use legate_kernels::ops::BinaryOp;
//! use legate_kernels::program::Program;
//!
//! let mut program = Program::new();
//! let (x, y) = (program.load(0, DType::F64), program.load(1, DType::F64));
//! let sum = program.binary(BinaryOp::Add, x, y);
//! program.store(2, sum);
//!
//! let (x, y, mut z) = ([1.0, 2.0, 3.0], [10.0f64], [0.0f64; 3]);
//! let mut operands = [
//!     HostOperand::read(bytemuck::bytes_of(&x), 0, &[1]),
//!     HostOperand::read(bytemuck::bytes_of(&y), 0, &[0]), // broadcast
//!     HostOperand::write(bytemuck::bytes_of_mut(&mut z), 0, &[1]),
//! ];
//! host::run(&program, &[3], &mut operands)?;
//! assert_eq!(z, [11.0, 12.0, 13.0]);
//! # Ok::<(), host::HostError>(())
//! ```

pub mod dtype;

pub mod accumulate;
pub mod cast;
pub(crate) mod half;
pub(crate) mod math;
pub mod ops;

pub mod program;

pub mod operand;
pub mod oracle;

pub(crate) mod dispatch;
pub mod engine;
pub mod exceptions;
pub mod host;
pub mod isa;
pub mod reduce;

pub mod linalg;

pub mod along;
pub mod bits;
pub mod extreme;
pub mod gather;
pub mod moments;
pub mod parallel;
pub mod scan;
pub mod search;
pub mod select;
pub mod sort;

pub mod random;
