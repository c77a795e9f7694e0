//! The loop nest of a run: which dimensions are walked, in which order, and how each operand steps along them.

use super::kernel::STRIP;
use super::plan::Plan;
use crate::operand::RawOperand;
use smallvec::SmallVec;

/// One offset for each stream, in bytes (in points for coordinates). A stream is something that moves as the nest is walked: an operand's address,
/// or a coordinate. Streams are numbered: loads, coordinates, stores, folds, each in the plan's order.
pub(super) type Offsets = SmallVec<[isize; 12]>;

/// One loop.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dim<'a> {
    pub(super) extent: usize,
    /// What each stream steps by.
    pub(super) steps: &'a [isize],
}

/// A sequence of loops, outermost first.
pub(super) type Dims<'a> = SmallVec<[Dim<'a>; 4]>;

/// What each stream steps by along each domain dimension: a row of streams for each dimension, and at the end a row of zeros.
pub(super) struct Steps {
    table: SmallVec<[isize; 40]>,
    streams: usize,
}

impl Steps {
    pub(super) fn new(plan: &Plan, operands: &[RawOperand], rank: usize) -> Steps {
        let streams = plan.loads.len() + plan.indices.len() + plan.stores.len() + plan.folds.len();
        let mut table = SmallVec::new();
        for d in 0..rank {
            let stride = |operand: u16| operands[operand as usize].strides[d];
            plan.loads.iter().for_each(|load| table.push(stride(load.operand)));
            plan.indices.iter().for_each(|(_, dim)| table.push(isize::from(*dim as usize == d)));
            plan.stores.iter().for_each(|store| table.push(stride(store.operand)));
            plan.folds.iter().for_each(|fold| table.push(stride(fold.operand)));
        }
        table.resize(table.len() + streams, 0);
        Steps { table, streams }
    }

    /// The steps along a domain dimension; past the last one, no steps.
    pub(super) fn along(&self, d: usize) -> &[isize] {
        &self.table[d * self.streams..(d + 1) * self.streams]
    }

    pub(super) fn streams(&self) -> usize {
        self.streams
    }
}

/// Puts the loops with the longest strides outermost, where order does not matter, and joins neighbours that all streams cross without a seam.
pub(super) fn simplify(mut dims: Dims<'_>) -> Dims<'_> {
    if dims.len() < 2 {
        return dims;
    }
    let reach = |dim: &Dim<'_>| dim.steps.iter().map(|s| s.unsigned_abs()).fold(0usize, usize::saturating_add);
    if dims.windows(2).any(|pair| reach(&pair[0]) < reach(&pair[1])) {
        dims.sort_by_key(|dim| std::cmp::Reverse(reach(dim)));
    }
    dims.dedup_by(|inner, outer| {
        let seamless = outer.steps.iter().zip(inner.steps).all(|(o, i)| *o == *i * inner.extent as isize);
        if seamless {
            outer.extent *= inner.extent;
            outer.steps = inner.steps;
        }
        seamless
    });
    dims
}

/// Where to cut a nest into tiles: loops from `dim` inwards belong to a tile, `segment` points of `dim` at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) dim: usize,
    pub(super) segment: usize,
    /// Points of a tile for each point of `dim`.
    pub(super) inner: usize,
}

/// Cuts a nest such that tiles have about `tile` points: short inner loops are whole in a tile.
pub(super) fn cut(dims: &[Dim<'_>], tile: usize) -> Cut {
    let mut inner = 1;
    let mut dim = dims.len() - 1;
    while dim > 0 && inner * dims[dim].extent <= tile / 2 {
        inner *= dims[dim].extent;
        dim -= 1;
    }
    Cut { dim, segment: segment(tile, inner), inner }
}

/// How many rows of `inner` points make a tile: whole strips, if they fit.
pub(super) fn segment(tile: usize, inner: usize) -> usize {
    let rows = (tile / inner).max(1);
    let step = STRIP / gcd(inner, STRIP);
    if rows > step { rows / step * step } else { rows }
}

fn gcd(x: usize, y: usize) -> usize {
    if y == 0 { x } else { gcd(y, x % y) }
}

/// Calls `body` for each position of the loops, with the offsets there.
pub(super) fn walk(dims: &[Dim<'_>], offsets: &mut Offsets, body: &mut impl FnMut(&mut Offsets)) {
    let Some((outer, inner)) = dims.split_first() else { return body(offsets) };
    for _ in 0..outer.extent {
        walk(inner, offsets, body);
        shift(offsets, outer.steps, 1);
    }
    shift(offsets, outer.steps, -(outer.extent as isize));
}

/// Calls `body` for each segment of one loop, with the offsets at its start and its length.
pub(super) fn walk_segments(
    row: Dim<'_>,
    segment: usize,
    offsets: &mut Offsets,
    body: &mut impl FnMut(&mut Offsets, usize),
) {
    let mut start = 0;
    while start < row.extent {
        let length = segment.min(row.extent - start);
        body(offsets, length);
        shift(offsets, row.steps, length as isize);
        start += length;
    }
    shift(offsets, row.steps, -(row.extent as isize));
}

/// Calls `body` for each segment of `row` at each position of the outer loops.
pub(super) fn walk_tiles(
    outer: &[Dim<'_>],
    row: Dim<'_>,
    segment: usize,
    offsets: &mut Offsets,
    body: &mut impl FnMut(&mut Offsets, usize),
) {
    walk(outer, offsets, &mut |offsets| walk_segments(row, segment, offsets, body));
}

/// Moves every stream by `n` steps.
pub(super) fn shift(offsets: &mut Offsets, steps: &[isize], n: isize) {
    for (offset, step) in offsets.iter_mut().zip(steps) {
        *offset += step * n;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dims<'a>(list: &[(usize, &'a [isize])]) -> Dims<'a> {
        list.iter().map(|(extent, steps)| Dim { extent: *extent, steps }).collect()
    }
    fn shape(dims: &Dims<'_>) -> Vec<(usize, Vec<isize>)> {
        dims.iter().map(|d| (d.extent, d.steps.to_vec())).collect()
    }

    #[test]
    fn contiguous_dimensions_are_joined() {
        let joined = simplify(dims(&[(4, &[96, 96]), (3, &[32, 32]), (4, &[8, 8])]));
        assert_eq!(shape(&joined), [(48, vec![8, 8])]);
    }

    #[test]
    fn a_broadcast_row_keeps_the_seam() {
        let joined = simplify(dims(&[(4, &[96, 0]), (3, &[32, 32]), (4, &[8, 8])]));
        assert_eq!(shape(&joined), [(4, vec![96, 0]), (12, vec![8, 8])]);
    }

    #[test]
    fn columns_of_a_matrix_stored_by_columns_come_innermost() {
        let joined = simplify(dims(&[(5, &[8, 8]), (3, &[40, 40])]));
        assert_eq!(shape(&joined), [(15, vec![8, 8])]);
    }

    #[test]
    fn short_rows_share_a_tile() {
        assert_eq!(cut(&dims(&[(2_000_000, &[16]), (2, &[8])]), 1024), Cut { dim: 0, segment: 512, inner: 2 });
        assert_eq!(cut(&dims(&[(500, &[80_000]), (9000, &[8])]), 1024), Cut { dim: 1, segment: 1024, inner: 1 });
        assert_eq!(cut(&dims(&[(500, &[80]), (10, &[8])]), 1024), Cut { dim: 0, segment: 96, inner: 10 });
    }
}
