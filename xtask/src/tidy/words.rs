//! Rules about single words and about lengths.

use super::Finding;
use super::safety::has_word;
use super::source::{Source, Tree};

/// What core's decisions may not use, and what to use instead.
const NOT_DETERMINED: [(&str, &str); 6] = [
    ("HashMap", "its order differs between ranks: use BTreeMap, Vec or slotmap"),
    ("HashSet", "its order differs between ranks: use BTreeSet"),
    ("Instant", "the clock differs between ranks"),
    ("SystemTime", "the clock differs between ranks"),
    ("RandomState", "its seed differs between ranks"),
    ("thread_rng", "its seed differs between ranks"),
];

/// Parts of core that decide nothing that ranks must agree on.
const MAY_LOOK_AT_THE_CLOCK: [&str; 3] =
    ["legate-core/src/transport/", "legate-core/src/exec/", "legate-core/src/profile"];

/// Words in code that mark work left to do.
const UNFINISHED_CODE: [&str; 3] = ["todo", "unimplemented", "dbg"];
/// The same in comments. Split, so that this line is not found.
const UNFINISHED_COMMENTS: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

/// Beginnings of paths to somebody's own folders.
const PRIVATE: [&str; 4] =
    [concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Us", "ers/"), concat!("C:\\", "Users")];

const LONGEST_FILE: usize = 700;

/// Hash order, clocks and random numbers in core.
pub(super) fn control_determinism(tree: &Tree) -> Vec<Finding> {
    let core = tree.rust().filter(|source| source.path.starts_with("legate-core/src/"));
    let deciding = core.filter(|source| !MAY_LOOK_AT_THE_CLOCK.iter().any(|place| source.path.starts_with(place)));
    let findings = deciding.flat_map(|source| {
        source.production_lines().flat_map(move |(line, code)| {
            let words = NOT_DETERMINED.iter().filter(move |(word, _)| has_word(code, word));
            words.map(move |(word, instead)| Finding::at_line(&source.path, line, format!("{word}: {instead}")))
        })
    });
    findings.collect()
}

/// Macros and comments that say that something is missing.
pub(super) fn unfinished(tree: &Tree) -> Vec<Finding> {
    let in_code = tree.rust().flat_map(|source| {
        source.code_lines().filter_map(|(line, code)| {
            let word =
                UNFINISHED_CODE.iter().find(|word| code.contains(&format!("{word}!(")) && has_word(code, word))?;
            Some(Finding::at_line(&source.path, line, format!("{word}!")))
        })
    });
    let in_comments = programs(tree).flat_map(|source| {
        numbered(source).filter_map(|(line, text)| {
            let word = UNFINISHED_COMMENTS.iter().find(|word| has_word(text, word))?;
            Some(Finding::at_line(&source.path, line, *word))
        })
    });
    in_code.chain(in_comments).collect()
}

/// Paths below somebody's own folder.
pub(super) fn private_paths(tree: &Tree) -> Vec<Finding> {
    let findings = tree.sources.iter().flat_map(|source| {
        numbered(source).filter_map(|(line, text)| {
            let path = PRIVATE.iter().find(|path| text.contains(*path))?;
            Some(Finding::at_line(&source.path, line, *path))
        })
    });
    findings.collect()
}

/// Tests that are switched off without a word.
pub(super) fn skipped_tests(tree: &Tree) -> Vec<Finding> {
    let rust = tree.rust().flat_map(|source| {
        let bare = source.code_lines().filter(|(_, code)| code.trim() == "#[ignore]");
        bare.map(|(line, _)| Finding::at_line(&source.path, line, "#[ignore] without a reason"))
    });
    let python = tree.sources.iter().filter(|source| source.path.ends_with(".py")).flat_map(|source| {
        let marks = ["mark.skip", "mark.xfail"].map(|mark| format!("@pytest.{mark}"));
        let bare = numbered(source)
            .filter(move |(_, text)| marks.iter().any(|mark| text.contains(mark)) && !text.contains("reason"));
        bare.map(|(line, text)| Finding::at_line(&source.path, line, format!("`{}` without a reason", text.trim())))
    });
    rust.chain(python).collect()
}

/// Files too long to be read in one sitting.
pub(super) fn length(tree: &Tree) -> Vec<Finding> {
    let long = programs(tree).filter(|source| source.text.lines().count() > LONGEST_FILE);
    long.map(|source| {
        Finding::in_file(&source.path, format!("{} lines, more than {LONGEST_FILE}", source.text.lines().count()))
    })
    .collect()
}

fn programs(tree: &Tree) -> impl Iterator<Item = &Source> {
    tree.sources.iter().filter(|source| source.path.ends_with(".rs") || source.path.ends_with(".py"))
}

fn numbered(source: &Source) -> impl Iterator<Item = (usize, &str)> {
    source.text.lines().enumerate().map(|(index, line)| (index + 1, line))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(findings: Vec<Finding>) -> Vec<String> {
        findings.into_iter().map(|finding| finding.place).collect()
    }

    #[test]
    fn hash_maps_and_clocks_are_banned_in_core_alone() {
        let text = "use std::collections::HashMap;\nlet now = std::time::Instant::now();\n#[cfg(test)]\nmod tests { use std::collections::HashSet; }\n";
        let tree = Tree::of(&[
            ("legate-core/src/analysis/plan.rs", text),
            ("legate-core/src/exec/pool.rs", text),
            ("legate-py/src/lib.rs", text),
        ]);
        assert_eq!(
            places(control_determinism(&tree)),
            ["legate-core/src/analysis/plan.rs:1", "legate-core/src/analysis/plan.rs:2"]
        );
    }

    #[test]
    fn unfinished_work_is_found_in_code_and_comments() {
        let comment = format!("# {} later\n", UNFINISHED_COMMENTS[1]);
        let tree = Tree::of(&[("a/src/a.rs", "fn f() { todo!() }\n// todo is a word\n"), ("a/b.py", &comment)]);
        assert_eq!(places(unfinished(&tree)), ["a/src/a.rs:1", "a/b.py:1"]);
    }

    #[test]
    fn private_paths_skips_and_lengths_are_found() {
        let path = format!("see {}me/notes\n", PRIVATE[1]);
        let long = "x\n".repeat(LONGEST_FILE + 1);
        let python = "@pytest.mark.skip\n@pytest.mark.skip(reason=\"slow\")\n";
        let tree = Tree::of(&[
            ("a.md", &path),
            ("b.rs", &long),
            ("c.py", python),
            ("d.rs", "#[ignore]\n#[ignore = \"slow\"]\n"),
        ]);
        assert_eq!(places(private_paths(&tree)), ["a.md:1"]);
        assert_eq!(places(length(&tree)), ["b.rs"]);
        assert_eq!(places(skipped_tests(&tree)), ["d.rs:1", "c.py:1"]);
    }
}
