//! The task that fills an array from a random stream.

use super::bridge;
use legate_core::Error;
use legate_core::operation::{Cost, Parallelism, Task, TaskArgs, TaskContext, TaskError};
use legate_kernels::random::Stream;
use rustc_hash::FxHasher;
use std::any::Any;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The stream, set on the value of the domain's first point.
#[derive(Debug)]
pub(crate) struct RandomArgs(pub(crate) Stream);

impl TaskArgs for RandomArgs {
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(postcard::to_allocvec(&self.0).expect("a stream is plain data"));
    }
    fn is_same(&self, other: &dyn TaskArgs) -> bool {
        other.as_any().downcast_ref::<RandomArgs>().is_some_and(|other| self.0 == other.0)
    }
    fn fingerprint(&self) -> u64 {
        let mut hasher = FxHasher::default();
        match &self.0 {
            // The key is long, and seldom another.
            Stream::Mt19937 { key, pos } => (key[0], pos).hash(&mut hasher),
            stream => stream.hash(&mut hasher),
        }
        hasher.finish()
    }
}

/// Each point gets the value of its row-major index in the domain.
pub(super) struct RandomFill;

impl Task for RandomFill {
    fn name(&self) -> &str {
        "random"
    }
    fn decode(&self, bytes: &[u8]) -> Result<Arc<dyn TaskArgs>, Error> {
        let stream = postcard::from_bytes(bytes).map_err(|e| Error::Decode(e.to_string()))?;
        Ok(Arc::new(RandomArgs(stream)))
    }
    fn run(&self, ctx: &TaskContext<'_>) -> Result<(), TaskError> {
        bridge::fill_random(&ctx.args::<RandomArgs>().0, ctx);
        Ok(())
    }
    fn cost(&self, _: &dyn TaskArgs) -> Cost {
        Cost { ns_per_point: 1.5 }
    }
    /// Getting to a place in the Mersenne twister's stream is dear; the kernel cuts long runs itself.
    fn parallelism(&self) -> Parallelism {
        Parallelism::Whole
    }
}
