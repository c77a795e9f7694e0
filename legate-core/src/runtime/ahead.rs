//! By how much the front end is ahead of its values: see [`Ahead`].

use super::LaunchRequest;
use super::stream::Stream;
use crate::geometry::Rect;
use crate::mapping::{Ahead, STREAM_NS_PER_BYTE};
use crate::operation::{Operand, Privilege, Registry};

/// What a launch adds. Bodies that are joined are taken to be bound by memory: what they compute is known only of the joined body.
pub(super) fn of_launch(request: &LaunchRequest, domain: &Rect, registry: &Registry, stream: &Stream) -> Ahead {
    let bytes = |operand: &Operand| {
        let used = (0..domain.rank()).filter(|&d| operand.access.uses(d)).map(|d| (domain.hi[d] - domain.lo[d]) as u64);
        let element = stream.field(operand.field).map_or(0, |create| u64::from(create.size));
        used.fold(element, u64::saturating_mul)
    };
    let task = registry.task(request.task);
    let fuses = task.composer().is_some();
    let stored = |operand: &&Operand| matches!(operand.privilege, Privilege::WriteDiscard | Privilege::ReadWrite);
    let streamed_ns = request.operands.iter().map(bytes).sum::<u64>() as f64 * STREAM_NS_PER_BYTE;
    let computed_ns = if fuses { 0.0 } else { task.cost(&*request.args).ns_per_point * domain.volume() as f64 };
    Ahead {
        cost_ns: streamed_ns.max(computed_ns),
        fusible_bytes: if fuses { request.operands.iter().filter(stored).map(bytes).sum() } else { 0 },
    }
}
