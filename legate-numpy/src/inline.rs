//! Whether an operation is computed at once on the calling thread, and the waiting for small values that makes it possible.
//!
//! A small operation that is deferred costs several times what its arithmetic does, and all that is computed from its result is deferred with it. So
//! where the front end is little ahead of its values, it waits for those that a small operation needs, and helps to compute them; then
//! a loop of small vectors and a product that is deferred runs the short way but for the product. The decision is a
//! function of the program (but for an interrupt, which ends it): of the sizes of arrays, of whether their values are at hand, and of the launches issued since values were last asked for
//! ([`legate_core::mapping::Ahead`]).

use crate::array::NdArray;
use crate::error::{Error, Result};
use crate::session::Session;
use legate_core::exec::HostBuffer;
use legate_core::mapping::{Ahead, Mapper};
use std::sync::Arc;

impl Session {
    /// Whether work on so many points and bytes is done now. `inputs`: whose values it needs; those that are still to come are waited for, or it is deferred.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub(crate) fn is_inline<'a>(
        &self,
        points: u64,
        bytes: u64,
        inputs: impl Iterator<Item = &'a NdArray>,
    ) -> Result<bool> {
        let Some(runtime) = self.runtime() else { return Ok(true) };
        if !self.mapper().inline(points, bytes, runtime.machine()) {
            return Ok(false);
        }
        let mut late = inputs.filter(|a| !a.is_ready()).peekable();
        if late.peek().is_none() {
            return Ok(true);
        }
        // Numbers that come of large arrays (norms, means) flow on unread into what is made of them: nothing waits for them before a loop's test does,
        // and the launches that they go into stay the same in each round.
        if points <= 1 || !self.mapper().catch_up(&runtime.ahead(), runtime.machine()) {
            return Ok(false);
        }
        for a in late {
            if !self.comes_to_hand(a)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether work that joins with no other is done now: the front end is little ahead of its values, even with so many nanoseconds more.
    pub(crate) fn is_soon(&self, cost_ns: f64) -> bool {
        self.runtime().is_some_and(|runtime| {
            let ahead = runtime.ahead();
            let ahead = Ahead { cost_ns: ahead.cost_ns + cost_ns, ..ahead };
            self.mapper().catch_up(&ahead, runtime.machine())
        })
    }

    /// The bytes of a base, which are waited for. Large ones are lent by the runtime and not kept. `None` if they are lost: that shows where the program reads what is made of them.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub(crate) fn bytes_soon(&self, a: &NdArray) -> Result<Option<Arc<HostBuffer>>> {
        if !a.is_ready() && a.base.nbytes() > self.small_bytes() {
            return unless_lost(self.waiting(|interrupted| self.fetch_whole(a, interrupted)));
        }
        Ok(self.comes_to_hand(a)?.then(|| a.host()))
    }

    /// Waits for the values of a small base. Not if they are lost: that shows where the program reads what is made of them.
    fn comes_to_hand(&self, a: &NdArray) -> Result<bool> {
        if a.is_ready() {
            return Ok(true);
        }
        if a.base.nbytes() > self.small_bytes() {
            return Ok(false);
        }
        Ok(unless_lost(self.waiting(|interrupted| self.fetch_base(a, interrupted)))?.is_some())
    }
}

/// What was waited for, if it came.
fn unless_lost<T>(value: Result<T>) -> Result<Option<T>> {
    match value {
        Ok(value) => Ok(Some(value)),
        Err(Error::Interrupted) => Err(Error::Interrupted),
        Err(_) => Ok(None),
    }
}
