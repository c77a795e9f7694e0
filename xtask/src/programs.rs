//! The five programs of the talk: how to start one and how to read what it prints.

use crate::least::{self, Least};
use crate::process;
use crate::workspace::Workspace;
use crate::{hex_float, messages, report::Report};
use anyhow::{Context, Result, ensure};
use std::process::Command;

/// One program of `legate-bench/programs`.
pub(crate) struct Program {
    pub(crate) name: &'static str,
    /// Sizes of a benchmark over sizes: from inside the caches to far beyond them.
    pub(crate) bench_sizes: &'static [u64],
    /// The size of a benchmark at one size, beyond the last-level cache.
    pub(crate) bench_size: u64,
    /// Size and iterations of a test: some tiles for each of seven ranks, none of them even.
    test_size: u64,
    test_iterations: u64,
    /// The work of a step grows with this power of the size.
    pub(crate) dimensions: i32,
    /// The fewest bytes that all ranks together must send in a step.
    pub(crate) least_sent: Least,
    /// How far the checksum may be from NumPy's, relative to it: both round each step in their own order.
    pub(crate) tolerance: f64,
}

/// All of them, in the order of the talk.
pub(crate) const PROGRAMS: [Program; 5] = [
    Program {
        name: "jacobi",
        bench_sizes: &[100, 300, 1000, 3000, 8000],
        bench_size: 4000,
        test_size: 307,
        test_iterations: 20,
        dimensions: 2,
        least_sent: least::jacobi,
        tolerance: 1e-12,
    },
    Program {
        name: "black_scholes",
        bench_sizes: &[1000, 10_000, 100_000, 1_000_000, 10_000_000],
        bench_size: 4_000_000,
        test_size: 100_003,
        test_iterations: 3,
        dimensions: 1,
        least_sent: least::black_scholes,
        tolerance: 1e-12,
    },
    Program {
        name: "logistic_regression",
        bench_sizes: &[1000, 10_000, 100_000, 1_000_000],
        bench_size: 1_000_000,
        test_size: 20_011,
        test_iterations: 10,
        dimensions: 1,
        least_sent: least::logistic_regression,
        tolerance: 1e-10,
    },
    Program {
        name: "heat",
        bench_sizes: &[30, 100, 300, 1000, 4000],
        bench_size: 3000,
        test_size: 203,
        test_iterations: 20,
        dimensions: 2,
        least_sent: least::heat,
        tolerance: 1e-11,
    },
    Program {
        name: "pcg",
        bench_sizes: &[100, 300, 1000, 3000, 6000],
        bench_size: 4000,
        test_size: 257,
        test_iterations: 100,
        dimensions: 2,
        least_sent: least::pcg,
        tolerance: 1e-9,
    },
];

/// Numbers of simulated ranks on which everything is tested: one, two, and two that divide nothing evenly.
pub(crate) const SIM_RANKS: [u32; 4] = [1, 2, 3, 7];

/// Of these, those that divide nothing evenly.
const UNEVEN_RANKS: [u32; 2] = [3, 7];

/// Which implementation runs a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Module {
    NumPy,
    Legate,
}

impl Module {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Module::NumPy => "numpy",
            Module::Legate => "legate.numpy",
        }
    }
}

impl Program {
    /// The command that runs it. NumPy runs without our driver, so that nothing of ours can speed it up or slow it down.
    pub(crate) fn command(&self, workspace: &Workspace, module: Module) -> Command {
        let interpreter = match module {
            Module::NumPy => "python",
            Module::Legate => "legate",
        };
        let mut command = Command::new(workspace.venv_command(interpreter));
        command.arg(workspace.path("legate-bench/programs").join(format!("{}.py", self.name)));
        command.args(["--module", module.name()]);
        command
    }
}

impl Program {
    /// The command of a test, on the runtime. A program of the talk must not need the fall-back to NumPy.
    pub(crate) fn test_command(&self, workspace: &Workspace) -> Command {
        let mut command = self.command(workspace, Module::Legate);
        self.at_test_size(&mut command);
        command
    }

    fn at_test_size(&self, command: &mut Command) {
        command.args(["--size", &self.test_size.to_string(), "--iterations", &self.test_iterations.to_string()]);
        clear_settings(command);
        command.env("LEGATE_FALLBACK", "error");
    }
}

/// What a program printed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) seconds: f64,
    pub(crate) ms_per_iteration: f64,
    /// Rate of the traffic that any implementation needs.
    pub(crate) gigabytes_per_second: f64,
    /// The most memory that the process has held.
    pub(crate) megabytes: f64,
    /// As printed, so that equal bits are equal texts.
    pub(crate) checksum: String,
}

impl Outcome {
    /// Reads a program's output.
    ///
    /// # Errors
    /// If a line is missing or is not as `legate-bench/programs/harness.py` writes it.
    pub(crate) fn parse(output: &str) -> Result<Outcome> {
        let line = |key: &str| {
            let found = output.lines().find_map(|line| line.strip_prefix(key));
            found
                .map(|rest| rest.split_whitespace().collect::<Vec<_>>())
                .with_context(|| format!("no line `{key}` in\n{output}"))
        };
        let number = |words: &[&str], position: usize| {
            let word = words.get(position).with_context(|| format!("a number is missing in\n{output}"))?;
            word.parse::<f64>().with_context(|| format!("`{word}` is no number"))
        };
        let (time, traffic, memory) = (line("time ")?, line("traffic ")?, line("memory ")?);
        let last = output.lines().last().unwrap_or_default();
        let checksum =
            last.strip_prefix("checksum ").with_context(|| format!("the last line is `{last}`, not the checksum"))?;
        Ok(Outcome {
            seconds: number(&time, 0)?,
            ms_per_iteration: number(&time, 2)?,
            gigabytes_per_second: number(&traffic, 4)?,
            megabytes: number(&memory, 0)?,
            checksum: checksum.to_owned(),
        })
    }

    /// Whether the checksums are as near as the program's tolerance says.
    ///
    /// # Errors
    /// If they are not, or are not finite.
    pub(crate) fn ensure_near(&self, reference: &Outcome, tolerance: f64) -> Result<()> {
        let value = |text: &str| hex_float::parse(text).with_context(|| format!("`{text}` is no hexadecimal float"));
        let (ours, theirs) = (value(&self.checksum)?, value(&reference.checksum)?);
        let difference = (ours - theirs).abs() / theirs.abs();
        ensure!(
            difference <= tolerance || ours == theirs,
            "checksum {ours:e} is {difference:.1e} from NumPy's {theirs:e}, more than {tolerance:e}"
        );
        Ok(())
    }
}

/// Takes our settings out of a command's environment, so that a test does not depend on what the caller has set.
pub(crate) fn clear_settings(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LEGATE_") {
            command.env_remove(name);
        }
    }
}

/// Runs all programs at a small size: NumPy's result within the tolerance, the program's own check, and the same bits on each
/// number of simulated ranks and under settings that may change speed alone.
pub(crate) fn compare_all(workspace: &Workspace, filter: Option<&str>) -> Result<()> {
    let mut report = Report::default();
    for program in PROGRAMS.iter().filter(|program| filter.is_none_or(|word| program.name.contains(word))) {
        report.step(program.name, || compare(workspace, program));
    }
    report.finish()
}

/// Settings under which the bits of a result must be those of a run with none.
fn variants() -> Vec<(String, Vec<(&'static str, String)>)> {
    let simulated =
        SIM_RANKS.map(|ranks| (format!("{ranks} simulated ranks"), vec![("LEGATE_SIM_RANKS", ranks.to_string())]));
    let setting = |name: &'static str, value: &str| (format!("{name}={value}"), vec![(name, value.to_owned())]);
    let mut variants: Vec<_> = simulated.into();
    variants.extend([
        setting("LEGATE_EXECUTOR", "serial"),
        setting("LEGATE_FUSE", "0"),
        setting("LEGATE_INLINE", "0"),
        setting("LEGATE_CPUS", "1"),
    ]);
    let nasty = vec![("LEGATE_MAPPER", "random:7".to_owned()), ("LEGATE_SIM_RANKS", "3".to_owned())];
    variants.push(("random mapper on 3 simulated ranks".to_owned(), nasty));
    variants
}

fn compare(workspace: &Workspace, program: &Program) -> Result<()> {
    let run = |module: Module, settings: &[(&str, String)]| {
        let mut command = program.command(workspace, module);
        program.at_test_size(&mut command);
        command.envs(settings.iter().map(|(name, value)| (name, value)));
        Outcome::parse(&process::capture(&mut command)?)
    };
    let reference = run(Module::NumPy, &[])?;
    let ours = run(Module::Legate, &[])?;
    ours.ensure_near(&reference, program.tolerance)?;
    let variants = variants();
    for (what, settings) in &variants {
        let varied = run(Module::Legate, settings).with_context(|| what.clone())?;
        ensure!(
            varied.checksum == ours.checksum,
            "checksum {} with {what}, {} without",
            varied.checksum,
            ours.checksum
        );
    }
    for ranks in UNEVEN_RANKS {
        // A size whose rows are long enough to be leaves of folds: else ranks also exchange what lies between a leaf's end and their own.
        messages::ensure_near_the_least(workspace, program, program.bench_sizes[3], ranks)?;
    }
    println!(
        "numpy {}  legate {}  the same bits with {} other settings",
        reference.checksum,
        ours.checksum,
        variants.len()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "\
program jacobi module numpy size 4000 iterations 50 seed 42
setup 0.7723 s, warm-up 0.3327 s
time 0.190602 s, 3.8120 ms per iteration
traffic 0.128000 GB per iteration, 33.58 GB/s
memory 400.5 MB at most
check relative residual: 9.41e-16 (bound 1.13e-06) passed
checksum 0x1.8000000000000p+1
";

    #[test]
    fn reads_what_a_program_prints() {
        let outcome = Outcome::parse(OUTPUT).expect("complete");
        let expected = Outcome {
            seconds: 0.190602,
            ms_per_iteration: 3.812,
            gigabytes_per_second: 33.58,
            megabytes: 400.5,
            checksum: "0x1.8000000000000p+1".to_owned(),
        };
        assert_eq!(outcome, expected);
    }

    #[test]
    fn output_that_does_not_end_in_the_checksum_is_refused() {
        let error = Outcome::parse(&format!("{OUTPUT}Exception ignored")).expect_err("a line follows");
        assert!(error.to_string().contains("Exception ignored"), "{error}");
        assert!(Outcome::parse("checksum 0x0.0p+0").is_err());
    }

    #[test]
    fn nearness_is_relative_and_refuses_nan() {
        let with =
            |checksum: &str| Outcome { checksum: checksum.to_owned(), ..Outcome::parse(OUTPUT).expect("complete") };
        let reference = with("0x1.8000000000000p+1");
        assert!(with("0x1.8000000000001p+1").ensure_near(&reference, 1e-15).is_ok());
        assert!(with("0x1.8000000000100p+1").ensure_near(&reference, 1e-15).is_err());
        assert!(with("nan").ensure_near(&reference, 1.0).is_err());
        assert!(with("0x0.0p+0").ensure_near(&with("0x0.0p+0"), 0.0).is_ok());
    }
}
