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
        (0..self.rank()).map(|d| self.extent(d) as u64).product()
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
