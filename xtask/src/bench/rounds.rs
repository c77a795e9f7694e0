//! Rounds of one case: each library in a process of its own works in turn, so that all meet the same minute of the machine.

use super::checksum::{Checksum, Compare};
use super::options::Options;
use super::peers;
use super::spread::Spread;
use super::worker::{NUMPY_AVX512, Trouble, Worker};
use crate::workspace::Workspace;
use anyhow::{Context, Result};
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
pub(super) struct Row {
    pub(super) case: String,
    pub(super) size: u64,
    pub(super) target: Option<f64>,
    /// Bytes that a step must move.
    pub(super) traffic: f64,
    pub(super) legate: Timing,
    pub(super) peers: Vec<Result<Timing, (&'static str, Trouble)>>,
}

/// A library's times beside NumPy's of the same rounds, in seconds per step.
pub(super) struct Timing {
    pub(super) library: &'static str,
    /// Functions that it has left to NumPy.
    pub(super) fallbacks: Vec<String>,
    pub(super) numpy: Vec<f64>,
    pub(super) own: Vec<f64>,
}

impl Timing {
    /// NumPy's time by this library's: above 1 it is faster than NumPy.
    pub(super) fn ratio(&self) -> Spread {
        Spread::of_ratios(&self.numpy, &self.own)
    }

    pub(super) fn ms(times: &[f64]) -> Spread {
        Spread::of(times.iter().map(|seconds| 1e3 * seconds).collect())
    }

    pub(super) fn to_json(&self) -> Value {
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

/// The processes: NumPy first, then legate, then the peers.
pub(super) struct Workers<'a> {
    workspace: &'a Workspace,
    threads: Option<u32>,
    all: Vec<Worker>,
}

impl<'a> Workers<'a> {
    pub(super) fn start(workspace: &'a Workspace, options: &Options) -> Result<Workers<'a>> {
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

    pub(super) fn cases(&mut self) -> Result<Vec<Value>> {
        Ok(list(&self.ask(0, &json!({"do": "list"}))?, "cases").to_vec())
    }

    /// An answer that must come.
    fn ask(&mut self, worker: usize, request: &Value) -> Result<Value> {
        self.all[worker].ask(request).map_err(|trouble| anyhow::anyhow!("{}: {trouble:?}", self.all[worker].name))
    }

    pub(super) fn row(&mut self, case: &Value, size: u64, target: Option<f64>, options: &Options) -> Result<Row> {
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

pub(super) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

pub(super) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}
