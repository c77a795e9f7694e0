//! Values that change places: transfers between shards, in and out of instances.

use super::Shard;
use crate::analysis::dependence::Usage;
use crate::analysis::plan::{MovePlan, Transfer};
use crate::error::Provenance;
use crate::exec::action::Name;
use crate::exec::copy::{Copy, Side};
use crate::exec::graph::Length;
use crate::exec::instance::PhysicalInstance;
use crate::geometry::Rect;
use crate::id::{FieldId, ShardId};
use smallvec::SmallVec;

impl Shard {
    /// Redistributes a field.
    pub(super) fn redistribute(&mut self, plan: &MovePlan, by: &Provenance) {
        let (first, later) =
            plan.rounds.split_first().map_or((None, [].as_slice()), |(first, later)| (Some(first), later));
        first.into_iter().flat_map(|round| &round.sends).for_each(|transfer| self.send(transfer, by));
        self.cover(plan.field, &plan.main, false, by);
        if plan.rounds.iter().any(|round| !round.recvs.is_empty()) {
            self.unshare(plan.field, false, by);
        }
        first.into_iter().for_each(|round| self.receive_all(&round.recvs, by));
        for round in later {
            round.sends.iter().for_each(|transfer| self.send(transfer, by));
            self.receive_all(&round.recvs, by);
        }
    }

    fn receive_all(&mut self, transfers: &[Transfer], by: &Provenance) {
        for Transfer { peer, field, rect } in transfers {
            let main = self.main(*field).expect("a shard that receives has covered the place").clone();
            self.receive_into(*peer, &main, rect, by);
        }
    }

    /// Sends a rectangle of a main instance.
    pub(super) fn send(&mut self, transfer: &Transfer, by: &Provenance) {
        let Transfer { peer, field, rect } = transfer;
        let main = self.main_or_fresh(*field, rect, by);
        let mut uses = self.graph.uses();
        self.graph.record(&mut uses, &main, rect, Usage::Read);
        let source = main.memory().ok().map(|memory| Side::instance(memory, main.at(rect)));
        self.graph.send(uses, Name::new("message", "send", by), *peer, (source, &rect.shape(), main.element()));
    }

    /// The main instance, covering `rect`: a field that was never written has values too, whatever they are.
    pub(super) fn main_or_fresh(&mut self, field: FieldId, rect: &Rect, by: &Provenance) -> PhysicalInstance {
        self.cover(field, rect, false, by);
        self.main(field).expect("a rectangle with points has just been covered").clone()
    }

    /// Receives a rectangle of an instance.
    pub(super) fn receive_into(&mut self, from: ShardId, instance: &PhysicalInstance, rect: &Rect, by: &Provenance) {
        let mut uses = self.graph.uses();
        self.graph.record(&mut uses, instance, rect, Usage::Discard);
        let target = instance.memory().ok().map(|memory| Side::instance(memory, instance.at(rect)));
        let (shape, element) = (rect.shape(), instance.element());
        let length = Length::Exactly(rect.volume() as usize * element);
        self.graph.receive(uses, Name::new("message", "receive", by), from, length, move |message| {
            let target = target.clone().expect("a node without a target is poisoned");
            let origin: SmallVec<[i64; 4]> = SmallVec::from_elem(0, shape.len());
            Copy::new(&shape, element, target, Side::dense(message, &shape, &origin, element)).run(0, 1);
            Ok(())
        });
    }
}
