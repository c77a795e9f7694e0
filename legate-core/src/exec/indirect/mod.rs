//! Copies that an index steers, on one shard: points of a list are sorted by who has their rows (`sort`), rows are served to others, placed where they were wanted, or
//! written where they belong (`works`). `slabs` is the memory.

mod slabs;
mod sort;
mod works;

pub(crate) use slabs::{Format, Slabs};
pub(crate) use sort::{Count, Fill, Sorting};
pub(crate) use works::{Apply, Incoming, Own, Place, serve};

use crate::analysis::indirect::Rows;
use crate::error::{FailureKind, Provenance, TaskFailure};
use std::ops::Range;
use std::sync::Arc;

/// The points of a list that are this shard's, and the rows that they mean.
#[derive(Clone)]
pub(crate) struct List {
    /// Elements of eight bytes.
    pub(crate) index: Slabs,
    /// The points, cut for the cores.
    pub(crate) spans: Vec<Range<i64>>,
    /// Of the table.
    pub(crate) rows: Arc<Rows>,
    pub(crate) provenance: Provenance,
}

impl List {
    /// Calls with each point of a span, its row, and the place of the row's owner among the owners.
    fn for_each(&self, span: usize, mut call: impl FnMut(i64, i64, usize)) -> Result<(), TaskFailure> {
        let count = self.rows.count();
        let mut outside = None;
        self.index.numbers(self.spans[span].clone(), |point, number| {
            let row = if number < 0 { number + count } else { number };
            if (0..count).contains(&row) {
                call(point, row, self.rows.place(row));
            } else {
                outside.get_or_insert(number);
            }
        });
        let refused = outside.map(|number| {
            let message = format!("index {number} is out of bounds for {count} rows");
            TaskFailure::new("index", &self.provenance, FailureKind::Error, message)
        });
        refused.map_or(Ok(()), Err)
    }

    /// How many points there are.
    fn points(&self) -> usize {
        self.spans.iter().map(|span| (span.end - span.start) as usize).sum()
    }
}

/// What comes of a message that is not as long as it must be.
fn diverged(found: usize, due: &str, by: &Provenance) -> TaskFailure {
    let message = format!("a rank has sent {found} bytes where {due} are due: it runs another program");
    TaskFailure::new("receive", by, FailureKind::Divergence, message)
}

/// What comes of memory that is not there.
fn refused(refusal: crate::exec::OutOfMemory, by: &Provenance) -> TaskFailure {
    TaskFailure::new("index", by, FailureKind::OutOfMemory, refusal.to_string())
}
