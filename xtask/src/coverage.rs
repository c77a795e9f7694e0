//! `cargo xtask coverage`: writes `docs/numpy-coverage.md`, what of NumPy is native and how it runs on several ranks.

use crate::package::{self, Extras};
use crate::process;
use crate::programs;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::fs;
use std::process::Command;

const PAGE: &str = "docs/numpy-coverage.md";

/// Writes the page; with `--check` says whether it is what it would be.
///
/// # Errors
/// If a sample call fails, if less is native than was promised, or if the page to be checked is out of date.
pub(crate) fn coverage(workspace: &Workspace, arguments: &[OsString]) -> Result<()> {
    let checks = match arguments {
        [] => false,
        [option] if option == "--check" => true,
        _ => bail!("cargo xtask coverage [--check]"),
    };
    let fresh = page(workspace)?;
    let path = workspace.path(PAGE);
    if !checks {
        return fs::write(&path, fresh).with_context(|| format!("could not write {PAGE}"));
    }
    let present = fs::read_to_string(&path).with_context(|| format!("could not read {PAGE}"))?;
    match difference(&present, &fresh) {
        None => Ok(()),
        Some(line) => bail!("{PAGE} is out of date, run `cargo xtask coverage`; it should say\n{line}"),
    }
}

fn page(workspace: &Workspace) -> Result<String> {
    package::ensure_installed(workspace, Extras::Test)?;
    let mut python = Command::new(workspace.venv_command("python"));
    programs::clear_settings(&mut python);
    python.arg(workspace.path("legate-py/tests/numpy_coverage.py")).arg("--least");
    process::capture(&mut python)
}

/// The first line of the fresh page that the present one does not have. Pages about different versions of NumPy are not compared.
fn difference<'a>(present: &str, fresh: &'a str) -> Option<&'a str> {
    let version = |page: &str| page.lines().find(|line| line.contains("NumPy 2.")).map(str::to_owned);
    if version(present) != version(fresh) {
        return None;
    }
    let mut lines = present.lines();
    fresh.lines().find(|line| lines.next() != Some(line)).or_else(|| lines.next().map(|_| "nothing after that"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_one_version_are_compared() {
        let page = "# Head\nNumPy 2.4.\n| add | native |\n";
        assert_eq!(difference(page, page), None);
        assert_eq!(difference("# Head\nNumPy 2.3.\n", page), None);
        assert_eq!(difference("# Head\nNumPy 2.4.\n| add | falls back |\n", page), Some("| add | native |"));
        assert_eq!(difference(&format!("{page}more"), page), Some("nothing after that"));
    }
}
