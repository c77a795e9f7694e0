//! The stages of a window on one shard: fused, mapped and planned anew, or as they were for an earlier window of the same pattern.

use super::launch::Body;
use super::record::Reasons;
use super::rows::Planned;
use super::{Common, Deaths, Shard, Window};
use crate::analysis::fuse::{self, Step};
use crate::analysis::group::Group;
use crate::analysis::map::map_group;
use crate::analysis::plan::LaunchPlan;
use crate::analysis::replay::{Owners, Pattern, Recalled, Scan, for_each_name};
use crate::analysis::version::States;
use crate::id::{FieldId, ShardId};
use crate::operation::Operation;
use crate::profile::count;
use crate::runtime::Replay;
use crate::runtime::fetched::FetchSlot;
use std::sync::Arc;

/// A window's steps, as they were taken, for the windows like it.
pub(super) struct Taken {
    steps: Vec<TakenStep>,
    /// Its groups, in order.
    groups: Vec<Planned>,
    /// By the numbers of fields: the last step of those that die.
    last: Vec<Option<usize>>,
}

enum TakenStep {
    /// The next group.
    Group {
        /// The numbers of the fields that it names, in the order of [`for_each_name`].
        names: Vec<u32>,
        /// Where its operands' fields are afterwards.
        after: Vec<(u32, Owners)>,
    },
    /// An operation that is no launch.
    Single(usize),
}

type Slots<'a> = std::slice::Iter<'a, Arc<FetchSlot>>;

impl Shard {
    /// Takes the steps of a window whose fields are made.
    pub(super) fn take_steps(&mut self, window: &Window) {
        let launches = window.operations.iter().any(|operation| matches!(operation, Operation::Launch(_)));
        if self.common.replay == Replay::Off || !launches {
            self.take_new_steps(window, None);
            return;
        }
        let mut scan = std::mem::take(&mut self.scan);
        scan.read(&window.operations, &window.fingerprints, &window.dead);
        match self.memory.recall(&scan, &window.operations, &self.states) {
            Recalled::Known(pattern, mut taken) => {
                self.take_known_steps(window, &scan, &mut taken);
                self.memory.remember(&scan, pattern, taken);
            }
            Recalled::Again => {
                let pattern = Pattern::new(&scan, &window.operations, &self.states);
                let taken = self.take_new_steps(window, Some(&scan));
                self.memory.remember(&scan, pattern, taken);
            }
            Recalled::New => {
                self.take_new_steps(window, None);
            }
        }
        self.scan = scan;
    }

    /// Works everything out. With a scan, what is returned serves windows like this one.
    fn take_new_steps(&mut self, window: &Window, scan: Option<&Scan>) -> Taken {
        let begun = self.common.profiler.begin();
        let steps = fuse::steps(&window.operations, &self.states, &self.common.registry, self.common.fuse);
        let deaths = Deaths::new(&steps, window);
        self.common.profiler.end_stage(begun, self.me, "fuse");
        let apart = self.explain(window);
        deaths.unused().for_each(|field| self.release_dead(field));
        let last = scan.map(|scan| deaths.by_number(scan)).unwrap_or_default();
        let mut taken = Taken { steps: Vec::new(), groups: Vec::new(), last };
        let (mut slots, mut launched) = (window.slots.iter(), 0);
        for (at, step) in steps.into_iter().enumerate() {
            match step {
                Step::Group(group) => {
                    let live = |field| deaths.outlives(field, at);
                    let (plan, body) = self.common.plan(self.me, &group, window, &mut self.states, live);
                    let rows = self.rows(&group, &plan, &body);
                    taken.groups.push(Planned { step: at, group, plan, body, rows });
                    self.tell(taken.groups.last().expect("one was pushed"), window, &apart);
                    if let Some(scan) = scan {
                        let planned = taken.groups.last_mut().expect("one was pushed");
                        taken.steps.push(TakenStep::of_group(planned, scan, &self.states));
                    }
                    launched = self.launch_ready(&taken.groups, launched, &deaths);
                }
                Step::Single(index) => {
                    self.launch_waiting(&taken.groups[launched..], &deaths);
                    launched = taken.groups.len();
                    self.take_single(at, &window.operations[index], &deaths, &mut slots);
                    taken.steps.push(TakenStep::Single(index));
                }
            }
        }
        self.launch_waiting(&taken.groups[launched..], &deaths);
        taken
    }

    /// Takes the steps of an earlier window with this one's fields.
    fn take_known_steps(&mut self, window: &Window, scan: &Scan, taken: &mut Taken) {
        if self.me == ShardId(0) {
            count(&self.graph.counters().replayed, 1);
        }
        let Taken { steps, groups, last } = taken;
        let deaths = Deaths::recalled(window, scan, last);
        let expected = (self.common.replay == Replay::Check).then(|| self.expect(window, &deaths));
        let apart = self.explain(window);
        deaths.unused().for_each(|field| self.release_dead(field));
        let (mut slots, mut next, mut launched) = (window.slots.iter(), 0, 0);
        for (at, step) in steps.iter().enumerate() {
            match step {
                TakenStep::Group { names, after } => {
                    let begun = self.common.profiler.begin();
                    let planned = &mut groups[next];
                    next += 1;
                    planned.rename(names, scan, window);
                    if let Some(expected) = &expected {
                        self.check(planned, &expected[at], after, scan, |field| deaths.outlives(field, at), window);
                    }
                    after.iter().for_each(|(number, owners)| owners.apply(&mut self.states, scan.name(*number)));
                    self.common.profiler.end_stage(begun, self.me, "replay");
                    self.tell(&groups[next - 1], window, &apart);
                    launched = self.launch_ready(&groups[..next], launched, &deaths);
                }
                TakenStep::Single(index) => {
                    self.launch_waiting(&groups[launched..next], &deaths);
                    launched = next;
                    self.take_single(at, &window.operations[*index], &deaths, &mut slots);
                }
            }
        }
        self.launch_waiting(&groups[launched..next], &deaths);
    }

    /// After a group was planned: launches those before it, if it cannot run with them, and itself, if none can run with it.
    /// `launched`: how many are; returns how many are then.
    fn launch_ready(&mut self, groups: &[Planned], mut launched: usize, deaths: &Deaths) -> usize {
        let (planned, before) = groups.split_last().expect("a group was planned");
        if !self.may_join(&before[launched..], planned) {
            self.launch_waiting(&before[launched..], deaths);
            launched = before.len();
        }
        if planned.rows.is_none() {
            self.launch_waiting(&groups[launched..], deaths);
            launched = groups.len();
        }
        launched
    }

    fn take_single(&mut self, at: usize, operation: &Operation, deaths: &Deaths, slots: &mut Slots<'_>) {
        self.single(operation, |field| !deaths.outlives(field, at), slots);
        deaths.after(at).for_each(|field| self.release_dead(field));
    }

    /// Counts a planned group, and notes it for a report.
    fn tell(&self, planned: &Planned, window: &Window, apart: &Reasons) {
        if self.me == ShardId(0) {
            let Planned { group, plan, body, .. } = planned;
            let members = group.members.len() as u64;
            count(&self.graph.counters().groups, 1);
            count(&self.graph.counters().fused, if members > 1 { members } else { 0 });
            let memory = (&body.operands[..], body.dead);
            self.common.profiler.record(|| self.record((group, plan), &window.operations, memory, apart));
        }
    }

    /// The steps of a known window, worked out again.
    fn expect(&self, window: &Window, recalled: &Deaths) -> Vec<Step> {
        let steps = fuse::steps(&window.operations, &self.states, &self.common.registry, self.common.fuse);
        let deaths = Deaths::new(&steps, window);
        assert!(deaths.last == recalled.last && deaths.dead == recalled.dead, "replay: fields die elsewhere");
        steps
    }

    /// Works a known step out again and compares.
    fn check(
        &self,
        planned: &Planned,
        step: &Step,
        after: &[(u32, Owners)],
        scan: &Scan,
        live: impl Fn(FieldId) -> bool,
        window: &Window,
    ) {
        let Step::Group(group) = step else { panic!("replay: a group was expected, not {step:?}") };
        let mut states = self.states.clone();
        let (plan, body) = self.common.plan(self.me, group, window, &mut states, live);
        let same = *group == planned.group
            && plan == planned.plan
            && body.operands == planned.body.operands
            && (body.dead, body.operation) == (planned.body.dead, planned.body.operation)
            && body.args.is_same(&*planned.body.args);
        assert!(same, "replay: {group:?} {plan:?}, not {:?} {:?}", planned.group, planned.plan);
        assert_eq!(self.rows(group, &plan, &body), planned.rows, "replay: the rows of {group:?}");
        for (number, owners) in after {
            let expected = Owners::of(states.get(scan.name(*number)));
            assert_eq!(*owners, expected, "replay: the owners of {} after {group:?}", scan.name(*number));
        }
    }
}

impl TakenStep {
    /// Of a group that was just planned.
    fn of_group(planned: &mut Planned, scan: &Scan, states: &States) -> TakenStep {
        let mut names = Vec::new();
        for_each_name(&mut planned.group, &mut planned.plan, |field| names.push(scan.number_of(*field)));
        let after = planned.group.operands.iter().map(|o| o.field);
        let after = after.map(|field| (scan.number_of(field), Owners::of(states.get(field)))).collect();
        TakenStep::Group { names, after }
    }
}

impl Planned {
    /// Makes it the group of another window of its pattern.
    fn rename(&mut self, names: &[u32], scan: &Scan, window: &Window) {
        let mut names = names.iter();
        for_each_name(&mut self.group, &mut self.plan, |field| {
            *field = scan.name(*names.next().expect("a plan names as many fields as when it was made"));
        });
        let first = self.group.launches(&window.operations).next().expect("a group has members");
        self.body.provenance.clone_from(&first.provenance);
        self.body.operation = first.id;
    }
}

impl Common {
    /// Maps, plans, binds and composes a group. `live`: whether a field's values are wanted after this step.
    fn plan(
        &self,
        me: ShardId,
        group: &Group,
        window: &Window,
        states: &mut States,
        live: impl Fn(FieldId) -> bool,
    ) -> (LaunchPlan, Body) {
        let Common { registry, mapper, machine, profiler, .. } = self;
        let begun = profiler.begin();
        let mapping = map_group(group, &window.operations, states, registry, &**mapper, machine);
        profiler.end_stage(begun, me, "map");
        let begun = profiler.begin();
        let plan = states.plan_launch(group, &mapping, me);
        profiler.end_stage(begun, me, "plan");
        let begun = profiler.begin();
        let bound = group.bind(live);
        let (task, args) = group.compose(&bound, &window.operations, registry);
        let first = group.launches(&window.operations).next().expect("a group has members");
        let body = Body {
            task: registry.task(task).clone(),
            args,
            operands: bound.operands.iter().copied().collect(),
            provenance: first.provenance.clone(),
            operation: first.id,
            dead: bound.dead,
        };
        profiler.end_stage(begun, me, "compose");
        (plan, body)
    }
}
