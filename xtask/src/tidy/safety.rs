//! Where `unsafe` may stand, and what must stand beside it.

use super::Finding;
use super::source::{Source, Tree};

/// A file, or a folder and all below it, that may have unsafe code, and what for.
const ALLOWED: &[(&str, &str)] = &[
    ("legate-core/src/exec/", "memory of instances, and tasks that write disjoint parts of it at the same time"),
    ("legate-comm/src/lib.rs", "types of the C functions of a plug-in"),
    ("legate-core/src/transport/remote/plugin.rs", "a plug-in that is loaded at run time is a C library"),
    ("legate-core/src/transport/remote/tests.rs", "a network for tests writes into buffers as a library does"),
    ("legate-mpi/src/lib.rs", "MPI is a C library"),
    ("legate-kernels/src/", "element loops over raw strided memory, vector instructions chosen at run time"),
    ("legate-kernels/examples/", "measurements of kernels hand them raw operands"),
    ("legate-kernels/tests/", "tests of kernels hand them raw operands"),
    ("legate-core/tests/common/", "task bodies of tests write the elements they are given"),
    ("legate-mapper/src/machine/hwloc_library.rs", "hwloc, loaded at run time, is a C library"),
    ("legate-numpy/src/tasks/bridge.rs", "operands of a running task become operands of a kernel"),
    ("legate-py/src/capi.rs", "pieces of CPython's C interface that pyo3 lacks"),
    ("legate-py/src/vectorcall.rs", "CPython's protocol for calls without tuples"),
    ("legate-py/src/freelist.rs", "the memory of array objects is reused, through their type's slots"),
    ("legate-py/src/host.rs", "arrays over NumPy's memory, through its C interface"),
    ("legate-py/src/protocols.rs", "the buffer protocol is a C interface"),
    ("legate-py/src/provenance.rs", "the frames of the running program, through CPython's C interface"),
];

/// Crates whose roots forbid it, or deny it so that a listed module has to allow it.
const GUARDED_CRATES: [&str; 4] = ["legate-mapper", "legate-numpy", "legate-bench", "xtask"];

/// How far above an unsafe block its explanation may begin.
const EXPLANATION_LINES: usize = 8;

/// Unsafe code outside the list.
pub(super) fn placement(tree: &Tree) -> Vec<Finding> {
    let outside = tree.rust().filter(|source| !ALLOWED.iter().any(|(place, _)| source.path.starts_with(place)));
    outside
        .flat_map(|source| {
            uses(source)
                .map(|(line, _)| Finding::at_line(&source.path, line, "unsafe code in a file that is not listed"))
        })
        .collect()
}

/// Unsafe code with no explanation: blocks and implementations want `SAFETY:` above them, functions a `# Safety` section.
pub(super) fn explanation(tree: &Tree) -> Vec<Finding> {
    let unexplained = |source: &Source, line: usize, code: &str| {
        let is_function = code.contains("unsafe fn") || code.contains("unsafe extern");
        let is_type =
            is_function && (code.contains(": unsafe") || code.contains("= unsafe") || code.contains("(unsafe"));
        let mark = if is_function { "# Safety" } else { "SAFETY:" };
        !is_type && !has_above(source, line, mark)
    };
    let findings = tree.rust().flat_map(|source| {
        let found = uses(source).filter(move |(line, code)| unexplained(source, *line, code));
        found.map(|(line, code)| Finding::at_line(&source.path, line, format!("`{}` is not explained", code.trim())))
    });
    findings.collect()
}

/// Guarded crates whose roots do not say so.
pub(super) fn guards(tree: &Tree) -> Vec<Finding> {
    let is_root = |path: &str| {
        GUARDED_CRATES.iter().any(|name| path == format!("{name}/src/lib.rs") || path == format!("{name}/src/main.rs"))
    };
    let is_guarded = |source: &Source| {
        ["forbid", "deny"].iter().any(|level| source.code.contains(&format!("#![{level}(unsafe_code)]")))
    };
    let open = tree.rust().filter(|source| is_root(&source.path) && !is_guarded(source));
    open.map(|source| Finding::in_file(&source.path, "lacks #![forbid(unsafe_code)] or #![deny(unsafe_code)]"))
        .collect()
}

/// How much there is, for the summary: a growing number is a topic for review.
pub(super) fn census(tree: &Tree) -> String {
    let counts: Vec<usize> = tree.rust().map(|source| uses(source).count()).filter(|count| *count > 0).collect();
    format!("{} uses of unsafe in {} files", counts.iter().sum::<usize>(), counts.len())
}

/// Lines of code that say `unsafe`.
fn uses(source: &Source) -> impl Iterator<Item = (usize, &str)> {
    source
        .code_lines()
        .filter(|(_, line)| !line.trim_start().starts_with("#"))
        .filter(|(_, line)| has_word(line, "unsafe"))
}

/// Whether the word stands in the line, and not as part of a longer name.
pub(super) fn has_word(line: &str, word: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(is_name) && !after.is_some_and(is_name)
    })
}

/// Whether a mark stands in the comments that lead to the line: on it, or above it with nothing but comments, attributes and the
/// beginning of its statement between.
fn has_above(source: &Source, line: usize, mark: &str) -> bool {
    let lines: Vec<&str> = source.text.lines().collect();
    let first = line.saturating_sub(1 + EXPLANATION_LINES);
    let near = lines[first..line].iter().any(|text| text.contains(mark));
    // A longer explanation: an unbroken run of comment lines and attributes.
    let is_comment = |text: &&&str| text.trim_start().starts_with("//") || text.trim_start().starts_with("#[");
    near || lines[..line - 1].iter().rev().take_while(is_comment).any(|text| text.contains(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsafe_code_must_be_listed_and_explained() {
        let bare = "fn f() { unsafe { g() } }\n";
        let explained = "// SAFETY: g has no preconditions.\nunsafe { g() }\n/// Does.\n/// # Safety\n/// None.\npub unsafe fn g() {}\n";
        let tree = Tree::of(&[
            ("legate-kernels/src/a.rs", bare),
            ("legate-kernels/src/b.rs", explained),
            ("legate-numpy/src/a.rs", explained),
        ]);
        let places: Vec<String> = placement(&tree).into_iter().map(|finding| finding.place).collect();
        assert_eq!(places, ["legate-numpy/src/a.rs:2", "legate-numpy/src/a.rs:6"]);
        let places: Vec<String> = explanation(&tree).into_iter().map(|finding| finding.place).collect();
        assert_eq!(places, ["legate-kernels/src/a.rs:1"]);
        assert_eq!(census(&tree), "5 uses of unsafe in 3 files");
    }

    #[test]
    fn words_in_comments_strings_and_longer_names_do_not_count() {
        let text = "// unsafe\nlet s = \"unsafe\";\nlet unsafe_code = 1;\n#![forbid(unsafe_code)]\n";
        assert_eq!(placement(&Tree::of(&[("legate-numpy/src/a.rs", text)])), []);
    }

    #[test]
    fn a_guarded_crate_must_say_so() {
        let tree =
            Tree::of(&[("legate-mapper/src/lib.rs", "//! Mapper."), ("xtask/src/main.rs", "#![forbid(unsafe_code)]")]);
        let places: Vec<String> = guards(&tree).into_iter().map(|finding| finding.place).collect();
        assert_eq!(places, ["legate-mapper/src/lib.rs"]);
    }
}
