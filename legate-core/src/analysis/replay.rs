//! Windows that come again: a loop's window is recognised by what it does, whatever its fields are called, so that it need not be fused, mapped and
//! planned again.
//!
//! A [`Scan`] gives the fields of a window numbers by first occurrence and hashes what is left. A [`Pattern`] is everything that the stages look at:
//! the operations with their fields' numbers, and of each field shape, element size, owners, copies, and whether it dies with the window. Two windows of one
//! pattern have the same steps and plans but for the fields' names. So what a hit saves is time, and nothing else:
//! shards may remember different windows.
//!
//! A [`Memory`] remembers a bounded number of windows, and those only that came twice.

use super::group::Group;
use super::plan::LaunchPlan;
use super::version::{FieldState, Held, States};
use crate::geometry::{Point, Rect};
use crate::id::{FieldId, TaskId};
use crate::operation::fingerprint::Mixer;
use crate::operation::{Cut, Direction, Launch, Operation, Privilege, TaskArgs};
use crate::region::Distribution;
use crate::store::{Access, Store};
use smallvec::SmallVec;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A window's fields, numbered by first occurrence, and its hash. Kept from window to window for its allocations.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    hash: u64,
    /// By number.
    names: Vec<FieldId>,
    /// The numbers of all fields that operations name, in order.
    mentions: Vec<u32>,
    /// By number: whether it dies.
    dying: Vec<bool>,
    /// The first field that the window makes. It and those after it are made in order.
    first_made: u64,
    /// Numbers of the fields that the window makes.
    made: Vec<u32>,
    /// Numbers of others, sorted by name.
    older: Vec<(FieldId, u32)>,
}

/// No number yet.
const NONE: u32 = u32::MAX;

impl Scan {
    /// Looks at a window. `fingerprints`: of its operations; `dead`: fields that die with it.
    pub(crate) fn read(&mut self, window: &[Operation], fingerprints: &[u64], dead: &[FieldId]) {
        self.clear(window);
        let mut mixer = Mixer::default();
        fingerprints.iter().for_each(|print| mixer.add(*print));
        for operation in window {
            operation.for_each_field(|field| {
                let number = self.number(field);
                mixer.add(u64::from(number));
                self.mentions.push(number);
            });
        }
        self.dying.resize(self.names.len(), false);
        for number in dead.iter().filter_map(|field| self.known(*field)).collect::<SmallVec<[u32; 32]>>() {
            mixer.add(u64::from(number));
            self.dying[number as usize] = true;
        }
        self.hash = mixer.finish();
    }

    /// By number.
    pub(crate) fn names(&self) -> &[FieldId] {
        &self.names
    }
    /// The name of a number.
    pub(crate) fn name(&self, number: u32) -> FieldId {
        self.names[number as usize]
    }
    /// The number of a name.
    ///
    /// # Panics
    /// If no operation of the window names it.
    pub(crate) fn number_of(&self, field: FieldId) -> u32 {
        self.known(field).expect("a plan names fields of its window")
    }
    fn clear(&mut self, window: &[Operation]) {
        let made = |operation: &Operation| match operation {
            Operation::Create(create) => Some(create.field.0),
            _ => None,
        };
        self.first_made = window.iter().find_map(made).unwrap_or(u64::MAX);
        for numbers in [&mut self.made, &mut self.mentions] {
            numbers.clear();
        }
        self.names.clear();
        self.dying.clear();
        self.older.clear();
    }

    /// The number of a name, if an operation of the window names it.
    pub(crate) fn known(&self, field: FieldId) -> Option<u32> {
        if field.0 >= self.first_made {
            return self.made.get((field.0 - self.first_made) as usize).copied().filter(|number| *number != NONE);
        }
        self.older.binary_search_by_key(&field, |(name, _)| *name).ok().map(|at| self.older[at].1)
    }

    fn number(&mut self, field: FieldId) -> u32 {
        let next = self.names.len() as u32;
        if field.0 >= self.first_made {
            let at = (field.0 - self.first_made) as usize;
            if self.made.len() <= at {
                self.made.resize(at + 1, NONE);
            }
            if self.made[at] != NONE {
                return self.made[at];
            }
            self.made[at] = next;
        } else {
            match self.older.binary_search_by_key(&field, |(name, _)| *name) {
                Ok(at) => return self.older[at].1,
                Err(at) => self.older.insert(at, (field, next)),
            }
        }
        self.names.push(field);
        next
    }
}

/// Calls with each field that a planned group names, in a fixed order.
pub(crate) fn for_each_name(group: &mut Group, plan: &mut LaunchPlan, mut call: impl FnMut(&mut FieldId)) {
    group.operands.iter_mut().for_each(|operand| call(&mut operand.field));
    for first in &mut plan.prepare {
        call(&mut first.field);
        let transfers = first.rounds.iter_mut().flat_map(|round| round.sends.iter_mut().chain(&mut round.recvs));
        transfers.for_each(|transfer| call(&mut transfer.field));
    }
    plan.sends.iter_mut().chain(&mut plan.recvs).for_each(|part| call(&mut part.transfer.field));
}

/// What the stages look at. See the module's documentation.
#[derive(Debug)]
pub(crate) struct Pattern {
    operations: Vec<Shape>,
    mentions: Vec<u32>,
    fields: Vec<Seen>,
}

/// An operation without its fields.
#[derive(Debug)]
enum Shape {
    Create,
    Attach,
    Launch {
        task: TaskId,
        args: Arc<dyn TaskArgs>,
        domain: Rect,
        operands: Box<[(Access, Privilege)]>,
        cuts: SmallVec<[Cut; 4]>,
    },
    Reshape,
    Indirect {
        direction: Direction,
        stores: Box<[(Point, Access); 3]>,
    },
    Fetch {
        shape: Point,
        access: Access,
    },
    Fence,
}

/// A field at the beginning of the window, after those that it makes were made.
#[derive(Debug)]
struct Seen {
    bounds: Rect,
    size: u32,
    align: u32,
    dies: bool,
    owners: Owners,
}

/// Where a field's values are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owners {
    distribution: Option<Distribution>,
    held: Vec<Held>,
}

impl Owners {
    /// As they are.
    pub(crate) fn of(state: &FieldState) -> Owners {
        Owners { distribution: state.distribution.clone(), held: state.held.clone() }
    }
    fn is(&self, state: &FieldState) -> bool {
        self.distribution == state.distribution && self.held == state.held
    }
    /// Makes them so.
    pub(crate) fn apply(&self, states: &mut States, field: FieldId) {
        let state = states.get_mut(field);
        if !self.is(state) {
            state.distribution.clone_from(&self.distribution);
            state.held.clone_from(&self.held);
        }
    }
}

impl Shape {
    fn of(operation: &Operation) -> Shape {
        match operation {
            Operation::Create(_) => Shape::Create,
            Operation::Attach(_) => Shape::Attach,
            Operation::Launch(launch) => Shape::Launch {
                task: launch.task,
                args: launch.args.clone(),
                domain: launch.domain.clone(),
                operands: launch.operands.iter().map(|o| (o.access.clone(), o.privilege)).collect(),
                cuts: launch.cuts.clone(),
            },
            Operation::Reshape(_) => Shape::Reshape,
            Operation::Indirect(copy) => {
                let seen = |store: &Store| (store.shape.clone(), store.access.clone());
                let stores = [&copy.table, &copy.index, &copy.values].map(seen);
                Shape::Indirect { direction: copy.direction, stores: Box::new(stores) }
            }
            Operation::Fetch(fetch) => {
                Shape::Fetch { shape: fetch.src.shape.clone(), access: fetch.src.access.clone() }
            }
            Operation::Fence(_) => Shape::Fence,
        }
    }
    fn is(&self, operation: &Operation) -> bool {
        match (self, operation) {
            (Shape::Create, Operation::Create(_))
            | (Shape::Attach, Operation::Attach(_))
            | (Shape::Reshape, Operation::Reshape(_))
            | (Shape::Fence, Operation::Fence(_)) => true,
            (Shape::Launch { task, args, domain, operands, cuts }, Operation::Launch(launch)) => {
                let Launch { task: other_task, args: other, .. } = launch;
                task == other_task
                    && *domain == launch.domain
                    && *cuts == launch.cuts
                    && operands.len() == launch.operands.len()
                    && operands.iter().zip(&launch.operands).all(|((a, p), o)| *p == o.privilege && *a == o.access)
                    && (Arc::ptr_eq(args, other) || args.is_same(&**other))
            }
            (Shape::Indirect { direction, stores }, Operation::Indirect(copy)) => {
                let pairs = stores.iter().zip([&copy.table, &copy.index, &copy.values]);
                let same = |((shape, access), store): (&(Point, Access), &Store)| {
                    *shape == store.shape && *access == store.access
                };
                *direction == copy.direction && pairs.into_iter().all(same)
            }
            (Shape::Fetch { shape, access }, Operation::Fetch(fetch)) => {
                *shape == fetch.src.shape && *access == fetch.src.access
            }
            _ => false,
        }
    }
}

impl Pattern {
    /// Of a scanned window. `states`: before it, but with the fields that it makes.
    pub(crate) fn new(scan: &Scan, window: &[Operation], states: &States) -> Pattern {
        let seen = |(name, dies): (&FieldId, &bool)| {
            let state = states.get(*name);
            let (bounds, owners) = (state.bounds.clone(), Owners::of(state));
            Seen { bounds, size: state.size, align: state.align, dies: *dies, owners }
        };
        Pattern {
            operations: window.iter().map(Shape::of).collect(),
            mentions: scan.mentions.clone(),
            fields: scan.names.iter().zip(&scan.dying).map(seen).collect(),
        }
    }

    /// Whether a window has it.
    pub(crate) fn is(&self, scan: &Scan, window: &[Operation], states: &States) -> bool {
        let same = |(seen, (name, dies)): (&Seen, (&FieldId, &bool))| {
            let state = states.get(*name);
            seen.dies == *dies
                && seen.bounds == state.bounds
                && (seen.size, seen.align) == (state.size, state.align)
                && seen.owners.is(state)
        };
        self.mentions == scan.mentions
            && self.operations.len() == window.len()
            && self.fields.len() == scan.names.len()
            && self.fields.iter().zip(scan.names.iter().zip(&scan.dying)).all(same)
            && self.operations.iter().zip(window).all(|(shape, operation)| shape.is(operation))
    }
}

/// What was worked out for windows that came before, by their hash. Two generations: when the young one is full, the old one is forgotten, but for
/// what was of use meanwhile.
#[derive(Debug)]
pub(crate) struct Memory<T> {
    young: BTreeMap<u64, Trace<T>>,
    old: BTreeMap<u64, Trace<T>>,
    /// Operations of the young generation's patterns, about: what it costs to keep.
    operations: usize,
}

/// Windows of one hash.
#[derive(Debug)]
enum Trace<T> {
    /// One came. If it comes again it is worth remembering.
    Once,
    Known(Vec<(Pattern, T)>),
}

/// What [`Memory::recall`] finds.
pub(crate) enum Recalled<T> {
    /// This was worked out for its pattern; to be given back.
    Known(Pattern, T),
    /// It came before: what is worked out now should be given back.
    Again,
    /// It is new.
    New,
}

/// Hashes of a generation.
const GENERATION: usize = 128;
/// Operations of a generation's patterns; each keeps one or two kilobytes.
const OPERATIONS: usize = 4096;
/// Patterns of one hash.
const ALIKE: usize = 4;

impl<T> Default for Memory<T> {
    fn default() -> Memory<T> {
        Memory { young: BTreeMap::new(), old: BTreeMap::new(), operations: 0 }
    }
}

impl<T> Memory<T> {
    /// Looks a window up; `states` as for [`Pattern::is`].
    pub(crate) fn recall(&mut self, scan: &Scan, window: &[Operation], states: &States) -> Recalled<T> {
        if let Some(trace) = self.old.remove(&scan.hash) {
            self.keep(scan.hash, trace);
        }
        match self.young.get_mut(&scan.hash) {
            None => {
                self.keep(scan.hash, Trace::Once);
                Recalled::New
            }
            Some(Trace::Once) => Recalled::Again,
            Some(Trace::Known(known)) => match known.iter().position(|(p, _)| p.is(scan, window, states)) {
                Some(at) => {
                    let (pattern, value) = known.swap_remove(at);
                    self.operations = self.operations.saturating_sub(pattern.operations.len());
                    Recalled::Known(pattern, value)
                }
                None => Recalled::Again,
            },
        }
    }

    /// Remembers what was worked out for a window.
    pub(crate) fn remember(&mut self, scan: &Scan, pattern: Pattern, value: T) {
        self.operations += pattern.operations.len();
        if self.operations > OPERATIONS {
            self.operations = pattern.operations.len();
            self.old = std::mem::take(&mut self.young);
        }
        match self.young.get_mut(&scan.hash) {
            Some(Trace::Known(known)) => {
                if known.len() == ALIKE {
                    known.remove(0);
                }
                known.push((pattern, value));
            }
            _ => self.keep(scan.hash, Trace::Known(vec![(pattern, value)])),
        }
    }

    fn keep(&mut self, hash: u64, trace: Trace<T>) {
        if self.young.len() >= GENERATION && !self.young.contains_key(&hash) {
            self.old = std::mem::take(&mut self.young);
            self.operations = 0;
        }
        self.young.insert(hash, trace);
    }
}
