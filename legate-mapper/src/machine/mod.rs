//! What the runtime runs on: cores, caches, memory, and how much of them this process may use.
//!
//! A [`Machine`] comes from one of three sources:
//!
//! 1. **hwloc**, if the library is installed: found at run time, never needed (`hwloc`, `hwloc_library`).
//! 2. **The kernel's files** under `/sys/devices/system` otherwise (`sysfs`).
//! 3. **A file** that describes a machine, for studying a mapping without having one (`file`; examples in `machines/`).
//!
//! What is found is then cut down to what the process may use: the threads in its affinity mask (which a cpuset cgroup, `taskset` and job
//! launchers set), the processor time and the memory of its cgroups, version 1 or 2 (`limits`, `cgroup`).
//!
//! # Why not the crate hwloc2
//! Linking libhwloc makes it needed to start, while it is an optional help; and that crate's safe interface is unsound in several places
//! (names of objects are freed twice, some objects' descriptions are written beyond their buffer, NUMA nodes panic). Of hwloc's own
//! interface we call six functions, and take the topology as XML text: no C struct is read, so any hwloc 2 will do.

mod cgroup;
mod file;
mod hwloc;
#[expect(unsafe_code, reason = "calls into a C library that is loaded at run time")]
mod hwloc_library;
mod id_set;
mod limits;
mod show;
mod sysfs;

pub use id_set::IdSet;
pub use limits::Limits;

use crate::error::Result;
use legate_core::mapping::MachineView;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Assumed where nothing tells: enough for small programs, less than any machine of today has.
const ASSUMED_MEMORY_BYTES: u64 = 4 << 30;
/// Assumed where nothing tells.
const ASSUMED_CACHE_BYTES: u64 = 8 << 20;

/// Computers of one kind (mostly one), as far as policies care.
#[derive(Clone, Debug, PartialEq)]
pub struct Machine {
    /// How it is called.
    pub name: String,
    /// Who says so.
    pub source: Source,
    /// How many such computers there are; 1 unless a file says otherwise. All below is about one of them.
    pub nodes: u32,
    /// What it has that this process may use.
    pub topology: Topology,
    /// What keeps this process from using more.
    pub limits: Limits,
    /// Accelerators; shown, and not used by any policy yet.
    pub gpus: Vec<Gpu>,
}

/// Where the description of a machine comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// libhwloc, of this version.
    Hwloc(String),
    /// `/sys/devices/system`.
    Sysfs,
    /// A description.
    File(PathBuf),
    /// Only the standard library's count of threads.
    Fallback,
}

/// Cores, memories and caches of one computer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topology {
    /// In ascending order of their first thread.
    pub cores: Vec<Core>,
    /// In ascending order of id.
    pub numa_nodes: Vec<NumaNode>,
    /// In ascending order of level, then of their first thread. Instruction caches are left out.
    pub caches: Vec<Cache>,
}

/// A physical core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Core {
    /// The package (socket) that it is in.
    pub package: u32,
    /// Its hardware threads.
    pub threads: IdSet,
}

/// Memory and the threads that are near it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumaNode {
    /// The operating system's number.
    pub id: u32,
    /// Its size.
    pub memory_bytes: u64,
    /// Threads that are near; none for a memory without processors.
    pub threads: IdSet,
}

/// A data or unified cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    /// 1 is nearest to the core.
    pub level: u32,
    /// Its size.
    pub bytes: u64,
    /// The threads that share it.
    pub threads: IdSet,
}

/// An accelerator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gpu {
    /// What the maker calls it.
    pub model: String,
    /// Its memory, if known.
    pub memory_bytes: Option<u64>,
}

impl Machine {
    /// The computer that this process runs on, within the process's limits. Costs a few milliseconds, some tens with hwloc on a large machine.
    ///
    /// hwloc is asked unless the environment says `LEGATE_HWLOC=off`. Never fails: what nobody tells is assumed, and little is.
    pub fn detect() -> Machine {
        let wanted = std::env::var_os("LEGATE_HWLOC").is_none_or(|value| value != "off");
        let root = Path::new("/");
        let (limits, total) = (Limits::read(root), sysfs::total_memory(root));
        let by_hwloc = || {
            let (topology, version) = hwloc::read()?;
            Some((topology.with_total_memory(total).within(&limits)?, Source::Hwloc(version)))
        };
        let by_sysfs = || Some((sysfs::read(root)?.with_total_memory(total).within(&limits)?, Source::Sysfs));
        let (topology, source) = wanted
            .then(by_hwloc)
            .flatten()
            .or_else(by_sysfs)
            .unwrap_or_else(|| (fallback().with_total_memory(total), Source::Fallback));
        Machine { name: "this computer".into(), source, nodes: 1, topology, limits, gpus: sysfs::gpus(root) }
    }

    /// The computer whose `/sys` and `/proc` are found below `root`, within the limits of the process that the `/proc` there tells of. `None` if
    /// there is no description, or the limits leave nothing of it. For tests and for looking at other machines' files.
    pub fn from_root(root: &Path) -> Option<Machine> {
        let limits = Limits::read(root);
        let topology = sysfs::read(root)?.with_total_memory(sysfs::total_memory(root)).within(&limits)?;
        let (name, gpus) = (root.display().to_string(), sysfs::gpus(root));
        Some(Machine { name, source: Source::Sysfs, nodes: 1, topology, limits, gpus })
    }

    /// A machine that a file describes; see the examples in this crate's folder `machines/`. The limits of this process do not bear on it.
    ///
    /// # Errors
    /// [`crate::Error::Unreadable`], [`crate::Error::Invalid`].
    pub fn from_file(path: impl AsRef<Path>) -> Result<Machine> {
        file::read(path.as_ref())
    }

    /// Cores worth a worker: physical ones, and no more than the processor time that the cgroup grants (rounded down, at least 1).
    pub fn cores(&self) -> u32 {
        let found = self.topology.cores.len() as u32;
        let granted = self.limits.cpu_quota.map_or(found, |quota| quota as u32);
        found.min(granted).max(1)
    }

    /// Bytes of memory that the process may use.
    pub fn memory_bytes(&self) -> u64 {
        let found = self.topology.numa_nodes.iter().map(|node| node.memory_bytes).sum();
        let granted = self.limits.memory_bytes.unwrap_or(u64::MAX);
        if found == 0 { granted.min(ASSUMED_MEMORY_BYTES) } else { granted.min(found) }
    }

    /// Bytes of last-level cache of all cores together.
    pub fn cache_bytes(&self) -> u64 {
        let last = self.topology.caches.last().map_or(0, |cache| cache.level);
        let bytes: u64 = self.topology.caches_of(last).map(|cache| cache.bytes).sum();
        if bytes == 0 { ASSUMED_CACHE_BYTES } else { bytes }
    }

    /// What one of `shards` shards has, if they are dealt evenly to the computers and share each fairly.
    pub fn view(&self, shards: u32) -> MachineView {
        self.view_shared(shards, shards.div_ceil(self.nodes))
    }

    /// What one of `shards` shards has, if `here` of them share one computer. Mappers decide by it, so every shard must use the same one: a
    /// launcher of ranks on unlike computers sends one shard's view to all.
    pub fn view_shared(&self, shards: u32, here: u32) -> MachineView {
        let here = here.max(1);
        MachineView {
            shards,
            cores: (self.cores() / here).max(1),
            memory_bytes: self.memory_bytes() / u64::from(here),
            cache_bytes: self.cache_bytes() / u64::from(here),
        }
    }
}

impl Topology {
    /// All hardware threads.
    pub fn threads(&self) -> IdSet {
        self.cores.iter().flat_map(|core| core.threads.iter()).collect()
    }

    /// How many packages (sockets) the cores are in.
    pub fn packages(&self) -> usize {
        self.cores.iter().map(|core| core.package).collect::<BTreeSet<_>>().len()
    }

    /// The caches of one level.
    pub fn caches_of(&self, level: u32) -> impl Iterator<Item = &Cache> {
        self.caches.iter().filter(move |cache| cache.level == level)
    }

    /// The part that the limits leave; `None` if they leave no core, which means that they are about another machine.
    fn within(mut self, limits: &Limits) -> Option<Topology> {
        if let Some(allowed) = &limits.threads {
            self.cores.iter_mut().for_each(|core| core.threads = core.threads.intersection(allowed));
            self.caches.iter_mut().for_each(|cache| cache.threads = cache.threads.intersection(allowed));
            self.numa_nodes.iter_mut().for_each(|node| node.threads = node.threads.intersection(allowed));
        }
        if let Some(allowed) = &limits.memory_nodes {
            self.numa_nodes.retain(|node| allowed.contains(node.id));
        }
        self.cores.retain(|core| !core.threads.is_empty());
        self.caches.retain(|cache| !cache.threads.is_empty());
        self.sort();
        (!self.cores.is_empty()).then_some(self)
    }

    /// Some virtual machines have one memory node, which counts only what the host has lent so far; the total counts what may be had.
    fn with_total_memory(mut self, total: Option<u64>) -> Topology {
        if let ([node], Some(total)) = (self.numa_nodes.as_mut_slice(), total) {
            node.memory_bytes = node.memory_bytes.max(total);
        }
        self
    }

    fn sort(&mut self) {
        self.cores.sort_by_key(|core| core.threads.first());
        self.numa_nodes.sort_by_key(|node| node.id);
        self.caches.sort_by_key(|cache| (cache.level, cache.threads.first()));
    }
}

/// As many cores as the standard library counts threads, and one memory of unknown size.
fn fallback() -> Topology {
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get() as u32);
    let core = |thread| Core { package: 0, threads: IdSet::from_iter([thread]) };
    Topology {
        cores: (0..threads).map(core).collect(),
        numa_nodes: vec![NumaNode { id: 0, memory_bytes: 0, threads: (0..threads).collect() }],
        caches: Vec::new(),
    }
}

#[cfg(test)]
mod tests;
