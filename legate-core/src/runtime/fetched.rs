//! Values on their way to the front end.

use crate::error::{Error, Result, TaskFailure};
use crate::exec::{Executor, Helped, HostBuffer, POLL};
use crate::transport::Transport;
use parking_lot::{Condvar, Mutex};
use std::sync::Arc;

/// Looks for messages before a thread sleeps.
const LOOKS: usize = 300;

/// A value that will come.
#[must_use = "a fetch has flushed the window and moves the values; not to wait for them wastes that"]
pub struct Fetched {
    slot: Arc<FetchSlot>,
    /// Who makes the values, if that is a thread's work in which a waiting thread may help.
    executor: Option<Executor>,
    /// How values of other processes come.
    transport: Option<Arc<dyn Transport>>,
}

/// Where the shard that fetches leaves the values.
#[derive(Debug, Default)]
pub(crate) struct FetchSlot {
    value: Mutex<Option<Result<Arc<HostBuffer>, TaskFailure>>>,
    came: Condvar,
}

impl FetchSlot {
    /// Leaves the values, or why there are none. The first answer counts.
    pub(crate) fn set(&self, value: Result<Arc<HostBuffer>, TaskFailure>) {
        self.value.lock().get_or_insert(value);
        self.came.notify_all();
    }

    /// Until the values come, or it is time to ask about an interrupt: then `true`.
    fn sleep(&self) -> bool {
        let mut value = self.value.lock();
        value.is_none() && self.came.wait_for(&mut value, POLL).timed_out()
    }
}

impl Fetched {
    pub(crate) fn new(
        slot: Arc<FetchSlot>,
        executor: Option<Executor>,
        transport: Option<Arc<dyn Transport>>,
    ) -> Fetched {
        Fetched { slot, executor, transport }
    }

    /// Values that are there already.
    pub(crate) fn ready(values: HostBuffer) -> Fetched {
        let slot = FetchSlot::default();
        slot.set(Ok(Arc::new(values)));
        Fetched::new(Arc::new(slot), None, None)
    }

    /// Whether [`Fetched::wait`] would return at once.
    pub fn is_ready(&self) -> bool {
        self.slot.value.lock().is_some()
    }

    /// Waits for the values of the fetched store, row-major, and helps to compute them.
    ///
    /// `interrupted` is asked about every 50 ms; if it says yes, the wait (not the work) is given up.
    ///
    /// # Errors
    /// [`Error::Task`] if the values are poisoned or a rank is lost, [`Error::Interrupted`].
    pub fn wait(self, interrupted: &dyn Fn() -> bool) -> Result<Arc<HostBuffer>> {
        loop {
            if self.attend(interrupted) == Helped::GivenUp {
                return Err(Error::Interrupted);
            }
            if let Some(value) = self.slot.value.lock().take() {
                return value.map_err(Error::Task);
            }
            if self.look_around() {
                continue;
            }
            let timed_out = match &self.executor {
                Some(executor) => executor.away(|| self.slot.sleep()),
                None => self.slot.sleep(),
            };
            if timed_out && interrupted() {
                return Err(Error::Interrupted);
            }
            if let Some(failure) = self.transport.as_ref().filter(|_| timed_out).and_then(|ranks| ranks.failure()) {
                return Err(Error::Task(failure));
            }
        }
    }

    /// Whether the values are here, once what has come from other processes is taken in.
    fn has_come(&self) -> bool {
        if let Some(ranks) = &self.transport {
            ranks.progress();
        }
        self.is_ready()
    }

    /// Takes in messages for a while, if there are other processes: what comes is here sooner than a sleeping thread is awake. Whether the values have come.
    fn look_around(&self) -> bool {
        let Some(ranks) = &self.transport else { return false };
        for _ in 0..LOOKS {
            if self.is_ready() {
                return true;
            }
            if !ranks.progress() {
                std::thread::yield_now();
            }
        }
        self.is_ready()
    }

    fn attend(&self, interrupted: &dyn Fn() -> bool) -> Helped {
        match &self.executor {
            Some(executor) => executor.help(&|| self.has_come(), interrupted),
            None => Helped::InVain,
        }
    }
}
