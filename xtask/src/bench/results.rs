//! The files that a run leaves in `bench-results/`.

use super::bandwidth::Bandwidth;
use crate::process;
use crate::workspace::Workspace;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::fs;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// What one suite has measured.
pub(super) struct Report {
    pub(super) suite: &'static str,
    pub(super) rounds: usize,
    pub(super) results: Vec<Value>,
    /// An SVG document.
    pub(super) plot: Option<String>,
    /// The table, for documents.
    pub(super) markdown: String,
}

/// Writes `TIME-COMMIT-SUITE.json`, `.md` and, if there is a plot, `.svg`; with `document` also the table into `docs/performance.md`.
///
/// # Errors
/// If a file cannot be written, or the document has no place for the table.
pub(super) fn write(
    workspace: &Workspace,
    report: &Report,
    bandwidth: Option<&Bandwidth>,
    document: bool,
) -> Result<()> {
    let folder = workspace.path("bench-results");
    fs::create_dir_all(&folder).with_context(|| format!("could not make {}", folder.display()))?;
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?.as_secs();
    let commit =
        process::capture(Command::new("git").current_dir(workspace.root()).args(["rev-parse", "--short", "HEAD"]))?;
    let commit = commit.trim();
    let machine = machine();
    let markdown = format!("{}\n\n{}", heading(report, &machine, bandwidth), report.markdown);
    let json = json!({
        "suite": report.suite,
        "time": seconds,
        "commit": commit,
        "machine": machine,
        "rounds": report.rounds,
        "stream_gbps": bandwidth.map(Bandwidth::to_json),
        "results": report.results,
    });
    let mut files = vec![("json", format!("{json:#}\n")), ("md", markdown.clone())];
    files.extend(report.plot.clone().map(|plot| ("svg", plot)));
    for (extension, text) in files {
        let path = folder.join(format!("{seconds}-{commit}-{}.{extension}", report.suite));
        fs::write(&path, text).with_context(|| format!("could not write {}", path.display()))?;
        println!("wrote {}", path.strip_prefix(workspace.root()).unwrap_or(&path).display());
    }
    if document {
        put_into_document(workspace, report.suite, &markdown)?;
        if report.suite == "analysis" {
            write_beside_document(workspace, report)?;
        }
    }
    Ok(())
}

/// The plot, as the document shows it.
fn write_beside_document(workspace: &Workspace, report: &Report) -> Result<()> {
    let path = workspace.path(format!("docs/{}.svg", report.suite));
    let plot = report.plot.as_deref().unwrap_or_default();
    fs::write(&path, plot).with_context(|| format!("could not write {}", path.display()))
}

/// What the figures below it are of.
fn heading(report: &Report, machine: &Value, bandwidth: Option<&Bandwidth>) -> String {
    let triad = bandwidth.map_or_else(String::new, |bandwidth| format!(" Triad: {bandwidth}."));
    let processor = machine["processor"].as_str().unwrap_or("unknown processor");
    // A rank that only thinks does the same each time: what disturbs it only lengthens it.
    let statistic = if report.suite == "analysis" { "the least" } else { "medians" };
    format!(
        "`cargo xtask bench {}` on {} cores ({processor}), {statistic} of {} rounds.{triad}",
        report.suite, machine["cores"], report.rounds
    )
}

/// Replaces what stands between the suite's marks in `docs/performance.md`.
fn put_into_document(workspace: &Workspace, suite: &str, table: &str) -> Result<()> {
    let path = workspace.path("docs/performance.md");
    let text = fs::read_to_string(&path).with_context(|| format!("could not read {}", path.display()))?;
    let text = replaced(&text, suite, table).context("docs/performance.md")?;
    fs::write(&path, text).with_context(|| format!("could not write {}", path.display()))?;
    println!("wrote the table of {suite} into docs/performance.md");
    Ok(())
}

fn replaced(document: &str, suite: &str, table: &str) -> Result<String> {
    let (begin, end) = (format!("<!-- begin {suite} -->\n"), format!("<!-- end {suite} -->"));
    let start = document.find(&begin).map(|at| at + begin.len()).with_context(|| format!("no mark {begin}"))?;
    let stop = document.find(&end).with_context(|| format!("no mark {end}"))?;
    ensure!(start <= stop, "the marks of {suite} are in the wrong order");
    Ok(format!("{}{table}{}", &document[..start], &document[stop..]))
}

/// The processor's own name, as the operating system tells it.
fn machine() -> Value {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':').map(|(_, name)| name.trim().to_owned()));
    json!({"processor": model, "cores": std::thread::available_parallelism().map_or(0, usize::from)})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_stands_between_its_marks() {
        let document = "before\n<!-- begin small -->\nold\n<!-- end small -->\nafter\n";
        let expected = "before\n<!-- begin small -->\nnew\n<!-- end small -->\nafter\n";
        assert_eq!(replaced(document, "small", "new\n").expect("marked"), expected);
        assert!(replaced(document, "kernels", "new\n").is_err());
    }
}
