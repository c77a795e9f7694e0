//! What a group holds together: members that share a field, directly or through others.
//!
//! Two computations that share nothing gain nothing from one pass over their points: they move the same bytes, but all of their arrays have to be there at the same
//! time. On many points they run one after the other, and the second finds the memory that the first leaves. On few points one launch less counts for more.

use super::{Draft, Kind};
use crate::analysis::version::States;
use crate::id::FieldId;
use crate::operation::{Composer, Launch, Operation};
use smallvec::SmallVec;
use std::sync::Arc;

/// From this many points on an array is memory to speak of: 2 MiB of doubles.
const MANY_POINTS: u64 = 1 << 18;

impl<'a> Draft<'a> {
    /// The draft, or one for each part that shares no field with the others, in the order of their first members.
    pub(super) fn unrelated(self, window: &'a [Operation], states: &States) -> SmallVec<[Draft<'a>; 1]> {
        let Kind::Launches(group) = &self.kind else { return SmallVec::from_iter([self]) };
        if group.members.len() < 2 || group.first.domain.volume() < MANY_POINTS {
            return SmallVec::from_iter([self]);
        }
        let launches: SmallVec<[(usize, &'a Launch); 8]> = group
            .members
            .iter()
            .map(|member| match &window[member.index] {
                Operation::Launch(launch) => (member.index, launch),
                _ => unreachable!("members of a group are launches"),
            })
            .collect();
        let parts = parts(launches.iter().map(|(_, launch)| launch.operands.iter().map(|operand| operand.field)));
        if parts.iter().all(|part| *part == parts[0]) {
            return SmallVec::from_iter([self]);
        }
        let drafts = assemble(&launches, &parts, group.composer.as_ref(), states);
        drafts.unwrap_or_else(|| SmallVec::from_iter([self]))
    }
}

/// One draft for each part. `None` if a part does not hold together without the others: its cuts were decided by them.
fn assemble<'a>(
    launches: &[(usize, &'a Launch)],
    parts: &[usize],
    composer: Option<&Arc<dyn Composer>>,
    states: &States,
) -> Option<SmallVec<[Draft<'a>; 1]>> {
    let mut drafts: SmallVec<[Draft<'a>; 1]> = SmallVec::new();
    let mut known: SmallVec<[usize; 4]> = SmallVec::new();
    for ((index, launch), part) in launches.iter().zip(parts) {
        let Some(home) = known.iter().position(|k| k == part) else {
            known.push(*part);
            drafts.push(Draft::new(launch, *index, composer.cloned(), states));
            continue;
        };
        if !drafts[home].admits(launch, composer?, states) {
            return None;
        }
        drafts[home].join(launch, *index, states);
    }
    Some(drafts)
}

/// For each member, given by its fields, the first member that it is connected with.
fn parts<F: Iterator<Item = FieldId>>(members: impl Iterator<Item = F>) -> SmallVec<[usize; 8]> {
    let mut parts: SmallVec<[usize; 8]> = SmallVec::new();
    let mut seen: SmallVec<[(FieldId, usize); 16]> = SmallVec::new();
    for (member, fields) in members.enumerate() {
        parts.push(member);
        for field in fields {
            let Some((_, other)) = seen.iter().find(|(known, _)| *known == field) else {
                seen.push((field, member));
                continue;
            };
            let (one, other) = (parts[member], parts[*other]);
            let (first, later) = (one.min(other), one.max(other));
            parts.iter_mut().filter(|part| **part == later).for_each(|part| *part = first);
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_connected_by_fields_they_share_however_far_apart() {
        let of = |members: &[&[u64]]| parts(members.iter().map(|fields| fields.iter().map(|f| FieldId(*f)))).to_vec();
        assert_eq!(of(&[&[1, 2], &[3], &[4, 5]]), [0, 1, 2]);
        assert_eq!(of(&[&[1, 2], &[3], &[2, 4], &[4]]), [0, 1, 0, 0]);
        assert_eq!(of(&[&[1], &[2], &[3], &[3, 2], &[5, 1]]), [0, 1, 1, 1, 0]);
        assert_eq!(of(&[&[1], &[2], &[1, 2]]), [0, 0, 0], "what joins two parts makes them one");
    }
}
