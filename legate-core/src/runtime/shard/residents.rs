//! The main instances of a shard: found, made, grown, copied before they are written if somebody else holds them.

use super::Shard;
use crate::analysis::dependence::Usage;
use crate::error::{FailureKind, Provenance, TaskFailure};
use crate::exec::OutOfMemory;
use crate::exec::action::{CopyWork, Name};
use crate::exec::copy::{Copy, Side};
use crate::exec::instance::PhysicalInstance;
use crate::geometry::{Point, Rect};
use crate::id::FieldId;
use crate::operation::Operand;
use std::collections::BTreeMap;
use std::fmt::Write;

/// A field's main instance.
pub(super) struct Resident {
    pub(super) instance: PhysicalInstance,
    /// The line whose operation made it.
    pub(super) made_at: Provenance,
}

/// How fields of a shape came to need more room than what their shard owns: the halos that are read. The next field of the shape gets
/// that room at once, and is not copied when it is first read so. A guess about memory only.
#[derive(Default)]
pub(super) struct Halos(BTreeMap<HaloKey, Rect>);

/// The field's extents, and the corners of the rectangle that was not enough.
type HaloKey = (Point, Point, Point);

/// More shapes than this are not remembered.
const MOST_HALOS: usize = 256;

impl Halos {
    fn key(bounds: &Rect, rect: &Rect) -> HaloKey {
        (bounds.hi.clone(), rect.lo.clone(), rect.hi.clone())
    }
    fn learn(&mut self, bounds: &Rect, from: &Rect, to: &Rect) {
        if self.0.len() >= MOST_HALOS {
            self.0.clear();
        }
        self.0.insert(Halos::key(bounds, from), to.clone());
    }
    /// What `rect` will probably grow to.
    fn foresee(&self, bounds: &Rect, rect: &Rect) -> Rect {
        let mut rect = rect.clone();
        if self.0.is_empty() {
            return rect;
        }
        // Each step grows the rectangle, so that it ends.
        while let Some(next) = self.0.get(&Halos::key(bounds, &rect)) {
            rect = next.clone();
        }
        rect
    }
}

/// How many instances a refusal for want of memory lists.
const LARGEST_LISTED: usize = 5;

impl Shard {
    /// Index space and element size of a field.
    pub(super) fn field(&self, field: FieldId) -> (&Rect, usize) {
        let state = self.states.get(field);
        (&state.bounds, state.size as usize)
    }

    /// The main instance of a field, if the shard has one.
    pub(super) fn main(&self, field: FieldId) -> Option<&PhysicalInstance> {
        self.residents.get(&field).map(|resident| &resident.instance)
    }

    /// Sees to it that the main instance covers `rect`. `overwritten`: all its values are about to be replaced, none need be kept.
    pub(super) fn cover(&mut self, field: FieldId, rect: &Rect, overwritten: bool, by: &Provenance) {
        if rect.is_empty() {
            return;
        }
        let needed = match self.main(field) {
            Some(main) if main.rect.contains(rect) && (!overwritten || main.memory().is_ok()) => return,
            Some(main) if !overwritten => main.rect.bounding(rect),
            _ => rect.clone(),
        };
        let bounds = &self.states.get(field).bounds;
        if let Some(main) = self.residents.get(&field).filter(|_| !overwritten) {
            self.halos.learn(bounds, &main.instance.rect, &needed);
        }
        let room = self.halos.foresee(bounds, &needed);
        self.replace(field, &room, !overwritten, by);
    }

    /// What a new main instance would cover for an operand that touches `rect`.
    pub(super) fn room(&self, operand: &Operand, rect: &Rect) -> Rect {
        self.halos.foresee(self.field(operand.field).0, &self.needed(operand, rect))
    }

    /// Before the main instance is written: a buffer that the front end holds is left to it.
    pub(super) fn unshare(&mut self, field: FieldId, overwritten: bool, by: &Provenance) {
        let shared = self.main(field).filter(|main| main.is_shared());
        if let Some(rect) = shared.map(|main| main.rect.clone()) {
            self.replace(field, &rect, !overwritten, by);
        }
    }

    /// Puts a new instance, without values, in the place of the main instance, which is the caller's to retire.
    pub(super) fn renew(&mut self, field: FieldId, by: &Provenance) -> PhysicalInstance {
        let rect = self.main(field).expect("what is written has an instance").rect.clone();
        let instance = self.allocate(&rect, self.field(field).1, by);
        self.residents.insert(field, Box::new(Resident { instance: instance.clone(), made_at: by.clone() }));
        instance
    }

    /// A new main instance of `rect`; with the values of the old one, if they are to be kept.
    fn replace(&mut self, field: FieldId, rect: &Rect, keep: bool, by: &Provenance) {
        let old = self.forget_main(field);
        let element = self.field(field).1;
        let instance = self.allocate(rect, element, by);
        if let Some(old) = old {
            if keep {
                self.copy_within(&old, &instance, by);
            }
            self.graph.retire_instance(&old);
        }
        self.residents.insert(field, Box::new(Resident { instance, made_at: by.clone() }));
    }

    /// Takes the main instance away. The graph is still to be told.
    pub(super) fn forget_main(&mut self, field: FieldId) -> Option<PhysicalInstance> {
        self.residents.remove(&field).map(|resident| resident.instance)
    }

    /// Makes an instance the main instance of a field.
    pub(super) fn install(&mut self, field: FieldId, instance: PhysicalInstance, by: &Provenance) {
        self.release(field);
        self.residents.insert(field, Box::new(Resident { instance, made_at: by.clone() }));
    }

    /// Gives the main instance up.
    pub(super) fn release(&mut self, field: FieldId) {
        if let Some(old) = self.forget_main(field) {
            self.graph.retire_instance(&old);
        }
    }

    /// A new instance; without memory if there is none, which poisons whatever uses it.
    pub(super) fn allocate(&mut self, rect: &Rect, element: usize, by: &Provenance) -> PhysicalInstance {
        match self.graph.allocate(rect, element) {
            Ok(instance) => instance,
            Err(refusal) => {
                let failure = self.out_of_memory(&refusal, by);
                PhysicalInstance::lost(self.graph.instance_id(), rect, element, failure)
            }
        }
    }

    /// Copies what both cover.
    pub(super) fn copy_within(&mut self, from: &PhysicalInstance, to: &PhysicalInstance, by: &Provenance) {
        let rect = from.rect.intersect(&to.rect);
        self.copy_rect(from, to, &rect, by);
    }

    /// Copies a rectangle of one instance of a field to another.
    pub(super) fn copy_rect(&mut self, from: &PhysicalInstance, to: &PhysicalInstance, rect: &Rect, by: &Provenance) {
        if rect.is_empty() {
            return;
        }
        let mut uses = self.graph.uses();
        self.graph.record(&mut uses, from, rect, Usage::Read);
        self.graph.record(&mut uses, to, rect, Usage::Discard);
        let name = Name::new("copy", "copy", by);
        let side = |instance: &PhysicalInstance| Some(Side::instance(instance.memory().ok()?, instance.at(rect)));
        let copy =
            side(to).zip(side(from)).map(|(to, from_side)| Copy::new(&rect.shape(), from.element(), to, from_side));
        self.graph.submit(uses, CopyWork::new(name, copy));
    }

    /// The failure of an operation for which there is no memory: says who has it.
    pub(super) fn out_of_memory(&self, refusal: &OutOfMemory, by: &Provenance) -> TaskFailure {
        let mut residents: Vec<&Resident> = self.residents.values().map(|resident| &**resident).collect();
        residents.sort_by_key(|resident| std::cmp::Reverse(resident.instance.bytes()));
        let mut message = refusal.to_string();
        for resident in residents.iter().take(LARGEST_LISTED).filter(|resident| resident.instance.bytes() > 0) {
            let Resident { instance, made_at } = resident;
            // Writing to a string does not fail.
            let _ = write!(message, "; {} bytes {:?} from {made_at}", instance.bytes(), instance.rect);
        }
        TaskFailure::new("allocate", by, FailureKind::OutOfMemory, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_gets_the_room_that_its_like_came_to_need() {
        let rect = |lo: i64, hi: i64| Rect::new(&[lo][..], &[hi][..]);
        let (bounds, mut halos) = (rect(0, 100), Halos::default());
        halos.learn(&bounds, &rect(25, 50), &rect(24, 50));
        halos.learn(&bounds, &rect(24, 50), &rect(24, 51));
        assert_eq!(halos.foresee(&bounds, &rect(25, 50)), rect(24, 51));
        assert_eq!(halos.foresee(&bounds, &rect(50, 75)), rect(50, 75));
        assert_eq!(halos.foresee(&rect(0, 99), &rect(25, 50)), rect(25, 50));
    }
}
