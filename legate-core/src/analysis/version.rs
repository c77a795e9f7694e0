//! Where the current values of each field are: one [`FieldState`] per field, the same on every shard.

use crate::geometry::Rect;
use crate::id::{FieldId, RegionId, ShardId};
use crate::operation::Create;
use crate::region::{Distribution, Forest};
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
    /// Its region: fields of one shape share one.
    pub region: RegionId,
    /// Its index space.
    pub bounds: Rect,
    /// Bytes of one element.
    pub size: u32,
    /// Alignment of one element.
    pub align: u32,
    /// Who owns which points; `None` before anything was written.
    pub distribution: Option<Distribution>,
    /// Reads since the last write that left copies with others than the owners. Oldest first.
    pub held: Vec<Held>,
}

/// All fields' states. Updated by each planning call, in program order, alike on every shard.
#[derive(Clone, Debug)]
pub struct States {
    shards: u32,
    forest: Forest,
    // In boxes: fields come and go, and a map moves its values.
    fields: BTreeMap<FieldId, Box<FieldState>>,
}

/// Copies that a field remembers. More would cost planning time and save few messages.
const MOST_HELD: usize = 8;

impl Held {
    /// Whether a shard surely has these points because of this read.
    fn has(&self, rect: &Rect, shard: ShardId, shards: u32) -> bool {
        let image_has = |piece: &Rect| !piece.is_empty() && self.access.image(piece).contains(rect);
        match &self.at {
            Distribution::Replicated => image_has(&self.domain),
            Distribution::Single(owner) => *owner == shard && image_has(&self.domain),
            Distribution::Tiled { partition, sharding } => {
                image_has(&self.domain)
                    && sharding
                        .colors_of(shard, partition.color_count(), shards)
                        .any(|color| image_has(&partition.piece(color)))
            }
        }
    }
}

impl FieldState {
    /// A field of a region, without values.
    pub fn new(region: RegionId, create: &Create) -> FieldState {
        let Create { bounds, size, align, .. } = create;
        FieldState { region, bounds: bounds.clone(), size: *size, align: *align, distribution: None, held: Vec::new() }
    }
    /// Whether a shard that need not own these points holds copies of them all.
    pub(crate) fn holds(&self, rect: &Rect, shard: ShardId, shards: u32) -> bool {
        self.held.iter().any(|held| held.has(rect, shard, shards))
    }
    /// Whether every shard surely holds copies of these points.
    pub(crate) fn all_hold(&self, rect: &Rect) -> bool {
        self.held.iter().any(|h| h.at == Distribution::Replicated && h.access.image(&h.domain).contains(rect))
    }
    /// Remembers a read that left copies.
    pub(crate) fn remember(&mut self, held: Held) {
        if !self.held.contains(&held) {
            if self.held.len() == MOST_HELD {
                self.held.remove(0);
            }
            self.held.push(held);
        }
    }
}

impl States {
    /// No fields yet, on this many shards.
    pub fn new(shards: u32) -> States {
        assert!(shards > 0, "a run has at least one shard");
        States { shards, forest: Forest::new(), fields: BTreeMap::new() }
    }
    /// Shards of the run.
    pub fn shards(&self) -> u32 {
        self.shards
    }
    /// The regions of all fields that ever were.
    pub fn forest(&self) -> &Forest {
        &self.forest
    }
    /// A field comes into being.
    pub fn create(&mut self, create: &Create) {
        let region = self.forest.region(&create.bounds);
        let old = self.fields.insert(create.field, Box::new(FieldState::new(region, create)));
        assert!(old.is_none(), "field names are not used twice");
    }
    /// Forgets a field that no later operation names. When this is called may differ between shards.
    pub fn remove(&mut self, field: FieldId) {
        self.fields.remove(&field);
    }
    /// What is known of a field.
    ///
    /// # Panics
    /// If it was not created or was removed.
    pub fn get(&self, field: FieldId) -> &FieldState {
        self.fields.get(&field).expect("operations name fields that were created before")
    }
    /// The fields, by name.
    pub fn fields(&self) -> impl Iterator<Item = FieldId> {
        self.fields.keys().copied()
    }
    pub(crate) fn get_mut(&mut self, field: FieldId) -> &mut FieldState {
        self.fields.get_mut(&field).expect("operations name fields that were created before")
    }
    /// The bounding box of the points that a shard owns; empty if it owns none.
    pub fn extent(&self, field: FieldId, shard: ShardId) -> Rect {
        let state = self.get(field);
        match &state.distribution {
            Some(Distribution::Replicated) => state.bounds.clone(),
            Some(distribution) => distribution.extent(&state.bounds, shard, self.shards),
            None => Rect { lo: state.bounds.lo.clone(), hi: state.bounds.lo.clone() },
        }
    }
}
