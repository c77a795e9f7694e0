//! Panels: operands that are read across the grain.
//!
//! In `a + b.T` the elements of a row of `b.T` are a row of `b` apart: each comes from a cache line of its own, and the line's other elements belong to the
//! rows below. So such a load gathers a *panel*, [`ROWS`] rows of a tile at once: every line is fetched once and used up. The tiles of those rows then
//! find their elements one after the other.

use super::nest::{Dim, Offsets, shift, walk_tiles};
use super::plan::{Load, Plan};
use super::tiles::Tiles;
use crate::operand::RawOperand;
use smallvec::SmallVec;

/// Rows of a panel: two cache lines of doubles, for adjacent lines come together.
pub(super) const ROWS: usize = 16;

/// A load that reads across the grain.
#[derive(Clone, Copy, Debug)]
pub(super) struct Panel {
    pub(super) load: usize,
    /// Where its rows lie in the arena, each as long as a tile.
    pub(super) start: usize,
}

/// The panels of a run.
pub(super) type Panels = SmallVec<[Panel; 2]>;

/// Bytes of scratch memory that panels may need beyond the plan's.
pub(super) fn arena_bytes(plan: &Plan, operands: &[RawOperand]) -> usize {
    let bytes = |load: &Load| {
        let size = plan.slots[load.slot as usize].size;
        let strides = &operands[load.operand as usize].strides;
        let crosses = strides.len() > 1 && strides.contains(&(size as isize));
        if crosses { panel_bytes(plan, size) } else { 0 }
    };
    plan.loads.iter().map(bytes).sum::<usize>() + 64
}

/// Room for the rows, and for what kernels read beyond the last one.
fn panel_bytes(plan: &Plan, size: usize) -> usize {
    (ROWS + 1) * plan.tile * size
}

/// The loads that read across the grain where tiles are segments of `row` and the next loop outwards is `column`.
pub(super) fn find(plan: &Plan, column: Dim<'_>, row: Dim<'_>) -> Panels {
    let mut panels = Panels::new();
    let mut start = plan.arena.next_multiple_of(64);
    for (i, load) in plan.loads.iter().enumerate() {
        let size = plan.slots[load.slot as usize].size;
        let (along, across) = (row.steps[i].unsigned_abs(), column.steps[i]);
        if across == size as isize && along > ROWS * size {
            panels.push(Panel { load: i, start });
            start += panel_bytes(plan, size);
        }
    }
    panels
}

/// Computes the tiles of a nest whose loads across the grain are `tiles`' panels: segments of `row`, at each position of `column` and of the
/// outer loops; all rows of a segment before the next segment.
///
/// # Safety
/// As for [`Tiles::compute`], for all of these points; a segment has at most a tile of points.
pub(super) unsafe fn compute(
    tiles: &mut Tiles<'_>,
    outer: &[Dim<'_>],
    column: Dim<'_>,
    row: Dim<'_>,
    segment: usize,
    offsets: &mut Offsets,
) {
    walk_tiles(outer, row, segment, offsets, &mut |offsets, length| {
        let mut done = 0;
        while done < column.extent {
            let rows = ROWS.min(column.extent - done);
            // SAFETY: the caller's promise, for the rows of a panel and each of them.
            unsafe {
                tiles.gather_panels(offsets, rows, Dim { extent: length, ..row });
                for k in 0..rows {
                    tiles.compute_row(k, offsets, length);
                    shift(offsets, column.steps, 1);
                }
            }
            done += rows;
        }
        shift(offsets, column.steps, -(column.extent as isize));
    });
}
