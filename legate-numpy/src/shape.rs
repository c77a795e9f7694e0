//! Shapes: broadcasting, and the functions that rearrange an array without computing.

use crate::array::NdArray;
use crate::error::Result;
use crate::session::Session;
use legate_core::geometry::Point;

/// NumPy's broadcast of shapes.
///
/// # Errors
/// [`crate::Error::Broadcast`].
pub fn broadcast_shapes(shapes: &[&[i64]]) -> Result<Point> {
    let _ = shapes;
    todo!()
}

impl NdArray {
    /// `a.transpose(axes)`; `None` reverses.
    ///
    /// # Errors
    /// [`crate::Error::Value`] (`axes don't match array`, `repeated axis in transpose`), [`crate::Error::AxisOutOfBounds`].
    pub fn transpose(&self, axes: Option<&[i64]>) -> Result<NdArray> {
        let _ = axes;
        todo!()
    }
    /// `a.swapaxes(axis1, axis2)`.
    ///
    /// # Errors
    /// Axes out of bounds, with NumPy's prefix `axis1: `.
    pub fn swapaxes(&self, axis1: i64, axis2: i64) -> Result<NdArray> {
        let _ = (axis1, axis2);
        todo!()
    }
    /// `np.moveaxis(a, source, destination)`.
    ///
    /// # Errors
    /// Axes out of bounds or repeated; lists of different length.
    pub fn moveaxis(&self, source: &[i64], destination: &[i64]) -> Result<NdArray> {
        let _ = (source, destination);
        todo!()
    }
    /// `a.squeeze(axis)`; `None`: all dimensions of extent 1.
    ///
    /// # Errors
    /// An axis whose extent is not 1, or out of bounds.
    pub fn squeeze(&self, axis: Option<&[i64]>) -> Result<NdArray> {
        let _ = axis;
        todo!()
    }
    /// `np.expand_dims(a, axis)`.
    ///
    /// # Errors
    /// Axes out of bounds or repeated.
    pub fn expand_dims(&self, axis: &[i64]) -> Result<NdArray> {
        let _ = axis;
        todo!()
    }
    /// `np.broadcast_to(a, shape)`: a read-only view.
    ///
    /// # Errors
    /// [`crate::Error::BroadcastTo`].
    pub fn broadcast_to(&self, shape: &[i64]) -> Result<NdArray> {
        let _ = shape;
        todo!()
    }
    /// `a.diagonal(k, axis1, axis2)`: a read-only view.
    ///
    /// # Errors
    /// Fewer than two dimensions, axes out of bounds or equal.
    pub fn diagonal(&self, k: i64, axis1: i64, axis2: i64) -> Result<NdArray> {
        let _ = (k, axis1, axis2);
        todo!()
    }
    /// `np.flip(a, axis)`; `None`: all axes.
    ///
    /// # Errors
    /// Axes out of bounds or repeated.
    pub fn flip(&self, axis: Option<&[i64]>) -> Result<NdArray> {
        let _ = axis;
        todo!()
    }
}

impl Session {
    /// `a.reshape(shape)`, C order; one extent may be -1. A view where NumPy makes one, else a copy.
    ///
    /// # Errors
    /// [`crate::Error::Reshape`], [`crate::Error::Value`] for two unknown extents.
    pub fn reshape(&self, a: &NdArray, shape: &[i64]) -> Result<NdArray> {
        let _ = (a, shape);
        todo!()
    }
    /// `a.ravel()`: a view where NumPy makes one.
    ///
    /// # Errors
    /// None of the user's making.
    pub fn ravel(&self, a: &NdArray) -> Result<NdArray> {
        let _ = a;
        todo!()
    }
    /// `a.flatten()`: a copy.
    ///
    /// # Errors
    /// None of the user's making.
    pub fn flatten(&self, a: &NdArray) -> Result<NdArray> {
        let _ = a;
        todo!()
    }
}
