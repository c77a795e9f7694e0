//! The README does what it says: its commands run, its programs run, and what it shows of their output is what they print.
//!
//! A block marked `console` holds commands (`$ ` in front) with their output; a block marked `python` is a program for the driver. Numbers with a
//! fraction differ from run to run and machine to machine, so that only the words around them are compared; a checksum is compared whole.

use crate::process;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::process::Command;

/// Commands that would run this test inside itself, or take as long as a test run.
const NOT_RUN: [&str; 3] = ["cargo xtask test", "cargo xtask ci", "cargo xtask bench"];

/// Runs what the README shows.
///
/// # Errors
/// If a command fails or prints something else than is written there.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let path = workspace.path("README.md");
    let text = fs::read_to_string(&path).with_context(|| format!("could not read {}", path.display()))?;
    let blocks = blocks(&text);
    let mut count = 0;
    for block in &blocks {
        match block.language {
            "console" => {
                for example in examples(&block.text) {
                    count += usize::from(run_example(workspace, &example)?);
                }
            }
            "python" => {
                run_program(workspace, &block.text).with_context(|| format!("README.md line {}", block.line))?;
                count += 1;
            }
            _ => {}
        }
    }
    ensure!(count > 0, "the README shows no command");
    println!("{count} commands and programs of the README run as shown");
    Ok(())
}

struct Block<'a> {
    language: &'a str,
    text: String,
    line: usize,
}

/// The fenced blocks of a Markdown text.
fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut open: Option<Block<'_>> = None;
    for (number, line) in text.lines().enumerate() {
        match (line.strip_prefix("```"), open.as_mut()) {
            (Some(language), None) => {
                open = Some(Block { language: language.trim(), text: String::new(), line: number + 1 })
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some(block)) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    blocks
}

#[derive(Debug, PartialEq)]
struct Example {
    command: String,
    output: Vec<String>,
}

/// The commands of a block, each with the lines below it.
fn examples(block: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    for line in block.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            examples.push(Example { command: command.to_owned(), output: Vec::new() });
        } else if let Some(example) = examples.last_mut() {
            example.output.push(line.to_owned());
        }
    }
    examples
}

/// Returns whether the command was one to run.
fn run_example(workspace: &Workspace, example: &Example) -> Result<bool> {
    if NOT_RUN.iter().any(|prefix| example.command.starts_with(prefix)) || example.command.starts_with("git clone") {
        return Ok(false);
    }
    println!("$ {}", example.command);
    let output = process::capture(Command::new("bash").args(["-c", &example.command]).current_dir(workspace.root()))?;
    let masked = |line: &str| mask(line.trim_end());
    let printed: Vec<String> = output.lines().map(masked).collect();
    let shown: Vec<String> = example.output.iter().map(|line| masked(line)).collect();
    if !shown.is_empty() && printed != shown {
        bail!("`{}` does not print what the README shows, but\n{output}", example.command);
    }
    Ok(true)
}

/// Replaces numbers with a fraction or an exponent by `#`, except on the line of the checksum.
fn mask(line: &str) -> String {
    if line.starts_with("checksum ") {
        return line.to_owned();
    }
    let is_measured = |word: &str| word.contains(['.', 'e']) && word.parse::<f64>().is_ok();
    let words = line.split(' ').map(|word| {
        let bare = word.trim_matches(|c: char| "(),:;".contains(c));
        if is_measured(bare) { word.replace(bare, "#") } else { word.to_owned() }
    });
    words.collect::<Vec<_>>().join(" ")
}

fn run_program(workspace: &Workspace, text: &str) -> Result<()> {
    let path = workspace.path("target").join("readme_example.py");
    fs::write(&path, text).with_context(|| format!("could not write {}", path.display()))?;
    process::run(Command::new(workspace.venv_command("legate")).arg(&path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_and_their_commands_are_found() {
        let text = "Intro\n```console\n$ echo 1\n1\n$ true\n```\nmore\n```python\nprint(1)\n```\n";
        let found = blocks(text);
        assert_eq!(
            found.iter().map(|block| (block.language, block.line)).collect::<Vec<_>>(),
            [("console", 2), ("python", 8)]
        );
        let expected = [
            Example { command: "echo 1".to_owned(), output: vec!["1".to_owned()] },
            Example { command: "true".to_owned(), output: vec![] },
        ];
        assert_eq!(examples(&found[0].text), expected);
    }

    #[test]
    fn only_measured_numbers_are_masked() {
        assert_eq!(mask("time 0.19 s, 3.8 ms per iteration"), "time # s, # ms per iteration");
        assert_eq!(mask("size 4000 (bound 1.5e-06) passed"), "size 4000 (bound #) passed");
        assert_eq!(mask("checksum 0x1.8p+1"), "checksum 0x1.8p+1");
    }
}
