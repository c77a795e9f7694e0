//! `cargo xtask bench small`: calls on small arrays, where what counts is the way to the loop and back.
//!
//! `legate-bench/small/calls.py` times NumPy and legate in turn in one process and prints a JSON object for each call.

use super::options::Options;
use super::results::Report;
use super::spread::Spread;
use super::table::{Cell, Table};
use super::worker::limit_threads;
use crate::process;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::process::Command;

/// One call on arrays of one size.
#[derive(Debug, PartialEq)]
struct Call {
    name: String,
    elements: u64,
    numpy_ns: f64,
    legate_ns: f64,
    ratio: f64,
}

impl Call {
    fn read(line: &str) -> Result<Call> {
        let value: Value = serde_json::from_str(line).with_context(|| format!("`{line}`"))?;
        let number = |key: &str| value[key].as_f64().with_context(|| format!("no {key} in {line}"));
        Ok(Call {
            name: value["name"].as_str().with_context(|| format!("no name in {line}"))?.to_owned(),
            elements: value["n"].as_u64().with_context(|| format!("no n in {line}"))?,
            numpy_ns: number("numpy_ns")?,
            legate_ns: number("legate_ns")?,
            ratio: number("ratio")?,
        })
    }
}

/// Runs the calls, prints the table.
///
/// # Errors
/// If the program fails or prints something else than it should.
pub(super) fn measure(workspace: &Workspace, options: &Options) -> Result<Report> {
    let mut python = Command::new(workspace.venv_command("python"));
    python.arg(workspace.path("legate-bench/small/calls.py"));
    limit_threads(&mut python, options.threads);
    if options.quick {
        python.arg("--quick");
    }
    let output = process::capture(&mut python)?;
    let lines: Vec<&str> = output.lines().filter(|line| line.starts_with('{')).collect();
    let calls: Vec<Call> = lines.iter().map(|line| Call::read(line)).collect::<Result<_>>()?;
    let calls: Vec<Call> = calls.into_iter().filter(|call| options.wants(&call.name, &[])).collect();
    if calls.is_empty() {
        bail!("no call has {} in its name", options.names.join(" or "));
    }
    println!("call                           n    numpy ns   legate ns  numpy/legate");
    for call in &calls {
        println!(
            "{:<26} {:>5} {:>11.0} {:>11.0} {:>13.2}",
            call.name, call.elements, call.numpy_ns, call.legate_ns, call.ratio
        );
    }
    let summary = summary(&calls);
    println!("{summary}");
    let results = lines.iter().map(|line| serde_json::from_str(line)).collect::<Result<_, _>>()?;
    let markdown = format!("{summary}\n\n{}", table(&calls).markdown());
    Ok(Report { suite: "small", rounds: options.rounds(), results, plot: None, markdown })
}

fn summary(calls: &[Call]) -> String {
    let spread = Spread::of(calls.iter().map(|call| call.ratio).collect());
    let slow = calls.iter().filter(|call| call.ratio < 0.6).map(|call| call.name.as_str()).collect::<Vec<_>>();
    let slow = if slow.is_empty() { "none".to_owned() } else { slow.join(", ") };
    format!(
        "numpy/legate of {} calls: median {:.2} (wanted: 1.0), worst {:.2}; below 0.6: {slow}",
        calls.len(),
        spread.median,
        spread.low
    )
}

fn table(calls: &[Call]) -> Table {
    let mut table = Table::new(&["call", "n", "NumPy ns", "legate ns", "numpy/legate"]);
    for call in calls {
        table.push([
            Cell::text(&call.name),
            Cell::text(&call.elements.to_string()),
            Cell::figure(call.numpy_ns),
            Cell::figure(call.legate_ns),
            Cell::figure(call.ratio),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"name": "x + y", "n": 10, "numpy_ns": 300.0, "legate_ns": 200.0, "ratio": 1.5}"#;

    #[test]
    fn a_line_is_a_call() {
        let call = Call::read(LINE).expect("complete");
        assert_eq!((call.name.as_str(), call.elements, call.ratio), ("x + y", 10, 1.5));
        assert!(Call::read("{}").is_err());
    }

    #[test]
    fn the_summary_names_the_slow_calls() {
        let slow = Call { name: "slow".to_owned(), ratio: 0.5, ..Call::read(LINE).expect("complete") };
        let text = summary(&[Call::read(LINE).expect("complete"), slow]);
        assert_eq!(text, "numpy/legate of 2 calls: median 1.00 (wanted: 1.0), worst 0.50; below 0.6: slow");
    }
}
