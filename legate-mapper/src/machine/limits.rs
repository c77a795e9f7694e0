//! What keeps this process from using the whole computer.

use super::{IdSet, cgroup};
use std::path::Path;

/// Limits of a process; `None` where there is none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limits {
    /// Hardware threads that it may run on: its affinity mask, within the cpuset of its cgroup.
    pub threads: Option<IdSet>,
    /// Memory nodes that it may allocate on.
    pub memory_nodes: Option<IdSet>,
    /// Processor seconds per second that its cgroups grant.
    pub cpu_quota: Option<f64>,
    /// Bytes of memory that its cgroups grant.
    pub memory_bytes: Option<u64>,
}

impl Limits {
    /// The limits of the calling thread, as the `/proc` and `/sys` below `root` tell them. Threads started by it inherit them.
    pub fn read(root: &Path) -> Limits {
        let status = ["proc/thread-self/status", "proc/self/status"];
        let status = status.iter().find_map(|file| std::fs::read_to_string(root.join(file)).ok()).unwrap_or_default();
        let grant = cgroup::read(root);
        Limits {
            threads: list(&status, "Cpus_allowed_list:"),
            memory_nodes: list(&status, "Mems_allowed_list:"),
            cpu_quota: grant.cpu_quota,
            memory_bytes: grant.memory_bytes,
        }
    }
}

fn list(status: &str, key: &str) -> Option<IdSet> {
    let value = status.lines().find_map(|line| line.strip_prefix(key))?;
    IdSet::from_list(value).filter(|set| !set.is_empty())
}
