//! What moves bytes between ranks, as the protocol above sees it.

use crate::exec::HostBuffer;
use legate_comm::{Envelope, Standing};
use std::ops::Range;
use std::sync::Arc;

/// A stretch of a buffer that is on its way. While it is, nobody writes it, and if it is being received nobody reads it either.
#[derive(Clone, Debug)]
pub struct Part {
    /// The memory.
    pub buffer: Arc<HostBuffer>,
    /// The bytes in it.
    pub range: Range<usize>,
}

impl Part {
    /// All of a buffer.
    pub fn whole(buffer: Arc<HostBuffer>) -> Part {
        let range = 0..buffer.len();
        Part { buffer, range }
    }
}

/// Names a send or a receive that has begun.
pub type Request = u64;

/// What the library that connects the ranks could not do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LinkError(pub String);

/// One rank's connection with all others. Messages of one sender, receiver and tag arrive in order. No call blocks. Keeps the parts that are on their way.
pub trait Link: Send {
    /// Where this process stands.
    fn standing(&self) -> Standing;
    /// Begins to send at most [`legate_comm::MOST_BYTES`].
    ///
    /// # Errors
    /// [`LinkError`], as all of these.
    fn send(&mut self, part: Part, to: u32, tag: u32) -> Result<Request, LinkError>;
    /// A message that has come, of any sender; [`Link::receive`] must be called for it.
    fn probe(&mut self) -> Result<Option<Envelope>, LinkError>;
    /// Begins to receive a message that was found.
    fn receive(&mut self, envelope: &Envelope, into: Part) -> Result<Request, LinkError>;
    /// Whether a request is done; then it has no name any more.
    fn test(&mut self, request: Request) -> Result<bool, LinkError>;
    /// Disconnects, when all others do.
    fn leave(&mut self) -> Result<(), LinkError>;
    /// Ends all ranks, at once.
    fn abort(&self, code: i32);
}
