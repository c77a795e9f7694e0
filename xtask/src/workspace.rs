//! Where things lie.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};

/// The folder of the root `Cargo.toml`, and the paths below it that the commands use.
pub(crate) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The workspace that cargo started us in, else the one around the current folder.
    pub(crate) fn find() -> Result<Workspace> {
        let start = match std::env::var_os("CARGO_MANIFEST_DIR") {
            Some(folder) => PathBuf::from(folder),
            None => std::env::current_dir().context("no current folder")?,
        };
        for folder in start.ancestors() {
            if folder.join("legate-py").is_dir() && folder.join("Cargo.toml").is_file() {
                return Ok(Workspace { root: folder.to_owned() });
            }
        }
        bail!("{} is not inside the workspace", start.display())
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.join(relative)
    }

    pub(crate) fn venv(&self) -> PathBuf {
        self.path(".venv")
    }

    /// A command of the virtual environment: `python`, `legate`, `maturin`.
    pub(crate) fn venv_command(&self, name: &str) -> PathBuf {
        self.path(".venv/bin").join(name)
    }
}
