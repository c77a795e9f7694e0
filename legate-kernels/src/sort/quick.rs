//! Quicksort of keys by vectorised steps, between two buffers.
//!
//! A split reads one buffer from front to back and fills the other from both ends, so it needs no places of its own; what fits some registers
//! is sorted there. Of long lines first chunks that fit the second-level cache are split at quantiles of a sample, into a piece for each of as many buckets; then
//! the buckets, each gathered from its pieces, are sorted. So memory is walked twice, however long the line. Equal keys are alike, so
//! there is one right result, whatever the number of threads.

use super::key::Item;
use super::large::spread;
use super::vectors::Vectors;
use crate::parallel::{Shared, Threads};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Keys that are sorted on one thread: 256 KiB with the second buffer, for keys of eight bytes.
const SMALL: usize = 1 << 14;
/// Keys of a chunk, in the second-level cache with its other buffer.
const CHUNK: usize = 1 << 15;
/// Keys of a piece, at least about: chunks grow with the number of buckets.
const PIECE: usize = 64;
/// Keys of a bucket, about.
const BUCKET: usize = 1 << 15;
/// Sampled keys per bucket.
const OVERSAMPLING: usize = 32;
/// Keys that are converted and split at a time: they stay in the first-level cache.
const BLOCK: usize = 512;
/// Keys that are worth another thread.
const SHARE: usize = 1 << 15;
/// Keys that a bound is chosen from, as powers of two: few where a split is cheap, more for as many keys as [`CHEAP`].
const CANDIDATES_BITS: (u32, u32) = (4, 6);
/// See [`CANDIDATES_BITS`].
const CHEAP: usize = 1 << 12;

/// Sorts the `n` keys that `fill` writes (from a place on) into `out`, and hands the sorted parts with their place to `done` while they are in cache.
///
/// # Panics
/// If `out` or `scratch` has not `n` places.
pub(super) fn sort<K: Item>(
    n: usize,
    fill: impl Fn(usize, &mut [K]) + Sync,
    out: &mut [K],
    scratch: &mut [K],
    vectors: Vectors<K>,
    threads: Threads<'_>,
    done: impl Fn(usize, &mut [K]) + Sync,
) {
    assert!(out.len() == n && scratch.len() == n, "both buffers have a place for each key");
    let quick = Quick { vectors, done: &done };
    let parts = threads.count().min(n / SHARE).max(1);
    if n <= SMALL || parts == 1 && n <= BUCKET {
        fill(0, out);
        return quick.sort(out, scratch, 0, true);
    }
    let dealer = Dealer::new(n, &fill, vectors);
    let pieces = dealer.deal(&fill, scratch, parts, threads);
    let (out, scratch) = (Shared::new(out.as_mut_ptr()), &*scratch);
    let next = AtomicUsize::new(0);
    threads.for_each(parts, |_| {
        let mut keys = Vec::new();
        while let Some(bucket) = take(&next, dealer.buckets()) {
            keys.clear();
            pieces.of(bucket).for_each(|(from, to)| keys.extend_from_slice(&scratch[from..to]));
            let first = pieces.starts[bucket];
            // SAFETY: buckets are disjoint ranges of `out`, each taken once.
            let place = unsafe { std::slice::from_raw_parts_mut(out.get().add(first), keys.len()) };
            quick.sort(&mut keys, place, first, false);
        }
    });
}

/// The next of `0..end`, taken by one thread.
fn take(next: &AtomicUsize, end: usize) -> Option<usize> {
    Some(next.fetch_add(1, Ordering::Relaxed)).filter(|&taken| taken < end)
}

/// Sorting on one thread.
struct Quick<'a, K, D> {
    vectors: Vectors<K>,
    done: &'a D,
}

impl<K: Item, D: Fn(usize, &mut [K])> Quick<'_, K, D> {
    /// Sorts what is `here`, the line's keys from place `first` on, to stay here or to go to `there`, as `stays` says.
    fn sort(&self, here: &mut [K], there: &mut [K], first: usize, stays: bool) {
        let patience = 2 * here.len().max(2).ilog2();
        self.sort_patiently(here, there, first, stays, patience);
    }

    /// With bounds that keep being bad the standard library's sort (worst case n log n) takes over.
    fn sort_patiently(&self, here: &mut [K], there: &mut [K], first: usize, stays: bool, patience: u32) {
        let n = here.len();
        if n <= self.vectors.leaf {
            let sorted = if stays { here.as_mut_ptr() } else { there.as_mut_ptr() };
            // SAFETY: a leaf at most, and both buffers have room for it.
            unsafe { (self.vectors.sort_leaf)(here.as_ptr(), n, sorted) };
            return (self.done)(first, if stays { here } else { there });
        }
        if patience == 0 {
            here.sort_unstable();
            return self.finish(here, there, first, stays);
        }
        let (median, alike) = self.median(here);
        if alike && here.iter().all(|&key| key == median) {
            return self.finish(here, there, first, stays);
        }
        let mut low = split(self.vectors, here, median, there);
        if low == 0 {
            // The median is the least key: all that equal it are in place.
            low = match (self.vectors.next)(median) {
                Some(bound) => split(self.vectors, here, bound, there),
                None => n,
            };
            let (least, others) = there.split_at_mut(low);
            let (places, room) = here.split_at_mut(low);
            self.finish(least, places, first, !stays);
            return self.sort_patiently(others, room, first + low, !stays, patience - 1);
        }
        let (below, above) = there.split_at_mut(low);
        let (room_below, room_above) = here.split_at_mut(low);
        self.sort_patiently(below, room_below, first, !stays, patience - 1);
        self.sort_patiently(above, room_above, first + low, !stays, patience - 1);
    }

    /// What is sorted, here, goes where it belongs.
    fn finish(&self, here: &mut [K], there: &mut [K], first: usize, stays: bool) {
        if stays {
            return (self.done)(first, here);
        }
        there.copy_from_slice(here);
        (self.done)(first, there);
    }

    /// The median of some keys, and whether these are all equal.
    fn median(&self, keys: &[K]) -> (K, bool) {
        let mut sample = [K::zeroed(); 1 << CANDIDATES_BITS.1];
        let bits = if keys.len() < CHEAP { CANDIDATES_BITS.0 } else { CANDIDATES_BITS.1 };
        let sample = &mut sample[..1 << bits];
        let stride = keys.len() >> bits;
        for (k, key) in sample.iter_mut().enumerate() {
            // One of each stride, at irregular places.
            let place = (k as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
            *key = keys[k * stride + ((place * stride as u64) >> 32) as usize];
        }
        // SAFETY: a leaf at most, sorted in place.
        unsafe { (self.vectors.sort_leaf)(sample.as_ptr(), sample.len(), sample.as_mut_ptr()) };
        (sample[sample.len() / 2], sample[0] == sample[sample.len() - 1])
    }
}

/// Splits all keys; gives how many are below the bound.
fn split<K: Item>(vectors: Vectors<K>, keys: &[K], bound: K, to: &mut [K]) -> usize {
    assert_eq!(keys.len(), to.len(), "both buffers have as many places");
    let (mut low, mut high) = (0, keys.len());
    // SAFETY: as many places as keys, borrowed apart.
    unsafe { (vectors.split)(keys, bound, to.as_mut_ptr(), &mut low, &mut high) };
    low
}

/// Splits a line into buckets.
struct Dealer<K> {
    vectors: Vectors<K>,
    /// Ascending: bucket `b` ends where key `bounds[b]` is. A power of two, less one.
    bounds: Vec<K>,
}

/// Where the keys of each bucket are after dealing: one piece in each chunk of the line.
struct Pieces {
    /// First places, a row for each chunk, with the end after the last bucket.
    places: Vec<usize>,
    buckets: usize,
    /// Where the buckets begin in the sorted line.
    starts: Vec<usize>,
}

impl Pieces {
    fn of(&self, bucket: usize) -> impl Iterator<Item = (usize, usize)> {
        self.places.chunks_exact(self.buckets + 1).map(move |row| (row[bucket], row[bucket + 1]))
    }
}

impl<K: Item> Dealer<K> {
    fn new(n: usize, fill: &impl Fn(usize, &mut [K]), vectors: Vectors<K>) -> Dealer<K> {
        let buckets = (n / BUCKET).next_power_of_two().max(2);
        let sampled = buckets * OVERSAMPLING;
        let mut sample = vec![K::zeroed(); sampled];
        for (k, key) in sample.iter_mut().enumerate() {
            fill(spread(k, sampled, n), std::slice::from_mut(key));
        }
        sample.sort_unstable();
        let bounds = sample.iter().copied().skip(OVERSAMPLING).step_by(OVERSAMPLING).collect();
        Dealer { vectors, bounds }
    }

    fn buckets(&self) -> usize {
        self.bounds.len() + 1
    }

    /// Fills `dealt` with the line's keys, those of each chunk in the order of their buckets.
    fn deal(
        &self,
        fill: &(impl Fn(usize, &mut [K]) + Sync),
        dealt: &mut [K],
        parts: usize,
        threads: Threads<'_>,
    ) -> Pieces {
        let (n, row) = (dealt.len(), self.buckets() + 1);
        let chunk = CHUNK.max(PIECE * self.buckets());
        let chunks = n.div_ceil(chunk);
        let mut places = vec![0; chunks * row];
        let (rows, dealt) = (Shared::new(places.as_mut_ptr()), Shared::new(dealt.as_mut_ptr()));
        let next = AtomicUsize::new(0);
        threads.for_each(parts, |_| {
            let mut room = vec![K::zeroed(); chunk];
            while let Some(k) = take(&next, chunks) {
                let (from, to) = (k * chunk, n.min((k + 1) * chunk));
                // SAFETY: chunks of the line are disjoint, each has a row of its own and is taken once.
                let (dealt, ends) = unsafe {
                    (
                        std::slice::from_raw_parts_mut(dealt.get().add(from), to - from),
                        std::slice::from_raw_parts_mut(rows.get().add(k * row), row),
                    )
                };
                ends[0] = from;
                self.deal_chunk(fill, from, dealt, &mut room[..to - from], &mut ends[1..]);
            }
        });
        let starts = (0..self.buckets()).scan(0, |sum, bucket| {
            let size: usize = places.chunks_exact(row).map(|row| row[bucket + 1] - row[bucket]).sum();
            Some(std::mem::replace(sum, *sum + size))
        });
        Pieces { starts: starts.collect(), buckets: self.buckets(), places }
    }

    /// Fills `dealt` with the keys from place `from` on in the order of their buckets; `ends` become where these end.
    fn deal_chunk(
        &self,
        fill: &impl Fn(usize, &mut [K]),
        from: usize,
        dealt: &mut [K],
        room: &mut [K],
        ends: &mut [usize],
    ) {
        // The two take turns, one split each.
        let (first, second) = if self.buckets().ilog2() % 2 == 1 { (dealt, room) } else { (room, dealt) };
        let (n, middle) = (first.len(), self.bounds.len() / 2);
        let (mut low, mut high) = (0, n);
        let mut block = [K::zeroed(); BLOCK];
        for at in (0..n).step_by(BLOCK) {
            let block = &mut block[..BLOCK.min(n - at)];
            fill(from + at, block);
            // SAFETY: as many places are free as keys are still to come.
            unsafe { (self.vectors.split)(block, self.bounds[middle], first.as_mut_ptr(), &mut low, &mut high) };
        }
        self.deal_halves(first, second, &self.bounds, low, from, ends);
    }

    /// Deals what is `here`, from place `from` on, between the bounds.
    fn deal_further(&self, here: &mut [K], there: &mut [K], bounds: &[K], from: usize, ends: &mut [usize]) {
        if bounds.is_empty() {
            ends[0] = from + here.len();
            return;
        }
        let low = split(self.vectors, here, bounds[bounds.len() / 2], there);
        self.deal_halves(there, here, bounds, low, from, ends);
    }

    /// Deals further what was split at the middle bound.
    fn deal_halves(&self, here: &mut [K], there: &mut [K], bounds: &[K], low: usize, from: usize, ends: &mut [usize]) {
        let middle = bounds.len() / 2;
        let (below, above) = here.split_at_mut(low);
        let (room_below, room_above) = there.split_at_mut(low);
        let (ends_below, ends_above) = ends.split_at_mut(middle + 1);
        self.deal_further(below, room_below, &bounds[..middle], from, ends_below);
        self.deal_further(above, room_above, &bounds[middle + 1..], from + low, ends_above);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::Isa;
    use proptest::prelude::*;

    /// The steps of this machine, each next to its twin.
    fn steps<K: Item>(next: fn(K) -> Option<K>) -> Vec<Vectors<K>> {
        Isa::available().filter_map(K::vectors).chain([Vectors::one_by_one(next)]).collect()
    }

    fn check<K: Item + std::fmt::Debug>(keys: &[K], next: fn(K) -> Option<K>, threads: usize) {
        let mut wanted = keys.to_vec();
        wanted.sort_unstable();
        for vectors in steps(next) {
            let (mut out, mut scratch) = (vec![K::zeroed(); keys.len()], vec![K::zeroed(); keys.len()]);
            let done = std::sync::Mutex::new(vec![false; keys.len()]);
            let fill = |first: usize, part: &mut [K]| part.copy_from_slice(&keys[first..][..part.len()]);
            Threads::scoped(threads, |threads| {
                sort(keys.len(), fill, &mut out, &mut scratch, vectors, threads, |first, part| {
                    assert_eq!(part, &wanted[first..][..part.len()]);
                    let mut done = done.lock().unwrap();
                    done[first..][..part.len()].iter_mut().for_each(|once| assert!(!std::mem::replace(once, true)));
                });
            });
            assert!(out == wanted && done.into_inner().unwrap().iter().all(|&done| done));
        }
    }

    fn mixed(seed: u64, n: usize, range: u64) -> impl Iterator<Item = u64> {
        (0..n as u64).map(move |i| {
            (i ^ seed << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).wrapping_mul(0xd6e8_feb8_6659_fd93)
                % range
        })
    }

    proptest! {
        #[test]
        fn any_keys_are_sorted(keys in prop::collection::vec(prop_oneof![any::<u64>(), 0u64..9, Just(u64::MAX)], 0..3000)) {
            check(&keys, |key| key.checked_add(1), 1);
            let halves: Vec<u32> = keys.iter().map(|&key| key as u32).collect();
            check(&halves, |key| key.checked_add(1), 1);
        }
    }

    #[test]
    fn leaves_of_all_lengths() {
        for n in 0..300 {
            for range in [2, 50, u64::MAX] {
                let keys: Vec<u64> = mixed(n as u64, n, range).collect();
                check(&keys, |key| key.checked_add(1), 1);
                let halves: Vec<u32> = keys.iter().map(|&key| key as u32).collect();
                check(&halves, |key| key.checked_add(1), 1);
            }
        }
    }

    #[test]
    fn splits_of_all_lengths_keep_within_their_places() {
        for vectors in steps::<u64>(|key| key.checked_add(1)) {
            for n in 0..70 {
                let keys: Vec<u64> = mixed(5, n, 100).collect();
                for bound in [0, 1, 30, 70, 100] {
                    // Free places between two that are taken.
                    let (mut to, mut low, mut high) = (vec![777; n + 2], 1, n + 1);
                    // SAFETY: as many places as keys.
                    unsafe { (vectors.split)(&keys, bound, to.as_mut_ptr(), &mut low, &mut high) };
                    assert_eq!((low, high, to[0], to[n + 1]), (high, low, 777, 777));
                    assert!(to[1..low].iter().all(|&key| key < bound) && to[high..=n].iter().all(|&key| key >= bound));
                    let (mut split, mut wanted) = (to[1..=n].to_vec(), keys.clone());
                    split.sort_unstable();
                    wanted.sort_unstable();
                    assert_eq!(split, wanted);
                }
            }
        }
    }

    #[test]
    fn long_lines_on_any_threads() {
        let n = 5 * CHUNK + 1234;
        for range in [u64::MAX, 1 << 40, 1000, 3, 1] {
            for threads in [1, 2, 5] {
                let keys: Vec<u64> = mixed(7, n, range).collect();
                check(&keys, |key| key.checked_add(1), threads);
                let halves: Vec<u32> = keys.iter().map(|&key| key as u32).collect();
                check(&halves, |key| key.checked_add(1), threads);
            }
        }
        let (rising, falling): (Vec<u64>, Vec<u64>) = (0..n as u64).map(|i| (i, u64::MAX - i / 7)).unzip();
        check(&rising, |key| key.checked_add(1), 2);
        check(&falling, |key| key.checked_add(1), 2);
    }

    #[test]
    fn bad_bounds_do_not_take_forever() {
        let keys: Vec<u64> = mixed(3, 5000, u64::MAX).collect();
        let (mut here, mut there) = (keys.clone(), vec![0; keys.len()]);
        for vectors in steps::<u64>(|key| key.checked_add(1)) {
            for stays in [true, false] {
                here.copy_from_slice(&keys);
                let quick = Quick { vectors, done: &|_, _: &mut [u64]| {} };
                quick.sort_patiently(&mut here, &mut there, 0, stays, 2);
                assert!(if stays { &here } else { &there }.is_sorted());
            }
        }
    }
}
