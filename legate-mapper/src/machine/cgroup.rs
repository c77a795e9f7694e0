//! Processor time and memory that control groups grant to this process.
//!
//! `/proc/self/cgroup` names the process's group in each hierarchy, `/proc/self/mountinfo` says where the hierarchies are mounted (and
//! which of their folders is the mount's root: in a container often the container's own). A group's limit binds all groups below it, so the
//! folders from the group's up to the mount are asked and the least counts. Formats: the kernel's `cgroup-v1/` and `cgroup-v2.rst`,
//! `proc_pid_mountinfo(5)`.

use std::path::{Component, Path, PathBuf};

/// The least of what the groups grant; `None` where no group limits anything.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Grant {
    /// Processor seconds per second.
    pub(super) cpu_quota: Option<f64>,
    pub(super) memory_bytes: Option<u64>,
}

/// A mounted hierarchy.
struct Mount {
    /// The folder of the hierarchy that is seen at `point`.
    root: PathBuf,
    point: PathBuf,
    /// Version 1: the mount's options, the controllers' names among them. `None`: version 2.
    controllers: Option<Vec<String>>,
}

/// What the files below `root` say of the process whose `/proc/self` is there.
pub(super) fn read(root: &Path) -> Grant {
    let text = |file: &str| std::fs::read_to_string(root.join(file)).unwrap_or_default();
    let (groups, mounts) = (text("proc/self/cgroup"), text("proc/self/mountinfo"));
    let mut grant = Grant::default();
    for mount in mounts.lines().filter_map(mount) {
        for folder in group_folders(&mount, &groups) {
            grant = least(grant, granted_by(root, &mount, &folder));
        }
    }
    grant
}

/// From `36 35 98:0 /root /point options [optional fields] - cgroup source controllers`.
fn mount(line: &str) -> Option<Mount> {
    let (before, after) = line.split_once(" - ")?;
    let mut before = before.split(' ').skip(3);
    let (root, point) = (unescape(before.next()?), unescape(before.next()?));
    let mut after = after.split(' ');
    let controllers = match after.next()? {
        "cgroup" => Some(after.nth(1)?.split(',').map(str::to_owned).collect()),
        "cgroup2" => None,
        _ => return None,
    };
    Some(Mount { root: root.into(), point: point.into(), controllers })
}

/// `mountinfo` writes blanks and backslashes as three octal digits behind a backslash.
fn unescape(text: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(text.to_owned(), |text, (escaped, plain)| text.replace(escaped, plain))
}

/// The folder of the process's group as seen at the mount, and all above it.
fn group_folders(mount: &Mount, groups: &str) -> Vec<PathBuf> {
    let group = groups.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next()?, fields.next()?);
        let is_its = match &mount.controllers {
            None => controllers.is_empty(),
            Some(options) => controllers.split(',').any(|name| !name.is_empty() && options.iter().any(|o| o == name)),
        };
        is_its.then_some(path)
    });
    let Some(group) = group else { return Vec::new() };
    // A group outside of what is mounted here (`/../other`, or another container's) cannot be seen; what is mounted is above it or beside
    // it, and its top is the best we know.
    let below = Path::new(group).strip_prefix(&mount.root).unwrap_or(Path::new(""));
    let is_below = below.components().all(|part| matches!(part, Component::Normal(_)));
    let below = if is_below { below } else { Path::new("") };
    below.ancestors().map(|part| mount.point.join(part)).collect()
}

fn granted_by(root: &Path, mount: &Mount, folder: &Path) -> Grant {
    let folder = root.join(folder.strip_prefix("/").unwrap_or(folder));
    let text = |file: &str| std::fs::read_to_string(folder.join(file)).ok();
    let number = |file: &str| text(file)?.trim().parse::<u64>().ok();
    if mount.controllers.is_none() {
        let cpu_quota = text("cpu.max").and_then(|line| {
            let (quota, period) = line.trim().split_once(' ')?;
            ratio(quota.parse().ok()?, period.parse().ok()?)
        });
        // Above `high` the kernel slows the group down, at `max` it kills.
        return Grant { cpu_quota, memory_bytes: least_of(number("memory.max"), number("memory.high")) };
    }
    // No quota is -1, which is no `u64`; no limit of memory is the largest multiple of a page.
    let quota = number("cpu.cfs_quota_us").zip(number("cpu.cfs_period_us"));
    let memory_bytes = number("memory.limit_in_bytes").filter(|&limit| limit < 1 << 60);
    Grant { cpu_quota: quota.and_then(|(quota, period)| ratio(quota, period)), memory_bytes }
}

fn ratio(quota: u64, period: u64) -> Option<f64> {
    (period > 0).then(|| quota as f64 / period as f64)
}

fn least(a: Grant, b: Grant) -> Grant {
    let memory_bytes = least_of(a.memory_bytes, b.memory_bytes);
    let cpu_quota = match (a.cpu_quota, b.cpu_quota) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
    Grant { cpu_quota, memory_bytes }
}

fn least_of(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    a.into_iter().chain(b).min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;

    const MOUNTS_V1: &str = "\
25 22 0:22 / /proc rw - proc proc rw
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
";
    const MOUNTS_V2: &str = "30 23 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";

    fn grant(files: &[(&str, &str)]) -> Grant {
        read(Folder::of(files).path())
    }

    #[test]
    fn version_2_takes_the_least_of_all_groups_above() {
        let found = grant(&[
            ("proc/self/cgroup", "0::/batch/job/step\n"),
            ("proc/self/mountinfo", MOUNTS_V2),
            ("sys/fs/cgroup/batch/job/step/cpu.max", "max 100000\n"),
            ("sys/fs/cgroup/batch/job/cpu.max", "250000 100000\n"),
            ("sys/fs/cgroup/batch/cpu.max", "400000 100000\n"),
            ("sys/fs/cgroup/batch/job/step/memory.max", "max\n"),
            ("sys/fs/cgroup/batch/job/memory.max", "8000\n"),
            ("sys/fs/cgroup/batch/memory.high", "7000\n"),
        ]);
        assert_eq!(found, Grant { cpu_quota: Some(2.5), memory_bytes: Some(7000) });
    }

    #[test]
    fn version_1_has_a_hierarchy_per_controller() {
        let found = grant(&[
            ("proc/self/cgroup", "9:name=systemd:/x\n4:memory:/m/n\n2:cpu,cpuacct:/c\n0::/\n"),
            ("proc/self/mountinfo", MOUNTS_V1),
            ("sys/fs/cgroup/cpu,cpuacct/c/cpu.cfs_quota_us", "150000\n"),
            ("sys/fs/cgroup/cpu,cpuacct/c/cpu.cfs_period_us", "100000\n"),
            ("sys/fs/cgroup/memory/m/n/memory.limit_in_bytes", "9223372036854771712\n"),
            ("sys/fs/cgroup/memory/m/memory.limit_in_bytes", "4096\n"),
        ]);
        assert_eq!(found, Grant { cpu_quota: Some(1.5), memory_bytes: Some(4096) });
    }

    #[test]
    fn no_limits_are_none() {
        let found = grant(&[
            ("proc/self/cgroup", "4:memory:/\n2:cpu,cpuacct:/\n"),
            ("proc/self/mountinfo", MOUNTS_V1),
            ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n"),
            ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
        ]);
        assert_eq!(found, Grant::default());
        assert_eq!(grant(&[]), Grant::default());
    }

    #[test]
    fn a_container_sees_its_own_group_at_the_mount() {
        let mounts = "30 23 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n";
        let files = |group| {
            [("proc/self/cgroup", group), ("proc/self/mountinfo", mounts), ("sys/fs/cgroup/memory.max", "5000\n")]
        };
        for group in ["0::/docker/abc\n", "0::/docker/abc/inner\n", "0::/\n", "0::/../other\n"] {
            assert_eq!(grant(&files(group)).memory_bytes, Some(5000), "{group}");
        }
    }

    #[test]
    fn blanks_in_mount_points_are_escaped() {
        let found = grant(&[
            ("proc/self/cgroup", "0::/a b\n"),
            ("proc/self/mountinfo", "30 23 0:26 / /my\\040groups rw - cgroup2 none rw\n"),
            ("my groups/a b/memory.max", "5000\n"),
        ]);
        assert_eq!(found.memory_bytes, Some(5000));
    }
}
