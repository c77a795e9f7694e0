//! Partitions by data: computed from the values of a field, where arithmetic cannot know them. A sparse matrix cut by rows cuts its
//! columns' indices by the *image* of its row ranges; an unstructured mesh cuts its cells by the *preimage* of its points' owners.
//! (Dependent partitioning: Treichler et al., OOPSLA 2016.)
//!
//! Unlike a [`Partition`] such a partition is a list, one per color; pieces may overlap and need not cover everything.

use super::partition::Partition;
use crate::geometry::{Point, Rect, linear_rects};
use crate::id::Color;
use std::ops::Range;

/// For each color a list of disjoint rectangles of `domain`, in row-major order of their first points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataPartition {
    domain: Rect,
    pieces: Vec<Vec<Rect>>,
}

/// Where the elements of a field point to.
#[derive(Clone, Copy, Debug)]
pub enum Pointers<'a> {
    /// To a range of a line each: the row pointers of a compressed matrix.
    Ranges(&'a [Range<i64>]),
    /// To a point each: column indices, neighbours.
    Points(&'a [Point]),
}

impl DataPartition {
    /// The pieces of a partition by arithmetic, listed.
    pub fn listed(partition: &Partition) -> DataPartition {
        let pieces = (0..partition.color_count()).map(|c| partition.piece(Color(c)));
        let pieces = pieces.map(|piece| if piece.is_empty() { Vec::new() } else { vec![piece] });
        DataPartition { domain: partition.domain().clone(), pieces: pieces.collect() }
    }
    /// What is partitioned.
    pub fn domain(&self) -> &Rect {
        &self.domain
    }
    /// Number of colors.
    pub fn color_count(&self) -> u64 {
        self.pieces.len() as u64
    }
    /// The points of a color.
    ///
    /// # Panics
    /// If there is no such color.
    pub fn piece(&self, color: Color) -> &[Rect] {
        &self.pieces[color.0 as usize]
    }

    /// For each color, what the elements of its piece point to in `target`; pointers out of `target` are left out.
    /// `pointers` has one entry for each point of the domain, row-major.
    ///
    /// Cost: O(n log n) in the entries of the pieces.
    pub fn image(&self, pointers: Pointers<'_>, target: &Rect) -> DataPartition {
        self.assert_complete(pointers, &self.domain);
        let pieces = self.pieces.iter().map(|piece| {
            let elements = piece.iter().flat_map(|rect| elements(&self.domain, rect));
            let spans = elements.filter_map(|k| pointers.span(k, target)).collect();
            union(spans, target)
        });
        DataPartition { domain: target.clone(), pieces: pieces.collect() }
    }

    /// For each color, the points of `source` that point into its piece (for ranges: to some of it). `pointers` has one entry for each point of
    /// `source`, row-major.
    ///
    /// Cost: O(n · log m) for n entries and m rectangles, and what is found.
    pub fn preimage(&self, pointers: Pointers<'_>, source: &Rect) -> DataPartition {
        self.assert_complete(pointers, source);
        let pieces = self.pieces.iter().map(|piece| {
            let lines: Vec<Range<u64>> = merged(piece.iter().flat_map(|rect| runs(&self.domain, rect)).collect());
            let hits = |k: &u64| pointers.span(*k as usize, &self.domain).is_some_and(|span| meets(&lines, &span));
            let found = (0..source.volume()).filter(hits).map(|k| k..k + 1).collect();
            union(found, source)
        });
        DataPartition { domain: source.clone(), pieces: pieces.collect() }
    }

    /// Whether no two colors have a point in common.
    pub fn is_disjoint(&self) -> bool {
        let runs = self.all_runs();
        runs.windows(2).all(|pair| pair[0].end <= pair[1].start)
    }
    /// Whether every point of the domain has a color.
    pub fn is_complete(&self) -> bool {
        let covered: u64 = merged(self.all_runs()).iter().map(|run| run.end - run.start).sum();
        covered == self.domain.volume()
    }

    /// The pieces' row-major ranges, sorted.
    fn all_runs(&self) -> Vec<Range<u64>> {
        let mut all: Vec<_> = self.pieces.iter().flatten().flat_map(|rect| runs(&self.domain, rect)).collect();
        all.sort_unstable_by_key(|run| (run.start, run.end));
        all
    }
    fn assert_complete(&self, pointers: Pointers<'_>, source: &Rect) {
        let count = match pointers {
            Pointers::Ranges(ranges) => ranges.len(),
            Pointers::Points(points) => points.len(),
        };
        assert_eq!(count as u64, source.volume(), "one pointer for each point of the source");
    }
}

impl Pointers<'_> {
    /// The row-major range of `target` that an element points to; `None` if that is nothing.
    fn span(self, element: usize, target: &Rect) -> Option<Range<u64>> {
        match self {
            Pointers::Ranges(ranges) => {
                let Range { start, end } = ranges[element];
                let (start, end) = (start.max(target.lo[0]), end.min(target.hi[0]));
                (start < end).then(|| (start - target.lo[0]) as u64..(end - target.lo[0]) as u64)
            }
            Pointers::Points(points) => {
                let point = &points[element];
                let inside = point.iter().enumerate().all(|(d, x)| (target.lo[d]..target.hi[d]).contains(x));
                let index = || {
                    let along = |k: u64, d: usize| k * target.extent(d) as u64 + (point[d] - target.lo[d]) as u64;
                    (0..target.rank()).fold(0, along)
                };
                inside.then(index).map(|k| k..k + 1)
            }
        }
    }
}

/// The row-major numbers, in `bounds`, of the points of `rect`.
fn elements(bounds: &Rect, rect: &Rect) -> impl Iterator<Item = usize> {
    runs(bounds, rect).into_iter().flat_map(|run| run.start as usize..run.end as usize)
}

/// The points of `rect` as ranges of row-major numbers in `bounds`, ascending.
fn runs(bounds: &Rect, rect: &Rect) -> Vec<Range<u64>> {
    if rect.is_empty() {
        return Vec::new();
    }
    let origin = std::iter::once(0..1).collect();
    (0..rect.rank()).fold(origin, |runs: Vec<Range<u64>>, d| {
        let (extent, from, to) =
            (bounds.extent(d) as u64, (rect.lo[d] - bounds.lo[d]) as u64, (rect.hi[d] - bounds.lo[d]) as u64);
        let deeper = runs.into_iter().flatten().map(|k| k * extent + from..k * extent + to);
        merged(deeper.collect())
    })
}

/// Sorted ranges, those that touch joined.
fn merged(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.sort_unstable_by_key(|r| r.start);
    let mut joined: Vec<Range<u64>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match joined.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    joined
}

fn union(spans: Vec<Range<u64>>, bounds: &Rect) -> Vec<Rect> {
    merged(spans).into_iter().flat_map(|run| linear_rects(bounds, run)).collect()
}

/// Whether a range meets one of some sorted, disjoint ranges.
fn meets(lines: &[Range<u64>], span: &Range<u64>) -> bool {
    let after = lines.partition_point(|line| line.end <= span.start);
    lines.get(after).is_some_and(|line| line.start < span.end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::tests::points;
    use crate::region::Tiling;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn set(rects: &[Rect]) -> BTreeSet<Point> {
        rects.iter().flat_map(points).collect()
    }

    fn tiled() -> impl Strategy<Value = (DataPartition, Rect)> {
        (proptest::collection::vec((1i64..6, 1i64..4), 1..3), proptest::collection::vec(1i64..6, 1..3)).prop_map(
            |(sides, target)| {
                let bounds = Rect::from_shape(&sides.iter().map(|s| s.0).collect::<Vec<_>>());
                let tiling = Tiling { bounds, tile: sides.iter().map(|s| s.1).collect() };
                (DataPartition::listed(&Partition::tiles(&tiling)), Rect::from_shape(&target))
            },
        )
    }

    proptest! {
        #[test]
        fn images_and_preimages_by_points((source, target) in tiled(), seed in proptest::collection::vec(-1i64..7, 60)) {
            let all = points(source.domain());
            let rank = target.rank();
            let pointers: Vec<Point> = (0..all.len()).map(|k| (0..rank).map(|d| seed[(2 * k + d) % 60]).collect()).collect();
            let image = source.image(Pointers::Points(&pointers), &target);
            let inside = |p: &Point| points(&target).contains(p);
            for c in (0..source.color_count()).map(Color) {
                let own = set(source.piece(c));
                let expected: BTreeSet<Point> =
                    all.iter().zip(&pointers).filter(|(p, q)| own.contains(*p) && inside(q)).map(|(_, q)| q.clone()).collect();
                prop_assert_eq!(set(image.piece(c)), expected);
                prop_assert_eq!(image.piece(c).iter().map(Rect::volume).sum::<u64>() as usize, set(image.piece(c)).len());
            }
            let back = image.preimage(Pointers::Points(&pointers), source.domain());
            for c in (0..source.color_count()).map(Color) {
                let there = set(image.piece(c));
                let expected: BTreeSet<Point> = all.iter().zip(&pointers).filter(|(_, q)| there.contains(*q)).map(|(p, _)| p.clone()).collect();
                prop_assert_eq!(set(back.piece(c)), expected);
            }
            let sizes: usize = (0..image.color_count()).map(|c| set(image.piece(Color(c))).len()).sum();
            let every: BTreeSet<Point> = (0..image.color_count()).flat_map(|c| set(image.piece(Color(c)))).collect();
            prop_assert_eq!(image.is_disjoint(), sizes == every.len());
            prop_assert_eq!(image.is_complete(), every.len() as u64 == target.volume());
            prop_assert!(source.is_disjoint() && source.is_complete());
        }

        #[test]
        fn images_and_preimages_by_ranges(
            rows in proptest::collection::vec((-2i64..20, 0i64..6), 1..12),
            tile in 1i64..5, line in 0i64..20, target_tile in 1i64..7,
        ) {
            let ranges: Vec<Range<i64>> = rows.iter().map(|(start, n)| *start..start + n).collect();
            let cut = |n: i64, tile: i64| {
                DataPartition::listed(&Partition::tiles(&Tiling { bounds: Rect::from_shape(&[n]), tile: [tile].as_slice().into() }))
            };
            let (source, target) = (cut(ranges.len() as i64, tile), cut(line, target_tile));
            let image = source.image(Pointers::Ranges(&ranges), target.domain());
            let back = target.preimage(Pointers::Ranges(&ranges), source.domain());
            let points_to = |row: &Point, x: &Point| ranges[row[0] as usize].contains(&x[0]);
            for c in (0..source.color_count()).map(Color) {
                let own = set(source.piece(c));
                let expected: BTreeSet<Point> =
                    points(target.domain()).into_iter().filter(|x| own.iter().any(|row| points_to(row, x))).collect();
                prop_assert_eq!(set(image.piece(c)), expected);
            }
            for c in (0..target.color_count()).map(Color) {
                let there = set(target.piece(c));
                let expected: BTreeSet<Point> =
                    points(source.domain()).into_iter().filter(|row| there.iter().any(|x| points_to(row, x))).collect();
                prop_assert_eq!(set(back.piece(c)), expected);
            }
        }
    }
}
