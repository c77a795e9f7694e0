//! Points and rectangles of integer coordinates, with any number of dimensions.
//!
//! Rectangles are half-open: `lo` is in, `hi` is not. An empty rectangle has `hi[d] <= lo[d]` for some `d`.
//! A zero-dimensional rectangle holds one point.

pub mod tree;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// Coordinates; inline up to four dimensions.
pub type Point = SmallVec<[i64; 4]>;

/// A dense box of points.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rect {
    /// First point.
    pub lo: Point,
    /// One past the last point, in each dimension.
    pub hi: Point,
}

impl Rect {
    /// `[lo, hi)`.
    pub fn new(lo: impl Into<Point>, hi: impl Into<Point>) -> Rect {
        let (lo, hi) = (lo.into(), hi.into());
        assert_eq!(lo.len(), hi.len(), "a rectangle's corners have one rank");
        Rect { lo, hi }
    }
    /// From the origin, with these extents.
    pub fn from_shape(shape: &[i64]) -> Rect {
        Rect { lo: SmallVec::from_elem(0, shape.len()), hi: SmallVec::from_slice(shape) }
    }
    /// Number of dimensions.
    pub fn rank(&self) -> usize {
        self.lo.len()
    }
    /// Points along `dim`.
    pub fn extent(&self, dim: usize) -> i64 {
        (self.hi[dim] - self.lo[dim]).max(0)
    }
    /// Points along each dimension.
    pub fn shape(&self) -> Point {
        (0..self.rank()).map(|d| self.extent(d)).collect()
    }
    /// Number of points.
    pub fn volume(&self) -> u64 {
        (0..self.rank()).map(|d| self.extent(d) as u64).fold(1, u64::saturating_mul)
    }
    /// Whether it holds no point.
    pub fn is_empty(&self) -> bool {
        self.lo.iter().zip(&self.hi).any(|(l, h)| h <= l)
    }
    /// The common points.
    pub fn intersect(&self, other: &Rect) -> Rect {
        debug_assert_eq!(self.rank(), other.rank());
        Rect {
            lo: self.lo.iter().zip(&other.lo).map(|(a, b)| *a.max(b)).collect(),
            hi: self.hi.iter().zip(&other.hi).map(|(a, b)| *a.min(b)).collect(),
        }
    }
    /// Whether a point is common.
    pub fn overlaps(&self, other: &Rect) -> bool {
        !self.intersect(other).is_empty()
    }
    /// Whether every point of `other` is here.
    pub fn contains(&self, other: &Rect) -> bool {
        other.is_empty() || (0..self.rank()).all(|d| self.lo[d] <= other.lo[d] && other.hi[d] <= self.hi[d])
    }
    /// The smallest rectangle holding both.
    pub fn bounding(&self, other: &Rect) -> Rect {
        if self.is_empty() {
            return other.clone();
        }
        if other.is_empty() {
            return self.clone();
        }
        Rect {
            lo: self.lo.iter().zip(&other.lo).map(|(a, b)| *a.min(b)).collect(),
            hi: self.hi.iter().zip(&other.hi).map(|(a, b)| *a.max(b)).collect(),
        }
    }
    /// The points of `self` that are not in `other`, as at most `2 · rank` disjoint rectangles.
    pub fn subtract(&self, other: &Rect) -> SmallVec<[Rect; 4]> {
        let mut pieces = SmallVec::new();
        if self.is_empty() {
            return pieces;
        }
        let cut = self.intersect(other);
        if cut.is_empty() {
            pieces.push(self.clone());
            return pieces;
        }
        let mut rest = self.clone();
        for d in 0..self.rank() {
            if rest.lo[d] < cut.lo[d] {
                let mut piece = rest.clone();
                piece.hi[d] = cut.lo[d];
                pieces.push(piece);
                rest.lo[d] = cut.lo[d];
            }
            if cut.hi[d] < rest.hi[d] {
                let mut piece = rest.clone();
                piece.lo[d] = cut.hi[d];
                pieces.push(piece);
                rest.hi[d] = cut.hi[d];
            }
        }
        pieces
    }
}

impl std::fmt::Debug for Rect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[")?;
        for d in 0..self.rank() {
            write!(f, "{}{}..{}", if d == 0 { "" } else { ", " }, self.lo[d], self.hi[d])?;
        }
        f.write_str("]")
    }
}

/// `a / b` rounded up, for positive `b`.
pub(crate) fn div_ceil(a: i64, b: i64) -> i64 {
    -(-a).div_euclid(b)
}

/// The greatest common divisor of two numbers that are not negative.
pub(crate) fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// The rectangles of `bounds` that hold the row-major elements `range`, in row-major order: at most `2·rank - 1`.
pub fn linear_rects(bounds: &Rect, range: std::ops::Range<u64>) -> SmallVec<[Rect; 4]> {
    let mut rects = SmallVec::new();
    let mut at = range.start;
    while at < range.end {
        // The largest block that begins here: whole rows of dimension `dim + 1..`, from one position along `dim`.
        let (mut dim, mut inner) = (bounds.rank(), 1u64);
        while dim > 0 {
            let extent = bounds.extent(dim - 1) as u64;
            if !at.is_multiple_of(inner * extent) || at + inner * extent > range.end {
                break;
            }
            (dim, inner) = (dim - 1, inner * extent);
        }
        let mut rect = bounds.clone();
        let mut count = 1;
        if dim > 0 {
            let along = at / inner % bounds.extent(dim - 1) as u64;
            count = ((range.end - at) / inner).min(bounds.extent(dim - 1) as u64 - along);
        }
        let mut rest = at / inner;
        for d in (0..dim).rev() {
            let extent = bounds.extent(d) as u64;
            rect.lo[d] = bounds.lo[d] + (rest % extent) as i64;
            rect.hi[d] = rect.lo[d] + if d + 1 == dim { count as i64 } else { 1 };
            rest /= extent;
        }
        rects.push(rect);
        at += count * inner;
    }
    rects
}

#[cfg(test)]
pub(crate) mod tests;
