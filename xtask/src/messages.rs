//! What the ranks send each other in a step of a program, as their transport counts it (`legate-bench/ranks/messages.py`), against the least that they must.

use crate::process;
use crate::programs::{Program, clear_settings};
use crate::workspace::Workspace;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::Command;

/// Messages and bytes, per step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Count {
    pub(crate) messages: f64,
    pub(crate) bytes: f64,
}

/// What one rank sends, per step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sent {
    /// Values of arrays, partial results.
    pub(crate) values: Count,
    /// What the runtime says for itself.
    pub(crate) control: Count,
    /// What the message-passing library is given, heads included.
    pub(crate) link: Count,
}

/// What each rank sends, per step.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Messages(pub(crate) BTreeMap<u64, Sent>);

impl Messages {
    /// Reads what one or several processes have printed.
    ///
    /// # Errors
    /// If a line is not as `messages.py` writes it, or a rank sends to nobody.
    fn parse(output: &str, ranks: u32) -> Result<Messages> {
        let mut all: BTreeMap<u64, Sent> = BTreeMap::new();
        for line in output.lines() {
            // Where all ranks write, each line begins with its rank.
            let object = line.find('{').map_or(line, |start| &line[start..]);
            let value: Value = serde_json::from_str(object).with_context(|| format!("`{line}`"))?;
            for pair in value["pairs"].as_array().with_context(|| format!("no pairs in {line}"))? {
                let sender = pair["from"].as_u64().with_context(|| format!("no sender in {pair}"))?;
                let sent = all.entry(sender).or_default();
                for (name, count) in
                    [("values", &mut sent.values), ("control", &mut sent.control), ("link", &mut sent.link)]
                {
                    let number =
                        |place: usize| pair[name][place].as_f64().with_context(|| format!("no {name} in {pair}"));
                    count.messages += number(0)?;
                    count.bytes += number(1)?;
                }
            }
        }
        ensure!(all.len() == ranks as usize, "{} of {ranks} ranks have sent something", all.len());
        Ok(Messages(all))
    }

    /// Of simulated ranks of one process.
    ///
    /// # Errors
    /// If the program fails.
    pub(crate) fn simulated(workspace: &Workspace, program: &Program, size: u64, ranks: u32) -> Result<Messages> {
        let mut command = Messages::command(workspace, program, size);
        clear_settings(&mut command);
        command.env("LEGATE_SIM_RANKS", ranks.to_string());
        Messages::parse(&process::capture(&mut command)?, ranks)
    }

    /// Of processes that `launcher` starts.
    ///
    /// # Errors
    /// If the program fails.
    pub(crate) fn launched(
        workspace: &Workspace,
        program: &Program,
        size: u64,
        (ranks, mut launcher): (u32, Command),
    ) -> Result<Messages> {
        let command = Messages::command(workspace, program, size);
        launcher.arg(command.get_program()).args(command.get_args()).env("LEGATE_ALL_RANKS_OUTPUT", "1");
        Messages::parse(&process::capture(&mut launcher)?, ranks)
    }

    fn command(workspace: &Workspace, program: &Program, size: u64) -> Command {
        let mut command = Command::new(workspace.venv_command("legate"));
        command.arg(workspace.path("legate-bench/ranks/messages.py"));
        command.args([program.name, "--size", &size.to_string()]);
        command
    }

    /// Bytes of values, of all ranks.
    pub(crate) fn bytes(&self) -> f64 {
        self.0.values().map(|sent| sent.values.bytes).sum()
    }
}

/// Bytes for each rank that a step may send above the least and a quarter of it: partial sums come as nodes of a tree that is the same for any number of ranks, each with its place, in
/// several rounds.
const ROOM: f64 = 4096.0;

/// Whether a program sends what it must and little more, on simulated ranks.
///
/// # Errors
/// If it sends less (then the formula, or the count, is wrong) or more.
pub(crate) fn ensure_near_the_least(workspace: &Workspace, program: &Program, size: u64, ranks: u32) -> Result<()> {
    let sent = Messages::simulated(workspace, program, size, ranks)?.bytes();
    let least = (program.least_sent)(size as f64, f64::from(ranks));
    let most = 1.25 * least + ROOM * f64::from(ranks);
    ensure!(
        (least..=most).contains(&sent),
        "{} of size {size}: {ranks} ranks send {sent} bytes a step, not {least} to {most}",
        program.name
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ranks_print_is_added_up_by_sender() {
        let count = r#""control": [1, 21], "link": [2.5, 60]"#;
        let pair = |from: u64, to: u64, bytes: u64| {
            format!(r#"{{"from": {from}, "to": {to}, "values": [1, {bytes}], {count}}}"#)
        };
        let output = format!(
            "[1] {{\"pairs\": [{}, {}]}}\n[0] {{\"pairs\": [{}]}}\n",
            pair(1, 0, 8),
            pair(1, 2, 24),
            pair(0, 1, 16)
        );
        let messages = Messages::parse(&output, 2).expect("complete");
        let count = |messages, bytes| Count { messages, bytes };
        let one = Sent { values: count(2.0, 32.0), control: count(2.0, 42.0), link: count(5.0, 120.0) };
        assert_eq!((messages.0[&1], messages.bytes()), (one, 48.0));
        assert!(Messages::parse(&output, 3).is_err(), "a rank is missing");
        assert!(Messages::parse("{}", 2).is_err());
    }
}
