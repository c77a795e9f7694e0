//! From operations to text.

use crate::error::Provenance;
use crate::id::ReductionId;
use crate::operation::{Cut, Direction, Indirect, Launch, Operand, Operation, Privilege, Registry};
use crate::store::{Access, Coordinate, Store};
use std::fmt::Write;

/// All of them, a line each.
pub fn stream(operations: &[Operation], registry: &Registry) -> String {
    operations.iter().map(|o| operation(o, registry) + "\n").collect()
}

/// One operation, without a line end.
pub fn operation(operation: &Operation, registry: &Registry) -> String {
    let mut text = match operation {
        Operation::Create(c) => {
            format!("create {} {} size {} align {}", c.field, list(&c.bounds.hi), c.size, c.align)
        }
        Operation::Attach(a) => format!("{} attach {} {}", a.id, a.field, hex(a.bytes.as_slice())),
        Operation::Launch(l) => launch(l, registry),
        Operation::Reshape(r) => format!("{} reshape {} = {}", r.id, r.dst, r.src),
        Operation::Indirect(copy) => indirect(copy),
        Operation::Fetch(f) => format!("{} fetch {}", f.id, store(&f.src)),
        Operation::Fence(id) => format!("{id} fence"),
    };
    if let Some(provenance) = operation.provenance().filter(|p| **p != Provenance::default()) {
        // Writing to a string cannot fail.
        let _ = write!(text, " @ {}:{}", name(&provenance.file), provenance.line);
    }
    text
}

/// `gather f3[d0] [9] = f1[d0] [20] at f2[d0] [9]`: first what is written.
fn indirect(copy: &Indirect) -> String {
    let Indirect { id, direction, table, index, values, .. } = copy;
    let (name, to, from) = match direction {
        Direction::Gather => ("gather", values, table),
        Direction::Scatter => ("scatter", table, values),
    };
    format!("{id} {name} {} = {} at {}", store(to), store(from), store(index))
}

/// `f0[d0+1, d1] [4, 5]`
fn store(store: &Store) -> String {
    format!("{}{} {}", store.field, access(&store.access), list(&store.shape))
}

fn launch(launch: &Launch, registry: &Registry) -> String {
    let task = name(registry.task(launch.task).name());
    let operands: Vec<_> = launch.operands.iter().map(|o| operand(o, registry)).collect();
    let mut text = format!("{} launch {task} {}", launch.id, list(&launch.domain.hi));
    if launch.cuts.iter().any(|c| *c != Cut::Free) {
        text += &format!(" cuts {}", list(&launch.cuts.iter().map(cut).collect::<Vec<_>>()));
    }
    text += &format!(" {{ {} }}", operands.join(", "));
    let mut args = Vec::new();
    launch.args.encode(&mut args);
    if !args.is_empty() {
        text += &format!(" args {}", hex(&args));
    }
    text
}

/// `read f0[d0+1, d1]`
pub fn operand(operand: &Operand, registry: &Registry) -> String {
    format!("{} {}{}", privilege(operand.privilege, registry), operand.field, access(&operand.access))
}

fn privilege(privilege: Privilege, registry: &Registry) -> String {
    match privilege {
        Privilege::ReadOnly => "read".into(),
        Privilege::WriteDiscard => "write".into(),
        Privilege::ReadWrite => "update".into(),
        Privilege::Reduce(ReductionId(id)) => match registry.has_reduction(ReductionId(id)) {
            true => format!("fold({})", name(registry.reduction(ReductionId(id)).name())),
            false => format!("fold(\"#{id}\")"),
        },
    }
}

fn cut(cut: &Cut) -> String {
    match cut {
        Cut::Free => "free".into(),
        Cut::Never => "never".into(),
        Cut::Granule(granule) => format!("granule({granule})"),
        Cut::Tree { granule } => format!("tree({granule})"),
    }
}

/// `[d0+1, 2*d1, 5]`
pub fn access(access: &Access) -> String {
    list(&access.coords.iter().map(coordinate).collect::<Vec<_>>())
}

fn coordinate(coordinate: &Coordinate) -> String {
    let mut text = String::new();
    for term in &coordinate.terms {
        let sign = if term.stride < 0 {
            "-"
        } else if text.is_empty() {
            ""
        } else {
            "+"
        };
        let scale = if term.stride.abs() == 1 { String::new() } else { format!("{}*", term.stride.abs()) };
        text += &format!("{sign}{scale}d{}", term.dim);
    }
    match coordinate.offset {
        offset if text.is_empty() => offset.to_string(),
        0 => text,
        offset => format!("{text}{offset:+}"),
    }
}

fn list(items: &[impl std::fmt::Display]) -> String {
    let items: Vec<String> = items.iter().map(ToString::to_string).collect();
    format!("[{}]", items.join(", "))
}

/// `-` for no bytes.
fn hex(bytes: &[u8]) -> String {
    if bytes.is_empty() { "-".into() } else { bytes.iter().map(|b| format!("{b:02x}")).collect() }
}

pub(super) fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_-./".contains(c)
}

fn name(name: &str) -> String {
    let plain = !name.is_empty() && name.chars().all(is_plain) && name != "-";
    if plain { name.into() } else { format!("{name:?}") }
}
