//! The threads that run tasks: hand-off in a fraction of a microsecond to those that are awake, one wake-up for those that are not.
//!
//! A [`Job`] is cut into chunks; whoever has nothing better to do takes the next one, by counting. So nobody waits for a thread to come: a thread that
//! published a job may take its chunks too, and has often done them all before a sleeping worker is up.
//!
//! A worker without a job watches the count of published jobs for [`SPIN`], then sleeps: an idle program burns no CPU. Who publishes wakes one worker
//! at most; a worker that finds more chunks than it can do wakes the next. Threads that are no workers ("guests": the front end's) count against
//! the number of threads that may compute at a time, unless they have lent their place ([`Crew::lend_place`]).
//!
//! # Claim
//! No job is lost, and none is touched after its end. *Why it holds:* the list of open jobs and the number of sleepers are behind one lock: a worker
//! goes to sleep only after seeing the list empty, and who adds to the list sees it asleep. A job is an `Arc`, so a worker that
//! comes late finds its counter run out, not freed memory; what the counter guards (a borrowed closure) is used by takers of chunks only, for whom
//! the borrower waits. *What checks it:* the models at the end, tests with panics and nested jobs.

mod scoped;

use crate::operation::Hands;
use crate::sync::{AtomicUsize, Lock, Ordering, Signal};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a thread without work watches for some before it sleeps. Waking it costs its waker 2 to 7 µs.
pub(super) const SPIN: Duration = Duration::from_micros(40);
/// How often a spinning thread looks between two looks at the clock.
const LOOKS: u32 = if cfg!(loom) { 1 } else { 16 };

/// Something cut into chunks.
pub(crate) trait Job: Send + Sync {
    /// Does the next chunk. `false`: there was none left to take.
    fn take(&self, crew: &Crew) -> bool;
    /// Chunks that nobody has taken.
    fn waiting(&self) -> usize;
    /// Whether a guest may take chunks: they are short, so that it still hears an interrupt.
    fn is_for_guests(&self) -> bool;
}

/// What the workers of a process share. The threads themselves are [`Workers`].
pub(crate) struct Crew {
    state: Lock<State>,
    /// Told when a sleeper is to wake.
    changed: Signal,
    /// Jobs published so far, for those who spin. A hint: the truth is in `state`.
    published: AtomicUsize,
    /// Workers that watch `published`, and look at the list before they sleep.
    spinning: AtomicUsize,
    /// Threads that may compute at a time. 0: nobody but the caller ever computes.
    threads: usize,
}

struct State {
    open: VecDeque<Arc<dyn Job>>,
    /// Workers that live.
    workers: usize,
    /// Of them, those that sleep and have not been told to wake.
    asleep: usize,
    /// Sleepers that have been told to wake and have not.
    told: usize,
    /// Threads besides the workers that compute, or soon may.
    guests: usize,
    stopping: bool,
}

impl Crew {
    /// No workers yet. `guests`: threads other than workers that publish jobs and help.
    pub(crate) fn new(threads: usize, guests: usize) -> Crew {
        let state = State { open: VecDeque::new(), workers: 0, asleep: 0, told: 0, guests, stopping: false };
        Crew {
            state: Lock::new(state),
            changed: Signal::new(),
            published: AtomicUsize::new(0),
            spinning: AtomicUsize::new(0),
            threads,
        }
    }

    /// Nobody but the caller: what the serial executor has.
    pub(crate) fn alone() -> Crew {
        Crew::new(0, 0)
    }

    /// Whether a job handed over now would be taken at once.
    pub(super) fn is_awake(&self) -> bool {
        // Relaxed: a guess.
        self.spinning.load(Ordering::Relaxed) > 0
    }

    /// Lets workers take the job's chunks; `hands` of them would do.
    pub(super) fn publish(&self, job: Arc<dyn Job>, hands: usize) {
        let mut state = self.state.lock();
        state.open.push_back(job);
        self.announce(state, hands);
    }

    /// As [`Crew::publish`], before all jobs that are open: a task waits for it.
    fn publish_first(&self, job: Arc<dyn Job>, hands: usize) {
        let mut state = self.state.lock();
        state.open.push_front(job);
        self.announce(state, hands);
    }

    fn announce(&self, mut state: crate::sync::Guard<'_, State>, hands: usize) {
        let wake = self.may_wake(&mut state, hands);
        drop(state);
        // Release: whoever sees the count and then takes the lock finds the job anyway; nothing else hangs on it.
        self.published.fetch_add(1, Ordering::Release);
        if wake {
            self.changed.notify_one();
        }
    }

    /// Whether a sleeper is to be told, who is then counted as told.
    fn may_wake(&self, state: &mut State, hands: usize) -> bool {
        let awake = state.workers - state.asleep;
        // Relaxed: a guess; a spinner that gives up looks at the list before it sleeps.
        let spinning = self.spinning.load(Ordering::Relaxed);
        let wake = state.asleep > 0 && hands > spinning && awake + state.guests < self.threads.max(state.guests + 1);
        if wake {
            state.asleep -= 1;
            state.told += 1;
        }
        wake
    }

    /// The first open job with chunks for such a thread. A worker that leaves chunks to others wakes one of them.
    fn next_job(&self, guest: bool) -> Option<Arc<dyn Job>> {
        let mut state = self.state.lock();
        while state.open.front().is_some_and(|job| job.waiting() == 0) {
            state.open.pop_front();
        }
        let job = state.open.iter().find(|job| job.waiting() > 0 && (!guest || job.is_for_guests())).cloned()?;
        // Others may have taken all of it since it was found.
        let wake = self.may_wake(&mut state, job.waiting().saturating_sub(1));
        drop(state);
        if wake {
            self.changed.notify_one();
        }
        Some(job)
    }

    /// A guest does a chunk, if there is one for it.
    pub(super) fn help(&self) -> bool {
        self.next_job(true).is_some_and(|job| job.take(self))
    }

    /// How many jobs were published so far, for [`Crew::watch`].
    pub(super) fn seen(&self) -> usize {
        self.published.load(Ordering::Acquire)
    }

    /// Spins until a job is published after `seen` was read, or until `done`; `false`: given up after [`SPIN`].
    pub(super) fn watch(&self, seen: usize, done: impl Fn() -> bool) -> bool {
        let found = || self.seen() != seen || done();
        let until = Instant::now() + SPIN;
        loop {
            for _ in 0..LOOKS {
                if found() {
                    return true;
                }
                std::hint::spin_loop();
            }
            if cfg!(loom) || Instant::now() >= until {
                return false;
            }
        }
    }

    /// A guest is about to sleep: until the result is dropped a worker may compute in its place.
    pub(super) fn lend_place(&self) -> Lent<'_> {
        let mut state = self.state.lock();
        let lends = state.guests > 0;
        state.guests -= usize::from(lends);
        let hands = state.open.iter().map(|job| job.waiting()).sum();
        let wake = hands > 0 && self.may_wake(&mut state, hands);
        drop(state);
        if wake {
            self.changed.notify_one();
        }
        Lent { crew: self, lends }
    }

    /// A worker's life.
    fn live(&self) {
        self.state.lock().workers += 1;
        loop {
            let seen = self.seen();
            while let Some(job) = self.next_job(false) {
                while job.take(self) {}
            }
            let found = !self.is_crowded() && {
                // Relaxed: who reads it guesses.
                self.spinning.fetch_add(1, Ordering::Relaxed);
                let found = self.watch(seen, || false);
                self.spinning.fetch_sub(1, Ordering::Relaxed);
                found
            };
            if !found && !self.sleep() {
                return;
            }
        }
    }

    /// Whether more threads are awake than may compute: a guest has taken back the place that it had lent. Jobs that follow each other would
    /// keep all of them awake, two on one core.
    fn is_crowded(&self) -> bool {
        let state = self.state.lock();
        state.workers - state.asleep + state.guests > self.threads.max(state.guests + 1)
    }

    /// Sleeps until there may be a job. `false`: there will be none.
    fn sleep(&self) -> bool {
        let mut state = self.state.lock();
        if state.open.iter().any(|job| job.waiting() > 0) {
            return true;
        }
        // Jobs end: nothing is kept alive while nobody works.
        state.open.clear();
        if state.stopping {
            state.workers -= 1;
            return false;
        }
        state.asleep += 1;
        while state.told == 0 {
            state = self.changed.wait(state);
        }
        state.told -= 1;
        true
    }

    /// Ends the workers, once no job is open.
    fn stop(&self) {
        let mut state = self.state.lock();
        state.stopping = true;
        state.told += std::mem::take(&mut state.asleep);
        drop(state);
        self.published.fetch_add(1, Ordering::Release);
        self.changed.notify_all();
    }
}

impl std::fmt::Debug for Crew {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Crew({} threads)", self.threads)
    }
}

impl Hands for Crew {
    fn count(&self) -> usize {
        self.threads.max(1)
    }
    fn for_chunks(&self, chunks: usize, body: &(dyn Fn(usize) + Sync)) {
        scoped::for_chunks(self, chunks, body);
    }
}

/// See [`Crew::lend_place`].
pub(super) struct Lent<'a> {
    crew: &'a Crew,
    lends: bool,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.crew.state.lock().guests += usize::from(self.lends);
    }
}

/// The threads. Dropped, they end their jobs and are joined: not to be dropped by one of them.
pub(crate) struct Workers {
    crew: Arc<Crew>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Workers {
    /// Starts one thread for each of the crew's.
    ///
    /// # Errors
    /// The system's, if it cannot start one.
    pub(crate) fn start(crew: Crew) -> std::io::Result<Workers> {
        let mut workers = Workers { crew: Arc::new(crew), threads: Vec::new() };
        for k in 0..workers.crew.threads {
            let crew = workers.crew.clone();
            let builder = std::thread::Builder::new().name(format!("legate-{k}"));
            workers.threads.push(builder.spawn(move || crew.live())?);
        }
        Ok(workers)
    }

    /// What they share.
    pub(crate) fn crew(&self) -> &Arc<Crew> {
        &self.crew
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.crew.stop();
        for thread in self.threads.drain(..) {
            // Jobs catch panics; a worker that died all the same has nothing to give back.
            let _ = thread.join();
        }
    }
}

#[cfg(all(test, loom))]
mod models;
#[cfg(all(test, not(loom)))]
mod tests;
