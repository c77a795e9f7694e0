//! What a launch must be to be issued. A violation is a library's bug; it is told at the call, before anything is enqueued.

use super::LaunchRequest;
use crate::error::{Error, Result};
use crate::geometry::Rect;
use crate::id::FieldId;
use crate::operation::{Create, Cut, Indirect, Operand, Privilege, Registry};
use crate::store::{Access, Store};

/// A launch against the fields it names.
pub(super) fn launch<'a>(
    request: &LaunchRequest,
    domain: &Rect,
    registry: &Registry,
    field: impl Fn(FieldId) -> Option<&'a Create>,
) -> Result<()> {
    require(registry.has_task(request.task), || format!("{} is not registered", request.task))?;
    require(request.cuts.len() == domain.rank(), || {
        format!("{} cuts for a domain of {} dimensions", request.cuts.len(), domain.rank())
    })?;
    cuts(&request.cuts)?;
    for (k, operand) in request.operands.iter().enumerate() {
        let create = field(operand.field).ok_or_else(|| invalid(format!("{} is not alive", operand.field)))?;
        access(&operand.access, domain, &create.bounds, operand.field)?;
        if operand.privilege.writes() {
            written(operand, domain, &request.cuts, registry)?;
            request.operands[..k].iter().try_for_each(|other| apart(other, operand, domain))?;
        } else {
            let writers = request.operands[..k].iter().filter(|other| other.privilege.writes());
            writers.into_iter().try_for_each(|other| apart(other, operand, domain))?;
        }
    }
    Ok(())
}

/// A store against its field.
pub(super) fn store(store: &Store, create: &Create) -> Result<()> {
    access(&store.access, &Rect::from_shape(&store.shape), &create.bounds, store.field)
}

/// An indirect copy against the fields it names.
pub(super) fn indirect<'a>(copy: &Indirect, field: impl Fn(FieldId) -> Option<&'a Create>) -> Result<()> {
    let Indirect { table, index, values, .. } = copy;
    let mut sizes = [0; 3];
    for (size, one) in sizes.iter_mut().zip([table, index, values]) {
        let create = field(one.field).ok_or_else(|| invalid(format!("{} is not alive", one.field)))?;
        store(one, create)?;
        *size = create.size;
    }
    require(sizes[1] == 8, || format!("{}: an index of {} bytes", index.field, sizes[1]))?;
    require(sizes[0] == sizes[2], || format!("{} bytes for {} of {}", sizes[2], sizes[0], table.field))?;
    let alike = index.shape.len() == 1
        && !table.shape.is_empty()
        && values.shape.first() == index.shape.first()
        && values.shape.get(1..) == table.shape.get(1..);
    require(alike, || format!("{:?} of {:?} at {:?}", values.shape, table.shape, index.shape))?;
    require(table.shape[0] > 0 || values.shape.contains(&0), || "a row of none".to_owned())?;
    let (to, read) = (copy.written(), copy.read());
    require(read.iter().all(|from| from.field != to.field), || format!("{}: read and written", to.field))?;
    let points = Rect::from_shape(&to.shape);
    require(points.is_empty() || to.access.is_injective(&points), || {
        format!("{}: several points of {points:?} write one element", to.field)
    })
}

fn cuts(cuts: &[Cut]) -> Result<()> {
    let trees = cuts.iter().filter(|cut| matches!(cut, Cut::Tree { .. })).count();
    require(trees <= 1, || format!("{trees} dimensions are cut as trees; one may be"))?;
    let zero = cuts.iter().any(|cut| matches!(cut, Cut::Granule(0) | Cut::Tree { granule: 0 }));
    require(!zero, || "a granule of 0 points".to_owned())
}

fn access(access: &Access, domain: &Rect, bounds: &Rect, field: FieldId) -> Result<()> {
    require(usize::from(access.domain_rank) == domain.rank() && access.field_rank() == bounds.rank(), || {
        let (from, to) = (access.domain_rank, access.field_rank());
        format!("{field}: an access from {from} to {to} dimensions, from {domain:?} to {bounds:?}")
    })?;
    let inside = domain.is_empty() || access.in_bounds(domain, bounds);
    require(inside, || format!("{field}: the access leaves {bounds:?} over {domain:?}"))
}

/// Different points write different elements, but for folded dimensions, and those are cut as folded ones must be.
fn written(operand: &Operand, domain: &Rect, cuts: &[Cut], registry: &Registry) -> Result<()> {
    let Operand { field, access, privilege } = operand;
    let mut kept = domain.clone();
    if let Privilege::Reduce(id) = privilege {
        require(registry.has_reduction(*id), || format!("{id} is not registered"))?;
    }
    if matches!(privilege, Privilege::Reduce(_) | Privilege::ReadWrite) {
        let joins = matches!(privilege, Privilege::Reduce(_));
        for d in (0..domain.rank()).filter(|d| !access.uses(*d)) {
            let one_piece = matches!(cuts[d], Cut::Never) || domain.extent(d) <= 1;
            let folds = one_piece || (joins && matches!(cuts[d], Cut::Tree { .. }));
            require(folds, || format!("{field}: folded dimension {d} may be cut freely"))?;
            kept.hi[d] = kept.lo[d] + kept.extent(d).min(1);
        }
    }
    require(kept.is_empty() || access.is_injective(&kept), || {
        format!("{field}: several points of {domain:?} write one element")
    })
}

/// Two operands of which one writes see one field alike, or different points of it.
fn apart(one: &Operand, other: &Operand, domain: &Rect) -> Result<()> {
    let fine = one.field != other.field
        || (one.access == other.access && !(one.privilege.writes() && other.privilege.writes()))
        || domain.is_empty()
        || one.access.is_disjoint(domain, &other.access, domain);
    require(fine, || format!("{}: written through one access and touched through another that overlaps", one.field))
}

fn require(holds: bool, message: impl FnOnce() -> String) -> Result<()> {
    if holds { Ok(()) } else { Err(invalid(message())) }
}

fn invalid(message: String) -> Error {
    Error::Invalid(message)
}
