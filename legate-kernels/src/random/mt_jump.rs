//! Jumping ahead in the MT19937 sequence by any distance.
//!
//! One step of the generator is a linear map F over GF(2) on 19937 bits. If `g(x) = x^n mod p(x)` with p the characteristic polynomial
//! of F, then Fⁿ = g(F): word `n + j` of the sequence is the exclusive or of the words `i + j` for all
//! `i` with `g_i = 1`. So a jump is (1) a polynomial power, (2) 20561 words of plain generation, (3) some ten thousand
//! exclusive ors of 624 words.
//!
//! Source: H. Haramoto, M. Matsumoto, T. Nishimura, F. Panneton, P. L'Ecuyer, "Efficient Jump Ahead for F2-Linear Random
//! Number Generators", INFORMS J. Computing 20 (2008). Deviations: (1) p is sparse (135 terms, and a gap of 623 below the leading one; closed form in
//! the Mersenne Twister paper, appendix A), so reduction after squaring is shifts and exclusive ors of whole
//! runs, with no division; (2) g(F) is applied to the generated sequence at once instead of by Horner's rule.
//!
//! Cost (example `random_bench`): see [`advance_block`].

use super::mt19937::{Block, M, MATRIX, N, next_block};
use crate::dispatch::run_on;
use crate::isa::Isa;
use std::sync::OnceLock;

/// Degree of the characteristic polynomial: bits of the state.
const DEGREE: usize = 19937;
/// 64-bit limbs of a polynomial below that degree.
const LIMBS: usize = DEGREE.div_ceil(64);
/// The low bits of the words that are not part of the state.
const SLACK: usize = 31;

/// A polynomial over GF(2) of degree below [`DEGREE`]; bit `i` of the limbs is the coefficient of xⁱ.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Polynomial(Box<[u64; LIMBS]>);

/// Exponents of the terms of the characteristic polynomial below the leading one, descending.
fn lower_terms() -> &'static [usize] {
    static TERMS: OnceLock<Vec<usize>> = OnceLock::new();
    TERMS.get_or_init(characteristic_terms)
}

/// Expands  Σ_{i≤31} a_i·(tᴺ + tᴹ)·y^(31-1-i) …  from the Mersenne Twister paper, with y = t^(N-1) + t^(M-1) and `a_i` the bits of [`MATRIX`]:
/// for the 31 low bits a factor y, for the top bit a factor z = tᴺ + tᴹ.
fn characteristic_terms() -> Vec<usize> {
    let mut bits = vec![false; DEGREE + 1];
    let coefficient = |i: usize| MATRIX >> i & 1 == 1;
    // z·y³¹ + Σ_{i<31} a_i·z·y^(30-i) + a_31
    let mut add = |z: bool, power: usize| {
        for k in 0..=power {
            // Lucas: the binomial is odd exactly if k's bits are among power's.
            if k & !power == 0 {
                let exponent = k * (N - 1) + (power - k) * (M - 1);
                let shifts: &[usize] = if z { &[N, M] } else { &[0] };
                for shift in shifts {
                    bits[exponent + shift] ^= true;
                }
            }
        }
    };
    add(true, SLACK);
    for i in 0..SLACK {
        if coefficient(i) {
            add(true, SLACK - 1 - i);
        }
    }
    if coefficient(SLACK) {
        add(false, 0);
    }
    debug_assert!(bits[DEGREE], "the polynomial has the degree of the state");
    (0..DEGREE).rev().filter(|&e| bits[e]).collect()
}

impl Polynomial {
    /// `x^n mod p`. Cost: one squaring and reduction (about 10 µs) per bit of `n` above the fourteenth.
    pub(super) fn power_of_x(n: u64) -> Polynomial {
        // Leading bits of n, as many as give an exponent that needs no reduction.
        let mut bits_left = 0;
        while (n >> bits_left) >= DEGREE as u64 {
            bits_left += 1;
        }
        let mut power = Polynomial(Box::new([0; LIMBS]));
        power.flip((n >> bits_left) as usize);
        let mut square = Box::new([0; 2 * LIMBS]);
        let mut reducer = Reducer::new();
        run_on(Isa::best(), {
            #[inline(always)]
            || {
                while bits_left > 0 {
                    bits_left -= 1;
                    power.square_into(&mut square);
                    if n >> bits_left & 1 == 1 {
                        shift_up_one(&mut square[..]);
                    }
                    reducer.reduce(&square, &mut power.0);
                }
            }
        });
        power
    }

    fn flip(&mut self, exponent: usize) {
        self.0[exponent / 64] ^= 1 << (exponent % 64);
    }

    /// Squaring over GF(2) puts a zero between all coefficients.
    #[inline(always)]
    fn square_into(&self, square: &mut [u64; 2 * LIMBS]) {
        for (pair, &limb) in square.chunks_exact_mut(2).zip(self.0.iter()) {
            pair[0] = spread(limb as u32);
            pair[1] = spread((limb >> 32) as u32);
        }
    }

    /// The exponents with coefficient 1, ascending.
    #[inline(always)]
    fn exponents(&self) -> impl Iterator<Item = usize> {
        self.0.iter().enumerate().flat_map(|(k, &limb)| {
            let mut rest = limb;
            std::iter::from_fn(move || {
                (rest != 0).then(|| {
                    let bit = rest.trailing_zeros() as usize;
                    rest &= rest - 1;
                    64 * k + bit
                })
            })
        })
    }
}

/// The bits of `half` at the even positions.
#[inline(always)]
fn spread(half: u32) -> u64 {
    let x = u64::from(half);
    let x = (x | x << 16) & 0x0000_ffff_0000_ffff;
    let x = (x | x << 8) & 0x00ff_00ff_00ff_00ff;
    let x = (x | x << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    let x = (x | x << 2) & 0x3333_3333_3333_3333;
    (x | x << 1) & 0x5555_5555_5555_5555
}

/// Multiplies by x.
fn shift_up_one(limbs: &mut [u64]) {
    for k in (1..limbs.len()).rev() {
        limbs[k] = limbs[k] << 1 | limbs[k - 1] >> 63;
    }
    limbs[0] <<= 1;
}

/// Limbs reduced at a time: a vector, and fewer bits than the gap below the leading term, so that no run depends on itself.
const RUN: usize = 8;

/// Reduces polynomials of degree up to 2·DEGREE − 1 modulo p.
///
/// Write such a polynomial as `L + H·x^DEGREE`. From the top down, bit `q` of H takes up the terms that fall on it from above, bit `q + DEGREE − e` for
/// each lower term `e`; then the remainder's bit `p` is L's and bit `p − e` of H for each. Both are exclusive ors of shifted windows of H,
/// which is kept between zeros so that windows may reach outside.
struct Reducer {
    high: Box<[u64; LIMBS + 2 * RUN]>,
}

impl Reducer {
    fn new() -> Reducer {
        const { assert!(LIMBS.is_multiple_of(RUN), "whole runs") };
        Reducer { high: Box::new([0; LIMBS + 2 * RUN]) }
    }

    /// Replaces `remainder` by the remainder of `square`.
    #[inline(always)]
    fn reduce(&mut self, square: &[u64; 2 * LIMBS], remainder: &mut [u64; LIMBS]) {
        let terms = lower_terms();
        let high = &mut self.high;
        const FIRST: usize = DEGREE / 64;
        const BIT: usize = DEGREE % 64;
        for (i, limb) in high[RUN..RUN + LIMBS].iter_mut().enumerate() {
            let above = square.get(FIRST + i + 1).copied().unwrap_or(0);
            *limb = square[FIRST + i] >> BIT | above << (64 - BIT);
        }
        for run in (0..LIMBS).step_by(RUN).rev() {
            let mut sum = window(&high[..], 64 * (RUN + run));
            for e in terms.iter().take_while(|&e| 64 * run + DEGREE - e < 64 * LIMBS) {
                add(&mut sum, window(&high[..], 64 * (RUN + run) + DEGREE - e));
            }
            high[RUN + run..][..RUN].copy_from_slice(&sum);
        }
        for run in (0..LIMBS).step_by(RUN) {
            let mut sum: [u64; RUN] = square[run..run + RUN].try_into().expect("RUN long");
            for e in terms.iter().rev().take_while(|&&e| e < 64 * (run + RUN)) {
                add(&mut sum, window(&high[..], 64 * (RUN + run) - e));
            }
            remainder[run..run + RUN].copy_from_slice(&sum);
        }
        remainder[FIRST] &= (1 << BIT) - 1;
    }
}

/// The bits from `bit` on.
#[inline(always)]
fn window(limbs: &[u64], bit: usize) -> [u64; RUN] {
    let (limb, shift) = (bit / 64, bit % 64);
    let limbs: &[u64; RUN + 1] = limbs[limb..limb + RUN + 1].try_into().expect("RUN + 1 long");
    // A shift by 64 - shift in two steps, right for 0 too.
    std::array::from_fn(|i| limbs[i] >> shift | limbs[i + 1] << 1 << (63 - shift))
}

#[inline(always)]
fn add(sum: &mut [u64; RUN], terms: [u64; RUN]) {
    sum.iter_mut().zip(terms).for_each(|(s, t)| *s ^= t);
}

/// The power of x that [`advance_block`] needs to go `blocks` ≥ 1 blocks ahead.
///
/// One less than the distance: word 0 of a window has 31 bits that are not part of the state, so the words are taken one place
/// further on, where all their bits are.
pub(super) fn jump_polynomial(blocks: u64) -> Polynomial {
    Polynomial::power_of_x(blocks * N as u64 - 1)
}

/// The block that lies as far ahead of `block` as the polynomial of [`jump_polynomial`] says. Cost: about 0.1 ms.
pub(super) fn advance_block(block: &Block, jump: &Polynomial) -> Block {
    let exponents: Vec<usize> = jump.exponents().collect();
    let mut sums = [0; N];
    run_on(Isa::best(), {
        #[inline(always)]
        || {
            let words = sequence(block);
            let window = |&i: &usize| -> &[u32; N] { words[i + 1..][..N].try_into().expect("N long") };
            // Four windows at a time: a quarter of the loads and stores of the sums.
            let (fours, rest) = exponents.as_chunks::<4>();
            for [a, b, c, d] in fours.iter().map(|four| four.each_ref().map(window)) {
                for j in 0..N {
                    sums[j] ^= (a[j] ^ b[j]) ^ (c[j] ^ d[j]);
                }
            }
            for a in rest.iter().map(window) {
                sums.iter_mut().zip(a).for_each(|(sum, word)| *sum ^= word);
            }
        }
    });
    sums
}

/// The words from `block` on that a polynomial may name: all windows that begin below DEGREE + 1.
#[inline(always)]
fn sequence(block: &Block) -> Vec<u32> {
    let mut words = Vec::with_capacity(DEGREE + 2 * N);
    let mut block = *block;
    while words.len() < DEGREE + N {
        words.extend_from_slice(&block);
        block = next_block(&block);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::super::mt19937::{block_of, key_from_seed};
    use super::*;

    #[test]
    fn the_polynomial_has_the_known_weight_and_gap() {
        assert_eq!(lower_terms().len(), 134);
        assert_eq!(lower_terms()[0], DEGREE - (N - 1));
        assert_eq!(lower_terms().last(), Some(&0));
    }

    /// The Cayley-Hamilton theorem: p(F) = 0 on any state.
    #[test]
    fn the_polynomial_annihilates_the_sequence() {
        let words = sequence(&block_of(&key_from_seed(4357)));
        for j in 1..500 {
            let sum = lower_terms().iter().fold(words[DEGREE + j], |sum, &e| sum ^ words[e + j]);
            assert_eq!(sum, 0, "at word {j}");
        }
    }

    #[test]
    fn powers_multiply() {
        // x^(2n) computed as a power and as a square.
        let n = 123_456_789_012;
        let mut square = Box::new([0; 2 * LIMBS]);
        let mut power = Polynomial::power_of_x(n);
        power.square_into(&mut square);
        Reducer::new().reduce(&square, &mut power.0);
        assert!(Polynomial::power_of_x(2 * n) == power);
    }

    #[test]
    fn jumping_equals_walking() {
        let start = block_of(&key_from_seed(1));
        let mut walked = start;
        let mut at = 0;
        for blocks in [1, 2, 31, 32, 33, 64, 500, 4000] {
            while at < blocks {
                walked = next_block(&walked);
                at += 1;
            }
            assert_eq!(advance_block(&start, &jump_polynomial(blocks)), walked, "{blocks} blocks");
        }
    }

    #[test]
    fn two_jumps_equal_one() {
        let start = block_of(&key_from_seed(2));
        let (a, b) = (987_654_321_987, 1 << 50);
        let twice = advance_block(&advance_block(&start, &jump_polynomial(a)), &jump_polynomial(b));
        assert_eq!(advance_block(&start, &jump_polynomial(a + b)), twice);
    }
}
