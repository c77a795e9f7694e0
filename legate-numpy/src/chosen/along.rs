//! Several indexed dimensions seen as one, and an array as rows of it.

use super::{Choice, Chosen};
use crate::array::NdArray;
use crate::issue::Body;
use crate::order::Order;
use crate::view::{View, volume};
use legate_core::geometry::Point;
use legate_kernels::dtype::Scalar;
use legate_kernels::ops::BinaryOp;
use legate_kernels::program::ValueId;
use smallvec::SmallVec;

/// One step of the way to a combined place: `(place / below) % extent` steps of `stride` elements of the base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Term {
    pub(super) choice: usize,
    pub(super) below: i64,
    pub(super) extent: i64,
    pub(super) stride: i64,
}

/// All chosen dimensions as one, of `extent` places `stride` elements apart. The first is at `offset`; `shift` is the place that all indices of zero mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Along {
    pub(super) offset: i64,
    pub(super) extent: i64,
    pub(super) stride: i64,
    pub(super) shift: i64,
    pub(super) terms: SmallVec<[Term; 4]>,
}

impl Along {
    /// For these terms, in a view that begins at `offset`.
    fn of(offset: i64, terms: SmallVec<[Term; 4]>) -> Along {
        if let [term] = terms[..] {
            return Along { offset, extent: term.extent, stride: term.stride, shift: 0, terms };
        }
        let moving = terms.iter().filter(|term| term.extent > 1);
        let stride = moving.clone().fold(0, |divisor, term| gcd(divisor, term.stride)).max(1);
        let reach = |pick: fn(i64) -> i64| moving.clone().map(|t| pick(t.stride) * (t.extent - 1)).sum::<i64>();
        let (low, high) = (reach(|s| s.min(0)), reach(|s| s.max(0)));
        Along { offset: offset + low, extent: (high - low) / stride + 1, stride, shift: -low / stride, terms }
    }
}

fn gcd(a: i64, b: i64) -> i64 {
    let (mut a, mut b) = (a.abs(), b.abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// The terms of a choice: one for dimensions whose places lie evenly, else one for each.
fn terms(view: &View, number: usize, choice: &Choice) -> SmallVec<[Term; 4]> {
    let axes = choice.axis..choice.axis + choice.rank;
    let (shape, strides) = (&view.shape[axes.clone()], &view.strides[axes]);
    let even = (1..choice.rank).all(|d| strides[d - 1] == shape[d] * strides[d]);
    match (choice.rank, even) {
        (0, _) => SmallVec::new(),
        (rank, true) => {
            let term = Term { choice: number, below: 1, extent: volume(shape), stride: strides[rank - 1] };
            SmallVec::from_iter([term])
        }
        (rank, false) => (0..rank)
            .map(|d| Term { choice: number, below: volume(&shape[d + 1..]), extent: shape[d], stride: strides[d] })
            .collect(),
    }
}

pub(super) fn along(chosen: &Chosen) -> Along {
    let all = chosen.choices.iter().enumerate().flat_map(|(number, choice)| terms(&chosen.view, number, choice));
    Along::of(chosen.view.offset, all.collect())
}

/// An array as rows: `[outer, n, inner]`, the chosen dimension in the middle, the others merged as far as they lie evenly.
pub(super) struct Rows {
    pub(super) view: View,
    /// The dimension that is indexed, of the array of which these are rows, in front; then the others in the order that they lie in memory.
    pub(super) apart: View,
    /// The dimensions of `apart` behind the first one, for each of the rest.
    pub(super) order: Order,
}

impl Rows {
    /// `None` if more than two dimensions would be left beside the chosen one.
    pub(super) fn of(a: &NdArray, chosen: &Chosen, along: &Along) -> Option<Rows> {
        let pick = |from: &[i64]| -> Point { chosen.rest.iter().map(|&d| from[d]).collect() };
        let rest = View { offset: along.offset, shape: pick(&chosen.view.shape), strides: pick(&chosen.view.strides) };
        let rest = a.with_view(rest);
        let order = Order::of(rest.shape(), std::iter::once(&rest));
        let rest = order.view_of(&rest).view;
        let mut groups: SmallVec<[(i64, i64); 4]> = SmallVec::new();
        for (&n, &stride) in rest.shape.iter().zip(&rest.strides).filter(|(n, _)| **n != 1) {
            match groups.last_mut() {
                Some(last) if last.1 == n * stride => *last = (last.0 * n, stride),
                _ => groups.push((n, stride)),
            }
        }
        let single = (1, 0);
        let (outer, inner) = match groups[..] {
            [] => (single, single),
            [one] if one.1.abs() > along.stride.abs() && along.extent > 1 => (one, single),
            [one] => (single, one),
            [outer, inner] => (outer, inner),
            _ => return None,
        };
        let view = View {
            offset: along.offset,
            shape: Point::from_slice(&[outer.0, along.extent, inner.0]),
            strides: Point::from_slice(&[outer.1, along.stride, inner.1]),
        };
        let apart = View {
            offset: along.offset,
            shape: std::iter::once(along.extent).chain(rest.shape.iter().copied()).collect(),
            strides: std::iter::once(along.stride).chain(rest.strides.iter().copied()).collect(),
        };
        Some(Rows { view, apart, order })
    }

    /// Whether the rows are those of the first dimension in memory.
    pub(super) fn are_outermost(&self) -> bool {
        self.view.shape[0] == 1
    }
}

/// The steps of `unit` elements that a place along the dimensions of a choice, of `extent` places together, means for one term.
pub(super) fn step(
    body: &mut Body<'_>,
    place: ValueId,
    term: &Term,
    (signed, extent): (bool, i64),
    unit: i64,
) -> ValueId {
    let mut constant = |value: i64| body.program.constant(Scalar::new(value));
    let (zero, count) = (constant(0), constant(extent));
    let (below, own, steps) = (constant(term.below), constant(term.extent), constant(term.stride / unit));
    let program = &mut body.program;
    let mut place = place;
    if signed {
        let negative = program.binary(BinaryOp::Less, place, zero);
        let counted = program.binary(BinaryOp::Add, place, count);
        place = program.select(negative, counted, place);
    }
    if term.below > 1 {
        place = program.binary(BinaryOp::FloorDivide, place, below);
    }
    if term.below * term.extent < extent {
        place = program.binary(BinaryOp::Remainder, place, own);
    }
    program.binary(BinaryOp::Multiply, place, steps)
}
