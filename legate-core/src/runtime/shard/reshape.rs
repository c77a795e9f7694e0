//! The values of a field become those of a field of another shape, in row-major order.

use super::Shard;
use crate::analysis::dependence::Usage;
use crate::analysis::plan::ReshapePlan;
use crate::error::{FailureKind, Provenance, TaskFailure};
use crate::exec::action::{Action, Name};
use crate::exec::copy::{Copy, Side};
use crate::exec::graph::{Length, Uses};
use crate::exec::instance::PhysicalInstance;
use crate::exec::{BufferPool, HostBuffer};
use crate::geometry::{Rect, linear_rects};
use crate::id::FieldId;
use crate::operation::Reshape;
use smallvec::SmallVec;
use std::ops::Range;
use std::sync::Arc;

/// The boxes of an instance that hold a range of row-major elements, in order; `None` without memory.
type Boxes = Option<Vec<(SmallVec<[i64; 4]>, Side)>>;

impl Shard {
    /// `last_use`: nothing will name `src` any more.
    pub(super) fn reshape(&mut self, reshape: &Reshape, plan: &ReshapePlan, last_use: bool) {
        let Reshape { src, dst, provenance: by, .. } = reshape;
        if let Some(first) = &plan.prepare {
            self.redistribute(first, by);
        }
        if last_use && plan.in_place && self.take_over(*src, *dst, plan, by) {
            return;
        }
        let element = self.field(*src).1;
        for (peer, range) in &plan.sends {
            let mut uses = self.graph.uses();
            let boxes = self.boxes(*src, range, Usage::Read, &mut uses, by);
            let (pool, line) = (self.graph.pool().clone(), by.clone());
            let bytes = (range.end - range.start) as usize * element;
            self.graph.send_made(uses, Name::new("message", "reshape", by), *peer, bytes, move || {
                gather(boxes.as_ref().expect("without memory a node is poisoned"), element, bytes, &pool, &line)
            });
        }
        self.cover(*dst, &plan.main, true, by);
        for range in &plan.local {
            self.rearrange(*src, *dst, range, by);
        }
        for (peer, range) in &plan.recvs {
            let mut uses = self.graph.uses();
            let boxes = self.boxes(*dst, range, Usage::Discard, &mut uses, by);
            let length = Length::Exactly((range.end - range.start) as usize * element);
            self.graph.receive(uses, Name::new("message", "reshape", by), *peer, length, move |message| {
                scatter(boxes.as_ref().expect("without memory a node is poisoned"), element, message);
                Ok(())
            });
        }
    }

    /// The instance changes its name and shape, if it holds exactly the values that stay. Returns whether it did.
    fn take_over(&mut self, src: FieldId, dst: FieldId, plan: &ReshapePlan, by: &Provenance) -> bool {
        let Some(old) = self.main(src).cloned() else { return false };
        let [range] = &plan.local[..] else { return false };
        let held = linear_rects(self.field(src).0, range.clone());
        if !matches!(&held[..], [rect] if *rect == old.rect) || plan.main.volume() != old.rect.volume() {
            return false;
        }
        let id = self.graph.instance_id();
        let new = old.renamed(id, &plan.main);
        // One node stands between those who used the memory by its old name and those who will by its new one.
        let mut uses = self.graph.uses();
        self.graph.record(&mut uses, &old, &old.rect, Usage::ReadWrite);
        self.graph.record(&mut uses, &new, &new.rect, Usage::ReadWrite);
        self.graph.submit(uses, Box::new(Action::new(Name::new("copy", "rename", by), 0, || Ok(()))));
        self.forget_main(src);
        self.graph.forget(&old);
        self.install(dst, new, by);
        true
    }

    /// A range that stays on this shard: through a dense buffer.
    fn rearrange(&mut self, src: FieldId, dst: FieldId, range: &Range<u64>, by: &Provenance) {
        let element = self.field(src).1;
        let bytes = (range.end - range.start) as usize * element;
        let mut uses = self.graph.uses();
        let from = self.boxes(src, range, Usage::Read, &mut uses, by);
        let to = self.boxes(dst, range, Usage::Discard, &mut uses, by);
        let (pool, line) = (self.graph.pool().clone(), by.clone());
        let action = Action::new(Name::new("copy", "reshape", by), bytes, move || {
            let (from, to) = from.as_ref().zip(to.as_ref()).expect("without memory a node is poisoned");
            scatter(to, element, &gather(from, element, bytes, &pool, &line)?);
            Ok(())
        });
        self.graph.submit(uses, Box::new(action));
    }

    fn boxes(&mut self, field: FieldId, range: &Range<u64>, usage: Usage, uses: &mut Uses, by: &Provenance) -> Boxes {
        let rects = linear_rects(self.field(field).0, range.clone());
        let all = rects.iter().skip(1).fold(rects.first()?.clone(), |all, rect| all.bounding(rect));
        let main = self.main_or_fresh(field, &all, by);
        for rect in &rects {
            self.graph.record(uses, &main, rect, usage);
        }
        let side = |main: &PhysicalInstance, rect: &Rect| {
            Some((rect.shape(), Side::instance(main.memory().ok()?, main.at(rect))))
        };
        rects.iter().map(|rect| side(&main, rect)).collect()
    }
}

fn gather(
    boxes: &[(SmallVec<[i64; 4]>, Side)],
    element: usize,
    bytes: usize,
    pool: &Arc<BufferPool>,
    by: &Provenance,
) -> Result<Arc<HostBuffer>, TaskFailure> {
    let buffer = pool
        .allocate(bytes)
        .map_err(|refusal| TaskFailure::new("reshape", by, FailureKind::OutOfMemory, refusal.to_string()))?;
    let buffer = Arc::new(buffer);
    for_each_box(boxes, |shape, at, side| Copy::new(shape, element, line(&buffer, shape, at, element), side).run(0, 1));
    Ok(buffer)
}

fn scatter(boxes: &[(SmallVec<[i64; 4]>, Side)], element: usize, buffer: &Arc<HostBuffer>) {
    for_each_box(boxes, |shape, at, side| Copy::new(shape, element, side, line(buffer, shape, at, element)).run(0, 1));
}

/// Calls with each box and the number of elements before it.
fn for_each_box(boxes: &[(SmallVec<[i64; 4]>, Side)], mut call: impl FnMut(&[i64], usize, Side)) {
    let mut at = 0;
    for (shape, side) in boxes {
        call(shape, at, side.clone());
        at += shape.iter().product::<i64>() as usize;
    }
}

/// The dense elements from `at` on, in the shape of a box.
fn line(buffer: &Arc<HostBuffer>, shape: &[i64], at: usize, element: usize) -> Side {
    Side::dense_from(buffer, shape, at * element, element)
}
