//! The pieces of a launch that a shard computes become point tasks.

use super::Shard;
use super::launch::{Body, Launching};
use crate::analysis::dependence::Usage;
use crate::analysis::group::Group;
use crate::analysis::plan::PointPlan;
use crate::error::TaskFailure;
use crate::exec::action::{Action, Name};
use crate::exec::chunk::{Chunking, TreeDim, cut};
use crate::exec::fold::{Fold, FoldOperand, Target};
use crate::exec::graph::Uses;
use crate::exec::instance::PhysicalInstance;
use crate::exec::point::{Folding, PointOperand, PointTask};
use crate::exec::{Node, Work};
use crate::geometry::Rect;
use crate::id::FieldId;
use crate::mapping::STREAM_NS_PER_BYTE;
use crate::operation::{Operand, Parallelism, Privilege};
use smallvec::SmallVec;
use std::sync::Arc;

/// With partial results larger than this, kept dimensions are cut before the tree is.
const LARGE_PARTIAL: usize = 1 << 15;

/// Partial results that are to be joined after the points.
pub(super) struct Folded {
    pub(super) fold: Arc<Fold>,
    /// Which of the body's operands are folded.
    pub(super) operands: SmallVec<[usize; 2]>,
    /// The nodes that fill `fold`.
    pub(super) points: Vec<Arc<Node>>,
}

/// What is the same for all points of a launch.
pub(super) struct Shape {
    pub(super) tree: Option<TreeDim>,
    pub(super) fold: Option<Arc<Fold>>,
    /// Which of the body's operands are folded along the tree.
    pub(super) folded: SmallVec<[usize; 2]>,
    /// Several pieces' partial results make one result.
    pub(super) joined: bool,
}

impl Shard {
    /// Submits the point tasks. Returns what is left to be joined.
    pub(super) fn submit_points(&mut self, launching: &Launching<'_>) -> Option<Folded> {
        let shape = self.shape(launching);
        let points = launching.plan.points.iter().map(|point| self.submit_point(launching, &shape, point)).collect();
        let Shape { fold, folded, joined, .. } = shape;
        fold.filter(|_| joined).map(|fold| Folded { fold, operands: folded, points })
    }

    pub(super) fn shape(&self, launching: &Launching<'_>) -> Shape {
        let Launching { group, plan, body, .. } = launching;
        let tree = TreeDim::of(&group.domain, &group.cuts);
        let mut folded: SmallVec<[usize; 2]> = SmallVec::new();
        let mut operands: SmallVec<[FoldOperand; 2]> = SmallVec::new();
        for (k, operand) in body.operands.iter().map(|k| &group.operands[*k]).enumerate() {
            match (operand.privilege, &tree) {
                (Privilege::Reduce(id), Some(tree)) if !operand.access.uses(tree.dim) => {
                    let kept = (0..group.domain.rank()).map(|d| operand.access.uses(d)).collect();
                    let (op, element) = (self.common.registry.reduction(id).clone(), self.field(operand.field).1);
                    folded.push(k);
                    operands.push(FoldOperand { op, element, kept });
                }
                _ => {}
            }
        }
        let partial = |tree: TreeDim| plan.points.iter().any(|point| tree.items(&point.rect) != (0..tree.tree.items()));
        let joined = !folded.is_empty() && (plan.join.is_some() || tree.is_some_and(partial));
        let fold = tree.filter(|_| !folded.is_empty()).map(|tree| Arc::new(Fold::new(tree, operands)));
        Shape { tree, fold, folded, joined }
    }

    fn submit_point(&mut self, launching: &Launching<'_>, shape: &Shape, point: &PointPlan) -> Arc<Node> {
        let mut uses = self.graph.uses();
        self.record_point(&mut uses, launching, shape, point);
        let work: Box<dyn Work> = match self.point_task(launching, shape, point) {
            Ok(task) => Box::new(task),
            Err(failure) => {
                uses.poison(&failure);
                Box::new(Action::new(Name::new("task", "lost", &launching.body.provenance), 0, || Ok(())))
            }
        };
        self.graph.submit(uses, work)
    }

    /// Reads first, then writes.
    pub(super) fn record_point(
        &mut self,
        uses: &mut Uses,
        launching: &Launching<'_>,
        shape: &Shape,
        point: &PointPlan,
    ) {
        let Launching { group, body, instances, .. } = launching;
        for writes in [false, true] {
            for (k, index) in body.operands.iter().enumerate() {
                let operand = &group.operands[*index];
                let is_partial = shape.joined && shape.folded.contains(&k);
                let Some(instance) = instances[*index].as_ref().filter(|_| !is_partial) else { continue };
                if operand.privilege.writes() == writes {
                    self.graph.record(uses, instance, &point.images[*index], usage(operand, &point.rect));
                }
            }
        }
    }

    fn point_task(
        &self,
        launching: &Launching<'_>,
        shape: &Shape,
        point: &PointPlan,
    ) -> Result<PointTask, TaskFailure> {
        let Launching { group, body, .. } = launching;
        let (cost_ns, bytes) = self.estimate(group, body, point);
        let chunking = self.chunking(launching, shape, &point.rect, cost_ns, bytes);
        let folding = self.folding(launching, shape, &point.rect, &chunking)?;
        let operand = |(k, index): (usize, &usize)| match shape.folded.iter().position(|folded| *folded == k) {
            Some(partial) if folding.is_some() => Ok(PointOperand::Partial(partial)),
            _ => self.direct(launching, *index, &point.rect),
        };
        let operands = body.operands.iter().enumerate().map(operand).collect::<Result<_, TaskFailure>>()?;
        Ok(PointTask {
            task: body.task.clone(),
            args: body.args.clone(),
            domain: group.domain.clone(),
            piece: point.rect.clone(),
            chunking,
            operands,
            folding,
            provenance: body.provenance.clone(),
            operation: body.operation,
            cost_ns,
            bytes: if self.common.profiler.is_enabled() {
                self.covered(images(launching, point), |_| false)
            } else {
                bytes
            },
            counters: self.graph.counters().clone(),
        })
    }

    /// Bytes of memory that launches touch at their first points, fields in scratch left out. Several views of one instance (a stencil's) are counted as what they
    /// cover together. For reports.
    pub(super) fn footprint(&self, launchings: &[Launching<'_>], in_scratch: impl Fn(FieldId) -> bool) -> u64 {
        let points = launchings.iter().filter_map(|launching| Some((launching, launching.plan.points.first()?)));
        self.covered(points.flat_map(|(launching, point)| images(launching, point)), in_scratch)
    }

    fn covered<'a>(
        &self,
        images: impl Iterator<Item = (FieldId, bool, &'a Rect)>,
        in_scratch: impl Fn(FieldId) -> bool,
    ) -> u64 {
        let mut covered: SmallVec<[(FieldId, bool, Rect); 8]> = SmallVec::new();
        for (field, fresh, image) in images.filter(|(field, ..)| !in_scratch(*field)) {
            match covered.iter_mut().find(|(other, is_fresh, _)| (*other, *is_fresh) == (field, fresh)) {
                Some((.., rect)) => *rect = rect.bounding(image),
                None => covered.push((field, fresh, image.clone())),
            }
        }
        covered.iter().map(|(field, _, rect)| rect.volume() * self.field(*field).1 as u64).sum()
    }

    /// Nanoseconds on one core, and bytes touched.
    pub(super) fn estimate(&self, group: &Group, body: &Body, point: &PointPlan) -> (f64, u64) {
        let elements = |k: &usize| point.images[*k].volume() * self.field(group.operands[*k].field).1 as u64;
        let bytes = body.operands.iter().map(elements).sum::<u64>();
        let compute_ns = body.task.cost(&*body.args).ns_per_point * point.rect.volume() as f64;
        (compute_ns.max(bytes as f64 * STREAM_NS_PER_BYTE), bytes)
    }

    fn chunking(&self, launching: &Launching<'_>, shape: &Shape, piece: &Rect, cost_ns: f64, bytes: u64) -> Chunking {
        let target = match launching.body.task.parallelism() {
            Parallelism::Whole => 1,
            Parallelism::Chunks => {
                self.common.mapper.chunks(piece.volume(), cost_ns, bytes, &self.common.machine).max(1)
            }
        };
        let tree_last = shape.fold.as_ref().is_some_and(|fold| fold.bytes(piece) > LARGE_PARTIAL);
        cut(piece, &launching.group.cuts, shape.tree.as_ref(), target, tree_last)
    }

    /// Memory for partial results, if there are any: one chunk that is the whole tree writes its result where it belongs.
    fn folding(
        &self,
        launching: &Launching<'_>,
        shape: &Shape,
        piece: &Rect,
        chunking: &Chunking,
    ) -> Result<Option<Folding>, TaskFailure> {
        let Some(fold) = shape.fold.as_ref().filter(|_| shape.joined || chunking.nodes.len() > 1) else {
            return Ok(None);
        };
        let values = self.graph.with_patience(|pool| fold.allocate(piece, chunking.nodes.len(), pool));
        let values = values.map_err(|refusal| self.out_of_memory(&refusal, &launching.body.provenance))?;
        let targets = if shape.joined { None } else { Some(self.targets(launching, &shape.folded, &piece.lo)?) };
        Ok(Some(Folding::new(fold.clone(), piece, values, targets)))
    }

    /// Where the results of folded operands (of the body) go, for domain points from `origin` on.
    pub(super) fn targets(
        &self,
        launching: &Launching<'_>,
        folded: &[usize],
        origin: &[i64],
    ) -> Result<SmallVec<[Target; 2]>, TaskFailure> {
        let target = |k: &usize| {
            let index = launching.body.operands[*k];
            let instance = instance_of(launching, index);
            let memory = instance.memory().map_err(Clone::clone)?.clone();
            let at = instance.through(&launching.group.operands[index].access, origin);
            Ok(Target { memory, at, origin: SmallVec::from_slice(origin) })
        };
        folded.iter().map(target).collect()
    }

    pub(super) fn direct(
        &self,
        launching: &Launching<'_>,
        index: usize,
        piece: &Rect,
    ) -> Result<PointOperand, TaskFailure> {
        let (instance, operand) = (instance_of(launching, index), &launching.group.operands[index]);
        let memory = instance.memory().map_err(Clone::clone)?.clone();
        let at = instance.through(&operand.access, &piece.lo);
        at.assert_within(memory.buffer(), &piece.shape(), instance.element());
        Ok(PointOperand::Direct { at, writable: operand.privilege.writes(), _memory: memory })
    }
}

/// What a point touches of the fields in memory, and whether that is a fresh instance.
fn images<'a>(
    launching: &'a Launching<'_>,
    point: &'a PointPlan,
) -> impl Iterator<Item = (FieldId, bool, &'a Rect)> + 'a {
    let group = launching.group;
    launching.body.operands.iter().map(move |k| (group.operands[*k].field, group.fresh.contains(k), &point.images[*k]))
}

fn instance_of<'a>(launching: &'a Launching<'_>, index: usize) -> &'a PhysicalInstance {
    launching.instances[index].as_ref().expect("a piece with points has an instance for each operand")
}

/// What a launch's piece does with the image of an operand.
pub(super) fn usage(operand: &Operand, piece: &Rect) -> Usage {
    match operand.privilege {
        Privilege::ReadOnly => Usage::Read,
        Privilege::ReadWrite => Usage::ReadWrite,
        Privilege::WriteDiscard | Privilege::Reduce(_) if operand.access.is_dense(piece) => Usage::Discard,
        Privilege::WriteDiscard | Privilege::Reduce(_) => Usage::ReadWrite,
    }
}
