//! What is wanted of one issued operation, which travels with it to whoever computes its parts.

use super::{Incident, Incidents, Wanted};
use legate_core::Provenance;
use legate_kernels::exceptions::Exceptions;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::sync::Arc;

/// What is wanted of an operation. The same for all operations of a line, so that windows which come again are recognised.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Asked {
    pub(crate) wanted: Wanted,
    pub(crate) line: Provenance,
    /// NumPy's name for what was called, if that is told and not what each step is.
    pub(super) function: Option<Cow<'static, str>>,
}

/// What is wanted of an operation, and where to note what it meets.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    pub(crate) asked: Asked,
    incidents: Arc<Incidents>,
}

impl Watch {
    pub(crate) fn new(asked: Asked, incidents: &Arc<Incidents>) -> Watch {
        Watch { asked, incidents: Arc::clone(incidents) }
    }

    /// Notes that something was met by what NumPy calls `function`.
    pub(crate) fn note(&self, function: &'static str, met: Exceptions) {
        let Asked { wanted, line, function: called } = &self.asked;
        let met = met & wanted.exceptions;
        if !met.is_empty() {
            let function = called.clone().unwrap_or(Cow::Borrowed(function));
            self.incidents.note(Incident { line: line.clone(), function, met, mode: wanted.mode });
        }
    }

    /// Whether the same is wanted for the same line: a plan that is used again notes what it meets where the operations that it was made of stand.
    pub(crate) fn is_same(&self, other: &Watch) -> bool {
        self.asked == other.asked
    }
}
