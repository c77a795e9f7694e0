//! Worker processes: one library each, told line by line what to time (`legate-bench/kernels/worker.py` has the other end).

use super::peers;
use crate::process;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// NumPy with its matrix library told to use its AVX-512 kernels, which it may not choose by itself on new processors.
pub(super) const NUMPY_AVX512: &str = "numpy-avx512";

/// A process that has a library loaded.
pub(super) struct Worker {
    pub(super) name: &'static str,
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// Why there is no figure.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The library cannot say this case.
    Absent(String),
    /// It tried and failed.
    Failed(String),
}

impl Worker {
    /// Starts the library's process and waits until the library is loaded.
    ///
    /// # Errors
    /// If it does not start.
    pub(super) fn start(workspace: &Workspace, name: &'static str, threads: Option<u32>) -> Result<Worker> {
        let (library, python) = match name {
            "numpy" | "legate" => (name, workspace.venv_command("python")),
            NUMPY_AVX512 => ("numpy", workspace.venv_command("python")),
            _ => (name, peers::interpreter(workspace, name)),
        };
        let mut command = Command::new(python);
        command.current_dir(workspace.path("legate-bench/kernels")).args(["worker.py", library]);
        if name == NUMPY_AVX512 {
            command.env("OPENBLAS_CORETYPE", "SkylakeX");
        }
        limit_threads(&mut command, threads);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("could not start {}", process::display(&command)))?;
        let requests = child.stdin.take().context("the worker's input is a pipe")?;
        let answers = BufReader::new(child.stdout.take().context("the worker's output is a pipe")?);
        let mut worker = Worker { name, child, requests, answers };
        worker.answer().with_context(|| format!("the worker of {name} did not start"))?;
        Ok(worker)
    }

    /// Asks one thing.
    ///
    /// # Errors
    /// [`Trouble`] if the library has no answer, or its process has ended.
    pub(super) fn ask(&mut self, request: &Value) -> Result<Value, Trouble> {
        let answer = writeln!(self.requests, "{request}").map_err(Into::into).and_then(|()| self.answer());
        let answer = answer.map_err(|error| Trouble::Failed(format!("{error:#}")))?;
        match (answer["absent"].as_str(), answer["error"].as_str()) {
            (Some(reason), _) => Err(Trouble::Absent(reason.to_owned())),
            (None, Some(error)) => Err(Trouble::Failed(error.to_owned())),
            (None, None) => Ok(answer),
        }
    }

    /// Lets go of the arrays of the present case.
    pub(super) fn release(&mut self) {
        // A worker that has died holds nothing.
        let _ = self.ask(&json!({"do": "release"}));
    }

    /// Whether the process still runs.
    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    fn answer(&mut self) -> Result<Value> {
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            bail!("the process of {} has ended: {}", self.name, self.child.wait()?);
        }
        serde_json::from_str(&line).with_context(|| format!("answer of {}: {line}", self.name))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It has nothing to save; one that waits for a request would otherwise stay if we fail.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Holds all libraries to the same number of threads, by the variables that they read.
pub(super) fn limit_threads(command: &mut Command, threads: Option<u32>) {
    let Some(threads) = threads else { return };
    let variables = [
        "LEGATE_CPUS",
        "OPENBLAS_NUM_THREADS",
        "OMP_NUM_THREADS",
        "MKL_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "NUMBA_NUM_THREADS",
        "DASK_NUM_WORKERS",
    ];
    command.envs(variables.map(|variable| (variable, threads.to_string())));
    if threads == 1 {
        command.env("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1");
    }
}
