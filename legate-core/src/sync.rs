//! The primitives under the event graph and the workers, either real or of the model checker loom (`RUSTFLAGS="--cfg loom"`).

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicUsize, Ordering};
#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicUsize, Ordering};

/// What [`Lock::lock`] gives.
#[cfg(not(loom))]
pub(crate) type Guard<'a, T> = parking_lot::MutexGuard<'a, T>;
/// What [`Lock::lock`] gives.
#[cfg(loom)]
pub(crate) type Guard<'a, T> = loom::sync::MutexGuard<'a, T>;

/// A lock without poisoning.
#[derive(Debug, Default)]
#[cfg(not(loom))]
pub(crate) struct Lock<T>(parking_lot::Mutex<T>);

#[cfg(not(loom))]
impl<T> Lock<T> {
    pub(crate) fn new(value: T) -> Lock<T> {
        Lock(parking_lot::Mutex::new(value))
    }
    pub(crate) fn lock(&self) -> Guard<'_, T> {
        self.0.lock()
    }
}

/// The model checker's lock.
#[derive(Debug)]
#[cfg(loom)]
pub(crate) struct Lock<T>(loom::sync::Mutex<T>);

#[cfg(loom)]
impl<T> Lock<T> {
    pub(crate) fn new(value: T) -> Lock<T> {
        Lock(loom::sync::Mutex::new(value))
    }
    pub(crate) fn lock(&self) -> Guard<'_, T> {
        self.0.lock().expect("a model that panics has failed already")
    }
}

/// A condition variable.
#[derive(Debug, Default)]
#[cfg(not(loom))]
pub(crate) struct Signal(parking_lot::Condvar);

#[cfg(not(loom))]
impl Signal {
    pub(crate) fn new() -> Signal {
        Signal::default()
    }
    pub(crate) fn wait<'a, T>(&self, mut guard: Guard<'a, T>) -> Guard<'a, T> {
        self.0.wait(&mut guard);
        guard
    }
    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }
    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }
}

/// The model checker's condition variable.
#[derive(Debug)]
#[cfg(loom)]
pub(crate) struct Signal(loom::sync::Condvar);

#[cfg(loom)]
impl Signal {
    pub(crate) fn new() -> Signal {
        Signal(loom::sync::Condvar::new())
    }
    pub(crate) fn wait<'a, T>(&self, guard: Guard<'a, T>) -> Guard<'a, T> {
        self.0.wait(guard).expect("a model that panics has failed already")
    }
    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }
    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }
}
