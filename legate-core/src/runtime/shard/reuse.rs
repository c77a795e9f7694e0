//! Memory that is read for the last time becomes the memory of what is made of it.
//!
//! `x = x - 0.5` needs no second array, nor does `a + b` if one of the two dies there: the new field takes the old one's instance over, under the same name, so
//! that the dependence tracker orders it after everything that has used it. It is a matter of memory on one shard; plans know nothing of it. If whoever holds the
//! old instance is not only the runtime, or if it is smaller than needed, the new field gets memory of its own.

use super::Shard;
use super::launch::Launching;
use super::residents::Resident;
use crate::analysis::plan::Place;
use crate::geometry::Rect;
use crate::id::FieldId;
use crate::operation::{Operand, Privilege};

impl Shard {
    /// Gives to the fields that a launch makes the instances of fields that die in it, as far as the task bears it.
    /// `may`: whether the first field, which the launch reads, is not used again, and the second may have its memory.
    pub(super) fn reuse_dying(&mut self, launching: &mut Launching<'_>, may: impl Fn(FieldId, FieldId) -> bool) {
        if !self.common.fuse || launching.plan.points.is_empty() {
            return;
        }
        for made in 0..launching.body.operands.len() {
            let Some(room) = self.room_of_new(launching, made) else { continue };
            let field = launching.field(made);
            let fits = |read: &FieldId| may(*read, field) && self.fits(launching, *read, made, &room);
            let Some(dying) = (0..launching.body.operands.len()).map(|k| launching.field(k)).find(fits) else {
                continue;
            };
            let old = self.forget_main(dying).expect("it was found fit");
            let resident = Resident { instance: old.clone(), made_at: launching.body.provenance.clone() };
            self.residents.insert(field, Box::new(resident));
            for k in launching.missing() {
                if launching.group.operands[k].field == dying {
                    launching.instances[k] = Some(old.clone());
                }
            }
        }
    }

    /// The rectangle that the field of an operand of the body needs here, if the launch makes the field.
    fn room_of_new(&self, launching: &Launching<'_>, made: usize) -> Option<Rect> {
        let index = launching.body.operands[made];
        let (group, operand) = (launching.group, &launching.group.operands[index]);
        let Place::Main(rect) = &launching.plan.places[index] else { return None };
        let is_new = operand.privilege == Privilege::WriteDiscard
            && self.main(operand.field).is_none()
            && !group.fresh.contains(&index)
            && self.overwrites(group, operand);
        is_new.then(|| self.room(operand, rect))
    }

    /// Whether what operand `made` of the body makes may lie where a field lies that the launch reads.
    fn fits(&self, launching: &Launching<'_>, read: FieldId, made: usize, room: &Rect) -> bool {
        let Launching { group, plan, body, .. } = launching;
        let new = &group.operands[body.operands[made]];
        let is_only_read_there = |operand: &Operand| {
            operand.field != read || (operand.privilege == Privilege::ReadOnly && operand.access == new.access)
        };
        let Some(main) = self.main(read) else { return false };
        let reaches = |k: usize, index: usize| {
            let within = matches!(&plan.places[index], Place::Main(rect) if main.rect.contains(rect));
            within && body.task.may_overwrite(&*body.args, k, made)
        };
        read != new.field
            && self.field(read) == self.field(new.field)
            && main.rect.contains(room)
            && main.memory().is_ok()
            && !main.is_shared()
            && group.operands.iter().all(is_only_read_there)
            && body
                .operands
                .iter()
                .enumerate()
                .all(|(k, &index)| group.operands[index].field != read || reaches(k, index))
    }
}
