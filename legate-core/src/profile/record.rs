//! What became of operations: which ran together and why no more of them did, which were computed at once.

use crate::error::Provenance;
use crate::id::OpId;

/// One note, in the order of the program. Taken on shard 0: fusion is the same on all.
#[derive(Clone, Debug)]
pub enum Record {
    /// A window of operations begins its way through the stages.
    Window {
        /// How many operations do something.
        operations: usize,
        /// What ended it, in words.
        ended_by: &'static str,
        /// The line that did, if one did.
        line: Option<Provenance>,
    },
    /// A group ran as one.
    Group(GroupRecord),
    /// Groups, by their first launches, ran together, block of rows by block of rows: one walk over what they share.
    Rows {
        /// In program order.
        operations: Vec<OpId>,
        /// How many blocks.
        blocks: usize,
    },
    /// The front end computed something without the runtime.
    AtOnce(AtOnce),
}

/// Launches that ran as one, or one launch.
#[derive(Clone, Debug)]
pub struct GroupRecord {
    /// The first launch: the name of the group in spans.
    pub operation: OpId,
    /// In program order.
    pub members: Vec<Member>,
    /// Of the domain.
    pub shape: Vec<i64>,
    /// How many of its points this shard computes: all of them where every shard does.
    pub own_points: u64,
    /// Results that lived in registers alone.
    pub unstored: usize,
    /// The bytes that they would have taken.
    pub unstored_bytes: u64,
    /// Nobody could see its results: it did not run.
    pub dead: bool,
    /// Why its first launch did not join an earlier group, in words.
    pub apart: String,
    /// The line of the launch that it did not join.
    pub apart_from: Option<Provenance>,
}

/// One operation of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The task's label.
    pub name: String,
    /// The user's line.
    pub provenance: Provenance,
}

/// A call that was computed where it was made.
#[derive(Clone, Debug)]
pub struct AtOnce {
    /// What was computed.
    pub name: String,
    /// The user's line.
    pub provenance: Provenance,
    /// Of the domain.
    pub points: u64,
}
