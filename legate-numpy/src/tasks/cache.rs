//! Programs made ready to run, by content: loops of a user's program call the same few.

use legate_kernels::engine::Compiled;
use legate_kernels::program::Program;
use parking_lot::Mutex;
use rustc_hash::{FxHashMap, FxHasher};
use smallvec::SmallVec;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Compiled programs kept at most; then all are forgotten.
const CAPACITY: usize = 4096;

/// By hash, with their ranks; programs of one hash are told apart by content.
type Known = FxHashMap<u64, SmallVec<[(usize, Arc<Compiled>); 1]>>;

/// Compiled programs by program and rank. Shared by a session and its tasks.
#[derive(Debug)]
pub(crate) struct ProgramCache {
    known: Mutex<Known>,
    /// Bytes of the last-level cache.
    cache_bytes: u64,
}

impl ProgramCache {
    /// For a machine with so large a last-level cache.
    pub(crate) fn new(cache_bytes: u64) -> ProgramCache {
        ProgramCache { known: Mutex::default(), cache_bytes }
    }

    /// Equal for equal programs of equal rank.
    pub(crate) fn hash(program: &Program, rank: usize) -> u64 {
        let mut hasher = FxHasher::default();
        (&program.instrs, rank).hash(&mut hasher);
        hasher.finish()
    }

    /// The compiled form of a well-formed program for domains of `rank` dimensions.
    pub(crate) fn compiled(&self, program: &Program, rank: usize) -> Arc<Compiled> {
        let hash = ProgramCache::hash(program, rank);
        let found = |known: &Known| {
            let same = known.get(&hash)?.iter().find(|(r, compiled)| *r == rank && compiled.program() == program)?;
            Some(Arc::clone(&same.1))
        };
        if let Some(compiled) = found(&self.known.lock()) {
            return compiled;
        }
        let compiled = Compiled::new(program, rank).expect("programs are built well-formed");
        let compiled = Arc::new(compiled.with_cache(self.cache_bytes));
        let mut known = self.known.lock();
        if known.len() >= CAPACITY {
            known.clear();
        }
        known.entry(hash).or_default().push((rank, Arc::clone(&compiled)));
        compiled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use legate_kernels::dtype::DType;

    #[test]
    fn a_program_is_compiled_once_for_each_rank() {
        let cache = ProgramCache::new(u64::MAX);
        let mut program = Program::new();
        let x = program.load(0, DType::F64);
        program.store(1, x);
        let first = cache.compiled(&program, 1);
        assert!(Arc::ptr_eq(&first, &cache.compiled(&program.clone(), 1)));
        assert!(!Arc::ptr_eq(&first, &cache.compiled(&program, 2)));
    }
}
