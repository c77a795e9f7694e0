use super::*;
use crate::testing::Folder;
use legate_core::mapping::MachineView;

/// Two packages of two cores with two threads each; threads 4 to 7 are the second ones. One memory and one L3 per package. Thread 8 is off line.
fn two_packages() -> Vec<(String, String)> {
    let mut files = vec![
        ("sys/devices/system/cpu/online".to_owned(), "0-7\n".to_owned()),
        ("proc/meminfo".into(), "MemTotal:       3000 kB\nMemFree: 1 kB\n".into()),
        ("sys/devices/system/node/node0/cpulist".into(), "0-1,4-5\n".into()),
        (
            "sys/devices/system/node/node0/meminfo".into(),
            "Node 0 MemTotal:       1000 kB\nNode 0 MemFree: 1 kB\n".into(),
        ),
        ("sys/devices/system/node/node1/cpulist".into(), "2-3,6-8\n".into()),
        ("sys/devices/system/node/node1/meminfo".into(), "Node 1 MemTotal:       2000 kB\n".into()),
    ];
    for thread in 0..8 {
        let (core, package) = (thread % 4, thread % 4 / 2);
        let l3 = format!("{}-{},{}-{}", package * 2, package * 2 + 1, package * 2 + 4, package * 2 + 5);
        let mut add = |file: &str, text: String| {
            files.push((format!("sys/devices/system/cpu/cpu{thread}/{file}"), format!("{text}\n")));
        };
        add("topology/core_cpus_list", format!("{core},{}", core + 4));
        add("topology/physical_package_id", package.to_string());
        for (index, (level, kind, size, shared)) in [
            (1, "Data", "48K", format!("{core},{}", core + 4)),
            (1, "Instruction", "32K", format!("{core},{}", core + 4)),
            (3, "Unified", "2M", l3),
        ]
        .into_iter()
        .enumerate()
        {
            add(&format!("cache/index{index}/level"), level.to_string());
            add(&format!("cache/index{index}/type"), kind.to_owned());
            add(&format!("cache/index{index}/size"), size.to_owned());
            add(&format!("cache/index{index}/shared_cpu_list"), shared);
        }
    }
    files
}

fn root(extra: &[(&str, &str)]) -> Folder {
    let files = two_packages();
    let files = files.iter().map(|(path, text)| (path.as_str(), text.as_str()));
    Folder::of(&files.chain(extra.iter().copied()).collect::<Vec<_>>())
}

fn machine(extra: &[(&str, &str)]) -> Machine {
    Machine::from_root(root(extra).path()).unwrap()
}

fn cores(machine: &Machine) -> Vec<(u32, String)> {
    machine.topology.cores.iter().map(|core| (core.package, core.threads.to_string())).collect()
}

#[test]
fn the_kernels_files_are_read() {
    let machine = machine(&[]);
    assert_eq!(cores(&machine), [(0, "0,4".into()), (0, "1,5".into()), (1, "2,6".into()), (1, "3,7".into())]);
    let caches: Vec<_> = machine.topology.caches.iter().map(|c| (c.level, c.bytes, c.threads.to_string())).collect();
    let l1 = |core: u32| (1, 48 << 10, format!("{core},{}", core + 4));
    let expected = [l1(0), l1(1), l1(2), l1(3), (3, 2 << 20, "0-1,4-5".into()), (3, 2 << 20, "2-3,6-7".into())];
    assert_eq!(caches, expected, "no instruction caches, each cache once");
    assert_eq!(machine.topology.numa_nodes[1].threads.to_string(), "2-3,6-7", "thread 8 is off line");
    assert_eq!((machine.cores(), machine.memory_bytes(), machine.cache_bytes()), (4, 3000 << 10, 4 << 20));
    assert_eq!((machine.limits, machine.gpus), (Limits::default(), vec![]));
}

#[test]
fn affinity_leaves_a_part() {
    let status = "Name:\tpython\nCpus_allowed:\tff\nCpus_allowed_list:\t1,5-6\nMems_allowed_list:\t1\n";
    let machine = machine(&[("proc/self/status", status)]);
    assert_eq!(cores(&machine), [(0, "1,5".into()), (1, "6".into())]);
    assert_eq!((machine.cores(), machine.memory_bytes(), machine.cache_bytes()), (2, 2000 << 10, 4 << 20));
    assert_eq!(machine.topology.caches_of(1).count(), 2);
}

#[test]
fn the_calling_threads_affinity_counts() {
    let machine = machine(&[
        ("proc/self/status", "Cpus_allowed_list:\t0-7\n"),
        ("proc/thread-self/status", "Cpus_allowed_list:\t3\n"),
    ]);
    assert_eq!(cores(&machine), [(1, "3".into())]);
}

#[test]
fn cgroups_grant_a_part() {
    let group = |quota| {
        machine(&[
            ("proc/self/cgroup", "0::/job\n"),
            ("proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"),
            ("sys/fs/cgroup/job/cpu.max", quota),
            ("sys/fs/cgroup/job/memory.max", "1024000\n"),
        ])
    };
    assert_eq!((group("250000 100000\n").cores(), group("50000 100000\n").cores()), (2, 1));
    assert_eq!((group("900000 100000\n").cores(), group("max 100000\n").cores()), (4, 4));
    assert_eq!(group("max 100000\n").memory_bytes(), 1_024_000);
}

#[test]
fn limits_of_another_machine_leave_nothing() {
    assert_eq!(Machine::from_root(root(&[("proc/self/status", "Cpus_allowed_list:\t64-71\n")]).path()), None);
    assert_eq!(Machine::from_root(Path::new("/no/such/root")), None);
}

#[test]
fn one_memory_is_as_large_as_the_total() {
    let files = [
        ("sys/devices/system/cpu/online", "0\n"),
        ("sys/devices/system/node/node0/cpulist", "0\n"),
        ("sys/devices/system/node/node0/meminfo", "Node 0 MemTotal: 1000 kB\n"),
        ("proc/meminfo", "MemTotal: 4000 kB\n"),
        ("proc/driver/nvidia/gpus/0000:01:00.0/information", "Model: \t\t NVIDIA H100\nIRQ: 1\n"),
    ];
    let lent = Machine::from_root(Folder::of(&files).path()).unwrap();
    assert_eq!((lent.memory_bytes(), lent.topology.cores.len()), (4000 << 10, 1), "a core of which nothing is told");
    assert_eq!(lent.gpus, [Gpu { model: "NVIDIA H100".into(), memory_bytes: None }]);
    let unknown = Machine::from_root(Folder::of(&files[..1]).path()).unwrap();
    assert_eq!((unknown.memory_bytes(), unknown.cache_bytes()), (ASSUMED_MEMORY_BYTES, ASSUMED_CACHE_BYTES));
}

#[test]
fn views_share_fairly() {
    let mut machine = machine(&[]);
    let view = |cores, memory: u64, cache| MachineView { shards: 8, cores, memory_bytes: memory, cache_bytes: cache };
    assert_eq!(machine.view(8), view(1, (3000 << 10) / 8, (4 << 20) / 8), "never less than a core");
    assert_eq!(machine.view_shared(8, 2), view(2, (3000 << 10) / 2, (4 << 20) / 2));
    machine.nodes = 5;
    assert_eq!(machine.view(8), view(2, (3000 << 10) / 2, (4 << 20) / 2), "two on some of the five");
    assert_eq!(machine.view(1).memory_bytes, 3000 << 10);
}

#[test]
fn this_computer_has_what_the_standard_library_counts() {
    let threads = std::thread::available_parallelism().unwrap().get() as u32;
    let machine = Machine::detect();
    assert!((1..=threads).contains(&machine.cores()), "{machine}");
    assert!(machine.topology.threads().len() as u32 >= threads, "a quota only makes the count smaller: {machine}");
    assert!(machine.memory_bytes() > 16 << 20 && machine.cache_bytes() > 16 << 10, "{machine}");
}

/// Where one of the two is missing there is nothing to compare; the parsers have tests of their own.
#[test]
fn hwloc_and_the_kernel_agree() {
    let root = Path::new("/");
    let limits = Limits::read(root);
    let by_hwloc = hwloc::read().and_then(|(topology, _)| topology.within(&limits));
    let by_sysfs = sysfs::read(root).and_then(|topology| topology.within(&limits));
    let (Some(a), Some(b)) = (by_hwloc, by_sysfs) else { return };
    let cores = |t: &Topology| t.cores.iter().map(|core| core.threads.clone()).collect::<Vec<_>>();
    assert_eq!(cores(&a), cores(&b));
    assert_eq!(a.packages(), b.packages());
    assert_eq!(a.caches, b.caches);
    // Sizes may change while we look: virtual machines lend and take memory.
    let memories = |t: &Topology| t.numa_nodes.iter().map(|node| (node.id, node.threads.clone())).collect::<Vec<_>>();
    assert_eq!(memories(&a), memories(&b));
}
