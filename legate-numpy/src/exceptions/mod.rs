//! Floating-point exceptions: what the front end wants to know of, and what operations have met, with the user's lines.
//!
//! What is wanted (`np.errstate`) is asked when an operation is issued. The operation is computed later, fused with others and in parts; whoever computes a part
//! and meets something notes it, and the front end takes what was noted when it next waits ([`Session::take_incidents`]). A line that meets the same
//! condition in many parts is noted once.
//!
//! Where processes share the work, a rank knows what its own parts have met. Front ends that run side by side must do the same, so they hear of it where all meet: at
//! fences, to which each brings what it has ([`legate_core::runtime::Notes`]).

mod incidents;
mod watch;

pub(crate) use incidents::Incidents;
pub(crate) use watch::{Asked, Watch};

use crate::session::Session;
use legate_core::Provenance;
use legate_kernels::engine::Met;
use legate_kernels::exceptions::Exceptions;
use legate_kernels::program::{Instr, Program};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::cell::Cell;
use std::sync::Arc;

/// What the front end wants to know of the operations that it issues now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// What is looked for.
    pub exceptions: Exceptions,
    /// What the front end will do about it: handed back with each incident, and of no meaning here.
    pub mode: u16,
}

/// Asked for what is wanted when an operation is issued, on the calling thread.
pub type ExceptionsSource = Arc<dyn Fn() -> Wanted + Send + Sync>;

/// What an operation has met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// The user's line that issued it.
    pub line: Provenance,
    /// NumPy's name for what was done: `"divide"`, `"cast"`, `"reduce"`.
    pub function: Cow<'static, str>,
    /// What of that which was wanted.
    pub met: Exceptions,
    /// The front end's: see [`Wanted::mode`].
    pub mode: u16,
}

thread_local! {
    /// What the calling thread does, where NumPy's warnings name that and not each step.
    static CALLED: Cell<Option<&'static str>> = const { Cell::new(None) };
}

/// Calls `call`; what it issues or computes is told of as `function`, for that is how NumPy does it. Within another such call, that one's name is told.
pub fn called<T>(function: &'static str, call: impl FnOnce() -> T) -> T {
    struct Restore(Option<&'static str>);
    impl Drop for Restore {
        fn drop(&mut self) {
            CALLED.set(self.0);
        }
    }
    let _restore = Restore(CALLED.replace(CALLED.get().or(Some(function))));
    call()
}

/// NumPy's name for a step of a program, as its warnings give it.
pub(crate) fn function_of(step: &Instr) -> &'static str {
    match step {
        Instr::Unary { op, .. } => op.name(),
        Instr::Binary { op, .. } => op.name(),
        Instr::Reduce { .. } => "reduce",
        _ => "cast",
    }
}

impl Session {
    /// Sets who says what is wanted; without it nothing is.
    pub fn set_exceptions_source(&self, source: ExceptionsSource) {
        *self.exceptions_source.write() = Some(source);
    }

    /// What of the operations that are issued now is wanted.
    pub(crate) fn wanted_exceptions(&self) -> Wanted {
        self.exceptions_source.read().as_ref().map_or_else(Wanted::default, |ask| ask())
    }

    /// A watch over an operation that `line` issues; `None` if nothing is wanted.
    pub(crate) fn watch(&self, line: &Provenance) -> Option<Arc<Watch>> {
        let wanted = self.wanted_exceptions();
        if wanted.exceptions.is_empty() {
            return None;
        }
        let function = CALLED.get().map(Cow::Borrowed);
        Some(Arc::new(Watch::new(Asked { wanted, line: line.clone(), function }, &self.incidents)))
    }

    /// Notes what a program has met that was computed at once.
    pub(crate) fn note_incidents(&self, program: &Program, met: &Met, wanted: Wanted) {
        for (step, met) in met {
            self.note(function_of(&program.instrs[*step as usize]), *met, wanted);
        }
    }

    /// Notes what an operation has met that was computed at once: by all front ends alike, so they know.
    pub(crate) fn note_small(&self, function: &'static str, met: Exceptions) {
        if !met.is_empty() {
            self.note(function, met, self.wanted_exceptions());
        }
    }

    fn note(&self, function: &'static str, met: Exceptions, wanted: Wanted) {
        let met = met & wanted.exceptions;
        if met.is_empty() {
            return;
        }
        let function = Cow::Borrowed(CALLED.get().unwrap_or(function));
        self.incidents.tell(Incident { line: self.provenance(), function, met, mode: wanted.mode });
    }

    /// Whether there is something to be taken.
    pub fn has_incidents(&self) -> bool {
        self.incidents.any()
    }

    /// What has been met by operations that are complete, and has not been taken before.
    pub fn take_incidents(&self) -> Vec<Incident> {
        self.incidents.take()
    }
}
