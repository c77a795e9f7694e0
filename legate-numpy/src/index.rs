//! Basic indexing: integers, slices, `...` and `None`, by NumPy's rules and with its words.

use crate::array::NdArray;
use crate::error::Result;
use crate::session::Session;
use crate::ufunc::Operand;

/// One entry of `a[…]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexItem {
    /// An integer.
    Int(i64),
    /// `start:stop:step`.
    Slice {
        /// First, or the step's natural begin.
        start: Option<i64>,
        /// One past the last, or the step's natural end.
        stop: Option<i64>,
        /// Not zero.
        step: Option<i64>,
    },
    /// `...`
    Ellipsis,
    /// `None`
    NewAxis,
}

impl NdArray {
    /// `a[items]`: a view.
    ///
    /// # Errors
    /// [`crate::Error::IndexOutOfBounds`], [`crate::Error::TooManyIndices`], [`crate::Error::TwoEllipses`], [`crate::Error::ZeroStep`].
    pub fn index(&self, items: &[IndexItem]) -> Result<NdArray> {
        let _ = items;
        todo!()
    }
}

impl Session {
    /// `a[items] = value`.
    ///
    /// # Errors
    /// As [`NdArray::index`] and [`Session::assign`].
    pub fn set_index(&self, a: &NdArray, items: &[IndexItem], value: &Operand) -> Result<()> {
        let _ = (a, items, value);
        todo!()
    }
}
