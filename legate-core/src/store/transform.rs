//! The transforms that make a view of a store.

/// One step from a store to a view of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transform {}
/// The result of a transform.
pub struct Transformed;
