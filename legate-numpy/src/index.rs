//! Basic indexing: integers, slices, `...` and `None`, by NumPy's rules and with its words.

use crate::array::NdArray;
use crate::error::{Error, Result};
use crate::session::Session;
use crate::ufunc::Operand;
use crate::view::View;
use legate_core::geometry::Point;

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

impl IndexItem {
    /// Dimensions of the array that it uses up.
    pub(crate) fn consumes(self) -> usize {
        usize::from(matches!(self, IndexItem::Int(_) | IndexItem::Slice { .. }))
    }
}

/// The first index, step and length of a slice of `n` elements: Python's `slice(start, stop, step).indices(n)`.
///
/// # Errors
/// [`Error::ZeroStep`].
pub fn slice_indices(start: Option<i64>, stop: Option<i64>, step: Option<i64>, n: i64) -> Result<(i64, i64, i64)> {
    let step = step.unwrap_or(1);
    if step == 0 {
        return Err(Error::ZeroStep);
    }
    let (lowest, highest) = if step > 0 { (0, n) } else { (-1, n - 1) };
    let clip = |i: i64| if i < 0 { (i.saturating_add(n)).max(lowest) } else { i.min(highest) };
    let start = start.map_or(if step > 0 { lowest } else { highest }, clip);
    let stop = stop.map_or(if step > 0 { highest } else { lowest }, clip);
    let distance = if step > 0 { stop - start } else { start - stop };
    let len = if distance <= 0 { 0 } else { (distance - 1) / step.saturating_abs() + 1 };
    // A step beyond the array's length reaches one element only; its value does not matter.
    let step = if len <= 1 { step.signum() } else { step };
    Ok((start, step, len))
}

impl NdArray {
    /// `a[items]`: a view.
    ///
    /// # Errors
    /// [`Error::IndexOutOfBounds`], [`Error::TooManyIndices`], [`Error::TwoEllipses`], [`Error::ZeroStep`].
    pub fn index(&self, items: &[IndexItem]) -> Result<NdArray> {
        Ok(self.with_view(index_view(&self.view, items)?))
    }
}

fn index_view(view: &View, items: &[IndexItem]) -> Result<View> {
    let given: usize = items.iter().map(|i| i.consumes()).sum();
    if items.iter().filter(|i| **i == IndexItem::Ellipsis).count() > 1 {
        return Err(Error::TwoEllipses);
    }
    let rank = view.rank();
    let Some(skipped) = rank.checked_sub(given) else {
        return Err(Error::TooManyIndices { ndim: rank, given });
    };
    let mut picked = Picked::from(view);
    for &item in items {
        match item {
            IndexItem::Int(index) => picked.at(index)?,
            IndexItem::Slice { start, stop, step } => picked.slice(start, stop, step)?,
            IndexItem::Ellipsis => picked.keep(skipped),
            IndexItem::NewAxis => picked.new_axis(),
        }
    }
    Ok(picked.finished())
}

/// What an index picks of a view, entry by entry from the left.
#[derive(Debug)]
pub struct Picked<'a> {
    of: &'a View,
    /// The dimension that comes next.
    source: usize,
    offset: i64,
    shape: Point,
    strides: Point,
}

impl<'a> Picked<'a> {
    pub(crate) fn from(of: &'a View) -> Picked<'a> {
        Picked { of, source: 0, offset: of.offset, shape: Point::new(), strides: Point::new() }
    }

    /// The dimension that comes next, of the array and of the result so far.
    pub(crate) fn next(&self) -> (usize, usize) {
        (self.source, self.shape.len())
    }

    /// Dimensions for which no entry has come yet.
    #[inline]
    pub fn left(&self) -> usize {
        self.of.rank() - self.source
    }

    /// An integer, counted from the end if negative, for the next dimension, which there is.
    ///
    /// # Errors
    /// [`Error::IndexOutOfBounds`].
    #[inline]
    pub fn at(&mut self, index: i64) -> Result<()> {
        let size = self.of.shape[self.source];
        if index < -size || index >= size {
            return Err(Error::IndexOutOfBounds { index, axis: self.source, size });
        }
        self.offset += self.of.strides[self.source] * if index < 0 { index + size } else { index };
        self.source += 1;
        Ok(())
    }

    /// A slice of the next dimension, which there is.
    ///
    /// # Errors
    /// [`Error::ZeroStep`].
    #[inline]
    pub fn slice(&mut self, start: Option<i64>, stop: Option<i64>, step: Option<i64>) -> Result<()> {
        let stride = self.of.strides[self.source];
        let (start, step, len) = slice_indices(start, stop, step, self.of.shape[self.source])?;
        // An empty slice keeps its offset inside the base: nothing is ever read through it.
        if len > 0 {
            self.offset += start * stride;
        }
        self.shape.push(len);
        self.strides.push(stride * step);
        self.source += 1;
        Ok(())
    }

    /// A new dimension.
    #[inline]
    pub fn new_axis(&mut self) {
        self.shape.push(1);
        self.strides.push(0);
    }

    /// As many of the next dimensions as they are.
    #[inline]
    pub fn keep(&mut self, dimensions: usize) {
        for d in self.source..self.source + dimensions {
            self.shape.push(self.of.shape[d]);
            self.strides.push(self.of.strides[d]);
        }
        self.source += dimensions;
    }

    pub(crate) fn finished(mut self) -> View {
        self.keep(self.left());
        View { offset: self.offset, shape: self.shape, strides: self.strides }
    }
}

impl NdArray {
    /// `a[…]`, entry by entry: `pick` adds the entries, as long as there are dimensions left for them. `None` if it gives up.
    #[inline]
    pub fn picked(&self, pick: impl FnOnce(&mut Picked<'_>) -> Option<()>) -> Option<NdArray> {
        let mut picked = Picked::from(&self.view);
        pick(&mut picked)?;
        Some(self.with_view(picked.finished()))
    }
}

impl Session {
    /// `a[items] = value`.
    ///
    /// # Errors
    /// As [`NdArray::index`] and [`Session::assign`].
    pub fn set_index(&self, a: &NdArray, items: &[IndexItem], value: &Operand) -> Result<()> {
        self.assign(&a.index(items)?, value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn slice(start: impl Into<Option<i64>>, stop: impl Into<Option<i64>>, step: impl Into<Option<i64>>) -> IndexItem {
        IndexItem::Slice { start: start.into(), stop: stop.into(), step: step.into() }
    }

    #[test]
    fn slices_are_pythons() {
        assert_eq!(slice_indices(None, None, Some(-1), 5).unwrap(), (4, -1, 5));
        assert_eq!(slice_indices(Some(-3), None, None, 5).unwrap(), (2, 1, 3));
        assert_eq!(slice_indices(Some(10), Some(-10), Some(-2), 5).unwrap(), (4, -2, 3));
        assert_eq!(slice_indices(Some(3), Some(1), None, 5).unwrap().2, 0);
        assert_eq!(slice_indices(None, None, Some(i64::MIN), 5).unwrap(), (4, -1, 1));
        assert_eq!(slice_indices(None, None, Some(0), 5).unwrap_err().to_string(), "slice step cannot be zero");
    }

    #[test]
    fn items_are_numpys() {
        let view = View::whole(&[2, 3, 4]);
        let shape = |items: &[IndexItem]| index_view(&view, items).unwrap().shape.to_vec();
        assert_eq!(shape(&[]), [2, 3, 4]);
        assert_eq!(shape(&[IndexItem::Int(-1)]), [3, 4]);
        assert_eq!(shape(&[IndexItem::Ellipsis, IndexItem::Int(0)]), [2, 3]);
        assert_eq!(
            shape(&[IndexItem::NewAxis, slice(1, None, None), IndexItem::Ellipsis, IndexItem::NewAxis]),
            [1, 1, 3, 4, 1]
        );
        let text = |items: &[IndexItem]| index_view(&view, items).unwrap_err().to_string();
        assert_eq!(
            text(&[slice(None, None, None), IndexItem::Int(3)]),
            "index 3 is out of bounds for axis 1 with size 3"
        );
        assert_eq!(
            text(&[IndexItem::Ellipsis, IndexItem::Int(-5)]),
            "index -5 is out of bounds for axis 2 with size 4"
        );
        assert_eq!(
            text(&[IndexItem::Int(0); 4]),
            "too many indices for array: array is 3-dimensional, but 4 were indexed"
        );
        assert_eq!(text(&[IndexItem::Ellipsis; 2]), "an index can only have a single ellipsis ('...')");
    }

    proptest! {
        #[test]
        fn slices_name_the_elements_that_stepping_names(
            start in proptest::option::of(-12i64..12), stop in proptest::option::of(-12i64..12), step in prop_oneof![-5i64..=-1, 1i64..=5], n in 0i64..9,
        ) {
            let (first, by, len) = slice_indices(start, stop, Some(step), n).unwrap();
            let named: Vec<i64> = (0..len).map(|i| first + by * i).collect();
            // Step by step, as the language reference has it.
            let wrap = |i: i64| if i < 0 { i + n } else { i };
            let begin = start.map_or(if step > 0 { 0 } else { n - 1 }, wrap);
            let end = stop.map_or(if step > 0 { n } else { -1 }, wrap);
            let begin = if step > 0 { begin.max(0) } else { begin.min(n - 1) };
            let mut expected = vec![];
            let mut i = begin;
            while (step > 0 && i < end) || (step < 0 && i > end) {
                if (0..n).contains(&i) { expected.push(i); }
                i += step;
                if !(-50..50).contains(&i) { break; }
            }
            prop_assert_eq!(named, expected);
        }
    }
}
