//! Machines described by a file.
//!
//! ```toml
//! name = "a node with two sockets"
//! nodes = 4                        # such computers; 1 if left out
//! packages = 2                     # sockets; 1 if left out
//! numa_nodes_per_package = 1       # 1 if left out
//! cores_per_numa_node = 32
//! threads_per_core = 2             # 1 if left out
//! memory_per_numa_node = "256 GiB"
//!
//! [[cache]]
//! level = 3
//! size = "32 MiB"
//! shared_by_cores = 8              # neighbouring cores; 1 if left out
//!
//! [[gpu]]
//! model = "NVIDIA H100"
//! memory = "80 GiB"                # may be left out
//! count = 8                        # 1 if left out
//! ```

use super::{Cache, Core, Gpu, IdSet, Limits, Machine, NumaNode, Source, Topology};
use crate::bytes::Bytes;
use crate::document::Document;
use crate::error::{self, Result};
use serde::Deserialize;
use std::num::NonZeroU32;
use std::path::Path;
use toml::Spanned;

/// More is taken for a mistake.
const MAX_THREADS: u64 = 1 << 16;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    name: String,
    #[serde(default = "one")]
    nodes: NonZeroU32,
    #[serde(default = "one")]
    packages: NonZeroU32,
    #[serde(default = "one")]
    numa_nodes_per_package: NonZeroU32,
    cores_per_numa_node: Spanned<NonZeroU32>,
    #[serde(default = "one")]
    threads_per_core: NonZeroU32,
    memory_per_numa_node: Bytes,
    #[serde(default)]
    cache: Vec<CacheDescription>,
    #[serde(default)]
    gpu: Vec<GpuDescription>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CacheDescription {
    level: Spanned<u32>,
    size: Bytes,
    shared_by_cores: Option<Spanned<NonZeroU32>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GpuDescription {
    model: String,
    memory: Option<Bytes>,
    #[serde(default = "one")]
    count: NonZeroU32,
}

fn one() -> NonZeroU32 {
    NonZeroU32::MIN
}

pub(super) fn read(path: &Path) -> Result<Machine> {
    let text = error::read(path)?;
    let document = Document::new(path, &text);
    let description: Description = document.parse()?;
    description.check(&document)?;
    Ok(description.machine(path))
}

impl Description {
    fn numa_nodes(&self) -> u64 {
        u64::from(self.packages.get()) * u64::from(self.numa_nodes_per_package.get())
    }

    fn cores(&self) -> u64 {
        self.numa_nodes().saturating_mul(self.cores_per_numa_node.get_ref().get().into())
    }

    /// What the types of the fields do not tell.
    fn check(&self, document: &Document<'_>) -> Result<()> {
        let threads = self.cores().saturating_mul(self.threads_per_core.get().into());
        if threads > MAX_THREADS {
            let message = format!("{threads} hardware threads in one computer are more than {MAX_THREADS}");
            return Err(document.error(self.cores_per_numa_node.span(), message));
        }
        for cache in &self.cache {
            if !(1..=5).contains(cache.level.get_ref()) {
                let message = format!("a cache's level is from 1 to 5, not {}", cache.level.get_ref());
                return Err(document.error(cache.level.span(), message));
            }
            if let Some(sharing) = &cache.shared_by_cores
                && !self.cores().is_multiple_of(sharing.get_ref().get().into())
            {
                let message = format!("{} cores cannot share caches by {}", self.cores(), sharing.get_ref());
                return Err(document.error(sharing.span(), message));
            }
        }
        Ok(())
    }

    fn machine(&self, path: &Path) -> Machine {
        let caches = self.cache.iter().flat_map(|cache| self.caches(cache)).collect();
        let mut topology = Topology { cores: self.core_table(), numa_nodes: self.numa_node_table(), caches };
        topology.sort();
        Machine {
            name: self.name.clone(),
            source: Source::File(path.to_owned()),
            nodes: self.nodes.get(),
            topology,
            limits: Limits::default(),
            gpus: self.gpu.iter().flat_map(GpuDescription::gpus).collect(),
        }
    }

    /// The threads of the `index`-th group of so many cores.
    fn threads_of(&self, index: u64, cores: u32) -> IdSet {
        let per_group = u64::from(cores) * u64::from(self.threads_per_core.get());
        // Below `MAX_THREADS`, by `check`.
        (index * per_group..(index + 1) * per_group).map(|thread| thread as u32).collect()
    }

    fn core_table(&self) -> Vec<Core> {
        let per_package = self.cores() / u64::from(self.packages.get());
        let core = |index| Core { package: (index / per_package) as u32, threads: self.threads_of(index, 1) };
        (0..self.cores()).map(core).collect()
    }

    fn numa_node_table(&self) -> Vec<NumaNode> {
        let node = |index| NumaNode {
            id: index as u32,
            memory_bytes: self.memory_per_numa_node.0,
            threads: self.threads_of(index, self.cores_per_numa_node.get_ref().get()),
        };
        (0..self.numa_nodes()).map(node).collect()
    }

    fn caches(&self, cache: &CacheDescription) -> impl Iterator<Item = Cache> {
        let sharing = cache.shared_by_cores.as_ref().map_or(1, |cores| cores.get_ref().get());
        let (level, bytes) = (*cache.level.get_ref(), cache.size.0);
        let count = self.cores() / u64::from(sharing);
        (0..count).map(move |index| Cache { level, bytes, threads: self.threads_of(index, sharing) })
    }
}

impl GpuDescription {
    fn gpus(&self) -> impl Iterator<Item = Gpu> {
        let gpu = Gpu { model: self.model.clone(), memory_bytes: self.memory.map(|memory| memory.0) };
        std::iter::repeat_n(gpu, self.count.get() as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;

    fn message(text: &str) -> String {
        let folder = Folder::of(&[("machine.toml", text)]);
        let message = Machine::from_file(folder.path().join("machine.toml")).unwrap_err().to_string();
        message.replace(&format!("{}/", folder.path().display()), "")
    }

    const SMALL: &str = "name = 'm'\ncores_per_numa_node = 6\nmemory_per_numa_node = '1 GiB'\n";

    #[test]
    fn the_examples_are_machines() {
        let example =
            |name: &str| Machine::from_file(Path::new(env!("CARGO_MANIFEST_DIR")).join("machines").join(name)).unwrap();
        let laptop = example("laptop.toml");
        assert_eq!((laptop.nodes, laptop.cores(), laptop.memory_bytes()), (1, 8, 32 << 30));
        assert_eq!(laptop.topology.threads().to_string(), "0-15");
        let sockets = example("two-socket.toml");
        assert_eq!((sockets.topology.packages(), sockets.cores(), sockets.cache_bytes()), (2, 128, 16 * (32 << 20)));
        let dgx = example("dgx.toml");
        assert_eq!((dgx.gpus.len(), dgx.gpus[0].memory_bytes), (8, Some(80 << 30)));
        assert_eq!(dgx.topology.numa_nodes.len(), 2);
    }

    #[test]
    fn the_documented_example_is_a_machine() {
        let text = crate::testing::documented_example(include_str!("file.rs"));
        let folder = Folder::of(&[("machine.toml", &text)]);
        let machine = Machine::from_file(folder.path().join("machine.toml")).unwrap();
        assert_eq!((machine.nodes, machine.topology.packages(), machine.cores(), machine.gpus.len()), (4, 2, 64, 8));
    }

    #[test]
    fn threads_are_dealt_to_cores_caches_and_memories() {
        let text = format!(
            "packages = 2\nthreads_per_core = 2\n{SMALL}[[cache]]\nlevel = 2\nsize = 1024\nshared_by_cores = 3\n"
        );
        let folder = Folder::of(&[("machine.toml", &text)]);
        let topology = Machine::from_file(folder.path().join("machine.toml")).unwrap().topology;
        assert_eq!(topology.cores.len(), 12);
        assert_eq!((topology.cores[7].package, topology.cores[7].threads.to_string()), (1, "14-15".into()));
        assert_eq!(topology.numa_nodes[1].threads.to_string(), "12-23");
        let caches: Vec<_> = topology.caches.iter().map(|cache| cache.threads.to_string()).collect();
        assert_eq!(caches, ["0-5", "6-11", "12-17", "18-23"]);
    }

    #[test]
    fn mistakes_are_told_with_file_line_and_key() {
        let told = |text: String, place: &str, what: &str| {
            let message = message(&text);
            assert!(message.starts_with(&format!("machine.toml:{place}: ")) && message.contains(what), "{message}");
        };
        told(format!("{SMALL}coers = 3\n"), "4:1", "unknown field `coers`");
        told(SMALL.replace('6', "0"), "2:23", "in 'cores_per_numa_node': ");
        told(SMALL.replace('6', "7000000"), "2:23", "more than 65536");
        told(SMALL.replace("1 GiB", "much"), "3:24", "1.5 GiB");
        told(SMALL.replace("'1 GiB'", "-5"), "3:24", "-5 bytes");
        told(SMALL.replace("name = 'm'\n", ""), "1:1", "missing field `name`");
        told(format!("{SMALL}[[cache]]\nlevel = 9\nsize = 1\n"), "5:9", "in 'cache.level': a cache's level");
        told(format!("{SMALL}[[cache]]\nlevel = 1\nsize = 1\nshared_by_cores = 4\n"), "7:19", "6 cores cannot share");
        told(format!("{SMALL}[[gpu\n"), "4:6", "");
        let missing = Machine::from_file("/no/such/machine.toml").unwrap_err().to_string();
        assert!(missing.starts_with("cannot read /no/such/machine.toml: "), "{missing}");
    }
}
