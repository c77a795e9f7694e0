//! The canonical binary tree over items that arrive in order.

use smallvec::SmallVec;

/// Sums items by the canonical tree: holds the sums of the maximal complete nodes so far, largest first.
///
/// Like a binary counter: item `n` completes as many nodes as `n` has trailing one bits.
pub(super) struct TreeSum<V> {
    nodes: SmallVec<[V; 8]>,
    items: u64,
}

impl<V> TreeSum<V> {
    pub(super) fn new() -> TreeSum<V> {
        TreeSum { nodes: SmallVec::new(), items: 0 }
    }

    /// The next item. `join` adds a right neighbour to a left one.
    pub(super) fn push(&mut self, item: V, mut join: impl FnMut(V, V) -> V) {
        let mut node = item;
        for _ in 0..self.items.trailing_ones() {
            let left = self.nodes.pop().expect("a complete node for each one bit");
            node = join(left, node);
        }
        self.nodes.push(node);
        self.items += 1;
    }

    /// The sum of all items; `None` if there were none.
    pub(super) fn finish(mut self, mut join: impl FnMut(V, V) -> V) -> Option<V> {
        let mut sum = self.nodes.pop()?;
        while let Some(left) = self.nodes.pop() {
            sum = join(left, sum);
        }
        Some(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition: a node is its two halves.
    fn by_definition(lo: usize, size: usize, n: usize) -> String {
        if size == 1 {
            return lo.to_string();
        }
        let half = size / 2;
        if lo + half >= n {
            return by_definition(lo, half, n);
        }
        format!("({}+{})", by_definition(lo, half, n), by_definition(lo + half, half, n))
    }

    #[test]
    fn items_in_order_make_the_canonical_tree() {
        let join = |a: String, b: String| format!("({a}+{b})");
        for n in 1..70 {
            let mut sum = TreeSum::new();
            (0..n).for_each(|i: usize| sum.push(i.to_string(), join));
            assert_eq!(sum.finish(join), Some(by_definition(0, n.next_power_of_two(), n)));
        }
        assert_eq!(TreeSum::<String>::new().finish(join), None);
    }
}
