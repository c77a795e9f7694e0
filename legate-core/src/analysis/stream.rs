//! Dependences between the operations of a window: what a dependence graph of a program shows. Rectangles of fields are compared, as everywhere in
//! the analysis; that `x[::2]` and `x[1::2]` are apart is known to [`super::fuse`] only.

use super::dependence::{Dependence, Tracker, Usage, simplify};
use super::oracle::Use;
use super::version::States;
use crate::geometry::Rect;
use crate::id::FieldId;
use crate::operation::{Direction, Operand, Operation, Privilege};
use crate::store::Store;

/// For each operation of the window, on which earlier ones it depends. A fence depends on everything before it, and everything after on it.
///
/// All fields of the window are known to `states`.
pub fn dependences(window: &[Operation], states: &States) -> Vec<Vec<Dependence<usize>>> {
    let mut tracker = Tracker::new();
    let per_operation = window.iter().enumerate().map(|(k, operation)| {
        let mut edges = Vec::new();
        for u in uses(k, operation, states) {
            tracker.record(k, u.resource, &u.rect, u.usage, &mut edges);
        }
        simplify(&mut edges);
        edges
    });
    per_operation.collect()
}

/// What an operation touches: reads before writes.
pub fn uses(user: usize, operation: &Operation, states: &States) -> Vec<Use<FieldId>> {
    let whole = |field: FieldId, usage| Use { user, resource: field, rect: states.get(field).bounds.clone(), usage };
    let operand = |domain: &Rect, o: &Operand| {
        let overwrites = o.privilege != Privilege::ReadWrite && o.access.is_dense(domain);
        let usage = match o.privilege {
            Privilege::ReadOnly => Usage::Read,
            _ if overwrites => Usage::Discard,
            _ => Usage::ReadWrite,
        };
        Use { user, resource: o.field, rect: o.access.image(domain), usage }
    };
    let mut uses = match operation {
        Operation::Create(_) => Vec::new(),
        Operation::Attach(a) => vec![whole(a.field, Usage::Discard)],
        Operation::Launch(l) if l.domain.is_empty() => {
            // The fold of nothing has a value all the same.
            let folds = l.operands.iter().filter(|o| matches!(o.privilege, Privilege::Reduce(_)));
            folds.map(|o| whole(o.field, Usage::Discard)).collect()
        }
        Operation::Launch(l) => l.operands.iter().map(|o| operand(&l.domain, o)).collect(),
        Operation::Reshape(r) => vec![whole(r.src, Usage::Read), whole(r.dst, Usage::Discard)],
        Operation::Indirect(copy) => {
            let image = |store: &Store| store.access.image(&Rect::from_shape(&store.shape));
            let reads =
                copy.read().map(|store| Use { user, resource: store.field, rect: image(store), usage: Usage::Read });
            let to = copy.written();
            let overwrites = copy.direction == Direction::Gather && to.access.is_dense(&Rect::from_shape(&to.shape));
            let usage = if overwrites { Usage::Discard } else { Usage::ReadWrite };
            let write = Use { user, resource: to.field, rect: image(to), usage };
            reads.into_iter().chain([write]).collect()
        }
        Operation::Fetch(f) => {
            let view = Rect::from_shape(&f.src.shape);
            let rect = f.src.access.image(&view);
            let read = Use { user, resource: f.src.field, rect, usage: Usage::Read };
            if view.is_empty() { Vec::new() } else { vec![read] }
        }
        Operation::Fence(_) => states.fields().map(|field| whole(field, Usage::ReadWrite)).collect(),
    };
    uses.sort_by_key(|u| u.usage.writes());
    uses
}
