//! A policy read from a file: numbers of the default policy, and rules for launches and fields by name and rank.
//!
//! ```toml
//! otherwise = "default"              # who answers what no rule does; "random:7", or a registered name
//!
//! [thresholds]                       # of the default policy: see Thresholds
//! inline_points = 0
//!
//! [tunables]                         # numbers that libraries ask for
//! fusion_window = 64
//!
//! [[launch]]                         # rules for launches: the first that fits answers
//! name = "matmul*"                   # a pattern of the body's name: * is any text, ? any character
//! map = "tile"
//! tile = ["even", 256, "all"]        # points, or "even" (one block per shard), or "all"; so this rule is for three dimensions
//! sharding = "cyclic"                # "block" if left out
//! start = 1                          # the shard of the first tile; only with "cyclic"
//!
//! [[launch]]
//! rank = 1
//! min_points = 100
//! max_points = 10000
//! map = "follow"
//! operand = "largest-read"           # or "largest-written", or an index
//!
//! [[launch]]
//! name = "print"
//! map = "single"                     # or "replicate"
//! shard = 0
//!
//! [[field]]                          # rules for fields that are first written in parts
//! rank = 2
//! map = "tile"                       # or "replicate"
//! tile = [128, "all"]
//! ```
//!
//! What a rule asks for and the launch does not allow (a tile across a dimension that must not be cut) is replaced by the nearest legal
//! answer, as any mapper's.

mod rule;
mod schema;

use crate::document::Document;
use crate::error::{self, Result};
use crate::{DefaultMapper, named};
use legate_core::mapping::{Ahead, FieldMapping, LaunchInfo, LaunchMapping, MachineView, Mapper};
use rule::{FieldRule, LaunchRule};
use schema::File;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// A policy read from a file; see the [format](self).
#[derive(Clone)]
pub struct TomlMapper {
    name: String,
    tunables: BTreeMap<String, i64>,
    launches: Vec<LaunchRule>,
    fields: Vec<FieldRule>,
    otherwise: Arc<dyn Mapper>,
}

impl TomlMapper {
    /// The policy in this file.
    ///
    /// # Errors
    /// [`crate::Error::Unreadable`]; [`crate::Error::Invalid`] names file, line, column and key of a mistake.
    pub fn from_file(path: impl AsRef<Path>) -> Result<TomlMapper> {
        let path = path.as_ref();
        TomlMapper::parse(&error::read(path)?, path)
    }

    /// The policy in this text; errors name `path` as its place.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`].
    pub fn parse(text: &str, path: &Path) -> Result<TomlMapper> {
        let document = Document::new(path, text);
        let file: File = document.parse()?;
        let otherwise = otherwise(&file, &document)?;
        Ok(TomlMapper { otherwise, ..TomlMapper::rules(&file, &document)? })
    }

    /// The file's rules and tunables before another mapper, instead of the one that the file names.
    #[must_use]
    pub fn before(self, otherwise: Arc<dyn Mapper>) -> TomlMapper {
        TomlMapper { otherwise, ..self }
    }

    fn rules(file: &File, document: &Document<'_>) -> Result<TomlMapper> {
        Ok(TomlMapper {
            name: document.path().display().to_string(),
            tunables: file.tunables.clone(),
            launches: file.launch.iter().map(|rule| rule.check(document)).collect::<Result<_>>()?,
            fields: file.field.iter().map(|rule| rule.check(document)).collect::<Result<_>>()?,
            otherwise: Arc::new(DefaultMapper::new()),
        })
    }
}

/// Who answers what the file's rules do not.
fn otherwise(file: &File, document: &Document<'_>) -> Result<Arc<dyn Mapper>> {
    let thresholds = file.thresholds.as_ref();
    if let Some(thresholds) = thresholds {
        schema::check_thresholds(thresholds, document)?;
    }
    let Some(name) = &file.otherwise else {
        let thresholds = thresholds.map(|thresholds| *thresholds.get_ref()).unwrap_or_default();
        return Ok(Arc::new(DefaultMapper::with(thresholds, BTreeMap::new())));
    };
    if let Some(thresholds) = thresholds.filter(|_| name.get_ref() != "default") {
        let message = format!("thresholds are the default policy's, and '{}' answers otherwise", name.get_ref());
        return Err(document.error(thresholds.span(), message));
    }
    if named::is_path(name.get_ref()) {
        return Err(document.error(name.span(), "a policy cannot fall back on another file's"));
    }
    match thresholds {
        Some(thresholds) => Ok(Arc::new(DefaultMapper::with(*thresholds.get_ref(), BTreeMap::new()))),
        None => named::by_name(name.get_ref()).map_err(|error| document.error(name.span(), error.to_string())),
    }
}

impl Mapper for TomlMapper {
    fn name(&self) -> &str {
        &self.name
    }

    fn inline(&self, points: u64, bytes: u64, machine: &MachineView) -> bool {
        self.otherwise.inline(points, bytes, machine)
    }

    fn catch_up(&self, ahead: &Ahead, machine: &MachineView) -> bool {
        self.otherwise.catch_up(ahead, machine)
    }

    fn launch(&self, launch: &LaunchInfo, machine: &MachineView) -> LaunchMapping {
        let answer = self.launches.iter().find_map(|rule| rule.answer(launch, machine));
        answer.unwrap_or_else(|| self.otherwise.launch(launch, machine))
    }

    fn field(&self, shape: &[i64], element_bytes: u32, machine: &MachineView) -> FieldMapping {
        let answer = self.fields.iter().find_map(|rule| rule.answer(shape, machine));
        answer.unwrap_or_else(|| self.otherwise.field(shape, element_bytes, machine))
    }

    fn chunks(&self, points: u64, cost_ns: f64, bytes: u64, machine: &MachineView) -> u32 {
        self.otherwise.chunks(points, cost_ns, bytes, machine)
    }

    fn tunable(&self, name: &str) -> Option<i64> {
        self.tunables.get(name).copied().or_else(|| self.otherwise.tunable(name))
    }
}

impl std::fmt::Debug for TomlMapper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let TomlMapper { name, tunables, launches, fields, otherwise } = self;
        let mut text = f.debug_struct("TomlMapper");
        text.field("name", name).field("tunables", tunables).field("launches", launches).field("fields", fields);
        text.field("otherwise", &otherwise.name()).finish()
    }
}

#[cfg(test)]
mod tests;
