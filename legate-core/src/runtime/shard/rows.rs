//! Planned groups that share their rows become one node, if that saves enough traffic ([`crate::analysis::rows`], [`crate::exec::rows`]).
//!
//! A planned group waits for its successor. As long as groups may run together they are collected; then they are launched, as one node or one by one.
//! What other shards are told, and when, is the same either way.

use super::launch::{Body, Launching};
use super::points::{Folded, Shape};
use super::{Deaths, Shard};
use crate::analysis::group::Group;
use crate::analysis::plan::{LaunchPlan, Place};
use crate::analysis::rows::{Slabs, blocks, common_leaf, may_follow, rows_of};
use crate::error::TaskFailure;
use crate::exec::action::{Action, Name};
use crate::exec::copy::dense_strides;
use crate::exec::instance::through;
use crate::exec::point::PointOperand;
use crate::exec::rows::{RowFolding, RowMember, RowOperand, RowsTask};
use crate::exec::{Node, Work};
use crate::geometry::Rect;
use crate::id::{FieldId, ShardId};
use crate::operation::Parallelism;
use crate::profile::{Record, count};
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

/// Bytes that a block touches, unless the mapper says another number (`"row_block_bytes"`): a quarter of a usual second-level cache.
pub(super) const BLOCK_BYTES: u64 = 1 << 18;
/// A block may be larger by this factor where a fold's leaf asks for it.
const MOST_OVERSIZE: u64 = 4;

/// A group between its planning and its launch.
pub(super) struct Planned {
    /// Of the window.
    pub(super) step: usize,
    pub(super) group: Group,
    pub(super) plan: LaunchPlan,
    pub(super) body: Body,
    /// The rows that it computes here, if it may run in blocks of them.
    pub(super) rows: Option<Range<i64>>,
}

/// How a field that is made and used up within a block lies in scratch.
struct Slab {
    index: usize,
    /// The points of the first block.
    rect: Rect,
    bytes: usize,
}

type Slabbed = BTreeMap<FieldId, Slab>;

impl Shard {
    /// The rows that a group computes here, if it may run in blocks of them.
    pub(super) fn rows(&self, group: &Group, plan: &LaunchPlan, body: &Body) -> Option<Range<i64>> {
        let by_rows = body.task.runs_in_row_blocks(&*body.args) && body.task.parallelism() == Parallelism::Chunks;
        (self.common.fuse && by_rows && !body.dead).then(|| rows_of(group, plan)).flatten()
    }

    /// Whether a group may run on a block of rows after those that wait, and leaves blocks enough for all cores.
    pub(super) fn may_join(&self, waiting: &[Planned], next: &Planned) -> bool {
        let Some(first) = waiting.first() else { return false };
        let alike = next.rows.is_some()
            && first.rows == next.rows
            && first.group.domain.extent(0) == next.group.domain.extent(0)
            && waiting.iter().all(|earlier| may_follow(&earlier.group, &next.group));
        alike && self.blocks(waiting.iter().chain([next])).is_some()
    }

    /// Launches groups that waited.
    pub(super) fn launch_waiting(&mut self, members: &[Planned], deaths: &Deaths) {
        if members.is_empty() {
            return;
        }
        if !self.common.acts {
            members.iter().flat_map(|planned| deaths.after(planned.step)).for_each(|field| self.release_dead(field));
            return;
        }
        let begun = self.common.profiler.begin();
        let blocks = if members.len() > 1 && self.is_worth_it(members) { self.blocks(members.iter()) } else { None };
        let steps: SmallVec<[usize; 4]> = members.iter().map(|planned| planned.step).collect();
        match blocks {
            Some(blocks) => {
                let last = *steps.last().expect("some wait");
                self.launch_rows(members, blocks, |field| deaths.outlives(field, last));
                steps.iter().flat_map(|step| deaths.after(*step)).for_each(|field| self.release_dead(field));
            }
            None => {
                for Planned { step, group, plan, body, .. } in members {
                    self.launch(group, plan, body.clone(), |field| !deaths.outlives(field, *step));
                    deaths.after(*step).for_each(|field| self.release_dead(field));
                }
            }
        }
        self.common.profiler.end_stage(begun, self.me, "submit");
    }

    /// For each field whose rows are walked how many groups touch it, and the bytes of it that they touch here.
    fn traffic<'a>(&self, members: impl Iterator<Item = &'a Planned>) -> BTreeMap<FieldId, (u64, u64)> {
        let mut traffic = BTreeMap::new();
        for Planned { group, plan, body, .. } in members {
            let mut own: BTreeMap<FieldId, u64> = BTreeMap::new();
            for k in body.operands.iter().filter(|k| group.operands[**k].access.uses(0)) {
                let (field, image) = (group.operands[*k].field, &plan.points[0].images[*k]);
                let bytes = own.entry(field).or_default();
                *bytes = (*bytes).max(image.volume() * self.field(field).1 as u64);
            }
            for (field, bytes) in own {
                let (uses, most): &mut (u64, u64) = traffic.entry(field).or_default();
                (*uses, *most) = (*uses + 1, bytes.max(*most));
            }
        }
        traffic
    }

    /// Whether more than a block's worth of bytes need not be read from memory again.
    fn is_worth_it(&self, members: &[Planned]) -> bool {
        let saved = self.traffic(members.iter()).values().map(|(uses, bytes)| (uses - 1) * bytes).sum::<u64>();
        saved > self.row_block_bytes
    }

    /// Blocks of rows for some groups; `None` if there are none that stay in the cache and leave every core its share.
    fn blocks<'a>(&self, members: impl Iterator<Item = &'a Planned> + Clone) -> Option<Vec<Range<i64>>> {
        let leaf = common_leaf(members.clone().map(|planned| &planned.group))?;
        let first = members.clone().next()?;
        let rows = first.rows.clone()?;
        let bytes: u64 = self.traffic(members.clone()).values().map(|(_, bytes)| bytes).sum();
        let row_bytes = (bytes / (rows.end - rows.start) as u64).max(1);
        if leaf * row_bytes > MOST_OVERSIZE * self.row_block_bytes {
            return None;
        }
        let blocks = blocks(rows, first.group.domain.extent(0), leaf, (self.row_block_bytes / row_bytes).max(1));
        (blocks.len() as u64 >= u64::from(self.row_chunks(members))).then_some(blocks)
    }

    /// Into how many chunks the mapper cuts the node of some groups.
    fn row_chunks<'a>(&self, members: impl Iterator<Item = &'a Planned>) -> u32 {
        let estimates =
            members.map(|p| (p.plan.points[0].rect.volume(), self.estimate(&p.group, &p.body, &p.plan.points[0])));
        let (points, (cost_ns, bytes)) = estimates
            .reduce(|(n, (ns, bytes)), (m, (more_ns, more))| (n.max(m), (ns + more_ns, bytes + more)))
            .unwrap_or_default();
        self.common.mapper.chunks(points, cost_ns, bytes, &self.common.machine).max(1)
    }

    /// Several groups as one node.
    fn launch_rows(&mut self, members: &[Planned], blocks: Vec<Range<i64>>, outlives: impl Fn(FieldId) -> bool) {
        if self.me == ShardId(0) {
            count(&self.graph.counters().in_rows, members.len() as u64);
            let operations = || members.iter().map(|planned| planned.body.operation).collect();
            self.common.profiler.record(|| Record::Rows { operations: operations(), blocks: blocks.len() });
        }
        let chunks = self.row_chunks(members.iter());
        let slabs = self.slabs(members, &blocks, &outlives);
        let mut launchings: Vec<Launching<'_>> =
            members.iter().map(|p| Launching::new(&p.group, &p.plan, p.body.clone())).collect();
        self.reuse_dying_in_rows(&mut launchings, &slabs, &outlives);
        self.place_rows(&mut launchings, &slabs);
        let shapes: Vec<Shape> = launchings.iter().map(|launching| self.shape(launching)).collect();
        let node = self.submit_rows(&launchings, &shapes, blocks, chunks, &slabs);
        for (launching, shape) in launchings.iter().zip(shapes) {
            let Shape { fold, folded, joined, .. } = shape;
            if let Some(fold) = fold.filter(|_| joined) {
                self.join(launching, Folded { fold, operands: folded, points: vec![node.clone()] });
            }
        }
    }

    /// Fields that nobody sees but the members, block by block: made whole by one of them, and dead when the last has run.
    fn slabs(&self, members: &[Planned], blocks: &[Range<i64>], outlives: impl Fn(FieldId) -> bool) -> Slabbed {
        let operands =
            || members.iter().flat_map(|p| p.body.operands.iter().map(move |k| (&p.group, &p.group.operands[*k])));
        let most = blocks.iter().map(|block| block.end - block.start).max().unwrap_or(0);
        let mut slabs = Slabbed::new();
        let mut met = BTreeSet::new();
        for (group, operand) in operands().filter(|(_, o)| o.privilege.writes()) {
            let Some(of) = Slabs::of(&operand.access).filter(|_| met.insert(operand.field)) else { continue };
            let mut all = operands().filter(|(_, o)| o.field == operand.field);
            let first = all.clone().next().is_some_and(|(first, _)| std::ptr::eq(first, group));
            let aligned = all.all(|(_, o)| Slabs::of(&o.access) == Some(of));
            let unseen = self.main(operand.field).is_none() && !outlives(operand.field);
            if first && aligned && unseen && self.overwrites(group, operand) {
                let (bounds, element) = self.field(operand.field);
                let (mut rect, at) = (bounds.clone(), blocks[0].start + of.offset);
                (rect.lo[of.coordinate], rect.hi[of.coordinate]) = (at, at + most);
                let bytes = rect.volume() as usize * element;
                slabs.insert(operand.field, Slab { index: slabs.len(), rect, bytes });
            }
        }
        slabs
    }

    /// Gives to the fields that members make the instances of fields that die, if no other member knows them.
    fn reuse_dying_in_rows(
        &mut self,
        launchings: &mut [Launching<'_>],
        slabs: &Slabbed,
        outlives: impl Fn(FieldId) -> bool,
    ) {
        let names = |launching: &Launching<'_>| launching.group.operands.iter().map(|o| o.field).collect();
        let named: Vec<BTreeSet<FieldId>> = launchings.iter().map(names).collect();
        for (k, launching) in launchings.iter_mut().enumerate() {
            let known = |field| named.iter().enumerate().any(|(other, fields)| other != k && fields.contains(&field));
            let may = |read, made| !outlives(read) && !known(read) && !slabs.contains_key(&made);
            self.reuse_dying(launching, may);
        }
    }

    /// Finds or makes the members' instances: all of them before the node, so that none moves from under another.
    fn place_rows(&mut self, launchings: &mut [Launching<'_>], slabs: &Slabbed) {
        let mut met = BTreeSet::new();
        for launching in &*launchings {
            let by = launching.body.provenance.clone();
            let in_memory = || launching.body.operands.iter().map(|k| (*k, &launching.group.operands[*k]));
            let missing = |k: usize| launching.instances[k].is_none();
            for (k, operand) in in_memory().filter(|(k, _)| missing(*k)).filter(|(_, o)| !slabs.contains_key(&o.field))
            {
                let Place::Main(rect) = &launching.plan.places[k] else {
                    unreachable!("what has temporaries runs alone")
                };
                // What an earlier member has read or made is kept.
                let overwritten = !met.contains(&operand.field) && self.overwrites(launching.group, operand);
                self.place_main(operand, rect, overwritten, false, &by);
            }
            met.extend(in_memory().map(|(_, operand)| operand.field));
        }
        for launching in launchings {
            for k in launching.missing() {
                launching.instances[k] = self.main(launching.group.operands[k].field).cloned();
            }
        }
    }

    fn submit_rows(
        &mut self,
        launchings: &[Launching<'_>],
        shapes: &[Shape],
        blocks: Vec<Range<i64>>,
        chunks: u32,
        slabs: &Slabbed,
    ) -> Arc<Node> {
        let mut uses = self.graph.uses();
        for (launching, shape) in launchings.iter().zip(shapes) {
            self.record_point(&mut uses, launching, shape, &launching.plan.points[0]);
        }
        let members: Result<Vec<RowMember>, TaskFailure> =
            launchings.iter().zip(shapes).map(|(launching, shape)| self.row_member(launching, shape, slabs)).collect();
        let work: Box<dyn Work> = match members {
            Ok(members) => Box::new(self.rows_task(launchings, members, blocks, chunks, slabs)),
            Err(failure) => {
                uses.poison(&failure);
                Box::new(Action::new(Name::new("task", "lost", &launchings[0].body.provenance), 0, || Ok(())))
            }
        };
        self.graph.submit(uses, work)
    }

    fn rows_task(
        &self,
        launchings: &[Launching<'_>],
        members: Vec<RowMember>,
        blocks: Vec<Range<i64>>,
        chunks: u32,
        slabs: &Slabbed,
    ) -> RowsTask {
        let (n, parts) = (blocks.len(), (chunks as usize).min(blocks.len()));
        let mut scratch = vec![0; slabs.len()];
        slabs.values().for_each(|slab| scratch[slab.index] = slab.bytes);
        let estimates = launchings.iter().map(|l| self.estimate(l.group, &l.body, &l.plan.points[0]));
        let (cost_ns, bytes) = estimates.fold((0.0, 0), |(ns, bytes), (more_ns, more)| (ns + more_ns, bytes + more));
        let bytes = if self.common.profiler.is_enabled() {
            self.footprint(launchings, |field| slabs.contains_key(&field))
        } else {
            bytes
        };
        RowsTask {
            members,
            chunks: (0..parts).map(|part| n * part / parts..n * (part + 1) / parts).collect(),
            blocks,
            scratch,
            pool: self.graph.pool().clone(),
            cost_ns,
            bytes,
            counters: self.graph.counters().clone(),
        }
    }

    fn row_member(&self, launching: &Launching<'_>, shape: &Shape, slabs: &Slabbed) -> Result<RowMember, TaskFailure> {
        let Launching { group, plan, body, .. } = launching;
        let piece = plan.points[0].rect.clone();
        // Folds of other dimensions end within a row.
        let fold = shape.fold.clone().filter(|_| shape.tree.is_some_and(|tree| tree.dim == 0));
        let operand = |(k, index): (usize, &usize)| {
            let partial = shape.folded.iter().position(|folded| *folded == k).filter(|_| fold.is_some());
            let operand = &group.operands[*index];
            match (partial, slabs.get(&operand.field)) {
                (Some(partial), _) => Ok(RowOperand::Partial(partial)),
                (None, Some(slab)) => {
                    let element = self.field(operand.field).1;
                    let dense = dense_strides(&slab.rect.shape(), element);
                    let (offset, strides) = through(&slab.rect, &dense, &operand.access, &piece.lo);
                    let (slab, writable) = (slab.index, operand.privilege.writes());
                    Ok(RowOperand::Scratch { slab, offset, strides, element, writable })
                }
                (None, None) => match self.direct(launching, *index, &piece)? {
                    PointOperand::Direct { at, writable, _memory } => Ok(RowOperand::Direct { at, writable, _memory }),
                    PointOperand::Partial(_) => unreachable!("a direct operand is no partial result"),
                },
            }
        };
        let operands = body.operands.iter().enumerate().map(operand).collect::<Result<_, TaskFailure>>()?;
        let folding = match fold {
            Some(fold) if shape.joined => Some(RowFolding { fold, targets: None }),
            Some(fold) => Some(RowFolding { fold, targets: Some(self.targets(launching, &shape.folded, &piece.lo)?) }),
            None => None,
        };
        let (task, args, provenance) = (body.task.clone(), body.args.clone(), body.provenance.clone());
        let (domain, operation) = (group.domain.clone(), body.operation);
        Ok(RowMember { task, args, domain, piece, operands, folding, provenance, operation })
    }
}
