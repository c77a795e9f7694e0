//! Ranks that are processes, connected by a library that a plug-in stands for.
//!
//! Three layers, each of which knows only the one below: [`Remote`] is the [`Transport`], with its mailbox and its postman; a `Line` makes frames of messages and
//! messages of frames; a [`Link`] moves bytes. Only [`Plugin`] is unsafe, and only the plug-in knows the library's name.
//!
//! *Progress*: messages are sent and taken in by whoever calls [`Transport::progress`] (a thread that waits for a value has nothing better to do), else by the
//! postman, a thread that looks often while something is expected and seldom otherwise, so that the cores are the kernels'.

mod frame;
mod line;
mod link;
mod plugin;
#[cfg(test)]
mod tests;

pub use link::{Link, LinkError, Part, Request};
pub use plugin::{JoinError, Plugin};

use super::mailbox::Mailbox;
use super::traffic::Tally;
use super::{Channel, Deliver, Payload, Traffic, Transport};
use crate::error::{FailureKind, Provenance, TaskFailure};
use crate::id::ShardId;
use legate_comm::{MOST_BYTES, Standing};
use line::{Arrival, Letter, Line};
use parking_lot::{Condvar, Mutex};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Steps of the postman in which nothing happens before it begins to rest.
const PATIENCE: u32 = 64;
/// How long it rests while something is expected here or under way, at first: then an eighth of the time for which nothing has happened, so that no message waits much
/// longer than it had to be waited for, and a core that computes is seldom disturbed.
const NAP: Duration = Duration::from_micros(30);
const NAP_SHARE: u32 = 8;
/// The longest nap; and how long it rests where another thread looks for messages, and would find it in its way.
const LONGEST_NAP: Duration = Duration::from_micros(300);
/// How long otherwise, at first and at last: what comes unasked has time, and who has nothing to do burns nothing.
const SLEEP: Duration = Duration::from_millis(1);
const LONGEST_SLEEP: Duration = Duration::from_millis(20);
/// How long [`Remote::leave`] waits for the others.
const FAREWELL: Duration = Duration::from_secs(30);

/// How a rank's end of the network behaves.
pub struct Options {
    /// Messages are cut into pieces of this many bytes; `None`: as long as may be.
    pub longest: Option<usize>,
    /// How long nothing may come that somebody stands still for, before `tell` is told; again after each such time.
    pub patience: Duration,
    /// Told what is waited for, on a thread of the network's. The wait goes on.
    pub tell: Box<dyn Fn(&str) + Send + Sync>,
}

impl Default for Options {
    /// Nobody is told.
    fn default() -> Options {
        Options { longest: None, patience: Duration::MAX, tell: Box::new(|_| {}) }
    }
}

/// How long [`Remote::abort`] waits for a thread that is in the library.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A rank of several processes.
pub struct Remote {
    shared: Arc<Shared>,
    postman: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    standing: Standing,
    mailbox: Mailbox,
    /// By peer.
    outbox: Mutex<BTreeMap<u32, Vec<Letter>>>,
    /// Told of each letter while the postman sleeps.
    posted: Condvar,
    tally: Tally,
    line: Mutex<Line>,
    /// Another thread has looked for messages since the postman last did.
    attended: AtomicBool,
    /// When something has come last.
    heard: Mutex<Instant>,
    /// The postman is to end.
    closed: AtomicBool,
    /// The run is over, and why.
    over: Mutex<Option<TaskFailure>>,
    /// What this process was asked to end with.
    end: Mutex<Option<i32>>,
}

impl Remote {
    /// Begins with a link that has joined the other ranks.
    pub fn new(link: Box<dyn Link>, options: Options) -> Remote {
        let standing = link.standing();
        let shared = Arc::new(Shared {
            standing,
            mailbox: Mailbox::default(),
            outbox: Mutex::default(),
            posted: Condvar::new(),
            tally: Tally::default(),
            line: Mutex::new(Line::new(link, options.longest.unwrap_or(MOST_BYTES))),
            attended: AtomicBool::new(false),
            heard: Mutex::new(Instant::now()),
            closed: AtomicBool::new(false),
            over: Mutex::new(None),
            end: Mutex::new(None),
        });
        let postman = shared.clone();
        let builder = std::thread::Builder::new().name("postman".into());
        let postman = builder.spawn(move || postman.carry(&options)).expect("the system can start a thread");
        Remote { shared, postman: Mutex::new(Some(postman)) }
    }

    /// Where this process stands.
    pub fn standing(&self) -> Standing {
        self.shared.standing
    }

    /// Waits until what was sent has gone and what is expected has come, and disconnects. All ranks call it, after they have met for the last time.
    ///
    /// # Errors
    /// [`LinkError`] of the library, or if ranks do not take or send what they should.
    pub fn leave(&self) -> Result<(), LinkError> {
        let end = Instant::now() + FAREWELL;
        // What others have sent comes in before: libraries do not bear messages that nobody has received.
        while !self.shared.is_quiet() || self.shared.mailbox.unmatched() > 0 {
            if !self.shared.progress() {
                std::thread::yield_now();
            }
            if self.failure().is_some() || Instant::now() > end {
                return Err(LinkError("the other ranks have not taken, or not sent, what they should".to_owned()));
            }
        }
        self.end_postman();
        self.shared.line.lock().link_mut().leave()
    }

    /// Asks all other ranks to end, with this exit status. Those that have failed wait for it; nobody is made to.
    pub fn call_off(&self, status: i32) {
        self.shared.others().for_each(|to| self.shared.post(to, Letter::End(status)));
        self.shared.progress();
    }

    /// The exit status with which this rank was asked to end.
    pub fn called_off(&self) -> Option<i32> {
        *self.shared.end.lock()
    }

    /// Ends all ranks, at once. Returns only if the library does not answer.
    pub fn abort(&self, code: i32) {
        if let Some(line) = self.shared.line.try_lock_for(LAST_WORDS) {
            line.link().abort(code);
        }
    }

    fn end_postman(&self) {
        self.shared.closed.store(true, Ordering::Release);
        self.shared.posted.notify_all();
        if let Some(thread) = self.postman.lock().take() {
            // A panic there has been seen by whoever waited for its message.
            let _ = thread.join();
        }
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.end_postman();
    }
}

impl Shared {
    /// The postman's life.
    fn carry(&self, options: &Options) {
        let (mut in_vain, mut sleep, mut since) = (0, SLEEP, Instant::now());
        let mut happened = Instant::now();
        while !self.closed.load(Ordering::Acquire) {
            // Two who look are in each other's way.
            let attended = self.attended.swap(false, Ordering::Relaxed);
            if !attended && self.progress() {
                (in_vain, sleep, happened) = (0, SLEEP, Instant::now());
            }
            if !attended && in_vain < PATIENCE {
                in_vain += 1;
                std::thread::yield_now();
                continue;
            }
            let awaits = self.mailbox.awaits();
            self.watch(awaits, &mut since, options);
            if attended {
                (sleep, happened) = (SLEEP, Instant::now());
                std::thread::sleep(LONGEST_NAP);
            } else if awaits || !self.is_quiet() {
                sleep = SLEEP;
                std::thread::sleep((happened.elapsed() / NAP_SHARE).clamp(NAP, LONGEST_NAP));
            } else {
                let mut outbox = self.outbox.lock();
                if outbox.is_empty() {
                    self.posted.wait_for(&mut outbox, sleep);
                    sleep = (2 * sleep).min(LONGEST_SLEEP);
                }
            }
        }
    }

    /// Tells of a wait in which nothing has come for long. `since`: when it began, or was told of.
    fn watch(&self, awaits: bool, since: &mut Instant, options: &Options) {
        let silence = since.elapsed().min(self.heard.lock().elapsed());
        if awaits && silence >= options.patience {
            (options.tell)(&self.waits(silence));
        } else if awaits {
            return;
        }
        *since = Instant::now();
    }

    /// What is waited for, in words.
    fn waits(&self, silence: Duration) -> String {
        let mut peers: BTreeMap<ShardId, Vec<&str>> = BTreeMap::new();
        for (from, number) in self.mailbox.awaited() {
            let reasons = peers.entry(from).or_default();
            let reason = Channel::describe(number);
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
        let peers = peers.iter().map(|(peer, reasons)| format!("rank {} ({})", peer.0, reasons.join(", ")));
        let Standing { rank, ranks, .. } = self.standing;
        let peers = peers.collect::<Vec<_>>().join(", ");
        format!("rank {rank} of {ranks} has waited {} s for {peers}", silence.as_secs())
    }

    fn post(&self, to: u32, letter: Letter) {
        self.outbox.lock().entry(to).or_default().push(letter);
        self.posted.notify_one();
    }

    /// All ranks but this.
    fn others(&self) -> impl Iterator<Item = u32> {
        let me = self.standing.rank;
        (0..self.standing.ranks).filter(move |rank| *rank != me)
    }

    /// Nothing waits to be sent or is under way.
    fn is_quiet(&self) -> bool {
        self.outbox.lock().is_empty() && self.line.try_lock().is_some_and(|line| line.is_quiet())
    }

    /// Sends what is to be sent and takes in what has come. Whether anything happened; not if another thread is at it.
    fn progress(&self) -> bool {
        let Some(mut line) = self.line.try_lock() else { return false };
        let letters = std::mem::take(&mut *self.outbox.lock());
        let mut busy = !letters.is_empty();
        let mut arrivals = Vec::new();
        let mut result = letters.into_iter().try_for_each(|(to, letters)| line.post(to, letters));
        if result.is_ok() {
            result = line.step(&mut |arrival| arrivals.push(arrival)).map(|stepped| busy |= stepped);
        }
        drop(line);
        if !arrivals.is_empty() {
            *self.heard.lock() = Instant::now();
        }
        arrivals.into_iter().for_each(|arrival| self.arrive(arrival));
        if let Err(error) = result {
            self.break_down(&error);
        }
        busy
    }

    fn arrive(&self, arrival: Arrival) {
        match arrival {
            Arrival::Message { from, sequence, payload } => self.mailbox.arrive(ShardId(from), sequence, payload),
            Arrival::Over(failure) => self.end(&failure),
            Arrival::End(status) => *self.end.lock() = Some(status),
        }
    }

    /// The library fails: nothing will come from anybody.
    fn break_down(&self, error: &LinkError) {
        self.closed.store(true, Ordering::Release);
        self.end(&TaskFailure::new("message", &Provenance::default(), FailureKind::Transport, error.to_string()));
    }

    /// Whoever waits for a message, now or later, gets this failure.
    fn end(&self, failure: &TaskFailure) {
        self.over.lock().get_or_insert_with(|| failure.clone());
        self.others().for_each(|from| self.mailbox.lose(ShardId(from), failure));
    }
}

impl Transport for Remote {
    fn rank(&self) -> ShardId {
        ShardId(self.shared.standing.rank)
    }
    fn shards(&self) -> u32 {
        self.shared.standing.ranks
    }
    fn send(&self, to: ShardId, sequence: u64, payload: Payload) {
        self.shared.tally.count(to, sequence, &payload);
        let me = self.shared.standing.rank;
        let payload = payload.map_err(|failure| failure.on(me));
        self.shared.post(to.0, Letter::Message { sequence, payload });
    }
    fn receive(&self, from: ShardId, sequence: u64, deliver: Deliver) {
        self.shared.mailbox.expect(from, sequence, deliver);
    }
    fn progress(&self) -> bool {
        self.shared.attended.store(true, Ordering::Relaxed);
        self.shared.progress()
    }
    fn announce(&self, failure: &TaskFailure) {
        self.shared.end(failure);
        for to in self.shared.others() {
            self.shared.post(to, Letter::Over(failure.clone()));
        }
        self.shared.progress();
    }
    fn failure(&self) -> Option<TaskFailure> {
        self.shared.over.lock().clone()
    }
    fn traffic(&self) -> Traffic {
        let line = self.shared.line.lock();
        self.shared.tally.read(|to, _| line.sent_to(to.0))
    }
}
