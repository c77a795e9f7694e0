//! Partial results of a folded launch are joined: over this shard's pieces, then over shards, along the canonical tree.

use super::Shard;
use super::launch::Launching;
use super::points::Folded;
use crate::analysis::dependence::Usage;
use crate::analysis::plan::JoinStep;
use crate::error::{FailureKind, Provenance, TaskFailure};
use crate::exec::action::{Action, Name};
use crate::exec::fold::{Column, Fold, Values};
use crate::exec::graph::Length;
use crate::exec::{BufferPool, HostBuffer, Node};
use crate::geometry::Rect;
use crate::geometry::tree;
use std::sync::Arc;

impl Shard {
    /// Does the steps of the plan one after the other, then writes the results to the operands.
    pub(super) fn join(&mut self, launching: &Launching<'_>, folded: Folded) {
        let by = &launching.body.provenance;
        let Folded { fold, operands, points: mut before } = folded;
        let steps = launching.plan.join.as_ref().map_or(&[][..], |join| &join.steps);
        let bytes = fold.bytes(&launching.group.domain);
        for step in steps {
            before = vec![self.join_step(*step, &fold, &before, bytes, by)];
        }
        let mut uses = self.graph.uses();
        before.iter().for_each(|node| uses.after(node));
        for index in operands.iter().map(|k| launching.body.operands[*k]) {
            if let Some(instance) = &launching.instances[index] {
                let operand = &launching.group.operands[index];
                let image = operand.access.image(&launching.group.domain).intersect(&instance.rect);
                let dense = operand.access.is_dense(&launching.group.domain);
                self.graph.record(&mut uses, instance, &image, if dense { Usage::Discard } else { Usage::ReadWrite });
            }
        }
        let origin = &launching.group.domain.lo;
        let has_points = operands.iter().all(|k| launching.instances[launching.body.operands[*k]].is_some());
        let targets = if has_points { self.targets(launching, &operands, origin) } else { Ok(Default::default()) };
        let targets = targets.unwrap_or_else(|failure| {
            uses.poison(&failure);
            Default::default()
        });
        let store = Action::new(Name::new("task", "join", by), bytes, move || {
            fold.store(&targets);
            Ok(())
        });
        self.graph.submit(uses, Box::new(store));
    }

    fn join_step(
        &mut self,
        step: JoinStep,
        fold: &Arc<Fold>,
        before: &[Arc<Node>],
        bytes: usize,
        by: &Provenance,
    ) -> Arc<Node> {
        let mut uses = self.graph.uses();
        before.iter().for_each(|node| uses.after(node));
        let (name, fold, line) = (Name::new("message", "join", by), fold.clone(), by.clone());
        let pool = self.graph.pool().clone();
        match step {
            JoinStep::GatherFrom(peer) | JoinStep::SpreadFrom(peer) => {
                self.graph.receive(uses, name, peer, Length::About(bytes), move |message| {
                    unpack(&fold, message, &pool, &line)
                })
            }
            JoinStep::GatherTo(peer) => self.graph.send_made(uses, name, peer, bytes, move || {
                let message = pack(&fold, &pool, &line);
                fold.take();
                message
            }),
            JoinStep::SpreadTo(peer) => {
                self.graph.send_made(uses, name, peer, bytes, move || pack(&fold, &pool, &line))
            }
        }
    }
}

/// What a message of partial results says of each: its place, and the node of the tree. The values follow, operand by operand.
type Header = Vec<(Column, u32, u64)>;

/// Bytes that say how long the header is.
const LENGTH_BYTES: usize = 8;

fn pack(fold: &Fold, pool: &Arc<BufferPool>, by: &Provenance) -> Result<Arc<HostBuffer>, TaskFailure> {
    let (mut header, mut length) = (Header::new(), 0);
    fold.for_each(|column, node, values| {
        header.push((column.clone(), node.height, node.index));
        length += values.iter().map(HostBuffer::len).sum::<usize>();
    });
    let header = postcard::to_allocvec(&header).expect("numbers can be encoded");
    let mut message =
        pool.allocate(LENGTH_BYTES + header.len() + length).map_err(|refusal| lost(&refusal.to_string(), by))?;
    let (prefix, rest) = message.as_mut_slice().split_at_mut(LENGTH_BYTES);
    prefix.copy_from_slice(&(header.len() as u64).to_le_bytes());
    let (head, mut rest) = rest.split_at_mut(header.len());
    head.copy_from_slice(&header);
    fold.for_each(|_, _, values| {
        for value in values {
            let (place, after) = std::mem::take(&mut rest).split_at_mut(value.len());
            place.copy_from_slice(value.as_slice());
            rest = after;
        }
    });
    Ok(Arc::new(message))
}

fn unpack(fold: &Fold, message: &HostBuffer, pool: &Arc<BufferPool>, by: &Provenance) -> Result<(), TaskFailure> {
    let (prefix, rest) = message.as_slice().split_at(LENGTH_BYTES);
    let length = u64::from_le_bytes(prefix.try_into().expect("the prefix has eight bytes"));
    let (header, mut rest) = rest.split_at(length as usize);
    let header: Header = postcard::from_bytes(header).expect("shards of one run speak one language");
    for (column, height, index) in header {
        let piece = Rect { lo: column.0.clone(), hi: column.1.clone() };
        let mut values = Values::new();
        for operand in fold.operands() {
            let (value, after) = rest.split_at(operand.bytes(&piece));
            let mut buffer = pool.allocate(value.len()).map_err(|refusal| lost(&refusal.to_string(), by))?;
            buffer.as_mut_slice().copy_from_slice(value);
            values.push(buffer);
            rest = after;
        }
        fold.add(column, tree::Node { height, index }, values);
    }
    Ok(())
}

fn lost(message: &str, by: &Provenance) -> TaskFailure {
    TaskFailure::new("join", by, FailureKind::OutOfMemory, message)
}
