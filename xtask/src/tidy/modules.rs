//! Which module of core may use which: a list of layers, read against `crate::` paths.

use super::Finding;
use super::source::Tree;

/// Layers from the bottom up. A module may use its own layer and those below.
const LAYERS: &[&[&str]] = &[
    &["geometry", "id", "error"],
    &["region", "store"],
    &["operation"],
    &["mapping"],
    &["analysis", "transport"],
    &["exec"],
    &["runtime"],
];

const CORE: &str = "legate-core/src/";

/// Upward arrows, and modules that the list does not know.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let files = tree.rust().filter_map(|source| Some((source, module_of(&source.path)?)));
    let findings = files.flat_map(|(source, module)| {
        let Some(layer) = layer_of(module) else {
            return vec![Finding::in_file(
                &source.path,
                format!("module {module} is not in the layers of xtask/src/tidy/modules.rs"),
            )];
        };
        let code: String = source.production_lines().flat_map(|(_, line)| [line, "\n"]).collect();
        let upward =
            used_modules(&code).into_iter().filter(|(_, used)| layer_of(used).is_some_and(|used| used > layer));
        upward
            .map(|(line, used)| {
                Finding::at_line(&source.path, line, format!("{module} must not use {used}, a layer above it"))
            })
            .collect()
    });
    findings.collect()
}

/// The module directly below the crate that a file belongs to; `None` outside core and for its root.
fn module_of(path: &str) -> Option<&str> {
    let inside = path.strip_prefix(CORE)?;
    let module = inside.split('/').next()?.trim_end_matches(".rs");
    (module != "lib").then_some(module)
}

fn layer_of(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// Names after `crate::` with their lines, also those in braces: `use crate::{error, exec::Pool}`.
fn used_modules(code: &str) -> Vec<(usize, &str)> {
    let mut used = Vec::new();
    for (at, start) in code.match_indices("crate::") {
        let line = 1 + code[..at].matches('\n').count();
        let path = &code[at + start.len()..];
        match path.strip_prefix('{') {
            Some(group) => used.extend(top_level_items(group).map(|name| (line, name))),
            None => used.push((line, leading_name(path))),
        }
    }
    used
}

/// The first name of each item of a group after its `{`, not those of groups inside it.
fn top_level_items(group: &str) -> impl Iterator<Item = &str> {
    let mut depth = 1;
    let parts = group.split_inclusive([',', '{', '}']).map_while(move |part| {
        let item = (depth == 1).then(|| leading_name(part.trim_start()));
        match part.chars().next_back() {
            _ if depth == 0 => return None,
            Some('{') => depth += 1,
            Some('}') => depth -= 1,
            _ => {}
        }
        Some(item)
    });
    parts.flatten().filter(|name| !name.is_empty())
}

fn leading_name(path: &str) -> &str {
    let end = path.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(path.len());
    &path[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upward_arrow_is_found_in_any_form_of_path() {
        let text = "use crate::geometry::Rect;\nuse crate::exec::Pool;\nuse crate::{\n    error::Error,\n    runtime::{Runtime, exec},\n};\nfn f(x: &crate::exec::Pool) {}\n";
        let tree = Tree::of(&[
            ("legate-core/src/analysis/plan.rs", text),
            ("legate-core/src/lib.rs", text),
            ("legate-core/src/runtime/mod.rs", text),
        ]);
        let found: Vec<String> = check(&tree).into_iter().map(|finding| finding.what).collect();
        let expected =
            ["exec", "runtime", "exec"].map(|used| format!("analysis must not use {used}, a layer above it"));
        assert_eq!(found, expected);
    }

    #[test]
    fn a_module_outside_the_layers_is_noticed() {
        assert_eq!(check(&Tree::of(&[("legate-core/src/util.rs", "")])).len(), 1);
    }
}
