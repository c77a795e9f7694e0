//! Argsort by one sort of keys: a rank's leading bits with the place behind them.
//!
//! Places take as many bits as the line's length has. What is left for ranks, counted from the least of them, is mostly enough; where it is not, the lowest
//! bits of ranks are left out, and elements that do not differ in the others are set right afterwards: a few neighbours, unless values
//! crowd. Places make all keys distinct, so there is one right result.

use super::quick;
use super::vectors::Vectors;
use crate::dispatch::run_on;
use crate::isa::Isa;
use crate::parallel::{Shared, Threads};

/// Elements that are worth another thread.
const SHARE: usize = 1 << 15;

/// How ranks and places are put into keys.
#[derive(Clone, Copy)]
struct Packing {
    least: u64,
    /// Bits of a rank that are left out.
    lost: u32,
    /// Bits of a place.
    place: u32,
}

impl Packing {
    #[inline(always)]
    fn key(self, rank: u64, place: usize) -> u64 {
        ((rank - self.least) >> self.lost) << self.place | place as u64
    }
    #[inline(always)]
    fn place_of(self, key: u64) -> u64 {
        key & ((1 << self.place) - 1)
    }
}

/// Gives the places of the `n` elements in the order of their ranks, equal ones in the order of places, to `done`, piece by piece with where it begins.
/// `fill` writes ranks from a place on, the same each time.
///
/// # Panics
/// If a buffer has not `n` places, or `n` is less than 2 or more than 2³².
pub(super) fn sort(
    n: usize,
    fill: impl Fn(usize, &mut [u64]) + Sync,
    [keys, other]: [&mut [u64]; 2],
    vectors: Vectors<u64>,
    threads: Threads<'_>,
    done: impl Fn(usize, &mut [u64]) + Sync,
) {
    assert!((2..=1 << 32).contains(&n), "places fit the lower half of a key");
    let parts = threads.count().min(n / SHARE).max(1);
    let (least, greatest) = bounds(n, &fill, parts, threads);
    let place = (n - 1).ilog2() + 1;
    let lost = (64 - (greatest - least).leading_zeros() + place).saturating_sub(64);
    let (packing, isa) = (Packing { least, lost, place }, Isa::best());
    let pack = |first: usize, keys: &mut [u64]| {
        fill(first, keys);
        run_on(isa, {
            #[inline(always)]
            || keys.iter_mut().enumerate().for_each(|(i, key)| *key = packing.key(*key, first + i))
        });
    };
    let unpack = |first: usize, keys: &mut [u64]| {
        run_on(isa, {
            #[inline(always)]
            || keys.iter_mut().for_each(|key| *key = packing.place_of(*key))
        });
        done(first, keys);
    };
    if lost == 0 {
        return quick::sort(n, pack, keys, other, vectors, threads, unpack);
    }
    quick::sort(n, pack, keys, other, vectors, threads, |_, _| {});
    let ends = part_ends(keys, packing, parts);
    let begins = |part: usize| if part == 0 { 0 } else { ends[part - 1] };
    let shared = Shared::new(keys.as_mut_ptr());
    threads.for_each(parts, |part| {
        let (from, to) = (begins(part), ends[part]);
        // SAFETY: parts are disjoint ranges of the keys.
        let keys = unsafe { std::slice::from_raw_parts_mut(shared.get().add(from), to - from) };
        set_right(keys, packing, &fill);
        unpack(from, keys);
    });
}

/// The least and the greatest rank.
fn bounds(n: usize, fill: &(impl Fn(usize, &mut [u64]) + Sync), parts: usize, threads: Threads<'_>) -> (u64, u64) {
    const BLOCK: usize = 512;
    let (mut found, isa) = (vec![(u64::MAX, 0); parts], Isa::best());
    let shared = Shared::new(found.as_mut_ptr());
    threads.for_each(parts, |part| {
        let (from, to) = (n * part / parts, n * (part + 1) / parts);
        let mut block = [0; BLOCK];
        let (mut least, mut greatest) = (u64::MAX, 0);
        for at in (from..to).step_by(BLOCK) {
            let block = &mut block[..BLOCK.min(to - at)];
            fill(at, block);
            (least, greatest) = run_on(isa, {
                #[inline(always)]
                || {
                    block
                        .iter()
                        .fold((least, greatest), |(least, greatest), &rank| (least.min(rank), greatest.max(rank)))
                }
            });
        }
        // SAFETY: each part has an entry of its own.
        unsafe { shared.get().add(part).write((least, greatest)) };
    });
    found.iter().fold((u64::MAX, 0), |all, part| (all.0.min(part.0), all.1.max(part.1)))
}

/// Where parts of the sorted keys end: between keys that differ in their ranks' bits.
fn part_ends(keys: &[u64], packing: Packing, parts: usize) -> Vec<usize> {
    let n = keys.len();
    let alike = |i: usize| keys[i - 1] >> packing.place == keys[i] >> packing.place;
    let end = |part: usize| (n * (part + 1) / parts..n).find(|&i| !alike(i)).unwrap_or(n);
    (0..parts).map(end).collect()
}

/// Sorts each run of keys that do not differ in their ranks' bits by the whole ranks.
fn set_right(keys: &mut [u64], packing: Packing, fill: &impl Fn(usize, &mut [u64])) {
    let mut run = Vec::new();
    for keys in keys.chunk_by_mut(|x, y| x >> packing.place == y >> packing.place) {
        if keys.len() == 1 {
            continue;
        }
        run.clear();
        run.extend(keys.iter().map(|&key| {
            let mut rank = 0;
            fill(packing.place_of(key) as usize, std::slice::from_mut(&mut rank));
            (rank, key)
        }));
        run.sort_unstable();
        keys.iter_mut().zip(&run).for_each(|(key, &(_, sorted))| *key = sorted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sort::key::Item;
    use proptest::prelude::*;

    fn check(ranks: &[u64], threads: usize) {
        let n = ranks.len();
        let mut wanted: Vec<u64> = (0..n as u64).collect();
        wanted.sort_by_key(|&place| ranks[place as usize]);
        let twin = Vectors::one_by_one(|key: u64| key.checked_add(1));
        for vectors in Isa::available().filter_map(u64::vectors).chain([twin]) {
            let (mut keys, mut other, mut out) = (vec![0; n], vec![0; n], vec![0; n]);
            let shared = Shared::new(out.as_mut_ptr());
            Threads::scoped(threads, |threads| {
                let fill = |first: usize, part: &mut [u64]| part.copy_from_slice(&ranks[first..][..part.len()]);
                sort(n, fill, [&mut keys, &mut other], vectors, threads, |first, part| {
                    // SAFETY: pieces are disjoint.
                    unsafe { shared.get().add(first).copy_from_nonoverlapping(part.as_ptr(), part.len()) }
                });
            });
            assert!(out == wanted);
        }
    }

    proptest! {
        #[test]
        fn places_of_any_ranks(ranks in prop::collection::vec(prop_oneof![any::<u64>(), 0u64..9, Just(u64::MAX)], 2..2000)) {
            check(&ranks, 1);
        }
    }

    #[test]
    fn ranks_that_crowd_where_bits_are_left_out() {
        let n = 150_000u64;
        let scattered = |i: u64| i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        // One far rank leaves few bits for the others.
        let crowded: Vec<u64> = (0..n).map(|i| if i == 77 { u64::MAX } else { scattered(i) >> 44 }).collect();
        let clusters: Vec<u64> = (0..n).map(|i| (scattered(i) >> 60 << 60) + scattered(i ^ 5) % 1000).collect();
        let any: Vec<u64> = (0..n).map(scattered).collect();
        let few: Vec<u64> = (0..n).map(|i| scattered(i) % 10).collect();
        for ranks in [crowded, clusters, any, few] {
            for threads in [1, 3] {
                check(&ranks, threads);
            }
        }
    }
}
