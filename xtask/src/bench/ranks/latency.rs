//! Two scalar products, one after the other, whose values Python reads, on two ranks; beside two bare allreduces of eight bytes, and beside what one rank computes.

use super::RANKS;
use crate::bench::options::Options;
use crate::bench::spread::Spread;
use crate::bench::table::{Cell, Table};
use crate::bench::worker::limit_threads;
use crate::mpi::FAMILIES;
use crate::process;
use crate::programs::clear_settings;
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::process::Command;

/// Times of one family's ranks, and of one process, in microseconds.
struct Way {
    name: &'static str,
    products: Spread,
    /// Nothing on one rank.
    bare: Option<Spread>,
    numpy: Spread,
}

pub(super) struct Latency(Vec<Way>);

/// Medians of each round's medians.
///
/// # Errors
/// If a run fails, or mpi4py is not there.
pub(super) fn measure(workspace: &Workspace, options: &Options) -> Result<Latency> {
    let names = ["one process, one thread"].into_iter().chain(FAMILIES.iter().map(|family| family.name));
    let mut found: Vec<(&'static str, Vec<Value>)> = names.map(|name| (name, Vec::new())).collect();
    for _ in 0..options.rounds() {
        found[0].1.push(run(workspace, None)?);
        for (family, (_, values)) in FAMILIES.iter().zip(&mut found[1..]) {
            values.push(run(workspace, Some(family.launcher(workspace, RANKS)))?);
        }
    }
    let way = |(name, values): (&'static str, Vec<Value>)| {
        let of =
            |key: &str| values.iter().map(|value| value[key].as_f64()).collect::<Option<Vec<f64>>>().map(Spread::of);
        let all = |key: &str| of(key).with_context(|| format!("no {key} of {name}"));
        Ok(Way { name, products: all("products_us")?, bare: of("bare_us"), numpy: all("numpy_us")? })
    };
    found.into_iter().map(way).collect::<Result<_>>().map(Latency)
}

fn run(workspace: &Workspace, launcher: Option<Command>) -> Result<Value> {
    let (legate, script) = (workspace.venv_command("legate"), workspace.path("legate-bench/ranks/latency.py"));
    let mut command = match launcher {
        Some(mut launcher) => {
            launcher.arg(legate);
            launcher
        }
        None => {
            let mut command = Command::new(legate);
            clear_settings(&mut command);
            command
        }
    };
    limit_threads(&mut command, Some(1));
    let text = process::capture(command.arg(script))?;
    serde_json::from_str(&text).with_context(|| format!("`{text}`"))
}

impl Latency {
    pub(super) fn table(&self) -> Table {
        let mut table = Table::new(&[
            "",
            "µs, two products on legate",
            "µs, two bare allreduces",
            "µs, two products of a rank's part on NumPy",
        ]);
        for way in &self.0 {
            table.push([
                Cell::text(way.name),
                Cell::text(&way.products.to_string()),
                Cell::text(&way.bare.map_or_else(String::new, |bare| bare.to_string())),
                Cell::text(&way.numpy.to_string()),
            ]);
        }
        table
    }

    pub(super) fn to_json(&self) -> Value {
        let way = |way: &Way| json!({"way": way.name, "products_us": way.products.to_json(), "bare_us": way.bare.map(Spread::to_json), "numpy_us": way.numpy.to_json()});
        self.0.iter().map(way).collect()
    }
}
