//! Operation streams as text, and what the analysis makes of them as text. `UPDATE_EXPECT=1` rewrites what is expected.
//!
//! A file says in its first line what claim it pins, then `shards N`, then what to show (`dependences`, `groups`, `mapping`, `plan S` for
//! shard `S`), then operations, and after a line of dashes what is expected.

mod forms;
mod show;
mod tasks;

use std::path::{Path, PathBuf};

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ops");
    let entries = std::fs::read_dir(folder).expect("the folder of this file");
    let mut files: Vec<PathBuf> = entries.map(|e| e.expect("a readable folder").path()).collect();
    files.retain(|path| path.extension().is_some_and(|ext| ext == "ops"));
    files.sort();
    files
}

#[test]
fn streams_are_analysed_as_expected() {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut wrong = Vec::new();
    let files = files();
    assert!(files.len() >= 8, "the .ops files are found");
    for path in files {
        let text = std::fs::read_to_string(&path).expect("a readable file");
        let (input, expected) = text.split_once("----\n").unwrap_or((&text, ""));
        assert!(input.starts_with("// "), "{}: the first line says the claim", path.display());
        let found = show::analyse(input);
        if found != expected {
            if update {
                std::fs::write(&path, format!("{input}----\n{found}")).expect("a writable file");
            } else {
                wrong.push(format!("{}\nexpected:\n{expected}\nfound:\n{found}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
