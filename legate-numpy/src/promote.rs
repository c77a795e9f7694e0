//! Promotion: NEP 50, as NumPy 2 has it.

use crate::error::{Casting, Result};
use legate_kernels::dtype::{DType, Scalar};

/// A Python scalar: it has a kind but no precision of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Weak {
    /// `True`: as strong as an array of bool.
    Bool(bool),
    /// An `int` (callers keep integers beyond 128 bits away).
    Int(i128),
    /// A `float`.
    Float(f64),
    /// A `complex`.
    Complex(f64, f64),
}

impl Weak {
    /// The type NumPy gives it where nothing else has a say: bool, int64 (uint64 if only that fits), float64, complex128.
    ///
    /// # Errors
    /// [`crate::Error::Unsupported`] for an integer beyond 64 bits (NumPy makes an object of it).
    pub fn default_dtype(self) -> Result<DType> {
        todo!()
    }
    /// The value as an element of `dtype`.
    ///
    /// # Errors
    /// [`crate::Error::IntegerOutOfBounds`] if an integer does not fit.
    pub fn to_scalar(self, dtype: DType) -> Result<Scalar> {
        let _ = dtype;
        todo!()
    }
}

/// The smallest type that both are safely cast to (`np.promote_types`).
pub fn promote_types(a: DType, b: DType) -> DType {
    let _ = (a, b);
    todo!()
}

/// NumPy's `np.can_cast(from, to, casting)`.
pub fn can_cast(from: DType, to: DType, casting: Casting) -> bool {
    let _ = (from, to, casting);
    todo!()
}

/// `np.result_type` of arrays' types and Python scalars.
///
/// # Errors
/// [`crate::Error::Value`] if there is nothing to promote.
pub fn result_type(strong: &[DType], weak: &[Weak]) -> Result<DType> {
    let _ = (strong, weak);
    todo!()
}
