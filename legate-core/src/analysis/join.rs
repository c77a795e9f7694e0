//! Who tells whom about partial results.
//!
//! What is short takes as few messages one after the other as can be: each shard exchanges what it has with the shard whose number differs in one bit, once for each bit. What is long is gathered
//! along a tree by shard 0, which spreads the results: twice as many steps, but no byte is sent more than twice for each shard.

use super::plan::JoinStep;
use crate::id::ShardId;

/// Partial results up to this many bytes are exchanged: a message of so many costs little more than an empty one.
const EXCHANGED_BYTES: u64 = 16 << 10;

/// What shard `me` does, in order, to join partial results of `bytes` bytes.
pub(super) fn steps(me: ShardId, shards: u32, bytes: u64) -> Vec<JoinStep> {
    if bytes <= EXCHANGED_BYTES { exchange(me, shards) } else { tree(me, shards) }
}

/// Up a binomial tree to shard 0 and down again: `2·log2(shards)` steps at most.
fn tree(me: ShardId, shards: u32) -> Vec<JoinStep> {
    let mut up = Vec::new();
    let mut down = Vec::new();
    let mut distance = 1;
    while distance < shards {
        if me.0 & distance != 0 {
            up.push(JoinStep::GatherTo(ShardId(me.0 - distance)));
            down.push(JoinStep::SpreadFrom(ShardId(me.0 - distance)));
            break;
        }
        if me.0 + distance < shards {
            up.push(JoinStep::GatherFrom(ShardId(me.0 + distance)));
            down.push(JoinStep::SpreadTo(ShardId(me.0 + distance)));
        }
        distance *= 2;
    }
    down.reverse();
    up.extend(down);
    up
}

/// An exchange for each bit of a shard's number: `log2(shards)` steps one after the other. Where shards are no power of two, those beyond it leave their results with one below first, and hear
/// from it last.
fn exchange(me: ShardId, shards: u32) -> Vec<JoinStep> {
    let paired = 1 << shards.ilog2();
    if me.0 >= paired {
        let deputy = ShardId(me.0 - paired);
        return vec![JoinStep::GatherTo(deputy), JoinStep::SpreadFrom(deputy)];
    }
    let ward = Some(ShardId(me.0 + paired)).filter(|ward| ward.0 < shards);
    let peers = (0..paired.ilog2()).map(|bit| ShardId(me.0 ^ (1 << bit)));
    let exchanges = peers.flat_map(|peer| [JoinStep::SpreadTo(peer), JoinStep::GatherFrom(peer)]);
    ward.map(JoinStep::GatherFrom).into_iter().chain(exchanges).chain(ward.map(JoinStep::SpreadTo)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet, VecDeque};

    /// The shards that one has heard of, and after how many messages one after the other.
    type Heard = (BTreeSet<u32>, u32);

    /// Does all shards' steps: what each has heard of in the end.
    fn simulate(shards: u32, steps: fn(ShardId, u32) -> Vec<JoinStep>) -> Vec<Heard> {
        let mut left: Vec<VecDeque<JoinStep>> = (0..shards).map(|me| steps(ShardId(me), shards).into()).collect();
        let mut known: Vec<Heard> = (0..shards).map(|me| ([me].into(), 0)).collect();
        let mut mail: BTreeMap<(u32, u32), VecDeque<Heard>> = BTreeMap::new();
        while left.iter().any(|steps| !steps.is_empty()) {
            let mut moved = false;
            for me in 0..shards {
                let Some(step) = left[me as usize].front().copied() else { continue };
                let own = &mut known[me as usize];
                match step {
                    JoinStep::GatherTo(to) | JoinStep::SpreadTo(to) => {
                        mail.entry((me, to.0)).or_default().push_back(own.clone());
                        if matches!(step, JoinStep::GatherTo(_)) {
                            own.0.clear();
                        }
                    }
                    JoinStep::GatherFrom(from) | JoinStep::SpreadFrom(from) => {
                        let Some((theirs, hops)) = mail.get_mut(&(from.0, me)).and_then(VecDeque::pop_front) else {
                            continue;
                        };
                        assert!(own.0.is_disjoint(&theirs), "nothing is joined twice");
                        own.0.extend(theirs);
                        own.1 = own.1.max(hops + 1);
                    }
                }
                left[me as usize].pop_front();
                moved = true;
            }
            assert!(moved, "{shards} shards wait for each other");
        }
        assert!(mail.values().all(VecDeque::is_empty), "each message is awaited");
        known
    }

    #[test]
    fn all_shards_hear_of_all() {
        for shards in 1..40 {
            let all: BTreeSet<u32> = (0..shards).collect();
            let (exchanged, gathered) = (simulate(shards, exchange), simulate(shards, tree));
            assert!(exchanged.iter().chain(&gathered).all(|(known, _)| *known == all), "{shards} shards");
            let detour = if shards.is_power_of_two() { 0 } else { 2 };
            assert!(
                exchanged.iter().all(|(_, hops)| *hops <= shards.ilog2() + detour),
                "{shards} shards: {exchanged:?}"
            );
        }
    }
}
