//! Sorting beyond cache: items are dealt to buckets of a size that fits, on all threads; then each bucket is sorted.
//!
//! A sample of the keys gives two tables from a key's leading bits to a bucket. The first one has entries of equal width over the sample's range;
//! where the sample is dense (floats crowd in few exponents) an entry looks at further bits, in the second one. Any monotone tables sort
//! right, and those made of the sample's quantiles make buckets of nearly equal size. Each thread counts its part of the input per bucket,
//! and deals it to places of its own in each bucket, in order: the dealing is stable whatever the number of threads. (Source: the
//! scheme of sample sort, W. D. Frazer and A. C. McKellar, J. ACM 17, 1970.)

use super::key::Item;
use super::small;
use crate::parallel::{Shared, Threads};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Items that are sorted without dealing.
pub(super) const SMALL: usize = 1 << 16;
/// Items of a bucket, about: with its scratch it fits the second-level cache.
const BUCKET: usize = 1 << 14;
/// Buckets at most: as many streams of writes a core can keep up.
const BUCKETS: usize = 1024;
/// Sampled items per bucket.
const OVERSAMPLING: usize = 16;
/// Entries of the first table, as a power of two.
const PREFIX_BITS: u32 = 12;
/// Entries of the second table per bucket, about.
const FINENESS: usize = 16;
/// Items that are worth another thread.
const SHARE: usize = 1 << 16;

/// From keys to buckets.
struct Dealer {
    least: u64,
    /// Keys beyond are taken for it, counted from `least`.
    span: u64,
    shift: u32,
    coarse: Vec<Entry>,
    /// Buckets, not decreasing.
    fine: Vec<u16>,
    buckets: usize,
}

/// Where keys of one prefix go: to `fine[first + (key >> shift & mask)]`.
#[derive(Clone, Copy)]
struct Entry {
    first: u32,
    mask: u16,
    shift: u16,
}

impl Dealer {
    /// From a sample of the `n` items that `item` gives.
    fn new<I: Item>(n: usize, item: impl Fn(usize) -> I) -> Dealer {
        let buckets = (n / BUCKET).clamp(2, BUCKETS);
        let sampled = buckets * OVERSAMPLING;
        let mut sample: Vec<u64> = (0..sampled).map(|k| item(spread(k, sampled, n)).key()).collect();
        sample.sort_unstable();
        let (least, greatest) = (sample[0], sample[sampled - 1]);
        sample.iter_mut().for_each(|key| *key -= least);
        let shift = (64 - (greatest - least).leading_zeros()).saturating_sub(PREFIX_BITS);
        let span = u64::MAX >> (64 - PREFIX_BITS - shift);
        let mut dealer = Dealer { least, span, shift, coarse: Vec::new(), fine: Vec::new(), buckets };
        for prefix in 0..1 << PREFIX_BITS {
            dealer.add_prefix(prefix, &sample);
        }
        dealer
    }

    /// The entry of a prefix: as many further bits as the sample is dense there.
    fn add_prefix(&mut self, prefix: u64, sample: &[u64]) {
        let below = |key: u64| sample.partition_point(|&sampled| sampled < key);
        let begin = prefix << self.shift;
        let inside = below(begin.saturating_add(1 << self.shift)) - below(begin);
        let wanted = (inside * self.buckets * FINENESS / sample.len()).max(1);
        let bits = wanted.ilog2().min(PREFIX_BITS).min(self.shift);
        let shift = self.shift - bits;
        let first = self.fine.len() as u32;
        self.coarse.push(Entry { first, mask: (1 << bits) - 1, shift: shift as u16 });
        for sub in 0..1 << bits {
            let rank = below(begin + (sub << shift));
            self.fine.push((rank * self.buckets / sample.len()).min(self.buckets - 1) as u16);
        }
    }

    #[inline(always)]
    fn bucket(&self, key: u64) -> usize {
        let key = key.saturating_sub(self.least).min(self.span);
        let entry = self.coarse[(key >> self.shift) as usize];
        let further = (key >> entry.shift) as u16 & entry.mask;
        usize::from(self.fine[entry.first as usize + usize::from(further)])
    }
}

/// Places of a sample, irregular so that patterns in the input are not mistaken for all of it.
pub(super) fn spread(k: usize, sampled: usize, n: usize) -> usize {
    let (from, to) = (k * n / sampled, (k + 1) * n / sampled);
    let jitter = (k as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    from + jitter as usize % (to - from).max(1)
}

/// Sorts the `n` items that `item` gives (one by one, each several times) into `out`, and hands the sorted buckets with their place to `done` while they
/// are in cache.
pub(super) fn sort<I: Item>(
    n: usize,
    item: impl Fn(usize) -> I + Sync,
    out: &mut [I],
    threads: Threads<'_>,
    done: impl Fn(usize, &mut [I]) + Sync,
) {
    assert_eq!(out.len(), n, "a sorted array has as many items");
    if n <= SMALL {
        out.iter_mut().enumerate().for_each(|(i, place)| *place = item(i));
        small::sort(out, &mut out.to_vec());
        return done(0, out);
    }
    let parts = threads.count().min(n / SHARE).max(1);
    let dealer = Dealer::new(n, &item);
    let ends = deal(n, &item, &dealer, out, parts, threads);
    let out = Shared::new(out.as_mut_ptr());
    let next = AtomicUsize::new(0);
    threads.for_each(parts, |_| {
        let mut scratch = Vec::new();
        loop {
            let bucket = next.fetch_add(1, Ordering::Relaxed);
            if bucket >= dealer.buckets {
                return;
            }
            let (from, to) = (if bucket == 0 { 0 } else { ends[bucket - 1] }, ends[bucket]);
            // SAFETY: buckets are disjoint ranges of `out`, each taken once.
            let items = unsafe { std::slice::from_raw_parts_mut(out.get().add(from), to - from) };
            sort_bucket(items, &mut scratch);
            done(from, items);
        }
    });
}

/// Deals the items to their buckets in `out`; gives where each bucket ends.
fn deal<I: Item>(
    n: usize,
    item: &(impl Fn(usize) -> I + Sync),
    dealer: &Dealer,
    out: &mut [I],
    parts: usize,
    threads: Threads<'_>,
) -> Vec<usize> {
    let buckets = dealer.buckets;
    let part = |p: usize| n * p / parts..n * (p + 1) / parts;
    let mut places = vec![0; parts * buckets];
    let mut chosen = vec![0u16; n];
    let (shared, chosen_at) = (Shared::new(places.as_mut_ptr()), Shared::new(chosen.as_mut_ptr()));
    threads.for_each(parts, |p| {
        // SAFETY: each part has a row of its own.
        let counts = unsafe { std::slice::from_raw_parts_mut(shared.get().add(p * buckets), buckets) };
        for i in part(p) {
            let bucket = dealer.bucket(item(i).key());
            // SAFETY: below `n`; parts are disjoint.
            unsafe { chosen_at.get().add(i).write(bucket as u16) };
            counts[bucket] += 1;
        }
    });
    // Counts become first places: bucket after bucket, in each the parts in order.
    let mut ends = Vec::with_capacity(buckets);
    let mut sum = 0;
    for bucket in 0..buckets {
        for p in 0..parts {
            sum += std::mem::replace(&mut places[p * buckets + bucket], sum);
        }
        ends.push(sum);
    }
    assert_eq!(sum, n, "every item was counted");
    let (shared, out) = (Shared::new(places.as_mut_ptr()), Shared::new(out.as_mut_ptr()));
    threads.for_each(parts, |p| {
        // SAFETY: as above.
        let places = unsafe { std::slice::from_raw_parts_mut(shared.get().add(p * buckets), buckets) };
        for i in part(p) {
            // SAFETY: below `n`; written above, by the same part.
            let place = &mut places[usize::from(unsafe { chosen_at.get().add(i).read() })];
            // SAFETY: each part has as many places in a bucket as it chose it for, its own, and the sum of all is `n`.
            unsafe { out.get().add(*place).write(item(i)) };
            *place += 1;
        }
    });
    ends
}

/// Sorts a bucket; one that is still far too large (keys crowd where the sample's range is wide) is dealt once more.
fn sort_bucket<I: Item>(items: &mut [I], scratch: &mut Vec<I>) {
    let n = items.len();
    if n <= 2 * SMALL {
        if scratch.len() < n {
            scratch.resize(n, I::zeroed());
        }
        return small::sort(items, scratch);
    }
    let dealer = Dealer::new(n, |i| items[i]);
    let copy = items.to_vec();
    let ends = deal(n, &|i| copy[i], &dealer, items, 1, Threads::ALONE);
    drop(copy);
    let mut from = 0;
    for to in ends {
        let part = &mut items[from..to];
        // Many equal keys: no dealing parts them.
        if part.len() > n / 2 {
            part.sort_unstable()
        } else {
            sort_bucket(part, scratch)
        }
        from = to;
    }
}
