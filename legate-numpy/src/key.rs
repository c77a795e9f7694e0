//! Keys that choose elements by integers or masks, beside basic entries: what they say of dimensions.
//!
//! The basic entries of a key are applied as a view, in which the dimensions that arrays index stay whole. Integers beside arrays pick a place, as they do
//! elsewhere; but they count among the arrays when it is asked where the chosen dimensions go: in their place if all entries that choose are neighbours, else in front.

use crate::array::NdArray;
use crate::choice::mask_mismatch;
use crate::error::{Error, Result};
use crate::index::{IndexItem, Picked};
use crate::view::View;
use smallvec::SmallVec;

/// One entry of a key `a[…]`.
#[derive(Clone, Debug)]
pub enum KeyEntry {
    /// An integer, a slice, `...` or `None`.
    Basic(IndexItem),
    /// Integers, in one dimension or more: takes one dimension of the array.
    Integers(NdArray),
    /// A bool array: takes as many dimensions as it has, which are one at least.
    Mask(NdArray),
    /// A bool: takes no dimension; the result has one more, of extent 1 or 0.
    Flag(bool),
}

impl KeyEntry {
    /// Dimensions of the array that it uses up.
    fn consumes(&self) -> usize {
        match self {
            KeyEntry::Basic(item) => item.consumes(),
            KeyEntry::Integers(_) => 1,
            KeyEntry::Mask(mask) => mask.ndim(),
            KeyEntry::Flag(_) => 0,
        }
    }

    /// Whether it is indexed with as an array is, where any entry is an array.
    pub(crate) fn chooses(&self) -> bool {
        !matches!(self, KeyEntry::Basic(IndexItem::Slice { .. } | IndexItem::Ellipsis | IndexItem::NewAxis))
    }
}

/// Where an entry that is an array stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Its number in the key.
    pub(crate) entry: usize,
    /// The first dimension of the indexed array that it takes.
    pub(crate) source: usize,
    /// The first dimension of the view that it takes.
    pub(crate) axis: usize,
}

/// What a key says of an array's dimensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// The basic entries applied; dimensions that arrays index are whole.
    pub(crate) view: View,
    /// The arrays, in order.
    pub(crate) places: SmallVec<[Place; 2]>,
    /// How many dimensions of the view that no array indexes come before the chosen ones in the result.
    pub(crate) before: usize,
}

impl Layout {
    /// Of `key`, applied to an array that lies so.
    ///
    /// # Errors
    /// [`Error::TwoEllipses`], [`Error::TooManyIndices`], NumPy's [`Error::Index`] for masks whose shapes do not fit, [`Error::IndexOutOfBounds`] for integers that
    /// stand alone, [`Error::ZeroStep`]; in this order.
    pub(crate) fn of(view: &View, key: &[KeyEntry]) -> Result<Layout> {
        let given: usize = key.iter().map(KeyEntry::consumes).sum();
        if key.iter().filter(|entry| matches!(entry, KeyEntry::Basic(IndexItem::Ellipsis))).count() > 1 {
            return Err(Error::TwoEllipses);
        }
        let rank = view.rank();
        let skipped = rank.checked_sub(given).ok_or(Error::TooManyIndices { ndim: rank, given })?;
        check_masks(view, key, skipped)?;
        let mut picked = Picked::from(view);
        let mut places: SmallVec<[Place; 2]> = SmallVec::new();
        // Dimensions of the view that arrays have taken; the first entry that chooses; whether those that do are neighbours so far.
        let (mut taken, mut before, mut run) = (0, None, Run::Ahead);
        for (entry, part) in key.iter().enumerate() {
            run = run.then(part.chooses());
            if part.chooses() && before.is_none() {
                before = Some(picked.next().1);
            }
            match part {
                KeyEntry::Basic(IndexItem::Int(index)) => picked.at(*index)?,
                KeyEntry::Basic(IndexItem::Slice { start, stop, step }) => picked.slice(*start, *stop, *step)?,
                KeyEntry::Basic(IndexItem::Ellipsis) => picked.keep(skipped),
                KeyEntry::Basic(IndexItem::NewAxis) => picked.new_axis(),
                array => {
                    let (source, axis) = picked.next();
                    places.push(Place { entry, source, axis });
                    picked.keep(array.consumes());
                    taken += array.consumes();
                }
            }
        }
        debug_assert!(taken <= picked.next().1);
        let before = if run == Run::Torn { 0 } else { before.unwrap_or(0) };
        Ok(Layout { view: picked.finished(), places, before })
    }
}

/// Whether the entries that choose are neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Run {
    Ahead,
    Within,
    Behind,
    Torn,
}

impl Run {
    fn then(self, chooses: bool) -> Run {
        match (self, chooses) {
            (Run::Ahead | Run::Within, true) => Run::Within,
            (Run::Within, false) => Run::Behind,
            (Run::Behind, true) => Run::Torn,
            (run, _) => run,
        }
    }
}

/// Whether masks have the extents of the dimensions that they take. As in NumPy, extents of zero fit any.
fn check_masks(view: &View, key: &[KeyEntry], skipped: usize) -> Result<()> {
    let mut source = 0;
    for entry in key {
        if let KeyEntry::Mask(mask) = entry {
            let wrong = |d: &usize| mask.shape()[*d] > 0 && mask.shape()[*d] != view.shape[source + d];
            if let Some(d) = (0..mask.ndim()).find(wrong) {
                return Err(mask_mismatch(source + d, view.shape[source + d], mask.shape()[d]));
            }
        }
        source += match entry {
            KeyEntry::Basic(IndexItem::Ellipsis) => skipped,
            entry => entry.consumes(),
        };
    }
    Ok(())
}
