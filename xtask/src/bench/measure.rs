//! One program at one size on both modules.

use super::spread::Spread;
use super::worker::limit_threads;
use crate::process;
use crate::programs::{Module, Outcome, Program};
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::process::Command;

/// How long the timed part of one run should take on NumPy.
const TARGET_MS: f64 = 700.0;
/// So that a fixed cost (the first allocation of each array) does not hide the cost of an iteration.
const FEWEST_ITERATIONS: u64 = 10;
const MOST_ITERATIONS: u64 = 20_000;

/// All rounds of one program at one size.
pub(super) struct Measurement {
    pub(super) program: &'static str,
    pub(super) size: u64,
    pub(super) iterations: u64,
    pub(super) numpy: Runs,
    pub(super) legate: Runs,
}

/// The runs of one module, in the order of the rounds.
#[derive(Default)]
pub(super) struct Runs(Vec<Outcome>);

impl Runs {
    pub(super) fn ms_per_iteration(&self) -> Spread {
        Spread::of(self.0.iter().map(|run| run.ms_per_iteration).collect())
    }

    pub(super) fn gigabytes_per_second(&self) -> f64 {
        Spread::of(self.0.iter().map(|run| run.gigabytes_per_second).collect()).median
    }

    /// The most memory of a process.
    pub(super) fn megabytes(&self) -> f64 {
        Spread::of(self.0.iter().map(|run| run.megabytes).collect()).median
    }

    fn to_json(&self) -> Value {
        json!({
            "megabytes": self.megabytes(),
            "ms_per_iteration": self.ms_per_iteration().to_json(),
            "gbps": self.gigabytes_per_second(),
            "runs_ms_per_iteration": self.0.iter().map(|run| run.ms_per_iteration).collect::<Vec<_>>(),
            "checksum": self.0.first().map(|run| run.checksum.as_str()),
        })
    }
}

impl Measurement {
    /// NumPy's time by legate's, round by round: above 1 legate is faster.
    pub(super) fn ratio(&self) -> Spread {
        let rounds = self.numpy.0.iter().zip(&self.legate.0);
        Spread::of(rounds.map(|(numpy, legate)| numpy.ms_per_iteration / legate.ms_per_iteration).collect())
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "program": self.program,
            "size": self.size,
            "iterations": self.iterations,
            "ratio": self.ratio().to_json(),
            "numpy": self.numpy.to_json(),
            "legate": self.legate.to_json(),
        })
    }
}

/// Runs the rounds.
///
/// # Errors
/// If a run fails, or the checksums of a round differ by more than the program's tolerance.
pub(super) fn measure(
    workspace: &Workspace,
    program: &'static Program,
    size: u64,
    rounds: usize,
    threads: Option<u32>,
) -> Result<Measurement> {
    let run = |module: Module, iterations: u64| {
        let mut command = command(workspace, program, module, threads);
        command.args(["--size", &size.to_string(), "--iterations", &iterations.to_string()]);
        Outcome::parse(&process::capture(&mut command)?)
    };
    let trial = run(Module::NumPy, FEWEST_ITERATIONS)?;
    let iterations = ((TARGET_MS / trial.ms_per_iteration) as u64).clamp(FEWEST_ITERATIONS, MOST_ITERATIONS);
    let mut measurement =
        Measurement { program: program.name, size, iterations, numpy: Runs::default(), legate: Runs::default() };
    for round in 0..rounds {
        let order = if round % 2 == 0 { [Module::NumPy, Module::Legate] } else { [Module::Legate, Module::NumPy] };
        for module in order {
            let outcome = run(module, iterations)?;
            match module {
                Module::NumPy => measurement.numpy.0.push(outcome),
                Module::Legate => measurement.legate.0.push(outcome),
            }
        }
        let (ours, theirs) = (&measurement.legate.0[round], &measurement.numpy.0[round]);
        ours.ensure_near(theirs, program.tolerance).with_context(|| format!("{} of size {size}", program.name))?;
    }
    Ok(measurement)
}

/// The program's command, both modules held to the same number of threads.
fn command(workspace: &Workspace, program: &Program, module: Module, threads: Option<u32>) -> Command {
    let mut command = program.command(workspace, module);
    limit_threads(&mut command, threads);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(times: &[f64]) -> Runs {
        let outcome = |ms: &f64| Outcome {
            seconds: 1.0,
            ms_per_iteration: *ms,
            gigabytes_per_second: 1.0,
            megabytes: 1.0,
            checksum: String::new(),
        };
        Runs(times.iter().map(outcome).collect())
    }

    #[test]
    fn the_ratio_pairs_the_runs_of_a_round() {
        // The machine slowed down in the second round: the paired ratios do not see it.
        let measurement = Measurement {
            program: "heat",
            size: 1,
            iterations: 1,
            numpy: runs(&[2.0, 8.0, 2.0]),
            legate: runs(&[1.0, 4.0, 0.5]),
        };
        assert_eq!(measurement.ratio(), Spread { median: 2.0, low: 2.0, high: 4.0 });
    }
}
