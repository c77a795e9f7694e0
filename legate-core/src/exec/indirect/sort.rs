//! The points of a list, sorted by who has their rows: one message for each owner, its rows in the order of the points.
//!
//! A counting sort in two nodes: each chunk counts; then each chunk knows where in every message its rows begin.

use super::slabs::{Mover, with_mover};
use super::{Format, List, Slabs, refused};
use crate::error::TaskFailure;
use crate::exec::action::Name;
use crate::exec::{BufferPool, HostBuffer, Work};
use crate::operation::Hands;
use crate::profile::About;
use parking_lot::Mutex;
use std::sync::{Arc, OnceLock};

/// See the module's documentation.
pub(crate) struct Sorting {
    pub(super) list: List,
    format: Format,
    /// What goes with the rows, by points.
    values: Option<Slabs>,
    pool: Arc<BufferPool>,
    name: Name,
    /// For each span and owner, how many rows.
    counts: Vec<OnceLock<Vec<u64>>>,
    sorted: OnceLock<Sorted>,
}

/// Where everything goes.
struct Sorted {
    /// For each span and owner, how many rows come before.
    before: Vec<Vec<u64>>,
    /// For each owner, how many rows.
    totals: Vec<u64>,
    /// For each owner, this shard included: to leave points out would cost a mispredicted branch for each.
    messages: Vec<Mutex<Option<Arc<HostBuffer>>>>,
}

impl Sorting {
    pub(crate) fn new(list: List, values: Option<Slabs>, pool: Arc<BufferPool>, name: Name) -> Arc<Sorting> {
        let format = Format::numbers(list.rows.count());
        let format = values.as_ref().map_or(format, |values| format.with_slabs(values.slab_bytes()));
        let counts = list.spans.iter().map(|_| OnceLock::new()).collect();
        Arc::new(Sorting { list, format, values, pool, name, counts, sorted: OnceLock::new() })
    }

    /// Takes the message for the owner at a place, which was filled.
    pub(crate) fn take(&self, place: usize) -> Arc<HostBuffer> {
        self.sorted().messages[place].lock().take().expect("a message is sent once")
    }

    /// The message for the owner at a place, which was filled and is not taken.
    pub(crate) fn message(&self, place: usize) -> Arc<HostBuffer> {
        self.sorted().messages[place].lock().clone().expect("it was filled and not taken")
    }

    /// How many rows the owner at a place has.
    pub(super) fn total(&self, place: usize) -> usize {
        self.sorted().totals[place] as usize
    }

    /// For each owner how many rows come before a span.
    pub(super) fn before(&self, span: usize) -> &[u64] {
        &self.sorted().before[span]
    }

    fn sorted(&self) -> &Sorted {
        self.sorted.get().expect("a node runs after the one that counts")
    }

    /// After all spans were counted: where each begins, and memory for the messages.
    fn arrange(&self) -> Result<(), TaskFailure> {
        let mut totals = vec![0; self.list.rows.owners().len()];
        let mut before = Vec::with_capacity(self.counts.len());
        for counts in &self.counts {
            before.push(totals.clone());
            let counts = counts.get().expect("each span was counted");
            totals.iter_mut().zip(counts).for_each(|(total, count)| *total += count);
        }
        let message = |total: &u64| {
            let buffer = self.pool.allocate(self.format.bytes(*total as usize))?;
            Ok(Mutex::new(Some(Arc::new(buffer))))
        };
        let messages: Result<_, _> = totals.iter().map(message).collect();
        let messages = messages.map_err(|refusal| refused(refusal, &self.list.provenance))?;
        let first = self.sorted.set(Sorted { before, totals, messages }).is_ok();
        debug_assert!(first, "a node ends once");
        Ok(())
    }

    fn fill<M: Mover + ?Sized>(&self, span: usize, mover: Option<&M>) -> Result<(), TaskFailure> {
        let sorted = self.sorted();
        let messages: Vec<Arc<HostBuffer>> = (0..sorted.messages.len()).map(|place| self.message(place)).collect();
        let mut next = sorted.before[span].clone();
        self.list.for_each(span, |point, row, place| {
            let message = &*messages[place];
            let k = next[place] as usize;
            next[place] += 1;
            // SAFETY: the `k`-th place of the message is this point's: spans begin where those before them end, by the same count.
            unsafe {
                self.format.put_row(message, k, row);
                if let (Some(mover), Some(values)) = (mover, &self.values) {
                    mover.slab(self.format.slab(message, sorted.totals[place] as usize, k), values.slab(point));
                }
            }
        })
    }
}

/// Counts.
pub(crate) struct Count(pub(crate) Arc<Sorting>);

impl Work for Count {
    fn chunks(&self) -> usize {
        self.0.list.spans.len()
    }
    fn run(&self, chunk: usize, _hands: &dyn Hands) -> Result<(), TaskFailure> {
        let mut counts = vec![0; self.0.list.rows.owners().len()];
        self.0.list.for_each(chunk, |_, _, place| counts[place] += 1)?;
        let first = self.0.counts[chunk].set(counts).is_ok();
        debug_assert!(first, "a chunk runs once");
        Ok(())
    }
    fn finish(&self) -> Result<(), TaskFailure> {
        self.0.arrange()
    }
    fn about(&self) -> About {
        self.0.name.about(8 * self.0.list.points() / self.chunks())
    }
    fn cost_ns(&self) -> f64 {
        2.0 * self.0.list.points() as f64
    }
}

/// Fills the messages.
pub(crate) struct Fill(pub(crate) Arc<Sorting>);

impl Work for Fill {
    fn chunks(&self) -> usize {
        self.0.list.spans.len()
    }
    fn run(&self, chunk: usize, _hands: &dyn Hands) -> Result<(), TaskFailure> {
        match &self.0.values {
            None => self.0.fill::<super::slabs::Fixed<0>>(chunk, None),
            Some(values) => {
                let plan = &Slabs::mover(None, Some(values));
                with_mover!(plan, mover => self.0.fill(chunk, Some(mover)))
            }
        }
    }
    fn about(&self) -> About {
        self.0.name.about(self.0.format.bytes(self.0.list.points()) / self.chunks())
    }
    fn cost_ns(&self) -> f64 {
        4.0 * self.0.list.points() as f64
    }
}
