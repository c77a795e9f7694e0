//! Random numbers: NumPy's own streams, on any number of ranks.

use crate::array::NdArray;
use crate::error::Result;
use crate::session::Session;
use legate_kernels::dtype::DType;

/// The state of NumPy's legacy generator (`np.random.get_state()`): MT19937.
#[derive(Clone, Debug, PartialEq)]
pub struct LegacyState {
    /// 624 words.
    pub key: Vec<u32>,
    /// Words used of the current block.
    pub pos: u32,
    /// Whether a second normal deviate is kept.
    pub has_gauss: bool,
    /// The kept deviate.
    pub cached_gaussian: f64,
}

/// The legacy generator's state.
#[derive(Debug, Default)]
pub(crate) struct RandomStates {}

impl Session {
    /// `np.random.seed(seed)`.
    pub fn seed(&self, seed: u32) {
        let _ = seed;
        todo!()
    }
    /// `np.random.seed([…])`.
    pub fn seed_by_array(&self, key: &[u32]) {
        let _ = key;
        todo!()
    }
    /// `np.random.random_sample(shape)`: float64 in [0, 1), NumPy's own bits.
    ///
    /// # Errors
    /// As [`Session::empty`].
    pub fn random_sample(&self, shape: &[i64]) -> Result<NdArray> {
        let _ = shape;
        todo!()
    }
    /// Standard normal deviates from the legacy state (a stream of this library's own, not NumPy's bits).
    ///
    /// # Errors
    /// As [`Session::empty`].
    pub fn randn(&self, shape: &[i64]) -> Result<NdArray> {
        let _ = shape;
        todo!()
    }
    /// `np.random.get_state()`.
    pub fn random_state(&self) -> LegacyState {
        todo!()
    }
    /// `np.random.set_state(state)`.
    ///
    /// # Errors
    /// [`crate::Error::Value`] if the key has not 624 words.
    pub fn set_random_state(&self, state: &LegacyState) -> Result<()> {
        let _ = state;
        todo!()
    }
}

/// `np.random.default_rng(seed)`: PCG64.
pub struct Generator {}

impl Generator {
    /// Seeded through NumPy's `SeedSequence` from the words of a non-negative integer, little end first.
    pub fn new(entropy: &[u32]) -> Generator {
        let _ = entropy;
        todo!()
    }
    /// `rng.random(shape, dtype)`: NumPy's own bits.
    ///
    /// # Errors
    /// As [`Session::empty`]; [`crate::Error::Type`] if `dtype` is not a float type.
    pub fn random(&self, session: &Session, shape: &[i64], dtype: DType) -> Result<NdArray> {
        let _ = (session, shape, dtype);
        todo!()
    }
    /// Standard normal deviates (a stream of this library's own).
    ///
    /// # Errors
    /// As [`Session::empty`].
    pub fn standard_normal(&self, session: &Session, shape: &[i64]) -> Result<NdArray> {
        let _ = (session, shape);
        todo!()
    }
}
