//! N ranks in one process, connected by a network that delays and reorders messages by a seed.
//!
//! A message's delay is a function of the seed, the two ranks and its number: some arrive at once, most within 50 µs, a few take
//! half a millisecond. One thread delivers.

use super::mailbox::Mailbox;
use super::traffic::Tally;
use super::{Count, Deliver, Payload, Traffic, Transport};
use crate::error::TaskFailure;
use crate::id::ShardId;
use parking_lot::{Condvar, Mutex};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The network. When it is dropped, messages that are under way are lost.
pub struct SimNetwork {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// One rank's end of a [`SimNetwork`].
pub struct SimTransport {
    rank: ShardId,
    shared: Arc<Shared>,
}

struct Shared {
    seed: u64,
    mailboxes: Vec<Mailbox>,
    /// By sender.
    tallies: Vec<Tally>,
    /// What a rank has announced.
    ended: Mutex<Option<TaskFailure>>,
    under_way: Mutex<UnderWay>,
    changed: Condvar,
}

#[derive(Default)]
struct UnderWay {
    messages: BinaryHeap<Reverse<Message>>,
    closed: bool,
}

struct Message {
    due: Instant,
    from: ShardId,
    to: ShardId,
    sequence: u64,
    payload: Payload,
}

impl SimNetwork {
    /// Connects `ranks` ranks.
    pub fn new(ranks: u32, seed: u64) -> SimNetwork {
        let shared = Arc::new(Shared {
            seed,
            mailboxes: (0..ranks).map(|_| Mailbox::default()).collect(),
            tallies: (0..ranks).map(|_| Tally::default()).collect(),
            ended: Mutex::default(),
            under_way: Mutex::default(),
            changed: Condvar::new(),
        });
        let postman = shared.clone();
        let builder = std::thread::Builder::new().name("sim-network".into());
        let thread = builder.spawn(move || postman.deliver()).expect("the system can start a thread");
        SimNetwork { shared, thread: Some(thread) }
    }

    /// The end of one rank.
    pub fn transport(&self, rank: ShardId) -> SimTransport {
        assert!((rank.0 as usize) < self.shared.mailboxes.len(), "a rank of this network");
        SimTransport { rank, shared: self.shared.clone() }
    }

    /// A rank dies: what it has sent and not delivered is lost, and whoever waits for it is told `failure`.
    pub fn lose(&self, rank: ShardId, failure: &TaskFailure) {
        self.shared.lose(rank, failure);
    }

    /// What a rank has sent so far.
    pub fn traffic(&self, rank: ShardId) -> Traffic {
        self.shared.traffic(rank)
    }

    /// Messages sent and not asked for, or asked for and not delivered: none, when all ranks are done.
    pub fn unmatched(&self) -> usize {
        self.shared.under_way.lock().messages.len()
            + self.shared.mailboxes.iter().map(Mailbox::unmatched).sum::<usize>()
    }
}

impl Drop for SimNetwork {
    fn drop(&mut self) {
        self.shared.under_way.lock().closed = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic there has been seen by whoever waited for its message.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn traffic(&self, rank: ShardId) -> Traffic {
        self.tallies[rank.0 as usize].read(|_, sent| Count {
            messages: sent.values.messages + sent.control.messages,
            bytes: sent.values.bytes + sent.control.bytes,
        })
    }

    fn lose(&self, rank: ShardId, failure: &TaskFailure) {
        self.mailboxes.iter().for_each(|mailbox| mailbox.lose(rank, failure));
    }

    /// Nothing comes to anybody any more.
    fn end(&self, failure: &TaskFailure) {
        self.ended.lock().get_or_insert_with(|| failure.clone());
        for mailbox in &self.mailboxes {
            (0..self.mailboxes.len() as u32).for_each(|rank| mailbox.lose(ShardId(rank), failure));
        }
    }

    fn deliver(&self) {
        let mut under_way = self.under_way.lock();
        while !under_way.closed {
            match under_way.messages.peek().map(|Reverse(next)| next.due) {
                None => self.changed.wait(&mut under_way),
                Some(due) if due > Instant::now() => {
                    self.changed.wait_until(&mut under_way, due);
                }
                Some(_) => {
                    let Some(Reverse(message)) = under_way.messages.pop() else { continue };
                    parking_lot::MutexGuard::unlocked(&mut under_way, || self.arrive(message));
                }
            }
        }
    }

    fn arrive(&self, message: Message) {
        let Message { from, to, sequence, payload, .. } = message;
        self.mailboxes[to.0 as usize].arrive(from, sequence, payload);
    }

    fn delay(&self, from: ShardId, to: ShardId, sequence: u64) -> Duration {
        let route = u64::from(from.0) << 32 | u64::from(to.0);
        let dice = mix(self.seed ^ mix(route ^ mix(sequence)));
        Duration::from_micros(match dice % 8 {
            0 | 1 => 0,
            7 => dice >> 8 & 0x1ff,
            _ => dice >> 8 & 0x3f,
        })
    }
}

impl Transport for SimTransport {
    fn rank(&self) -> ShardId {
        self.rank
    }
    fn shards(&self) -> u32 {
        self.shared.mailboxes.len() as u32
    }
    fn send(&self, to: ShardId, sequence: u64, payload: Payload) {
        self.shared.tallies[self.rank.0 as usize].count(to, sequence, &payload);
        let due = Instant::now() + self.shared.delay(self.rank, to, sequence);
        let message = Message { due, from: self.rank, to, sequence, payload };
        self.shared.under_way.lock().messages.push(Reverse(message));
        self.shared.changed.notify_one();
    }
    fn receive(&self, from: ShardId, sequence: u64, deliver: Deliver) {
        self.shared.mailboxes[self.rank.0 as usize].expect(from, sequence, deliver);
    }
    fn announce(&self, failure: &TaskFailure) {
        self.shared.end(failure);
    }
    fn failure(&self) -> Option<TaskFailure> {
        self.shared.ended.lock().clone()
    }
    fn traffic(&self) -> Traffic {
        self.shared.traffic(self.rank)
    }
}

/// SplitMix64's finaliser (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
fn mix(seed: u64) -> u64 {
    let x = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}

impl Message {
    fn key(&self) -> (Instant, ShardId, ShardId, u64) {
        (self.due, self.from, self.to, self.sequence)
    }
}
impl PartialEq for Message {
    fn eq(&self, other: &Message) -> bool {
        self.key() == other.key()
    }
}
impl Eq for Message {}
impl PartialOrd for Message {
    fn partial_cmp(&self, other: &Message) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Message {
    fn cmp(&self, other: &Message) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{FailureKind, Provenance, TaskFailure};
    use crate::exec::HostBuffer;
    use crate::transport::Sent;
    use std::sync::mpsc::channel;

    #[test]
    fn every_message_finds_its_number_however_it_travels() {
        for seed in 0..5 {
            let network = SimNetwork::new(3, seed);
            let ends: Vec<SimTransport> = (0..3).map(|r| network.transport(ShardId(r))).collect();
            let (told, news) = channel();
            let receive = |to: usize, from: u32, n: u64| {
                let told = told.clone();
                let check =
                    move |payload: Payload| told.send((to, from, n, payload.unwrap().as_slice().to_vec())).unwrap();
                ends[to].receive(ShardId(from), n, Box::new(check));
            };
            // Half is asked for before it is sent, and all in another order than it is sent.
            (0..40).rev().step_by(2).for_each(|n| receive(2, 0, n));
            for n in 0..40u64 {
                for end in &ends[..2] {
                    let bytes = Arc::new(HostBuffer::from_slice(&[end.rank().0 as u8, n as u8]));
                    end.send(ShardId(2), n, Ok(bytes));
                }
            }
            (0..40).step_by(2).for_each(|n| receive(2, 0, n));
            (0..40).for_each(|n| receive(2, 1, n));
            for _ in 0..80 {
                let (to, from, n, bytes) = news.recv().unwrap();
                assert_eq!((to, bytes), (2, vec![from as u8, n as u8]));
            }
            assert_eq!(network.unmatched(), 0);
            let count = Count { messages: 40, bytes: 80 };
            let sent = Sent { values: count, control: Count::default(), link: count };
            assert_eq!(network.traffic(ShardId(1)), [(ShardId(2), sent)].into());
        }
    }

    #[test]
    fn whoever_waits_for_a_dead_rank_is_told() {
        let network = SimNetwork::new(2, 1);
        let failure = TaskFailure::new("t", &Provenance::default(), FailureKind::Transport, "gone");
        let (told, news) = channel();
        let end = network.transport(ShardId(1));
        for n in 0..2 {
            let told = told.clone();
            end.receive(ShardId(0), n, Box::new(move |payload| told.send((n, payload.unwrap_err())).unwrap()));
            // The first waits when the rank dies, the second comes later.
            network.lose(ShardId(0), &failure);
            assert_eq!(news.recv().unwrap(), (n, failure.clone()));
        }
    }

    #[test]
    fn a_failure_is_a_message() {
        let network = SimNetwork::new(2, 1);
        let failure = TaskFailure::new("t", &Provenance::default(), FailureKind::Error, "no");
        let (told, news) = channel();
        network.transport(ShardId(0)).send(ShardId(1), 0, Err(failure.clone()));
        let end = network.transport(ShardId(1));
        end.receive(ShardId(0), 0, Box::new(move |payload| told.send(payload.unwrap_err()).unwrap()));
        assert_eq!(news.recv().unwrap(), failure);
    }
}
