//! Places at which values belong in a sorted vector.
//!
//! Several searches go on side by side, a step of each at a time: none of the steps branches on what it reads, so the reads, which are at random in a vector
//! beyond cache, overlap.

use crate::select::RawVector;
use crate::sort::Sortable;

/// Searches side by side.
const LANES: usize = 8;

/// `out[k]` (an `i64`) becomes the first place at which `needles[k]` can be put into `sorted` so that it stays in order, or with `after` the last such place,
/// for `k` in `0..count`. The order is that of sorting: NaN comes last; zeros of either sign are equal, and so are all NaNs.
///
/// Where `sorted`, of `n` elements, is not in that order, the places are any of `0..=n`.
///
/// Cost: `log2(n)` reads of `sorted` for each needle, eight needles at a time.
///
/// # Safety
/// The elements of `sorted` and `needles` are valid for reading, those of `out` for writing, aligned; nobody else touches `out` or writes the others meanwhile.
pub unsafe fn search<T: Sortable>(
    after: bool,
    n: usize,
    sorted: RawVector,
    count: usize,
    needles: RawVector,
    out: RawVector,
) {
    // SAFETY: elements below `n`; `search_lanes` asks for no others.
    let rank = |i: usize| unsafe { sorted.at::<T>(i).read() }.to_rank();
    // SAFETY: needle `k`.
    let needle = |k: usize| unsafe { needles.at::<T>(k).read() }.to_rank();
    // SAFETY: the place of needle `k`.
    let write = |k: usize, place: usize| unsafe { out.at::<i64>(k).write(place as i64) };
    let whole = count - count % LANES;
    for first in (0..whole).step_by(LANES) {
        let places = search_lanes::<LANES>(after, n, rank, std::array::from_fn(|lane| needle(first + lane)));
        places.into_iter().enumerate().for_each(|(lane, place)| write(first + lane, place));
    }
    for k in whole..count {
        let [place] = search_lanes(after, n, rank, [needle(k)]);
        write(k, place);
    }
}

/// How many elements are less than each needle, or with `after` not greater. `rank` is asked for places below `n`.
#[inline(always)]
fn search_lanes<const N: usize>(after: bool, n: usize, rank: impl Fn(usize) -> u64, needles: [u64; N]) -> [usize; N] {
    let is_before = |i: usize, needle: u64| if after { rank(i) <= needle } else { rank(i) < needle };
    let mut first = [0; N];
    if n == 0 {
        return first;
    }
    // The place is one of `first ..= first + left`.
    let mut left = n;
    while left > 1 {
        let half = left / 2;
        for (first, &needle) in first.iter_mut().zip(&needles) {
            *first += if is_before(*first + half - 1, needle) { half } else { 0 };
        }
        left -= half;
    }
    for (first, &needle) in first.iter_mut().zip(&needles) {
        *first += usize::from(is_before(*first, needle));
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector<T>(values: &mut [T]) -> RawVector {
        RawVector { ptr: values.as_mut_ptr().cast(), stride: size_of::<T>() as isize }
    }

    fn places(sorted: &mut [f64], needles: &mut [f64], after: bool) -> Vec<i64> {
        let mut out = vec![-1; needles.len()];
        let (n, count) = (sorted.len(), needles.len());
        // SAFETY: three vectors of these lengths.
        unsafe { search::<f64>(after, n, vector(sorted), count, vector(needles), vector(&mut out)) };
        out
    }

    #[test]
    fn places_are_counts_of_smaller_elements() {
        for n in 0..40 {
            let mut sorted: Vec<f64> = (0..n).map(|i| f64::from(i / 3)).collect();
            for count in [0, 1, 7, 8, 9, 30] {
                let mut needles: Vec<f64> = (0..count).map(|k| f64::from(k) / 2.0 - 1.0).collect();
                for after in [false, true] {
                    let less = |s: f64, v: f64| if after { s <= v } else { s < v };
                    let wanted: Vec<i64> =
                        needles.iter().map(|&v| sorted.iter().filter(|&&s| less(s, v)).count() as i64).collect();
                    assert_eq!(places(&mut sorted, &mut needles, after), wanted, "{n} {count} {after}");
                }
            }
        }
    }

    #[test]
    fn zeros_are_equal_and_nan_comes_last() {
        let mut sorted = [f64::NEG_INFINITY, -0.0, 0.0, 1.0, f64::INFINITY, f64::NAN, -f64::NAN];
        let mut needles = [0.0, -0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
        assert_eq!(places(&mut sorted, &mut needles, false), [1, 1, 5, 4, 0]);
        assert_eq!(places(&mut sorted, &mut needles, true), [3, 3, 7, 5, 1]);
    }
}
