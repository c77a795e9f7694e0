//! Stores: arrays as the front end sees them, fields seen through views.

mod access;
mod transform;

pub use access::{Access, Coordinate, Term};
pub use transform::Transform;

use crate::geometry::Point;
use crate::id::FieldId;
use serde::{Deserialize, Serialize};

/// A field seen through an affine view: the points `0..shape` of the view are the points `access(p)` of the field.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Store {
    /// The field.
    pub field: FieldId,
    /// Extents of the view.
    pub shape: Point,
    /// From view points to field points.
    pub access: Access,
}
