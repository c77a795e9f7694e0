//! `cargo xtask bench analysis`: what an operation costs apart from its work on one rank of a machine of any size, and what a controller would pay that does it for all ranks.
//!
//! `legate-bench scale` measures and prints a JSON object for each program and number of ranks. Nothing is computed and nothing is sent.

use super::bandwidth::legate_bench;
use super::options::Options;
use super::plot::{Panel, Point, plot};
use super::results::Report;
use super::table::{Cell, Table};
use crate::process;
use crate::workspace::Workspace;
use anyhow::{Context, Result, ensure};
use serde_json::Value;

const PROGRAMS: [&str; 5] = ["jacobi", "black_scholes", "logistic_regression", "heat", "pcg"];
/// From this number of ranks to the largest, a rank's costs are to be the same within a factor of [`FLAT`].
const FROM: u64 = 16;
const FLAT: f64 = 2.0;

/// One program on a machine of one size.
#[derive(Clone, Debug)]
struct Case {
    program: String,
    ranks: u64,
    new: Cost,
    again: Cost,
    controller_us: f64,
    measured: bool,
}

/// Of an operation.
#[derive(Clone, Debug)]
struct Cost {
    us: f64,
    /// That the witness of control replication takes.
    witness_us: f64,
    allocated: f64,
    held_kib: f64,
}

impl Cost {
    fn read(value: &Value) -> Result<Cost> {
        let number = |key: &str| value[key].as_f64().with_context(|| format!("no {key} in {value}"));
        // One rank has nobody to compare itself with.
        let witness_us = value["stages_us"]["witness"].as_f64().unwrap_or(0.0);
        let (us, allocated, held_kib) = (number("us")?, number("allocated_bytes")?, number("held_kib")?);
        Ok(Cost { us, witness_us, allocated, held_kib })
    }
}

impl Case {
    fn read(line: &str) -> Result<Case> {
        let value: Value = serde_json::from_str(line).with_context(|| format!("`{line}`"))?;
        Ok(Case {
            program: value["program"].as_str().with_context(|| format!("no program in {line}"))?.to_owned(),
            ranks: value["ranks"].as_u64().with_context(|| format!("no ranks in {line}"))?,
            new: Cost::read(&value["new"])?,
            again: Cost::read(&value["again"])?,
            controller_us: value["controller_us"].as_f64().with_context(|| format!("no controller_us in {line}"))?,
            measured: value["controller_measured"] == true,
        })
    }
}

/// Runs the programs on all machines, prints the table.
///
/// # Errors
/// If `legate-bench` does not build, fails, or prints something else than it should.
pub(super) fn measure(workspace: &Workspace, options: &Options) -> Result<Report> {
    let programs: Vec<&str> = PROGRAMS.into_iter().filter(|name| options.wants(name, &PROGRAMS)).collect();
    ensure!(!programs.is_empty(), "no program has {} in its name", options.names.join(" or "));
    let mut report = Report { suite: "analysis", rounds: 3, results: Vec::new(), plot: None, markdown: String::new() };
    if options.list {
        println!("{}", programs.join("\n"));
        return Ok(report);
    }
    let mut command = legate_bench(workspace, options.build)?;
    let output = process::capture(command.arg("scale").args(&programs))?;
    let cases: Vec<Case> = output.lines().map(Case::read).collect::<Result<_>>()?;
    report.markdown = format!("{}\n\n{}", summary(&cases).replace('\n', "  \n"), table(&cases).markdown());
    println!("{}", report.markdown);
    report.results = output.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    report.plot = Some(plot(&panels(&cases)));
    Ok(report)
}

/// A line for each program: how far its costs lie apart.
fn summary(cases: &[Case]) -> String {
    let lines = PROGRAMS.iter().filter_map(|program| {
        let large = || cases.iter().filter(|case| case.program == *program && case.ranks >= FROM);
        let spread = |of: fn(&Case) -> f64| {
            let first = large().next().map(of)?;
            let (low, high) = large().map(of).fold((first, first), |(low, high), cost| (cost.min(low), cost.max(high)));
            Some(high / low)
        };
        let (new, again) = (spread(|case| case.new.us)?, spread(|case| case.again.us)?);
        let held = spread(|case| case.again.held_kib)?;
        let verdict = if new.max(again).max(held) <= FLAT { "met" } else { "MISSED" };
        Some(format!(
            "{program}: from {FROM} ranks on, the most is {new:.2} times the least when new, {again:.2} again, {held:.2} in memory; wanted {FLAT}: {verdict}"
        ))
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn table(cases: &[Case]) -> Table {
    let mut table = Table::new(&[
        "program",
        "ranks",
        "µs, new",
        "µs, again",
        "of it comparing",
        "bytes allocated, new",
        "again",
        "KiB held, again",
        "controller µs",
    ]);
    for case in cases {
        let controller = Cell::figure(case.controller_us).marked(if case.measured { "" } else { " (extrapolated)" });
        let comparing = format!("{:.1} %", 100.0 * case.again.witness_us / case.again.us);
        table.push([
            Cell::text(&case.program),
            Cell::text(&case.ranks.to_string()),
            Cell::figure(case.new.us),
            Cell::figure(case.again.us),
            Cell::text(&comparing),
            Cell::figure(case.new.allocated),
            Cell::figure(case.again.allocated),
            Cell::figure(case.again.held_kib),
            controller,
        ]);
    }
    table
}

fn panels(cases: &[Case]) -> Vec<Panel> {
    let mut panels: Vec<Panel> = Vec::new();
    for case in cases {
        if panels.last().is_none_or(|panel| panel.name != case.program) {
            panels.push(Panel::over(&case.program, ("ranks", "µs per operation")));
        }
        let panel = panels.last_mut().expect("one was pushed");
        let mut add = |curve, us| panel.add(curve, Point::exactly(case.ranks as f64, us));
        add("controller", case.controller_us);
        add("new", case.new.us);
        add("again", case.again.us);
    }
    let mut memory = Panel::over("memory, new", ("ranks", "bytes allocated per operation"));
    for case in cases {
        memory.add(&case.program, Point::exactly(case.ranks as f64, case.new.allocated));
    }
    panels.push(memory);
    panels
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(ranks: u64, new: f64, again: f64) -> String {
        let cost = |us: f64| {
            format!(r#"{{"us": {us}, "allocated_bytes": 10, "held_kib": 5, "stages_us": {{"witness": 0.5}}}}"#)
        };
        format!(
            r#"{{"program": "heat", "ranks": {ranks}, "new": {}, "again": {}, "controller_us": 40, "controller_measured": true}}"#,
            cost(new),
            cost(again)
        )
    }

    #[test]
    fn a_program_is_flat_if_its_costs_from_sixteen_ranks_on_lie_close() {
        let read = |cases: &[(u64, f64, f64)]| -> Vec<Case> {
            cases.iter().map(|(ranks, new, again)| Case::read(&line(*ranks, *new, *again)).expect("complete")).collect()
        };
        let flat = summary(&read(&[(1, 1.0, 1.0), (16, 4.0, 2.0), (64, 8.0, 3.0), (256, 6.0, 3.0)]));
        assert!(flat.contains("2.00 times the least when new, 1.50 again, 1.00 in memory") && flat.ends_with("met"));
        assert!(summary(&read(&[(16, 4.0, 2.0), (64, 8.1, 2.0)])).ends_with("MISSED"));
        assert!(Case::read("{}").is_err());
    }
}
