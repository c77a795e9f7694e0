//! Random numbers: NumPy's own streams, on any number of ranks.
//!
//! A draw is an operation like any other: it names the stream and the place in it where the array begins. The place moves on at the
//! call, so the next draw needs not wait for this one.

use crate::array::NdArray;
use crate::error::{Error, Result};
use crate::issue::cuts;
use crate::session::Session;
use crate::shape::check_shape;
use crate::tasks::RandomArgs;
use legate_core::exec::HostBuffer;
use legate_core::mapping::Mapper;
use legate_core::operation::{Operand, Privilege};
use legate_core::runtime::{LaunchRequest, Runtime};
use legate_kernels::dtype::{DType, Kind};
use legate_kernels::random::{MT19937_WORDS, Pcg64, Stream, key_from_seeds};
use parking_lot::Mutex;
use smallvec::SmallVec;
use std::sync::Arc;

/// The state of NumPy's legacy generator (`np.random.get_state()`): MT19937.
#[derive(Clone, Debug, PartialEq)]
pub struct LegacyState {
    /// 624 words.
    pub key: Vec<u32>,
    /// Words used of the current block.
    pub pos: u32,
    /// Whether a second normal deviate is kept (never by this library).
    pub has_gauss: bool,
    /// The kept deviate.
    pub cached_gaussian: f64,
}

/// The legacy generator of a session: uniform numbers are NumPy's, normal ones come from a stream of their own.
#[derive(Debug)]
pub(crate) struct RandomStates {
    uniform: Stream,
    normal: Stream,
}

impl RandomStates {
    fn seeded(uniform: Stream, entropy: &[u32]) -> RandomStates {
        RandomStates { uniform, normal: Stream::Normal(Pcg64::from_entropy(entropy)) }
    }
}

impl Default for RandomStates {
    /// As after `seed(0)`. NumPy's module starts from the system's entropy; a front end that wants that seeds the session so, alike on all ranks.
    fn default() -> RandomStates {
        RandomStates::seeded(Stream::mt19937(0), &[0])
    }
}

impl Session {
    /// `np.random.seed(seed)`.
    pub fn seed(&self, seed: u32) {
        *self.random.lock() = RandomStates::seeded(Stream::mt19937(seed), &[seed]);
    }

    /// `np.random.seed([…])`.
    pub fn seed_by_array(&self, key: &[u32]) {
        let uniform = Stream::Mt19937 { key: key_from_seeds(key), pos: MT19937_WORDS as u64 };
        *self.random.lock() = RandomStates::seeded(uniform, key);
    }

    /// `np.random.random_sample(shape)`: float64 in [0, 1), NumPy's own bits.
    ///
    /// # Errors
    /// As [`Session::empty`].
    pub fn random_sample(&self, shape: &[i64]) -> Result<NdArray> {
        self.draw(shape, |states| &mut states.uniform)
    }

    /// Standard normal deviates from the legacy state (a stream of this library's own, not NumPy's bits).
    ///
    /// # Errors
    /// As [`Session::empty`].
    pub fn randn(&self, shape: &[i64]) -> Result<NdArray> {
        self.draw(shape, |states| &mut states.normal)
    }

    fn draw(&self, shape: &[i64], which: impl Fn(&mut RandomStates) -> &mut Stream) -> Result<NdArray> {
        check_shape(shape)?;
        let taken = take(which(&mut self.random.lock()), shape);
        self.fill_from(taken, shape)
    }

    /// `np.random.get_state()`.
    pub fn random_state(&self) -> LegacyState {
        let (key, pos) = self.random.lock().uniform.numpy_state().expect("the legacy stream is a Mersenne twister");
        LegacyState { key, pos, has_gauss: false, cached_gaussian: 0.0 }
    }

    /// `np.random.set_state(state)`. The normal stream is seeded by the key.
    ///
    /// # Errors
    /// [`Error::Value`] if the key has not 624 words, or the position lies outside.
    pub fn set_random_state(&self, state: &LegacyState) -> Result<()> {
        if state.key.len() != MT19937_WORDS {
            return Err(Error::Value("state must be a 624-element array of unsigned integers".into()));
        }
        if state.pos as usize > MT19937_WORDS {
            return Err(Error::Value("pos must be in [0, 624]".into()));
        }
        let uniform = Stream::Mt19937 { key: state.key.as_slice().into(), pos: u64::from(state.pos) };
        *self.random.lock() = RandomStates::seeded(uniform, &state.key);
        Ok(())
    }

    /// An array of the next values of a stream.
    fn fill_from(&self, stream: Stream, shape: &[i64]) -> Result<NdArray> {
        let points: i64 = shape.iter().product();
        match self.runtime() {
            Some(runtime)
                if !self.mapper().inline(points as u64, 8 * points as u64, runtime.machine()) && points > 0 =>
            {
                self.launch_fill(runtime, stream, shape)
            }
            _ => {
                let mut bytes = HostBuffer::zeroed(8 * points as usize);
                let mut values = vec![0.0; points as usize];
                stream.fill_f64(0, &mut values);
                let elements = bytes.as_mut_slice().chunks_exact_mut(8);
                elements.zip(values).for_each(|(e, v)| e.copy_from_slice(&v.to_ne_bytes()));
                self.from_buffer(Arc::new(bytes), shape, DType::F64)
            }
        }
    }

    fn launch_fill(&self, runtime: &Runtime, stream: Stream, shape: &[i64]) -> Result<NdArray> {
        let a = NdArray::unwritten(shape, DType::F64);
        self.ensure_field(&a, runtime, true);
        let (field, access) = a.access();
        runtime.launch(LaunchRequest {
            task: self.tasks().random,
            args: Arc::new(RandomArgs(stream)),
            shape: shape.into(),
            operands: SmallVec::from_iter([Operand {
                field: field.handle.id(),
                access,
                privilege: Privilege::WriteDiscard,
            }]),
            cuts: cuts(shape, 0),
            provenance: self.provenance(),
        })?;
        Ok(a)
    }
}

/// The stream as it is, which then moves on past an array of this shape.
fn take(stream: &mut Stream, shape: &[i64]) -> Stream {
    let taken = stream.clone();
    stream.advance(shape.iter().product::<i64>() as u64);
    taken
}

/// `np.random.default_rng(seed)`: PCG64. Normal deviates come from a stream of their own, seeded alike.
#[derive(Debug)]
pub struct Generator {
    uniform: Mutex<Stream>,
    normal: Mutex<Stream>,
}

impl Generator {
    /// Seeded through NumPy's `SeedSequence` from the words of a non-negative integer, little end first.
    pub fn new(entropy: &[u32]) -> Generator {
        let generator = Pcg64::from_entropy(entropy);
        Generator { uniform: Mutex::new(generator.into()), normal: Mutex::new(Stream::Normal(generator)) }
    }

    /// In the state that NumPy shows as `bit_generator.state["state"]`.
    pub fn from_state(state: u128, inc: u128) -> Generator {
        let generator = Pcg64 { state, inc };
        Generator { uniform: Mutex::new(generator.into()), normal: Mutex::new(Stream::Normal(generator)) }
    }

    /// `rng.random(shape, dtype)`: NumPy's own bits.
    ///
    /// # Errors
    /// As [`Session::empty`]; [`Error::Type`] if `dtype` is not a float type; [`Error::Unsupported`] for float32.
    pub fn random(&self, session: &Session, shape: &[i64], dtype: DType) -> Result<NdArray> {
        match dtype {
            DType::F64 => {}
            DType::F32 => return Err(Error::Unsupported("random float32".into())),
            _ => return Err(Error::Type(format!("Unsupported dtype dtype('{dtype}') for random"))),
        }
        debug_assert_eq!(dtype.kind(), Kind::Float);
        check_shape(shape)?;
        let taken = take(&mut self.uniform.lock(), shape);
        session.fill_from(taken, shape)
    }

    /// Standard normal deviates (a stream of this library's own).
    ///
    /// # Errors
    /// As [`Session::empty`].
    pub fn standard_normal(&self, session: &Session, shape: &[i64]) -> Result<NdArray> {
        check_shape(shape)?;
        let taken = take(&mut self.normal.lock(), shape);
        session.fill_from(taken, shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(session: &Session, a: &NdArray) -> Vec<f64> {
        let bytes = session.to_host(a, &|| false).unwrap();
        bytes.as_slice().chunks_exact(8).map(|e| f64::from_ne_bytes(e.try_into().unwrap())).collect()
    }

    #[test]
    fn draws_are_numpys_and_follow_each_other() {
        let s = Session::eager();
        s.seed(42);
        let first = values(&s, &s.random_sample(&[2]).unwrap());
        // numpy.random.seed(42); numpy.random.random_sample(2)
        assert_eq!(first, [0.3745401188473625, 0.9507143064099162]);
        let state = s.random_state();
        let second = values(&s, &s.random_sample(&[3]).unwrap());
        s.set_random_state(&state).unwrap();
        assert_eq!(values(&s, &s.random_sample(&[3]).unwrap()), second);
        assert_eq!(second[0], 0.7319939418114051);
    }

    #[test]
    fn generators_are_independent_of_the_session() {
        let s = Session::eager();
        let rng = Generator::new(&[42]);
        assert_eq!(values(&s, &rng.random(&s, &[1], DType::F64).unwrap()), [0.7739560485559633]);
        assert_eq!(values(&s, &rng.random(&s, &[1], DType::F64).unwrap()), [0.4388784397520523]);
        assert!(matches!(rng.random(&s, &[1], DType::I64), Err(Error::Type(_))));
    }
}
