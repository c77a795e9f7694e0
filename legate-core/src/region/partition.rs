//! Partitions are functions, not lists: `color → rectangle` and `rectangle → colors`, both closed-form.

use super::floor::Chain;
use crate::geometry::{Point, Rect};
use crate::id::Color;
use crate::store::Access;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use std::ops::Range;

/// A regular grid of tiles over a rectangle: in each dimension tile `k` covers `[lo + k·tile, lo + (k+1)·tile)`, clipped to `bounds`. The
/// color of a tile is its row-major index in the grid.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Tiling {
    /// What is tiled.
    pub bounds: Rect,
    /// Points per tile and dimension, at least 1.
    pub tile: Point,
}

/// A partition of a rectangle: a [`Tiling`] of some index space, seen through a view, with piece boundaries moved up to multiples of granules. Each point
/// is in the piece of exactly one color; pieces may be empty. All questions cost O(rank).
///
/// A rectangle without dimensions holds one point and has no empty part, so only its partition into one color tells pieces apart:
/// what is not cut at all is better called [`Distribution::Single`](super::Distribution::Single); [`Distribution::tiled`](super::Distribution::tiled) does so.
///
/// It is made by [`Partition::tiles`] and carried from fields to launches by [`Partition::pull_back`], from launches to
/// fields by [`Partition::push_forward`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Partition {
    domain: Rect,
    axes: SmallVec<[Axis; 2]>,
}

/// One dimension of the color space.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Axis {
    /// Extent in the color space.
    colors: i64,
    /// Which domain dimension tells the index.
    source: Source,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Source {
    /// All points have this index.
    Constant(i64),
    /// The index is `chain(p[dim])`, moved into `0..colors`.
    Dim { dim: u8, chain: Chain },
}

/// A partition of a launch domain made from one of a field. See [`Partition::pull_back`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PulledBack {
    /// The domain's partition, with the field's color space.
    pub partition: Partition,
    /// Whether each point of the domain has the color of its field point: who runs the piece owns what it touches. Else most points have.
    pub exact: bool,
}

impl Tiling {
    /// Tiles per dimension, at least 1.
    pub fn grid(&self) -> Point {
        (0..self.bounds.rank()).map(|d| tiles(self.bounds.extent(d), self.tile[d])).collect()
    }
}

fn tiles(extent: i64, tile: i64) -> i64 {
    crate::geometry::div_ceil(extent, tile).max(1)
}

impl Partition {
    /// The tiles of a tiling.
    pub fn tiles(tiling: &Tiling) -> Partition {
        let axes = (0..tiling.bounds.rank()).filter_map(|d| {
            let (lo, tile) = (tiling.bounds.lo[d], tiling.tile[d].max(1));
            let colors = tiles(tiling.bounds.extent(d), tile);
            // A dimension that is not cut has no say in the color.
            (colors > 1)
                .then(|| Axis { colors, source: Source::Dim { dim: d as u8, chain: Chain::step(1, -lo, tile) } })
        });
        Partition { axes: axes.collect(), domain: tiling.bounds.clone() }
    }
    /// What is cut.
    pub fn domain(&self) -> &Rect {
        &self.domain
    }
    /// Number of colors.
    pub fn color_count(&self) -> u64 {
        self.axes.iter().map(|a| a.colors as u64).product()
    }
    /// The points of a color; may be empty.
    pub fn piece(&self, color: Color) -> Rect {
        #[cfg(test)]
        PIECES_ASKED.with(|asked| asked.set(asked.get() + 1));
        let mut rest = color.0 as i64;
        let mut piece = self.domain.clone();
        for axis in self.axes.iter().rev() {
            let index = rest % axis.colors;
            rest /= axis.colors;
            match &axis.source {
                Source::Constant(only) if *only == index => {}
                Source::Constant(_) => piece.hi = piece.lo.clone(),
                Source::Dim { dim, chain } => axis.clip(&mut piece, *dim, chain, index..index + 1),
            }
        }
        piece
    }
    /// The points of consecutive colors, if they are a box whichever the colors: the pieces lie in one row.
    pub fn run(&self, colors: Range<u64>) -> Option<Rect> {
        let [axis @ Axis { source: Source::Dim { dim, chain }, .. }] = self.axes.as_slice() else { return None };
        let mut run = self.domain.clone();
        if colors.is_empty() {
            run.hi = run.lo.clone();
        } else {
            axis.clip(&mut run, *dim, chain, colors.start as i64..colors.end as i64);
        }
        Some(run)
    }
    /// The color of a point of the domain.
    pub fn color_of(&self, point: &[i64]) -> Color {
        let color = self.axes.iter().fold(0, |color, axis| color * axis.colors + axis.index(point));
        Color(color as u64)
    }
    /// The colors whose pieces may meet a rectangle: all that do, and no others unless two axes follow one dimension (a diagonal).
    pub fn colors_meeting(&self, rect: &Rect) -> ColorBox {
        let rect = rect.intersect(&self.domain);
        if rect.is_empty() {
            return ColorBox { ranges: self.axes.iter().map(|a| (0, 0, a.colors)).collect(), empty: true };
        }
        let last: Point = rect.hi.iter().map(|h| h - 1).collect();
        let ranges = self.axes.iter().map(|axis| {
            let (a, b) = (axis.index(&rect.lo), axis.index(&last));
            (a.min(b), a.max(b) + 1, axis.colors)
        });
        ColorBox { ranges: ranges.collect(), empty: false }
    }
    /// Whether two points of the domain that differ in this dimension only may have different colors.
    pub fn cuts(&self, dim: usize) -> bool {
        !self.domain.is_empty()
            && self.axes.iter().any(|axis| {
                matches!(&axis.source, Source::Dim { dim: d, .. } if *d as usize == dim) && {
                    let (first, last) = axis.ends(&self.domain);
                    first != last
                }
            })
    }
    /// The same cuts, but none along `dim`: the color space loses the axes that follow it.
    pub fn without_cuts(&self, dim: usize) -> Partition {
        let keep = |axis: &&Axis| !matches!(&axis.source, Source::Dim { dim: d, .. } if *d as usize == dim);
        Partition { domain: self.domain.clone(), axes: self.axes.iter().filter(keep).cloned().collect() }
    }
    /// Piece boundaries along `dim` moved up to multiples of `granule`.
    pub fn with_granule(&self, dim: usize, granule: i64) -> Partition {
        let mut moved = self.clone();
        for axis in &mut moved.axes {
            if let Source::Dim { dim: d, chain } = &mut axis.source
                && *d as usize == dim
                && !chain.steps_at_multiples_of(granule)
            {
                let snap = Chain::step(1, 0, granule);
                *chain = chain.compose(&Chain::step(granule, 0, 1)).compose(&snap);
            }
        }
        moved
    }
    /// Whether [`Partition::with_granule`] surely changes nothing.
    pub fn has_granule(&self, dim: usize, granule: i64) -> bool {
        !self.cuts(dim)
            || self.axes.iter().all(|axis| match &axis.source {
                Source::Dim { dim: d, chain } if *d as usize == dim => chain.steps_at_multiples_of(granule),
                _ => true,
            })
    }

    /// The partition of a launch domain that follows this partition of a field: each point goes to the color of the field point that it sees through `access`.
    /// Where a coordinate has several terms and the color depends on more than its largest, the domain is cut along the largest only.
    pub fn pull_back(&self, access: &Access, domain: &Rect) -> PulledBack {
        let mut exact = true;
        let mut axes = SmallVec::new();
        for axis in &self.axes {
            let source = match &axis.source {
                Source::Constant(index) => Source::Constant(*index),
                Source::Dim { dim, chain } => {
                    let (source, same) = axis.pull_back(chain, &access.coords[*dim as usize], domain);
                    exact &= same;
                    source
                }
            };
            axes.push(Axis { colors: axis.colors, source });
        }
        PulledBack { partition: Partition { domain: domain.clone(), axes }, exact }
    }

    /// The partition that a launch, cut by `self`, gives to a field of which it writes every point of `bounds` through `access`: each field point has
    /// the color of the piece that writes it. `None` if the pieces' images are not the pieces of a partition (a dimension that is cut
    /// and not used by the access, or that is not the slowest of its coordinate).
    pub fn push_forward(&self, access: &Access, bounds: &Rect) -> Option<Partition> {
        let mut axes = SmallVec::new();
        for axis in &self.axes {
            let (first, last) = axis.ends(&self.domain);
            let source = match &axis.source {
                _ if first == last => Source::Constant(first),
                Source::Constant(index) => Source::Constant(*index),
                Source::Dim { dim, chain } => {
                    let (coordinate, back) = invert_slowest(access, *dim, &self.domain)?;
                    Source::Dim { dim: coordinate, chain: chain.compose(&back) }
                }
            };
            axes.push(Axis { colors: axis.colors, source });
        }
        Some(Partition { domain: bounds.clone(), axes })
    }
}

impl Axis {
    fn index(&self, point: &[i64]) -> i64 {
        match &self.source {
            Source::Constant(index) => *index,
            Source::Dim { dim, chain } => chain.apply(point[*dim as usize]).clamp(0, self.colors - 1),
        }
    }
    /// What is left of a rectangle along `dim` for indices in a range that is not empty.
    fn clip(&self, rect: &mut Rect, dim: u8, chain: &Chain, indices: Range<i64>) {
        let (first, end) = (indices.start, indices.end);
        let (lo, hi) = chain.interval((first > 0).then_some(first), (end < self.colors).then_some(end));
        let d = dim as usize;
        rect.lo[d] = rect.lo[d].max(lo.unwrap_or(i64::MIN));
        rect.hi[d] = rect.hi[d].min(hi.unwrap_or(i64::MAX)).max(rect.lo[d]);
    }
    /// Index of the first and of the last point of a rectangle along the axis' dimension.
    fn ends(&self, domain: &Rect) -> (i64, i64) {
        match &self.source {
            Source::Constant(index) => (*index, *index),
            Source::Dim { .. } if domain.is_empty() => (0, 0),
            Source::Dim { dim, chain } => {
                let d = *dim as usize;
                let at = |x| chain.apply(x).clamp(0, self.colors - 1);
                (at(domain.lo[d]), at(domain.hi[d] - 1))
            }
        }
    }
    fn pull_back(&self, chain: &Chain, coordinate: &crate::store::Coordinate, domain: &Rect) -> (Source, bool) {
        if domain.is_empty() {
            return (Source::Constant(0), true);
        }
        let (least, greatest) = coordinate.range(domain);
        let at = |x| chain.apply(x).clamp(0, self.colors - 1);
        if at(least) == at(greatest) {
            return (Source::Constant(at(least)), true);
        }
        let slowest =
            coordinate.terms.iter().filter(|t| domain.extent(t.dim as usize) > 1).max_by_key(|t| t.stride.abs());
        let Some(t) = slowest else { return (Source::Constant(at(least)), true) };
        let d = t.dim as usize;
        let (first, last) = (t.stride * domain.lo[d], t.stride * (domain.hi[d] - 1));
        // The other terms add something in [rest_lo, rest_hi]; the piece is told by the point where they add least.
        let (rest_lo, rest_hi) = (least - first.min(last), greatest - first.max(last));
        let exact = chain.ignores(t.stride, rest_lo, rest_hi - rest_lo);
        let chain = chain.compose(&Chain::step(t.stride, rest_lo, 1));
        (Source::Dim { dim: t.dim, chain }, exact)
    }
}

/// The coordinate in which `dim` is the slowest term, and the function from its values back to `p[dim]`. `None` if there is none, or if
/// the faster terms do not exactly fill the gaps.
fn invert_slowest(access: &Access, dim: u8, domain: &Rect) -> Option<(u8, Chain)> {
    let uses = |c: &crate::store::Coordinate| c.terms.iter().any(|t| t.dim == dim);
    let at = access.coords.iter().position(uses)?;
    let coordinate = &access.coords[at];
    let own = coordinate.terms.iter().find(|t| t.dim == dim)?;
    let (d, stride) = (dim as usize, own.stride.abs());
    let (least, greatest) = coordinate.range(domain);
    let (first, last) = (own.stride * domain.lo[d], own.stride * (domain.hi[d] - 1));
    let (rest_lo, rest_hi) = (least - first.min(last), greatest - first.max(last));
    if rest_hi - rest_lo >= stride {
        return None;
    }
    // value = own.stride·p + rest_lo + (0..stride)
    let whole = Chain::step(1, -rest_lo, stride);
    let back = if own.stride > 0 { whole } else { Chain::step(-1, 0, 1).compose(&whole) };
    Some((at as u8, back))
}

/// Colors whose indices lie in a box of the color space, in ascending order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColorBox {
    /// For each axis: first index, one past the last, extent of the color space.
    ranges: SmallVec<[(i64, i64, i64); 2]>,
    /// Needed for a color space without axes.
    empty: bool,
}

impl ColorBox {
    /// The colors in both boxes (of one color space).
    pub fn intersect(&self, other: &ColorBox) -> ColorBox {
        let ranges = self.ranges.iter().zip(&other.ranges).map(|(a, b)| (a.0.max(b.0), a.1.min(b.1), a.2));
        ColorBox { ranges: ranges.collect(), empty: self.empty || other.empty }
    }
    /// How many.
    pub fn count(&self) -> u64 {
        if self.empty { 0 } else { self.ranges.iter().map(|(lo, hi, _)| (hi - lo).max(0) as u64).product() }
    }
    /// Whether a color is among them.
    pub fn contains(&self, color: Color) -> bool {
        let mut rest = color.0 as i64;
        !self.empty
            && self.ranges.iter().rev().all(|(lo, hi, colors)| {
                let index = rest % colors;
                rest /= colors;
                (*lo..*hi).contains(&index)
            })
    }
    /// The colors, ascending.
    pub fn iter(&self) -> impl Iterator<Item = Color> + '_ {
        (0..self.count()).map(|k| {
            let mut rest = k as i64;
            let (mut color, mut weight) = (0, 1);
            for (lo, hi, colors) in self.ranges.iter().rev() {
                color += (lo + rest % (hi - lo)) * weight;
                rest /= hi - lo;
                weight *= colors;
            }
            Color(color as u64)
        })
    }
}

#[cfg(test)]
thread_local! {
    /// How many pieces this thread has asked for: the measure of planning work that tests bound.
    pub(crate) static PIECES_ASKED: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

#[cfg(test)]
mod tests;
