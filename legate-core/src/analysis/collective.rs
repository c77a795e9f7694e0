//! Values that all shards need: a broadcast from one that has them all, or an all-gather of what each has, in log₂ N rounds.

use super::plan::{Round, Transfer};
use crate::geometry::Rect;
use crate::id::{FieldId, ShardId};
use crate::region::Distribution;
use smallvec::SmallVec;
use std::ops::Range;

/// Where values lie that every shard needs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Collective<'a> {
    /// All of them on one shard.
    Broadcast(ShardId),
    /// In a row of blocks, of which shard after shard has the next.
    AllGather(&'a Distribution),
}

/// So many shards tell each other directly: nothing is quicker.
const FEW_SHARDS: u32 = 4;
/// Blocks of more bytes go straight from their owners to all others: what counts is the network's bandwidth, not the number of messages, and what is
/// received need not stay.
const LARGE_BLOCK: u64 = 64 << 10;

impl<'a> Collective<'a> {
    /// How all shards get a rectangle of a field with elements of `size` bytes, if not straight from its owners.
    pub(super) fn of(owners: &'a Distribution, rect: &Rect, size: u32, shards: u32) -> Option<Collective<'a>> {
        if let Some(root) = owners.sole_owner(rect, shards) {
            return (shards > 2).then_some(Collective::Broadcast(root));
        }
        let small = rect.volume() * u64::from(size) <= LARGE_BLOCK * u64::from(shards);
        (shards > FEW_SHARDS && small && owners.block(0..shards, shards).is_some())
            .then_some(Collective::AllGather(owners))
    }
    /// The messages of shard `me`.
    pub(super) fn rounds(self, field: FieldId, rect: &Rect, me: ShardId, shards: u32) -> Vec<Round> {
        match self {
            Collective::Broadcast(root) => broadcast(field, rect, root, me, shards),
            Collective::AllGather(owners) => all_gather(field, rect, owners, me, shards),
        }
    }
}

/// From one shard to all along a binomial tree.
fn broadcast(field: FieldId, rect: &Rect, root: ShardId, me: ShardId, shards: u32) -> Vec<Round> {
    let place = (me.0 + shards - root.0) % shards;
    let transfer = |place: u32| Transfer { peer: ShardId((place + root.0) % shards), field, rect: rect.clone() };
    // A place's parent is it without its lowest bit; its children add bits below that.
    let lowest = if place == 0 { shards.next_power_of_two() } else { 1 << place.trailing_zeros() };
    let bits = (0..lowest.ilog2()).rev().map(|bit| 1 << bit);
    let children = bits.map(|bit: u32| place + bit).filter(|child| *child < shards);
    let mut rounds = vec![Round { sends: children.map(transfer).collect(), recvs: Vec::new() }];
    if place > 0 {
        rounds.insert(0, Round { sends: Vec::new(), recvs: vec![transfer(place - lowest)] });
    }
    rounds
}

/// Everyone's block to all. In the round of distance `d` a shard passes the blocks that it has, its own and those of the `d - 1` shards after it, to the shard `d`
/// before it: each value goes to each shard once, in messages that double (Bruck, Ho, Kipnis, Upfal, Weathersby: Efficient algorithms for all-to-all
/// communications in multiport message-passing systems, 1997).
fn all_gather(field: FieldId, rect: &Rect, owners: &Distribution, me: ShardId, shards: u32) -> Vec<Round> {
    let transfers = |peer: u32, first: u32, count: u32| {
        let blocks = around(first, count, shards).into_iter().filter_map(|run| owners.block(run, shards));
        let parts = blocks.map(|block| block.intersect(rect)).filter(|part| !part.is_empty());
        parts.map(|rect| Transfer { peer: ShardId(peer), field, rect }).collect()
    };
    let round = |distance: u32| {
        let count = distance.min(shards - distance);
        let (before, after) = ((me.0 + shards - distance) % shards, (me.0 + distance) % shards);
        Round { sends: transfers(before, me.0, count), recvs: transfers(after, after, count) }
    };
    std::iter::successors(Some(1), |distance| Some(2 * distance)).take_while(|d| *d < shards).map(round).collect()
}

/// `count` shards from `first` on, after the last of which comes shard 0.
fn around(first: u32, count: u32, shards: u32) -> SmallVec<[Range<u32>; 2]> {
    let end = first + count;
    let runs = [first..end.min(shards), 0..end.saturating_sub(shards)];
    runs.into_iter().filter(|run| !run.is_empty()).collect()
}
