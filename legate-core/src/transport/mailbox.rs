//! Where messages and those who wait for them find each other.

use super::{Channel, Deliver, Payload};
use crate::error::TaskFailure;
use crate::id::ShardId;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// The mailbox of one rank.
#[derive(Default)]
pub(super) struct Mailbox(Mutex<Slots>);

#[derive(Default)]
struct Slots {
    slots: BTreeMap<(ShardId, u64), Slot>,
    /// How many of them are awaited by somebody who stands still.
    pressing: usize,
    /// Ranks from which nothing will come any more.
    lost: BTreeMap<ShardId, TaskFailure>,
}

enum Slot {
    Arrived(Payload),
    Awaited(Deliver),
}

impl Mailbox {
    /// A message has come.
    pub(super) fn arrive(&self, from: ShardId, sequence: u64, payload: Payload) {
        let mut state = self.0.lock();
        if state.lost.contains_key(&from) {
            return;
        }
        let awaited = match state.slots.entry((from, sequence)) {
            Entry::Vacant(slot) => {
                slot.insert(Slot::Arrived(payload));
                return;
            }
            Entry::Occupied(slot) => slot.remove(),
        };
        state.pressing -= usize::from(Channel::is_pressing(sequence));
        drop(state);
        match awaited {
            Slot::Awaited(deliver) => deliver(payload),
            Slot::Arrived(_) => unreachable!("message {sequence} of {from} was sent twice"),
        }
    }

    /// Somebody waits.
    pub(super) fn expect(&self, from: ShardId, sequence: u64, deliver: Deliver) {
        let mut state = self.0.lock();
        let lost = state.lost.get(&from).cloned();
        let arrived = match (state.slots.entry((from, sequence)), lost) {
            (Entry::Vacant(slot), None) => {
                slot.insert(Slot::Awaited(deliver));
                state.pressing += usize::from(Channel::is_pressing(sequence));
                return;
            }
            (Entry::Vacant(_), Some(failure)) => Slot::Arrived(Err(failure)),
            (Entry::Occupied(slot), _) => slot.remove(),
        };
        drop(state);
        match arrived {
            Slot::Arrived(payload) => deliver(payload),
            Slot::Awaited(_) => unreachable!("message {sequence} of {from} was asked for twice"),
        }
    }

    /// Nothing will come from this rank any more: whoever waits for it, now or later, is told so.
    pub(super) fn lose(&self, from: ShardId, failure: &TaskFailure) {
        let mut state = self.0.lock();
        state.lost.insert(from, failure.clone());
        let awaited = |key: &(ShardId, u64), slot: &mut Slot| key.0 == from && matches!(slot, Slot::Awaited(_));
        let disappointed: Vec<((ShardId, u64), Slot)> = state.slots.extract_if(.., awaited).collect();
        state.pressing -= disappointed.iter().filter(|(key, _)| Channel::is_pressing(key.1)).count();
        drop(state);
        for (_, slot) in disappointed {
            if let Slot::Awaited(deliver) = slot {
                deliver(Err(failure.clone()));
            }
        }
    }

    /// The messages for which somebody stands still, by sender and number.
    pub(super) fn awaited(&self) -> Vec<(ShardId, u64)> {
        let state = self.0.lock();
        let awaited =
            state.slots.iter().filter(|(key, slot)| matches!(slot, Slot::Awaited(_)) && Channel::is_pressing(key.1));
        awaited.map(|(key, _)| *key).collect()
    }

    /// Whether somebody stands still for a message.
    pub(super) fn awaits(&self) -> bool {
        self.0.lock().pressing > 0
    }

    /// How many messages nobody has asked for, and how many were asked for and are not here.
    pub(super) fn unmatched(&self) -> usize {
        self.0.lock().slots.len()
    }
}
