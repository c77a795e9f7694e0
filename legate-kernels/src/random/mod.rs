//! Random streams that can be entered at any position.
//!
//! A [`Stream`] is plain data: it names an endless sequence of values and where in it the next array begins. Value `i` depends on the
//! stream and on `i` only, so the tiles of an array are filled apart, in any order, on any number of threads and ranks,
//! and the bits are those of one sequential fill. Where NumPy has such a stream the bits are NumPy's:
//!
//! | stream | NumPy | jump to a position |
//! |---|---|---|
//! | [`Stream::Mt19937`] | `numpy.random.seed(s)`, then `rand`, `random_sample` | polynomial jump, checkpoints (`mt_seek.rs`) |
//! | [`Stream::Pcg64`] | `numpy.random.default_rng(s).random` | closed form |
//! | [`Stream::Normal`] | none: a stream of its own, by inversion, one PCG64 draw per value | closed form |
//!
//! ```
//! use legate_kernels::random::{Pcg64, Stream};
//! let mut stream = Stream::from(Pcg64::from_entropy(&[42]));
//! let mut whole = [0.0; 100];
//! stream.fill_f64(0, &mut whole);
//! assert_eq!(whole[0], 0.7739560485559633); // numpy.random.default_rng(42).random()
//! let mut tile = [0.0; 10];
//! stream.fill_f64(60, &mut tile);
//! assert_eq!(tile, whole[60..70]);
//! stream.advance(60); // sixty values are used up
//! stream.fill_f64(0, &mut tile);
//! assert_eq!(tile, whole[60..70]);
//! ```

mod mt19937;
mod mt_jump;
mod mt_seek;
mod normal;
mod pcg64;
mod rect;
mod seed_sequence;

pub use mt19937::{Mt19937, N as MT19937_WORDS, key_from_seed, key_from_seeds};
pub use pcg64::Pcg64;
pub use rect::fill_rect_f64;
pub use seed_sequence::{SeedSequence, words_of_u128};

use crate::parallel::{Shared, Threads};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// An endless sequence of doubles, entered at some place. See the module's page.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Stream {
    /// Uniform in [0, 1): `random_sample` of NumPy's legacy generator. Each value takes two words of the sequence.
    Mt19937 {
        /// The first [`MT19937_WORDS`] words ([`key_from_seed`], [`key_from_seeds`], or the key of NumPy's `get_state()`).
        key: Arc<[u32]>,
        /// The word of the sequence that is drawn next; [`MT19937_WORDS`] after seeding. Unlike in NumPy's state it may lie in a later block.
        pos: u64,
    },
    /// Uniform in [0, 1): `Generator.random` with the default bit generator. Each value takes one draw.
    Pcg64(Pcg64),
    /// Standard normal, by inversion; see `normal.rs`. Each value takes one draw.
    Normal(Pcg64),
}

impl From<Pcg64> for Stream {
    fn from(generator: Pcg64) -> Stream {
        Stream::Pcg64(generator)
    }
}

/// Where a sequential fill is: the stream's generator, set on the next value.
enum Cursor {
    Mt19937(Mt19937),
    Pcg64(Pcg64),
    Normal(Pcg64),
}

/// Values per block of the normal stream: draws and values of one block stay in the first-level cache.
const NORMAL_BLOCK: usize = 512;

impl Stream {
    /// `numpy.random.seed(seed)`.
    pub fn mt19937(seed: u32) -> Stream {
        Stream::Mt19937 { key: key_from_seed(seed), pos: MT19937_WORDS as u64 }
    }

    /// Lets the next `n` values be as used: value `i` becomes what was value `n + i`. O(1) for MT19937, O(log n) else.
    pub fn advance(&mut self, n: u64) {
        match self {
            Stream::Mt19937 { pos, .. } => *pos += 2 * n,
            Stream::Pcg64(generator) | Stream::Normal(generator) => generator.advance(u128::from(n)),
        }
    }

    /// Writes values `start .. start + out.len()` to `out`, on this thread.
    ///
    /// Cost: 0.4–2 ns per value (more for normal ones); for MT19937 also up to about a millisecond to get to `start`, if no earlier fill ended
    /// near: hand over long runs.
    pub fn fill_f64(&self, start: u64, out: &mut [f64]) {
        if out.is_empty() {
            return;
        }
        let mut cursor = self.cursor(start);
        cursor.fill(out);
        self.finish(&cursor);
    }

    /// The same on several threads.
    pub fn par_fill_f64(&self, start: u64, out: &mut [f64], threads: Threads<'_>) {
        let run = self.parallel_run(out.len(), threads);
        if run >= out.len() {
            return self.fill_f64(start, out);
        }
        let (n, out) = (out.len(), Shared::new(out.as_mut_ptr()));
        threads.for_each(n.div_ceil(run), |k| {
            let (from, to) = (k * run, n.min((k + 1) * run));
            // SAFETY: disjoint parts of the borrowed slice.
            let part = unsafe { std::slice::from_raw_parts_mut(out.get().add(from), to - from) };
            self.fill_f64(start + from as u64, part);
        });
    }

    /// For MT19937: `get_state()[1:3]` as NumPy gives it after the values before this place have been drawn. The key and the offset in it.
    pub fn numpy_state(&self) -> Option<(Vec<u32>, u32)> {
        match self {
            Stream::Mt19937 { key, pos } => {
                let generator = mt_seek::generator_at(key, *pos);
                let (words, offset) = generator.state();
                Some((words.to_vec(), offset as u32))
            }
            _ => None,
        }
    }

    /// Values that one thread fills in a go: enough that getting there is cheap beside it.
    fn parallel_run(&self, len: usize, threads: Threads<'_>) -> usize {
        let threads = threads.count();
        match self {
            // One run per thread: each begins with a jump.
            Stream::Mt19937 { .. } => len.div_ceil(threads).max(1 << 17),
            _ => len.div_ceil(4 * threads).max(1 << 14),
        }
    }

    fn cursor(&self, start: u64) -> Cursor {
        match self {
            Stream::Mt19937 { key, pos } => Cursor::Mt19937(mt_seek::generator_at(key, pos + 2 * start)),
            Stream::Pcg64(generator) => Cursor::Pcg64(generator.advanced(u128::from(start))),
            Stream::Normal(generator) => Cursor::Normal(generator.advanced(u128::from(start))),
        }
    }

    /// Leaves a trace of where a fill ended, for the next one.
    fn finish(&self, cursor: &Cursor) {
        if let (Stream::Mt19937 { key, .. }, Cursor::Mt19937(generator)) = (self, cursor) {
            mt_seek::remember(key, generator);
        }
    }
}

impl Cursor {
    /// Writes the next values.
    fn fill(&mut self, out: &mut [f64]) {
        match self {
            Cursor::Mt19937(generator) => generator.fill_f64(out),
            Cursor::Pcg64(generator) => {
                generator.peek_f64(out);
                generator.advance(out.len() as u128);
            }
            Cursor::Normal(generator) => {
                let mut bits = [0; NORMAL_BLOCK];
                for block in out.chunks_mut(NORMAL_BLOCK) {
                    let bits = &mut bits[..block.len()];
                    generator.peek_u64(bits);
                    generator.advance(bits.len() as u128);
                    normal::normal_from_bits(bits, block);
                }
            }
        }
    }

    /// Passes over the next `values` values.
    fn skip(&mut self, values: u64) {
        match self {
            Cursor::Mt19937(generator) => mt_seek::seek(generator, generator.position() + 2 * values),
            Cursor::Pcg64(generator) | Cursor::Normal(generator) => generator.advance(u128::from(values)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn streams() -> [Stream; 3] {
        let pcg = Pcg64::from_entropy(&[11]);
        [Stream::mt19937(11), Stream::Pcg64(pcg), Stream::Normal(pcg)]
    }

    #[test]
    fn parts_equal_the_whole_on_any_threads() {
        for stream in streams() {
            let mut whole = vec![0.0; 400_000];
            stream.fill_f64(5, &mut whole);
            for threads in [1, 2, 5] {
                let mut parallel = vec![0.0; whole.len()];
                Threads::scoped(threads, |threads| stream.par_fill_f64(5, &mut parallel, threads));
                assert!(parallel == whole, "{threads} threads");
            }
            for (start, len) in [(0, 1), (1, 600), (311, 3), (399_000, 1000), (70_000, 70_000)] {
                let mut part = vec![0.0; len];
                stream.fill_f64(5 + start, &mut part);
                assert!(part == whole[start as usize..][..len], "{start} {len}");
            }
        }
    }

    #[test]
    fn advancing_renumbers() {
        for mut stream in streams() {
            let (mut before, mut after) = ([0.0; 7], [0.0; 7]);
            stream.fill_f64(1_234_567, &mut before);
            stream.advance(1_234_000);
            stream.fill_f64(567, &mut after);
            assert_eq!(before, after);
        }
    }

    #[test]
    fn normal_values_have_the_moments_of_the_distribution() {
        let mut values = vec![0.0; 1_000_000];
        streams()[2].par_fill_f64(0, &mut values, Threads::ALONE);
        let moment = |k: i32| values.iter().map(|x: &f64| x.powi(k)).sum::<f64>() / values.len() as f64;
        // Five standard errors of each moment's estimate.
        for (k, expected, error) in [(1, 0.0, 0.005), (2, 1.0, 0.0071), (3, 0.0, 0.0194), (4, 3.0, 0.049)] {
            assert!((moment(k) - expected).abs() < error, "moment {k} is {}", moment(k));
        }
    }

    #[test]
    fn a_stream_survives_serialisation() {
        for stream in streams() {
            let bytes = postcard::to_allocvec(&stream).unwrap();
            assert_eq!(postcard::from_bytes::<Stream>(&bytes).unwrap(), stream);
        }
    }
}
