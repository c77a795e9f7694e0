//! Two steps of a sort on vectors of keys: splitting at a bound, and sorting a few hundred in registers.
//!
//! Keys are compared as wholes and equal keys are alike, so whatever sorts them gives the same bits; each table here may stand for another.
//!
//! Source of the network: K. E. Batcher, "Sorting Networks and Their Applications", AFIPS 32 (1968). Key `e` of a leaf is lane `e / R` of row
//! `e % R` of `R` registers, so most comparisons are between registers; each exchange between lanes is with the lane whose number differs
//! in the low bits, and the last step turns rows into columns by perfect shuffles.

use super::key::Item;
#[cfg(not(target_arch = "x86_64"))]
use crate::isa::Isa;

/// Steps of a sort for one type of keys.
#[derive(Clone, Copy)]
pub struct Vectors<K> {
    /// Keys below `bound` go to `to[low..]`, the others to `to[..high]`, from there downwards; both ends move inwards.
    ///
    /// # Safety
    /// The `high - low` places between are at least as many as keys, and share nothing with these. The CPU has the instructions.
    pub(super) split: unsafe fn(keys: &[K], bound: K, to: *mut K, low: &mut usize, high: &mut usize),
    /// The keys in ascending order to `to`.
    ///
    /// # Safety
    /// There are at most `leaf`; `to` has room for them, and may be where they are. The CPU has the instructions.
    pub(super) sort_leaf: unsafe fn(keys: *const K, count: usize, to: *mut K),
    /// Keys of a leaf at most.
    pub(super) leaf: usize,
    /// The next larger key; none after the greatest.
    pub(super) next: fn(K) -> Option<K>,
}

impl<K: Item> Vectors<K> {
    /// One key at a time: on any machine.
    #[cfg(test)]
    pub(super) fn one_by_one(next: fn(K) -> Option<K>) -> Vectors<K> {
        /// # Safety
        /// See [`Vectors::split`].
        unsafe fn split<K: Item>(keys: &[K], bound: K, to: *mut K, low: &mut usize, high: &mut usize) {
            for &key in keys {
                let place = if key < bound {
                    *low += 1;
                    *low - 1
                } else {
                    *high -= 1;
                    *high
                };
                // SAFETY: there is room for all keys.
                unsafe { to.add(place).write(key) };
            }
        }
        /// # Safety
        /// See [`Vectors::sort_leaf`].
        unsafe fn sort_leaf<K: Item>(keys: *const K, count: usize, to: *mut K) {
            // SAFETY: `count` keys, and room for as many.
            let sorted = unsafe {
                std::ptr::copy(keys, to, count);
                std::slice::from_raw_parts_mut(to, count)
            };
            sorted.sort_unstable();
        }
        Vectors { split: split::<K>, sort_leaf: sort_leaf::<K>, leaf: 64, next }
    }
}

/// The best steps for keys of 32 and of 64 bits at this level, if there are any.
#[cfg(target_arch = "x86_64")]
pub(super) use x86::{of_u32, of_u64};

#[cfg(not(target_arch = "x86_64"))]
pub(super) fn of_u32(_: Isa) -> Option<Vectors<u32>> {
    None
}
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn of_u64(_: Isa) -> Option<Vectors<u64>> {
    None
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Vectors;
    use crate::isa::{Isa, Level};
    use std::arch::x86_64::*;

    /// For each mask of eight keys their places, those of ones first: a byte each.
    static APART: [u64; 256] = {
        let mut table = [0; 256];
        let mut mask = 0;
        while mask < 256 {
            let (mut places, mut taken, mut pass) = (0u64, 0, 0);
            while pass < 2 {
                let mut lane = 0;
                while lane < 8 {
                    if (mask >> lane) & 1 != pass {
                        places |= lane << (8 * taken);
                        taken += 1;
                    }
                    lane += 1;
                }
                pass += 1;
            }
            table[mask as usize] = places;
            mask += 1;
        }
        table
    };

    /// Those of `below` to the beginning of the vector at `low`, the others to the end of that at `high`. What else is in these is garbage.
    ///
    /// # Safety
    /// There are vectors.
    #[inline]
    #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,bmi1,bmi2,popcnt")]
    unsafe fn part_u64(keys: __m512i, below: __mmask8, low: *mut u64, high: *mut u64) {
        // One permutation serves both ends: compressing twice would take four times the work.
        // SAFETY: the table has an entry for each mask; for the stores the caller's word.
        unsafe {
            let places = _mm512_cvtepu8_epi64(_mm_cvtsi64_si128(APART[usize::from(below)] as i64));
            let apart = _mm512_permutexvar_epi64(places, keys);
            _mm512_storeu_epi64(low.cast(), apart);
            _mm512_storeu_epi64(high.cast(), apart);
        }
    }

    /// As [`part_u64`].
    ///
    /// # Safety
    /// As there.
    #[inline]
    #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,bmi1,bmi2,popcnt")]
    unsafe fn part_u32(keys: __m512i, below: __mmask16, low: *mut u32, high: *mut u32) {
        let others = !below;
        let count = others.count_ones();
        // SAFETY: the caller's word.
        unsafe {
            _mm512_storeu_epi32(low.cast(), _mm512_maskz_compress_epi32(below, keys));
            let end = high.add(below.count_ones() as usize);
            _mm512_mask_storeu_epi32(
                end.cast(),
                ((1u32 << count) - 1) as u16,
                _mm512_maskz_compress_epi32(others, keys),
            );
        }
    }

    macro_rules! avx512 {
        ($name:ident, $module:ident, $K:ty, $lanes:literal lanes, mask $M:ty, splat $splat:ident, load $load:ident, maskz_load $maskz_load:ident,
         mask_load $mask_load:ident, part $part:ident, mask_store $mask_store:ident, compress $compress:ident, less $less:ident,
         mask_less $mask_less:ident, min $min:ident, max $max:ident, mask_max $mask_max:ident, permute $permute:ident,
         permute2 $permute2:ident) => {
            mod $module {
                use super::*;

                const LANES: usize = $lanes;
                const ALL: $M = <$M>::MAX;

                /// Ones for the first lanes.
                #[inline(always)]
                fn first(lanes: usize) -> $M {
                    if lanes >= LANES { ALL } else { (1 << lanes) - 1 }
                }

                /// # Safety
                /// See [`Vectors::split`].
                #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,bmi1,bmi2,popcnt")]
                pub(super) unsafe fn split(keys: &[$K], bound: $K, to: *mut $K, low: &mut usize, high: &mut usize) {
                    let bounds = $splat(bound as _);
                    let (mut l, mut h) = (*low, *high);
                    // The last vectors go another way: a whole one at each end needs two vectors of free places.
                    let plain = keys.len().saturating_sub(LANES) / LANES * LANES;
                    for block in keys[..plain].chunks_exact(LANES) {
                        // SAFETY: a whole vector is read. Twice as many places are free, so whole vectors at both ends do not meet.
                        unsafe {
                            let keys = $load(block.as_ptr().cast());
                            let below = $less(keys, bounds);
                            let count = below.count_ones() as usize;
                            $part(keys, below, to.add(l), to.add(h - LANES));
                            l += count;
                            h -= LANES - count;
                        }
                    }
                    for rest in keys[plain..].chunks(LANES) {
                        let here = first(rest.len());
                        // SAFETY: all accesses are masked, and there is a free place for each key.
                        unsafe {
                            let keys = $maskz_load(here, rest.as_ptr().cast());
                            let below = $mask_less(here, keys, bounds);
                            let count = below.count_ones() as usize;
                            let others = rest.len() - count;
                            $mask_store(to.add(l).cast(), first(count), $compress(below, keys));
                            h -= others;
                            $mask_store(to.add(h).cast(), first(others), $compress(here & !below, keys));
                            l += count;
                        }
                    }
                    (*low, *high) = (l, h);
                }

                /// Lane numbers changed in the bits of `with`.
                #[inline(always)]
                fn partners(with: usize) -> [$K; LANES] {
                    std::array::from_fn(|lane| (lane ^ with) as $K)
                }

                /// Ones for lanes whose number has this bit.
                #[inline(always)]
                fn having(bit: usize) -> $M {
                    (0..LANES).filter(|lane| lane & bit != 0).map(|lane| 1 << lane).sum()
                }

                /// Two registers in order, lane by lane.
                #[inline]
                #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq")]
                fn order<const R: usize>(rows: &mut [__m512i; R], a: usize, b: usize) {
                    let (x, y) = (rows[a], rows[b]);
                    rows[a] = $min(x, y);
                    rows[b] = $max(x, y);
                }

                /// Pairs of rows mirrored in blocks of `SIZE`: two ascending halves become two that are apart.
                #[inline]
                #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq")]
                fn mirror<const SIZE: usize, const R: usize>(rows: &mut [__m512i; R]) {
                    for pair in 0..R / 2 {
                        let (block, k) = (pair / (SIZE / 2) * SIZE, pair % (SIZE / 2));
                        order(rows, block + k, block + SIZE - 1 - k);
                    }
                }

                /// Pairs of rows `APART`.
                #[inline]
                #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq")]
                fn halve<const APART: usize, const R: usize>(rows: &mut [__m512i; R]) {
                    for pair in 0..R / 2 {
                        let a = pair / APART * 2 * APART + pair % APART;
                        order(rows, a, a + APART);
                    }
                }

                /// The halving steps from blocks of `R` rows on.
                #[inline]
                #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq")]
                fn halve_rows<const R: usize>(rows: &mut [__m512i; R]) {
                    if R >= 16 {
                        halve::<8, R>(rows);
                    }
                    if R >= 8 {
                        halve::<4, R>(rows);
                    }
                    if R >= 4 {
                        halve::<2, R>(rows);
                    }
                    if R >= 2 {
                        halve::<1, R>(rows);
                    }
                }

                #[inline]
                #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq")]
                fn sort_columns<const R: usize>(rows: &mut [__m512i; R]) {
                    if R >= 2 {
                        mirror::<2, R>(rows);
                    }
                    if R >= 4 {
                        mirror::<4, R>(rows);
                        halve::<1, R>(rows);
                    }
                    if R >= 8 {
                        mirror::<8, R>(rows);
                        halve::<2, R>(rows);
                        halve::<1, R>(rows);
                    }
                    if R >= 16 {
                        mirror::<16, R>(rows);
                        halve::<4, R>(rows);
                        halve::<2, R>(rows);
                        halve::<1, R>(rows);
                    }
                }

                /// Ascending runs of `RUN / 2` columns become ascending runs of `RUN`.
                #[inline]
                #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq")]
                fn merge_columns<const RUN: usize, const R: usize>(rows: &mut [__m512i; R]) {
                    // SAFETY: arrays of a register's size.
                    let with = |lanes: usize| unsafe { $load(partners(lanes).as_ptr().cast()) };
                    let (mirrored, upper) = (with(RUN - 1), having(RUN / 2));
                    for a in 0..R.div_ceil(2) {
                        let b = R - 1 - a;
                        let (x, y) = (rows[a], rows[b]);
                        let (of_x, of_y) = ($permute(mirrored, x), $permute(mirrored, y));
                        rows[a] = $mask_max($min(x, of_y), upper, x, of_y);
                        rows[b] = $mask_max($min(y, of_x), upper, y, of_x);
                    }
                    if RUN >= 16 {
                        halve_lanes::<4, R>(rows);
                    }
                    if RUN >= 8 {
                        halve_lanes::<2, R>(rows);
                    }
                    if RUN >= 4 {
                        halve_lanes::<1, R>(rows);
                    }
                    halve_rows(rows);
                }

                /// Pairs of lanes `APART`.
                #[inline]
                #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq")]
                fn halve_lanes<const APART: usize, const R: usize>(rows: &mut [__m512i; R]) {
                    // SAFETY: an array of a register's size.
                    let (partner, upper) = (unsafe { $load(partners(APART).as_ptr().cast()) }, having(APART));
                    for row in rows {
                        let (x, y) = (*row, $permute(partner, *row));
                        *row = $mask_max($min(x, y), upper, x, y);
                    }
                }

                /// All rows one after the other, shuffled perfectly: the first half and the second take turns.
                #[inline]
                #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq")]
                fn shuffle<const R: usize>(rows: &mut [__m512i; R]) {
                    let turns: [[$K; LANES]; 2] = std::array::from_fn(|half| {
                        std::array::from_fn(|lane| (half * LANES / 2 + lane / 2 + lane % 2 * LANES) as $K)
                    });
                    // SAFETY: arrays of a register's size.
                    let [lower, upper] = turns.map(|half| unsafe { $load(half.as_ptr().cast()) });
                    let before = *rows;
                    for a in 0..R / 2 {
                        rows[2 * a] = $permute2(before[a], lower, before[a + R / 2]);
                        rows[2 * a + 1] = $permute2(before[a], upper, before[a + R / 2]);
                    }
                }

                /// # Safety
                /// See [`Vectors::sort_leaf`]; there are at most `R` registers of keys.
                #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,bmi1,bmi2,popcnt")]
                unsafe fn sort_rows<const R: usize>(keys: *const $K, count: usize, to: *mut $K) {
                    let mut rows = [$splat(<$K>::MAX as _); R];
                    for (i, row) in rows.iter_mut().enumerate() {
                        let here = first(count.saturating_sub(i * LANES));
                        // SAFETY: masked: what is there. The greatest keys fill up.
                        *row = unsafe { $mask_load(*row, here, keys.wrapping_add(i * LANES).cast()) };
                    }
                    sort_columns(&mut rows);
                    merge_columns::<2, R>(&mut rows);
                    merge_columns::<4, R>(&mut rows);
                    merge_columns::<8, R>(&mut rows);
                    if LANES >= 16 {
                        merge_columns::<16, R>(&mut rows);
                    }
                    // Each turns the digits of a place once; after log2 R of them the row's come last.
                    if R >= 2 {
                        shuffle(&mut rows);
                    }
                    if R >= 4 {
                        shuffle(&mut rows);
                    }
                    if R >= 8 {
                        shuffle(&mut rows);
                    }
                    if R >= 16 {
                        shuffle(&mut rows);
                    }
                    for (i, row) in rows.iter().enumerate() {
                        let here = first(count.saturating_sub(i * LANES));
                        // SAFETY: masked: where there is room.
                        unsafe { $mask_store(to.wrapping_add(i * LANES).cast(), here, *row) };
                    }
                }

                /// # Safety
                /// See [`Vectors::sort_leaf`].
                pub(super) unsafe fn sort_leaf(keys: *const $K, count: usize, to: *mut $K) {
                    // SAFETY: the caller's word; as many registers as the keys need.
                    unsafe {
                        match count.div_ceil(LANES) {
                            0 | 1 => sort_rows::<1>(keys, count, to),
                            2 => sort_rows::<2>(keys, count, to),
                            3 | 4 => sort_rows::<4>(keys, count, to),
                            5..=8 => sort_rows::<8>(keys, count, to),
                            _ => sort_rows::<16>(keys, count, to),
                        }
                    }
                }
            }

            pub(in super::super) fn $name(isa: Isa) -> Option<Vectors<$K>> {
                (isa.level() == Level::Avx512).then_some(Vectors {
                    split: $module::split,
                    sort_leaf: $module::sort_leaf,
                    leaf: 16 * $lanes,
                    next: |key| key.checked_add(1),
                })
            }
        };
    }

    avx512!(of_u64, long, u64, 8 lanes, mask __mmask8, splat _mm512_set1_epi64, load _mm512_loadu_epi64, maskz_load _mm512_maskz_loadu_epi64,
        mask_load _mm512_mask_loadu_epi64, part part_u64, mask_store _mm512_mask_storeu_epi64,
        compress _mm512_maskz_compress_epi64, less _mm512_cmplt_epu64_mask, mask_less _mm512_mask_cmplt_epu64_mask,
        min _mm512_min_epu64, max _mm512_max_epu64, mask_max _mm512_mask_max_epu64, permute _mm512_permutexvar_epi64,
        permute2 _mm512_permutex2var_epi64);
    avx512!(of_u32, short, u32, 16 lanes, mask __mmask16, splat _mm512_set1_epi32, load _mm512_loadu_epi32, maskz_load _mm512_maskz_loadu_epi32,
        mask_load _mm512_mask_loadu_epi32, part part_u32, mask_store _mm512_mask_storeu_epi32,
        compress _mm512_maskz_compress_epi32, less _mm512_cmplt_epu32_mask, mask_less _mm512_mask_cmplt_epu32_mask,
        min _mm512_min_epu32, max _mm512_max_epu32, mask_max _mm512_mask_max_epu32, permute _mm512_permutexvar_epi32,
        permute2 _mm512_permutex2var_epi32);
}
