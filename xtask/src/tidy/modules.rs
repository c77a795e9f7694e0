//! Which module of core may use which: a list of layers, read against `crate::` paths.

use super::Finding;
use super::source::Tree;

/// Layers from the bottom up. A module may use its own layer and those below.
const LAYERS: &[&[&str]] = &[
    &["geometry", "id", "error", "sync"],
    &["profile"],
    &["region", "store"],
    &["operation"],
    &["mapping"],
    &["analysis", "transport"],
    &["exec"],
    &["runtime"],
];

/// Plain data that lies in a high module and may be used from everywhere.
const PLAIN_DATA: &[(&str, &str)] = &[
    ("exec::HostBuffer", "bytes of values at hand, as operations and messages carry them"),
    ("exec::buffer", "the same"),
    ("runtime::ExecutorKind", "an option"),
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
        let upward = used_modules(&code).into_iter().filter(|(_, used)| is_above(used, layer));
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

/// Whether a path leads to a higher layer.
fn is_above(path: &str, layer: usize) -> bool {
    let module = path.split("::").next().unwrap_or(path);
    layer_of(module).is_some_and(|used| used > layer) && !PLAIN_DATA.iter().any(|(plain, _)| *plain == path)
}

/// Paths after `crate::` (module and item) with their lines, also those in braces: `use crate::{error, exec::Pool}`.
fn used_modules(code: &str) -> Vec<(usize, &str)> {
    let mut used = Vec::new();
    for (at, start) in code.match_indices("crate::") {
        let line = 1 + code[..at].matches('\n').count();
        let path = &code[at + start.len()..];
        match path.strip_prefix('{') {
            Some(group) => used.extend(top_level_items(group).map(|name| (line, name))),
            None => used.push((line, leading_path(path))),
        }
    }
    used
}

/// The beginning of each item of a group after its `{`, not those of groups inside it.
fn top_level_items(group: &str) -> impl Iterator<Item = &str> {
    let mut depth = 1;
    let parts = group.split_inclusive([',', '{', '}']).map_while(move |part| {
        let item = (depth == 1).then(|| leading_path(part.trim_start()));
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

/// `exec::Pool` of `exec::Pool::new()`: the first two names of a path.
fn leading_path(path: &str) -> &str {
    let name = |text: &str| text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    let first = name(path);
    match path[first..].strip_prefix("::").map(name) {
        Some(second) if second > 0 => &path[..first + 2 + second],
        _ => &path[..first],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upward_arrow_is_found_in_any_form_of_path() {
        let text = "use crate::geometry::Rect;\nuse crate::exec::Pool;\nuse crate::{\n    error::Error,\n    runtime::{Runtime, exec},\n};\nfn f(x: &crate::exec::Pool) -> crate::exec::HostBuffer {}\n";
        let tree = Tree::of(&[
            ("legate-core/src/analysis/plan.rs", text),
            ("legate-core/src/lib.rs", text),
            ("legate-core/src/runtime/mod.rs", text),
        ]);
        let found: Vec<String> = check(&tree).into_iter().map(|finding| finding.what).collect();
        let expected = ["exec::Pool", "runtime", "exec::Pool"]
            .map(|used| format!("analysis must not use {used}, a layer above it"));
        assert_eq!(found, expected);
    }

    #[test]
    fn a_module_outside_the_layers_is_noticed() {
        assert_eq!(check(&Tree::of(&[("legate-core/src/util.rs", "")])).len(), 1);
    }
}
