//! The settings of the runtime, from the environment (the `legate` command puts its options there).

use legate_core::mapping::Mapper;
use legate_core::runtime::ExecutorKind;
use legate_mapper::{DefaultMapper, Thresholds};
use legate_numpy::SessionConfig;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

/// What the environment says.
pub(crate) struct Settings {
    cpus: Option<u32>,
    sim_ranks: u32,
    sim_seed: u64,
    serial: bool,
    fuse: bool,
    inline: bool,
    mapper: String,
    log_mapping: bool,
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
            inline: switch("LEGATE_INLINE", true)?,
            mapper: text("LEGATE_MAPPER").unwrap_or_else(|| "default".to_owned()),
            log_mapping: switch("LEGATE_LOG_MAPPING", false)?,
        })
    }

    /// The session's configuration.
    pub(crate) fn config(&self) -> PyResult<SessionConfig> {
        Ok(SessionConfig {
            mapper: self.mapper()?,
            cores: self.cores(),
            memory_bytes: 16 << 30,
            cache_bytes: 32 << 20,
            sim_ranks: self.sim_ranks,
            sim_seed: self.sim_seed,
            executor: if self.serial { ExecutorKind::Serial } else { ExecutorKind::Parallel },
            fuse: self.fuse,
        })
    }

    fn cores(&self) -> u32 {
        self.cpus.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |n| n.get() as u32))
    }

    fn mapper(&self) -> PyResult<Arc<dyn Mapper>> {
        let mut thresholds = Thresholds::default();
        if !self.inline {
            thresholds.inline_points = 0;
        }
        match self.mapper.as_str() {
            "default" => Ok(Arc::new(DefaultMapper::with(thresholds, BTreeMap::new()))),
            other => Err(PyValueError::new_err(format!("LEGATE_MAPPER={other}: no such mapper"))),
        }
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

/// The machine and the settings, as `legate --show-config` prints them.
#[pyfunction]
pub(crate) fn config(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let settings = Settings::from_environment()?;
    let all = PyDict::new(py);
    all.set_item("cpus", settings.cores())?;
    all.set_item("simulated ranks", settings.sim_ranks)?;
    all.set_item("executor", if settings.serial { "serial" } else { "parallel" })?;
    all.set_item("fusion", if settings.fuse { "on" } else { "off" })?;
    all.set_item("mapper", &settings.mapper)?;
    all.set_item("log mapping", if settings.log_mapping { "on" } else { "off" })?;
    Ok(all)
}
