//! The canonical binary tree over items `0..n`: node `(h, i)` covers items `[i·2^h, (i+1)·2^h)`, clipped to `n`.
//! Its value is the join of its two halves; a half with no items is left out. See ARCHITECTURE.md, "Sums".
//!
//! Whatever cuts `0..n` into ranges, the maximal nodes of the ranges are nodes of this one tree, and joining siblings until the root is left
//! gives one parenthesisation. That is what makes the bits of a sum independent of threads, chunks and shards.
//!
//! A clipped node whose right half is empty is the same as its left child. Nodes are therefore kept *lifted*: an even node without a
//! sibling is named as its parent, and so on up. In this form two nodes join exactly if they are `(h, 2k)` and `(h, 2k+1)`.

use smallvec::SmallVec;
use std::collections::BTreeMap;
use std::ops::Range;

/// A node, in lifted form. Made by [`Tree`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Node {
    /// `log2` of the items it covers when it is not clipped.
    pub height: u32,
    /// Position among the nodes of this height.
    pub index: u64,
}

/// The canonical tree over `items` leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tree {
    items: u64,
}

impl Tree {
    /// Over `items` leaves, at most 2^62.
    pub fn new(items: u64) -> Tree {
        assert!(items <= 1 << 62, "more items than any domain has");
        Tree { items }
    }
    /// Number of leaves.
    pub fn items(self) -> u64 {
        self.items
    }
    /// The node that covers everything. Of a tree without items: a node without items.
    pub fn root(self) -> Node {
        Node { height: self.items.next_power_of_two().trailing_zeros(), index: 0 }
    }
    /// The items of a node.
    pub fn range(self, node: Node) -> Range<u64> {
        let start = node.index << node.height;
        start..(start + (1 << node.height)).min(self.items)
    }
    /// The node that two siblings join to; `None` for the root.
    pub fn parent(self, node: Node) -> Option<Node> {
        (node != self.root()).then(|| self.lift(Node { height: node.height + 1, index: node.index / 2 }))
    }
    /// The node to join with; `None` for the root. Of two siblings the one with the even index is the left.
    pub fn sibling(self, node: Node) -> Option<Node> {
        (node != self.root()).then_some(Node { height: node.height, index: node.index ^ 1 })
    }
    /// The two halves; `None` for a single item.
    pub fn children(self, node: Node) -> Option<(Node, Node)> {
        let mut node = node;
        while node.height > 0 {
            let left = Node { height: node.height - 1, index: node.index * 2 };
            let right = Node { height: left.height, index: left.index + 1 };
            if right.index << right.height < self.items {
                return Some((left, right));
            }
            node = left; // The right half is clipped away: the node is its left child.
        }
        None
    }
    /// The fewest nodes that together are the items of `range`, left to right: at most `2·log2(items)`.
    pub fn nodes(self, range: Range<u64>) -> SmallVec<[Node; 8]> {
        let mut nodes = SmallVec::new();
        let (mut at, end) = (range.start, range.end.min(self.items));
        while at < end {
            let aligned = if at == 0 { 63 } else { at.trailing_zeros() };
            let fits = (end - at).ilog2();
            let mut node = Node { height: aligned.min(fits), index: at >> aligned.min(fits) };
            if end == self.items {
                // A clipped node may reach past the end.
                let covers = (end - at).next_power_of_two().trailing_zeros();
                let height = aligned.min(covers);
                node = Node { height, index: at >> height };
            }
            let node = self.lift(node);
            at = self.range(node).end;
            nodes.push(node);
        }
        nodes
    }

    fn lift(self, mut node: Node) -> Node {
        let root = self.root();
        while node.height < root.height && node.index.is_multiple_of(2) && (node.index + 1) << node.height >= self.items
        {
            node = Node { height: node.height + 1, index: node.index / 2 };
        }
        node
    }
}

/// Values of some nodes of a tree; siblings are joined as soon as both are there.
#[derive(Clone, Debug)]
pub struct Partials<T> {
    tree: Tree,
    /// Keyed by the first item.
    nodes: BTreeMap<u64, (Node, T)>,
}

impl<T> Partials<T> {
    /// None yet.
    pub fn new(tree: Tree) -> Partials<T> {
        Partials { tree, nodes: BTreeMap::new() }
    }
    /// Adds the value of a node and joins it upwards as far as its siblings are there.
    /// `join(left, right)` gets the value of the lower items first. The nodes may come in any order; the result is the same.
    ///
    /// # Panics
    /// If some of the node's items were already added.
    pub fn insert(&mut self, node: Node, value: T, mut join: impl FnMut(T, T) -> T) {
        let (mut node, mut value) = (node, value);
        while let Some(sibling) = self.tree.sibling(node) {
            let start = self.tree.range(sibling).start;
            if self.nodes.get(&start).is_none_or(|(found, _)| *found != sibling) {
                break;
            }
            let (_, other) = self.nodes.remove(&start).expect("it was just found");
            value = if node.index.is_multiple_of(2) { join(value, other) } else { join(other, value) };
            node = self.tree.parent(node).expect("a node with a sibling has a parent");
        }
        let old = self.nodes.insert(self.tree.range(node).start, (node, value));
        assert!(old.is_none(), "each item is added once");
    }
    /// The value of the whole tree, if everything was added.
    pub fn root(&self) -> Option<&T> {
        let (node, value) = self.nodes.values().next()?;
        (*node == self.tree.root()).then_some(value)
    }
    /// The nodes that could not be joined further, left to right.
    pub fn into_nodes(self) -> impl Iterator<Item = (Node, T)> {
        self.nodes.into_values()
    }
    /// As [`Partials::into_nodes`], by reference.
    pub fn nodes(&self) -> impl Iterator<Item = (Node, &T)> {
        self.nodes.values().map(|(node, value)| (*node, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition: the join of the halves, a half without items left out.
    fn parenthesised(tree: Tree, height: u32, index: u64) -> Option<String> {
        let start = index << height;
        if start >= tree.items() {
            return None;
        }
        if height == 0 {
            return Some(start.to_string());
        }
        let left = parenthesised(tree, height - 1, index * 2)?;
        Some(match parenthesised(tree, height - 1, index * 2 + 1) {
            Some(right) => format!("({left}+{right})"),
            None => left,
        })
    }

    #[test]
    fn a_tree_of_five_items() {
        let tree = Tree::new(5);
        assert_eq!(tree.nodes(0..5).as_slice(), [tree.root()]);
        assert_eq!(tree.range(tree.root()), 0..5);
        assert_eq!(parenthesised(tree, 3, 0).unwrap(), "(((0+1)+(2+3))+4)");
        // Item 4 has no siblings below the root: it is the right child of the root.
        assert_eq!(tree.nodes(4..5).as_slice(), [Node { height: 2, index: 1 }]);
        assert_eq!(tree.nodes(1..4).len(), 2);
        assert_eq!(tree.children(tree.root()), Some((Node { height: 2, index: 0 }, Node { height: 2, index: 1 })));
        assert_eq!(tree.children(Node { height: 2, index: 1 }), None);
    }

    #[test]
    fn no_items_have_no_nodes() {
        assert!(Tree::new(0).nodes(0..0).is_empty());
        assert_eq!(Tree::new(1).nodes(0..1).as_slice(), [Tree::new(1).root()]);
    }

    proptest! {
        #[test]
        fn any_cut_in_any_order_gives_one_parenthesisation(
            items in 1u64..70,
            mut cuts in proptest::collection::vec(0u64..70, 0..8),
            shuffle in proptest::collection::vec(any::<u32>(), 200),
        ) {
            let tree = Tree::new(items);
            cuts.extend([0, items]);
            cuts.retain(|c| *c <= items);
            cuts.sort_unstable();
            let mut nodes: Vec<Node> = cuts.windows(2).flat_map(|w| tree.nodes(w[0]..w[1])).collect();
            let mut covered: Vec<u64> = nodes.iter().flat_map(|n| tree.range(*n)).collect();
            covered.sort_unstable();
            prop_assert_eq!(covered, (0..items).collect::<Vec<_>>());
            let mut keys = shuffle.iter().cycle();
            nodes.sort_by_cached_key(|_| *keys.next().unwrap());
            let mut partials = Partials::new(tree);
            for node in nodes {
                let value = parenthesised(tree, node.height, node.index).unwrap();
                partials.insert(node, value, |a, b| format!("({a}+{b})"));
            }
            let root = tree.root();
            prop_assert_eq!(partials.root().cloned(), parenthesised(tree, root.height, root.index));
            prop_assert_eq!(partials.nodes().count(), 1);
        }

        #[test]
        fn nodes_of_a_range_are_the_fewest(items in 1u64..70, a in 0u64..70, b in 0u64..70) {
            let tree = Tree::new(items);
            let range = a.min(b).min(items)..a.max(b).min(items);
            let nodes = tree.nodes(range.clone());
            // Maximal: no parent of a node lies in the range.
            for node in &nodes {
                let fits = |p: Range<u64>| range.start <= p.start && p.end <= range.end;
                let parent_fits = tree.parent(*node).is_some_and(|p| fits(tree.range(p)));
                prop_assert!(!parent_fits);
                if let Some((l, r)) = tree.children(*node) {
                    prop_assert_eq!(tree.range(l).end, tree.range(r).start);
                    prop_assert_eq!(tree.range(l).start..tree.range(r).end, tree.range(*node));
                    prop_assert_eq!(tree.sibling(tree.nodes(tree.range(l))[0]), Some(tree.nodes(tree.range(r))[0]));
                    prop_assert_eq!(tree.parent(tree.nodes(tree.range(r))[0]), Some(*node));
                }
            }
            prop_assert_eq!(nodes.iter().map(|n| tree.range(*n).count()).sum::<usize>() as u64, range.end - range.start);
        }
    }
}
