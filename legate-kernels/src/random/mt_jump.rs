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
        while bits_left > 0 {
            bits_left -= 1;
            power.square_into(&mut square);
            if n >> bits_left & 1 == 1 {
                shift_up_one(&mut square[..]);
            }
            reduce(&mut square);
            power.0.copy_from_slice(&square[..LIMBS]);
        }
        power
    }

    fn flip(&mut self, exponent: usize) {
        self.0[exponent / 64] ^= 1 << (exponent % 64);
    }

    /// Squaring over GF(2) puts a zero between all coefficients.
    fn square_into(&self, square: &mut [u64; 2 * LIMBS]) {
        for (pair, &limb) in square.chunks_exact_mut(2).zip(self.0.iter()) {
            pair[0] = spread(limb as u32);
            pair[1] = spread((limb >> 32) as u32);
        }
    }

    /// The exponents with coefficient 1, ascending.
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

/// Limbs cleared at a time by [`reduce`]: fewer bits than the gap below the leading term, so that they do not feed back into themselves.
const RUN: usize = 8;

/// Replaces a polynomial of degree at most 2·DEGREE − 1 by its remainder modulo p.
///
/// `x^(DEGREE + s) ≡ Σ x^(e + s)` over the lower terms e: runs of the highest limbs are removed and added in again,
/// shifted down, once per term.
fn reduce(limbs: &mut [u64; 2 * LIMBS]) {
    // Bit DEGREE is bit 33 of limb 311: the limbs from 312 on go in runs, then what is left of limb 311.
    const FIRST: usize = DEGREE / 64;
    const _: () = assert!(FIRST + 1 == LIMBS && LIMBS.is_multiple_of(RUN), "whole runs above the last limb");
    let terms = lower_terms();
    for run in (LIMBS..2 * LIMBS).step_by(RUN).rev() {
        let high: [u64; RUN] = std::array::from_fn(|i| std::mem::take(&mut limbs[run + i]));
        if high != [0; RUN] {
            for &e in terms {
                add_shifted(limbs, high, 64 * run - (DEGREE - e));
            }
        }
    }
    let high = limbs[FIRST] >> (DEGREE % 64);
    limbs[FIRST] &= (1 << (DEGREE % 64)) - 1;
    for &e in terms {
        add_shifted(limbs, std::array::from_fn(|i| if i == 0 { high } else { 0 }), e);
    }
}

/// `limbs ^= run · x^shift`.
#[inline(always)]
fn add_shifted(limbs: &mut [u64; 2 * LIMBS], run: [u64; RUN], shift: usize) {
    let (limb, bit) = (shift / 64, shift % 64);
    let out: &mut [u64; RUN + 1] = (&mut limbs[limb..limb + RUN + 1]).try_into().expect("a slice of that length");
    out[0] ^= run[0] << bit;
    for i in 1..RUN {
        // A shift by 64 - bit in two steps, right for bit = 0 too.
        out[i] ^= run[i] << bit | run[i - 1] >> 1 >> (63 - bit);
    }
    out[RUN] ^= run[RUN - 1] >> 1 >> (63 - bit);
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
    let words = sequence(block);
    let mut sum = [0; N];
    for i in jump.exponents() {
        for (s, w) in sum.iter_mut().zip(&words[i + 1..][..N]) {
            *s ^= w;
        }
    }
    sum
}

/// The words from `block` on that a polynomial may name: all windows that begin below DEGREE + 1.
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
        Polynomial::power_of_x(n).square_into(&mut square);
        reduce(&mut square);
        assert!(Polynomial::power_of_x(2 * n).0[..] == square[..LIMBS]);
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
