//! A session: a runtime, the tasks this library has registered with it, and the front end's way to say where it is.

use crate::array::NdArray;
use crate::error::Result;
use legate_core::Provenance;
use legate_core::exec::HostBuffer;
use legate_core::mapping::Mapper;
use legate_core::runtime::{ExecutorKind, Runtime};
use legate_kernels::dtype::Scalar;
use std::sync::Arc;

/// How a session is put together. See [`legate_core::runtime::RuntimeConfig`] for the fields of the same names.
pub struct SessionConfig {
    /// Who decides; wrapped in [`crate::mapper::NumpyMapper`].
    pub mapper: Arc<dyn Mapper>,
    /// Cores of this process that tasks may use.
    pub cores: u32,
    /// Bytes of memory that this process may use.
    pub memory_bytes: u64,
    /// Bytes of last-level cache.
    pub cache_bytes: u64,
    /// 0: one shard. N ≥ 1: N simulated ranks.
    pub sim_ranks: u32,
    /// Seed of the simulated transport.
    pub sim_seed: u64,
    /// Which executor.
    pub executor: ExecutorKind,
    /// Join launches where legal.
    pub fuse: bool,
}

/// Asked for the user's line when an operation is really issued (not for what is computed at once), on the calling thread.
pub type ProvenanceSource = Arc<dyn Fn() -> Provenance + Send + Sync>;

/// Issues operations on arrays. All arrays that meet in one operation belong to one session.
pub struct Session {}

impl Session {
    /// Starts a runtime with this library's tasks.
    ///
    /// # Errors
    /// If the configuration contradicts itself.
    pub fn new(config: SessionConfig) -> Result<Session> {
        let _ = config;
        todo!()
    }
    /// A session without a runtime: everything is computed at once, on the calling thread. The slow twin of tests.
    pub fn eager() -> Session {
        todo!()
    }
    /// Sets who is asked for the user's line.
    pub fn set_provenance_source(&self, source: ProvenanceSource) {
        let _ = source;
        todo!()
    }
    /// The runtime beneath; `None` for an eager session.
    pub fn runtime(&self) -> Option<&Arc<Runtime>> {
        todo!()
    }
    /// Hands pending operations to the runtime's next stages.
    pub fn flush(&self) {
        todo!()
    }
    /// Waits until everything issued is done.
    ///
    /// # Errors
    /// [`crate::Error::Interrupted`] if `interrupted` says so.
    pub fn fence(&self, interrupted: &dyn Fn() -> bool) -> Result<()> {
        let _ = interrupted;
        todo!()
    }
    /// The values, row-major. Waits for them; `interrupted` is asked meanwhile whether to give up the wait.
    ///
    /// # Errors
    /// [`crate::Error::Task`] if they could not be computed, [`crate::Error::Interrupted`].
    pub fn to_host(&self, a: &NdArray, interrupted: &dyn Fn() -> bool) -> Result<Arc<HostBuffer>> {
        let _ = (a, interrupted);
        todo!()
    }
    /// The value of an array of one element.
    ///
    /// # Errors
    /// [`crate::Error::NotScalar`]; as [`Session::to_host`].
    pub fn item(&self, a: &NdArray, interrupted: &dyn Fn() -> bool) -> Result<Scalar> {
        let _ = (a, interrupted);
        todo!()
    }
    /// NumPy's `bool(a)`.
    ///
    /// # Errors
    /// [`crate::Error::AmbiguousTruth`], [`crate::Error::EmptyTruth`]; as [`Session::to_host`].
    pub fn truth(&self, a: &NdArray, interrupted: &dyn Fn() -> bool) -> Result<bool> {
        let _ = (a, interrupted);
        todo!()
    }
    /// Test hook: an array of this shape whose task panics with `message`.
    ///
    /// # Errors
    /// None at the call; reading the array gives [`crate::Error::Task`].
    pub fn failing(&self, shape: &[i64], message: &str) -> Result<NdArray> {
        let _ = (shape, message);
        todo!()
    }
}
