//! Simulated ranks: threads that replay the operation stream, each for itself, as the ranks of a real machine do.

use super::shard::{Shard, Window};
use crate::error::{Error, FailureKind, Provenance, Result, TaskFailure};
use crate::exec::POLL;
use crate::id::ShardId;
use crate::transport::{SimNetwork, Transport};
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
    _network: Arc<SimNetwork>,
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
        SimRanks { ranks, _network: network }
    }

    /// Gives each rank the window.
    pub(super) fn process(&self, window: Window) {
        let window = Arc::new(window);
        self.tell_all(|| Order::Process(window.clone()));
    }

    /// Begins a fence behind everything given so far.
    pub(super) fn fence(&self) -> Arc<Fence> {
        let state = Mutex::new(FenceState { missing: self.ranks.len(), failure: None });
        let fence = Arc::new(Fence { state, changed: Condvar::new() });
        self.tell_all(|| Order::Fence(fence.clone()));
        fence
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
    for order in orders {
        match order {
            Order::Process(window) if broken.is_none() => {
                let result = catch_unwind(AssertUnwindSafe(|| shard.process(&window)));
                broken = result.err().map(|panic| failure(&*panic));
                if let Some(failure) = &broken {
                    network.lose(me, failure);
                    fail(&window, failure);
                }
            }
            Order::Process(window) => broken.iter().for_each(|failure| fail(&window, failure)),
            Order::Fence(fence) => {
                if broken.is_none() {
                    shard.executor().wait_idle(&|| false);
                }
                fence.arrive(broken.clone());
            }
        }
    }
    if broken.is_none() {
        shard.executor().wait_idle(&|| false);
    }
}

fn fail(window: &Window, failure: &TaskFailure) {
    window.slots.iter().for_each(|slot| slot.set(Err(failure.clone())));
}

fn failure(panic: &(dyn std::any::Any + Send)) -> TaskFailure {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    TaskFailure::new("rank", &Provenance::default(), FailureKind::Transport, text)
}

impl Fence {
    fn arrive(&self, failure: Option<TaskFailure>) {
        let mut state = self.state.lock();
        state.missing -= 1;
        state.failure = state.failure.take().or(failure);
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
