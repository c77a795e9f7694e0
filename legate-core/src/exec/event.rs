//! Events: something that will have happened, well or not. Gates: something that waits for several events.
//!
//! A producer triggers its [`Event`] once, with an [`Outcome`]. A consumer has a [`Gate`], counts it up once for each event that
//! it subscribes to, and passes it when the count is down to zero. A failed event poisons the gates
//! behind *true* dependences; behind an *anti* dependence only the moment counts.
//!
//! # Ordering
//! Whatever a producer did before `trigger` happens before whatever a consumer does after its gate opened: the event's
//! lock orders the two when the event was already triggered, the gate's counter (acquire/release) otherwise.

use crate::error::TaskFailure;
use crate::sync::{AtomicUsize, Lock, Ordering};
use smallvec::SmallVec;

/// How something ended.
pub(crate) type Outcome = Result<(), TaskFailure>;

/// See the module's documentation. `W` is what is woken.
#[derive(Debug)]
pub(crate) struct Event<W>(Lock<State<W>>);

#[derive(Debug)]
enum State<W> {
    Pending(SmallVec<[W; 2]>),
    Over(Outcome),
}

impl<W> Event<W> {
    pub(crate) fn new() -> Event<W> {
        Event(Lock::new(State::Pending(SmallVec::new())))
    }

    /// The outcome, if there is one.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        match &*self.0.lock() {
            State::Pending(_) => None,
            State::Over(outcome) => Some(outcome.clone()),
        }
    }

    /// If the outcome is still open, keeps `waiter()` for [`Event::trigger`] to return; else says how it ended.
    pub(crate) fn subscribe(&self, waiter: impl FnOnce() -> W) -> Option<Outcome> {
        match &mut *self.0.lock() {
            State::Pending(waiters) => {
                waiters.push(waiter());
                None
            }
            State::Over(outcome) => Some(outcome.clone()),
        }
    }

    /// Ends it, once, and returns who has subscribed.
    pub(crate) fn trigger(&self, outcome: Outcome) -> SmallVec<[W; 2]> {
        match std::mem::replace(&mut *self.0.lock(), State::Over(outcome)) {
            State::Pending(waiters) => waiters,
            State::Over(_) => unreachable!("an event is triggered once"),
        }
    }
}

/// Counts what is still to come, and keeps the failure that came along a true dependence.
#[derive(Debug)]
pub(crate) struct Gate {
    missing: AtomicUsize,
    poison: Lock<Option<TaskFailure>>,
}

impl Gate {
    /// Closed: one arrival is missing (the one that says that all subscriptions are made).
    pub(crate) fn new() -> Gate {
        Gate { missing: AtomicUsize::new(1), poison: Lock::new(None) }
    }

    /// One more arrival is needed. Only while an arrival that the caller controls is missing.
    pub(crate) fn expect_one_more(&self) {
        // Relaxed: the caller's own missing arrival keeps the count above zero and comes later in program order.
        self.missing.fetch_add(1, Ordering::Relaxed);
    }

    /// Something came. Returns whether it was the last: exactly one caller is told so, and it must act on it.
    pub(crate) fn arrive(&self) -> bool {
        self.missing.fetch_sub(1, Ordering::AcqRel) == 1
    }

    /// Whether the last arrival has come.
    pub(crate) fn is_open(&self) -> bool {
        self.missing.load(Ordering::Acquire) == 0
    }

    /// Remembers a failure, before the arrival that brings it. Of several, the same one stays whatever their order:
    /// the first in the order of the program's lines.
    pub(crate) fn poison(&self, failure: &TaskFailure) {
        let mut poison = self.poison.lock();
        if poison.as_ref().is_none_or(|kept| failure.key() < kept.key()) {
            *poison = Some(failure.clone());
        }
    }

    /// The failure that came, once the gate is open.
    pub(crate) fn poisoned(&self) -> Option<TaskFailure> {
        self.poison.lock().clone()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::error::{FailureKind, FailureReport, Provenance};
    use std::sync::Arc;

    fn failure(line: u32) -> TaskFailure {
        let provenance = Provenance { file: "a.py".into(), line };
        let report =
            FailureReport { task: "t".into(), provenance, message: "m".into(), kind: FailureKind::Error, rank: None };
        TaskFailure(Arc::new(report))
    }

    #[test]
    fn subscribers_before_the_trigger_are_returned_and_later_ones_told() {
        let event = Event::new();
        assert_eq!(event.subscribe(|| 1), None);
        assert_eq!(event.outcome(), None);
        assert_eq!(event.trigger(Err(failure(3))).as_slice(), [1]);
        assert_eq!(event.subscribe(|| 2), Some(Err(failure(3))));
    }

    #[test]
    fn the_earliest_lines_failure_stays_whatever_the_order() {
        for order in [[4, 2, 9], [9, 4, 2], [2, 9, 4]] {
            let gate = Gate::new();
            order.iter().for_each(|&line| gate.poison(&failure(line)));
            assert_eq!(gate.poisoned(), Some(failure(2)));
        }
    }
}

/// Run with `RUSTFLAGS="--cfg loom" cargo test -p legate-core --lib --release loom_`.
#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use crate::error::{FailureKind, FailureReport, Provenance};
    use loom::sync::Arc;

    fn failure() -> TaskFailure {
        let (task, message) = ("t".into(), "m".into());
        let report =
            FailureReport { task, provenance: Provenance::default(), message, kind: FailureKind::Error, rank: None };
        TaskFailure(std::sync::Arc::new(report))
    }

    /// What a producer does at its end: triggers, and brings the news to each subscriber. Returns how many gates it opened.
    fn finish(event: &Event<Arc<Gate>>, outcome: Outcome) -> usize {
        let waiters = event.trigger(outcome.clone());
        waiters
            .iter()
            .filter(|gate| {
                if let Err(failure) = &outcome {
                    gate.poison(failure);
                }
                gate.arrive()
            })
            .count()
    }

    /// What a consumer does at its beginning. Returns whether its gate is open at once.
    fn submit(events: &[Arc<Event<Arc<Gate>>>], gate: &Arc<Gate>) -> bool {
        for event in events {
            gate.expect_one_more();
            if let Some(outcome) = event.subscribe(|| gate.clone()) {
                if let Err(failure) = outcome {
                    gate.poison(&failure);
                }
                assert!(!gate.arrive(), "the submitter's own arrival is missing");
            }
        }
        gate.arrive()
    }

    #[test]
    fn loom_a_gate_behind_two_events_opens_once_and_sees_the_poison() {
        loom::model(|| {
            let events = [Arc::new(Event::new()), Arc::new(Event::new())];
            let gate = Arc::new(Gate::new());
            let (first, second) = (events[0].clone(), events[1].clone());
            let well = loom::thread::spawn(move || finish(&first, Ok(())));
            let ill = loom::thread::spawn(move || finish(&second, Err(failure())));
            let opened = usize::from(submit(&events, &gate));
            let opened = opened + well.join().unwrap() + ill.join().unwrap();
            assert_eq!(opened, 1);
            assert_eq!(gate.poisoned(), Some(failure()));
        });
    }
}
