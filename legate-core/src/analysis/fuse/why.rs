//! Why a launch did not join the group before it: the conditions of [`Draft::admits`] one by one, in words. Evaluated only for a report.

use super::{Draft, Kind, LOOK_BACK, Use, compatible, partial_fold, walk};
use crate::analysis::version::States;
use crate::geometry::Rect;
use crate::id::{FieldId, OpId};
use crate::operation::{Composer, Launch, Operation, Registry, TaskArgs};
use smallvec::SmallVec;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Why a launch begins a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Apart {
    /// The last launch of the group that it did not join. `None` if no group stands in its way, only what [`Apart::reason`] tells.
    pub from: Option<OpId>,
    /// What kept it out.
    pub reason: Reason,
}

/// What keeps a launch out of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Fusion is switched off.
    Off,
    /// Nothing comes before it in its window.
    First,
    /// Its task, or the group's, has no composer: it is no program that others can be joined with.
    Opaque {
        /// The launch's own task, not the group's.
        own: bool,
    },
    /// An operation that is no launch has to come between.
    Between(Between),
    /// The points are not those of the group.
    Domain {
        /// The group's.
        before: Rect,
        /// The launch's.
        own: Rect,
    },
    /// Folds and other cuts of the domain do not go together.
    Cuts,
    /// It reads what the group folds: the value is known only when all points have been there.
    FoldRead(FieldId),
    /// It touches a field that the group writes, or writes one that the group touches, through another view, and the views may overlap.
    Overlap(FieldId),
    /// It uses a value that the group computes in memory, not in a register.
    InMemory(FieldId),
    /// It, or the group, folds into a part of a field.
    PartialFold,
    /// The parts of fields that both write lie on different shards.
    Place,
    /// The joined program would be too large.
    Size,
    /// It shares no array with what else runs over the same points, and both are large.
    Unrelated,
}

/// An operation that is no launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Between {
    /// The program waited for everything.
    Fence,
    /// A value was read.
    Fetch,
    /// Values were put in.
    Attach,
    /// A field was given another shape.
    Reshape,
    /// Rows were copied that an index names.
    Indirect,
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Reason::Off => f.write_str("fusion is off"),
            Reason::First => f.write_str("it is the first of its window"),
            Reason::Opaque { own: true } => f.write_str("it is not element-wise"),
            Reason::Opaque { own: false } => f.write_str("what comes before it is not element-wise"),
            Reason::Between(Between::Fence) => f.write_str("the program waited in between"),
            Reason::Between(Between::Fetch) => f.write_str("a value it replaces was read in between"),
            Reason::Between(Between::Attach) => f.write_str("values it needs were put in in between"),
            Reason::Between(Between::Reshape) => f.write_str("an array it needs changed its shape in between"),
            Reason::Between(Between::Indirect) => f.write_str("an array it needs was indexed by another in between"),
            Reason::Domain { before, own } => {
                write!(f, "other shape: {:?} after {:?}", own.shape().as_slice(), before.shape().as_slice())
            }
            Reason::Cuts => f.write_str("it is folded along another dimension"),
            Reason::FoldRead(_) => f.write_str("it needs the result of a reduction, which takes all points"),
            Reason::Overlap(_) => {
                f.write_str("it reads or writes an array that the other one writes or reads, shifted")
            }
            Reason::InMemory(_) => f.write_str("it needs a value that is updated in memory"),
            Reason::PartialFold => f.write_str("a reduction into a part of an array stays alone"),
            Reason::Place => f.write_str("the parts of arrays that are written lie on different ranks"),
            Reason::Size => f.write_str("the program would grow too long"),
            Reason::Unrelated => f.write_str("it shares no array with it, and together they would need more memory"),
        }
    }
}

/// For each launch of a window that begins a group: why. The other arguments are those of [`super::steps`].
pub fn apart(window: &[Operation], states: &States, registry: &Registry, fuse: bool) -> BTreeMap<OpId, Apart> {
    let mut all = BTreeMap::new();
    let drafts = walk(window, states, registry, fuse, |drafts, launch, composer| {
        let apart = if fuse {
            nearest(window, drafts, launch, composer, states)
        } else {
            Apart { from: None, reason: Reason::Off }
        };
        all.insert(launch.id, apart);
    });
    for draft in drafts {
        let parted = draft.unrelated(window, states);
        let mut before = parted[0].last(window);
        for part in &parted[1..] {
            let Kind::Launches(group) = &part.kind else { continue };
            all.insert(group.first.id, Apart { from: before, reason: Reason::Unrelated });
            before = part.last(window);
        }
    }
    all
}

/// What kept a launch out of the group that it would most likely have joined: the latest one over its points, else the latest of all.
fn nearest(
    window: &[Operation],
    drafts: &[Draft<'_>],
    launch: &Launch,
    composer: Option<&Arc<dyn Composer>>,
    states: &States,
) -> Apart {
    let alone = |reason| Apart { from: None, reason };
    let Some(composer) = composer else { return alone(Reason::Opaque { own: true }) };
    let mut latest = None;
    for draft in drafts.iter().rev().take(LOOK_BACK) {
        match &draft.kind {
            Kind::Launches(_) => {
                let reason = draft.refusal(launch, composer, states).expect("it would have joined this group");
                let is_other = matches!(reason, Reason::Domain { .. } | Reason::Opaque { .. });
                let apart = Apart { from: draft.last(window), reason };
                if !is_other {
                    return apart;
                }
                latest.get_or_insert(apart);
            }
            Kind::Other { index, .. } => {
                if draft.precedes(launch) {
                    return latest.unwrap_or_else(|| alone(between(&window[*index])));
                }
            }
        }
        if draft.precedes(launch) {
            break;
        }
    }
    latest.unwrap_or_else(|| alone(Reason::First))
}

fn launch_id(operation: &Operation) -> Option<OpId> {
    match operation {
        Operation::Launch(launch) => Some(launch.id),
        _ => None,
    }
}

fn between(operation: &Operation) -> Reason {
    Reason::Between(match operation {
        Operation::Attach(_) => Between::Attach,
        Operation::Reshape(_) => Between::Reshape,
        Operation::Indirect(_) => Between::Indirect,
        Operation::Fetch(_) => Between::Fetch,
        Operation::Fence(_) | Operation::Create(_) | Operation::Launch(_) => Between::Fence,
    })
}

impl Draft<'_> {
    /// Its last launch.
    fn last(&self, window: &[Operation]) -> Option<OpId> {
        let Kind::Launches(group) = &self.kind else { return None };
        group.members.last().and_then(|member| launch_id(&window[member.index]))
    }

    /// Why a launch may not become a member; `None` where [`Draft::admits`] says that it may.
    pub(super) fn refusal(&self, launch: &Launch, composer: &Arc<dyn Composer>, states: &States) -> Option<Reason> {
        let Kind::Launches(group) = &self.kind else { return None };
        let speaks = group.composer.as_ref().is_some_and(|own| own.name() == composer.name());
        if !speaks {
            return Some(Reason::Opaque { own: false });
        }
        if group.closed || partial_fold(launch, states) {
            return Some(Reason::PartialFold);
        }
        if group.first.domain != launch.domain {
            return Some(Reason::Domain { before: group.first.domain.clone(), own: launch.domain.clone() });
        }
        if let Some(reason) = self.clash(launch, states) {
            return Some(reason);
        }
        if self.joined_cuts(launch, states).is_none() {
            return Some(Reason::Cuts);
        }
        if !self.runs_where(launch, states) {
            return Some(Reason::Place);
        }
        let args = group.args.iter().map(|args| *args as &dyn TaskArgs);
        let parts: SmallVec<[&dyn TaskArgs; 8]> = args.chain([&*launch.args]).collect();
        (!composer.accepts(&parts)).then_some(Reason::Size)
    }

    /// The first operand that may not stand beside the group's uses of its field.
    fn clash(&self, launch: &Launch, states: &States) -> Option<Reason> {
        let new = launch.operands.iter().find(|new| !self.allows(new, launch, states))?;
        let clashes = |old: &&Use<'_>| !compatible(old, new, &launch.domain);
        Some(match self.uses.iter().find(clashes) {
            Some(old) if old.fold.is_some() => Reason::FoldRead(new.field),
            Some(old) if old.access == Some(&new.access) => Reason::InMemory(new.field),
            _ => Reason::Overlap(new.field),
        })
    }
}
