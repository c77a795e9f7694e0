//! By how much the front end is ahead of its values: see [`Ahead`].

use super::LaunchRequest;
use crate::geometry::Rect;
use crate::id::FieldId;
use crate::mapping::{Ahead, STREAM_NS_PER_BYTE};
use crate::operation::{Operand, Privilege, Registry};

/// Launches since values were last asked for.
#[derive(Debug, Default)]
pub(super) struct Lead {
    cost_ns: f64,
    /// Results of the window that may yet be joined with what is made of them, and their bytes.
    fusible: Vec<(FieldId, u64)>,
}

impl Lead {
    /// One more. Bodies that are joined are taken to be bound by memory: what they compute is known only of the joined body. What a body reads
    /// that joins with no other must be in memory for it, whether one waits or not. `element`: bytes of a field's elements.
    pub(super) fn add(
        &mut self,
        request: &LaunchRequest,
        domain: &Rect,
        registry: &Registry,
        element: impl Fn(FieldId) -> u64,
    ) {
        let bytes = |operand: &Operand| {
            let used = (0..domain.rank()).filter(|&d| operand.access.uses(d));
            used.map(|d| (domain.hi[d] - domain.lo[d]) as u64).fold(element(operand.field), u64::saturating_mul)
        };
        let streamed_ns = request.operands.iter().map(bytes).sum::<u64>() as f64 * STREAM_NS_PER_BYTE;
        let task = registry.task(request.task);
        if task.composer().is_some() {
            self.cost_ns += streamed_ns;
            let stored = |o: &&Operand| matches!(o.privilege, Privilege::WriteDiscard | Privilege::ReadWrite);
            self.fusible.extend(request.operands.iter().filter(stored).map(|o| (o.field, bytes(o))));
        } else {
            let computed_ns = task.cost(&*request.args).ns_per_point * domain.volume() as f64;
            self.cost_ns += streamed_ns.max(computed_ns);
            self.fusible.retain(|(field, _)| request.operands.iter().all(|operand| operand.field != *field));
        }
    }

    /// Values are asked for, or the end of everything: what was issued before is taken to be done then.
    pub(super) fn caught_up(&mut self) {
        self.cost_ns = 0.0;
        self.fusible.clear();
    }

    /// The window is handed on: nothing joins with what is in it.
    pub(super) fn handed_on(&mut self) {
        self.fusible.clear();
    }

    pub(super) fn ahead(&self) -> Ahead {
        Ahead { cost_ns: self.cost_ns, fusible_bytes: self.fusible.iter().map(|(_, bytes)| bytes).sum() }
    }
}
