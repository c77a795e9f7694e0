//! `cargo xtask tidy`: rules of the house that neither the compiler nor clippy checks. Each has a reason, printed when it is broken.

mod arrows;
mod documents;
mod modules;
mod safety;
mod source;
mod words;

use crate::workspace::Workspace;
use anyhow::{Result, bail};
use source::Tree;

/// A rule of the house.
struct Rule {
    name: &'static str,
    reason: &'static str,
    check: fn(&Tree) -> Vec<Finding>,
}

/// A place where a rule is broken.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    place: String,
    what: String,
}

impl Finding {
    fn at_line(path: &str, line_number: usize, what: impl Into<String>) -> Finding {
        Finding { place: format!("{path}:{line_number}"), what: what.into() }
    }

    fn in_file(path: &str, what: impl Into<String>) -> Finding {
        Finding { place: path.to_owned(), what: what.into() }
    }
}

const RULES: &[Rule] = &[
    Rule {
        name: "crate arrows",
        reason: "core and kernels must stay usable without NumPy, and only one crate may know each outside world (ARCHITECTURE.md)",
        check: arrows::check,
    },
    Rule {
        name: "module arrows in core",
        reason: "analysis must not know execution, or it stops being a pure function that every rank computes alike",
        check: modules::check,
    },
    Rule {
        name: "unsafe only where it is listed",
        reason: "a short list of modules can be read and tested with care; list a new one in xtask/src/tidy/safety.rs with its reason",
        check: safety::placement,
    },
    Rule {
        name: "unsafe is explained",
        reason: "a reader must be able to check each unsafe block and implementation from the lines around it",
        check: safety::explanation,
    },
    Rule {
        name: "guarded crates",
        reason: "where unsafe code has no place, the compiler keeps it out",
        check: safety::guards,
    },
    Rule {
        name: "control determinism",
        reason: "every rank must decide alike: no hash order, clock or random number before execution",
        check: words::control_determinism,
    },
    Rule { name: "nothing unfinished", reason: "what is not done belongs into an issue", check: words::unfinished },
    Rule { name: "no private paths", reason: "they exist on one machine only", check: words::private_paths },
    Rule {
        name: "skipped tests say why",
        reason: "else nobody knows when to take them up again",
        check: words::skipped_tests,
    },
    Rule { name: "file length", reason: "a file is one idea, read in one sitting", check: words::length },
    Rule {
        name: "paths in documents exist",
        reason: "a recipe that names a file that is gone is worse than none",
        check: documents::check,
    },
];

/// Checks all rules.
///
/// # Errors
/// If one is broken; every breach is printed.
pub(crate) fn tidy(workspace: &Workspace) -> Result<()> {
    let tree = Tree::read(workspace)?;
    let mut count = 0;
    for rule in RULES {
        let findings = (rule.check)(&tree);
        if !findings.is_empty() {
            println!("{}: {}", rule.name, rule.reason);
        }
        for finding in &findings {
            println!("  {}: {}", finding.place, finding.what);
        }
        count += findings.len();
    }
    if count > 0 {
        bail!("{count} places break the rules of the house");
    }
    println!("tidy: {} rules, {} files, {}", RULES.len(), tree.sources.len(), safety::census(&tree));
    Ok(())
}
