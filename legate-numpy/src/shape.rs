//! Shapes: broadcasting, and the functions that rearrange an array without computing.

use crate::array::NdArray;
use crate::error::{Error, Result};
use crate::session::Session;
use crate::view::{MAX_DIMS, normalize_axes, normalize_axis, volume};
use legate_core::geometry::Point;
use smallvec::SmallVec;

/// NumPy's broadcast of shapes.
///
/// # Errors
/// [`Error::Broadcast`].
pub fn broadcast_shapes(shapes: &[&[i64]]) -> Result<Point> {
    let rank = shapes.iter().map(|s| s.len()).max().unwrap_or(0);
    let mut out: Point = SmallVec::from_elem(1, rank);
    for shape in shapes {
        for (extent, &n) in out[rank - shape.len()..].iter_mut().zip(*shape) {
            if *extent == 1 {
                *extent = n;
            } else if n != 1 && n != *extent {
                return Err(Error::Broadcast { shapes: shapes.iter().map(|&s| s.into()).collect() });
            }
        }
    }
    Ok(out)
}

/// Prefixes an axis error as NumPy's Python functions do: `axis2: axis 5 is out of bounds …`.
fn named(name: &str, result: Result<usize>) -> Result<usize> {
    result.map_err(|e| match e {
        Error::AxisOutOfBounds { axis, ndim } => Error::NamedAxisOutOfBounds { name: name.to_owned(), axis, ndim },
        other => other,
    })
}

impl NdArray {
    /// `a.transpose(axes)`; `None` reverses.
    ///
    /// # Errors
    /// [`Error::Value`] (`axes don't match array`, `repeated axis in transpose`), [`Error::AxisOutOfBounds`].
    pub fn transpose(&self, axes: Option<&[i64]>) -> Result<NdArray> {
        let rank = self.ndim();
        let axes = match axes {
            None => return Ok(self.with_view(self.view.reversed())),
            Some(axes) if axes.len() != rank => return Err(Error::Value("axes don't match array".into())),
            Some(axes) => normalize_axes(axes, rank, "repeated axis in transpose")?,
        };
        Ok(self.with_view(self.view.permuted(&axes)))
    }

    /// `a.swapaxes(axis1, axis2)`.
    ///
    /// # Errors
    /// Axes out of bounds, with NumPy's prefix `axis1: `.
    pub fn swapaxes(&self, axis1: i64, axis2: i64) -> Result<NdArray> {
        let axis1 = named("axis1", normalize_axis(axis1, self.ndim()))?;
        let axis2 = named("axis2", normalize_axis(axis2, self.ndim()))?;
        let mut axes: SmallVec<[usize; 4]> = (0..self.ndim()).collect();
        axes.swap(axis1, axis2);
        Ok(self.with_view(self.view.permuted(&axes)))
    }

    /// `np.moveaxis(a, source, destination)`.
    ///
    /// # Errors
    /// Axes out of bounds or repeated; lists of different length.
    pub fn moveaxis(&self, source: &[i64], destination: &[i64]) -> Result<NdArray> {
        let rank = self.ndim();
        let list = |axes: &[i64], name: &str| {
            axes.iter().try_for_each(|&a| named(name, normalize_axis(a, rank)).map(drop))?;
            normalize_axes(axes, rank, &format!("repeated axis in `{name}` argument"))
        };
        let (source, destination) = (list(source, "source")?, list(destination, "destination")?);
        if source.len() != destination.len() {
            return Err(Error::Value(
                "`source` and `destination` arguments must have the same number of elements".into(),
            ));
        }
        let mut axes: SmallVec<[usize; 4]> = (0..rank).filter(|a| !source.contains(a)).collect();
        let mut moves: SmallVec<[(usize, usize); 4]> = destination.into_iter().zip(source).collect();
        moves.sort_unstable();
        for (to, from) in moves {
            axes.insert(to, from);
        }
        Ok(self.with_view(self.view.permuted(&axes)))
    }

    /// `a.squeeze(axis)`; `None`: all dimensions of extent 1.
    ///
    /// # Errors
    /// An axis whose extent is not 1, or out of bounds.
    pub fn squeeze(&self, axis: Option<&[i64]>) -> Result<NdArray> {
        let mut axes = match axes_or_all(axis, self.ndim(), "duplicate value in 'axis'")? {
            Some(axes) if axes.iter().any(|&a| self.shape()[a] != 1) => {
                return Err(Error::Value(
                    "cannot select an axis to squeeze out which has size not equal to one".into(),
                ));
            }
            Some(axes) => axes,
            None => (0..self.ndim()).filter(|&a| self.shape()[a] == 1).collect(),
        };
        axes.sort_unstable();
        let view = axes.iter().rev().fold(self.view.clone(), |view, &a| view.without_axis(a));
        Ok(self.with_view(view))
    }

    /// `np.expand_dims(a, axis)`.
    ///
    /// # Errors
    /// Axes out of bounds or repeated.
    pub fn expand_dims(&self, axis: &[i64]) -> Result<NdArray> {
        let mut axes = normalize_axes(axis, self.ndim() + axis.len(), "repeated axis")?;
        axes.sort_unstable();
        let view = axes.iter().fold(self.view.clone(), |view, &a| view.with_new_axis(a));
        Ok(self.with_view(view))
    }

    /// `np.broadcast_to(a, shape)`: a read-only view.
    ///
    /// # Errors
    /// [`Error::BroadcastTo`].
    pub fn broadcast_to(&self, shape: &[i64]) -> Result<NdArray> {
        check_shape(shape)?;
        let refused = || Error::BroadcastTo { from: self.shape().into(), to: shape.into() };
        let view = self.view.broadcast(shape).ok_or_else(refused)?;
        Ok(NdArray { readonly: true, ..self.with_view(view) })
    }

    /// `a.diagonal(k, axis1, axis2)`: a read-only view.
    ///
    /// # Errors
    /// Fewer than two dimensions, axes out of bounds or equal.
    pub fn diagonal(&self, k: i64, axis1: i64, axis2: i64) -> Result<NdArray> {
        if self.ndim() < 2 {
            return Err(Error::Value("diag requires an array of at least two dimensions".into()));
        }
        let axis1 = named("axis1", normalize_axis(axis1, self.ndim()))?;
        let axis2 = named("axis2", normalize_axis(axis2, self.ndim()))?;
        if axis1 == axis2 {
            return Err(Error::Value("axis1 and axis2 cannot be the same".into()));
        }
        Ok(NdArray { readonly: true, ..self.with_view(self.view.diagonal(k, axis1, axis2)) })
    }

    /// `np.flip(a, axis)`; `None`: all axes.
    ///
    /// # Errors
    /// Axes out of bounds or repeated.
    pub fn flip(&self, axis: Option<&[i64]>) -> Result<NdArray> {
        let axes = axes_or_all(axis, self.ndim(), "repeated axis")?.unwrap_or_else(|| (0..self.ndim()).collect());
        let view = axes.iter().fold(self.view.clone(), |view, &a| {
            let n = view.shape[a];
            view.sliced(a, n - 1, -1, n)
        });
        Ok(self.with_view(view))
    }
}

fn axes_or_all(axis: Option<&[i64]>, ndim: usize, duplicate: &str) -> Result<Option<SmallVec<[usize; 4]>>> {
    axis.map(|axes| normalize_axes(axes, ndim, duplicate)).transpose()
}

/// Refuses what can be no array's shape.
///
/// # Errors
/// [`Error::Value`] for negative extents and too many dimensions.
pub(crate) fn check_shape(shape: &[i64]) -> Result<()> {
    if shape.iter().any(|&n| n < 0) {
        return Err(Error::Value("negative dimensions are not allowed".into()));
    }
    if shape.len() > MAX_DIMS {
        return Err(Error::Value(format!(
            "maximum supported dimension for an ndarray is currently 64, found {}",
            shape.len()
        )));
    }
    let elements = shape.iter().try_fold(1i64, |product, &n| product.checked_mul(n.max(1)));
    if elements.is_none_or(|n| n > i64::MAX / 16) {
        return Err(Error::Value(
            "array is too big; `arr.size * arr.dtype.itemsize` is larger than the maximum possible size.".into(),
        ));
    }
    Ok(())
}

/// `shape` with its extent -1, if there is one, worked out for `size` elements.
///
/// # Errors
/// [`Error::Reshape`], [`Error::Value`] for two unknown extents.
fn resolve_shape(shape: &[i64], size: i64) -> Result<Point> {
    let refused = || Error::Reshape { size, shape: shape.into() };
    let mut unknown = shape.iter().enumerate().filter(|(_, n)| **n < 0);
    let Some((d, &first)) = unknown.next() else {
        check_shape(shape)?;
        return if volume(shape) == size { Ok(Point::from_slice(shape)) } else { Err(refused()) };
    };
    if unknown.next().is_some() {
        return Err(Error::Value("can only specify one unknown dimension".into()));
    }
    if first != -1 {
        return Err(refused());
    }
    let known: i64 = shape.iter().filter(|n| **n >= 0).try_fold(1i64, |p, &n| p.checked_mul(n)).ok_or_else(refused)?;
    if known == 0 || size % known != 0 {
        return Err(refused());
    }
    let mut shape = Point::from_slice(shape);
    shape[d] = size / known;
    Ok(shape)
}

impl Session {
    /// `a.reshape(shape)`, C order; one extent may be -1. A view where NumPy makes one, else a copy.
    ///
    /// # Errors
    /// [`Error::Reshape`], [`Error::Value`] for two unknown extents.
    pub fn reshape(&self, a: &NdArray, shape: &[i64]) -> Result<NdArray> {
        let shape = resolve_shape(shape, a.size())?;
        if let Some(view) = a.view.reshaped(&shape) {
            return Ok(a.with_view(view));
        }
        let copy = self.copy(a)?;
        let view = copy.view.reshaped(&shape).expect("a C-ordered array takes any shape of its size");
        Ok(copy.with_view(view))
    }

    /// `a.ravel()`: a view where NumPy makes one (of C-contiguous arrays).
    ///
    /// # Errors
    /// None of the user's making.
    pub fn ravel(&self, a: &NdArray) -> Result<NdArray> {
        if a.is_c_contiguous() { self.reshape(a, &[a.size()]) } else { self.flatten(a) }
    }

    /// `a.flatten()`: a copy.
    ///
    /// # Errors
    /// None of the user's making.
    pub fn flatten(&self, a: &NdArray) -> Result<NdArray> {
        let copy = self.copy(a)?;
        self.reshape(&copy, &[a.size()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Session;
    use legate_kernels::dtype::DType;

    fn array(shape: &[i64]) -> NdArray {
        Session::eager().zeros(shape, DType::F64).unwrap()
    }

    #[test]
    fn shapes_broadcast_from_the_right() {
        assert_eq!(*broadcast_shapes(&[&[3, 1], &[4], &[]]).unwrap(), [3, 4]);
        assert_eq!(*broadcast_shapes(&[&[0], &[1]]).unwrap(), [0]);
        let text = broadcast_shapes(&[&[3], &[4]]).unwrap_err().to_string();
        assert_eq!(text, "operands could not be broadcast together with shapes (3,) (4,) ");
    }

    #[test]
    fn unknown_extents_are_worked_out() {
        assert_eq!(*resolve_shape(&[2, -1], 6).unwrap(), [2, 3]);
        let text = |shape: &[i64]| resolve_shape(shape, 6).unwrap_err().to_string();
        assert_eq!(text(&[4, 2]), "cannot reshape array of size 6 into shape (4,2)");
        assert_eq!(text(&[-1, -1]), "can only specify one unknown dimension");
    }

    #[test]
    fn rearranging_is_strides() {
        let a = array(&[2, 3, 4]);
        assert_eq!(a.transpose(None).unwrap().shape(), [4, 3, 2]);
        assert_eq!(a.moveaxis(&[0], &[-1]).unwrap().shape(), [3, 4, 2]);
        assert_eq!(a.expand_dims(&[0, -1]).unwrap().shape(), [1, 2, 3, 4, 1]);
        assert_eq!(a.expand_dims(&[1]).unwrap().squeeze(None).unwrap().shape(), [2, 3, 4]);
        assert_eq!(a.diagonal(1, 1, 2).unwrap().shape(), [2, 3]);
        assert_eq!(a.diagonal(-5, 1, 2).unwrap().shape(), [2, 0]);
        assert!(a.broadcast_to(&[5, 2, 3, 4]).unwrap().is_readonly());
        assert_eq!(
            a.swapaxes(0, 5).unwrap_err().to_string(),
            "axis2: axis 5 is out of bounds for array of dimension 3"
        );
        assert_eq!(a.transpose(Some(&[0, 0, 1])).unwrap_err().to_string(), "repeated axis in transpose");
        assert_eq!(a.flip(None).unwrap().strides_bytes().to_vec(), [-96, -32, -8]);
    }
}
