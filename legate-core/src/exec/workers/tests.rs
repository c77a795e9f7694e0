//! Jobs that nest, panic, come from many threads and while the workers sleep.

use super::*;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize as Counter};

fn workers(threads: usize, guests: usize) -> Workers {
    Workers::start(Crew::new(threads, guests)).expect("a few threads can be started")
}

/// Calls of each chunk.
fn counted(crew: &Crew, chunks: usize) -> Vec<usize> {
    let calls: Vec<Counter> = (0..chunks).map(|_| Counter::new(0)).collect();
    crew.for_chunks(chunks, &|k| {
        calls[k].fetch_add(1, Ordering::Relaxed);
    });
    calls.into_iter().map(Counter::into_inner).collect()
}

#[test]
fn every_chunk_is_done_once_awake_or_asleep() {
    for (threads, guests) in [(0, 0), (1, 1), (2, 1), (4, 1), (3, 0)] {
        let workers = workers(threads, guests);
        for round in 0..200 {
            assert_eq!(counted(workers.crew(), round % 7), vec![1; round % 7], "{threads} threads");
            if round % 50 == 0 {
                // Long enough for all to sleep.
                std::thread::sleep(5 * SPIN);
            }
        }
    }
}

#[test]
fn loops_inside_loops_and_from_several_threads() {
    let workers = workers(3, 1);
    let sum = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                workers.crew().for_chunks(8, &|k| {
                    workers.crew().for_chunks(k + 1, &|j| {
                        sum.fetch_add((10 * k + j) as u64, Ordering::Relaxed);
                    });
                });
            });
        }
    });
    let once: usize = (0..8).flat_map(|k| (0..=k).map(move |j| 10 * k + j)).sum();
    assert_eq!(sum.into_inner(), 4 * once as u64);
}

#[test]
fn a_panic_reaches_the_caller_and_nothing_borrowed_is_used_after() {
    let workers = workers(4, 0);
    for at in 0..50 {
        let running = Counter::new(0);
        let result = catch_unwind(AssertUnwindSafe(|| {
            workers.crew().for_chunks(50, &|k| {
                running.fetch_add(1, Ordering::SeqCst);
                if k == at {
                    std::panic::resume_unwind(Box::new(at));
                }
                running.fetch_sub(1, Ordering::SeqCst);
            });
        }));
        assert_eq!(*result.unwrap_err().downcast::<usize>().unwrap(), at);
        assert_eq!(running.into_inner(), 1, "all but the one that panicked have ended");
    }
}

/// A job that says on which threads its chunks ran.
struct Tasks {
    next: Counter,
    chunks: usize,
    for_guests: bool,
    ended: Counter,
}

impl Job for Tasks {
    fn take(&self, _crew: &Crew) -> bool {
        let taken = self.next.fetch_add(1, Ordering::Relaxed) < self.chunks;
        if taken {
            self.ended.fetch_add(1, Ordering::Release);
        }
        taken
    }
    fn waiting(&self) -> usize {
        self.chunks.saturating_sub(self.next.load(Ordering::Relaxed))
    }
    fn is_for_guests(&self) -> bool {
        self.for_guests
    }
}

fn publish(crew: &Crew, chunks: usize, for_guests: bool) -> Arc<Tasks> {
    let job = Arc::new(Tasks { next: Counter::new(0), chunks, for_guests, ended: Counter::new(0) });
    crew.publish(job.clone(), chunks);
    job
}

#[test]
fn published_jobs_are_done_by_workers_alone_and_kept_by_nobody() {
    let workers = workers(2, 1);
    for round in 0..100 {
        let job = publish(workers.crew(), 1 + round % 5, false);
        assert!(!workers.crew().help(), "it is not for guests");
        while job.ended.load(Ordering::Acquire) < job.chunks {
            std::hint::spin_loop();
        }
        if round % 20 == 0 {
            std::thread::sleep(10 * SPIN);
            assert_eq!(Arc::strong_count(&job), 1);
        }
    }
}

#[test]
fn a_guest_helps_and_only_with_what_is_for_it() {
    // No threads: whatever is done, the guest does.
    let crew = Crew::new(0, 1);
    publish(&crew, 2, false);
    let own = publish(&crew, 2, true);
    assert!(crew.help() && crew.help() && !crew.help());
    assert_eq!(own.ended.load(Ordering::Acquire), 2);
}

#[test]
fn workers_that_are_dropped_end_their_jobs() {
    let workers = workers(2, 1);
    let job = publish(workers.crew(), 1000, false);
    drop(workers);
    assert_eq!(job.ended.load(Ordering::Acquire), 1000);
}

#[test]
fn an_idle_crew_sleeps() {
    let workers = workers(4, 1);
    counted(workers.crew(), 100);
    std::thread::sleep(100 * SPIN);
    let state = workers.crew().state.lock();
    assert_eq!((state.asleep, state.told, state.open.len()), (4, 0, 0));
}

/// From the call of a loop until another thread has begun its second chunk and both have heard of each other.
/// `cargo test --release -p legate-core --lib hand_off -- --ignored --nocapture`
#[test]
#[ignore = "a measurement, not a check"]
#[allow(clippy::print_stdout, reason = "it measures and tells")]
fn hand_off() {
    let workers = workers(2, 1);
    for gap_us in [0, 10, 100, 1000, 10_000] {
        let rounds = if gap_us < 1000 { 2000 } else { 200 };
        let mut times: Vec<Duration> = (0..rounds).map(|_| meeting(workers.crew(), gap_us)).collect();
        times.sort();
        println!("after {gap_us} us: {:?} at the median, {:?} at the least", times[rounds / 2], times[0]);
    }
}

/// A loop of two chunks that meet, after doing nothing for a while.
fn meeting(crew: &Crew, gap_us: u64) -> Duration {
    std::thread::sleep(Duration::from_micros(gap_us));
    let begun = Counter::new(0);
    let start = Instant::now();
    crew.for_chunks(2, &|_| {
        begun.fetch_add(1, Ordering::AcqRel);
        while begun.load(Ordering::Acquire) < 2 {
            std::hint::spin_loop();
        }
    });
    start.elapsed()
}
