//! The topology in the kernel's files: `/sys/devices/system/{cpu,node}`, documented in the kernel's `ABI/stable/sysfs-devices-system-cpu`
//! and `…-node`.

use super::{Cache, Core, Gpu, IdSet, NumaNode, Topology};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What the files below `root` say; `None` if they name no thread that is on line.
pub(super) fn read(root: &Path) -> Option<Topology> {
    let cpus = root.join("sys/devices/system/cpu");
    let online = IdSet::from_list(&text(&cpus.join("online"))?)?;
    let mut topology = Topology {
        cores: cores(&cpus, &online),
        numa_nodes: numa_nodes(root, &online),
        caches: caches(&cpus, &online),
    };
    topology.sort();
    (!topology.cores.is_empty()).then_some(topology)
}

/// The size of all memory, by `/proc/meminfo`.
pub(super) fn total_memory(root: &Path) -> Option<u64> {
    memory_total(&text(&root.join("proc/meminfo"))?)
}

/// NVIDIA's accelerators, by the files of their driver.
pub(super) fn gpus(root: &Path) -> Vec<Gpu> {
    let folders = entries(&root.join("proc/driver/nvidia/gpus"));
    folders.iter().filter_map(|folder| gpu(&text(&folder.join("information"))?)).collect()
}

fn gpu(information: &str) -> Option<Gpu> {
    let model = information.lines().find_map(|line| line.strip_prefix("Model:"))?;
    Some(Gpu { model: model.trim().to_owned(), memory_bytes: None })
}

fn cores(cpus: &Path, online: &IdSet) -> Vec<Core> {
    let mut cores = BTreeMap::new();
    for thread in online.iter() {
        let topology = cpus.join(format!("cpu{thread}/topology"));
        // `thread_siblings_list` is the older name. A thread of which nothing is told is a core by itself.
        let siblings = list(&topology.join("core_cpus_list")).or_else(|| list(&topology.join("thread_siblings_list")));
        let threads = siblings.map_or_else(|| IdSet::from_iter([thread]), |siblings| siblings.intersection(online));
        // Machines that do not know say -1.
        let package = number(&topology.join("physical_package_id")).unwrap_or(0);
        cores.insert(threads.clone(), Core { package, threads });
    }
    cores.into_values().collect()
}

fn caches(cpus: &Path, online: &IdSet) -> Vec<Cache> {
    let mut caches = BTreeMap::new();
    for thread in online.iter() {
        for folder in entries(&cpus.join(format!("cpu{thread}/cache"))) {
            if let Some(cache) = cache(&folder, online) {
                caches.insert((cache.level, cache.threads.clone()), cache);
            }
        }
    }
    caches.into_values().collect()
}

fn cache(folder: &Path, online: &IdSet) -> Option<Cache> {
    if text(&folder.join("type"))?.trim() == "Instruction" {
        return None;
    }
    let threads = list(&folder.join("shared_cpu_list"))?.intersection(online);
    Some(Cache { level: number(&folder.join("level"))?, bytes: kibibytes(&text(&folder.join("size"))?)?, threads })
}

fn numa_nodes(root: &Path, online: &IdSet) -> Vec<NumaNode> {
    let nodes = root.join("sys/devices/system/node");
    let ids: BTreeSet<u32> = entries(&nodes).iter().filter_map(|folder| node_id(folder)).collect();
    let found: Vec<NumaNode> = ids.into_iter().filter_map(|id| numa_node(&nodes, id, online)).collect();
    if found.is_empty() {
        return vec![NumaNode { id: 0, memory_bytes: 0, threads: online.clone() }];
    }
    found
}

fn node_id(folder: &Path) -> Option<u32> {
    folder.file_name()?.to_str()?.strip_prefix("node")?.parse().ok()
}

fn numa_node(nodes: &Path, id: u32, online: &IdSet) -> Option<NumaNode> {
    let folder = nodes.join(format!("node{id}"));
    let threads = list(&folder.join("cpulist"))?.intersection(online);
    Some(NumaNode { id, memory_bytes: memory_total(&text(&folder.join("meminfo"))?)?, threads })
}

/// From `MemTotal: 123 kB`, with or without `Node 0` before it.
fn memory_total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find(|line| line.contains("MemTotal:"))?;
    let kibibytes: u64 = line.split_once("MemTotal:")?.1.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}

/// From `48K`; larger units occur in some virtual machines.
fn kibibytes(size: &str) -> Option<u64> {
    let size = size.trim();
    let (digits, shift) = match size.chars().last()? {
        'K' => (&size[..size.len() - 1], 10),
        'M' => (&size[..size.len() - 1], 20),
        'G' => (&size[..size.len() - 1], 30),
        _ => (size, 0),
    };
    Some(digits.parse::<u64>().ok()? << shift)
}

fn text(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

fn list(path: &Path) -> Option<IdSet> {
    IdSet::from_list(&text(path)?)
}

fn number(path: &Path) -> Option<u32> {
    text(path)?.trim().parse().ok()
}

/// A folder's entries by name; none if it cannot be read.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}
