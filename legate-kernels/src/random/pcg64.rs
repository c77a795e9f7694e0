//! PCG64 (XSL-RR 128/64), the bit generator behind `numpy.random.default_rng`.
//!
//! Source: M. E. O'Neill, "PCG: A Family of Simple Fast Space-Efficient Statistically Good Algorithms for Random Number
//! Generation", HMC-CS-2014-0905. The state is a 128-bit linear congruential generator, so a jump to any
//! position is a closed form (F. Brown, "Random Number Generation with Arbitrary Strides", 1994).

use super::seed_sequence::SeedSequence;
use crate::dispatch::run_on;
use crate::isa::{Isa, Level};
use serde::{Deserialize, Serialize};

const MULTIPLIER: u128 = 0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645;
/// Independent congruential chains that a run of draws is split into: hides the latency of 128-bit products.
const LANES: usize = 8;
/// The same where vectors multiply 64-bit numbers (AVX-512): four registers of states, in halves. 0.3 ns for a draw, against 1.1 by 128-bit products.
const WIDE: usize = 32;
/// 2^-53: the step between the doubles that are drawn.
const DOUBLE_STEP: f64 = 1.0 / 9_007_199_254_740_992.0;
/// 2^-24: the step between the floats that are drawn.
const FLOAT_STEP: f32 = 1.0 / 16_777_216.0;

/// A PCG64 generator. `state` and `inc` are NumPy's `bit_generator.state["state"]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Pcg64 {
    /// The congruential state.
    pub state: u128,
    /// The congruential increment, odd.
    pub inc: u128,
}

/// The map `s ↦ multiplier·s + increment` applied some number of times.
#[derive(Clone, Copy)]
struct Jump {
    multiplier: u128,
    increment: u128,
}

impl Jump {
    fn apply(self, state: u128) -> u128 {
        state.wrapping_mul(self.multiplier).wrapping_add(self.increment)
    }

    fn then(self, next: Jump) -> Jump {
        Jump { multiplier: self.multiplier.wrapping_mul(next.multiplier), increment: next.apply(self.increment) }
    }
}

impl Pcg64 {
    /// The generator of `numpy.random.default_rng(seed)`, where `entropy` is the seed's 32-bit words (see [`SeedSequence::new`]).
    pub fn from_entropy(entropy: &[u32]) -> Pcg64 {
        Pcg64::from_seed_sequence(&SeedSequence::new(entropy))
    }

    /// `numpy.random.PCG64(seed_sequence)`.
    pub fn from_seed_sequence(seed: &SeedSequence) -> Pcg64 {
        let words = seed.generate_u64(4);
        let wide = |high: u64, low: u64| u128::from(high) << 64 | u128::from(low);
        let inc = wide(words[2], words[3]) << 1 | 1;
        let mut rng = Pcg64 { state: 0, inc };
        rng.step();
        rng.state = rng.state.wrapping_add(wide(words[0], words[1]));
        rng.step();
        rng
    }

    fn step(&mut self) {
        self.state = self.state.wrapping_mul(MULTIPLIER).wrapping_add(self.inc);
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.step();
        output(self.state)
    }

    /// The next double in [0, 1): the high 53 bits of a draw.
    pub fn next_f64(&mut self) -> f64 {
        double(self.next_u64())
    }

    /// Goes `draws` 64-bit draws ahead (modulo 2¹²⁸, so that a wrapped negative number goes back). Cost: log₂ `draws` products.
    pub fn advance(&mut self, draws: u128) {
        self.state = self.jump(draws).apply(self.state);
    }

    /// The generator `draws` draws ahead.
    #[must_use]
    pub fn advanced(mut self, draws: u128) -> Pcg64 {
        self.advance(draws);
        self
    }

    fn jump(&self, mut times: u128) -> Jump {
        let mut power = Jump { multiplier: MULTIPLIER, increment: self.inc };
        let mut total = Jump { multiplier: 1, increment: 0 };
        while times > 0 {
            if times & 1 == 1 {
                total = total.then(power);
            }
            power = power.then(power);
            times >>= 1;
        }
        total
    }

    /// Writes what `convert` makes of each of the next draws.
    fn fill<T>(self, isa: Isa, out: &mut [T], convert: impl Fn(u64) -> T) {
        if isa.level() == Level::Avx512 && out.len() >= 2 * WIDE {
            return run_on(isa, {
                #[inline(always)]
                || self.fill_wide(out, convert)
            });
        }
        let stride = self.jump(LANES as u128);
        let mut lanes: [u128; LANES] = self.first_states();
        let mut blocks = out.chunks_exact_mut(LANES);
        for block in &mut blocks {
            for (place, state) in block.iter_mut().zip(&mut lanes) {
                *place = convert(output(*state));
                *state = stride.apply(*state);
            }
        }
        for (place, state) in blocks.into_remainder().iter_mut().zip(lanes) {
            *place = convert(output(state));
        }
    }

    /// The same with the halves of the states in vectors.
    #[inline(always)]
    fn fill_wide<T>(self, out: &mut [T], convert: impl Fn(u64) -> T) {
        let stride = self.jump(WIDE as u128);
        let states: [u128; WIDE] = self.first_states();
        let (mut low, mut high) = (states.map(|state| state as u64), states.map(|state| (state >> 64) as u64));
        let mut blocks = out.chunks_exact_mut(WIDE);
        for block in &mut blocks {
            for (k, place) in block.iter_mut().enumerate() {
                *place = convert(output_of(low[k], high[k]));
            }
            step_wide(stride, &mut low, &mut high);
        }
        for (k, place) in blocks.into_remainder().iter_mut().enumerate() {
            *place = convert(output_of(low[k], high[k]));
        }
    }

    /// The states after the next draws.
    fn first_states<const N: usize>(mut self) -> [u128; N] {
        std::array::from_fn(|_| {
            self.step();
            self.state
        })
    }

    /// The next `out.len()` raw draws, in order.
    pub fn peek_u64(&self, out: &mut [u64]) {
        self.fill(Isa::best(), out, std::convert::identity);
    }

    /// The next `out.len()` doubles in [0, 1), as `Generator.random()` draws them.
    pub fn peek_f64(&self, out: &mut [f64]) {
        self.fill(Isa::best(), out, double);
    }

    /// Floats in [0, 1), as `Generator.random(dtype=float32)` draws them: two from each 64-bit draw, the low half first.
    /// `out[0]` is number `start` counted from this generator's state.
    pub fn peek_f32(&self, start: u64, out: &mut [f32]) {
        let odd = start % 2 == 1 && !out.is_empty();
        let mut ahead = self.advanced(u128::from(start / 2));
        let (first, rest) = out.split_at_mut(usize::from(odd));
        if odd {
            first[0] = float((ahead.next_u64() >> 32) as u32);
        }
        let (pairs, last) = rest.as_chunks_mut();
        ahead.fill(Isa::best(), pairs, floats);
        if let [last] = last {
            *last = floats(ahead.advanced(pairs.len() as u128).next_u64())[0];
        }
    }
}

/// One step of each state, in halves.
#[inline(always)]
fn step_wide(step: Jump, low: &mut [u64; WIDE], high: &mut [u64; WIDE]) {
    let halves = |wide: u128| (wide as u64, (wide >> 64) as u64);
    let ((m_low, m_high), (i_low, i_high)) = (halves(step.multiplier), halves(step.increment));
    for (low, high) in low.iter_mut().zip(high) {
        let (product, carried) = wide_product(*low, m_low);
        let sum = product.wrapping_add(i_low);
        let carry = u64::from(sum < i_low);
        let cross = low.wrapping_mul(m_high).wrapping_add(high.wrapping_mul(m_low));
        *high = carried.wrapping_add(cross).wrapping_add(i_high).wrapping_add(carry);
        *low = sum;
    }
}

/// Low and high half of a product, from products of 32 bits: those that vectors have.
#[inline(always)]
fn wide_product(x: u64, y: u64) -> (u64, u64) {
    const LOW: u64 = 0xffff_ffff;
    let (x_low, x_high, y_low, y_high) = (x & LOW, x >> 32, y & LOW, y >> 32);
    let low = x_low * y_low;
    let first = x_low * y_high + (low >> 32);
    let second = x_high * y_low + (first & LOW);
    (second << 32 | low & LOW, x_high * y_high + (first >> 32) + (second >> 32))
}

fn output(state: u128) -> u64 {
    output_of(state as u64, (state >> 64) as u64)
}

#[inline(always)]
fn output_of(low: u64, high: u64) -> u64 {
    (high ^ low).rotate_right((high >> 58) as u32)
}

#[inline(always)]
fn double(bits: u64) -> f64 {
    // 53 bits: the conversion is exact, and so is the scaling by a power of two.
    (bits >> 11) as f64 * DOUBLE_STEP
}

#[inline(always)]
fn floats(bits: u64) -> [f32; 2] {
    [float(bits as u32), float((bits >> 32) as u32)]
}

#[inline(always)]
fn float(bits: u32) -> f32 {
    (bits >> 8) as f32 * FLOAT_STEP
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `numpy.random.default_rng(seed)`: its state, first draws and first doubles, NumPy 2.4.
    #[test]
    fn draws_are_numpys() {
        let mut rng = Pcg64::from_entropy(&[0]);
        assert_eq!(rng, Pcg64 { state: 0x1aa1b5345996452d09585eb7a69561e3, inc: 0x418ddadb3af71a82588133bc447873a9 });
        let mut raw = [0; 3];
        rng.peek_u64(&mut raw);
        assert_eq!(raw, [11749869230777074271, 4976686463289251617, 755828109848996024]);
        let mut doubles = [0.0; 3];
        rng.peek_f64(&mut doubles);
        assert_eq!(doubles.map(f64::to_bits), [0x3fe461fd79fb3850, 0x3fd1442f7e20b674, 0x3fa4fa7b529d9bd0]);
        let mut floats = [0.0; 5];
        rng.peek_f32(0, &mut floats);
        assert_eq!(floats.map(f32::to_bits), [0x3f59c282, 0x3f230feb, 0x3f02d9d7, 0x3e8a217a, 0x3e9d9bd0]);
        rng.advance(1_000_000_000_000_000);
        assert_eq!(rng.next_f64().to_bits(), 0x3fca8da9f13f6298);
        let mut rng = Pcg64::from_entropy(&[12345]);
        assert_eq!(rng, Pcg64 { state: 0x1905e0335aae96349199b0d09775add5, inc: 0xc9c7353e6e2b1f287d761f2d4027fae7 });
        let mut raw = [0; 3];
        rng.peek_u64(&mut raw);
        assert_eq!(raw, [4193609425186963869, 5843160025838961886, 14708796524633321433]);
        let mut doubles = [0.0; 3];
        rng.peek_f64(&mut doubles);
        assert_eq!(doubles.map(f64::to_bits), [0x3fcd1958c6d97fe0, 0x3fd445c4c5727930, 0x3fe984049046889d]);
        let mut floats = [0.0; 5];
        rng.peek_f32(0, &mut floats);
        assert_eq!(floats.map(f32::to_bits), [0x3f32ffc1, 0x3e68cac4, 0x3f49e4c4, 0x3ea22e26, 0x3e5113bc]);
        rng.advance(1_000_000_000_000_000);
        assert_eq!(rng.next_f64().to_bits(), 0x3fc618edea283068);
        let mut rng = Pcg64::from_entropy(&[9, 0, 64]);
        assert_eq!(rng, Pcg64 { state: 0xaa95718b3ff93c2bc70e11da6282ff4f, inc: 0xe141ebb1e22a00b46ac06060cb32682b });
        let mut raw = [0; 3];
        rng.peek_u64(&mut raw);
        assert_eq!(raw, [11636791972120988932, 12033157140638153119, 6676693616888677768]);
        let mut doubles = [0.0; 3];
        rng.peek_f64(&mut doubles);
        assert_eq!(doubles.map(f64::to_bits), [0x3fe42fc6149dec71, 0x3fe4dfcb9547c627, 0x3fd72a185e133120]);
        let mut floats = [0.0; 5];
        rng.peek_f32(0, &mut floats);
        assert_eq!(floats.map(f32::to_bits), [0x3f6f638d, 0x3f217e30, 0x3e78c4e4, 0x3f26fe5c, 0x3e99890a]);
        rng.advance(1_000_000_000_000_000);
        assert_eq!(rng.next_f64().to_bits(), 0x3fc9e5641c02e438);
    }

    #[test]
    fn runs_equal_single_draws() {
        let rng = Pcg64::from_entropy(&[99]);
        for isa in Isa::available() {
            for n in [0, 1, 7, 8, 9, 15, 16, 17, 63, 64, 65, 95, 96, 97, 1000] {
                let mut run = vec![0; n];
                rng.fill(isa, &mut run, std::convert::identity);
                let mut single = rng;
                assert!(run.iter().all(|&bits| bits == single.next_u64()), "{n} draws, {}", isa.name());
            }
        }
    }

    #[test]
    fn wide_products_are_exact() {
        let numbers = [0, 1, 2, 0xffff_ffff, 1 << 32, 0x1_0000_0001, u64::MAX - 1, u64::MAX, MULTIPLIER as u64];
        for x in numbers {
            for y in numbers {
                let (low, high) = wide_product(x, y);
                assert_eq!(u128::from(low) | u128::from(high) << 64, u128::from(x) * u128::from(y));
            }
        }
    }

    #[test]
    fn advancing_equals_drawing() {
        let start = Pcg64::from_entropy(&[5]);
        let mut walked = start;
        for n in 0..300u128 {
            assert_eq!(start.advanced(n), walked);
            assert_eq!(walked.advanced(n.wrapping_neg()), start, "{n} back");
            walked.step();
        }
    }

    #[test]
    fn floats_do_not_depend_on_where_a_run_starts() {
        let rng = Pcg64::from_entropy(&[3]);
        let mut whole = [0.0; 333];
        rng.peek_f32(0, &mut whole);
        for start in 0..20 {
            for len in (0..13).chain(250..313) {
                let mut part = vec![0.0; len];
                rng.peek_f32(start as u64, &mut part);
                assert_eq!(part, whole[start..start + len]);
            }
        }
    }
}
