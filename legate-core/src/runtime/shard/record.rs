//! What a window became, noted for reports. Costs nothing while nobody collects.

use super::{Shard, Window};
use crate::analysis::fuse::why::{Apart, apart};
use crate::analysis::group::Group;
use crate::analysis::plan::LaunchPlan;
use crate::error::Provenance;
use crate::id::{OpId, ShardId};
use crate::operation::{Launch, Operation};
use crate::profile::{GroupRecord, Member, Record};
use std::collections::BTreeMap;

/// For each launch that begins a group: why. Empty while nobody collects.
pub(super) type Reasons = BTreeMap<OpId, Apart>;

impl Shard {
    /// Notes a window. One shard does: fusion is the same on all.
    pub(super) fn explain(&self, window: &Window) -> Reasons {
        if self.me != ShardId(0) || !self.common.profiler.is_enabled() {
            return Reasons::new();
        }
        let operations = &window.operations;
        let does = |operation: &&Operation| !matches!(operation, Operation::Create(_) | Operation::Fence(_));
        let count = operations.iter().filter(does).count();
        if count > 0 {
            let (ended_by, line) = end(operations.last());
            self.common.profiler.record(|| Record::Window { operations: count, ended_by, line });
        }
        apart(operations, &self.states, &self.common.registry, self.common.fuse)
    }

    /// What is to be told of a group. `stored`: its operands that are in memory; `dead`: nobody can see its results.
    pub(super) fn record(
        &self,
        (group, plan): (&Group, &LaunchPlan),
        window: &[Operation],
        (stored, dead): (&[usize], bool),
        reasons: &Reasons,
    ) -> Record {
        let member = |launch: &Launch| Member {
            name: self.common.registry.task(launch.task).label(&*launch.args),
            provenance: launch.provenance.clone(),
        };
        let first = group.launches(window).next().expect("a group has members");
        let unstored = (0..group.operands.len()).filter(|k| !stored.contains(k));
        let bytes = |k: usize| {
            let operand = &group.operands[k];
            operand.access.image(&group.domain).volume() * self.field(operand.field).1 as u64
        };
        Record::Group(GroupRecord {
            operation: first.id,
            members: group.launches(window).map(member).collect(),
            shape: group.domain.shape().to_vec(),
            own_points: plan.points.iter().map(|point| point.rect.volume()).sum(),
            unstored: unstored.clone().count(),
            unstored_bytes: unstored.map(bytes).sum(),
            dead,
            apart: reasons.get(&first.id).map_or_else(String::new, |apart| apart.reason.to_string()),
            apart_from: reasons.get(&first.id).and_then(|apart| line_of(apart.from?, window)),
        })
    }
}

fn line_of(id: OpId, window: &[Operation]) -> Option<Provenance> {
    window.iter().find_map(|operation| match operation {
        Operation::Launch(launch) if launch.id == id => Some(launch.provenance.clone()),
        _ => None,
    })
}

fn end(last: Option<&Operation>) -> (&'static str, Option<Provenance>) {
    match last {
        Some(Operation::Fetch(fetch)) => ("a value was read", Some(fetch.provenance.clone())),
        Some(Operation::Fence(_)) => ("the program waited", None),
        _ => ("it was full", None),
    }
}
