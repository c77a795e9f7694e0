//! Seeds of any length mixed into well-spread generator states, as `numpy.random.SeedSequence` does.
//!
//! Source: the design note of NumPy's `SeedSequence` (after M. E. O'Neill's `seed_seq_fe`): a pool of four 32-bit
//! words into which every entropy word is hashed, and from which any number of output words is hashed out.

/// Words of the entropy pool.
const POOL: usize = 4;
const INIT_A: u32 = 0x43b0_d7e5;
const MULT_A: u32 = 0x931e_8875;
const INIT_B: u32 = 0x8b51_f9dd;
const MULT_B: u32 = 0x58f3_8ded;
const MIX_LEFT: u32 = 0xca01_f9dd;
const MIX_RIGHT: u32 = 0x4973_f715;

/// A hash whose multiplier changes with each word hashed.
struct Hasher {
    constant: u32,
    multiplier: u32,
}

impl Hasher {
    fn hash(&mut self, word: u32) -> u32 {
        let word = word ^ self.constant;
        self.constant = self.constant.wrapping_mul(self.multiplier);
        let word = word.wrapping_mul(self.constant);
        word ^ (word >> 16)
    }
}

fn mix(left: u32, right: u32) -> u32 {
    let word = MIX_LEFT.wrapping_mul(left).wrapping_sub(MIX_RIGHT.wrapping_mul(right));
    word ^ (word >> 16)
}

/// A mixed seed: makes as many state words as a generator needs. No spawn key (NumPy's default, `spawn_key=()`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeedSequence {
    pool: [u32; POOL],
}

impl SeedSequence {
    /// Mixes 32-bit entropy words, least significant first. An integer is its base-2³² digits ([`words_of_u128`]; 0 is one zero word);
    /// a sequence of integers is the concatenation of their words.
    pub fn new(entropy: &[u32]) -> SeedSequence {
        let mut hasher = Hasher { constant: INIT_A, multiplier: MULT_A };
        let mut pool: [u32; POOL] = std::array::from_fn(|i| hasher.hash(entropy.get(i).copied().unwrap_or(0)));
        for src in 0..POOL {
            for dst in 0..POOL {
                if src != dst {
                    pool[dst] = mix(pool[dst], hasher.hash(pool[src]));
                }
            }
        }
        for &word in entropy.iter().skip(POOL) {
            for slot in &mut pool {
                *slot = mix(*slot, hasher.hash(word));
            }
        }
        SeedSequence { pool }
    }

    /// `generate_state(n)` with 32-bit words.
    pub fn generate_u32(&self, n: usize) -> Vec<u32> {
        let mut hasher = Hasher { constant: INIT_B, multiplier: MULT_B };
        self.pool.iter().cycle().take(n).map(|&word| hasher.hash(word)).collect()
    }

    /// `generate_state(n, numpy.uint64)`: pairs of 32-bit words, the low half first.
    pub fn generate_u64(&self, n: usize) -> Vec<u64> {
        let words = self.generate_u32(2 * n);
        words.chunks_exact(2).map(|pair| u64::from(pair[0]) | u64::from(pair[1]) << 32).collect()
    }
}

/// The base-2³² digits of `value`, least significant first; one zero word for 0.
pub fn words_of_u128(value: u128) -> Vec<u32> {
    let digits = (128 - value.leading_zeros()).div_ceil(32).max(1);
    (0..digits).map(|i| (value >> (32 * i)) as u32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `numpy.random.SeedSequence(entropy).generate_state(...)`, NumPy 2.4.
    #[test]
    fn states_are_numpys() {
        let of = |entropy: &[u32]| SeedSequence::new(entropy);
        assert_eq!(of(&[0]).generate_u32(5), [2968811710, 3677149159, 745650761, 2884920346, 2642120001]);
        assert_eq!(of(&[0]).generate_u64(2), [15793235383387715774, 12390638538380655177]);
        assert_eq!(of(&[1]).generate_u32(5), [1835504127, 1731038949, 1320224556, 2330041505, 321059914]);
        assert_eq!(of(&[1]).generate_u64(2), [7434755675892716031, 10007452063617845036]);
        assert_eq!(of(&[42]).generate_u32(5), [3444837047, 2669555309, 2046530742, 3581440988, 1691623607]);
        assert_eq!(of(&[42]).generate_u64(2), [11465652750463011511, 15382171918060459190]);
        assert_eq!(of(&[3, 256]).generate_u32(5), [2789635316, 1410910647, 811316306, 1804054328, 1649660561]);
        assert_eq!(of(&[3, 256]).generate_u64(2), [6059815089232835828, 7748354339778573394]);
        assert_eq!(
            of(&[17, 0, 0, 0, 0, 0, 256]).generate_u32(5),
            [1276398872, 1403870758, 1090514467, 4086668114, 101949423]
        );
        assert_eq!(of(&[17, 0, 0, 0, 0, 0, 256]).generate_u64(2), [6029578994697129240, 17552105900326514211]);
        assert_eq!(of(&[1, 2, 3]).generate_u32(5), [3822189696, 3026158655, 540542919, 1119972918, 171197509]);
        assert_eq!(of(&[1, 2, 3]).generate_u64(2), [12997252459554536576, 4810247055756232647]);
        assert_eq!(
            of(&[7, 0, 8, 0, 5, 9, 11]).generate_u32(5),
            [1062136285, 1598797479, 2067055632, 1634162409, 1321170700]
        );
        assert_eq!(of(&[7, 0, 8, 0, 5, 9, 11]).generate_u64(2), [6866782886294383069, 7018674105074631696]);
    }

    #[test]
    fn an_integer_is_its_digits() {
        assert_eq!(words_of_u128(0), [0]);
        assert_eq!(words_of_u128(7), [7]);
        assert_eq!(words_of_u128(1 << 32), [0, 1]);
        assert_eq!(words_of_u128(u128::MAX), [u32::MAX; 4]);
    }
}
