//! Grouping: which launches of a window run as one.
//!
//! The window is walked in program order. A launch joins the latest group of its domain and composer, with cuts that can be had together, in which, for each
//! field that both touch and at least one writes, the accesses are equal (the value passes in a register) or the images are disjoint. On its way back
//! it may pass over steps that it does not depend on. The result of a fold is never read in the group that folds. In the end members that share no field
//! with the others part again, if their arrays are large (`related.rs`).
//!
//! **Write after read** is about storage only: a launch that overwrites most of a field of which the group has only read other points joins too. It writes
//! to a fresh instance while the group reads the old one ([`Group::fresh`]), so `center[:] = work` of a stencil is no second pass.
//!
//! Everything decided here comes from the stream and the states: it is the same on every shard.

mod related;
pub mod why;

use super::group::{Group, Member};
use super::map::allow;
use super::version::States;
use crate::geometry::{Rect, gcd};
use crate::id::FieldId;
use crate::operation::{Composer, Cut, Launch, Operand, Operation, Privilege, Registry, TaskArgs};
use crate::region::Distribution;
use crate::store::Access;
use smallvec::SmallVec;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What runs next: a group of launches, or one other operation.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "nearly all steps are groups")]
pub enum Step {
    /// Launches that run as one.
    Group(Group),
    /// The operation at this place of the window, which is not a launch (nor a `Create`).
    Single(usize),
}

type Cuts = SmallVec<[Cut; 4]>;

/// How many steps a launch looks back.
const LOOK_BACK: usize = 64;

/// Cuts a window into steps, in an order that keeps all dependences. Every field of the window is known to `states`
/// (its `Create`s were told before); they make no steps. Without `fuse` each launch is a step of its own.
pub fn steps(window: &[Operation], states: &States, registry: &Registry, fuse: bool) -> Vec<Step> {
    let drafts = walk(window, states, registry, fuse, |_, _, _| {});
    drafts.into_iter().flat_map(|draft| draft.unrelated(window, states)).map(Draft::finish).collect()
}

/// The walk over the window. `apart` is told of each launch that begins a draft, with the drafts before it.
fn walk<'a>(
    window: &'a [Operation],
    states: &States,
    registry: &Registry,
    fuse: bool,
    mut apart: impl FnMut(&[Draft<'a>], &'a Launch, Option<&Arc<dyn Composer>>),
) -> Vec<Draft<'a>> {
    let mut drafts: Vec<Draft<'a>> = Vec::new();
    for (index, operation) in window.iter().enumerate() {
        match operation {
            Operation::Create(_) => {}
            Operation::Launch(launch) => {
                let composer = if fuse { registry.task(launch.task).composer() } else { None };
                let home = composer.as_ref().and_then(|c| find_home(&drafts, launch, c, states));
                match home {
                    Some(home) => drafts[home].join(launch, index, states),
                    None => {
                        apart(&drafts, launch, composer.as_ref());
                        drafts.push(Draft::new(launch, index, composer, states));
                    }
                }
            }
            other => drafts.push(Draft::barrier(other, index)),
        }
    }
    drafts
}

/// For each field the last step that touches it.
pub fn last_uses(steps: &[Step], window: &[Operation]) -> BTreeMap<FieldId, usize> {
    let mut last = BTreeMap::new();
    for (k, step) in steps.iter().enumerate() {
        match step {
            Step::Group(group) => last.extend(group.operands.iter().map(|o| (o.field, k))),
            Step::Single(index) => last.extend(touched(&window[*index]).into_iter().map(|(field, _)| (field, k))),
        }
    }
    last
}

/// Fields that an operation other than a launch touches, and whether it writes them.
fn touched(operation: &Operation) -> SmallVec<[(FieldId, bool); 2]> {
    match operation {
        Operation::Attach(attach) => SmallVec::from_iter([(attach.field, true)]),
        Operation::Reshape(reshape) => SmallVec::from_iter([(reshape.src, false), (reshape.dst, true)]),
        Operation::Indirect(copy) => {
            let read = copy.read().map(|store| (store.field, false));
            read.into_iter().chain([(copy.written().field, true)]).collect()
        }
        Operation::Fetch(fetch) => SmallVec::from_iter([(fetch.src.field, false)]),
        Operation::Create(_) | Operation::Launch(_) | Operation::Fence(_) => SmallVec::new(),
    }
}

/// The latest group that a launch may join.
fn find_home(drafts: &[Draft<'_>], launch: &Launch, composer: &Arc<dyn Composer>, states: &States) -> Option<usize> {
    for (at, draft) in drafts.iter().enumerate().rev().take(LOOK_BACK) {
        if draft.admits(launch, composer, states) {
            return Some(at);
        }
        if draft.precedes(launch) {
            return None;
        }
    }
    None
}

/// A group in the making, or another operation.
struct Draft<'a> {
    kind: Kind<'a>,
    /// One for each field and access.
    uses: SmallVec<[Use<'a>; 8]>,
}

#[allow(clippy::large_enum_variant, reason = "nearly all drafts are launches")]
enum Kind<'a> {
    Launches(Launches<'a>),
    /// Not a launch. A fence keeps everything in place.
    Other {
        index: usize,
        fence: bool,
    },
}

struct Launches<'a> {
    first: &'a Launch,
    cuts: Cuts,
    members: SmallVec<[Member; 2]>,
    args: SmallVec<[&'a dyn TaskArgs; 4]>,
    composer: Option<Arc<dyn Composer>>,
    /// The field of the first partial write, whose owners decide where the group runs.
    partial: Option<&'a Operand>,
    /// Takes nobody in.
    closed: bool,
}

/// How a draft uses a field through one access.
struct Use<'a> {
    /// `None`: all of the field.
    access: Option<&'a Access>,
    field: FieldId,
    /// Some member reads values from before the group.
    reads: bool,
    writes: bool,
    /// Its value is in no register afterwards: a fold, or a `ReadWrite` operand, which is computed in memory.
    in_memory: bool,
    fold: Option<Privilege>,
    /// A write that goes to a fresh instance of the field; reads from before the group are another use, even through the same access.
    fresh: bool,
}

impl<'a> Draft<'a> {
    fn new(launch: &'a Launch, index: usize, composer: Option<Arc<dyn Composer>>, states: &States) -> Draft<'a> {
        let closed = composer.is_none() || partial_fold(launch, states) || launch.domain.is_empty();
        let (members, args) = (SmallVec::new(), SmallVec::new());
        let cuts = launch.cuts.clone();
        let launches = Launches { first: launch, cuts, members, args, composer, partial: None, closed };
        let mut draft = Draft { kind: Kind::Launches(launches), uses: SmallVec::new() };
        draft.join(launch, index, states);
        draft
    }
    fn barrier(operation: &'a Operation, index: usize) -> Draft<'a> {
        let uses = touched(operation).into_iter().map(|(field, writes)| Use {
            access: None,
            field,
            reads: !writes,
            writes,
            in_memory: true,
            fold: None,
            fresh: false,
        });
        let fence = matches!(operation, Operation::Fence(_));
        Draft { kind: Kind::Other { index, fence }, uses: uses.collect() }
    }

    /// Whether a launch may become a member.
    fn admits(&self, launch: &Launch, composer: &Arc<dyn Composer>, states: &States) -> bool {
        let Kind::Launches(group) = &self.kind else { return false };
        let speaks = group.composer.as_ref().is_some_and(|own| own.name() == composer.name());
        !group.closed
            && speaks
            && group.first.domain == launch.domain
            && self.joined_cuts(launch, states).is_some()
            && launch.operands.iter().all(|new| self.allows(new, launch, states))
            && !partial_fold(launch, states)
            && self.runs_where(launch, states)
            && {
                let args = group.args.iter().map(|args| *args as &dyn TaskArgs);
                let parts: SmallVec<[&dyn TaskArgs; 8]> = args.chain([&*launch.args]).collect();
                composer.accepts(&parts)
            }
    }
    /// Whether a launch may use a field as `new` says, after what the group does with it.
    fn allows(&self, new: &Operand, launch: &Launch, states: &States) -> bool {
        // All that a group writes of a field with a fresh instance goes there: it is one access, so that what else goes there is known.
        let elsewhere = |old: &Use<'_>| old.fresh && new.privilege.writes() && old.access != Some(&new.access);
        !self.of_field(new.field).any(elsewhere)
            && (!self.clashes(new, &launch.domain) || self.may_write_fresh(new, launch, states))
    }
    fn of_field(&self, field: FieldId) -> impl Iterator<Item = &Use<'a>> {
        self.uses.iter().filter(move |u| u.field == field)
    }
    /// Whether an operand cannot share the memory that the group uses.
    fn clashes(&self, new: &Operand, domain: &Rect) -> bool {
        self.uses.iter().any(|old| !compatible(old, new, domain))
    }
    /// Whether a clash is only that the group reads points which this operand overwrites, and a fresh instance costs less than a second pass: what is copied
    /// to it is no more than what is written.
    fn may_write_fresh(&self, new: &Operand, launch: &Launch, states: &States) -> bool {
        let bounds = &states.get(new.field).bounds;
        let image = new.access.image(&launch.domain);
        let writes = launch.operands.iter().filter(|o| o.field == new.field && o.privilege.writes()).count();
        new.privilege == Privilege::WriteDiscard
            && writes == 1
            && self.of_field(new.field).all(|u| !u.writes || (u.fresh && u.access == Some(&new.access)))
            && new.access.is_dense(&launch.domain)
            && image.volume() >= bounds.volume().div_ceil(2)
    }
    /// Cuts that suit the group and a launch. `None` if there are none, or if the fields of either lie so that one of them would have to be brought
    /// together first along a dimension that only the other keeps whole.
    fn joined_cuts(&self, launch: &Launch, states: &States) -> Option<Cuts> {
        let Kind::Launches(group) = &self.kind else { return None };
        if group.cuts == launch.cuts {
            return Some(launch.cuts.clone());
        }
        let joined = group.cuts.iter().zip(&launch.cuts).map(|(a, b)| join_cuts(*a, *b)).collect::<Option<Cuts>>()?;
        let own = self.uses.iter().filter_map(|u| Some((u.field, u.access?)));
        let new = launch.operands.iter().map(|o| (o.field, &o.access));
        let lies_cut = |d: usize| own.clone().chain(new.clone()).any(|(f, a)| is_cut(f, a, d, &launch.domain, states));
        if !self.fold_alike(launch, &joined) {
            return None;
        }
        let made_whole =
            |d: usize| joined[d] == Cut::Never && (group.cuts[d] != Cut::Never || launch.cuts[d] != Cut::Never);
        let spoiled = states.shards() > 1 && (0..joined.len()).any(|d| made_whole(d) && lies_cut(d));
        (!spoiled).then_some(joined)
    }
    /// Whether every fold of the group and of a launch goes along the one tree dimension of `cuts`, if that has any.
    fn fold_alike(&self, launch: &Launch, cuts: &Cuts) -> bool {
        let trees: SmallVec<[usize; 2]> = (0..cuts.len()).filter(|d| matches!(cuts[*d], Cut::Tree { .. })).collect();
        let own = self.uses.iter().filter(|u| u.fold.is_some()).filter_map(|u| u.access);
        let new = launch.operands.iter().filter(|o| matches!(o.privilege, Privilege::Reduce(_))).map(|o| &o.access);
        match trees.as_slice() {
            [] => true,
            [tree] => !own.chain(new).any(|access| access.uses(*tree)),
            _ => false,
        }
    }
    /// Whether the partial writes of the group and of a launch are surely on the same shards.
    fn runs_where(&self, launch: &Launch, states: &States) -> bool {
        let Kind::Launches(group) = &self.kind else { return false };
        let Some(own) = group.partial.or_else(|| partial_write(launch, states)) else { return true };
        let first = states.get(own.field);
        let same = |o: &Operand| {
            let state = states.get(o.field);
            o.access == own.access && state.bounds == first.bounds && state.distribution == first.distribution
        };
        let mut writes = launch.operands.iter().filter(|o| is_partial(o, &launch.domain, states));
        states.shards() == 1 || (writes.all(same) && self.may_follow(own, launch, states))
    }
    /// Whether cuts that are had together still let the group run where the points of a partial write are.
    fn may_follow(&self, partial: &Operand, launch: &Launch, states: &States) -> bool {
        let Kind::Launches(group) = &self.kind else { return false };
        let Some(cuts) = self.joined_cuts(launch, states) else { return false };
        let follows = || match &states.get(partial.field).distribution {
            Some(Distribution::Single(_)) => true,
            Some(Distribution::Tiled { partition, .. }) => {
                allow(&cuts, &partition.pull_back(&partial.access, &launch.domain).partition)
            }
            Some(Distribution::Replicated) | None => cuts.iter().all(|cut| *cut == Cut::Free),
        };
        (cuts == group.cuts && cuts == launch.cuts) || follows()
    }
    /// Whether a launch depends on this step, or is depended on: it cannot come before it.
    fn precedes(&self, launch: &Launch) -> bool {
        if matches!(self.kind, Kind::Other { fence: true, .. }) {
            return true;
        }
        let domain = match &self.kind {
            Kind::Launches(group) => Some(&group.first.domain),
            Kind::Other { .. } => None,
        };
        let apart = |old: &Use<'_>, new: &Operand| {
            old.access.zip(domain).is_some_and(|(access, d)| access.is_disjoint(d, &new.access, &launch.domain))
        };
        let meets = |old: &Use<'_>, new: &Operand| {
            old.field == new.field && (old.writes || new.privilege.writes()) && !apart(old, new)
        };
        launch.operands.iter().any(|new| self.uses.iter().any(|old| meets(old, new)))
    }

    fn join(&mut self, launch: &'a Launch, index: usize, states: &States) {
        let partial = partial_write(launch, states);
        let fresh: SmallVec<[bool; 4]> = launch.operands.iter().map(|o| self.clashes(o, &launch.domain)).collect();
        let mut places: SmallVec<[usize; 4]> = SmallVec::from_elem(0, launch.operands.len());
        // A launch reads before it writes, whatever the order of its operands.
        for writing in [false, true] {
            for (k, operand) in launch.operands.iter().enumerate().filter(|(_, o)| o.privilege.writes() == writing) {
                places[k] = self.enter(operand, fresh[k]);
            }
        }
        let cuts = self.joined_cuts(launch, states).expect("it was admitted");
        let Kind::Launches(group) = &mut self.kind else { unreachable!("only launches are joined") };
        group.cuts = cuts;
        if group.partial.is_none() {
            group.partial = partial;
        }
        group.members.push(Member::new(launch, index, places));
        group.args.push(&*launch.args);
    }
    fn enter(&mut self, operand: &'a Operand, fresh: bool) -> usize {
        let Operand { field, access, privilege } = operand;
        // The last one: what is written afresh is read there, too, from then on.
        let same = |u: &Use<'_>| u.field == *field && u.access == Some(access) && (u.fresh || !fresh);
        let place = self.uses.iter().rposition(same).unwrap_or_else(|| {
            let (access, field) = (Some(access), *field);
            self.uses.push(Use { access, field, reads: false, writes: false, in_memory: false, fold: None, fresh });
            self.uses.len() - 1
        });
        let entry = &mut self.uses[place];
        entry.reads |= privilege.reads() && !entry.writes;
        entry.writes |= privilege.writes();
        entry.in_memory |= matches!(privilege, Privilege::ReadWrite | Privilege::Reduce(_));
        if matches!(privilege, Privilege::Reduce(_)) {
            entry.fold = Some(*privilege);
        }
        place
    }

    fn finish(self) -> Step {
        let launches = match self.kind {
            Kind::Other { index, .. } => return Step::Single(index),
            Kind::Launches(launches) => launches,
        };
        if let [only] = launches.members.as_slice() {
            return Step::Group(Group::single(launches.first, only.index));
        }
        let operands = self.uses.iter().map(|u| Operand {
            field: u.field,
            access: u.access.expect("launches see fields through accesses").clone(),
            privilege: match (u.fold, u.reads, u.writes) {
                (Some(fold), ..) => fold,
                (None, _, false) => Privilege::ReadOnly,
                (None, false, true) => Privilege::WriteDiscard,
                (None, true, true) => Privilege::ReadWrite,
            },
        });
        Step::Group(Group {
            operands: operands.collect(),
            fresh: (0..self.uses.len()).filter(|k| self.uses[*k].fresh).collect(),
            members: launches.members,
            domain: launches.first.domain.clone(),
            cuts: launches.cuts,
        })
    }
}

/// Whether a launch over the group's domain may use a field so beside an earlier use in the group.
fn compatible(old: &Use<'_>, new: &Operand, domain: &Rect) -> bool {
    if old.field != new.field || (!old.writes && !new.privilege.writes()) {
        return true;
    }
    if old.access != Some(&new.access) {
        return old.access.is_some_and(|earlier| earlier.is_disjoint(domain, &new.access, domain));
    }
    let fold = matches!(new.privilege, Privilege::Reduce(_));
    // What is computed in memory may follow reads, but nothing may follow it: its value is in no register.
    let overtakes = new.privilege == Privilege::ReadWrite && old.writes;
    !old.in_memory && !fold && !overtakes
}

/// The cuts of a dimension that suit both.
fn join_cuts(a: Cut, b: Cut) -> Option<Cut> {
    match (a, b) {
        (Cut::Free, other) | (other, Cut::Free) => Some(other),
        _ if a == b => Some(a),
        (Cut::Never, Cut::Granule(_)) | (Cut::Granule(_), Cut::Never) => Some(Cut::Never),
        (Cut::Granule(a), Cut::Granule(b)) => Some(Cut::Granule(a / gcd(a as i64, b as i64) as u64 * b)),
        // A fold knows its tree and nothing else.
        _ => None,
    }
}

/// Whether a field lies in pieces along a dimension of a domain that sees it through `access`.
fn is_cut(field: FieldId, access: &Access, dim: usize, domain: &Rect, states: &States) -> bool {
    match &states.get(field).distribution {
        Some(Distribution::Tiled { partition, .. }) => partition.pull_back(access, domain).partition.cuts(dim),
        _ => false,
    }
}

fn is_partial(operand: &Operand, domain: &Rect, states: &States) -> bool {
    operand.privilege.writes() && !operand.access.covers(domain, &states.get(operand.field).bounds)
}
fn partial_write<'a>(launch: &'a Launch, states: &States) -> Option<&'a Operand> {
    launch.operands.iter().find(|o| is_partial(o, &launch.domain, states))
}
/// A fold into a part of a field restricts how a launch may be cut: it stays alone.
fn partial_fold(launch: &Launch, states: &States) -> bool {
    let fold = |o: &Operand| matches!(o.privilege, Privilege::Reduce(_)) && is_partial(o, &launch.domain, states);
    launch.operands.iter().any(fold)
}
