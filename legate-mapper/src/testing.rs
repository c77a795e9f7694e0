//! For tests: questions to put to mappers, folders of files, a sink.

use legate_core::geometry::Rect;
use legate_core::mapping::{LaunchInfo, MachineView, OperandInfo};
use legate_core::operation::{Cut, Privilege};
use legate_core::region::{Distribution, Partition, Sharding, Tiling};
use legate_core::store::Access;
use parking_lot::Mutex;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Four cores per shard.
pub(crate) fn machine(shards: u32) -> MachineView {
    MachineView { shards, cores: 4, memory_bytes: 1 << 34, cache_bytes: 1 << 25 }
}

/// The whole of a field of doubles that has no values yet.
pub(crate) fn operand(shape: &[i64], privilege: Privilege) -> OperandInfo {
    OperandInfo {
        field_shape: shape.into(),
        element_bytes: 8,
        privilege,
        access: Access::identity(shape.len()),
        image: Rect::from_shape(shape),
        covers: true,
        distribution: None,
    }
}

/// The whole of a field of doubles that is cut into blocks of ten rows.
pub(crate) fn tiled_rows(shape: &[i64], privilege: Privilege) -> OperandInfo {
    in_blocks(shape, privilege, 10)
}

/// The same in a block of rows for each shard.
pub(crate) fn rows_of(shape: &[i64], privilege: Privilege, shards: u32) -> OperandInfo {
    in_blocks(shape, privilege, (shape[0] as u64).div_ceil(shards.into()) as i64)
}

fn in_blocks(shape: &[i64], privilege: Privilege, rows: i64) -> OperandInfo {
    let bounds = Rect::from_shape(shape);
    let mut tile = bounds.shape();
    tile[0] = rows;
    let partition = Partition::tiles(&Tiling { bounds, tile });
    let distribution = Some(Distribution::Tiled { partition, sharding: Sharding::Block });
    OperandInfo { distribution, ..operand(shape, privilege) }
}

/// A launch over `shape` whose points cost a nanosecond each.
pub(crate) fn launch(name: &str, shape: &[i64], cuts: &[Cut], operands: Vec<OperandInfo>) -> LaunchInfo {
    let domain = Rect::from_shape(shape);
    LaunchInfo { name: name.into(), cost_ns: domain.volume() as f64, domain, cuts: cuts.into(), operands }
}

/// A folder of files, gone when dropped.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// With these files: paths below it, and contents.
    pub(crate) fn of(files: &[(&str, &str)]) -> Folder {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("legate-mapper-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = Folder(std::env::temp_dir().join(name));
        std::fs::create_dir_all(&folder.0).unwrap();
        for (path, contents) in files {
            let path = folder.0.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, contents).unwrap();
        }
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What stays behind is in the system's temporary folder; a failure here would hide the test's own.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Keeps what is written to it; clones share it.
#[derive(Clone, Default)]
pub(crate) struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    pub(crate) fn lines(&self) -> Vec<String> {
        String::from_utf8(self.0.lock().clone()).unwrap().lines().map(str::to_owned).collect()
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The example of a file's format in a module's documentation.
pub(crate) fn documented_example(source: &str) -> String {
    let lines = source.lines().map(|line| line.trim_start_matches("//!").trim());
    lines.skip_while(|line| *line != "```toml").skip(1).take_while(|line| *line != "```").collect::<Vec<_>>().join("\n")
}
