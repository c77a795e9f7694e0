//! What the machine's memory gives a loop that does nothing else.

use crate::process;
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::process::Command;

/// Traffic per step, in GB, above which no cache of today's machines holds the arrays.
const BEYOND_CACHES: f64 = 0.05;

/// STREAM's triad, in GB/s at 24 bytes per element.
pub(super) struct Bandwidth {
    pub(super) threads: u64,
    one_thread: f64,
    pub(super) all_threads: f64,
}

impl Bandwidth {
    /// Builds `legate-bench`, if told to, and runs its `stream`.
    ///
    /// # Errors
    /// If it does not build, or prints something else than it should.
    pub(super) fn measure(workspace: &Workspace, threads: Option<u32>, build: bool) -> Result<Bandwidth> {
        let mut stream = legate_bench(workspace, build)?;
        stream.arg("stream");
        if let Some(threads) = threads {
            stream.args(["--threads", &threads.to_string()]);
        }
        let text = process::capture(&mut stream)?;
        let value: Value =
            serde_json::from_str(&text).with_context(|| format!("output of legate-bench stream: {text}"))?;
        let number = |name: &str| value[name].as_f64().with_context(|| format!("no {name} in {text}"));
        let threads = value["threads"].as_u64().with_context(|| format!("no threads in {text}"))?;
        Ok(Bandwidth { threads, one_thread: number("one_thread_gbps")?, all_threads: number("all_threads_gbps")? })
    }

    /// `rate` as a share of the bandwidth, where the memory can be what limits: a problem that stays in the caches is not held up by it.
    pub(super) fn share(&self, gigabytes: f64, rate: f64) -> String {
        if gigabytes < BEYOND_CACHES {
            "in cache".to_owned()
        } else {
            format!("{:.0} %", 100.0 * rate / self.all_threads)
        }
    }

    pub(super) fn to_json(&self) -> Value {
        json!({"one_thread": self.one_thread, "all_threads": self.all_threads, "threads": self.threads})
    }
}

impl std::fmt::Display for Bandwidth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.1} GB/s on 1 thread, {:.1} GB/s on {}", self.one_thread, self.all_threads, self.threads)
    }
}

/// `legate-bench`, built if told to.
///
/// # Errors
/// If it does not build.
pub(super) fn legate_bench(workspace: &Workspace, build: bool) -> Result<Command> {
    if build {
        // Of the whole workspace, so that its libraries are built with the features that the extension module's have.
        let mut cargo = Command::new("cargo");
        cargo.current_dir(workspace.root());
        cargo.args(["build", "--quiet", "--release", "--locked", "--workspace", "--bin", "legate-bench"]);
        process::run(&mut cargo)?;
    }
    let target = workspace.path(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()));
    Ok(Command::new(target.join("release/legate-bench")))
}
