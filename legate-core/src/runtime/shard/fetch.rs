//! The values of a view come together for the front end.

use super::Shard;
use crate::analysis::dependence::Usage;
use crate::analysis::plan::FetchPlan;
use crate::error::Provenance;
use crate::exec::action::{Action, CopyWork, Name};
use crate::exec::copy::{Copy, Side};
use crate::exec::graph::Length;
use crate::exec::instance::PhysicalInstance;
use crate::exec::{HostBuffer, Node};
use crate::geometry::Rect;
use crate::id::FieldId;
use crate::operation::Fetch;
use crate::runtime::fetched::FetchSlot;
use crate::store::{Access, Store};
use smallvec::SmallVec;
use std::sync::Arc;

/// Below this many bytes the last copy and the delivery are one node.
const SMALL_BYTES: usize = 1 << 16;

impl Shard {
    /// `slot`: where the front end waits; given on the shard that it waits for.
    pub(super) fn fetch(&mut self, fetch: &Fetch, plan: &FetchPlan, slot: Option<&Arc<FetchSlot>>) {
        let by = &fetch.provenance;
        if let Some(first) = &plan.prepare {
            self.redistribute(first, by);
        }
        for transfer in &plan.sends {
            let (main, image) = self.seen(&fetch.src, &transfer.rect, by);
            let mut uses = self.graph.uses();
            self.graph.record(&mut uses, &main, &image, Usage::Read);
            let source = through(&main, &fetch.src.access, &transfer.rect);
            let what = (source, &transfer.rect.shape()[..], main.element());
            self.graph.send(uses, Name::new("message", "fetch", by), transfer.peer, what);
        }
        if !plan.receives {
            return;
        }
        let slot = slot.cloned().unwrap_or_default();
        if !self.hand_out(&fetch.src, plan, &slot, by) {
            self.gather(&fetch.src, plan, slot, by);
        }
    }

    /// The pieces of a field that are this shard's own, and where their values will be left. No other shard has a part in it.
    pub(crate) fn own_pieces(&mut self, field: FieldId, by: &Provenance) -> Vec<(Rect, Arc<FetchSlot>)> {
        let pieces = self.states.owned(field, self.me).into_iter();
        let fetch = |rect: Rect| {
            let mut access = Access::identity(rect.rank());
            access.coords.iter_mut().zip(&rect.lo).for_each(|(coordinate, lo)| coordinate.offset += lo);
            let view = Rect::from_shape(&rect.shape());
            let src = Store { field, shape: rect.shape(), access };
            let local = vec![view];
            let plan = FetchPlan { prepare: None, receives: true, local, sends: Vec::new(), recvs: Vec::new() };
            let slot: Arc<FetchSlot> = Arc::default();
            self.gather(&src, &plan, slot.clone(), by);
            (rect, slot)
        };
        pieces.map(fetch).collect()
    }

    /// All of a field that lies in one instance: the front end gets the instance's own buffer. Returns whether it did.
    fn hand_out(&mut self, src: &Store, plan: &FetchPlan, slot: &Arc<FetchSlot>, by: &Provenance) -> bool {
        let bounds = self.field(src.field).0.clone();
        let is_whole = plan.recvs.is_empty()
            && src.shape == bounds.shape()
            && src.access == Access::identity(bounds.rank())
            && matches!(&plan.local[..], [rect] if *rect == bounds);
        if !is_whole {
            return false;
        }
        let main = self.main_or_fresh(src.field, &bounds, by);
        let Some(buffer) = main.buffer().filter(|_| main.rect == bounds).cloned() else { return false };
        if self.graph.is_settled() {
            slot.set(Ok(buffer));
            return true;
        }
        let mut uses = self.graph.uses();
        self.graph.record(&mut uses, &main, &bounds, Usage::Read);
        let (ready, lost) = (slot.clone(), slot.clone());
        let deliver = Action::new(Name::new("copy", "fetch", by), 0, move || {
            ready.set(Ok(buffer.clone()));
            Ok(())
        });
        self.graph.submit(uses, Box::new(deliver.or_else(move |failure| lost.set(Err(failure.clone())))));
        true
    }

    /// Collects the values in a buffer of the view's shape.
    fn gather(&mut self, src: &Store, plan: &FetchPlan, slot: Arc<FetchSlot>, by: &Provenance) {
        let element = self.field(src.field).1;
        let bytes = src.shape.iter().product::<i64>() as usize * element;
        let mut done = self.graph.uses();
        let buffer = match self.graph.with_patience(|pool| pool.allocate(bytes)) {
            Ok(buffer) => Some(Arc::new(buffer)),
            Err(refusal) => {
                done.poison(&self.out_of_memory(&refusal, by));
                None
            }
        };
        for transfer in &plan.recvs {
            let node = self.receive_part(transfer.peer, &transfer.rect, (buffer.clone(), src, element), by);
            done.after(&node);
        }
        let (last, others) = match plan.local.split_last() {
            Some((last, others)) if last.volume() as usize * element <= SMALL_BYTES => (Some(last), others),
            _ => (None, &plan.local[..]),
        };
        for rect in others {
            let mut uses = self.graph.uses();
            let copy = self.part(&mut uses, src, rect, buffer.as_ref(), by);
            let node = self.graph.submit(uses, CopyWork::new(Name::new("copy", "fetch", by), copy));
            done.after(&node);
        }
        let last = last.and_then(|rect| self.part(&mut done, src, rect, buffer.as_ref(), by));
        let lost = slot.clone();
        let bytes = last.as_ref().map_or(0, Copy::bytes);
        let deliver = Action::new(Name::new("copy", "fetch", by), bytes, move || {
            if let Some(copy) = &last {
                copy.run(0, 1);
            }
            slot.set(Ok(buffer.clone().expect("a node without a buffer is poisoned")));
            Ok(())
        });
        self.graph.submit(done, Box::new(deliver.or_else(move |failure| lost.set(Err(failure.clone())))));
    }

    fn receive_part(
        &mut self,
        from: crate::id::ShardId,
        rect: &Rect,
        (buffer, src, element): (Option<Arc<HostBuffer>>, &Store, usize),
        by: &Provenance,
    ) -> Arc<Node> {
        let uses = self.graph.uses();
        let (rect, whole) = (rect.clone(), src.shape.clone());
        let length = Length::Exactly(rect.volume() as usize * element);
        self.graph.receive(uses, Name::new("message", "fetch", by), from, length, move |message| {
            // Without a buffer the message is still taken: the fetch itself is poisoned.
            if let Some(buffer) = &buffer {
                let (shape, origin) = (rect.shape(), SmallVec::<[i64; 4]>::from_elem(0, rect.rank()));
                let target = Side::dense(buffer, &whole, &rect.lo, element);
                Copy::new(&shape, element, target, Side::dense(message, &shape, &origin, element)).run(0, 1);
            }
            Ok(())
        })
    }

    /// The copy of a rectangle of the view to its place in the buffer. `None` (and the node poisoned) if one of the two has no memory.
    fn part(
        &mut self,
        uses: &mut crate::exec::graph::Uses,
        src: &Store,
        rect: &Rect,
        buffer: Option<&Arc<HostBuffer>>,
        by: &Provenance,
    ) -> Option<Copy> {
        let (main, image) = self.seen(src, rect, by);
        self.graph.record(uses, &main, &image, Usage::Read);
        let element = main.element();
        let target = Side::dense(buffer?, &src.shape, &rect.lo, element);
        Some(Copy::new(&rect.shape(), element, target, through(&main, &src.access, rect)?))
    }

    /// The main instance behind a rectangle of a view, and the rectangle of the field.
    fn seen(&mut self, src: &Store, rect: &Rect, by: &Provenance) -> (PhysicalInstance, Rect) {
        let image = src.access.image(rect);
        (self.main_or_fresh(src.field, &image, by), image)
    }
}

fn through(main: &PhysicalInstance, access: &Access, rect: &Rect) -> Option<Side> {
    main.memory().ok().map(|memory| Side::instance(memory, main.through(access, &rect.lo)))
}
