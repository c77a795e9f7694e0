//! What can be wrong with a file or a name that the user gave.

use std::path::{Path, PathBuf};

/// A machine or policy that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file says something that makes no sense.
    #[error("{}:{line}:{column}: {}{message}", path.display(), in_key(key))]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// Counted from 1, in characters.
        column: usize,
        /// The nearest key, with its table: `launch.tile`; empty if there is none.
        key: String,
        /// What is wrong.
        message: String,
    },
    /// No mapper has this name.
    #[error("no mapper is called '{name}'; there are {} and the paths of policy files (*.toml)", known.join(", "))]
    UnknownMapper {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// A mapper does not understand the text behind the colon of its name.
    #[error("mapper '{mapper}' does not understand '{argument}': {message}")]
    Argument {
        /// Its name.
        mapper: String,
        /// The text.
        argument: String,
        /// What it expects.
        message: String,
    },
    /// A mapper is registered under a name that is taken or cannot be asked for.
    #[error("a mapper cannot be registered as '{name}': {message}")]
    Name {
        /// The name.
        name: String,
        /// Why not.
        message: String,
    },
}

/// This crate's result type.
pub type Result<T, E = Error> = std::result::Result<T, E>;

fn in_key(key: &str) -> String {
    if key.is_empty() { String::new() } else { format!("in '{key}': ") }
}

/// Reads a file whole.
pub(crate) fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|source| Error::Unreadable { path: path.to_owned(), source })
}
