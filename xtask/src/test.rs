//! `cargo xtask test`: every test of the project.
//!
//! All that is compiled is compiled in the release profile, once: the tests' libraries are those of the extension module, except that core, mapper
//! and numpy get debug assertions and overflow checks.

use crate::package::{self, Extras};
use crate::programs::{self, SIM_RANKS};
use crate::report::Report;
use crate::workspace::Workspace;
use crate::{mpi, process, readme};
use anyhow::{Result, bail};
use std::ffi::OsString;
use std::process::Command;
use std::time::Duration;

/// After this time a step hangs.
const LIMIT: Duration = Duration::from_secs(20 * 60);

/// Crates whose Rust tests run with assertions. Kernels are loops over memory: there they cost more than they find.
const CHECKED_CRATES: [&str; 3] = ["legate-core", "legate-mapper", "legate-numpy"];

/// pytest's status when no test has the name asked for.
const NO_TESTS: i32 = 5;

type Action = fn(&Workspace, Option<&str>) -> Result<()>;

/// Name, what it is, how it runs.
const STEPS: [(&str, &str, Action); 8] = [
    ("rust", "unit and integration tests of the crates", rust),
    ("doctests", "examples in the documentation of the crates", doctests),
    ("loom", "the event graph under a model checker, which tries all interleavings", loom),
    ("python", "pytest in one process", python),
    ("ranks", "pytest on 1, 2, 3 and 7 simulated ranks, everything through the runtime", ranks),
    ("programs", "the five programs: NumPy's results, and equal bits on 1, 2, 3 and 7 simulated ranks", programs),
    (
        "mpi",
        "random programs and the five programs on 2, 3 and 4 processes, Open MPI and MPICH: the bits of one process",
        mpi,
    ),
    ("readme", "commands and programs in the README", readme),
];

/// Runs the named steps, or all.
///
/// # Errors
/// If a step fails, after the others have run.
pub(crate) fn test(workspace: &Workspace, arguments: &[OsString]) -> Result<()> {
    let Some(selection) = Selection::parse(arguments)? else {
        for (name, what, _) in STEPS {
            println!("{name:<10} {what}");
        }
        return Ok(());
    };
    let mut report = Report::default();
    add_steps(workspace, &selection, &mut report);
    report.finish()
}

/// All tests, as steps of a longer report.
pub(crate) fn add_all_steps(workspace: &Workspace, report: &mut Report) {
    add_steps(workspace, &Selection { steps: Vec::new(), filter: None }, report);
}

fn add_steps(workspace: &Workspace, selection: &Selection, report: &mut Report) {
    for (name, _, action) in STEPS {
        let is_selected = selection.steps.is_empty() || selection.steps.iter().any(|step| step == name);
        if is_selected {
            report.step(format!("test {name}"), || action(workspace, selection.filter.as_deref()));
        }
    }
}

#[derive(Debug, PartialEq)]
struct Selection {
    steps: Vec<String>,
    filter: Option<String>,
}

impl Selection {
    /// `None` asks for the list of steps.
    fn parse(arguments: &[OsString]) -> Result<Option<Selection>> {
        let mut selection = Selection { steps: Vec::new(), filter: None };
        let mut words = arguments.iter().map(|word| word.to_string_lossy().into_owned());
        while let Some(word) = words.next() {
            match word.as_str() {
                "--list" => return Ok(None),
                "--filter" => match words.next() {
                    Some(filter) => selection.filter = Some(filter),
                    None => bail!("--filter wants a word"),
                },
                step if STEPS.iter().any(|(name, _, _)| *name == step) => selection.steps.push(word),
                _ => bail!("no step {word}; `cargo xtask test --list` shows them"),
            }
        }
        Ok(Some(selection))
    }
}

fn rust(workspace: &Workspace, filter: Option<&str>) -> Result<()> {
    let has_nextest = process::succeeds(Command::new("cargo").args(["nextest", "--version"]));
    let mut cargo = cargo(
        workspace,
        if has_nextest { &["nextest", "run", "--cargo-profile", "release"] } else { &["test", "--release", "--tests"] },
    );
    if has_nextest && filter.is_some() {
        cargo.arg("--no-tests=pass");
    }
    process::run_within(LIMIT, &[0], cargo.args(filter))
}

fn doctests(workspace: &Workspace, filter: Option<&str>) -> Result<()> {
    process::run_within(LIMIT, &[0], cargo(workspace, &["test", "--release", "--doc"]).args(filter))
}

/// The models are compiled apart: `--cfg loom` changes what the locks of core are.
fn loom(workspace: &Workspace, _filter: Option<&str>) -> Result<()> {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(workspace.root()).args([
        "test",
        "--locked",
        "--release",
        "--package",
        "legate-core",
        "--lib",
        "loom_",
    ]);
    cargo.arg("--target-dir").arg(workspace.path("target/loom")).env("RUSTFLAGS", "--cfg loom");
    // The model is small; most of the time is spent compiling.
    cargo.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1").env("CARGO_PROFILE_RELEASE_DEBUG", "false");
    process::run_within(LIMIT, &[0], &mut cargo)
}

/// A cargo command on all crates. The extension's has no tests that cargo could build (pytest tests it), but must be named: features are those
/// that all named crates ask for together, and only with the same features are the libraries those of the extension module.
fn cargo(workspace: &Workspace, words: &[&str]) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(workspace.root()).args(words).args(["--locked", "--workspace", "--exclude", "legate-mpi"]);
    for name in CHECKED_CRATES {
        for option in ["debug-assertions", "overflow-checks"] {
            cargo.arg("--config").arg(format!("profile.release.package.{name}.{option}=true"));
        }
    }
    cargo
}

fn python(workspace: &Workspace, filter: Option<&str>) -> Result<()> {
    pytest(workspace, filter, &[])
}

/// Nothing is computed outside the runtime here, as small arrays otherwise are.
fn ranks(workspace: &Workspace, filter: Option<&str>) -> Result<()> {
    let mut report = Report::default();
    for ranks in SIM_RANKS {
        let settings = [("LEGATE_SIM_RANKS", ranks.to_string()), ("LEGATE_INLINE", "0".to_owned())];
        report.step(format!("{ranks} simulated ranks"), || pytest(workspace, filter, &settings));
    }
    report.finish()
}

fn pytest(workspace: &Workspace, filter: Option<&str>, settings: &[(&str, String)]) -> Result<()> {
    package::ensure_installed(workspace, Extras::Test)?;
    let mut pytest = Command::new(workspace.venv_command("python"));
    pytest.current_dir(workspace.root()).args(["-m", "pytest", "--durations=5", "legate-py/tests"]);
    programs::clear_settings(&mut pytest);
    pytest.envs(settings.iter().map(|(name, value)| (name, value)));
    if let Some(word) = filter {
        pytest.args(["-k", word]);
    }
    process::run_within(LIMIT, if filter.is_some() { &[0, NO_TESTS] } else { &[0] }, &mut pytest)
}

fn programs(workspace: &Workspace, filter: Option<&str>) -> Result<()> {
    package::ensure_installed(workspace, Extras::Test)?;
    programs::compare_all(workspace, filter)
}

/// The random programs are those of the libraries' own tests, built as the step `rust` builds them.
fn mpi(workspace: &Workspace, filter: Option<&str>) -> Result<()> {
    mpi::test(workspace, filter, |test| {
        let mut cargo = cargo(workspace, &["test", "--release", "--no-run", "--message-format=json"]);
        cargo.args(["--test", test]);
        Ok(cargo)
    })
}

fn readme(workspace: &Workspace, _filter: Option<&str>) -> Result<()> {
    package::ensure_installed(workspace, Extras::Test)?;
    readme::check(workspace)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Option<Selection>> {
        Selection::parse(&words.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn steps_and_a_filter_are_read() {
        let expected = Selection { steps: vec!["rust".to_owned(), "ranks".to_owned()], filter: Some("sum".to_owned()) };
        assert_eq!(parse(&["rust", "--filter", "sum", "ranks"]).expect("right"), Some(expected));
        assert_eq!(parse(&["--list"]).expect("right"), None);
        assert!(parse(&["rusty"]).is_err());
        assert!(parse(&["--filter"]).is_err());
    }
}
