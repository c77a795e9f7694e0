//! Affine access maps: how the points of a launch domain (or of an array view) name points of a field.

use crate::geometry::{Point, Rect, div_ceil, gcd};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// One term `stride · p[dim]` of a coordinate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Term {
    /// A dimension of the domain.
    pub dim: u8,
    /// Not zero.
    pub stride: i64,
}

/// One coordinate of the field: `offset + Σ terms`. No term: a constant. One term: a slice, a transpose, a shift.
/// Several: a dimension that a reshape has split (row-major, so that each field point is met once).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Coordinate {
    /// The constant part.
    pub offset: i64,
    /// Sorted by `dim`, each dimension at most once.
    pub terms: SmallVec<[Term; 1]>,
}

/// An affine map from the points of a domain of `domain_rank` dimensions to points of a field.
///
/// A domain dimension that no coordinate uses is broadcast (or folded, for a reduction); one that two coordinates
/// use walks a diagonal. Maps compose ([`Access::compose`]): a view of a view is a view.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Access {
    /// Dimensions of the domain.
    pub domain_rank: u8,
    /// One per dimension of the field.
    pub coords: SmallVec<[Coordinate; 4]>,
}

impl Coordinate {
    /// Always `offset`.
    pub fn constant(offset: i64) -> Coordinate {
        Coordinate { offset, terms: SmallVec::new() }
    }
    /// `offset + stride · p[dim]`.
    pub fn strided(offset: i64, stride: i64, dim: usize) -> Coordinate {
        let mut coordinate = Coordinate::constant(offset);
        coordinate.add(stride, dim);
        coordinate
    }
    /// `offset + Σ stride · p[dim]`.
    pub fn sum(offset: i64, terms: &[(i64, usize)]) -> Coordinate {
        let mut coordinate = Coordinate::constant(offset);
        terms.iter().for_each(|(stride, dim)| coordinate.add(*stride, *dim));
        coordinate
    }
    /// Adds a term; keeps the order, joins terms of one dimension, drops zeros.
    fn add(&mut self, stride: i64, dim: usize) {
        let dim = dim as u8;
        match self.terms.binary_search_by_key(&dim, |t| t.dim) {
            Ok(at) => {
                self.terms[at].stride += stride;
                if self.terms[at].stride == 0 {
                    self.terms.remove(at);
                }
            }
            Err(at) if stride != 0 => self.terms.insert(at, Term { dim, stride }),
            Err(_) => {}
        }
    }
    /// The value at a point.
    pub fn apply(&self, point: &[i64]) -> i64 {
        self.offset + self.terms.iter().map(|t| t.stride * point[t.dim as usize]).sum::<i64>()
    }
    /// The least and the greatest value over a rectangle that is not empty.
    pub fn range(&self, rect: &Rect) -> (i64, i64) {
        let (mut lo, mut hi) = (self.offset, self.offset);
        for t in &self.terms {
            let d = t.dim as usize;
            let (first, last) = (t.stride * rect.lo[d], t.stride * (rect.hi[d] - 1));
            lo += first.min(last);
            hi += first.max(last);
        }
        (lo, hi)
    }
    /// The distance that neighbouring values over a rectangle never exceed: the greatest stride.
    pub(crate) fn gap(&self) -> i64 {
        self.terms.iter().map(|t| t.stride.abs()).max().unwrap_or(1)
    }
    /// The terms of dimensions with more than one point in `rect`, smallest stride first.
    fn moving(&self, rect: &Rect) -> SmallVec<[Term; 4]> {
        let mut terms: SmallVec<[Term; 4]> =
            self.terms.iter().copied().filter(|t| rect.extent(t.dim as usize) > 1).collect();
        terms.sort_unstable_by_key(|t| t.stride.abs());
        terms
    }
    /// Whether it takes every value between the least and the greatest.
    fn is_dense(&self, rect: &Rect) -> bool {
        // Smallest stride first: each stride may be no longer than what the smaller ones already fill.
        let mut filled = 1;
        self.moving(rect).iter().all(|t| {
            let fits = t.stride.abs() <= filled;
            filled += t.stride.abs() * (rect.extent(t.dim as usize) - 1);
            fits
        })
    }
}

impl Access {
    /// The field as it is.
    pub fn identity(rank: usize) -> Access {
        let coords = (0..rank).map(|d| Coordinate::strided(0, 1, d)).collect();
        Access { domain_rank: rank as u8, coords }
    }
    /// One point of the field for all points of the domain.
    pub fn constant(domain_rank: usize, point: &[i64]) -> Access {
        let coords = point.iter().map(|x| Coordinate::constant(*x)).collect();
        Access { domain_rank: domain_rank as u8, coords }
    }
    /// Decodes a NumPy view: element `offset + Σ strides[d]·p[d]` of a C-ordered base of shape `base`, for `p` in `0..shape`; all in elements.
    /// `None` if the view has no affine map there (it merges dimensions of the base) or leaves the base.
    ///
    /// A view without points becomes a constant map.
    pub fn from_strides(base: &[i64], offset: i64, shape: &[i64], strides: &[i64]) -> Option<Access> {
        let mut access = Access::constant(shape.len(), &SmallVec::<[i64; 8]>::from_elem(0, base.len()));
        if shape.contains(&0) {
            return Some(access);
        }
        // Where an affine map exists it is told by the origin and its neighbours: the coordinates of a base element are unique.
        let origin = unravel(base, offset)?;
        for (coordinate, x) in access.coords.iter_mut().zip(&origin) {
            coordinate.offset = *x;
        }
        for (dim, stride) in strides.iter().enumerate().filter(|(dim, _)| shape[*dim] > 1) {
            let neighbour = unravel(base, offset + stride)?;
            for (k, coordinate) in access.coords.iter_mut().enumerate() {
                coordinate.add(neighbour[k] - origin[k], dim);
            }
        }
        access.in_bounds(&Rect::from_shape(shape), &Rect::from_shape(base)).then_some(access)
    }

    /// From points of `bounds` to their row-major numbers, counted from 0: a field of one dimension.
    pub fn row_major(bounds: &Rect) -> Access {
        let mut line = Access::constant(bounds.rank(), &[0]);
        let mut stride = 1;
        let mut offset = 0;
        let mut terms: SmallVec<[(i64, usize); 4]> = SmallVec::new();
        for d in (0..bounds.rank()).rev() {
            terms.push((stride, d));
            offset -= stride * bounds.lo[d];
            stride *= bounds.extent(d).max(1);
        }
        line.coords[0] = Coordinate::sum(offset, &terms);
        line
    }
    /// Dimensions of the field.
    pub fn field_rank(&self) -> usize {
        self.coords.len()
    }
    /// The field point of a domain point.
    pub fn apply(&self, point: &[i64]) -> Point {
        self.coords.iter().map(|c| c.apply(point)).collect()
    }
    /// The map `p ↦ self(inner(p))`.
    pub fn compose(&self, inner: &Access) -> Access {
        assert_eq!(self.domain_rank as usize, inner.field_rank(), "the inner map ends where the outer begins");
        let coords = self.coords.iter().map(|outer| {
            let mut coordinate = Coordinate::constant(outer.offset);
            for t in &outer.terms {
                let through = &inner.coords[t.dim as usize];
                coordinate.offset += t.stride * through.offset;
                for u in &through.terms {
                    coordinate.add(t.stride * u.stride, u.dim as usize);
                }
            }
            coordinate
        });
        Access { domain_rank: inner.domain_rank, coords: coords.collect() }
    }
    /// The bounding box of the field points of a rectangle; empty if the rectangle is.
    pub fn image(&self, rect: &Rect) -> Rect {
        if rect.is_empty() {
            let lo: Point = self.coords.iter().map(|c| c.offset).collect();
            // A field without dimensions has one point, and no box of it is empty: whoever has no points must not ask.
            return Rect { hi: lo.clone(), lo };
        }
        let mut image = Rect { lo: Point::new(), hi: Point::new() };
        for c in &self.coords {
            let (lo, hi) = c.range(rect);
            image.lo.push(lo);
            image.hi.push(hi + 1);
        }
        image
    }
    /// Whether a coordinate depends on `p[dim]`.
    pub fn uses(&self, dim: usize) -> bool {
        self.coords.iter().any(|c| c.terms.iter().any(|t| t.dim as usize == dim))
    }
    /// Whether the image of `rect` is every point of its bounding box.
    pub fn is_dense(&self, rect: &Rect) -> bool {
        rect.is_empty() || (self.coords.iter().all(|c| c.is_dense(rect)) && !self.shares_dimension(rect))
    }
    /// Whether two coordinates move together (a diagonal).
    fn shares_dimension(&self, rect: &Rect) -> bool {
        (0..rect.rank())
            .filter(|d| rect.extent(*d) > 1)
            .any(|d| self.coords.iter().filter(|c| c.terms.iter().any(|t| t.dim as usize == d)).count() > 1)
    }
    /// Whether different points of `rect` surely have different field points.
    pub fn is_injective(&self, rect: &Rect) -> bool {
        if rect.is_empty() {
            return true;
        }
        // A coordinate tells the dimensions of its terms apart if each stride is longer than what all smaller ones can add up to.
        let mut told: SmallVec<[bool; 8]> = (0..rect.rank()).map(|d| rect.extent(d) <= 1).collect();
        for c in &self.coords {
            let mut reach = 0;
            let apart = c.moving(rect).iter().all(|t| {
                let longer = t.stride.abs() > reach;
                reach += t.stride.abs() * (rect.extent(t.dim as usize) - 1);
                longer
            });
            if apart {
                c.terms.iter().for_each(|t| told[t.dim as usize] = true);
            }
        }
        told.iter().all(|told| *told)
    }
    /// Whether `rect` and its image's bounding box correspond point by point.
    pub fn is_exact(&self, rect: &Rect) -> bool {
        self.is_dense(rect) && self.is_injective(rect)
    }
    /// Whether the image of `domain` is all of `bounds`.
    pub fn covers(&self, domain: &Rect, bounds: &Rect) -> bool {
        bounds.is_empty() || (!domain.is_empty() && self.image(domain).contains(bounds) && self.is_dense(domain))
    }
    /// Whether the image of `domain` lies in `bounds`.
    pub fn in_bounds(&self, domain: &Rect, bounds: &Rect) -> bool {
        self.field_rank() == bounds.rank() && (domain.is_empty() || bounds.contains(&self.image(domain)))
    }
    /// A rectangle of `domain` that holds every point whose field point is in `rect`. Exact where each coordinate has at most one term.
    pub fn preimage(&self, rect: &Rect, domain: &Rect) -> Rect {
        let mut found = domain.clone();
        for (k, c) in self.coords.iter().enumerate() {
            if found.is_empty() {
                break;
            }
            confine(c, rect.lo[k], rect.hi[k], &mut found);
        }
        found
    }
    /// As [`Access::preimage`], for one coordinate's values in `lo..hi` alone.
    pub(crate) fn preimage_of(&self, coordinate: usize, lo: i64, hi: i64, domain: &Rect) -> Rect {
        let mut found = domain.clone();
        if !found.is_empty() {
            confine(&self.coords[coordinate], lo, hi, &mut found);
        }
        found
    }
    /// The map back, from field points to domain points; `None` unless each domain dimension is one coordinate's only term, with stride 1 or -1.
    pub fn inverse(&self) -> Option<Access> {
        let mut back: SmallVec<[Option<Coordinate>; 8]> = SmallVec::from_elem(None, self.domain_rank as usize);
        for (k, c) in self.coords.iter().enumerate() {
            match c.terms.as_slice() {
                [] => {}
                [t] if t.stride.abs() == 1 && back[t.dim as usize].is_none() => {
                    back[t.dim as usize] = Some(Coordinate::strided(-t.stride * c.offset, t.stride, k));
                }
                _ => return None,
            }
        }
        let coords = back.into_iter().collect::<Option<_>>()?;
        Some(Access { domain_rank: self.field_rank() as u8, coords })
    }
    /// Steps in an instance along each domain dimension, given the instance's steps along each field dimension (in bytes, say).
    pub fn strides(&self, field_strides: &[isize]) -> SmallVec<[isize; 4]> {
        let mut strides = SmallVec::from_elem(0, self.domain_rank as usize);
        for (c, step) in self.coords.iter().zip(field_strides) {
            for t in &c.terms {
                strides[t.dim as usize] += t.stride as isize * step;
            }
        }
        strides
    }
    /// Whether the images of `rect` and of `other_rect` under `other` surely have no point in common: their boxes are apart, or
    /// they interleave (`x[::2]` and `x[1::2]`).
    pub fn is_disjoint(&self, rect: &Rect, other: &Access, other_rect: &Rect) -> bool {
        rect.is_empty()
            || other_rect.is_empty()
            || self.coords.iter().zip(&other.coords).any(|(a, b)| {
                let ((a_lo, a_hi), (b_lo, b_hi)) = (a.range(rect), b.range(other_rect));
                // All values of a coordinate are equal to the offset modulo the common divisor of its strides.
                let divisor = a.terms.iter().chain(&b.terms).fold(0, |g, t| gcd(g, t.stride.abs()));
                a_hi < b_lo || b_hi < a_lo || (divisor > 1 && (a.offset - b.offset) % divisor != 0)
            })
    }
}

/// Coordinates of an element of a C-ordered array; `None` if it has no such element.
fn unravel(shape: &[i64], index: i64) -> Option<SmallVec<[i64; 8]>> {
    let mut coords: SmallVec<[i64; 8]> = SmallVec::from_elem(0, shape.len());
    let mut rest = index;
    for (x, n) in coords.iter_mut().zip(shape).rev() {
        if *n == 0 {
            return None;
        }
        *x = rest.rem_euclid(*n);
        rest = rest.div_euclid(*n);
    }
    (rest == 0).then_some(coords)
}

/// Shrinks `rect` to the points where `lo <= c(p) < hi` is possible. (The one point of a domain without dimensions stays.)
fn confine(c: &Coordinate, lo: i64, hi: i64, rect: &mut Rect) {
    let (least, greatest) = c.range(rect);
    if least >= hi || greatest < lo {
        rect.hi = rect.lo.clone();
        return;
    }
    for t in &c.terms {
        let d = t.dim as usize;
        // What the other terms can add, at the rectangle as shrunk so far.
        let (least, greatest) = c.range(rect);
        let (first, last) = (t.stride * rect.lo[d], t.stride * (rect.hi[d] - 1));
        let (rest_lo, rest_hi) = (least - first.min(last), greatest - first.max(last));
        // lo <= rest + stride·p <= hi - 1 for some rest in [rest_lo, rest_hi].
        let (from, to) = (lo - rest_hi, hi - 1 - rest_lo);
        let (p_lo, p_hi) = if t.stride > 0 {
            (div_ceil(from, t.stride), to.div_euclid(t.stride))
        } else {
            (div_ceil(-to, -t.stride), (-from).div_euclid(-t.stride))
        };
        rect.lo[d] = rect.lo[d].max(p_lo);
        rect.hi[d] = rect.hi[d].min(p_hi + 1);
        if rect.hi[d] <= rect.lo[d] {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
