//! Affine access maps: how the points of a launch domain (or of an array view) name points of a field.

use crate::geometry::{Point, Rect};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// One term `stride · p[dim]` of a coordinate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Term {
    /// A dimension of the domain.
    pub dim: u8,
    /// Not zero.
    pub stride: i64,
}

/// One coordinate of the field: `offset + Σ terms`. No term: a constant. One term: a slice, a transpose, a shift.
/// Several: a dimension that a reshape has split (row-major, so that each field point is met once).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Coordinate {
    /// The constant part.
    pub offset: i64,
    /// Sorted by `dim`, each dimension at most once.
    pub terms: SmallVec<[Term; 1]>,
}

/// An affine map from the points of a domain of `domain_rank` dimensions to points of a field.
///
/// A domain dimension that no coordinate uses is broadcast (or folded, for a reduction); one that two coordinates
/// use walks a diagonal. Maps compose ([`Access::compose`]): a view of a view is a view.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Access {
    /// Dimensions of the domain.
    pub domain_rank: u8,
    /// One per dimension of the field.
    pub coords: SmallVec<[Coordinate; 4]>,
}
