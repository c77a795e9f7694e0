//! `cargo xtask bench kernels`: the cases of `legate-bench/kernels/cases.py`, each library in a process of its own, in turn.

use super::bandwidth::Bandwidth;
use super::checksum::{Checksum, Compare};
use super::options::Options;
use super::plot::{self, Panel, Point};
use super::results::Report;
use super::spread::Spread;
use super::table::{Cell, Table};
use super::worker::{NUMPY_AVX512, Trouble, Worker};
use super::{import, peers};
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use std::time::Duration;

/// How long each library works in a round.
const SLOT_S: f64 = 0.3;
const QUICK_SLOT_S: f64 = 0.05;
/// Between two libraries: the threads of the last one stop waiting for more work.
const PAUSE: Duration = Duration::from_millis(20);
/// Share of the free memory that the workers may fill.
const MEMORY_SHARE: f64 = 0.5;
/// What a worker holds, by the traffic of a case: inputs, result and temporaries.
const HELD_BY_TRAFFIC: f64 = 1.5;

/// One case at one size.
struct Row {
    case: String,
    size: u64,
    target: Option<f64>,
    /// Bytes that a step must move.
    traffic: f64,
    legate: Timing,
    peers: Vec<Result<Timing, (&'static str, Trouble)>>,
}

/// A library's times beside NumPy's of the same rounds, in seconds per step.
struct Timing {
    library: &'static str,
    /// Functions that it has left to NumPy.
    fallbacks: Vec<String>,
    numpy: Vec<f64>,
    own: Vec<f64>,
}

impl Timing {
    /// NumPy's time by this library's: above 1 it is faster than NumPy.
    fn ratio(&self) -> Spread {
        Spread::of_ratios(&self.numpy, &self.own)
    }

    fn ms(times: &[f64]) -> Spread {
        Spread::of(times.iter().map(|seconds| 1e3 * seconds).collect())
    }

    fn to_json(&self) -> Value {
        json!({
            "library": self.library,
            "fallbacks": self.fallbacks,
            "ratio": self.ratio().to_json(),
            "ms": Timing::ms(&self.own).to_json(),
            "numpy_ms": Timing::ms(&self.numpy).to_json(),
            "rounds_s": self.own,
            "numpy_rounds_s": self.numpy,
        })
    }
}

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

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

// ---------------------------------------------------------------------------------------------------------------------
// Rounds
// ---------------------------------------------------------------------------------------------------------------------

/// The processes: NumPy first, then legate, then the peers.
struct Workers<'a> {
    workspace: &'a Workspace,
    threads: Option<u32>,
    all: Vec<Worker>,
}

impl<'a> Workers<'a> {
    fn start(workspace: &'a Workspace, options: &Options) -> Result<Workers<'a>> {
        let mut names = vec!["numpy"];
        if !options.list {
            names.push("legate");
            names.extend(options.peers(|name| peers::is_installed(workspace, name)));
            if !options.quick && cfg!(target_arch = "x86_64") {
                names.push(NUMPY_AVX512);
            }
        }
        let threads = options.threads;
        let all = names.into_iter().map(|name| Worker::start(workspace, name, threads)).collect::<Result<_>>()?;
        Ok(Workers { workspace, threads, all })
    }

    fn cases(&mut self) -> Result<Vec<Value>> {
        Ok(list(&self.ask(0, &json!({"do": "list"}))?, "cases").to_vec())
    }

    /// An answer that must come.
    fn ask(&mut self, worker: usize, request: &Value) -> Result<Value> {
        self.all[worker].ask(request).map_err(|trouble| anyhow::anyhow!("{}: {trouble:?}", self.all[worker].name))
    }

    fn row(&mut self, case: &Value, size: u64, target: Option<f64>, options: &Options) -> Result<Row> {
        self.revive()?;
        let name = text(case, "name");
        let traffic = self.ask(0, &json!({"do": "traffic", "case": name, "size": size}))?;
        let traffic = traffic["bytes"].as_f64().context("traffic is a number")?;
        let mut timings = Vec::new();
        for batch in self.batches(case, traffic) {
            timings.extend(self.batch(case, size, &batch, options)?);
        }
        let mut timings = timings.into_iter();
        let legate = timings.next().context("legate is in the first batch")?;
        let legate = legate.map_err(|(library, trouble)| anyhow::anyhow!("{library}: {trouble:?}"))?;
        Ok(Row { case: name.to_owned(), size, target, traffic, legate, peers: timings.collect() })
    }

    /// Starts again what a case has killed (by taking too much memory, for example).
    fn revive(&mut self) -> Result<()> {
        for worker in &mut self.all {
            if !worker.is_alive() {
                *worker = Worker::start(self.workspace, worker.name, self.threads)?;
            }
        }
        Ok(())
    }

    /// Who works side by side with NumPy: all, if memory allows, else some after the others.
    fn batches(&self, case: &Value, traffic: f64) -> Vec<Vec<usize>> {
        let is_blas = list(case, "marks").iter().any(|mark| mark == "blas");
        let wanted = (1..self.all.len()).filter(|index| is_blas || self.all[*index].name != NUMPY_AVX512);
        let room = (MEMORY_SHARE * available_bytes() / (HELD_BY_TRAFFIC * traffic)) as usize;
        let others: Vec<usize> = wanted.collect();
        others.chunks(room.saturating_sub(1).max(1)).map(<[usize]>::to_vec).collect()
    }

    /// One case on NumPy and some others. A library that fails is left out of the rounds; if NumPy fails there is nothing to compare.
    fn batch(
        &mut self,
        case: &Value,
        size: u64,
        others: &[usize],
        options: &Options,
    ) -> Result<Vec<Result<Timing, (&'static str, Trouble)>>> {
        let prepare = json!({"do": "prepare", "case": text(case, "name"), "size": size});
        let reference = Checksum::list(&self.ask(0, &prepare)?)?;
        let compare = Compare::of(case);
        let mut outcomes: Vec<Result<Timing, (&'static str, Trouble)>> = Vec::new();
        for &index in others {
            let worker = &mut self.all[index];
            let library = worker.name;
            let outcome = worker.ask(&prepare).and_then(|answer| {
                let own = Checksum::list(&answer).map_err(|error| Trouble::Failed(error.to_string()))?;
                compare.ensure_equal(&own, &reference).map_err(Trouble::Failed)?;
                let fallbacks = list(&answer, "fallbacks").iter().filter_map(|name| Some(name.as_str()?.to_owned()));
                Ok(Timing { library, fallbacks: fallbacks.collect(), numpy: Vec::new(), own: Vec::new() })
            });
            outcomes.push(outcome.map_err(|trouble| (library, trouble)));
        }
        let slot = if options.quick { QUICK_SLOT_S } else { SLOT_S };
        for round in 0..options.rounds() {
            self.round(round, others, &mut outcomes, slot)?;
        }
        self.all[0].release();
        others.iter().for_each(|index| self.all[*index].release());
        Ok(outcomes)
    }

    /// Each library once; who begins changes from round to round.
    fn round(
        &mut self,
        round: usize,
        others: &[usize],
        outcomes: &mut [Result<Timing, (&'static str, Trouble)>],
        slot: f64,
    ) -> Result<()> {
        let request = json!({"do": "time", "seconds": slot});
        let members = 1 + others.len();
        let mut numpy = None;
        let mut times: Vec<Option<f64>> = vec![None; others.len()];
        for turn in 0..members {
            std::thread::sleep(PAUSE);
            match (turn + round) % members {
                0 => numpy = self.ask(0, &request)?["step_s"].as_f64(),
                member => {
                    let place = member - 1;
                    if outcomes[place].is_ok() {
                        match self.all[others[place]].ask(&request) {
                            Ok(answer) => times[place] = answer["step_s"].as_f64(),
                            Err(trouble) => outcomes[place] = Err((self.all[others[place]].name, trouble)),
                        }
                    }
                }
            }
        }
        let numpy = numpy.context("NumPy's time is a number")?;
        for (outcome, time) in outcomes.iter_mut().zip(times) {
            if let (Ok(timing), Some(time)) = (outcome, time) {
                timing.numpy.push(numpy);
                timing.own.push(time);
            }
        }
        Ok(())
    }
}

/// Free memory, as Linux estimates it; little where it does not say.
fn available_bytes() -> f64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<f64>().ok());
    kib.map_or(4e9, |kib| 1024.0 * kib)
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
        Ok(timing) => Some(format!("{} {:.2}", timing.library, timing.ratio().median)),
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
