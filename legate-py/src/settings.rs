//! The settings of the runtime, from the environment (the `legate` command puts its options there).

use crate::ranks::{ranks, share};
use legate_core::mapping::Mapper;
use legate_core::runtime::{ExecutorKind, Replay};
use legate_mapper::{DeferringMapper, LoggingMapper, Machine};
use legate_numpy::SessionConfig;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::str::FromStr;
use std::sync::Arc;

/// What the environment says.
pub(crate) struct Settings {
    cpus: Option<u32>,
    sim_ranks: u32,
    sim_seed: u64,
    serial: bool,
    fuse: bool,
    replay: bool,
    inline: bool,
    mapper: String,
    log_mapping: bool,
    machine: Option<String>,
    profile: Option<String>,
}

impl Settings {
    /// Reads `LEGATE_*`.
    ///
    /// # Errors
    /// `ValueError` naming the variable whose value makes no sense.
    pub(crate) fn from_environment() -> PyResult<Settings> {
        Ok(Settings {
            cpus: number("LEGATE_CPUS", 0).map(|n: u32| (n > 0).then_some(n))?,
            sim_ranks: number("LEGATE_SIM_RANKS", 0)?,
            sim_seed: number("LEGATE_SIM_SEED", 0)?,
            serial: choice("LEGATE_EXECUTOR", &["parallel", "serial"])? == "serial",
            fuse: switch("LEGATE_FUSE", true)?,
            replay: switch("LEGATE_REPLAY", true)?,
            inline: switch("LEGATE_INLINE", true)?,
            mapper: text("LEGATE_MAPPER").unwrap_or_else(|| "default".to_owned()),
            log_mapping: switch("LEGATE_LOG_MAPPING", false)?,
            machine: text("LEGATE_MACHINE"),
            profile: text("LEGATE_PROFILE"),
        })
    }

    /// The session's configuration.
    ///
    /// # Errors
    /// `ValueError` for a mapper or a machine file that does not exist or makes no sense.
    pub(crate) fn config(&self) -> PyResult<SessionConfig> {
        let machine = self.machine()?;
        let (cores, memory_bytes, cache_bytes) = share(machine.cores(), machine.memory_bytes(), machine.cache_bytes())?;
        Ok(SessionConfig {
            mapper: self.mapper()?,
            cores: self.cpus.unwrap_or(cores),
            memory_bytes,
            cache_bytes,
            ranks: ranks(self.sim_ranks, self.sim_seed),
            executor: if self.serial { ExecutorKind::Serial } else { ExecutorKind::Parallel },
            fuse: self.fuse,
            replay: if self.replay { Replay::On } else { Replay::Off },
        })
    }

    /// Whether a trace is to be written at the end.
    pub(crate) fn wants_profile(&self) -> bool {
        self.profile.is_some()
    }

    fn machine(&self) -> PyResult<Machine> {
        match &self.machine {
            Some(path) => Machine::from_file(path).map_err(|e| PyValueError::new_err(format!("LEGATE_MACHINE: {e}"))),
            None => Ok(Machine::detect()),
        }
    }

    fn mapper(&self) -> PyResult<Arc<dyn Mapper>> {
        let name = if self.mapper == "random" { "random:0" } else { &self.mapper };
        let mut mapper =
            legate_mapper::by_name(name).map_err(|e| PyValueError::new_err(format!("LEGATE_MAPPER: {e}")))?;
        if !self.inline {
            mapper = Arc::new(DeferringMapper::new(mapper));
        }
        if self.log_mapping {
            mapper = Arc::new(LoggingMapper::new(mapper, std::io::stderr()));
        }
        Ok(mapper)
    }
}

fn text(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn number<T: FromStr>(name: &str, default: T) -> PyResult<T> {
    match text(name) {
        Some(value) => value
            .parse()
            .map_err(|_| PyValueError::new_err(format!("{name}={value}: not a number that makes sense here"))),
        None => Ok(default),
    }
}

fn choice(name: &str, choices: &[&'static str]) -> PyResult<&'static str> {
    let Some(value) = text(name) else { return Ok(choices[0]) };
    choices
        .iter()
        .find(|c| **c == value)
        .copied()
        .ok_or_else(|| PyValueError::new_err(format!("{name}={value}: must be one of {}", choices.join(", "))))
}

fn switch(name: &str, default: bool) -> PyResult<bool> {
    match text(name).as_deref() {
        None => Ok(default),
        Some("1") => Ok(true),
        Some("0") => Ok(false),
        Some(value) => Err(PyValueError::new_err(format!("{name}={value}: must be 0 or 1"))),
    }
}

/// The machine and the settings in force, as `legate --show-config` prints them.
#[pyfunction]
pub(crate) fn config(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let settings = Settings::from_environment()?;
    let machine = settings.machine()?;
    settings.mapper()?;
    let on_off = |on: bool| if on { "on" } else { "off" };
    let all = PyDict::new(py);
    for line in machine.to_string().lines() {
        let (name, value) = line.split_once("  ").unwrap_or((line, ""));
        all.set_item(name, value.trim())?;
    }
    all.set_item("cpus", settings.cpus.unwrap_or(machine.cores()))?;
    all.set_item("simulated ranks", settings.sim_ranks)?;
    all.set_item("executor", if settings.serial { "serial" } else { "parallel" })?;
    all.set_item("fusion", on_off(settings.fuse))?;
    all.set_item("replay", on_off(settings.replay))?;
    all.set_item("inline", on_off(settings.inline))?;
    all.set_item("mapper", &settings.mapper)?;
    all.set_item("log mapping", on_off(settings.log_mapping))?;
    all.set_item("profile", settings.profile.as_deref().unwrap_or("off"))?;
    Ok(all)
}
