//! What is done with rows: served to those who asked, placed where they were wanted, written where they belong.

use super::slabs::{Mover, with_mover};
use super::{Format, List, Slabs, Sorting, diverged, refused};
use crate::error::{Provenance, TaskFailure};
use crate::exec::action::{Name, copy_cost_ns};
use crate::exec::{BufferPool, HostBuffer, Work};
use crate::operation::Hands;
use crate::profile::About;
use parking_lot::Mutex;
use std::ops::Range;
use std::sync::Arc;

/// A message that a node awaits, once it is there.
#[derive(Clone, Default)]
pub(crate) struct Incoming(Arc<Mutex<Option<Arc<HostBuffer>>>>);

impl Incoming {
    /// It has come.
    pub(crate) fn put(&self, message: &Arc<HostBuffer>) {
        *self.0.lock() = Some(message.clone());
    }
    /// The message, which has come.
    pub(crate) fn get(&self) -> Arc<HostBuffer> {
        self.0.lock().clone().expect("a node runs after the message has come")
    }
}

/// The rows that a message asks for, packed.
pub(crate) fn serve(
    request: &HostBuffer,
    format: Format,
    table: &Slabs,
    pool: &Arc<BufferPool>,
    by: &Provenance,
) -> Result<Arc<HostBuffer>, TaskFailure> {
    let count = format.count(request).ok_or_else(|| diverged(request.len(), "numbers of rows", by))?;
    let reply_format = Format::slabs(table.slab_bytes());
    let reply = Arc::new(pool.allocate(reply_format.bytes(count)).map_err(|refusal| refused(refusal, by))?);
    let plan = &Slabs::mover(None, Some(table));
    with_mover!(plan, mover => for k in 0..count {
        let to = reply_format.slab(&reply, count, k);
        // SAFETY: the reply is known here only; the node reads the table, of which the row is (asserted).
        unsafe { mover.slab(to, table.slab(format.row(request, k))) }
    });
    Ok(reply)
}

/// Where the rows of an owner are: in the table, by their numbers, or in a reply, one after the other.
struct Origin {
    first: *const u8,
    step: isize,
    /// Numbers that there are.
    range: Range<i64>,
    /// All bits where rows are found by number, none where they come in order.
    by_row: i64,
}

impl Origin {
    fn table(first: *const u8, step: isize, range: Range<i64>) -> Origin {
        Origin { first, step, range, by_row: -1 }
    }
    fn reply(first: *const u8, step: isize, range: Range<i64>) -> Origin {
        Origin { first, step, range, by_row: 0 }
    }
    /// A row, which is the `k`-th of its owner.
    fn slab(&self, row: i64, k: i64) -> *const u8 {
        let at = (row & self.by_row) | (k & !self.by_row);
        assert!(self.range.contains(&at), "row {at} of {:?}", self.range);
        self.first.wrapping_offset((at - self.range.start) as isize * self.step)
    }
}

/// Puts rows where a gather wants them.
pub(crate) struct Place {
    pub(crate) list: List,
    /// By points.
    pub(crate) values: Slabs,
    /// The shard's own place among the owners, and its rows.
    pub(crate) own: Option<(usize, Slabs)>,
    /// Of the rows that others have, with their replies in the order of the owners; `None` for the shard itself.
    pub(crate) others: Option<(Arc<Sorting>, Vec<Option<Incoming>>)>,
    pub(crate) name: Name,
}

impl Place {
    /// The replies, each as long as it must be.
    fn replies(&self) -> Result<Vec<Option<Arc<HostBuffer>>>, TaskFailure> {
        let Some((sorting, replies)) = &self.others else { return Ok(vec![None]) };
        let slab = self.values.slab_bytes();
        let reply = |(place, incoming): (usize, &Option<Incoming>)| {
            let Some(message) = incoming.as_ref().map(Incoming::get) else { return Ok(None) };
            let due = sorting.total(place) * slab;
            if message.len() == due {
                Ok(Some(message))
            } else {
                Err(diverged(message.len(), &due.to_string(), &self.list.provenance))
            }
        };
        replies.iter().enumerate().map(reply).collect()
    }

    /// Where slabs are one run on both sides, and in messages: a mispredicted branch for each point that changes owners would cost more than the rest, so the
    /// owner chooses a source, and not a way.
    fn place_runs<M: Mover + ?Sized>(&self, span: usize, mover: &M) -> Result<(), TaskFailure> {
        let replies = self.replies()?;
        let slab = self.values.slab_bytes();
        let source = |(place, reply): (usize, &Option<Arc<HostBuffer>>)| match (reply, &self.own) {
            (Some(reply), _) => Origin::reply(reply.as_ptr(), slab as isize, 0..(reply.len() / slab) as i64),
            (None, Some((here, table))) if *here == place => {
                let rows = table.rows().clone();
                Origin::table(table.slab(rows.start), table.step(), rows)
            }
            _ => Origin::reply(std::ptr::null(), 0, 0..0),
        };
        let sources: Vec<Origin> = replies.iter().enumerate().map(source).collect();
        let mut next = self.others.as_ref().map_or_else(|| vec![0], |(sorting, _)| sorting.before(span).to_vec());
        self.list.for_each(span, |point, row, place| {
            let from = &sources[place];
            let k = next[place];
            next[place] = k + 1;
            // SAFETY: the point is this chunk's, and the node has recorded that it writes it, and that it reads the table, whose field is another; replies are
            // read only. The place of the source is checked.
            unsafe { mover.slab(self.values.slab(point), from.slab(row, k as i64)) }
        })
    }

    fn place<M: Mover + ?Sized, N: Mover + ?Sized>(
        &self,
        span: usize,
        mover: &M,
        unpacker: &N,
    ) -> Result<(), TaskFailure> {
        let replies = self.replies()?;
        let mut next = self.others.as_ref().map_or_else(Vec::new, |(sorting, _)| sorting.before(span).to_vec());
        let format = Format::slabs(self.values.slab_bytes());
        self.list.for_each(span, |point, row, place| {
            let to = self.values.slab(point);
            match &replies[place] {
                Some(reply) => {
                    let k = next[place] as usize;
                    next[place] += 1;
                    // SAFETY: the point is this chunk's, and the node has recorded that it writes it; the reply is read only.
                    unsafe { unpacker.slab(to, format.slab(reply, 0, k)) }
                }
                None => {
                    let (_, table) = self.own.as_ref().expect("rows that nobody is asked for are here");
                    // SAFETY: as above; the node has recorded that it reads the table, whose field is another.
                    unsafe { mover.slab(to, table.slab(row)) }
                }
            }
        })
    }
}

impl Work for Place {
    fn chunks(&self) -> usize {
        self.list.spans.len()
    }
    fn run(&self, chunk: usize, _hands: &dyn Hands) -> Result<(), TaskFailure> {
        let unpacking = &Slabs::mover(Some(&self.values), None);
        let moving = &self.own.as_ref().map(|(_, table)| Slabs::mover(Some(&self.values), Some(table)));
        match moving {
            // Rows that are runs on both sides are runs in messages.
            Some(plan) if plan.run_bytes().is_some() => with_mover!(plan, mover => self.place_runs(chunk, mover)),
            Some(plan) => self.place(chunk, plan, unpacking),
            None if unpacking.run_bytes().is_some() => with_mover!(unpacking, mover => self.place_runs(chunk, mover)),
            None => self.place(chunk, unpacking, unpacking),
        }
    }
    fn about(&self) -> About {
        self.name.about(self.values.slab_bytes() * self.list.points() / self.chunks())
    }
    fn cost_ns(&self) -> f64 {
        4.0 * self.list.points() as f64 + copy_cost_ns(self.values.slab_bytes() * self.list.points())
    }
}

/// A shard's own points of a scatter.
pub(crate) enum Own {
    None,
    /// Sorted by owners, and the shard's place among them.
    Sorted(Arc<Sorting>, usize),
    /// The points and their values, and the shard's place among the owners.
    Listed(Box<(List, Slabs)>, usize),
}

/// Writes rows of a scatter where they belong: those of lower shards first, then the shard's own, then those of higher ones, each in the order of its points.
pub(crate) struct Apply {
    pub(crate) table: Slabs,
    /// The table's rows, cut for the cores.
    pub(crate) spans: Vec<Range<i64>>,
    pub(crate) before: Vec<Incoming>,
    pub(crate) own: Own,
    pub(crate) after: Vec<Incoming>,
    pub(crate) format: Format,
    /// Points altogether, about.
    pub(crate) points: usize,
    pub(crate) name: Name,
}

impl Apply {
    fn messages<M: Mover + ?Sized>(
        &self,
        span: &Range<i64>,
        messages: &[Incoming],
        mover: &M,
    ) -> Result<(), TaskFailure> {
        messages.iter().try_for_each(|message| self.message(span, &message.get(), mover))
    }

    fn message<M: Mover + ?Sized>(
        &self,
        span: &Range<i64>,
        message: &HostBuffer,
        mover: &M,
    ) -> Result<(), TaskFailure> {
        let count = self.format.count(message);
        let count = count.ok_or_else(|| diverged(message.len(), "whole rows", &self.name.provenance))?;
        for k in 0..count {
            let row = self.format.row(message, k);
            if span.contains(&row) {
                // SAFETY: the row is this chunk's, and the node has recorded that it writes it; the message is read only.
                unsafe { mover.slab(self.table.slab(row), self.format.slab(message, count, k)) }
            }
        }
        Ok(())
    }

    fn own<M: Mover + ?Sized>(&self, span: &Range<i64>, mover: &M) -> Result<(), TaskFailure> {
        let Own::Listed(listed, here) = &self.own else { return Ok(()) };
        let (list, values) = &**listed;
        (0..list.spans.len()).try_for_each(|k| {
            list.for_each(k, |point, row, place| {
                if place == *here && span.contains(&row) {
                    // SAFETY: the row is this chunk's, and the node has recorded that it writes it and reads the values, of another field.
                    unsafe { mover.slab(self.table.slab(row), values.slab(point)) }
                }
            })
        })
    }
}

impl Work for Apply {
    fn chunks(&self) -> usize {
        self.spans.len()
    }
    fn run(&self, chunk: usize, _hands: &dyn Hands) -> Result<(), TaskFailure> {
        let span = &self.spans[chunk];
        debug_assert!(self.table.rows().start <= span.start && span.end <= self.table.rows().end);
        let unpacking = &Slabs::mover(Some(&self.table), None);
        with_mover!(unpacking, mover => self.messages(span, &self.before, mover))?;
        match &self.own {
            Own::None => {}
            Own::Sorted(sorting, here) => {
                with_mover!(unpacking, mover => self.message(span, &sorting.message(*here), mover))?;
            }
            Own::Listed(listed, _) => {
                let moving = &Slabs::mover(Some(&self.table), Some(&listed.1));
                with_mover!(moving, mover => self.own(span, mover))?;
            }
        }
        with_mover!(unpacking, mover => self.messages(span, &self.after, mover))
    }
    fn about(&self) -> About {
        self.name.about(self.format.bytes(self.points) / self.chunks())
    }
    fn cost_ns(&self) -> f64 {
        4.0 * self.points as f64 + copy_cost_ns(self.table.slab_bytes() * self.points)
    }
}
