//! Where the current values of each field are: one [`FieldState`] per field, the same on every shard.

use crate::geometry::Rect;
use crate::id::FieldId;
use crate::region::Distribution;
use crate::store::Access;
use std::collections::BTreeMap;

/// A read that left valid copies: each shard also holds, in its main instance, the bounding box of `access(piece)` for each of its own pieces of `at`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// How the reading launch was spread over shards: a distribution of `domain`.
    pub at: Distribution,
    /// The reading launch's points.
    pub domain: Rect,
    /// How it saw the field.
    pub access: Access,
}

/// What every shard knows of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldState {
    /// Its index space.
    pub bounds: Rect,
    /// Bytes of one element.
    pub size: u32,
    /// Alignment of one element.
    pub align: u32,
    /// Who owns which points; `None` before anything was written.
    pub distribution: Option<Distribution>,
    /// Reads since the last write that left copies with others than the owners.
    pub held: Vec<Held>,
}

/// All fields' states. Updated by each planning call, in program order, alike on every shard.
#[derive(Clone, Debug, Default)]
pub struct States {
    pub(crate) shards: u32,
    pub(crate) fields: BTreeMap<FieldId, FieldState>,
}
