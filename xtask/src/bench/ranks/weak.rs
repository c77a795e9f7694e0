//! Weak scaling: twice the work on two cores as two ranks, as two threads of one process, and as two processes that know nothing of each other; against one core with half of it.
//!
//! The last is what the machine gives two cores that share its memory: no program that keeps them apart does better.

use super::RANKS;
use crate::bench::options::Options;
use crate::bench::spread::Spread;
use crate::bench::table::{Cell, Table};
use crate::bench::worker::limit_threads;
use crate::mpi::{FAMILIES, Family};
use crate::process;
use crate::programs::{Module, Outcome, Program, clear_settings};
use crate::workspace::Workspace;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::process::{Command, Stdio};

/// How long the timed part of the run on one core should take.
const TARGET_MS: f64 = 800.0;
const FEWEST_ITERATIONS: u64 = 10;

/// One way to use the cores.
#[derive(Clone, Copy)]
enum Way {
    /// One thread, half of the work: what the others are compared with.
    Alone,
    /// Two processes side by side, each as `Alone`.
    Apart,
    /// Two threads of one process.
    Threads,
    Ranks(&'static Family),
}

/// A program's throughput per core, in each way, against that of one core alone.
pub(super) struct Row {
    program: &'static str,
    size: u64,
    doubled: u64,
    /// Milliseconds per step on one core.
    alone: Spread,
    ways: Vec<(&'static str, Spread)>,
}

impl Row {
    pub(super) fn to_json(&self) -> Value {
        let ways = self.ways.iter().map(|(name, share)| ((*name).to_owned(), share.to_json()));
        json!({
            "case": format!("weak:{}", self.program), "size": self.size, "doubled": self.doubled,
            "alone_ms": self.alone.to_json(), "throughput_per_core": ways.collect::<serde_json::Map<_, _>>(),
        })
    }
}

/// The size with twice the work of a step.
fn doubled(size: u64, dimensions: i32) -> u64 {
    (size as f64 * 2f64.powf(f64::from(dimensions).recip())).round() as u64
}

/// In each round all ways work in turn, and who begins changes.
///
/// # Errors
/// If a run fails, or ranks compute other bits than threads.
pub(super) fn row(workspace: &Workspace, program: &Program, options: &Options) -> Result<Row> {
    let size = options.size.unwrap_or(program.bench_size);
    let doubled = doubled(size, program.dimensions);
    let runner = Runner { workspace, program, size, doubled };
    let trial = runner.run(Way::Alone, FEWEST_ITERATIONS)?.ms_per_step;
    let iterations = ((TARGET_MS / trial) as u64).max(FEWEST_ITERATIONS);
    let mut ways = vec![("alone", Way::Alone), ("apart", Way::Apart), ("threads", Way::Threads)];
    ways.extend(FAMILIES.iter().map(|family| (family.name, Way::Ranks(family))));
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); ways.len()];
    let mut checksums: Vec<String> = Vec::new();
    for round in 0..options.rounds() {
        for turn in 0..ways.len() {
            let place = (turn + round) % ways.len();
            let run = runner.run(ways[place].1, iterations)?;
            times[place].push(run.ms_per_step);
            if matches!(ways[place].1, Way::Threads | Way::Ranks(_)) {
                checksums.push(run.checksum);
            }
        }
    }
    checksums.dedup();
    ensure!(checksums.len() == 1, "{}: threads and ranks compute {checksums:?}", program.name);
    // What one core does of the work of a step while it would do a step alone.
    let work = |size: u64| (size as f64).powi(program.dimensions);
    let grown = work(doubled) / f64::from(RANKS) / work(size);
    let share = |(k, way): (usize, &(&'static str, Way))| {
        let share = Spread::of_ratios(&times[0], &times[k]);
        (way.0, if matches!(way.1, Way::Apart) { share } else { share.scaled(grown) })
    };
    let shares = ways.iter().enumerate().skip(1).map(share).collect();
    Ok(Row { program: program.name, size, doubled, alone: Spread::of(times[0].clone()), ways: shares })
}

struct Run {
    ms_per_step: f64,
    checksum: String,
}

struct Runner<'a> {
    workspace: &'a Workspace,
    program: &'a Program,
    size: u64,
    doubled: u64,
}

impl Runner<'_> {
    fn run(&self, way: Way, iterations: u64) -> Result<Run> {
        let outcome = match way {
            Way::Alone => Outcome::parse(&process::capture(&mut self.command(self.size, 1, iterations))?)?,
            Way::Apart => return self.apart(iterations),
            Way::Threads => Outcome::parse(&process::capture(&mut self.command(self.doubled, RANKS, iterations))?)?,
            Way::Ranks(family) => {
                let command = self.command(self.doubled, 1, iterations);
                let mut launcher = family.launcher(self.workspace, RANKS);
                limit_threads(&mut launcher, Some(1));
                launcher.arg(command.get_program()).args(command.get_args());
                Outcome::parse(&process::capture(&mut launcher)?)?
            }
        };
        Ok(Run { ms_per_step: outcome.ms_per_iteration, checksum: outcome.checksum })
    }

    /// The mean of two that run at the same time.
    fn apart(&self, iterations: u64) -> Result<Run> {
        let start = || {
            let mut command = self.command(self.size, 1, iterations);
            command
                .stdout(Stdio::piped())
                .spawn()
                .with_context(|| format!("could not start {}", process::display(&command)))
        };
        let both = (0..RANKS).map(|_| start()).collect::<Result<Vec<_>>>()?;
        let mut outcomes = Vec::new();
        for child in both {
            let output = child.wait_with_output()?;
            ensure!(output.status.success(), "{} has failed: {}", self.program.name, output.status);
            outcomes.push(Outcome::parse(&String::from_utf8(output.stdout)?)?);
        }
        let sum: f64 = outcomes.iter().map(|outcome| outcome.ms_per_iteration).sum();
        let checksum = outcomes.swap_remove(0).checksum;
        Ok(Run { ms_per_step: sum / f64::from(RANKS), checksum })
    }

    fn command(&self, size: u64, threads: u32, iterations: u64) -> Command {
        let mut command = self.program.command(self.workspace, Module::Legate);
        clear_settings(&mut command);
        limit_threads(&mut command, Some(threads));
        command.args(["--size", &size.to_string(), "--iterations", &iterations.to_string()]);
        command
    }
}

pub(super) fn table(rows: &[Row]) -> Table {
    let mut head = vec![
        "program",
        "size, one core",
        "size, two cores",
        "ms / step, one core",
        "two processes apart",
        "two threads",
    ];
    let titles: Vec<String> = FAMILIES.iter().map(|family| format!("two ranks, {}", family.name)).collect();
    head.extend(titles.iter().map(String::as_str));
    let mut table = Table::new(&head);
    for row in rows {
        let [apart, threads, openmpi, mpich] = &row.ways[..] else { unreachable!("four ways beside the first") };
        table.push([
            Cell::text(row.program),
            Cell::text(&row.size.to_string()),
            Cell::text(&row.doubled.to_string()),
            Cell::figure(row.alone.median),
            Cell::text(&apart.1.to_string()),
            Cell::text(&threads.1.to_string()),
            Cell::text(&openmpi.1.to_string()),
            Cell::text(&mpich.1.to_string()),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twice_the_work_is_twice_a_line_and_an_edge_longer_by_the_root_of_two() {
        assert_eq!([doubled(1000, 1), doubled(1000, 2)], [2000, 1414]);
    }
}
