//! Getting to a far position of an MT19937 sequence cheaply: checkpoints, walks and jumps.
//!
//! A stream of the operation stream names its key and a position counted from there, so a task that fills one tile has to get to the tile's first word.
//! It starts at the nearest checkpoint behind (a place where some earlier fill of the same key ended, or the key itself) and walks if that is near, or jumps.
//! Checkpoints and jump polynomials are kept in two small process-wide caches. They change the time that it takes to get
//! somewhere and never what is found there.

use super::mt_jump::{Polynomial, advance_block, jump_polynomial};
use super::mt19937::{Block, Mt19937, N, block_of};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Blocks that are walked rather than jumped over: where the two cost the same if the polynomial is at hand (example `random_bench`).
const WALK_BLOCKS: u64 = 1000;
/// Checkpoints kept (2.5 kB each): at least one for each thread that fills and each stream in use at once.
const CHECKPOINTS: usize = 256;
/// Polynomials kept (2.5 kB each). Tiles of equal size and programs with loops need few distances.
const POLYNOMIALS: usize = 64;

/// A place in a sequence.
struct Checkpoint {
    /// Of the key: keys that travelled are equal without being one allocation, and comparing them is slow.
    fingerprint: u128,
    key: Arc<[u32]>,
    index: u64,
    block: Box<Block>,
}

static CHECKPOINT_CACHE: Mutex<VecDeque<Checkpoint>> = Mutex::new(VecDeque::new());
static POLYNOMIAL_CACHE: Mutex<VecDeque<(u64, Arc<Polynomial>)>> = Mutex::new(VecDeque::new());

/// Every step on a cache leaves it whole, so a panic elsewhere while it was held does no harm.
fn lock<T>(cache: &Mutex<T>) -> MutexGuard<'_, T> {
    cache.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A generator of the sequence of `key`, at word `pos`.
pub(super) fn generator_at(key: &Arc<[u32]>, pos: u64) -> Mt19937 {
    let mut rng = nearest_behind(key, block_index(pos));
    seek(&mut rng, pos);
    rng
}

/// Remembers where `rng` is, for later fills that go on from there.
pub(super) fn remember(key: &Arc<[u32]>, rng: &Mt19937) {
    let (index, fingerprint) = (rng.block_index(), fingerprint(key));
    let mut cache = lock(&CHECKPOINT_CACHE);
    if cache.iter().any(|c| c.index == index && c.fingerprint == fingerprint) {
        return;
    }
    cache.truncate(CHECKPOINTS - 1);
    cache.push_front(Checkpoint { fingerprint, key: Arc::clone(key), index, block: Box::new(*rng.state().0) });
}

/// Moves `rng` forward to word `pos`.
///
/// # Panics
/// If `pos` lies behind the generator's block.
pub(super) fn seek(rng: &mut Mt19937, pos: u64) {
    let target = block_index(pos);
    assert!(target >= rng.block_index(), "a generator is moved forward only");
    let distance = target - rng.block_index();
    if distance > WALK_BLOCKS {
        let block = advance_block(rng.state().0, &polynomial(distance));
        *rng = Mt19937::at_block(Box::new(block), target);
    }
    rng.skip_to(pos);
}

/// The block that word `pos` is drawn from; at the very start of a block NumPy still holds the one before, and so do we.
fn block_index(pos: u64) -> u64 {
    pos.saturating_sub(1) / N as u64
}

/// Four words of a key, far apart.
fn fingerprint(key: &[u32]) -> u128 {
    [0, 1, N / 2, N - 1].into_iter().fold(0, |print, i| print << 32 | u128::from(key[i]))
}

fn nearest_behind(key: &Arc<[u32]>, index: u64) -> Mt19937 {
    let fingerprint = fingerprint(key);
    let cache = lock(&CHECKPOINT_CACHE);
    let behind = cache.iter().filter(|c| c.index <= index && c.fingerprint == fingerprint);
    // Keys that differ and agree in four words are found out here, and cost only time.
    match behind.max_by_key(|c| c.index).filter(|c| c.key == *key) {
        Some(checkpoint) => Mt19937::at_block(checkpoint.block.clone(), checkpoint.index),
        None => Mt19937::at_block(Box::new(block_of(key)), 0),
    }
}

fn polynomial(blocks: u64) -> Arc<Polynomial> {
    if let Some((_, known)) = lock(&POLYNOMIAL_CACHE).iter().find(|(distance, _)| *distance == blocks) {
        return Arc::clone(known);
    }
    // Computed outside the lock: two threads may do the same work once, and nobody waits.
    let fresh = Arc::new(jump_polynomial(blocks));
    let mut cache = lock(&POLYNOMIAL_CACHE);
    cache.truncate(POLYNOMIALS - 1);
    cache.push_front((blocks, Arc::clone(&fresh)));
    fresh
}

#[cfg(test)]
mod tests {
    use super::super::mt19937::key_from_seed;
    use super::*;

    #[test]
    fn any_order_of_visits_finds_the_same_words() {
        let key = key_from_seed(77);
        let mut walked = Mt19937::new(&key, 0);
        let stops = [0, 1, 624, 625, 1248, 10_000, 700_000, 700_001, 2_000_000, 2_000_624];
        let expected: Vec<Mt19937> = stops
            .iter()
            .map(|&stop| {
                walked.skip_to(stop);
                walked.clone()
            })
            .collect();
        for order in [[9, 0, 5, 8, 3, 7, 1, 6, 2, 4], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [6, 9, 6, 7, 8, 1, 0, 2, 4, 3]] {
            for i in order {
                let found = generator_at(&key, stops[i]);
                assert_eq!(found, expected[i], "at word {}", stops[i]);
                remember(&key, &found);
            }
        }
    }

    #[test]
    fn equal_keys_share_and_other_keys_do_not() {
        let (a, b) = (key_from_seed(1001), key_from_seed(1002));
        let far = generator_at(&a, 5_000_000);
        remember(&a, &far);
        assert_eq!(generator_at(&key_from_seed(1001), 5_000_000), far);
        assert_ne!(generator_at(&b, 5_000_000), far);
    }
}
