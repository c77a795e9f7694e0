//! `cargo xtask ci`: what `.ci/run` calls. Cheap checks come first; a failing one does not hide the others.

use crate::package;
use crate::report::Report;
use crate::workspace::Workspace;
use crate::{coverage, process, test, tidy};
use anyhow::Result;
use std::process::Command;

/// Format, tidy, lints, tests, documentation.
///
/// # Errors
/// If any of them fails.
pub(crate) fn ci(workspace: &Workspace) -> Result<()> {
    let mut report = Report::default();
    report.step("format", || {
        process::run(Command::new("cargo").args(["fmt", "--all", "--check"]).current_dir(workspace.root()))
    });
    report.step("tidy", || tidy::tidy(workspace));
    report.step("virtual environment", || package::ensure_venv(workspace));
    report.step("lints", || {
        process::run(checking(workspace, "clippy").arg("--all-targets").args(["--", "-D", "warnings"]))
    });
    test::add_all_steps(workspace, &mut report);
    report.step("coverage", || coverage::coverage(workspace, &["--check".into()]));
    report.step("documentation", || {
        let mut doc = checking(workspace, "doc");
        process::run(
            doc.args(["--no-deps", "--document-private-items"])
                .env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private-intra-doc-links"),
        )
    });
    report.finish()
}

/// A cargo command that checks all crates without linking them. In the release profile, whose build scripts and macros the tests build anyway.
fn checking(workspace: &Workspace, command: &str) -> Command {
    let mut cargo = Command::new("cargo");
    cargo
        .args([command, "--release", "--locked", "--workspace", "--exclude", "legate-mpi"])
        .current_dir(workspace.root());
    package::extension_environment(workspace, &mut cargo);
    cargo
}
