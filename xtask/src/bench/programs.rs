//! `cargo xtask bench programs`: the programs on both modules, interleaved, against each other and against the memory bandwidth of the machine.
//!
//! Machines differ from minute to minute (shared hosts, clock rates), so that only times taken side by side are compared: in each round both modules
//! run, in alternating order, and the round gives one ratio. The table shows the median of the ratios and their range.

use super::bandwidth::Bandwidth;
use super::measure::{self, Measurement, Runs};
use super::options::Options;
use super::plot::{self, Panel, Point};
use super::results::Report;
use super::table::{Cell, Table};
use crate::programs::{PROGRAMS, Program};
use crate::workspace::Workspace;
use anyhow::{Result, bail};

/// Measures and prints a table as it grows.
///
/// # Errors
/// If a program fails or the modules' checksums differ by more than the program's tolerance.
pub(super) fn measure(workspace: &Workspace, options: &Options, bandwidth: Option<&Bandwidth>) -> Result<Report> {
    let programs = chosen(options);
    if options.list {
        programs.iter().for_each(|program| println!("{}", program.name));
    } else if programs.is_empty() {
        bail!("no program has {} in its name; `--list` shows them", options.names.join(" or "));
    } else {
        println!(
            "program                  size   numpy ms/it  legate ms/it   numpy/legate (range)        GB/s  of bandwidth"
        );
    }
    let mut measurements = Vec::new();
    for program in programs.iter().filter(|_| !options.list) {
        for size in sizes(program, options) {
            let measurement = measure::measure(workspace, program, size, options.rounds(), options.threads)?;
            print_row(&measurement, bandwidth);
            measurements.push(measurement);
        }
    }
    Ok(Report {
        suite: "programs",
        rounds: options.rounds(),
        results: measurements.iter().map(Measurement::to_json).collect(),
        plot: Some(plot::plot(&panels(&measurements, bandwidth))),
        markdown: table(&measurements, bandwidth).markdown(),
    })
}

fn chosen(options: &Options) -> Vec<&'static Program> {
    let names: Vec<&str> = PROGRAMS.iter().map(|program| program.name).collect();
    PROGRAMS.iter().filter(|program| options.wants(program.name, &names)).collect()
}

fn sizes(program: &Program, options: &Options) -> Vec<u64> {
    match options.size {
        Some(size) => vec![size],
        None if options.over_sizes => program.bench_sizes.to_vec(),
        None if options.quick => vec![program.bench_sizes[program.bench_sizes.len() / 2]],
        None => vec![program.bench_size],
    }
}

fn share(measurement: &Measurement, bandwidth: Option<&Bandwidth>) -> String {
    let rate = measurement.legate.gigabytes_per_second();
    let gigabytes = rate * measurement.legate.ms_per_iteration().median * 1e-3;
    bandwidth.map_or_else(String::new, |bandwidth| bandwidth.share(gigabytes, rate))
}

fn print_row(measurement: &Measurement, bandwidth: Option<&Bandwidth>) {
    let (numpy, legate) = (measurement.numpy.ms_per_iteration().median, measurement.legate.ms_per_iteration().median);
    println!(
        "{:<20} {:>8} {numpy:>13.4} {legate:>13.4}   {:<26} {:>7.2}  {:>12} {:>13.0} {:>6.0}",
        measurement.program,
        measurement.size,
        measurement.ratio(),
        measurement.legate.gigabytes_per_second(),
        share(measurement, bandwidth),
        measurement.numpy.megabytes(),
        measurement.legate.megabytes(),
    );
}

fn table(measurements: &[Measurement], bandwidth: Option<&Bandwidth>) -> Table {
    let mut table = Table::new(&[
        "program",
        "size",
        "NumPy ms / iteration",
        "legate ms / iteration",
        "numpy/legate (range)",
        "GB/s",
        "of bandwidth",
        "peak MB, NumPy",
        "peak MB, legate",
    ]);
    for measurement in measurements {
        table.push([
            Cell::text(measurement.program),
            Cell::text(&measurement.size.to_string()),
            Cell::figure(measurement.numpy.ms_per_iteration().median),
            Cell::figure(measurement.legate.ms_per_iteration().median),
            Cell::text(&measurement.ratio().to_string()),
            Cell::figure(measurement.legate.gigabytes_per_second()),
            Cell::text(&share(measurement, bandwidth)),
            Cell::figure(measurement.numpy.megabytes()),
            Cell::figure(measurement.legate.megabytes()),
        ]);
    }
    table
}

/// A panel for each program.
fn panels(measurements: &[Measurement], bandwidth: Option<&Bandwidth>) -> Vec<Panel> {
    let mut panels: Vec<Panel> = Vec::new();
    for measurement in measurements {
        if panels.last().is_none_or(|panel| panel.name != measurement.program) {
            panels.push(Panel::new(measurement.program));
        }
        let panel = panels.last_mut().expect("one was pushed");
        let size = measurement.size as f64;
        let seconds = |runs: &Runs| runs.ms_per_iteration().scaled(1e-3);
        panel.add("numpy", Point::at(size, seconds(&measurement.numpy)));
        panel.add("legate", Point::at(size, seconds(&measurement.legate)));
        let gigabytes = measurement.legate.gigabytes_per_second() * seconds(&measurement.legate).median;
        panel.limit.extend(bandwidth.map(|bandwidth| (size, bandwidth.all_threads / gigabytes)));
    }
    panels
}
