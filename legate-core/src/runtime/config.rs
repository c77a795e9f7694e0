//! What a front end gives: how a runtime is put together, and what is to be launched.

use crate::error::{Error, Provenance, Result};
use crate::geometry::Point;
use crate::id::TaskId;
use crate::mapping::{MachineView, Mapper};
use crate::operation::{Cut, Operand, Registry, TaskArgs};
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
    pub shape: Point,
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
    /// Everything that is ready, on all cores.
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
    /// Whether windows that come again are recognised.
    pub replay: Replay,
}

/// What is done about a window like one that came before (a loop's).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replay {
    /// It is fused, mapped and planned as if it were new: the slow twin.
    Off,
    /// What was worked out for the other one is used.
    On,
    /// As `On`, and all is worked out anew and compared.
    ///
    /// # Panics
    /// Then a window's processing does, if there is a difference.
    Check,
}

impl RuntimeConfig {
    /// The machine as the mapper is to see it: simulated ranks share the memory evenly and the cores altogether.
    pub(super) fn machine(&self) -> Result<MachineView> {
        let shards = self.sim_ranks.max(1);
        if self.cores == 0 {
            return Err(Error::Invalid("a runtime without cores".to_owned()));
        }
        let memory_bytes = self.memory_bytes / u64::from(shards);
        Ok(MachineView { shards, cores: self.cores, memory_bytes, cache_bytes: self.cache_bytes })
    }
}
