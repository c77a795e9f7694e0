//! Copies that values steer: `dst[p] = src[index[p]]`, `dst[index[p]] = src[p]`.

use crate::error::Provenance;
use crate::id::OpId;
use crate::store::Store;
use serde::{Deserialize, Serialize};

/// Which way the values go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Direction {
    /// `values[p] = table[index[p]]`.
    Gather,
    /// `table[index[p]] = values[p]`; of several `p` with one index the last wins.
    Scatter,
}

/// A copy between the rows of a table and a list, one row of the list for each element of an index. Only the values of the index say which row is meant, so what shards send each
/// other is known when they have it: each asks the owners for the rows that it wants, or sends them the rows that it has.
///
/// # Control replication
/// Who exchanges messages with whom is a function of the stream; how long they are is not.
#[derive(Clone, Debug)]
pub struct Indirect {
    /// Program order.
    pub id: OpId,
    /// Which way.
    pub direction: Direction,
    /// Rows along the view's first dimension: extents `(n, …)`. Written by a scatter, and then no row twice.
    pub table: Store,
    /// Extents `(m)`: elements of eight bytes, signed integers in `-n..n`, negative ones counting from the end.
    pub index: Store,
    /// Extents `(m, …)`. Written by a gather.
    pub values: Store,
    /// The user's line.
    pub provenance: Provenance,
}

impl Indirect {
    /// What it writes.
    pub fn written(&self) -> &Store {
        match self.direction {
            Direction::Gather => &self.values,
            Direction::Scatter => &self.table,
        }
    }
    /// What it reads: the index last.
    pub fn read(&self) -> [&Store; 2] {
        match self.direction {
            Direction::Gather => [&self.table, &self.index],
            Direction::Scatter => [&self.values, &self.index],
        }
    }
}
