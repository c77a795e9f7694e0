//! A TOML file and the places in it, so that a mistake is told with file, line and key.

use crate::error::{Error, Result};
use serde::de::DeserializeOwned;
use std::ops::Range;
use std::path::Path;

/// The text of a file.
pub(crate) struct Document<'a> {
    path: &'a Path,
    text: &'a str,
}

impl<'a> Document<'a> {
    pub(crate) fn new(path: &'a Path, text: &'a str) -> Document<'a> {
        Document { path, text }
    }

    pub(crate) fn path(&self) -> &'a Path {
        self.path
    }

    /// The file's contents as a `T`.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub(crate) fn parse<T: DeserializeOwned>(&self) -> Result<T> {
        toml::from_str(self.text).map_err(|error| self.error(error.span().unwrap_or(0..0), error.message()))
    }

    /// A mistake in these bytes of the text.
    pub(crate) fn error(&self, span: Range<usize>, message: impl Into<String>) -> Error {
        let start = floor_char_boundary(self.text, span.start);
        let before = &self.text[..start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Error::Invalid {
            path: self.path.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            key: key_at(self.text, line_start),
            message: message.into(),
        }
    }
}

fn floor_char_boundary(text: &str, index: usize) -> usize {
    (0..=index.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

/// The key that is set on the line beginning at `line_start`, behind the name of the table it stands in; as far as lines tell (a value of several
/// lines is told by its table).
fn key_at(text: &str, line_start: usize) -> String {
    let line = text[line_start..].lines().next().unwrap_or_default();
    if let Some(table) = table_name(line) {
        return table.to_owned();
    }
    let table = text[..line_start].lines().rev().find_map(table_name).unwrap_or_default();
    let key = line.split_once('=').map(|(key, _)| key.trim()).filter(|key| is_key(key)).unwrap_or_default();
    let dot = if table.is_empty() || key.is_empty() { "" } else { "." };
    format!("{table}{dot}{key}")
}

/// The name in `[name]` or `[[name]]`.
fn table_name(line: &str) -> Option<&str> {
    let name = line.trim().strip_prefix('[')?.split(']').next()?.trim_start_matches('[').trim();
    is_key(name).then_some(name)
}

fn is_key(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str, what: &str) -> (usize, usize, String) {
        let at = text.find(what).unwrap();
        match Document::new(Path::new("f.toml"), text).error(at..at + 1, "wrong") {
            Error::Invalid { line, column, key, .. } => (line, column, key),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn places_are_told_with_line_column_and_key() {
        let text = "a = 1\n[[launch]]\n# ä\nname = 'ä' # here\n\n[x.y]\n  z = [\n 7,\n]\n";
        assert_eq!(place(text, "1"), (1, 5, "a".into()));
        assert_eq!(place(text, "'ä'"), (4, 8, "launch.name".into()));
        assert_eq!(place(text, "here"), (4, 14, "launch.name".into()));
        assert_eq!(place(text, "x.y"), (6, 2, "x.y".into()));
        assert_eq!(place(text, "z"), (7, 3, "x.y.z".into()));
        assert_eq!(place(text, "7"), (8, 2, "x.y".into()));
    }

    #[test]
    fn places_beyond_the_text_are_its_end() {
        let document = Document::new(Path::new("f.toml"), "a = 1");
        assert_eq!(document.error(99..100, "wrong").to_string(), "f.toml:1:6: in 'a': wrong");
    }

    #[test]
    fn syntax_errors_have_a_place() {
        let error = Document::new(Path::new("f.toml"), "a = 1\nb = = 2\n").parse::<toml::Table>().unwrap_err();
        assert!(error.to_string().starts_with("f.toml:2:"), "{error}");
    }
}
