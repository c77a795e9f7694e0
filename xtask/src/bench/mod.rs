//! `cargo xtask bench`: the programs on both modules, interleaved, against each other and against the memory bandwidth of the machine.
//!
//! Machines differ from minute to minute (shared hosts, clock rates), so that only times taken side by side are compared: in each round both modules
//! run, in alternating order, and the round gives one ratio. The table shows the median of the ratios and their range.

mod measure;
mod plot;

use crate::package::{self, Extras};
use crate::process;
use crate::programs::{PROGRAMS, Program};
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail, ensure};
use measure::{Measurement, Spread};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::fs;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

const HELP: &str = "\
cargo xtask bench [PROGRAM...] [OPTIONS]

  --rounds N     pairs of runs for each figure (default 5)
  --size N       size of the problem, for the one program named
  --sizes        several sizes of each program, from inside the caches to far beyond them, and a plot over them
  --threads N    threads of both modules (default: all cores)

Writes bench-results/TIME-COMMIT.json and .svg.
";

/// Traffic per iteration, in GB, above which no cache of today's machines holds the arrays.
const BEYOND_CACHES: f64 = 0.05;

#[derive(Debug, PartialEq)]
struct Options {
    programs: Vec<String>,
    rounds: usize,
    size: Option<u64>,
    over_sizes: bool,
    threads: Option<u32>,
}

impl Options {
    /// `None` asks for help.
    fn parse(arguments: &[OsString]) -> Result<Option<Options>> {
        let mut options = Options { programs: Vec::new(), rounds: 5, size: None, over_sizes: false, threads: None };
        let mut words = arguments.iter().map(|word| word.to_string_lossy().into_owned());
        while let Some(word) = words.next() {
            let mut number = || -> Result<u64> {
                let text = words.next().with_context(|| format!("{word} wants a number"))?;
                text.parse().with_context(|| format!("{word} {text}"))
            };
            match word.as_str() {
                "--help" => return Ok(None),
                "--rounds" => options.rounds = usize::try_from(number()?)?.max(1),
                "--size" => options.size = Some(number()?),
                "--threads" => options.threads = Some(u32::try_from(number()?)?),
                "--sizes" => options.over_sizes = true,
                flag if flag.starts_with('-') => bail!("no option {flag}\n\n{HELP}"),
                _ => options.programs.push(word),
            }
        }
        ensure!(options.size.is_none() || options.programs.len() == 1, "--size wants exactly one program");
        Ok(Some(options))
    }

    fn programs(&self) -> Result<Vec<&'static Program>> {
        if self.programs.is_empty() {
            Ok(PROGRAMS.iter().collect())
        } else {
            self.programs.iter().map(|name| Program::named(name)).collect()
        }
    }

    fn sizes(&self, program: &Program) -> Vec<u64> {
        match self.size {
            Some(size) => vec![size],
            None if self.over_sizes => program.bench_sizes.to_vec(),
            None => vec![program.bench_size],
        }
    }
}

/// Measures, prints a table, writes the files.
///
/// # Errors
/// If a program fails or the modules' checksums differ by more than the program's tolerance.
pub(crate) fn bench(workspace: &Workspace, arguments: &[OsString]) -> Result<()> {
    let Some(options) = Options::parse(arguments)? else {
        println!("{HELP}");
        return Ok(());
    };
    package::ensure_installed(workspace, Extras::None)?;
    let bandwidth = Bandwidth::measure(workspace, options.threads)?;
    println!("memory bandwidth (triad, 24 bytes per element): {bandwidth}");
    println!(
        "\nprogram                  size   numpy ms/it  legate ms/it   numpy/legate (range)        GB/s  of bandwidth"
    );
    let mut measurements = Vec::new();
    for program in options.programs()? {
        for size in options.sizes(program) {
            let measurement = measure::measure(workspace, program, size, options.rounds, options.threads)?;
            print_row(&measurement, &bandwidth);
            measurements.push(measurement);
        }
    }
    write_results(workspace, &options, &bandwidth, &measurements)
}

fn print_row(measurement: &Measurement, bandwidth: &Bandwidth) {
    let Spread { median, low, high } = measurement.ratio();
    let (numpy, legate) = (measurement.numpy.ms_per_iteration().median, measurement.legate.ms_per_iteration().median);
    let rate = measurement.legate.gigabytes_per_second();
    // A problem that stays in the caches is not held up by the memory.
    let share = match rate * legate * 1e-3 {
        gigabytes if gigabytes < BEYOND_CACHES => "in cache".to_owned(),
        _ => format!("{:.0} %", 100.0 * rate / bandwidth.all_threads),
    };
    println!(
        "{:<20} {:>8} {numpy:>13.4} {legate:>13.4}   {:<26} {rate:>7.2}  {share:>12}",
        measurement.program,
        measurement.size,
        format!("{median:.2} ({low:.2} … {high:.2})"),
    );
}

/// What the machine's memory gives a loop that does nothing else, in GB/s.
struct Bandwidth {
    threads: u64,
    one_thread: f64,
    all_threads: f64,
}

impl Bandwidth {
    fn measure(workspace: &Workspace, threads: Option<u32>) -> Result<Bandwidth> {
        // Of the whole workspace, so that its libraries are built with the features that the extension module's have.
        let mut cargo = Command::new("cargo");
        cargo.current_dir(workspace.root()).args([
            "build",
            "--quiet",
            "--release",
            "--locked",
            "--workspace",
            "--bin",
            "legate-bench",
        ]);
        process::run(&mut cargo)?;
        let target = workspace.path(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()));
        let mut stream = Command::new(target.join("release/legate-bench"));
        stream.arg("stream");
        if let Some(threads) = threads {
            stream.args(["--threads", &threads.to_string()]);
        }
        let text = process::capture(&mut stream)?;
        let value: Value =
            serde_json::from_str(&text).with_context(|| format!("output of legate-bench stream: {text}"))?;
        let number = |name: &str| value[name].as_f64().with_context(|| format!("no {name} in {text}"));
        let threads = value["threads"].as_u64().with_context(|| format!("no threads in {text}"))?;
        Ok(Bandwidth { threads, one_thread: number("one_thread_gbps")?, all_threads: number("all_threads_gbps")? })
    }
}

impl std::fmt::Display for Bandwidth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.1} GB/s on 1 thread, {:.1} GB/s on {}", self.one_thread, self.all_threads, self.threads)
    }
}

fn write_results(
    workspace: &Workspace,
    options: &Options,
    bandwidth: &Bandwidth,
    measurements: &[Measurement],
) -> Result<()> {
    let folder = workspace.path("bench-results");
    fs::create_dir_all(&folder).with_context(|| format!("could not make {}", folder.display()))?;
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?.as_secs();
    let commit =
        process::capture(Command::new("git").current_dir(workspace.root()).args(["rev-parse", "--short", "HEAD"]))?;
    let stem = folder.join(format!("{seconds}-{}", commit.trim()));
    let results = json!({
        "time": seconds,
        "commit": commit.trim(),
        "machine": machine(),
        "threads": bandwidth.threads,
        "rounds": options.rounds,
        "stream_gbps": {"one_thread": bandwidth.one_thread, "all_threads": bandwidth.all_threads},
        "results": measurements.iter().map(Measurement::to_json).collect::<Vec<_>>(),
    });
    let files = [("json", format!("{results:#}\n")), ("svg", plot::plot(measurements, bandwidth.all_threads))];
    for (extension, text) in files {
        let path = stem.with_extension(extension);
        fs::write(&path, text).with_context(|| format!("could not write {}", path.display()))?;
        println!("wrote {}", path.strip_prefix(workspace.root()).unwrap_or(&path).display());
    }
    Ok(())
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

    fn parse(words: &[&str]) -> Result<Option<Options>> {
        Options::parse(&words.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn options_are_read_and_checked() {
        let options = parse(&["heat", "--size", "500", "--rounds", "3"]).expect("right").expect("no help");
        assert_eq!((options.size, options.rounds), (Some(500), 3));
        assert_eq!(options.sizes(Program::named("heat").expect("exists")), [500]);
        assert!(parse(&["--size", "500"]).is_err());
        assert!(parse(&["--rounds"]).is_err());
        assert!(parse(&["--fast"]).is_err());
        assert!(parse(&["nothing"]).expect("read").expect("no help").programs().is_err());
        assert_eq!(parse(&["--help"]).expect("right"), None);
    }
}
