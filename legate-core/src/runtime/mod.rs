//! The runtime as a front end sees it: it appends to the operation stream and waits for values.

use crate::error::{Error, Provenance, Result};
use crate::exec::HostBuffer;
use crate::id::{FieldId, TaskId};
use crate::mapping::{MachineView, Mapper};
use crate::operation::{Cut, Operand, Registry, TaskArgs};
use crate::store::Store;
use smallvec::SmallVec;
use std::sync::Arc;

/// What a front end asks to launch; the runtime adds the id.
#[derive(Clone, Debug)]
pub struct LaunchRequest {
    /// The registered task.
    pub task: TaskId,
    /// Its arguments.
    pub args: Arc<dyn TaskArgs>,
    /// Extents of the domain.
    pub shape: crate::geometry::Point,
    /// Arrays.
    pub operands: SmallVec<[Operand; 4]>,
    /// One per domain dimension.
    pub cuts: SmallVec<[Cut; 4]>,
    /// The user's line.
    pub provenance: Provenance,
}

/// Which executor runs the point tasks of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExecutorKind {
    /// Program order, one thread: the slow twin.
    Serial,
    /// Everything that is ready, on all cores, with rayon.
    Parallel,
}

/// How a runtime is put together.
pub struct RuntimeConfig {
    /// Tasks and reductions of all libraries.
    pub registry: Registry,
    /// Who decides.
    pub mapper: Arc<dyn Mapper>,
    /// Cores of this process that tasks may use.
    pub cores: u32,
    /// Bytes of memory that this process may use.
    pub memory_bytes: u64,
    /// Bytes of last-level cache.
    pub cache_bytes: u64,
    /// 0: one shard, processed on the flushing thread. N ≥ 1: N simulated ranks, one thread each, exchanging messages through the `Sim` transport.
    pub sim_ranks: u32,
    /// Seed of the simulated transport's delays and reordering.
    pub sim_seed: u64,
    /// Which executor.
    pub executor: ExecutorKind,
    /// Join launches where legal.
    pub fuse: bool,
}

/// A field that the front end holds. When the last clone is dropped the memory behind the field may be recycled; no operation of the stream
/// tells of it (garbage collection may differ between ranks).
#[derive(Clone)]
pub struct FieldHandle(Arc<FieldOwner>);

struct FieldOwner {
    id: FieldId,
}

impl FieldHandle {
    /// Its name.
    pub fn id(&self) -> FieldId {
        self.0.id
    }
}

/// A value that will come.
pub struct Fetched {}

impl Fetched {
    /// Waits for the values of the fetched store, row-major.
    ///
    /// `interrupted` is asked about every 50 ms; if it says yes, the wait (not the work) is given up.
    ///
    /// # Errors
    /// [`Error::Task`] if the values are poisoned, [`Error::Interrupted`].
    pub fn wait(self, interrupted: &dyn Fn() -> bool) -> Result<Arc<HostBuffer>> {
        let _ = interrupted;
        Err(Error::Interrupted)
    }
}

/// The runtime of one process.
pub struct Runtime {}

impl Runtime {
    /// Starts it.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the configuration contradicts itself.
    pub fn new(config: RuntimeConfig) -> Result<Runtime> {
        let _ = config;
        todo!()
    }
    /// A new field with no values; its memory comes when something is written.
    pub fn create_field(&self, shape: &[i64], size: u32, align: u32) -> FieldHandle {
        let _ = (shape, size, align);
        todo!()
    }
    /// Gives a whole field its values.
    pub fn attach(&self, field: &FieldHandle, bytes: Arc<HostBuffer>, provenance: &Provenance) -> Result<()> {
        let _ = (field, bytes, provenance);
        todo!()
    }
    /// Appends a launch. Returns before it runs.
    ///
    /// # Errors
    /// [`Error::Invalid`] if ranks, bounds or cuts contradict each other.
    pub fn launch(&self, request: LaunchRequest) -> Result<()> {
        let _ = request;
        todo!()
    }
    /// A field of another shape with `src`'s values in row-major order. No memory moves if `src` is dropped before the next flush and its pieces are whole rows.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the volumes differ.
    pub fn reshape(&self, src: &FieldHandle, shape: &[i64], provenance: &Provenance) -> Result<FieldHandle> {
        let _ = (src, shape, provenance);
        todo!()
    }
    /// Asks for the values of a store; flushes the window.
    pub fn fetch(&self, src: &Store, provenance: &Provenance) -> Result<Fetched> {
        let _ = (src, provenance);
        todo!()
    }
    /// Hands the window of pending operations to the next stages.
    pub fn flush(&self) {}
    /// Waits until everything issued is done.
    ///
    /// # Errors
    /// [`Error::Interrupted`]. Failures of tasks show where their results are read.
    pub fn fence(&self, interrupted: &dyn Fn() -> bool) -> Result<()> {
        let _ = interrupted;
        todo!()
    }
    /// The machine as the mapper sees it.
    pub fn machine(&self) -> &MachineView {
        todo!()
    }
    /// The mapper.
    pub fn mapper(&self) -> &Arc<dyn Mapper> {
        todo!()
    }
}
