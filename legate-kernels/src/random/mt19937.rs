//! The Mersenne Twister MT19937, the bit generator behind `numpy.random.seed` and `numpy.random.RandomState`.
//!
//! Source: M. Matsumoto and T. Nishimura, "Mersenne Twister: A 623-Dimensionally Equidistributed Uniform Pseudo-Random
//! Number Generator", ACM TOMACS 8 (1998), and the authors' 2002 seeding (`init_genrand`, `init_by_array`).
//!
//! The generator is seen as one endless sequence of 32-bit words `w[0], w[1], …`: the first [`N`] are the key, and
//! `w[k + N]` is a linear function (over bits) of `w[k]`, `w[k + 1]` and `w[k + M]`. A draw is a word, *tempered*. The
//! words are made block by block, [`N`] at a time, so a position is (block, offset).

use crate::dispatch::run_on;
use crate::isa::Isa;
use std::sync::Arc;

/// Words of the state.
pub const N: usize = 624;
/// Distance of the recurrence's middle word.
pub(super) const M: usize = 397;
/// Added to a twisted word whose lowest bit is set.
pub(super) const MATRIX: u32 = 0x9908_b0df;
const UPPER: u32 = 0x8000_0000;
const LOWER: u32 = 0x7fff_ffff;
/// 2^-53.
const DOUBLE_STEP: f64 = 1.0 / 9_007_199_254_740_992.0;

/// `N` consecutive words of the sequence, starting at a multiple of `N`.
pub(super) type Block = [u32; N];

/// The key of `numpy.random.seed(seed)`.
pub fn key_from_seed(seed: u32) -> Arc<[u32]> {
    let mut word = seed;
    (1..=N as u32)
        .map(|next| {
            let this = word;
            word = 1_812_433_253_u32.wrapping_mul(this ^ (this >> 30)).wrapping_add(next);
            this
        })
        .collect()
}

/// The key of `numpy.random.seed(seeds)` for an array of seeds.
///
/// # Panics
/// If there are none (NumPy: "Seed must be non-empty"; to be refused before).
pub fn key_from_seeds(seeds: &[u32]) -> Arc<[u32]> {
    assert!(!seeds.is_empty(), "a seed array must not be empty");
    let mut key = key_from_seed(19_650_218).to_vec();
    let scrambled = |key: &[u32], i: usize, multiplier: u32| {
        let before = key[i - 1];
        key[i] ^ (before ^ (before >> 30)).wrapping_mul(multiplier)
    };
    let mut i = 1;
    let advance = |key: &mut [u32], i: usize| {
        if i + 1 < N {
            return i + 1;
        }
        key[0] = key[N - 1];
        1
    };
    for j in (0..seeds.len()).cycle().take(N.max(seeds.len())) {
        key[i] = scrambled(&key, i, 1_664_525).wrapping_add(seeds[j]).wrapping_add(j as u32);
        i = advance(&mut key, i);
    }
    for _ in 1..N {
        key[i] = scrambled(&key, i, 1_566_083_941).wrapping_sub(i as u32);
        i = advance(&mut key, i);
    }
    key[0] = UPPER;
    key.into()
}

/// The words after `block`: the next block.
#[inline(always)]
pub(super) fn next_block(block: &Block) -> Block {
    let mut next = [0; N];
    // Three runs, so that each reads only what is there: the middle words lie first in the old block, then in the new one.
    let (head, rest) = next.split_at_mut(N - M);
    twist_run(head, block, &block[M..]);
    let (body, tail) = rest.split_at_mut(N - M);
    twist_run(body, &block[N - M..], head);
    twist_run(&mut tail[..2 * M - N - 1], &block[2 * (N - M)..], body);
    next[N - 1] = next[M - 1] ^ twist(block[N - 1], next[0]);
    next
}

/// `out[i] = middle[i] ^ twist(words[i], words[i + 1])`.
#[inline(always)]
fn twist_run(out: &mut [u32], words: &[u32], middle: &[u32]) {
    let n = out.len();
    let (this, after, middle) = (&words[..n], &words[1..][..n], &middle[..n]);
    for i in 0..n {
        out[i] = middle[i] ^ twist(this[i], after[i]);
    }
}

#[inline(always)]
fn twist(this: u32, after: u32) -> u32 {
    let joined = (this & UPPER) | (after & LOWER);
    (joined >> 1) ^ ((joined & 1).wrapping_neg() & MATRIX)
}

#[inline(always)]
fn temper(word: u32) -> u32 {
    let word = word ^ (word >> 11);
    let word = word ^ ((word << 7) & 0x9d2c_5680);
    let word = word ^ ((word << 15) & 0xefc6_0000);
    word ^ (word >> 18)
}

/// 53 bits of two draws, as NumPy's `random_sample` joins them. All steps are exact.
#[inline(always)]
fn double(first: u32, second: u32) -> f64 {
    // Both halves fit 31 bits; the signed conversion is the one that vectorises everywhere.
    let high = f64::from((temper(first) >> 5) as i32);
    let low = f64::from((temper(second) >> 6) as i32);
    (high * 67_108_864.0 + low) * DOUBLE_STEP
}

/// A generator at one position of the sequence: the words are consumed in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mt19937 {
    block: Box<Block>,
    /// Which block: `block[i]` is word `index·N + i`.
    index: u64,
    /// The next word to draw, `0..=N`.
    offset: usize,
}

impl Mt19937 {
    /// The generator with this key (see [`key_from_seed`]) whose next draw is word `pos` of the sequence. NumPy's
    /// `get_state()` gives such a pair; after seeding `pos` is [`N`]. Walks there: for far positions see [`super::Stream`].
    ///
    /// # Panics
    /// If the key does not have [`N`] words.
    pub fn new(key: &[u32], pos: u64) -> Mt19937 {
        let mut rng = Mt19937::at_block(Box::new(block_of(key)), 0);
        rng.skip_to(pos);
        rng
    }

    /// At the first word of block `index`.
    pub(super) fn at_block(block: Box<Block>, index: u64) -> Mt19937 {
        Mt19937 { block, index, offset: 0 }
    }

    /// The sequence number of the next word to be drawn.
    pub fn position(&self) -> u64 {
        self.index * N as u64 + self.offset as u64
    }

    /// The words of the current block and the offset of the next draw in it: NumPy's `get_state()[1:3]`.
    pub fn state(&self) -> (&[u32; N], usize) {
        (&self.block, self.offset)
    }

    pub(super) fn block_index(&self) -> u64 {
        self.index
    }

    /// Draws and forgets `words` words. Cost: about 0.1 µs for each [`N`] of them.
    pub fn skip(&mut self, words: u64) {
        self.skip_to(self.position() + words);
    }

    /// Walks to word `target`, not before the current block.
    pub(super) fn skip_to(&mut self, target: u64) {
        run_on(Isa::best(), {
            // Like NumPy, stay at the end of a block until a word of the next one is wanted.
            #[inline(always)]
            || {
                while target > (self.index + 1) * N as u64 {
                    self.next_block();
                }
            }
        });
        self.offset = (target - self.index * N as u64) as usize;
    }

    #[inline(always)]
    fn next_block(&mut self) {
        *self.block = next_block(&self.block);
        self.index += 1;
        self.offset = 0;
    }

    fn next_word(&mut self) -> u32 {
        if self.offset == N {
            self.next_block();
        }
        self.offset += 1;
        self.block[self.offset - 1]
    }

    /// The next 32 bits.
    pub fn next_u32(&mut self) -> u32 {
        temper(self.next_word())
    }

    /// The next double in [0, 1): `numpy.random.random_sample()`. Takes two words.
    pub fn next_f64(&mut self) -> f64 {
        let first = self.next_word();
        double(first, self.next_word())
    }

    /// The next `out.len()` doubles in [0, 1): `numpy.random.random_sample(n)`.
    pub fn fill_f64(&mut self, out: &mut [f64]) {
        run_on(Isa::best(), {
            #[inline(always)]
            || self.fill_blocks(out)
        });
    }

    #[inline(always)]
    fn fill_blocks(&mut self, mut out: &mut [f64]) {
        while !out.is_empty() {
            let pairs = ((N - self.offset) / 2).min(out.len());
            if pairs == 0 {
                // The pair straddles two blocks (or begins the next one).
                out[0] = self.next_f64();
                out = &mut out[1..];
                continue;
            }
            let (now, later) = out.split_at_mut(pairs);
            for (value, pair) in now.iter_mut().zip(self.block[self.offset..].chunks_exact(2)) {
                *value = double(pair[0], pair[1]);
            }
            self.offset += 2 * pairs;
            out = later;
        }
    }
}

pub(super) fn block_of(key: &[u32]) -> Block {
    key.try_into().expect("an MT19937 key has 624 words")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(words: &[u32]) -> u64 {
        words.iter().fold(0, |hash, &word| (hash ^ u64::from(word)).wrapping_mul(0x100_0000_01b3))
    }

    /// `numpy.random.seed(seed)`, `get_state()`, and what is drawn then, NumPy 2.4.
    #[test]
    fn draws_are_numpys() {
        let check =
            |key: Arc<[u32]>, key_digest: u64, doubles: [u64; 3], later: u64, state_digest: u64, offset: usize| {
                assert_eq!(digest(&key), key_digest);
                let mut rng = Mt19937::new(&key, N as u64);
                assert_eq!([(); 3].map(|()| rng.next_f64().to_bits()), doubles);
                rng.fill_f64(&mut vec![0.0; 997]);
                assert_eq!(rng.next_f64().to_bits(), later);
                assert_eq!((digest(rng.state().0), rng.state().1), (state_digest, offset));
            };
        check(
            key_from_seed(0),
            0xf213979ad52e2f34,
            [0x3fe18fe1565f12a8, 0x3fe6e2d4cf608733, 0x3fe349d66b6e894b],
            0x3fe2f8e00bae5bb8,
            0x6cd0dc9cc090181e,
            130,
        );
        check(
            key_from_seed(1),
            0x3b8a3666ce7dbd12,
            [0x3fdab07d0ffa3c06, 0x3fe70ce5f3baf051, 0x3f1dfb906661c000],
            0x3fd4da120bd421dc,
            0x6d6ec4cc7e4e8dfe,
            130,
        );
        check(
            key_from_seed(42),
            0x85026d3474f68b4,
            [0x3fd7f8771e5f51ec, 0x3fee6c4068bbd654, 0x3fe76c7e8f1e6751],
            0x3fc7b26f91632500,
            0x3fcc60051cd21add,
            130,
        );
        check(
            key_from_seed(4294967295),
            0x92ed3d789f3ca764,
            [0x3fb8fe69a3924820, 0x3fed323d824032b1, 0x3fe93fc6f61af3f9],
            0x3fef4e9151f5d2ac,
            0xcabc996a48595bbf,
            130,
        );
        check(
            key_from_seeds(&[0]),
            0x43d7ba9b8fe2ac91,
            [0x3feb0580f98a7dbe, 0x3fe84129978f9c1a, 0x3fdaeaa51052e978],
            0x3fee4b478ea82669,
            0x8919e69775e2b4f5,
            130,
        );
        check(
            key_from_seeds(&[1, 2, 3]),
            0xc2d2da0f15897611,
            [0x3fe383fbc97230c2, 0x3fec5fd27a5da181, 0x3fde7c4d155e5af8],
            0x3fe64bef6adfc681,
            0x7e5beaf27837e9a9,
            130,
        );
        check(
            key_from_seeds(&(0..1000).collect::<Vec<_>>()),
            0x4eafc6641adab028,
            [0x3fede616bf5e12e0, 0x3fd20b0837c77a52, 0x3fd5076d69ae91ba],
            0x3fe9c4fbc2c53602,
            0x7827a0c663ccfc20,
            130,
        );
    }

    #[test]
    fn skipping_equals_drawing() {
        let key = key_from_seed(5);
        for skipped in [0, 1, 2, 623, 624, 625, 1247, 1248, 1249, 5000] {
            let mut drawn = Mt19937::new(&key, N as u64);
            for _ in 0..skipped {
                drawn.next_u32();
            }
            let jumped = Mt19937::new(&key, N as u64 + skipped);
            assert_eq!(jumped, drawn, "{skipped}");
        }
    }

    #[test]
    fn runs_equal_single_draws_from_any_offset() {
        let key = key_from_seed(8);
        for start in [0, 1, 622, 623, 624, 625, 1000] {
            let mut run = vec![0.0; 1500];
            let mut rng = Mt19937::new(&key, start);
            rng.fill_f64(&mut run);
            let mut single = Mt19937::new(&key, start);
            assert!(run.iter().all(|&x| x.to_bits() == single.next_f64().to_bits()), "from word {start}");
            assert_eq!(rng, single);
        }
    }
}
