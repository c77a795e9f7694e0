//! The hand-off under the model checker, which tries the interleavings of a worker and a thread that gives it work.
//! Run with `RUSTFLAGS="--cfg loom" cargo test -p legate-core --lib --release loom_`.

use super::*;
use loom::sync::atomic::AtomicUsize as Counter;

/// Checks all interleavings with at most two preemptions: all would be too many, and more have never been needed to show a lost wake-up.
fn model(check: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(check);
}

fn crew(threads: usize, guests: usize) -> (Arc<Crew>, loom::thread::JoinHandle<()>) {
    let crew = Arc::new(Crew::new(threads, guests));
    let own = crew.clone();
    (crew, loom::thread::spawn(move || own.live()))
}

#[test]
fn loom_a_loop_ends_with_all_chunks_done_and_its_body_unused_after() {
    model(|| {
        let (crew, worker) = crew(2, 1);
        let calls = [Counter::new(0), Counter::new(0)];
        crew.for_chunks(2, &|k| {
            calls[k].fetch_add(1, Ordering::Relaxed);
        });
        // With plain reads: the loop's end orders the calls before them, or the model fails.
        let calls = calls.map(|mut calls| calls.with_mut(|calls| *calls));
        assert_eq!(calls, [1, 1]);
        crew.stop();
        worker.join().unwrap();
    });
}

/// A job of one chunk, for workers only.
struct Once {
    next: Counter,
    done: Lock<bool>,
    told: Signal,
}

impl Once {
    fn publish(crew: &Crew) -> Arc<Once> {
        let job = Arc::new(Once { next: Counter::new(0), done: Lock::new(false), told: Signal::new() });
        crew.publish(job.clone(), 1);
        job
    }
    /// For ever, if the worker sleeps: the model checker would call that a deadlock.
    fn wait(&self) {
        let mut done = self.done.lock();
        while !*done {
            done = self.told.wait(done);
        }
    }
}

impl Job for Once {
    fn take(&self, _crew: &Crew) -> bool {
        let taken = self.next.fetch_add(1, Ordering::Relaxed) == 0;
        if taken {
            *self.done.lock() = true;
            self.told.notify_one();
        }
        taken
    }
    fn waiting(&self) -> usize {
        usize::from(self.next.load(Ordering::Relaxed) == 0)
    }
    fn is_for_guests(&self) -> bool {
        false
    }
}

#[test]
fn loom_no_job_is_slept_through() {
    model(|| {
        let (crew, worker) = crew(2, 1);
        Once::publish(&crew).wait();
        Once::publish(&crew).wait();
        crew.stop();
        worker.join().unwrap();
    });
}

#[test]
fn loom_who_sleeps_lends_its_place() {
    model(|| {
        // Two guests take both places: no worker may be woken for the job before one of them lends its own.
        let (crew, worker) = crew(2, 2);
        let job = Once::publish(&crew);
        let lent = crew.lend_place();
        job.wait();
        drop(lent);
        crew.stop();
        worker.join().unwrap();
    });
}
