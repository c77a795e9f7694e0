//! One rank leads: it alone has a front end, and tells its windows to the others, which follow.
//!
//! What the leader tells goes down a binomial tree over the ranks, so that no rank sends more than log₂ N messages for a window. Everything below the stream is as it is where
//! each rank runs the program: followers fuse, map, plan and run their own part. What does not scale is the stream itself, which one rank issues and all are told, with the contents of attached arrays.

use super::shard::Window;
use crate::error::{Error, Result};
use crate::exec::HostBuffer;
use crate::id::{FieldId, ShardId};
use crate::operation::fingerprint::fingerprint;
use crate::operation::{Operation, Registry, wire};
use crate::transport::meeting::hear;
use crate::transport::{Channel, Transport};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// This rank's place in the tree.
pub(super) struct Led {
    transport: Arc<dyn Transport>,
    /// Windows told or heard.
    windows: AtomicU64,
}

/// What stands before the operations of a window. No window is empty: one without operations and deaths is the end.
#[derive(Serialize, Deserialize)]
struct Header {
    operations: u64,
    dead: Vec<FieldId>,
}

impl Led {
    pub(super) fn new(transport: Arc<dyn Transport>) -> Led {
        Led { transport, windows: AtomicU64::new(0) }
    }

    pub(super) fn leads(&self) -> bool {
        self.transport.rank() == ShardId(0)
    }

    /// Tells a window to all who follow.
    pub(super) fn tell(&self, window: &Window) {
        let header = Header { operations: window.operations.len() as u64, dead: window.dead.clone() };
        let mut bytes = postcard::to_allocvec(&header).expect("numbers can be encoded");
        window.operations.iter().for_each(|operation| wire::encode(operation, &mut bytes));
        self.pass_on(self.windows.fetch_add(1, Ordering::Relaxed), &Arc::new(HostBuffer::from_slice(&bytes)));
    }

    /// Tells that nothing follows.
    pub(super) fn dismiss(&self) {
        self.tell(&Window::default());
    }

    /// The next window; `None` at the end. Waits for it.
    pub(super) fn hear(&self, registry: &Registry, interrupted: &dyn Fn() -> bool) -> Result<Option<Window>> {
        let number = self.windows.fetch_add(1, Ordering::Relaxed);
        let from = ShardId(parent(self.transport.rank().0));
        let bytes = hear(&*self.transport, from, Channel::Window.number(number), interrupted)?;
        self.pass_on(number, &bytes);
        let (header, mut rest): (Header, &[u8]) =
            postcard::take_from_bytes(bytes.as_slice()).map_err(|error| Error::Decode(error.to_string()))?;
        let operations =
            (0..header.operations).map(|_| wire::decode(&mut rest, registry)).collect::<Result<Vec<Operation>>>()?;
        if operations.is_empty() && header.dead.is_empty() {
            return Ok(None);
        }
        let fingerprints = operations.iter().map(fingerprint).collect();
        Ok(Some(Window { operations, dead: header.dead, fingerprints, ..Window::default() }))
    }

    fn pass_on(&self, number: u64, bytes: &Arc<HostBuffer>) {
        for child in children(self.transport.rank().0, self.transport.shards()) {
            self.transport.send(ShardId(child), Channel::Window.number(number), Ok(bytes.clone()));
        }
    }
}

/// Who tells a rank: its number without its highest bit.
fn parent(rank: u32) -> u32 {
    rank & !(1 << rank.ilog2())
}

/// Whom a rank tells, the one with most below it first.
fn children(rank: u32, ranks: u32) -> impl Iterator<Item = u32> {
    let first = if rank == 0 { 0 } else { rank.ilog2() + 1 };
    (first..u32::BITS).rev().filter_map(move |bit| rank.checked_add(1 << bit)).filter(move |child| *child < ranks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rank_but_the_first_is_told_once_by_its_parent() {
        for ranks in [1u32, 2, 3, 7, 8, 100, 27_648] {
            let mut told = vec![0; ranks as usize];
            for rank in 0..ranks {
                assert!(children(rank, ranks).count() <= 15);
                for child in children(rank, ranks) {
                    assert_eq!(parent(child), rank);
                    told[child as usize] += 1;
                }
            }
            assert_eq!(told[0], 0);
            assert!(told[1..].iter().all(|times| *times == 1));
        }
    }
}
