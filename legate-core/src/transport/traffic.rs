//! What a rank has sent to whom, counted where it is sent.

use super::{Channel, Payload};
use crate::id::ShardId;
use parking_lot::Mutex;
use std::collections::BTreeMap;

/// Messages, and the bytes in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// How many.
    pub messages: u64,
    /// Of all of them.
    pub bytes: u64,
}

impl Count {
    pub(super) fn add(&mut self, bytes: usize) {
        self.messages += 1;
        self.bytes += bytes as u64;
    }
}

/// What one rank has sent to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// What plans move: values of fields, partial results.
    pub values: Count,
    /// What the runtime says for itself: meetings, what has been run, what is to be done.
    pub control: Count,
    /// What the library below was given: both of the above with their heads, several in one where they are short, and announcements of an end. A simulated network adds nothing.
    pub link: Count,
}

/// By receiver.
pub type Traffic = BTreeMap<ShardId, Sent>;

/// Counts the messages of a rank.
#[derive(Default)]
pub(super) struct Tally(Mutex<Traffic>);

impl Tally {
    pub(super) fn count(&self, to: ShardId, sequence: u64, payload: &Payload) {
        let bytes = payload.as_ref().map_or(0, |buffer| buffer.len());
        let mut traffic = self.0.lock();
        let sent = traffic.entry(to).or_default();
        let count = if Channel::is_of_plans(sequence) { &mut sent.values } else { &mut sent.control };
        count.add(bytes);
    }

    /// What was counted, with what `link` says of the library below.
    pub(super) fn read(&self, link: impl Fn(ShardId, &Sent) -> Count) -> Traffic {
        let mut traffic = self.0.lock().clone();
        traffic.iter_mut().for_each(|(to, sent)| sent.link = link(*to, sent));
        traffic
    }
}
