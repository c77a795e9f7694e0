//! A fused group: launches over one domain that run as one body.
//!
//! What a group *is* is the same on every shard. What of it is written to memory is decided by each shard for itself ([`Group::bind`]): a field that nobody can
//! see any more is never stored.

use crate::geometry::Rect;
use crate::id::{FieldId, TaskId};
use crate::operation::{Binding, Cut, Launch, Operand, Operation, Part, Privilege, Registry, TaskArgs};
use smallvec::SmallVec;
use std::sync::Arc;

/// Launches of a window that run as one, and their joined operand table. Pure: the same on every shard.
///
/// Which of the operands are written to memory is decided apart from this, see [`Group::bind`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The members in program order.
    pub members: SmallVec<[Member; 2]>,
    /// The points.
    pub domain: Rect,
    /// One per domain dimension.
    pub cuts: SmallVec<[Cut; 4]>,
    /// Every array that a member touches, once for each pair of a field and an access; privileges are joined (a field that
    /// is first read and then written is `ReadWrite`; one that is first written is `WriteDiscard`, whoever reads it later).
    pub operands: SmallVec<[Operand; 4]>,
    /// Operands (`WriteDiscard`) that are written to a fresh instance of their field, because other operands read what was there before. No other operand
    /// writes such a field.
    pub fresh: SmallVec<[usize; 1]>,
}

/// One launch of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Position in the window.
    pub index: usize,
    /// For each operand of the launch, which operand of the group it is.
    pub operands: SmallVec<[usize; 4]>,
    /// For each operand of the launch, what the launch does with it.
    pub privileges: SmallVec<[Privilege; 4]>,
}

impl Member {
    /// What a launch does, its operands being these of the group.
    pub fn new(launch: &Launch, index: usize, operands: SmallVec<[usize; 4]>) -> Member {
        Member { index, operands, privileges: launch.operands.iter().map(|o| o.privilege).collect() }
    }
    /// Whether it uses an operand of the group so.
    fn uses(&self, operand: usize, writing: bool) -> bool {
        self.operands.iter().zip(&self.privileges).any(|(o, p)| *o == operand && p.writes() == writing)
    }
}

impl Group {
    /// The group of one launch. `index` is its place in the window.
    pub fn single(launch: &Launch, index: usize) -> Group {
        let operands = (0..launch.operands.len()).collect();
        Group {
            members: SmallVec::from_elem(Member::new(launch, index, operands), 1),
            domain: launch.domain.clone(),
            cuts: launch.cuts.clone(),
            operands: launch.operands.clone(),
            fresh: SmallVec::new(),
        }
    }
}

impl Group {
    /// The members' launches.
    pub fn launches<'a>(&'a self, window: &'a [Operation]) -> impl Iterator<Item = &'a Launch> {
        self.members.iter().map(|member| match &window[member.index] {
            Operation::Launch(launch) => launch,
            _ => unreachable!("members of a group are launches"),
        })
    }
    /// What the bodies call themselves, joined.
    pub fn label(&self, window: &[Operation], registry: &Registry) -> String {
        let labels = self.launches(window).map(|l| registry.task(l.task).label(&*l.args));
        labels.collect::<Vec<_>>().join(",")
    }
    /// Estimated nanoseconds on one core.
    pub fn cost_ns(&self, window: &[Operation], registry: &Registry) -> f64 {
        let per_point: f64 = self.launches(window).map(|l| registry.task(l.task).cost(&*l.args).ns_per_point).sum();
        per_point * self.domain.volume() as f64
    }
}

/// Which operands of a group exist in memory on this shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// The operands of the body that runs, in order: which of the group's operands they are.
    pub operands: SmallVec<[usize; 8]>,
    /// For each member what its operands are; `Operand(k)` counts in `operands`.
    pub bindings: Vec<SmallVec<[Binding; 4]>>,
    /// Nothing is written that anyone can see: the body need not run (the group's messages still go).
    pub dead: bool,
}

impl Group {
    /// Decides which operands are in memory. `live` says of a field whether its values are wanted after this step: it has a handle, or a later step of the
    /// window touches it. May differ between shards.
    ///
    /// A group of one member keeps all its operands (its body is run as it is).
    pub fn bind(&self, live: impl Fn(FieldId) -> bool) -> Bound {
        let seen = |o: &Operand| o.privilege.writes() && live(o.field);
        let dead = !self.operands.iter().any(seen);
        if self.members.len() == 1 {
            let all = 0..self.operands.len();
            return Bound {
                operands: all.clone().collect(),
                bindings: vec![all.map(Binding::Operand).collect()],
                dead,
            };
        }
        let mut binder = Binder { group: self, memory: SmallVec::new(), registers: SmallVec::new(), next: 0 };
        binder.registers.resize(self.operands.len(), None);
        let bindings = (0..self.members.len()).map(|m| binder.member(m, &live)).collect();
        Bound { operands: binder.memory, bindings, dead }
    }

    /// The task and arguments that do all members' work at each point, on the operands of `bound`.
    pub fn compose(&self, bound: &Bound, window: &[Operation], registry: &Registry) -> (TaskId, Arc<dyn TaskArgs>) {
        let launches: SmallVec<[&Launch; 8]> = self.launches(window).collect();
        if let [only] = launches.as_slice() {
            return (only.task, only.args.clone());
        }
        let composer = registry.task(launches[0].task).composer().expect("only bodies with a composer are joined");
        let parts = launches.iter().zip(&bound.bindings);
        let parts: Vec<Part<'_>> =
            parts.map(|(l, bindings)| Part { task: l.task, args: &*l.args, bindings: bindings.clone() }).collect();
        composer.compose(&parts, bound.operands.len())
    }
}

struct Binder<'a> {
    group: &'a Group,
    /// Group operands that are in memory, so far.
    memory: SmallVec<[usize; 8]>,
    /// For each group operand the register that has its value, if a member has written it.
    registers: SmallVec<[Option<usize>; 8]>,
    next: usize,
}

impl Binder<'_> {
    fn member(&mut self, m: usize, live: &impl Fn(FieldId) -> bool) -> SmallVec<[Binding; 4]> {
        let Member { operands, privileges, .. } = &self.group.members[m];
        // Reads first: they see what was there before this member.
        let reads: SmallVec<[Option<Binding>; 4]> =
            operands.iter().zip(privileges).map(|(k, p)| (!p.writes()).then(|| self.read(*k))).collect();
        let all = reads.into_iter().zip(operands.iter().zip(privileges));
        all.map(|(read, (k, privilege))| read.unwrap_or_else(|| self.write(m, *k, *privilege, live))).collect()
    }
    fn read(&mut self, operand: usize) -> Binding {
        match self.registers[operand] {
            Some(local) => Binding::Local(local),
            None => Binding::Operand(self.in_memory(operand)),
        }
    }
    fn write(&mut self, m: usize, operand: usize, privilege: Privilege, live: &impl Fn(FieldId) -> bool) -> Binding {
        if privilege != Privilege::WriteDiscard {
            return Binding::Operand(self.in_memory(operand));
        }
        let later = &self.group.members[m + 1..];
        let overwritten = later.iter().any(|member| member.uses(operand, true));
        let stored = !overwritten && live(self.group.operands[operand].field);
        let read_later = later.iter().any(|member| member.uses(operand, false));
        if stored && !read_later {
            return Binding::Operand(self.in_memory(operand));
        }
        let local = self.next;
        self.next += 1;
        self.registers[operand] = Some(local);
        if stored { Binding::Both { operand: self.in_memory(operand), local } } else { Binding::Local(local) }
    }
    fn in_memory(&mut self, operand: usize) -> usize {
        self.memory.iter().position(|k| *k == operand).unwrap_or_else(|| {
            self.memory.push(operand);
            self.memory.len() - 1
        })
    }
}
