//! How shards reach each other.
//!
//! A message is named by its sender and a sequence number, which both ends count in program order: nothing has to be matched, and messages may
//! overtake each other. A payload may be a failure: poison crosses shards as values do.
//!
//! [`Local`] is one rank, [`SimNetwork`] connects ranks that are threads of one process, [`remote`] ranks that are processes, and [`Null`] swallows everything: with it the
//! analysis of one rank of a huge machine can be run alone.

mod mailbox;
pub(crate) mod meeting;
pub mod remote;
mod sim;
mod traffic;

pub use meeting::least;
pub use sim::{SimNetwork, SimTransport};
pub use traffic::{Count, Sent, Traffic};

use crate::error::TaskFailure;
use crate::exec::HostBuffer;
use crate::id::ShardId;
use std::sync::Arc;

/// What a message carries.
pub type Payload = Result<Arc<HostBuffer>, TaskFailure>;

/// What is done with a message when it has come. Called on whatever thread brings it; must not block.
pub type Deliver = Box<dyn FnOnce(Payload) + Send>;

/// What messages are for. Those of plans are numbered from 0; the runtime's own have numbers beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    /// What a rank has seen of the program.
    Witness = 1,
    /// The recent past of a rank that differs.
    Past = 2,
    /// A rank has come to a meeting.
    Meeting = 3,
    /// What a rank brings before there is a runtime.
    Agreement = 4,
    /// A part of the stream, from the rank that leads.
    Window = 5,
}

impl Channel {
    /// The `k`-th message of the channel.
    pub(crate) fn number(self, k: u64) -> u64 {
        debug_assert!(k < 1 << 56);
        (self as u64) << 56 | k
    }

    /// Whether a message of this number is one of a plan's.
    fn is_of_plans(number: u64) -> bool {
        number >> 56 == 0
    }

    /// What a message of this number is, in words.
    fn describe(number: u64) -> &'static str {
        match number >> 56 {
            0 => "its values",
            n if n == Channel::Meeting as u64 => "it to come to a fence",
            n if n == Channel::Agreement as u64 => "it to join",
            n if n == Channel::Window as u64 => "what to do",
            _ => "what it has run",
        }
    }

    /// Whether somebody's work stands still until a message of this number comes. Ranks compare what they have run when they have come as far; who follows has
    /// nothing to do but wait.
    fn is_pressing(number: u64) -> bool {
        ![Channel::Witness as u64, Channel::Window as u64].contains(&(number >> 56))
    }
}

/// One rank's end of the network. A closed set: local, simulated, MPI, null.
pub trait Transport: Send + Sync {
    /// This rank.
    fn rank(&self) -> ShardId;
    /// How many ranks there are.
    fn shards(&self) -> u32;
    /// Sends. Returns before the message has arrived. Each pair of a peer and a number is used once.
    fn send(&self, to: ShardId, sequence: u64, payload: Payload);
    /// Has `deliver` called with the message `sequence` of `from`, once it is there; perhaps at once, on this thread.
    fn receive(&self, from: ShardId, sequence: u64, deliver: Deliver);
    /// Sends and takes in what there is, if that needs somebody's time. Whether anything happened. A thread that waits calls it.
    fn progress(&self) -> bool {
        false
    }
    /// Tells all ranks that the run is over, and why: whoever waits for a message, now or later, gets this failure.
    fn announce(&self, failure: &TaskFailure);
    /// Why the run is over, if a rank has announced it, this one or another, or the network is broken.
    fn failure(&self) -> Option<TaskFailure>;
    /// What this rank has sent so far. One that connects nobody counts nothing.
    fn traffic(&self) -> Traffic {
        Traffic::new()
    }
}

/// One rank, alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct Local;

impl Transport for Local {
    fn rank(&self) -> ShardId {
        ShardId(0)
    }
    fn shards(&self) -> u32 {
        1
    }
    fn send(&self, to: ShardId, _sequence: u64, _payload: Payload) {
        unreachable!("a plan for one shard sends nothing, and least of all to {to}");
    }
    fn receive(&self, from: ShardId, _sequence: u64, _deliver: Deliver) {
        unreachable!("a plan for one shard receives nothing, and least of all from {from}");
    }
    fn announce(&self, _failure: &TaskFailure) {}
    fn failure(&self) -> Option<TaskFailure> {
        None
    }
}

/// A rank whose messages vanish and who gets none. What waits for a message waits forever.
#[derive(Clone, Copy, Debug)]
pub struct Null {
    /// The rank that is played.
    pub rank: ShardId,
    /// How many there would be.
    pub shards: u32,
}

impl Transport for Null {
    fn rank(&self) -> ShardId {
        self.rank
    }
    fn shards(&self) -> u32 {
        self.shards
    }
    fn send(&self, _to: ShardId, _sequence: u64, _payload: Payload) {}
    fn receive(&self, _from: ShardId, _sequence: u64, _deliver: Deliver) {}
    fn announce(&self, _failure: &TaskFailure) {}
    fn failure(&self) -> Option<TaskFailure> {
        None
    }
}
