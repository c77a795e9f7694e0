//! From hwloc's XML description to a [`Topology`].
//!
//! The format is `hwloc2.dtd`: nested `object` elements with the attributes `type`, `os_index`, `cpuset`, and `cache_size`, `local_memory`
//! where they apply.

use super::{Cache, Core, IdSet, NumaNode, Topology, hwloc_library};
use roxmltree::{Document, Node, ParsingOptions};

/// What hwloc says of this computer, and hwloc's version; `None` if it is not installed or says nothing of use.
pub(super) fn read() -> Option<(Topology, String)> {
    parse(&hwloc_library::topology_xml()?)
}

fn parse(xml: &str) -> Option<(Topology, String)> {
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    let document = Document::parse_with_options(xml, options).ok()?;
    let objects = || document.descendants().filter(|node| node.has_tag_name("object"));
    let of_kind = |kind: &'static str| objects().filter(move |node| node.attribute("type") == Some(kind));
    let mut topology = Topology {
        cores: of_kind("Core").filter_map(core).collect(),
        numa_nodes: of_kind("NUMANode").filter_map(numa_node).collect(),
        caches: objects().filter_map(cache).collect(),
    };
    if topology.cores.is_empty() {
        // Some virtual machines do not tell which threads share a core.
        topology.cores = of_kind("PU").filter_map(core).collect();
    }
    topology.sort();
    (!topology.cores.is_empty()).then(|| (topology, version(&document)))
}

fn core(node: Node<'_, '_>) -> Option<Core> {
    let is_package = |node: &Node<'_, '_>| node.attribute("type") == Some("Package");
    let package = node.ancestors().find(is_package);
    // A package that has no number of its own is told from the others by its first thread.
    let number = |package| number(package, "os_index").or_else(|| threads(package)?.first());
    Some(Core { package: package.and_then(number).unwrap_or(0), threads: threads(node)? })
}

fn numa_node(node: Node<'_, '_>) -> Option<NumaNode> {
    let memory_bytes = number(node, "local_memory").unwrap_or(0);
    Some(NumaNode { id: number(node, "os_index")?, memory_bytes, threads: threads(node)? })
}

/// A data or unified cache: `L1Cache` … `L5Cache` (an instruction cache is `L1iCache`).
fn cache(node: Node<'_, '_>) -> Option<Cache> {
    let level = node.attribute("type")?.strip_prefix('L')?.strip_suffix("Cache")?.parse().ok()?;
    Some(Cache { level, bytes: number(node, "cache_size")?, threads: threads(node)? })
}

fn threads(node: Node<'_, '_>) -> Option<IdSet> {
    IdSet::from_masks(node.attribute("cpuset")?)
}

fn number<T: std::str::FromStr>(node: Node<'_, '_>, attribute: &str) -> Option<T> {
    node.attribute(attribute)?.parse().ok()
}

fn version(document: &Document<'_>) -> String {
    let is_version = |node: &Node<'_, '_>| node.attribute("name") == Some("hwlocVersion");
    let found = document.descendants().find(is_version).and_then(|node| node.attribute("value"));
    found.unwrap_or("2").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two packages of two cores with two threads each, one memory per package, and a memory without processors.
    const XML: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE topology SYSTEM "hwloc2.dtd">
<topology version="2.0">
  <object type="Machine" os_index="0" cpuset="0x000000ff">
    <info name="hwlocVersion" value="2.9.0"/>
    <object type="NUMANode" os_index="4" cpuset="0x0" local_memory="4000"/>
    <object type="Package" os_index="1" cpuset="0x000000cc">
      <object type="NUMANode" os_index="1" cpuset="0x000000cc" local_memory="2000"/>
      <object type="L3Cache" cpuset="0x000000cc" cache_size="300" cache_type="0">
        <object type="L1Cache" cpuset="0x00000044" cache_size="10" cache_type="1">
          <object type="L1iCache" cpuset="0x00000044" cache_size="11" cache_type="2">
            <object type="Core" os_index="0" cpuset="0x00000044"/>
          </object>
        </object>
        <object type="Core" os_index="1" cpuset="0x00000088"/>
      </object>
    </object>
    <object type="Package" os_index="0" cpuset="0x00000033">
      <object type="NUMANode" os_index="0" cpuset="0x00000033" local_memory="1000"/>
      <object type="Core" os_index="0" cpuset="0x00000011"/>
      <object type="Core" os_index="1" cpuset="0x00000022"/>
    </object>
  </object>
</topology>"#;

    #[test]
    fn cores_memories_and_caches_are_found() {
        let (topology, version) = parse(XML).unwrap();
        assert_eq!(version, "2.9.0");
        let cores: Vec<_> = topology.cores.iter().map(|core| (core.package, core.threads.to_string())).collect();
        assert_eq!(cores, [(0, "0,4".into()), (0, "1,5".into()), (1, "2,6".into()), (1, "3,7".into())]);
        let memories: Vec<_> = topology.numa_nodes.iter().map(|node| (node.id, node.memory_bytes)).collect();
        assert_eq!(memories, [(0, 1000), (1, 2000), (4, 4000)]);
        let caches: Vec<_> = topology.caches.iter().map(|cache| (cache.level, cache.bytes)).collect();
        assert_eq!(caches, [(1, 10), (3, 300)], "no instruction cache");
    }

    #[test]
    fn what_is_no_topology_is_nothing() {
        assert_eq!(parse("<topology/>"), None);
        assert_eq!(parse("not XML"), None);
    }

    #[test]
    fn threads_stand_for_cores_where_nothing_else_is_known() {
        let xml =
            r#"<topology><object type="PU" cpuset="0x00000001"/><object type="PU" cpuset="0x00000002"/></topology>"#;
        assert_eq!(parse(xml).unwrap().0.cores.len(), 2);
    }
}
