//! What a step of each program sends, on real and on simulated ranks, against the least.

use super::RANKS;
use crate::bench::options::Options;
use crate::bench::table::{Cell, Table};
use crate::messages::{Messages, Sent};
use crate::mpi::FAMILIES;
use crate::programs::Program;
use crate::workspace::Workspace;
use anyhow::Result;
use serde_json::{Value, json};

/// Numbers of simulated ranks.
const SIMULATED: [u32; 2] = [4, 8];

/// One program on so many ranks.
#[derive(Clone, Debug)]
pub(super) struct Row {
    program: &'static str,
    size: u64,
    ranks: u32,
    simulated: bool,
    least: f64,
    messages: Messages,
}

impl Row {
    /// Of values, for each rank.
    fn per_rank(&self) -> f64 {
        self.messages.bytes() / f64::from(self.ranks)
    }

    fn ratio(&self) -> f64 {
        self.messages.bytes() / self.least
    }

    /// The rank that sends most.
    fn busiest(&self) -> Sent {
        let all = self.messages.0.values().copied();
        all.max_by(|a, b| a.values.bytes.total_cmp(&b.values.bytes)).unwrap_or_default()
    }

    pub(super) fn to_json(&self) -> Value {
        let busiest = self.busiest();
        json!({
            "case": format!("bytes:{}", self.program), "size": self.size, "ranks": self.ranks, "simulated": self.simulated,
            "least_per_rank": self.least / f64::from(self.ranks), "bytes_per_rank": self.per_rank(), "ratio": self.ratio(),
            "busiest_bytes": busiest.values.bytes, "busiest_messages": busiest.values.messages,
            "busiest_control_bytes": busiest.control.bytes, "busiest_link_bytes": busiest.link.bytes,
        })
    }
}

/// On real ranks, then on simulated ones.
///
/// # Errors
/// If the program fails.
pub(super) fn rows(workspace: &Workspace, program: &Program, options: &Options) -> Result<Vec<Row>> {
    let size = options.size.unwrap_or(program.bench_size);
    let row = |ranks: u32, simulated: bool, messages: Messages| {
        let least = (program.least_sent)(size as f64, f64::from(ranks));
        Row { program: program.name, size, ranks, simulated, least, messages }
    };
    // What is sent is the plan's, whatever carries it.
    let launcher = FAMILIES[0].launcher(workspace, RANKS);
    let mut rows = vec![row(RANKS, false, Messages::launched(workspace, program, size, (RANKS, launcher))?)];
    for ranks in SIMULATED {
        rows.push(row(ranks, true, Messages::simulated(workspace, program, size, ranks)?));
    }
    Ok(rows)
}

pub(super) fn table(rows: &[Row]) -> Table {
    let mut table = Table::new(&[
        "program",
        "size",
        "ranks",
        "least bytes / rank / step",
        "sent",
        "ratio",
        "busiest rank: bytes",
        "messages",
        "bytes given to the library",
    ]);
    for row in rows {
        let busiest = row.busiest();
        let ranks = format!("{}{}", row.ranks, if row.simulated { " (simulated)" } else { "" });
        table.push([
            Cell::text(row.program),
            Cell::text(&row.size.to_string()),
            Cell::text(&ranks),
            Cell::text(&format!("{:.0}", row.least / f64::from(row.ranks))),
            Cell::text(&format!("{:.0}", row.per_rank())),
            Cell::text(&format!("{:.2}", row.ratio())),
            Cell::text(&format!("{:.0}", busiest.values.bytes)),
            Cell::text(&format!("{:.1}", busiest.values.messages)),
            Cell::text(&if row.simulated { String::new() } else { format!("{:.0}", busiest.link.bytes) }),
        ]);
    }
    table
}
