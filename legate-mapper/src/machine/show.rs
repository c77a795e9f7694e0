//! A machine as people read it: the text of `legate --show-config`.

use super::{Gpu, Limits, Machine, Source, Topology};
use crate::bytes::Bytes;
use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

/// Some lines, each a title and what there is; the last one is what runtimes use. No line break at the end.
impl Display for Machine {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let computers = if self.nodes == 1 { String::new() } else { format!("{} × ", self.nodes) };
        writeln!(f, "machine     {computers}{}, {}", self.name, self.source)?;
        writeln!(f, "processors  {}", processors(&self.topology))?;
        writeln!(f, "caches      {}", or_unknown(caches(&self.topology)))?;
        writeln!(f, "memory      {}", or_unknown(memories(&self.topology)))?;
        writeln!(f, "GPUs        {}", gpus(&self.gpus))?;
        writeln!(f, "limits      {}", self.limits)?;
        let (cores, memory, cache) = (counted(self.cores(), "core"), self.memory_bytes(), self.cache_bytes());
        write!(f, "in use      {cores}, {} of memory, {} of last-level cache", Bytes(memory), Bytes(cache))
    }
}

impl Display for Source {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Source::Hwloc(version) => write!(f, "as hwloc {version} sees it"),
            Source::Sysfs => f.write_str("as /sys/devices/system shows it"),
            Source::File(path) => write!(f, "as {} describes it", path.display()),
            Source::Fallback => f.write_str("of which little is known"),
        }
    }
}

impl Display for Limits {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let limits = [
            self.threads.as_ref().map(|threads| format!("affinity to threads {threads}")),
            self.cpu_quota.map(|quota| format!("processor time of {quota} threads")),
            self.memory_bytes.map(|bytes| format!("memory of {}", Bytes(bytes))),
        ];
        let limits: Vec<String> = limits.into_iter().flatten().collect();
        f.write_str(if limits.is_empty() { "none" } else { "" })?;
        f.write_str(&limits.join(", "))
    }
}

fn processors(topology: &Topology) -> String {
    let threads = topology.threads();
    let (packages, cores) = (topology.packages(), topology.cores.len());
    format!("{}, {}, threads {threads}", counted(packages, "package"), counted(cores, "core"))
}

fn counted(count: impl Display, noun: &str) -> String {
    let count = count.to_string();
    let plural = if count == "1" { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// `L1 2 × 48 KiB, L2 …`: a level's caches by size.
fn caches(topology: &Topology) -> String {
    let mut counts: BTreeMap<(u32, u64), usize> = BTreeMap::new();
    for cache in &topology.caches {
        *counts.entry((cache.level, cache.bytes)).or_default() += 1;
    }
    let texts: Vec<String> =
        counts.iter().map(|((level, bytes), count)| format!("L{level} {}", times(*count, Bytes(*bytes)))).collect();
    texts.join(", ")
}

fn memories(topology: &Topology) -> String {
    let nodes = topology.numa_nodes.iter().filter(|node| node.memory_bytes > 0);
    let texts: Vec<String> = nodes.map(|node| format!("node {} {}", node.id, Bytes(node.memory_bytes))).collect();
    texts.join(", ")
}

fn gpus(gpus: &[Gpu]) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for gpu in gpus {
        let memory = gpu.memory_bytes.map_or_else(String::new, |bytes| format!(" with {}", Bytes(bytes)));
        *counts.entry(format!("{}{memory}", gpu.model)).or_default() += 1;
    }
    let texts: Vec<String> = counts.iter().map(|(model, count)| times(*count, model)).collect();
    if texts.is_empty() { "none".into() } else { texts.join(", ") }
}

fn times(count: usize, what: impl Display) -> String {
    if count == 1 { what.to_string() } else { format!("{count} × {what}") }
}

fn or_unknown(text: String) -> String {
    if text.is_empty() { "unknown".into() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::IdSet;
    use std::path::Path;

    #[test]
    fn machines_are_shown_in_a_few_lines() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("machines/dgx.toml");
        let mut machine = Machine::from_file(&path).unwrap();
        machine.source = Source::File("dgx.toml".into());
        machine.limits.threads = IdSet::from_list("0-3");
        machine.limits.cpu_quota = Some(2.5);
        machine.limits.memory_bytes = Some(64 << 30);
        let expected = "\
machine     DGX-like node, as dgx.toml describes it
processors  2 packages, 112 cores, threads 0-223
caches      L1 112 × 48 KiB, L2 112 × 2 MiB, L3 2 × 105 MiB
memory      node 0 1 TiB, node 1 1 TiB
GPUs        8 × NVIDIA H100 80GB HBM3 with 80 GiB
limits      affinity to threads 0-3, processor time of 2.5 threads, memory of 64 GiB
in use      2 cores, 64 GiB of memory, 210 MiB of last-level cache";
        assert_eq!(machine.to_string(), expected);
    }

    #[test]
    fn what_is_unknown_is_said() {
        let (source, topology) = (Source::Fallback, Topology::default());
        let machine = Machine {
            name: "m".into(),
            source,
            nodes: 3,
            topology,
            limits: Limits::default(),
            gpus: vec![Gpu { model: "G".into(), memory_bytes: None }],
        };
        let text = machine.to_string();
        assert!(text.starts_with("machine     3 × m, of which little is known\n"), "{text}");
        assert!(text.contains("caches      unknown\nmemory      unknown\nGPUs        G\nlimits      none\n"), "{text}");
        assert!(text.contains("in use      1 core, 4 GiB of memory"), "{text}");
    }
}
