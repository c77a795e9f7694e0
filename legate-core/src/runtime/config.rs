//! What a front end gives: how a runtime is put together, and what is to be launched.

use super::notes::Notes;
use crate::error::{Error, Provenance, Result};
use crate::geometry::Point;
use crate::id::TaskId;
use crate::mapping::{MachineView, Mapper};
use crate::operation::{Cut, Operand, Registry, TaskArgs};
use crate::transport::Transport;
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

/// Who the shards of a runtime are.
#[derive(Clone)]
pub enum Ranks {
    /// One shard, processed on the thread that flushes.
    Alone,
    /// Threads of this process, one for each rank, that exchange messages through a [`SimNetwork`](crate::transport::SimNetwork).
    Simulated {
        /// How many, at least one.
        ranks: u32,
        /// Seed of the network's delays and reordering.
        seed: u64,
    },
    /// Processes, of which this is one, that run the same program. Each processes its own shard on the thread that flushes, and gets all values that the program asks for.
    Joined(Arc<dyn Transport>),
    /// Processes, of which the first runs the program and gets its values. The others call [`Runtime::follow`](super::Runtime::follow).
    Led(Arc<dyn Transport>),
}

impl Ranks {
    /// So many simulated ranks; 0: [`Ranks::Alone`].
    pub fn simulated(ranks: u32, seed: u64) -> Ranks {
        if ranks == 0 { Ranks::Alone } else { Ranks::Simulated { ranks, seed } }
    }
    /// How many shards there are.
    pub fn shards(&self) -> u32 {
        match self {
            Ranks::Alone => 1,
            Ranks::Simulated { ranks, .. } => *ranks,
            Ranks::Joined(transport) | Ranks::Led(transport) => transport.shards(),
        }
    }
}

/// Which executor runs the point tasks of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExecutorKind {
    /// Program order, one thread: the slow twin.
    Serial,
    /// Everything that is ready, on all cores.
    Parallel,
    /// None: windows are fused, mapped and planned, and nothing is done about it. All values that are asked for are zeros. With [`Null`](crate::transport::Null)
    /// it shows what one rank of a machine that is not there has to think about.
    Absent,
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
    /// Who the shards are.
    pub ranks: Ranks,
    /// Which executor.
    pub executor: ExecutorKind,
    /// Join launches where legal.
    pub fuse: bool,
    /// Whether windows that come again are recognised.
    pub replay: Replay,
    /// What tasks say to the front ends of other ranks. Of no use where all ranks are threads of one process, which has one front end.
    pub notes: Option<Arc<dyn Notes>>,
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
    /// The machine as the mapper is to see it: simulated ranks share the memory evenly and the cores altogether; what processes share, their configuration says.
    pub(super) fn machine(&self) -> Result<MachineView> {
        let shards = self.ranks.shards();
        let in_process = if let Ranks::Simulated { ranks, .. } = self.ranks { ranks } else { 1 };
        if self.cores == 0 {
            return Err(Error::Invalid("a runtime without cores".to_owned()));
        }
        let memory_bytes = self.memory_bytes / u64::from(in_process);
        Ok(MachineView { shards, cores: self.cores, memory_bytes, cache_bytes: self.cache_bytes })
    }
}
