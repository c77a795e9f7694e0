//! Rows that an index names, between shards: gathers and scatters for which no shard needs all of the table.
//!
//! Small tables are on every shard anyway, and long lists of short tables cost less where the table is; those are routines ([`crate::routine`]), and so is everything on
//! one shard. Which way is taken depends on extents and the mapper's policy only.

use crate::array::NdArray;
use crate::error::Result;
use crate::session::Session;
use legate_core::mapping::{FieldMapping, Mapper};
use legate_core::runtime::Runtime;
use legate_core::store::Store;

/// Bytes of a row's number in a message, mostly.
const NUMBER_BYTES: i64 = 4;

impl Session {
    /// Whether rows of `table` are better asked for than the table brought to every shard: the runtime, if they are. `points`: how many rows are gathered. Not asked
    /// about empty arrays.
    pub(crate) fn asks_for_rows(&self, table: &NdArray, points: i64) -> Option<&Runtime> {
        let (elements, size) = (table.size(), table.itemsize() as i64);
        let row = elements / table.shape()[0].max(1) * size;
        let runtime = self.tells_rows(table)?;
        let all = i64::from(runtime.machine().shards).saturating_mul(elements.saturating_mul(size));
        (points.saturating_mul(row + NUMBER_BYTES) < all).then_some(runtime)
    }

    /// Whether rows of `table` are written by the shards that have them, told by those that have their values: the runtime, if they are.
    pub(crate) fn tells_rows(&self, table: &NdArray) -> Option<&Runtime> {
        let runtime = self.runtime()?;
        let machine = runtime.machine();
        let spread = || self.mapper().field(&table.base.shape, table.itemsize() as u32, machine);
        let wanted = machine.shards > 1 && self.mapper().tunable("numpy.indirect") != Some(0);
        (wanted && matches!(spread(), FieldMapping::Tile { .. })).then_some(&**runtime)
    }

    /// `out[p] = table[index[p]]`: rows along the first dimensions. The index is a vector of int64 that are in bounds; `out` is new.
    pub(crate) fn gather_rows(&self, runtime: &Runtime, out: &NdArray, table: &NdArray, index: &NdArray) -> Result<()> {
        let (table, index) = (self.seen(runtime, table)?, self.seen(runtime, index)?);
        self.ensure_field(out, runtime, true);
        runtime.gather(self.seen_written(runtime, out), table, index, &self.provenance())?;
        written(out);
        Ok(())
    }

    /// `table[index[p]] = values[p]`: as [`Session::gather_rows`]; of several with one row the last wins.
    pub(crate) fn scatter_rows(
        &self,
        runtime: &Runtime,
        table: &NdArray,
        index: &NdArray,
        values: &NdArray,
    ) -> Result<()> {
        let apart = |a: &NdArray| -> Result<NdArray> {
            let compact = a.with_view(a.view.without_broadcast());
            if !a.shares_base(table) {
                return Ok(a.clone());
            }
            let copy = self.copy(&compact)?;
            let view = copy.view.broadcast(a.shape()).expect("a copy has the shape of what was copied");
            Ok(copy.with_view(view))
        };
        let (index, values) = (apart(index)?, apart(values)?);
        let (index, values) = (self.seen(runtime, &index)?, self.seen(runtime, &values)?);
        self.refresh(table)?;
        self.ensure_field(table, runtime, false);
        runtime.scatter(self.seen_written(runtime, table), values, index, &self.provenance())?;
        written(table);
        self.write_back(table)
    }

    /// What core sees of an array that is read.
    fn seen(&self, runtime: &Runtime, a: &NdArray) -> Result<Store> {
        self.refresh(a)?;
        self.ensure_field(a, runtime, false);
        self.ensure_affine(a, false, runtime);
        Ok(store(a))
    }

    /// What core sees of an array that has a field and is written.
    fn seen_written(&self, runtime: &Runtime, a: &NdArray) -> Store {
        self.ensure_affine(a, true, runtime);
        store(a)
    }
}

fn store(a: &NdArray) -> Store {
    let (field, access) = a.access();
    Store { field: field.handle.id(), shape: a.shape().into(), access }
}

/// What the host has of it is old.
fn written(a: &NdArray) {
    a.base.cell.lock().note_launch();
}
