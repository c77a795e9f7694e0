//! What `import` takes: processes that import and end, in turn.

use super::spread::Spread;
use crate::process;
use crate::workspace::Workspace;
use anyhow::Result;
use serde_json::{Value, json};
use std::process::Command;
use std::time::Instant;

/// The extra time of our import, in ms, that the project allows itself.
const TARGET_MS: f64 = 40.0;

/// Times of whole processes, in ms, round by round.
pub(super) struct Import {
    numpy: Vec<f64>,
    legate: Vec<f64>,
}

/// Starts the interpreters.
///
/// # Errors
/// If one of them fails.
pub(super) fn measure(workspace: &Workspace, rounds: usize) -> Result<Import> {
    let time = |module: &str| -> Result<f64> {
        let mut python = Command::new(workspace.venv_command("python"));
        python.args(["-c", &format!("import {module}")]);
        let start = Instant::now();
        process::capture(&mut python)?;
        Ok(1e3 * start.elapsed().as_secs_f64())
    };
    let (mut numpy, mut legate) = (Vec::new(), Vec::new());
    // Once each, so that files and byte code are in memory.
    time("numpy")?;
    time("legate.numpy")?;
    for round in 0..rounds {
        if round % 2 == 0 {
            numpy.push(time("numpy")?);
            legate.push(time("legate.numpy")?);
        } else {
            legate.push(time("legate.numpy")?);
            numpy.push(time("numpy")?);
        }
    }
    Ok(Import { numpy, legate })
}

impl Import {
    /// Our time less NumPy's.
    fn extra_ms(&self) -> Spread {
        Spread::of(self.legate.iter().zip(&self.numpy).map(|(legate, numpy)| legate - numpy).collect())
    }

    pub(super) fn to_json(&self) -> Value {
        json!({"case": "import", "target_extra_ms": TARGET_MS, "extra_ms": self.extra_ms().to_json(), "numpy_ms": self.numpy, "legate_ms": self.legate})
    }
}

impl std::fmt::Display for Import {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let extra = self.extra_ms();
        let verdict = if extra.median <= TARGET_MS { "met" } else { "MISSED" };
        write!(
            f,
            "import: NumPy's {:.0} ms and {extra} ms more; at most {TARGET_MS} ms more: {verdict}",
            Spread::of(self.numpy.clone()).median
        )
    }
}
