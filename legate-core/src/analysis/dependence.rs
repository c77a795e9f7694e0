//! What must wait for what: uses of rectangles of resources, in program order, become edges to earlier users.
//!
//! The tracker serves twice: operations of a window touch fields, and the nodes of a shard's plan touch rectangles of instances. It keeps, for each
//! resource, the uses that a later one could still have to wait for. A use that is wholly behind later ones is forgotten, so the lists stay as
//! long as the frontier is fragmented, not as long as the program. The obvious pairwise twin is [`super::oracle`].

use crate::geometry::Rect;
use smallvec::SmallVec;
use std::collections::BTreeMap;

/// What a use does with its rectangle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Usage {
    /// Reads.
    Read,
    /// Overwrites every point and reads none first.
    Discard,
    /// Reads and writes; also what overwrites only some points of the rectangle.
    ReadWrite,
}

impl Usage {
    /// Whether later uses must wait for it even if they only read.
    pub fn writes(self) -> bool {
        self != Usage::Read
    }
    /// Whether it needs what earlier uses wrote.
    pub fn reads(self) -> bool {
        self != Usage::Discard
    }
}

/// The order that a later use must keep after an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DependenceType {
    /// Only the storage is contended. Values, and failures, do not flow.
    Anti,
    /// The later one reads what the earlier one wrote.
    True,
}

/// The order that `later` must keep after `earlier` where their rectangles overlap.
pub fn dependence_type(earlier: Usage, later: Usage) -> Option<DependenceType> {
    match (earlier.writes(), later) {
        (false, Usage::Read) => None,
        (true, Usage::Read | Usage::ReadWrite) => Some(DependenceType::True),
        (_, Usage::Discard) | (false, Usage::ReadWrite) => Some(DependenceType::Anti),
    }
}

/// An edge to an earlier user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dependence<U> {
    /// Who is to be waited for.
    pub on: U,
    /// Why.
    pub kind: DependenceType,
}

/// A use whose points are still open to conflicts.
#[derive(Clone, Debug)]
struct Open<U> {
    user: U,
    usage: Usage,
    /// The part of the use's rectangle that no later write has covered.
    rect: Rect,
}

/// The uses so far, pruned. `R` names resources, `U` names users.
#[derive(Clone, Debug)]
pub struct Tracker<R, U> {
    open: BTreeMap<R, Vec<Open<U>>>,
}

impl<R, U> Default for Tracker<R, U> {
    fn default() -> Tracker<R, U> {
        Tracker { open: BTreeMap::new() }
    }
}

impl<R: Ord + Clone, U: Copy + Ord> Tracker<R, U> {
    /// No uses yet.
    pub fn new() -> Tracker<R, U> {
        Tracker::default()
    }

    /// Records that `user` uses `rect` of `resource` and adds to `edges` what it must wait for. Uses of one user do not depend on one another.
    /// An edge to one user may appear several times; see [`simplify`].
    ///
    /// # Ordering
    /// With all the edges ever given, every conflicting pair of uses is ordered, directly or through others; and there is a `True` edge exactly to
    /// each user whose write of some point is the last before a read of it (for [`Usage::ReadWrite`]: as if it wrote every point).
    /// Uses of one user count in the order given: its reads are to be recorded before its writes.
    pub fn record(&mut self, user: U, resource: R, rect: &Rect, usage: Usage, edges: &mut Vec<Dependence<U>>) {
        if rect.is_empty() {
            return;
        }
        let open = self.open.entry(resource).or_default();
        let before = edges.len();
        for earlier in open.iter().filter(|earlier| earlier.user != user && earlier.rect.overlaps(rect)) {
            if let Some(kind) = dependence_type(earlier.usage, usage) {
                let edge = Dependence { on: earlier.user, kind };
                if !edges[before..].contains(&edge) {
                    edges.push(edge);
                }
            }
        }
        if usage.writes() {
            cover(open, user, rect);
        } else if open.iter().any(|o| o.user == user && o.usage == Usage::Read && o.rect.contains(rect)) {
            return;
        }
        open.push(Open { user, usage, rect: rect.clone() });
    }

    /// Forgets a resource that nobody will use again.
    pub fn remove(&mut self, resource: &R) {
        self.open.remove(resource);
    }

    /// Forgets every use that `done` says is over, and every resource without uses.
    pub fn retire(&mut self, mut done: impl FnMut(U) -> bool) {
        self.open.retain(|_, open| {
            open.retain(|use_| !done(use_.user));
            !open.is_empty()
        });
    }

    /// How many uses are remembered.
    pub fn len(&self) -> usize {
        self.open.values().map(Vec::len).sum()
    }

    /// Whether no use is remembered.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }
}

/// Takes the points of a write out of all earlier uses by others: who comes later and meets them there meets the write as well, and the write waits for them.
/// A user's own earlier uses stay: a use of one's own gives no edges to carry the order on.
fn cover<U: Copy + Ord>(open: &mut Vec<Open<U>>, user: U, rect: &Rect) {
    let mut pieces: SmallVec<[Open<U>; 4]> = SmallVec::new();
    open.retain_mut(|earlier| {
        if earlier.user == user || !earlier.rect.overlaps(rect) {
            return true;
        }
        let mut rest = earlier.rect.subtract(rect).into_iter();
        let Some(first) = rest.next() else { return false };
        pieces.extend(rest.map(|rect| Open { user: earlier.user, usage: earlier.usage, rect }));
        earlier.rect = first;
        true
    });
    open.extend(pieces);
}

/// One edge per earlier user, sorted by user; `True` wins over `Anti`.
pub fn simplify<U: Copy + Ord>(edges: &mut Vec<Dependence<U>>) {
    edges.sort_unstable_by(|a, b| a.on.cmp(&b.on).then(b.kind.cmp(&a.kind)));
    edges.dedup_by_key(|edge| edge.on);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_of_usages() {
        use DependenceType::{Anti, True};
        use Usage::{Discard as D, Read as R, ReadWrite as W};
        let table = [
            (R, [None, Some(Anti), Some(Anti)]),
            (D, [Some(True), Some(True), Some(Anti)]),
            (W, [Some(True), Some(True), Some(Anti)]),
        ];
        for (earlier, row) in table {
            for (later, expected) in [R, W, D].into_iter().zip(row) {
                assert_eq!(dependence_type(earlier, later), expected, "{earlier:?} then {later:?}");
            }
        }
    }

    #[test]
    fn covered_uses_are_forgotten() {
        let mut tracker = Tracker::new();
        let whole = Rect::from_shape(&[100]);
        for step in 0..1000u32 {
            let mut edges = Vec::new();
            let usage = if step % 3 == 0 { Usage::Discard } else { Usage::Read };
            tracker.record(step, 'x', &whole, usage, &mut edges);
            assert!(tracker.len() <= 3 && edges.len() <= 3);
        }
    }
}
