//! A mapped group becomes nodes: messages, temporary instances, point tasks, the joining of partial results.

use super::Shard;
use crate::analysis::group::Group;
use crate::analysis::plan::{Fresh, LaunchPlan, OperandTransfer, Place};
use crate::error::Provenance;
use crate::exec::instance::PhysicalInstance;
use crate::geometry::Rect;
use crate::id::{FieldId, OpId};
use crate::operation::{Operand, Privilege, Task, TaskArgs};
use smallvec::SmallVec;
use std::sync::Arc;

/// The body of a group, fused or not, and which of the group's operands it touches in memory.
#[derive(Clone)]
pub(super) struct Body {
    pub(super) task: Arc<dyn Task>,
    pub(super) args: Arc<dyn TaskArgs>,
    /// For each operand of the body the group's. What is not among them lives in registers.
    pub(super) operands: SmallVec<[usize; 4]>,
    pub(super) provenance: Provenance,
    /// The first of the group.
    pub(super) operation: OpId,
    /// Nobody will see its results.
    pub(super) dead: bool,
}

/// A group while its nodes are made.
pub(super) struct Launching<'a> {
    pub(super) group: &'a Group,
    pub(super) plan: &'a LaunchPlan,
    pub(super) body: Body,
    /// For each of the group's operands: its instance; `None` if it has no points here or lives in registers.
    pub(super) instances: SmallVec<[Option<PhysicalInstance>; 4]>,
    /// Main instances that the launch reads and then leaves: fresh ones take their place.
    old: SmallVec<[PhysicalInstance; 1]>,
}

impl<'a> Launching<'a> {
    pub(super) fn new(group: &'a Group, plan: &'a LaunchPlan, body: Body) -> Launching<'a> {
        let instances = SmallVec::from_elem(None, group.operands.len());
        Launching { group, plan, body, instances, old: SmallVec::new() }
    }

    /// The field of an operand of the body.
    pub(super) fn field(&self, operand: usize) -> FieldId {
        self.group.operands[self.body.operands[operand]].field
    }

    /// The operands that the body has in memory and that have no instance yet, as the group counts.
    pub(super) fn missing(&self) -> SmallVec<[usize; 8]> {
        self.body.operands.iter().copied().filter(|k| self.instances[*k].is_none()).collect()
    }
}

impl Shard {
    /// Runs a planned group. `dies`: whether a field is not used again.
    pub(super) fn launch(&mut self, group: &Group, plan: &LaunchPlan, body: Body, dies: impl Fn(FieldId) -> bool) {
        let by = body.provenance.clone();
        plan.prepare.iter().for_each(|first| self.redistribute(first, &by));
        plan.sends.iter().for_each(|send| self.send(&send.transfer, &by));
        let mut launching = Launching::new(group, plan, body);
        self.reuse_dying(&mut launching, |read, _| dies(read));
        self.place(&mut launching);
        self.place_fresh(&mut launching);
        self.receive_operands(plan, &launching.instances, &by);
        // Messages go as planned, whatever one shard knows of handles on another.
        let runs = !launching.body.dead || plan.join.is_some();
        if let Some(folded) = runs.then(|| self.submit_points(&launching)).flatten() {
            self.join(&launching, folded);
        }
        self.drop_temporaries(plan, &launching.body.operands, &launching.instances);
        launching.old.iter().for_each(|old| self.graph.retire_instance(old));
    }

    /// Finds or makes an instance for each operand.
    fn place(&mut self, launching: &mut Launching<'_>) {
        let missing = launching.missing();
        let Launching { group, plan, body, instances, .. } = launching;
        self.place_operands(group, plan, &missing, instances, &body.provenance);
    }

    /// Finds or makes instances for the operands `missing` of a planned group.
    pub(super) fn place_operands(
        &mut self,
        group: &Group,
        plan: &LaunchPlan,
        missing: &[usize],
        instances: &mut [Option<PhysicalInstance>],
        by: &Provenance,
    ) {
        for &k in missing {
            let operand = &group.operands[k];
            instances[k] = match &plan.places[k] {
                Place::Main(rect) => {
                    let overwritten = self.overwrites(group, operand);
                    self.place_main(operand, rect, overwritten, group.fresh.contains(&k), by);
                    None
                }
                Place::Temporary { rect, local } => {
                    let (element, field) = (self.field(operand.field).1, operand.field);
                    let temporary = self.allocate(rect, element, by);
                    for piece in local {
                        let main = self.main_or_fresh(field, piece, by);
                        self.copy_rect(&main, &temporary, piece, by);
                    }
                    Some(temporary)
                }
            };
        }
        for OperandTransfer { operand, transfer } in &plan.recvs {
            if let Place::Main(_) = plan.places[*operand] {
                self.unshare(transfer.field, false, by);
            }
        }
        // Only now: one field may be several operands, and its instance may have grown with each.
        for &k in missing {
            if instances[k].is_none() {
                instances[k] = self.main(group.operands[k].field).cloned();
            }
        }
    }

    /// `overwritten`: none of its values need be kept. `fresh`: it is not this instance that will be written.
    pub(super) fn place_main(
        &mut self,
        operand: &Operand,
        rect: &Rect,
        overwritten: bool,
        fresh: bool,
        by: &Provenance,
    ) {
        self.cover(operand.field, &self.needed(operand, rect), overwritten, by);
        if operand.privilege.writes() && !fresh {
            self.unshare(operand.field, overwritten, by);
        }
    }

    /// What a main instance must cover for an operand that touches `rect`.
    pub(super) fn needed(&self, operand: &Operand, rect: &Rect) -> Rect {
        // What the shard owns after the launch, not only what this launch touches: else a field written bit by bit would grow with each.
        if rect == self.field(operand.field).0 {
            return rect.clone();
        }
        rect.bounding(&self.states.extent(operand.field, self.me))
    }

    /// Gives a new main instance to each field that the group reads before it overwrites it.
    fn place_fresh(&mut self, launching: &mut Launching<'_>) {
        let by = launching.body.provenance.clone();
        let has_points = !launching.plan.points.is_empty();
        for Fresh { operand, keep } in &launching.plan.fresh {
            let in_memory = has_points && launching.body.operands.contains(operand);
            if let Some(old) = launching.instances[*operand].take_if(|_| in_memory) {
                let fresh = self.renew(launching.group.operands[*operand].field, &by);
                keep.iter().for_each(|rect| self.copy_rect(&old, &fresh, rect, &by));
                launching.instances[*operand] = Some(fresh);
                launching.old.push(old);
            }
        }
    }

    /// Whether the launch replaces all values of the operand's field, and reads none of them first.
    pub(super) fn overwrites(&self, group: &Group, operand: &Operand) -> bool {
        let reads = |other: &Operand| other.field == operand.field && other.privilege.reads();
        matches!(operand.privilege, Privilege::WriteDiscard | Privilege::Reduce(_))
            && operand.access.covers(&group.domain, self.field(operand.field).0)
            && !group.operands.iter().any(reads)
    }

    pub(super) fn receive_operands(
        &mut self,
        plan: &LaunchPlan,
        instances: &[Option<PhysicalInstance>],
        by: &Provenance,
    ) {
        for OperandTransfer { operand, transfer } in &plan.recvs {
            let instance = instances[*operand].as_ref().expect("what is received has a place");
            self.receive_into(transfer.peer, instance, &transfer.rect, by);
        }
    }

    /// `used`: operands that were given instances.
    pub(super) fn drop_temporaries(
        &mut self,
        plan: &LaunchPlan,
        used: &[usize],
        instances: &[Option<PhysicalInstance>],
    ) {
        let temporary = |k: &&usize| matches!(plan.places[**k], Place::Temporary { .. });
        for k in used.iter().filter(temporary) {
            if let Some(instance) = &instances[*k] {
                self.graph.retire_instance(instance);
            }
        }
    }
}
