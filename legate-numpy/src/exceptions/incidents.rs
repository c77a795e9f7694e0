//! What operations have met and the front end has not taken yet.

use super::Incident;
use legate_core::runtime::Notes;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// Incidents that nobody has taken yet.
#[derive(Debug, Default)]
pub(crate) struct Incidents {
    /// Whether other processes compute parts of the same arrays.
    are_shared: bool,
    /// What parts that were computed here have met, if the others are to be told.
    own: Mutex<Vec<Incident>>,
    /// Whether there is something to take: looked at without the lock, for nearly always there is nothing.
    any: AtomicBool,
    known: Mutex<Vec<Incident>>,
}

impl Incidents {
    /// `are_shared`: whether other processes compute parts of the same arrays. What a part has met is one rank's until all have met, and front ends that run side by side may not act on it
    /// before.
    pub(crate) fn new(are_shared: bool) -> Incidents {
        Incidents { are_shared, ..Incidents::default() }
    }

    /// A part of an operation has met something.
    pub(super) fn note(&self, incident: Incident) {
        match self.are_shared {
            true => join(&mut self.own.lock(), incident),
            false => self.tell(incident),
        }
    }

    /// An operation has met something, as all ranks know.
    pub(super) fn tell(&self, incident: Incident) {
        join(&mut self.known.lock(), incident);
        self.any.store(true, Ordering::Release);
    }

    pub(super) fn any(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    /// Files by their names, lines from top to bottom; what one line has met in the order in which that was known.
    pub(super) fn take(&self) -> Vec<Incident> {
        if !self.any() {
            return Vec::new();
        }
        let mut known = self.known.lock();
        self.any.store(false, Ordering::Release);
        let mut taken = std::mem::take(&mut *known);
        taken.sort_by(|a, b| (&a.line.file, a.line.line).cmp(&(&b.line.file, b.line.line)));
        taken
    }
}

/// A line that meets something in many parts, or many times, has met it once. So their number is bounded by the program's text.
fn join(incidents: &mut Vec<Incident>, incident: Incident) {
    let is_same = |old: &&mut Incident| {
        old.line == incident.line && old.function == incident.function && old.mode == incident.mode
    };
    match incidents.iter_mut().find(is_same) {
        Some(old) => old.met |= incident.met,
        None => incidents.push(incident),
    }
}

impl Notes for Incidents {
    fn bring(&self) -> Vec<u8> {
        let own = std::mem::take(&mut *self.own.lock());
        if own.is_empty() { Vec::new() } else { postcard::to_allocvec(&own).expect("incidents are plain data") }
    }

    fn hear(&self, said: &[Vec<u8>]) {
        for bytes in said {
            // All ranks run one version of this library, else they would not have joined.
            let incidents: Vec<Incident> = postcard::from_bytes(bytes).unwrap_or_default();
            incidents.into_iter().for_each(|incident| self.tell(incident));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use legate_core::Provenance;
    use legate_kernels::exceptions::Exceptions;

    fn incident(line: u32, met: Exceptions) -> Incident {
        let line = Provenance { file: "test.py".into(), line };
        Incident { line, function: "divide".into(), met, mode: 0 }
    }

    #[test]
    fn a_line_is_told_once_with_all_that_it_has_met() {
        let incidents = Incidents::default();
        incidents.note(incident(4, Exceptions::DIVIDE));
        incidents.note(incident(3, Exceptions::OVERFLOW));
        incidents.note(incident(4, Exceptions::INVALID));
        let both = Exceptions::DIVIDE | Exceptions::INVALID;
        assert_eq!(incidents.take(), [incident(3, Exceptions::OVERFLOW), incident(4, both)]);
        assert!(incidents.take().is_empty() && !incidents.any());
    }

    #[test]
    fn ranks_take_what_all_have_brought() {
        let ranks = [(); 3].map(|()| Incidents::new(true));
        ranks[2].note(incident(5, Exceptions::DIVIDE));
        ranks[0].note(incident(5, Exceptions::DIVIDE));
        ranks[0].note(incident(6, Exceptions::INVALID));
        assert!(ranks.iter().all(|rank| rank.take().is_empty()), "nobody knows alone");
        let said: Vec<Vec<u8>> = ranks.iter().map(Notes::bring).filter(|said| !said.is_empty()).collect();
        assert_eq!(said.len(), 2);
        for rank in &ranks {
            rank.hear(&said);
            assert_eq!(rank.take(), [incident(5, Exceptions::DIVIDE), incident(6, Exceptions::INVALID)]);
            assert!(rank.bring().is_empty(), "what was brought is not brought again");
        }
    }
}
