//! `cargo xtask bench small`: calls on small arrays, where what counts is the way to the loop and back. (`x + y` beside the peers: the case `add` of the kernels.)
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

/// Names and what is wanted of the groups of `calls.py`: the median of numpy/legate, and the least of each call.
const GROUPS: [(&str, f64, f64); 3] = [("add", 1.0, 0.6), ("common", 1.0, 0.6), ("chain", 1.5, 1.5)];
/// The time that importing may take more than NumPy.
const IMPORT_EXTRA_MS: f64 = 40.0;

/// One call on arrays of one size.
#[derive(Clone, Debug, PartialEq)]
struct Call {
    name: String,
    group: String,
    elements: u64,
    numpy_ns: f64,
    legate_ns: f64,
    ratio: f64,
}

impl Call {
    fn read(line: &str) -> Result<Call> {
        let value: Value = serde_json::from_str(line).with_context(|| format!("`{line}`"))?;
        let number = |key: &str| value[key].as_f64().with_context(|| format!("no {key} in {line}"));
        let text = |key: &str| value[key].as_str().map(str::to_owned).with_context(|| format!("no {key} in {line}"));
        Ok(Call {
            name: text("name")?,
            group: text("group")?,
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
    python.args(["--rounds", &(3 * options.rounds()).to_string()]);
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
    let markdown = format!("{}\n\n{}", summary.replace('\n', "  \n"), table(&calls).markdown());
    Ok(Report { suite: "small", rounds: options.rounds(), results, plot: None, markdown })
}

/// A line for each group.
fn summary(calls: &[Call]) -> String {
    let groups = GROUPS.iter().filter_map(|(name, wanted, least)| {
        let ratios: Vec<f64> = calls.iter().filter(|call| call.group == *name).map(|call| call.ratio).collect();
        let spread = (!ratios.is_empty()).then(|| Spread::of(ratios))?;
        let slow = calls.iter().filter(|call| call.group == *name && call.ratio < *least);
        let slow: Vec<String> = slow.map(|call| format!("{} {:.2}", call.name, call.ratio)).collect();
        let verdict = if spread.median >= *wanted && slow.is_empty() { "met" } else { "MISSED" };
        let slow = if slow.is_empty() { String::new() } else { format!("; below {least}: {}", slow.join(", ")) };
        Some(format!(
            "{name}: median {:.2}, worst {:.2}; wanted {wanted}, none below {least}: {verdict}{slow}",
            spread.median, spread.low
        ))
    });
    let import = calls.iter().filter(|call| call.group == "import").map(|call| {
        let extra = 1e-6 * (call.legate_ns - call.numpy_ns);
        let verdict = if extra <= IMPORT_EXTRA_MS { "met" } else { "MISSED" };
        format!("import: {extra:.0} ms more than NumPy's; wanted at most {IMPORT_EXTRA_MS}: {verdict}")
    });
    groups.chain(import).collect::<Vec<_>>().join("\n")
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

    const LINE: &str =
        r#"{"name": "x + y", "group": "add", "n": 10, "numpy_ns": 300.0, "legate_ns": 200.0, "ratio": 1.5}"#;

    #[test]
    fn a_line_is_a_call() {
        let call = Call::read(LINE).expect("complete");
        assert_eq!((call.name.as_str(), call.elements, call.ratio), ("x + y", 10, 1.5));
        assert!(Call::read("{}").is_err());
    }

    #[test]
    fn the_summary_judges_groups_and_names_slow_calls() {
        let call = Call::read(LINE).expect("complete");
        let slow = Call { name: "slow".to_owned(), group: "common".to_owned(), ratio: 0.5, ..call.clone() };
        let import = Call { group: "import".to_owned(), numpy_ns: 1e8, legate_ns: 1.6e8, ..call.clone() };
        let expected = "\
add: median 1.50, worst 1.50; wanted 1, none below 0.6: met
common: median 0.50, worst 0.50; wanted 1, none below 0.6: MISSED; below 0.6: slow 0.50
import: 60 ms more than NumPy's; wanted at most 40: MISSED";
        assert_eq!(summary(&[call, slow, import]), expected);
    }
}
