//! Simulated ranks: threads that replay the operation stream, each for itself, as the ranks of a real machine do.

use super::joined::divergence;
use super::shard::{Shard, Window};
use crate::error::{Error, FailureKind, Provenance, Result, TaskFailure};
use crate::exec::{POLL, panic_message};
use crate::id::ShardId;
use crate::operation::hash::{Entry, StreamHash};
use crate::transport::{SimNetwork, Traffic, Transport};
use parking_lot::{Condvar, Mutex, MutexGuard};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// Windows that a rank may be behind the program: then the program waits.
const QUEUED_WINDOWS: usize = 4;

/// All simulated ranks of a process.
pub(super) struct SimRanks {
    ranks: Vec<Rank>,
    // Kept until the ranks have ended.
    network: Arc<SimNetwork>,
}

struct Rank {
    // `None` when the rank is to end.
    orders: Option<SyncSender<Order>>,
    thread: Option<JoinHandle<()>>,
}

enum Order {
    Process(Arc<Window>),
    Fence(Arc<Fence>),
}

/// Where ranks meet.
pub(super) struct Fence {
    state: Mutex<FenceState>,
    changed: Condvar,
}

struct FenceState {
    missing: usize,
    failure: Option<TaskFailure>,
    /// The rank that came first, and what it has replayed.
    first: Option<(ShardId, StreamHash)>,
}

impl SimRanks {
    /// `shard` makes the shard of a rank from its end of the network.
    pub(super) fn start(ranks: u32, seed: u64, shard: impl Fn(u32, Arc<dyn Transport>) -> Shard) -> SimRanks {
        let network = Arc::new(SimNetwork::new(ranks, seed));
        let start = |rank: u32| {
            let shard = shard(rank, Arc::new(network.transport(ShardId(rank))));
            let (orders, received) = sync_channel(QUEUED_WINDOWS);
            let builder = std::thread::Builder::new().name(format!("sim-rank-{rank}"));
            let network = network.clone();
            let life = move || run(shard, ShardId(rank), &received, &network);
            let thread = builder.spawn(life).expect("the system can start a thread");
            Rank { orders: Some(orders), thread: Some(thread) }
        };
        let ranks = (0..ranks).map(start).collect();
        SimRanks { ranks, network }
    }

    /// Gives each rank the window.
    pub(super) fn process(&self, window: Window) {
        let window = Arc::new(window);
        self.tell_all(|| Order::Process(window.clone()));
    }

    /// Begins a fence behind everything given so far.
    pub(super) fn fence(&self) -> Arc<Fence> {
        let fence = Arc::new(Fence::new(self.ranks.len()));
        self.tell_all(|| Order::Fence(fence.clone()));
        fence
    }

    /// What each has sent so far.
    pub(super) fn traffic(&self) -> Vec<(ShardId, Traffic)> {
        let ranks = (0..self.ranks.len() as u32).map(ShardId);
        ranks.map(|rank| (rank, self.network.traffic(rank))).collect()
    }

    fn tell_all(&self, order: impl Fn() -> Order) {
        for rank in &self.ranks {
            let orders = rank.orders.as_ref().expect("ranks run until they are dropped");
            orders.send(order()).expect("a rank takes orders until it is told to end");
        }
    }
}

impl Drop for SimRanks {
    fn drop(&mut self) {
        self.ranks.iter_mut().for_each(|rank| rank.orders = None);
        for thread in self.ranks.iter_mut().filter_map(|rank| rank.thread.take()) {
            // `run` catches panics.
            let _ = thread.join();
        }
    }
}

/// A rank's life. A panic here is a bug of ours: whoever waits for the rank is told, so that nobody hangs.
fn run(mut shard: Shard, me: ShardId, orders: &Receiver<Order>, network: &SimNetwork) {
    let mut broken: Option<TaskFailure> = None;
    let mut hash = StreamHash::new();
    for order in orders {
        match order {
            Order::Process(window) if broken.is_none() => {
                window.operations.iter().for_each(|operation| hash.push(operation));
                let result = catch_unwind(AssertUnwindSafe(|| shard.process(&window)));
                broken = result.err().map(|panic| lost(panic_message(&*panic)));
                if let Some(failure) = &broken {
                    network.lose(me, failure);
                    fail(&window, failure);
                }
            }
            Order::Process(window) => broken.iter().for_each(|failure| fail(&window, failure)),
            Order::Fence(fence) => match &broken {
                None => {
                    shard.executor().wait_idle(&|| false);
                    fence.arrive(me, &hash);
                }
                Some(failure) => fence.arrive_broken(failure),
            },
        }
    }
    if broken.is_none() {
        shard.executor().wait_idle(&|| false);
    }
}

fn fail(window: &Window, failure: &TaskFailure) {
    window.slots.iter().for_each(|slot| slot.set(Err(failure.clone())));
}

fn past(stream: &StreamHash) -> Vec<Entry> {
    stream.recent().cloned().collect()
}

fn lost(message: impl Into<String>) -> TaskFailure {
    TaskFailure::new("rank", &Provenance::default(), FailureKind::Transport, message)
}

impl Fence {
    fn new(ranks: usize) -> Fence {
        Fence { state: Mutex::new(FenceState { missing: ranks, failure: None, first: None }), changed: Condvar::new() }
    }

    /// A rank is here. All ranks must have replayed the same stream.
    fn arrive(&self, rank: ShardId, hash: &StreamHash) {
        let mut state = self.state.lock();
        let divergence = state.first.as_ref().and_then(|(first, other)| {
            (other.digest() != hash.digest()).then(|| divergence((*first, &past(other)), (rank, &past(hash))))
        });
        state.first.get_or_insert_with(|| (rank, hash.clone()));
        state.end(divergence);
        self.changed.notify_all();
    }

    fn arrive_broken(&self, failure: &TaskFailure) {
        self.state.lock().end(Some(failure.clone()));
        self.changed.notify_all();
    }

    /// Waits for all ranks.
    pub(super) fn wait(&self, interrupted: &dyn Fn() -> bool) -> Result<()> {
        let mut state = self.state.lock();
        while state.missing > 0 {
            let timed_out = self.changed.wait_for(&mut state, POLL).timed_out();
            if timed_out && MutexGuard::unlocked(&mut state, interrupted) {
                return Err(Error::Interrupted);
            }
        }
        state.failure.clone().map_or(Ok(()), |failure| Err(failure.into()))
    }
}

impl FenceState {
    fn end(&mut self, failure: Option<TaskFailure>) {
        self.missing -= 1;
        self.failure = self.failure.take().or(failure);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Rect;
    use crate::id::{FieldId, OpId};
    use crate::operation::{Attach, Create, Operation};

    /// A rank's stream: attaches of one byte each, with their lines.
    fn stream(operations: &[(u8, u32)]) -> StreamHash {
        let mut hash = StreamHash::new();
        for (field, (byte, line)) in operations.iter().enumerate() {
            let (field, bounds) = (FieldId(field as u64), Rect::from_shape(&[1]));
            hash.push(&Operation::Create(Create { field, bounds, size: 1, align: 1 }));
            let bytes = Arc::new(crate::exec::HostBuffer::from_slice(&[*byte]));
            let provenance = Provenance { file: "a.py".into(), line: *line };
            hash.push(&Operation::Attach(Attach { id: OpId(field.0), field, bytes, provenance }));
        }
        hash
    }

    #[test]
    fn ranks_that_part_are_told_the_first_difference_and_both_lines() {
        let fence = Fence::new(3);
        let (ours, theirs) = (stream(&[(1, 3), (2, 4), (3, 5)]), stream(&[(1, 3), (9, 6), (9, 7), (9, 8)]));
        fence.arrive(ShardId(0), &ours);
        fence.arrive(ShardId(1), &ours);
        fence.arrive(ShardId(2), &theirs);
        let Err(Error::Task(failure)) = fence.wait(&|| false) else { panic!("the streams differ") };
        let expected = "ranks s0 and s2 run different programs: operation 3 was issued at a.py:4 and at a.py:6";
        assert_eq!(failure.0.message, expected);
    }

    #[test]
    fn ranks_that_agree_pass() {
        let fence = Fence::new(2);
        fence.arrive(ShardId(1), &stream(&[(1, 3), (2, 4)]));
        assert!(matches!(fence.wait(&|| true), Err(Error::Interrupted)));
        fence.arrive(ShardId(0), &stream(&[(1, 3), (2, 4)]));
        assert!(fence.wait(&|| false).is_ok());
    }
}
