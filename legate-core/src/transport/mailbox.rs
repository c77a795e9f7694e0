//! Where messages and those who wait for them find each other.

use super::{Deliver, Payload};
use crate::id::ShardId;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// The mailbox of one rank.
#[derive(Default)]
pub(super) struct Mailbox(Mutex<BTreeMap<(ShardId, u64), Slot>>);

enum Slot {
    Arrived(Payload),
    Awaited(Deliver),
}

impl Mailbox {
    /// A message has come.
    pub(super) fn arrive(&self, from: ShardId, sequence: u64, payload: Payload) {
        let awaited = match self.0.lock().entry((from, sequence)) {
            Entry::Vacant(slot) => {
                slot.insert(Slot::Arrived(payload));
                return;
            }
            Entry::Occupied(slot) => slot.remove(),
        };
        match awaited {
            Slot::Awaited(deliver) => deliver(payload),
            Slot::Arrived(_) => unreachable!("message {sequence} of {from} was sent twice"),
        }
    }

    /// Somebody waits.
    pub(super) fn expect(&self, from: ShardId, sequence: u64, deliver: Deliver) {
        let arrived = match self.0.lock().entry((from, sequence)) {
            Entry::Vacant(slot) => {
                slot.insert(Slot::Awaited(deliver));
                return;
            }
            Entry::Occupied(slot) => slot.remove(),
        };
        match arrived {
            Slot::Arrived(payload) => deliver(payload),
            Slot::Awaited(_) => unreachable!("message {sequence} of {from} was asked for twice"),
        }
    }

    /// How many messages nobody has asked for, and how many were asked for and are not here.
    pub(super) fn unmatched(&self) -> usize {
        self.0.lock().len()
    }
}
