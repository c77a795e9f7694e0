//! The files of the project, and Rust text without its comments and literals.

use crate::process;
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Command;

/// What the rules look at.
pub(super) struct Tree {
    pub(super) sources: Vec<Source>,
    /// All tracked or new files, text or not, relative to the root.
    pub(super) paths: BTreeSet<String>,
    /// What `cargo metadata --no-deps` says.
    pub(super) metadata: Value,
}

/// A text file.
pub(super) struct Source {
    /// Relative to the root, with `/`.
    pub(super) path: String,
    pub(super) text: String,
    /// Of a Rust file: the text with comments, strings and characters made blank; lines and columns are those of the text.
    pub(super) code: String,
}

impl Tree {
    pub(super) fn read(workspace: &Workspace) -> Result<Tree> {
        let git = |words: &[&str]| process::capture(Command::new("git").current_dir(workspace.root()).args(words));
        let listed = git(&["ls-files", "--cached", "--others", "--exclude-standard"])?;
        let paths: BTreeSet<String> =
            listed.lines().filter(|path| workspace.path(path).is_file()).map(str::to_owned).collect();
        let mut sources = Vec::new();
        for path in &paths {
            let bytes = std::fs::read(workspace.path(path)).with_context(|| format!("could not read {path}"))?;
            if let Ok(text) = String::from_utf8(bytes) {
                sources.push(Source::new(path, text));
            }
        }
        let metadata = process::capture(Command::new("cargo").current_dir(workspace.root()).args([
            "metadata",
            "--no-deps",
            "--locked",
            "--offline",
            "--format-version=1",
        ]))?;
        Ok(Tree { sources, paths, metadata: serde_json::from_str(&metadata).context("output of cargo metadata")? })
    }

    pub(super) fn rust(&self) -> impl Iterator<Item = &Source> {
        self.sources.iter().filter(|source| source.path.ends_with(".rs"))
    }

    /// Of these texts, for tests of rules.
    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Tree {
        Tree {
            sources: files.iter().map(|(path, text)| Source::new(path, (*text).to_owned())).collect(),
            paths: files.iter().map(|(path, _)| (*path).to_owned()).collect(),
            metadata: Value::Null,
        }
    }
}

impl Source {
    fn new(path: &str, text: String) -> Source {
        let code = if path.ends_with(".rs") { blank_comments_and_literals(&text) } else { String::new() };
        Source { path: path.to_owned(), text, code }
    }

    /// Whether the whole file is test code.
    pub(super) fn is_test(&self) -> bool {
        ["/tests/", "/benches/", "/examples/"].iter().any(|folder| self.path.contains(folder))
            || self.path.ends_with("/tests.rs")
    }

    /// Lines of code with their numbers, without the test module at the end of the file.
    pub(super) fn production_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let end = if self.is_test() { 0 } else { self.start_of_tests() };
        self.code_lines().take(end)
    }

    /// All lines of code with their numbers.
    pub(super) fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    /// How many lines come before the test module.
    fn start_of_tests(&self) -> usize {
        let lines: Vec<&str> = self.code.lines().collect();
        let is_start = |pair: &[&str]| pair[0].trim() == "#[cfg(test)]" && pair[1].trim_start().starts_with("mod ");
        lines.windows(2).position(is_start).unwrap_or(lines.len())
    }
}

/// Replaces comments, strings and character literals by spaces.
fn blank_comments_and_literals(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut previous = ' ';
    while let Some(c) = rest.chars().next() {
        let is_word_end = previous.is_alphanumeric() || previous == '_';
        let length = token_to_blank(rest, is_word_end);
        if length == 0 {
            out.push(c);
            previous = c;
            rest = &rest[c.len_utf8()..];
        } else {
            let (token, after) = rest.split_at(length);
            out.extend(token.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            previous = ' ';
            rest = after;
        }
    }
    out
}

/// Bytes of the comment or literal that `text` starts with; 0 if it starts with code.
fn token_to_blank(text: &str, after_word: bool) -> usize {
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return block_comment(text);
    }
    if text.starts_with('"') {
        return quoted(text, '"');
    }
    if text.starts_with('\'') {
        return character(text);
    }
    if after_word {
        return 0; // an `r` or `b` inside a name starts no string
    }
    let prefix = text.len() - text.trim_start_matches(['b', 'c', 'r']).len();
    let after_prefix = &text[prefix..];
    if prefix == 0 || prefix > 2 {
        0
    } else if text[..prefix].contains('r') {
        raw_string(after_prefix).map_or(0, |length| prefix + length)
    } else if after_prefix.starts_with('"') {
        prefix + quoted(after_prefix, '"')
    } else {
        0
    }
}

fn block_comment(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + quote.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

/// A character literal, or 0 for a lifetime.
fn character(text: &str) -> usize {
    let mut characters = text.char_indices().skip(1);
    match (characters.next(), characters.next()) {
        (Some((_, '\\')), _) => quoted(text, '\''),
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 0,
    }
}

/// `#"…"#` after its `r`; `None` if this is no raw string.
fn raw_string(text: &str) -> Option<usize> {
    let hashes = text.len() - text.trim_start_matches('#').len();
    let body = text[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(body.find(&end).map_or(text.len(), |at| hashes + 1 + at + end.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_become_blank_and_code_stays() {
        let cases = [
            ("let a = 1; // unsafe\nb", "let a = 1;          \nb"),
            ("a /* x /* y */ z */ b", "a                   b"),
            (r#"f("a \" b", 'x', '\'', c)"#, "f(        ,    ,     , c)"),
            ("r#\"a \" b\"# + br\"c\" + b\"d\"", "           +       +     "),
            ("fn f<'a>(x: &'a str)", "fn f<'a>(x: &'a str)"),
            ("var\"x\"", "var   "),
            ("for b in r", "for b in r"),
        ];
        for (text, expected) in cases {
            assert_eq!(blank_comments_and_literals(text), expected, "{text}");
        }
    }

    #[test]
    fn production_code_ends_where_the_tests_begin() {
        let text = "fn a() {}\n#[cfg(test)]\nuse b;\n#[cfg(test)]\nmod tests {\n}\n";
        let tree = Tree::of(&[("core/src/a.rs", text), ("core/tests/a.rs", text)]);
        assert_eq!(tree.sources[0].production_lines().count(), 3);
        assert_eq!(tree.sources[1].production_lines().count(), 0);
    }
}
