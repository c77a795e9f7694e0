//! Files that the documents name in code marks exist.

use super::Finding;
use super::source::Tree;

/// Endings of names that are taken for files.
const ENDINGS: [&str; 8] = [".rs", ".py", ".md", ".toml", ".json", ".sh", ".ops", "/"];

/// Names of files and folders that documents may speak of though they are not in the repository.
const MADE_LATER: [&str; 5] = [".venv/", "target/", "bench-results/", "program.py", "my"];

/// Every path in backquotes in a Markdown file, against the files that there are.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let documents = tree.sources.iter().filter(|source| source.path.ends_with(".md"));
    let findings = documents.flat_map(|source| {
        let mut in_block = false;
        source.text.lines().enumerate().flat_map(move |(index, line)| {
            in_block ^= line.starts_with("```");
            let words = if in_block { Vec::new() } else { code_words(line) };
            let missing = words.into_iter().filter(|word| is_path(word) && !exists(tree, &source.path, word));
            missing
                .map(move |word| Finding::at_line(&source.path, index + 1, format!("`{word}` does not exist")))
                .collect::<Vec<_>>()
        })
    });
    findings.collect()
}

/// What stands in backquotes, word by word.
fn code_words(line: &str) -> Vec<&str> {
    line.split('`').skip(1).step_by(2).flat_map(str::split_whitespace).collect()
}

fn is_path(word: &str) -> bool {
    let is_plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c));
    let is_named = ENDINGS.iter().any(|ending| word.ends_with(ending)) && word.len() > 4;
    is_plain
        && is_named
        && !word.starts_with('/')
        && !word.starts_with('.')
        && !MADE_LATER.iter().any(|start| word.starts_with(start))
}

/// A path is given from the root, from the folder of the document, or as the end of a path (`plan.rs`, `exec/pool.rs`).
fn exists(tree: &Tree, document: &str, word: &str) -> bool {
    let folder = document.rsplit_once('/').map_or("", |(folder, _)| folder);
    let is_there = |path: &str| {
        if word.ends_with('/') {
            path.starts_with(word)
                || path.starts_with(&format!("{folder}/{word}"))
                || path.contains(&format!("/{word}"))
        } else {
            path == word || path == format!("{folder}/{word}") || path.ends_with(&format!("/{word}"))
        }
    };
    tree.paths.iter().any(|path| is_there(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_gone_are_found() {
        let text = "See `core/src/a.rs`, `a.rs`, `core/src/` and `core/src/gone.rs`; call `np.add` or `x / y`.\n```\n`other.rs`\n```\n";
        let tree = Tree::of(&[("README.md", text), ("core/src/a.rs", "")]);
        let found = check(&tree);
        assert_eq!(found, [Finding::at_line("README.md", 1, "`core/src/gone.rs` does not exist")]);
    }
}
