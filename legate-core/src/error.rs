//! What can go wrong, by kind of cause.

use std::sync::Arc;

/// Where in the user's program an operation was issued.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
pub struct Provenance {
    /// Source file, as the front end names it. Empty if unknown.
    pub file: Arc<str>,
    /// Line, counted from 1; 0 if unknown.
    pub line: u32,
}

impl std::fmt::Display for Provenance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.line == 0 { f.write_str("<unknown>") } else { write!(f, "{}:{}", self.file, self.line) }
    }
}

/// Why a task, and everything computed from it, has no result. Cheap to clone: it travels along true dependences.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("task '{}' issued at {} failed{}: {}", .0.task, .0.provenance, Place(.0.rank), .0.message)]
pub struct TaskFailure(pub Arc<FailureReport>);

impl TaskFailure {
    /// Of a task of this name, issued there.
    pub fn new(
        task: impl Into<String>,
        provenance: &Provenance,
        kind: FailureKind,
        message: impl Into<String>,
    ) -> TaskFailure {
        let (task, message) = (task.into(), message.into());
        TaskFailure(Arc::new(FailureReport { task, provenance: provenance.clone(), message, kind, rank: None }))
    }

    /// As others hear of it from `rank`, if it has not come from yet another one.
    pub(crate) fn on(self, rank: u32) -> TaskFailure {
        match self.0.rank {
            Some(_) => self,
            None => TaskFailure(Arc::new(FailureReport { rank: Some(rank), ..(*self.0).clone() })),
        }
    }

    /// Orders failures by the program's text: a choice between several is the same on every shard.
    pub(crate) fn key(&self) -> (&str, u32, &str, &str, Option<u32>) {
        (&self.0.provenance.file, self.0.provenance.line, &self.0.task, &self.0.message, self.0.rank)
    }
}

/// The contents of a [`TaskFailure`].
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FailureReport {
    /// The failed task's name.
    pub task: String,
    /// The user's line that issued it.
    pub provenance: Provenance,
    /// Panic message, or the task's own error.
    pub message: String,
    /// What kind of failure, so that a front end can raise its own exception type.
    pub kind: FailureKind,
    /// The process where it has failed, if another one tells of it.
    pub rank: Option<u32>,
}

/// Where a task has failed, in words.
struct Place(Option<u32>);

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.map_or(Ok(()), |rank| write!(f, " on rank {rank}"))
    }
}

/// Kinds of run-time failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum FailureKind {
    /// The task body panicked.
    Panic,
    /// The task body returned an error.
    Error,
    /// An instance could not be allocated.
    OutOfMemory,
    /// A shard or the transport was lost.
    Transport,
    /// Ranks that were to run one program run several.
    Divergence,
}

/// Errors of core's calls.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A result that was waited for is poisoned.
    #[error(transparent)]
    Task(#[from] TaskFailure),
    /// The request contradicts itself (a library's bug, told before anything is enqueued).
    #[error("invalid operation: {0}")]
    Invalid(String),
    /// Bytes or text that do not describe an operation.
    #[error("cannot decode: {0}")]
    Decode(String),
    /// A wait was given up (see `Runtime::wait`'s interrupt hook).
    #[error("interrupted")]
    Interrupted,
}

/// Core's result type.
pub type Result<T, E = Error> = std::result::Result<T, E>;
