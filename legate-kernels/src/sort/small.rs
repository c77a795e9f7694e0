//! Sorting in cache: two counting passes over leading bits, then insertion.
//!
//! The items' range of keys is split into some more intervals than there are items. A stable counting sort by interval, in two digits, leaves
//! most items where they belong; what shares an interval is set right by insertion, which walks the nearly sorted items once. If the keys
//! crowd in few intervals insertion would take long: it gives up, and the standard library's sort (worst case n log n) takes over.

use super::key::Item;

/// Up to this many items insertion alone is fastest.
const FEW: usize = 24;
/// Bits of one digit at most: its counters fit the first-level cache beside the items' lines.
const DIGIT_BITS: u32 = 9;
/// Intervals per item, as a power of two.
const SPARSE_BITS: u32 = 2;
/// Moves per item after which insertion gives up.
const PATIENCE: usize = 8;

/// Sorts `items`; `scratch` has as many.
///
/// # Panics
/// If it has fewer.
pub(super) fn sort<I: Item>(items: &mut [I], scratch: &mut [I]) {
    let n = items.len();
    let scratch = &mut scratch[..n];
    if n <= FEW {
        insert(items, usize::MAX);
        return;
    }
    let (least, greatest) = bounds(items);
    if least == greatest && size_of::<I>() <= 8 {
        return; // the key is all of the item
    }
    let range_bits = 64 - (greatest - least).leading_zeros();
    let bits = (n.ilog2() + 1 + SPARSE_BITS).min(2 * DIGIT_BITS).min(range_bits.max(1));
    let shift = range_bits.saturating_sub(bits);
    let (low_bits, high_bits) = (bits / 2, bits - bits / 2);
    let interval = |item: I| ((item.key() - least) >> shift) as usize;
    let low = |item: I| interval(item) & ((1 << low_bits) - 1);
    let high = |item: I| interval(item) >> low_bits;
    let (mut low_counts, mut high_counts) = ([0u32; 1 << DIGIT_BITS], [0u32; 1 << DIGIT_BITS]);
    let (low_counts, high_counts) = (&mut low_counts[..1 << low_bits], &mut high_counts[..1 << high_bits]);
    for &item in &*items {
        low_counts[low(item)] += 1;
        high_counts[high(item)] += 1;
    }
    distribute(items, scratch, low_counts, low);
    distribute(scratch, items, high_counts, high);
    // Without bits left over the intervals are the keys.
    if shift > 0 && !insert(items, PATIENCE * n) {
        items.sort_unstable();
    }
}

fn bounds<I: Item>(items: &[I]) -> (u64, u64) {
    items.iter().fold((u64::MAX, 0), |(least, greatest), item| (least.min(item.key()), greatest.max(item.key())))
}

/// Moves each item to the place that its digit has; `counts` of the digits become the places after the last of each.
#[inline(always)]
fn distribute<I: Item>(from: &[I], to: &mut [I], counts: &mut [u32], digit: impl Fn(I) -> usize) {
    let mut sum = 0;
    for count in counts.iter_mut() {
        sum += std::mem::replace(count, sum);
    }
    for &item in from {
        let place = &mut counts[digit(item)];
        to[*place as usize] = item;
        *place += 1;
    }
}

/// Sorts by insertion; `false` if that takes more than `patience` moves, with all items still there.
fn insert<I: Item>(items: &mut [I], mut patience: usize) -> bool {
    for i in 1..items.len() {
        let item = items[i];
        if items[i - 1] <= item {
            continue;
        }
        let mut hole = i;
        while hole > 0 && items[hole - 1] > item {
            items[hole] = items[hole - 1];
            hole -= 1;
        }
        items[hole] = item;
        match patience.checked_sub(i - hole) {
            Some(left) => patience = left,
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::super::key::Placed;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_items_are_sorted(mut items in prop::collection::vec(prop_oneof![any::<u64>(), 0u64..9, Just(u64::MAX)], 0..3000)) {
            let mut wanted = items.clone();
            wanted.sort();
            let mut placed: Vec<Placed> =
                items.iter().enumerate().map(|(place, &rank)| Placed { rank, place: place as u64 }).collect();
            let mut by_place = placed.clone();
            by_place.sort();
            let mut scratch = items.clone();
            sort(&mut items, &mut scratch);
            prop_assert_eq!(items, wanted);
            let mut scratch = placed.clone();
            sort(&mut placed, &mut scratch);
            prop_assert!(placed == by_place);
        }
    }

    #[test]
    fn crowded_keys_do_not_take_forever() {
        // One far key leaves all others in one interval.
        let mut items: Vec<u64> = (0..20_000u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40).collect();
        items[7] = u64::MAX;
        let mut scratch = items.clone();
        sort(&mut items, &mut scratch);
        assert!(items.is_sorted());
    }
}
