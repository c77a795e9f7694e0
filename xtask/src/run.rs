//! `cargo xtask run`: the package up to date, then the driver in our place.

use crate::package::{self, Extras};
use crate::process;
use crate::workspace::Workspace;
use anyhow::Result;
use std::ffi::OsString;
use std::process::Command;

/// `legate ARGUMENTS` of an up-to-date `.venv`; with no arguments the interactive interpreter.
///
/// # Errors
/// If the package cannot be built. What the driver and the program return is the exit status.
pub(crate) fn run(workspace: &Workspace, arguments: &[OsString]) -> Result<()> {
    package::ensure_installed(workspace, Extras::None)?;
    Err(process::become_command(Command::new(workspace.venv_command("legate")).args(arguments)))
}
