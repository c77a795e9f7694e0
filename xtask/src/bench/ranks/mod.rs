//! `cargo xtask bench ranks`: several processes over a message-passing library: what they send against the least that they must, how their throughput grows, and how long
//! two sums take whose values Python reads.
//!
//! Cases are called `bytes:PROGRAM`, `weak:PROGRAM` and `latency`.

mod bytes;
mod latency;
mod weak;

use super::options::Options;
use super::results::Report;
use crate::mpi;
use crate::package::{self, Extras};
use crate::programs::PROGRAMS;
use crate::workspace::Workspace;
use anyhow::{Result, ensure};
use serde_json::json;

/// Real ranks are as many as the machines have cores that the project is measured on.
const RANKS: u32 = 2;

/// Builds what is needed, measures, prints the tables.
///
/// # Errors
/// If there is no message-passing library, a program fails, or ranks compute other bits than one process.
pub(super) fn measure(workspace: &Workspace, options: &Options) -> Result<Report> {
    let cases = chosen(options);
    ensure!(!cases.is_empty(), "no case has {} in its name; `--list` shows them", options.names.join(" or "));
    let mut report =
        Report { suite: "ranks", rounds: options.rounds(), results: Vec::new(), plot: None, markdown: String::new() };
    if options.list {
        println!("{}", cases.join("\n"));
        return Ok(report);
    }
    if options.build {
        mpi::ensure_plugins(workspace)?;
        package::ensure_installed(workspace, Extras::Test)?;
    }
    let is_chosen = |kind: &str, program: &str| cases.contains(&format!("{kind}:{program}"));
    let programs = |kind| PROGRAMS.iter().filter(move |program| is_chosen(kind, program.name));
    let mut sections = Vec::new();
    let rows = programs("bytes").map(|program| bytes::rows(workspace, program, options)).collect::<Result<Vec<_>>>()?;
    if !rows.is_empty() {
        let rows = rows.concat();
        sections.push(("Bytes", bytes::table(&rows)));
        report.results.extend(rows.iter().map(bytes::Row::to_json));
    }
    let rows = programs("weak").map(|program| weak::row(workspace, program, options)).collect::<Result<Vec<_>>>()?;
    if !rows.is_empty() {
        sections.push(("Weak scaling", weak::table(&rows)));
        report.results.extend(rows.iter().map(weak::Row::to_json));
    }
    if cases.iter().any(|case| case == "latency") {
        let latency = latency::measure(workspace, options)?;
        sections.push(("Latency", latency.table()));
        report.results.push(json!({"case": "latency", "ways": latency.to_json()}));
    }
    let section = |(title, table): (&str, super::table::Table)| format!("### {title}\n\n{}", table.markdown());
    report.markdown = sections.into_iter().map(section).collect::<Vec<_>>().join("\n");
    println!("{}", report.markdown);
    Ok(report)
}

fn chosen(options: &Options) -> Vec<String> {
    let kinds = ["bytes", "weak"];
    let of = |kind: &'static str| PROGRAMS.iter().map(move |program| format!("{kind}:{}", program.name));
    let all: Vec<String> = kinds.into_iter().flat_map(of).chain(["latency".to_owned()]).collect();
    let names: Vec<&str> = all.iter().map(String::as_str).collect();
    names.iter().filter(|name| options.wants(name, &names)).map(|name| (*name).to_owned()).collect()
}
