//! `cargo xtask bench kernels`: the cases of `legate-bench/kernels/cases.py`, each library in a process of its own, in turn.

use super::bandwidth::Bandwidth;
use super::import;
use super::options::Options;
use super::plot::{self, Panel, Point};
use super::results::Report;
use super::rounds::{Row, Timing, Workers, list, text};
use super::spread::Spread;
use super::table::{Cell, Table, figure};
use super::worker::Trouble;
use crate::workspace::Workspace;
use anyhow::{Result, bail, ensure};
use serde_json::{Value, json};

/// Measures what is asked for and prints the table as it grows.
///
/// # Errors
/// If a worker does not start, or, after all others were measured, if legate failed at a case or its checksum is not NumPy's.
pub(super) fn measure(workspace: &Workspace, options: &Options, bandwidth: Option<&Bandwidth>) -> Result<Report> {
    let mut workers = Workers::start(workspace, options)?;
    let cases = workers.cases()?;
    if options.list {
        cases.iter().for_each(|case| println!("{:<20} {}", text(case, "name"), text(case, "what")));
    }
    let names: Vec<&str> = cases.iter().map(|case| text(case, "name")).collect();
    let mut rows = Vec::new();
    let mut failures = Vec::new();
    if !options.list {
        header();
        for case in cases.iter().filter(|case| options.wants(text(case, "name"), &names)) {
            for (size, target) in sizes(case, options) {
                match workers.row(case, size, target, options) {
                    Ok(row) => {
                        print(&row, bandwidth);
                        rows.push(row);
                    }
                    Err(error) => {
                        println!("{:<20} {size:>10}  FAILED: {error:#}", text(case, "name"));
                        failures.push(text(case, "name").to_owned());
                    }
                }
            }
        }
    }
    drop(workers);
    let import = if !options.list && options.wants("import", &[&names[..], &["import"]].concat()) {
        Some(import::measure(workspace, 2 * options.rounds() + 1)?)
    } else {
        None
    };
    if rows.is_empty() && failures.is_empty() && import.is_none() && !options.list {
        bail!("no case has {} in its name; `--list` shows them", options.names.join(" or "));
    }
    let mut markdown = table(&rows, bandwidth).markdown();
    let mut results: Vec<Value> = rows.iter().map(|row| row_json(row, bandwidth)).collect();
    if let Some(import) = &import {
        println!("{import}");
        markdown.push_str(&format!("\n{import}\n"));
        results.push(import.to_json());
    }
    ensure!(failures.is_empty(), "failed: {}", failures.join(", "));
    let plot = options.over_sizes.then(|| plot::plot(&panels(&rows, bandwidth)));
    Ok(Report { suite: "kernels", rounds: options.rounds(), results, plot, markdown })
}

/// Sizes with their targets.
fn sizes(case: &Value, options: &Options) -> Vec<(u64, Option<f64>)> {
    let own: Vec<(u64, Option<f64>)> =
        list(case, "sizes").iter().filter_map(|size| Some((size["size"].as_u64()?, size["target"].as_f64()))).collect();
    let target = |size: u64| own.iter().find(|(known, _)| *known == size).and_then(|(_, target)| *target);
    match options.size {
        Some(size) => vec![(size, target(size))],
        None if options.over_sizes => {
            list(case, "curve").iter().filter_map(Value::as_u64).map(|size| (size, target(size))).collect()
        }
        None if options.quick => case["quick"].as_u64().map(|size| (size, target(size))).into_iter().collect(),
        None => own,
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// What is shown
// ---------------------------------------------------------------------------------------------------------------------

fn header() {
    println!(
        "case                       size     numpy ms    legate ms  numpy/legate (range)       target        GB/s of bandwidth  numpy/peer"
    );
}

fn rate(row: &Row) -> f64 {
    row.traffic * 1e-9 / Spread::of(row.legate.own.clone()).median
}

fn share(row: &Row, bandwidth: Option<&Bandwidth>) -> String {
    bandwidth.map_or_else(String::new, |bandwidth| bandwidth.share(row.traffic * 1e-9, rate(row)))
}

fn verdict(row: &Row) -> String {
    row.target.map_or_else(String::new, |target| {
        let is_met = row.legate.ratio().median >= target;
        format!("{target} {}", if is_met { "met" } else { "MISSED" })
    })
}

/// Ratios of the peers, and what legate has not computed itself.
fn remarks(row: &Row) -> String {
    let peer = |outcome: &Result<Timing, (&'static str, Trouble)>| match outcome {
        Ok(timing) => Some(format!("{} {}", timing.library, figure(timing.ratio().median))),
        Err((_, Trouble::Absent(_))) => None,
        Err((library, Trouble::Failed(_))) => Some(format!("{library} failed")),
    };
    let fallbacks = &row.legate.fallbacks;
    let left = (!fallbacks.is_empty()).then(|| format!("left to NumPy: {}", fallbacks.join(" ")));
    row.peers.iter().filter_map(peer).chain(left).collect::<Vec<_>>().join(", ")
}

fn print(row: &Row, bandwidth: Option<&Bandwidth>) {
    let (numpy, legate) = (Timing::ms(&row.legate.numpy).median, Timing::ms(&row.legate.own).median);
    println!(
        "{:<20} {:>10} {numpy:>12.5} {legate:>12.5}  {:<26} {:<10} {:>7.2} {:>12}  {}",
        row.case,
        row.size,
        row.legate.ratio(),
        verdict(row),
        rate(row),
        share(row, bandwidth),
        remarks(row),
    );
}

fn table(rows: &[Row], bandwidth: Option<&Bandwidth>) -> Table {
    let mut table = Table::new(&[
        "case",
        "size",
        "NumPy ms",
        "legate ms",
        "numpy/legate (range)",
        "target",
        "GB/s",
        "of bandwidth",
        "numpy/peer",
    ]);
    for row in rows {
        table.push([
            Cell::text(&row.case),
            Cell::text(&row.size.to_string()),
            Cell::figure(Timing::ms(&row.legate.numpy).median),
            Cell::figure(Timing::ms(&row.legate.own).median),
            Cell::text(&row.legate.ratio().to_string()),
            Cell::text(&verdict(row)),
            Cell::figure(rate(row)),
            Cell::text(&share(row, bandwidth)),
            Cell::text(&remarks(row)),
        ]);
    }
    table
}

fn row_json(row: &Row, bandwidth: Option<&Bandwidth>) -> Value {
    let peer = |outcome: &Result<Timing, (&'static str, Trouble)>| match outcome {
        Ok(timing) => timing.to_json(),
        Err((library, Trouble::Absent(reason))) => json!({"library": library, "absent": reason}),
        Err((library, Trouble::Failed(reason))) => json!({"library": library, "failed": reason}),
    };
    json!({
        "case": row.case,
        "size": row.size,
        "target": row.target,
        "traffic_bytes": row.traffic,
        "gbps": rate(row),
        "share_of_bandwidth": bandwidth.map(|bandwidth| rate(row) / bandwidth.all_threads),
        "legate": row.legate.to_json(),
        "peers": row.peers.iter().map(peer).collect::<Vec<_>>(),
    })
}

/// A panel for each case, a curve for each library.
fn panels(rows: &[Row], bandwidth: Option<&Bandwidth>) -> Vec<Panel> {
    let mut panels: Vec<Panel> = Vec::new();
    for row in rows {
        if panels.last().is_none_or(|panel| panel.name != row.case) {
            panels.push(Panel::new(&row.case));
        }
        let panel = panels.last_mut().expect("one was pushed");
        let size = row.size as f64;
        panel.add("numpy", Point::of(size, &row.legate.numpy));
        for timing in std::iter::once(&row.legate).chain(row.peers.iter().flatten()) {
            panel.add(timing.library, Point::of(size, &timing.own));
        }
        panel.limit.extend(bandwidth.map(|bandwidth| (size, bandwidth.all_threads * 1e9 / row.traffic)));
    }
    panels
}
