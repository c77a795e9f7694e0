//! Which crate may depend on which: the drawing in ARCHITECTURE.md, as a table.

use super::Finding;
use super::source::Tree;
use serde_json::Value;

/// A crate and the crates of this workspace that it may depend on.
const ALLOWED: [(&str, &[&str]); 9] = [
    ("legate-comm", &[]),
    ("legate-core", &["legate-comm"]),
    ("legate-mpi", &["legate-comm"]),
    ("legate-kernels", &[]),
    ("legate-mapper", &["legate-core"]),
    ("legate-numpy", &["legate-core", "legate-kernels", "legate-mapper"]),
    ("legate-py", &["legate-core", "legate-kernels", "legate-mapper", "legate-numpy"]),
    ("legate-bench", &["legate-core", "legate-kernels", "legate-mapper", "legate-numpy"]),
    ("xtask", &[]),
];

/// Arrows that only tests may have: the real mappers are core's best test.
const ALLOWED_IN_TESTS: [(&str, &str); 1] = [("legate-core", "legate-mapper")];

/// Outside worlds, and the only crates that may know them.
const OUTSIDE: [(&str, &[&str]); 6] = [
    ("pyo3", &["legate-py"]),
    ("numpy", &["legate-py"]),
    ("mpi", &["legate-mpi"]),
    ("hwloc2", &["legate-mapper"]),
    ("hwlocality", &["legate-mapper"]),
    ("cudarc", &["legate-core", "legate-kernels", "legate-mapper"]),
];

/// Every dependency of every crate against the tables.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let packages = tree.metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let breaches = packages.iter().flat_map(|package| {
        let name = text(&package["name"]);
        let dependencies = package["dependencies"].as_array().map(Vec::as_slice).unwrap_or_default();
        dependencies.iter().filter_map(move |dependency| {
            let complaint = complaint(name, text(&dependency["name"]), text(&dependency["kind"]))?;
            Some(Finding::in_file(&format!("{name}/Cargo.toml"), complaint))
        })
    });
    breaches.collect()
}

/// `kind` is empty for an ordinary dependency, else `dev` or `build`.
fn complaint(from: &str, to: &str, kind: &str) -> Option<String> {
    if let Some((_, allowed)) = OUTSIDE.iter().find(|(outside, _)| *outside == to) {
        return (!allowed.contains(&from)).then(|| format!("only {} may know {to}", allowed.join(", ")));
    }
    let is_ours = ALLOWED.iter().any(|(name, _)| *name == to);
    let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == from) else {
        return Some("the crate is not in the table of xtask/src/tidy/arrows.rs".to_owned());
    };
    let is_test_arrow = kind == "dev" && ALLOWED_IN_TESTS.contains(&(from, to));
    (is_ours && !allowed.contains(&to) && !is_test_arrow).then(|| format!("{from} must not depend on {to}"))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn arrows_against_the_drawing_are_found() {
        let mut tree = Tree::of(&[]);
        tree.metadata = json!({"packages": [
            {"name": "legate-core", "dependencies": [
                {"name": "rayon", "kind": null},
                {"name": "legate-mapper", "kind": "dev"},
                {"name": "legate-kernels", "kind": null},
                {"name": "pyo3", "kind": null}]},
            {"name": "legate-py", "dependencies": [{"name": "pyo3", "kind": null}, {"name": "legate-numpy", "kind": null}]},
        ]});
        let found: Vec<String> = check(&tree).into_iter().map(|finding| finding.what).collect();
        assert_eq!(found, ["legate-core must not depend on legate-kernels", "only legate-py may know pyo3"]);
    }

    #[test]
    fn a_test_arrow_is_for_tests_only_and_a_new_crate_is_noticed() {
        assert!(complaint("legate-core", "legate-mapper", "").is_some());
        assert!(complaint("legate-new", "rayon", "").is_some());
    }
}
