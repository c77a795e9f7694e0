//! Values that all shards need: a broadcast from one that has them all, or an all-gather of what each has, in log₂ N rounds.

use super::plan::{MovePlan, Transfer};
use crate::geometry::Rect;
use crate::id::ShardId;
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
    pub(super) fn plan(self, plan: &mut MovePlan, rect: &Rect, me: ShardId, shards: u32) {
        match self {
            Collective::Broadcast(root) => broadcast(plan, rect, root, me, shards),
            Collective::AllGather(owners) => all_gather(plan, rect, owners, me, shards),
        }
    }
}

/// From one shard to all along a binomial tree.
fn broadcast(plan: &mut MovePlan, rect: &Rect, root: ShardId, me: ShardId, shards: u32) {
    let place = (me.0 + shards - root.0) % shards;
    let transfer =
        |place: u32| Transfer { peer: ShardId((place + root.0) % shards), field: plan.field, rect: rect.clone() };
    // A place's parent is it without its lowest bit; its children add bits below that.
    let lowest = if place == 0 { shards.next_power_of_two() } else { 1 << place.trailing_zeros() };
    let mut children = Vec::new();
    let mut bit = lowest / 2;
    while bit > 0 {
        if place + bit < shards {
            children.push(transfer(place + bit));
        }
        bit /= 2;
    }
    if place == 0 {
        plan.sends = children;
    } else {
        plan.recvs = vec![transfer(place - lowest)];
        plan.relays = children;
    }
}

/// Everyone's block to all. In the round of distance `d` a shard passes the blocks that it has, its own and those of the `d - 1` shards after it, to the shard `d`
/// before it: each value goes to each shard once, in messages that double (Bruck, Ho, Kipnis, Upfal, Weathersby: Efficient algorithms for all-to-all
/// communications in multiport message-passing systems, 1997).
fn all_gather(plan: &mut MovePlan, rect: &Rect, owners: &Distribution, me: ShardId, shards: u32) {
    let field = plan.field;
    let transfers = |peer: u32, first: u32, count: u32| {
        let rects = around(first, count, shards).into_iter().filter_map(|run| owners.block(run, shards));
        let parts = rects.map(|block| block.intersect(rect)).filter(|part| !part.is_empty());
        parts.map(|rect| Transfer { peer: ShardId(peer), field, rect }).collect::<SmallVec<[Transfer; 2]>>()
    };
    let mut distance = 1;
    while distance < shards {
        let count = distance.min(shards - distance);
        let (before, after) = ((me.0 + shards - distance) % shards, (me.0 + distance) % shards);
        let sends = if distance == 1 { &mut plan.sends } else { &mut plan.relays };
        sends.extend(transfers(before, me.0, count));
        plan.recvs.extend(transfers(after, after, count));
        distance *= 2;
    }
}

/// `count` shards from `first` on, after the last of which comes shard 0.
fn around(first: u32, count: u32, shards: u32) -> SmallVec<[Range<u32>; 2]> {
    let end = first + count;
    let runs = [first..end.min(shards), 0..end.saturating_sub(shards)];
    runs.into_iter().filter(|run| !run.is_empty()).collect()
}
