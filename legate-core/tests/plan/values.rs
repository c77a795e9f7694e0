//! Values that tell where they come from, and folds that tell their parentheses.

use legate_core::geometry::tree::{Node, Tree};
use legate_core::geometry::{Point, Rect};

/// A value; 0 where nothing was ever written.
pub(crate) type Value = u64;

/// A hash of numbers in order.
pub(crate) fn mix(parts: impl IntoIterator<Item = u64>) -> Value {
    parts.into_iter().fold(0x9e37_79b9_7f4a_7c15, |h: u64, x| {
        let mut z = (h ^ x).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z ^= z >> 29;
        z.wrapping_mul(0x94d0_49bb_1331_11eb) ^ (z >> 32)
    })
}

/// The join of two partial results: neither commutative nor associative.
pub(crate) fn join(left: Value, right: Value) -> Value {
    mix([1, left, right])
}

/// Every point of a rectangle, row-major.
pub(crate) fn points(rect: &Rect) -> Vec<Point> {
    (0..rect.rank()).fold(vec![Point::new()], |points, d| {
        let along = |p: Point| (rect.lo[d]..rect.hi[d]).map(move |x| p.iter().copied().chain([x]).collect());
        points.into_iter().flat_map(along).collect()
    })
}

/// The value of a node by the definition of the tree: `item` gives the value of a leaf.
pub(crate) fn fold_node(tree: Tree, node: Node, item: &mut impl FnMut(u64) -> Value) -> Value {
    match tree.children(node) {
        Some((left, right)) => join(fold_node(tree, left, item), fold_node(tree, right, item)),
        None => item(tree.range(node).start),
    }
}
