//! The project's own commands, `cargo xtask help` lists them.
//!
//! `run`, `test` and `bench` stand on [`package`], which builds the Python package and installs it into `.venv` when its sources changed.
//! `ci` is what `.ci/run` calls: the same command on a developer's machine and on a server.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a command-line program")]

mod bench;
mod ci;
mod coverage;
mod hex_float;
mod least;
mod messages;
mod mpi;
mod package;
mod process;
mod programs;
mod python;
mod readme;
mod report;
mod run;
mod test;
mod tidy;
mod workspace;

use anyhow::{Result, bail};
use std::ffi::OsString;
use std::process::ExitCode;
use workspace::Workspace;

const HELP: &str = "\
cargo xtask COMMAND

  run [OPTIONS] [PROGRAM [ARGS]]    build and install into .venv what changed, then `legate [OPTIONS] [PROGRAM [ARGS]]`
  install                           only build and install
  mpi                               Open MPI and MPICH from the package index, and the plug-in built for each
  test [STEP...] [--filter WORD]    every test, or the named steps (`test --list` shows them), or the tests whose name has WORD
  coverage [--check]                writes docs/numpy-coverage.md: what of NumPy is native, and how it runs on several ranks
  tidy                              rules that neither the compiler nor clippy checks
  ci                                format, tidy, lints, tests, documentation: what .ci/run calls
  bench [SUITE [NAME...]] [OPTIONS] programs, small arrays, kernels: against NumPy and others (`bench --help`)
";

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[OsString]) -> Result<()> {
    let Some((command, rest)) = arguments.split_first() else {
        println!("{HELP}");
        return Ok(());
    };
    let workspace = Workspace::find()?;
    match command.to_str() {
        Some("run") => run::run(&workspace, rest),
        Some("install") => package::ensure_installed(&workspace, package::Extras::None),
        Some("mpi") => mpi::ensure_plugins(&workspace),
        Some("test") => test::test(&workspace, rest),
        Some("tidy") => tidy::tidy(&workspace),
        Some("ci") => ci::ci(&workspace),
        Some("coverage") => coverage::coverage(&workspace, rest),
        Some("bench") => bench::bench(&workspace, rest),
        Some("help" | "--help" | "-h") => {
            println!("{HELP}");
            Ok(())
        }
        _ => bail!("no command {command:?}\n\n{HELP}"),
    }
}
