//! Shards that are bags of values, moved as the plans say, and the sequential shadow beside them.

use crate::mapper::RandomMapper;
use crate::program::{Program, attached, body, item_points, registry};
use crate::values::{Value, fold_node, join, mix, points};
use legate_core::analysis::fuse::why::apart;
use legate_core::analysis::fuse::{Step, last_uses, steps};
use legate_core::analysis::group::{Bound, Group};
use legate_core::analysis::map::map_group;
use legate_core::analysis::plan::{
    FetchPlan, JoinPlan, JoinStep, LaunchPlan, MovePlan, OperandTransfer, Place, Recipient, ReshapePlan, Round,
    Transfer,
};
use legate_core::analysis::version::States;
use legate_core::geometry::tree::{Partials, Tree};
use legate_core::geometry::{Point, Rect, linear_rects};
use legate_core::id::{FieldId, OpId, ShardId};
use legate_core::mapping::MachineView;
use legate_core::operation::{Attach, Binding, Cut, Launch, Operation, Privilege, Registry, Reshape};
use legate_core::store::Store;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

type Values = BTreeMap<(FieldId, Point), Value>;
type Message = Vec<Value>;

/// One shard: its analysis, its main instances.
pub(crate) struct Shard {
    pub(crate) me: ShardId,
    pub(crate) states: States,
    main: Values,
    /// What the main instances cover.
    covers: BTreeMap<FieldId, Rect>,
}

pub(crate) struct Machine {
    pub(crate) shards: Vec<Shard>,
    pub(crate) mapper: RandomMapper,
    pub(crate) view: MachineView,
    registry: Registry,
    fuse: bool,
    pub(crate) shadow: Values,
    /// Messages under way, by sender and receiver.
    network: BTreeMap<(ShardId, ShardId), VecDeque<Message>>,
}

impl Shard {
    pub(crate) fn cover(&mut self, field: FieldId, rect: &Rect) {
        if !rect.is_empty() {
            let covered = self.covers.entry(field).or_insert_with(|| rect.clone());
            *covered = covered.bounding(rect);
        }
    }
    pub(crate) fn read(&self, field: FieldId, point: Point) -> Value {
        let covered = self.covers.get(&field).is_some_and(|rect| contains(rect, &point));
        assert!(covered, "{:?} reads {field}{point:?}, its instance covers {:?}", self.me, self.covers.get(&field));
        self.main.get(&(field, point)).copied().unwrap_or(0)
    }
    pub(crate) fn read_all(&self, field: FieldId, points: impl IntoIterator<Item = Point>) -> Message {
        points.into_iter().map(|p| self.read(field, p)).collect()
    }
    pub(crate) fn write_all(&mut self, field: FieldId, points: Vec<Point>, values: Message) {
        assert_eq!(points.len(), values.len(), "the message has the size that the receiver expects");
        for (point, value) in points.into_iter().zip(values) {
            assert!(
                contains(&self.covers[&field], &point),
                "{:?} writes {field}{point:?} outside its instance",
                self.me
            );
            self.main.insert((field, point), value);
        }
    }
}

pub(crate) fn contains(rect: &Rect, point: &[i64]) -> bool {
    point.iter().enumerate().all(|(d, x)| rect.lo[d] <= *x && *x < rect.hi[d])
}

impl Machine {
    pub(crate) fn new(shards: u32, mapper: RandomMapper, fuse: bool) -> Machine {
        let shard =
            |k| Shard { me: ShardId(k), states: States::new(shards), main: Values::new(), covers: BTreeMap::new() };
        Machine {
            shards: (0..shards).map(shard).collect(),
            mapper,
            view: MachineView { shards, cores: 1, memory_bytes: 1 << 30, cache_bytes: 1 << 20 },
            registry: registry(),
            fuse,
            shadow: Values::new(),
            network: BTreeMap::new(),
        }
    }

    /// Runs a window; handles are as `program` has them now.
    pub(crate) fn run(&mut self, window: &[Operation], program: &mut Program) {
        for operation in window {
            if let Operation::Create(create) = operation {
                self.shards.iter_mut().for_each(|s| s.states.create(create));
            }
        }
        let steps = steps(window, &self.shards[0].states, &self.registry, self.fuse);
        self.check_reasons(window, &steps);
        let last = last_uses(&steps, window);
        for (k, step) in steps.iter().enumerate() {
            let live = |field: FieldId| program.is_live(field) || last.get(&field).is_some_and(|l| *l > k);
            if std::env::var_os("SHOW").is_some() {
                eprintln!("{step:?}");
            }
            match step {
                Step::Group(group) => self.group(group, window, &live),
                Step::Single(index) => match &window[*index] {
                    Operation::Attach(attach) => self.attach(attach),
                    Operation::Reshape(reshape) => self.reshape(reshape),
                    Operation::Indirect(copy) => self.indirect(copy),
                    Operation::Fetch(fetch) => {
                        let to = fetch.id.0 % 3;
                        let one = Recipient::One(ShardId((fetch.id.0 % self.shards.len() as u64) as u32));
                        self.fetch(&fetch.src, if to == 0 { Recipient::All } else { one });
                    }
                    other => panic!("{other:?} makes no step"),
                },
            }
            self.check(&live);
        }
    }

    /// A launch has a reason for standing apart exactly if it begins a group.
    fn check_reasons(&self, window: &[Operation], steps: &[Step]) {
        let reasons = apart(window, &self.shards[0].states, &self.registry, self.fuse);
        let first = |step: &Step| match step {
            Step::Group(group) => group.launches(window).next().map(|launch| launch.id),
            Step::Single(_) => None,
        };
        let begins: BTreeSet<OpId> = steps.iter().filter_map(first).collect();
        assert_eq!(reasons.into_keys().collect::<BTreeSet<OpId>>(), begins);
    }

    /// All shards think alike; owners and holders of copies have the current values; no message is left over.
    fn check(&self, live: &impl Fn(FieldId) -> bool) {
        let first = format!("{:?}", self.shards[0].states);
        for shard in &self.shards {
            assert_eq!(format!("{:?}", shard.states), first, "shards disagree");
        }
        assert!(self.network.values().all(VecDeque::is_empty), "a message was not received");
        let fields: Vec<FieldId> = self.shadow.keys().map(|(f, _)| *f).collect::<BTreeSet<_>>().into_iter().collect();
        let count = self.shards.len() as u32;
        for field in fields.into_iter().filter(|f| live(*f)) {
            let state = self.shards[0].states.get(field);
            let expected = |p: &Point| self.shadow.get(&(field, p.clone())).copied().unwrap_or(0);
            for shard in &self.shards {
                let own = state
                    .distribution
                    .iter()
                    .flat_map(|d| d.pieces(&state.bounds, shard.me, count))
                    .map(|(_, piece)| piece);
                let held = state.held.iter().flat_map(|h| {
                    h.at.pieces(&h.domain, shard.me, count).into_iter().map(|(_, piece)| h.access.image(&piece))
                });
                for p in own.chain(held).flat_map(|rect| points(&rect)) {
                    let found = shard.main.get(&(field, p.clone())).copied().unwrap_or(0);
                    assert_eq!(found, expected(&p), "{:?} {field}{p:?} is stale; {state:?}", shard.me);
                }
            }
        }
    }

    pub(crate) fn check_field(&mut self, field: FieldId, shape: &[i64], to: Recipient) {
        let access = legate_core::store::Access::identity(shape.len());
        self.fetch(&Store { field, shape: shape.into(), access }, to);
    }

    pub(crate) fn send(&mut self, from: ShardId, to: ShardId, message: Message) {
        assert_ne!(from, to, "a shard sends itself nothing");
        self.network.entry((from, to)).or_default().push_back(message);
    }
    fn receive(&mut self, from: ShardId, to: ShardId) -> Message {
        self.network.get_mut(&(from, to)).and_then(VecDeque::pop_front).expect("what is received was sent")
    }
    fn arrived(&self, from: ShardId, to: ShardId) -> bool {
        self.network.get(&(from, to)).is_some_and(|queue| !queue.is_empty())
    }

    pub(crate) fn moves(&mut self, plans: Vec<MovePlan>) {
        let transfer = |machine: &mut Machine, me: usize, t: &Transfer| {
            let message = machine.shards[me].read_all(t.field, points(&t.rect));
            machine.send(ShardId(me as u32), t.peer, message);
        };
        for (me, plan) in plans.iter().enumerate() {
            self.shards[me].cover(plan.field, &plan.main);
        }
        // A shard does all that it can do in order: it never waits for what comes later.
        let mut left: Vec<VecDeque<Part>> = plans.iter().map(in_order).collect();
        while left.iter().any(|steps| !steps.is_empty()) {
            let mut moved = false;
            for (me, steps) in left.iter_mut().enumerate() {
                while let Some(step) = steps.front() {
                    match step {
                        Part::Send(t) => transfer(self, me, t),
                        Part::Receive(t) if self.arrived(t.peer, ShardId(me as u32)) => {
                            let message = self.receive(t.peer, ShardId(me as u32));
                            self.shards[me].write_all(t.field, points(&t.rect), message);
                        }
                        Part::Receive(_) => break,
                    }
                    steps.pop_front();
                    moved = true;
                }
            }
            assert!(moved, "shards wait for what nobody sends: {left:?}");
        }
    }

    fn group(&mut self, group: &Group, window: &[Operation], live: &impl Fn(FieldId) -> bool) {
        let mut plans: Vec<LaunchPlan> = Vec::new();
        for shard in &mut self.shards {
            let mapping = map_group(group, window, &shard.states, &self.registry, &self.mapper, &self.view);
            plans.push(shard.states.plan_launch(group, &mapping, shard.me));
        }
        if std::env::var_os("SHOW").is_some() {
            plans.iter().for_each(|plan| eprintln!("{plan:?}"));
        }
        for k in 0..plans[0].prepare.len() {
            self.moves(plans.iter().map(|plan| plan.prepare[k].clone()).collect());
        }
        for (me, plan) in plans.iter().enumerate() {
            for (k, place) in plan.places.iter().enumerate() {
                if let Place::Main(rect) = place {
                    self.shards[me].cover(group.operands[k].field, rect);
                }
            }
            for OperandTransfer { transfer: t, .. } in &plan.sends {
                let message = self.shards[me].read_all(t.field, points(&t.rect));
                self.send(ShardId(me as u32), t.peer, message);
            }
        }
        let bound = group.bind(live);
        let launches: Vec<&Launch> = group.launches(window).collect();
        let mut partials = Vec::new();
        for (me, plan) in plans.iter().enumerate() {
            let temporaries = self.receive_operands(group, plan, me);
            partials.push(self.compute(group, &launches, &bound, plan, &temporaries, me));
        }
        let joins: Vec<Option<JoinPlan>> = plans.iter().map(|plan| plan.join.clone()).collect();
        self.join(group, joins, partials);
        launches.iter().for_each(|launch| shadow_launch(&mut self.shadow, launch));
    }

    /// Puts messages where the places say; returns the temporary instances.
    pub(crate) fn receive_operands(&mut self, group: &Group, plan: &LaunchPlan, me: usize) -> Vec<Option<Values>> {
        let mut temporaries: Vec<Option<Values>> = Vec::new();
        for (place, operand) in plan.places.iter().zip(&group.operands) {
            temporaries.push(match place {
                Place::Main(_) => None,
                Place::Temporary { rect, local } => {
                    assert!(local.iter().all(|part| rect.contains(part)));
                    let own = local.iter().flat_map(points);
                    Some(own.map(|p| ((operand.field, p.clone()), self.shards[me].read(operand.field, p))).collect())
                }
            });
        }
        for OperandTransfer { operand, transfer: t } in &plan.recvs {
            let message = self.receive(t.peer, ShardId(me as u32));
            match &mut temporaries[*operand] {
                None => self.shards[me].write_all(t.field, points(&t.rect), message),
                Some(values) => {
                    assert_eq!(points(&t.rect).len(), message.len());
                    values.extend(points(&t.rect).into_iter().map(|p| (t.field, p)).zip(message));
                }
            }
        }
        temporaries
    }

    /// The pieces of one shard. Returns for each operand that folds the canonical nodes of its pieces.
    fn compute(
        &mut self,
        group: &Group,
        launches: &[&Launch],
        bound: &Bound,
        plan: &LaunchPlan,
        temporaries: &[Option<Values>],
        me: usize,
    ) -> BTreeMap<usize, Folds> {
        let mut stores: Values = Values::new();
        let mut folds: BTreeMap<usize, Folds> = BTreeMap::new();
        for point_plan in &plan.points {
            assert!(!point_plan.rect.is_empty());
            assert_cut_as_allowed(group, &point_plan.rect);
            let mut streams: BTreeMap<usize, Values> = BTreeMap::new();
            for p in points(&point_plan.rect) {
                let mut registers: BTreeMap<usize, Value> = BTreeMap::new();
                for (m, launch) in launches.iter().enumerate() {
                    let bindings = &bound.bindings[m];
                    let read = |k: usize| -> Value {
                        match bindings[k] {
                            Binding::Local(l) => registers[&l],
                            Binding::Operand(k) => {
                                let place = bound.operands[k];
                                let operand = &group.operands[place];
                                let at = operand.access.apply(&p);
                                assert!(contains(&point_plan.images[place], &at));
                                match &temporaries[place] {
                                    Some(values) => values[&(operand.field, at)],
                                    None => self.shards[me].read(operand.field, at),
                                }
                            }
                            Binding::Both { .. } => panic!("reads are bound to one place"),
                        }
                    };
                    let reads: Vec<Value> = (0..launch.operands.len())
                        .filter(|k| launch.operands[*k].privilege.reads())
                        .map(read)
                        .collect();
                    for (k, operand) in launch.operands.iter().enumerate().filter(|(_, o)| o.privilege.writes()) {
                        let value = body(launch, k, &p, &reads);
                        let (memory, register) = match bindings[k] {
                            Binding::Operand(k) => (Some(k), None),
                            Binding::Local(l) => (None, Some(l)),
                            Binding::Both { operand, local } => (Some(operand), Some(local)),
                        };
                        register.map(|l| registers.insert(l, value));
                        let Some(place) = memory.map(|k| bound.operands[k]) else { continue };
                        assert_eq!(
                            plan.places[place],
                            Place::Main(place_rect(&plan.places[place])),
                            "writes go to the main instance"
                        );
                        if matches!(operand.privilege, Privilege::Reduce(_)) {
                            streams.entry(place).or_default().insert((operand.field, p.clone()), value);
                        } else {
                            stores.insert((operand.field, operand.access.apply(&p)), value);
                        }
                    }
                }
            }
            for (place, stream) in streams {
                fold_piece(group, place, &point_plan.rect, &stream, folds.entry(place).or_default());
            }
        }
        self.renew(group, bound, plan, me);
        for ((field, point), value) in stores {
            self.shards[me].write_all(field, vec![point], vec![value]);
        }
        folds
    }

    /// Fresh main instances: of the old ones only what the plan keeps is left.
    fn renew(&mut self, group: &Group, bound: &Bound, plan: &LaunchPlan, me: usize) {
        assert_eq!(plan.fresh.iter().map(|fresh| fresh.operand).collect::<Vec<_>>(), group.fresh.to_vec());
        for fresh in &plan.fresh {
            let field = group.operands[fresh.operand].field;
            let writers = group.operands.iter().filter(|o| o.field == field && o.privilege.writes()).count();
            assert_eq!(writers, 1, "what else is written would be written to the old instance");
            if bound.operands.contains(&fresh.operand) && !plan.points.is_empty() {
                let kept = |p: &Point| fresh.keep.iter().any(|rect| contains(rect, p));
                self.shards[me].main.retain(|(of, p), _| *of != field || kept(p));
            }
        }
    }

    /// Joins partial results over shards, or just writes them.
    fn join(&mut self, group: &Group, plans: Vec<Option<JoinPlan>>, mut partials: Vec<BTreeMap<usize, Folds>>) {
        let joined = |place: &usize| plans[0].iter().flat_map(|plan| &plan.operands).any(|(k, _)| k == place);
        for (me, folds) in partials.iter_mut().enumerate() {
            let done: Vec<usize> = folds.keys().copied().filter(|place| !joined(place)).collect();
            for place in done {
                let field = group.operands[place].field;
                for (point, nodes) in folds.remove(&place).expect("it was just there") {
                    let value = *nodes.root().expect("a fold that is not cut is whole");
                    self.shards[me].write_all(field, vec![point], vec![value]);
                }
            }
        }
        let Some(plan) = plans[0].clone() else { return };
        // Gathering, by its own small network: contents describe themselves.
        let mut steps: Vec<VecDeque<JoinStep>> =
            plans.iter().map(|p| p.as_ref().expect("all shards join or none").steps.clone().into()).collect();
        let mut mail: BTreeMap<(u32, ShardId), VecDeque<BTreeMap<usize, Folds>>> = BTreeMap::new();
        while steps.iter().any(|s| !s.is_empty()) {
            let mut moved = false;
            for me in 0..steps.len() {
                let Some(step) = steps[me].front().copied() else { continue };
                let own = me as u32;
                match step {
                    JoinStep::GatherTo(peer) | JoinStep::SpreadTo(peer) => {
                        mail.entry((own, peer)).or_default().push_back(partials[me].clone());
                    }
                    JoinStep::GatherFrom(peer) | JoinStep::SpreadFrom(peer) => {
                        let Some(theirs) = mail.get_mut(&(peer.0, ShardId(own))).and_then(VecDeque::pop_front) else {
                            continue;
                        };
                        if matches!(step, JoinStep::SpreadFrom(_)) {
                            partials[me] = theirs;
                        } else {
                            for (place, fold) in theirs {
                                let mine = partials[me].entry(place).or_default();
                                for (point, nodes) in fold {
                                    let all = mine.entry(point).or_insert_with(|| Partials::new(Tree::new(plan.items)));
                                    nodes.into_nodes().for_each(|(node, value)| all.insert(node, value, join));
                                }
                            }
                        }
                    }
                }
                steps[me].pop_front();
                moved = true;
            }
            assert!(moved, "the steps of a join wait for each other");
        }
        for (me, folds) in partials.into_iter().enumerate() {
            for (place, _) in &plan.operands {
                let field = group.operands[*place].field;
                let bounds = self.shards[me].states.get(field).bounds.clone();
                self.shards[me].cover(field, &bounds);
                for p in points(&bounds) {
                    let value = *folds[place][&p].root().expect("everything was gathered");
                    self.shards[me].write_all(field, vec![p], vec![value]);
                }
            }
        }
    }

    fn attach(&mut self, attach: &Attach) {
        let bounds = self.shards[0].states.get(attach.field).bounds.clone();
        let all: BTreeMap<Point, Value> =
            points(&bounds).into_iter().enumerate().map(|(k, p)| (p, attached(attach.id, k))).collect();
        for shard in &mut self.shards {
            for piece in shard.states.plan_attach(attach.field, &self.mapper, &self.view, shard.me) {
                shard.cover(attach.field, &piece);
                let values = points(&piece).iter().map(|p| all[p]).collect();
                shard.write_all(attach.field, points(&piece), values);
            }
        }
        self.shadow.extend(all.into_iter().map(|(p, value)| ((attach.field, p), value)));
    }

    fn reshape(&mut self, reshape: &Reshape) {
        let Reshape { src, dst, .. } = reshape;
        let plans: Vec<ReshapePlan> = self.shards.iter_mut().map(|s| s.states.plan_reshape(*src, *dst, s.me)).collect();
        if plans[0].prepare.is_some() {
            self.moves(plans.iter().map(|p| p.prepare.clone().expect("all shards prepare or none")).collect());
        }
        let from = self.shards[0].states.get(*src).bounds.clone();
        let to = self.shards[0].states.get(*dst).bounds.clone();
        let of = |bounds: &Rect, r: &std::ops::Range<u64>| -> Vec<Point> {
            linear_rects(bounds, r.clone()).iter().flat_map(points).collect()
        };
        for (me, plan) in plans.iter().enumerate() {
            self.shards[me].cover(*dst, &plan.main);
            for (peer, range) in &plan.sends {
                assert!(!plan.in_place);
                let message = self.shards[me].read_all(*src, of(&from, range));
                self.send(ShardId(me as u32), *peer, message);
            }
            for range in &plan.local {
                let message = self.shards[me].read_all(*src, of(&from, range));
                self.shards[me].write_all(*dst, of(&to, range), message);
            }
        }
        for (me, plan) in plans.iter().enumerate() {
            for (peer, range) in &plan.recvs {
                let message = self.receive(*peer, ShardId(me as u32));
                self.shards[me].write_all(*dst, of(&to, range), message);
            }
            if plan.in_place {
                let owners = self.shards[me].states.get(*src).distribution.clone().expect("it was reshaped");
                let own = owners.pieces(&from, ShardId(me as u32), plans.len() as u32);
                let own: u64 = own.iter().map(|(_, piece)| piece.volume()).sum();
                assert_eq!(own, plan.local.iter().map(|r| r.end - r.start).sum::<u64>());
            }
        }
        for (p, q) in points(&from).into_iter().zip(points(&to)) {
            let value = self.shadow.get(&(*src, p)).copied().unwrap_or(0);
            self.shadow.insert((*dst, q), value);
        }
    }

    fn fetch(&mut self, src: &Store, to: Recipient) {
        let plans: Vec<FetchPlan> = self.shards.iter_mut().map(|s| s.states.plan_fetch(src, to, s.me)).collect();
        if plans[0].prepare.is_some() {
            self.moves(plans.iter().map(|p| p.prepare.clone().expect("all shards prepare or none")).collect());
        }
        let through = |rect: &Rect| points(rect).into_iter().map(|p| src.access.apply(&p));
        let mut buffers: Vec<BTreeMap<Point, Value>> = vec![BTreeMap::new(); plans.len()];
        for (me, plan) in plans.iter().enumerate() {
            for t in &plan.sends {
                let message = self.shards[me].read_all(src.field, through(&t.rect));
                self.send(ShardId(me as u32), t.peer, message);
            }
            for rect in &plan.local {
                let values = self.shards[me].read_all(src.field, through(rect));
                buffers[me].extend(points(rect).into_iter().zip(values));
            }
        }
        let view = Rect::from_shape(&src.shape);
        for (me, plan) in plans.iter().enumerate() {
            for t in &plan.recvs {
                let message = self.receive(t.peer, ShardId(me as u32));
                buffers[me].extend(points(&t.rect).into_iter().zip(message));
            }
            assert_eq!(plan.receives, to == Recipient::All || to == Recipient::One(ShardId(me as u32)));
            let expected = |p: Point| {
                let value = self.shadow.get(&(src.field, src.access.apply(&p))).copied().unwrap_or(0);
                (p, value)
            };
            let expected: BTreeMap<Point, Value> =
                if plan.receives { points(&view).into_iter().map(expected).collect() } else { BTreeMap::new() };
            assert_eq!(buffers[me], expected, "fetched {src:?} on shard {me}");
        }
    }
}

/// Partial results of an operand: for each point of its field the canonical nodes.
type Folds = BTreeMap<Point, Partials<Value>>;

fn place_rect(place: &Place) -> Rect {
    match place {
        Place::Main(rect) | Place::Temporary { rect, .. } => rect.clone(),
    }
}

fn assert_cut_as_allowed(group: &Group, piece: &Rect) {
    for (d, cut) in group.cuts.iter().enumerate() {
        let (lo, hi, end) = (piece.lo[d], piece.hi[d], group.domain.hi[d]);
        let aligned =
            |granule: &u64| (lo as u64).is_multiple_of(*granule) && ((hi as u64).is_multiple_of(*granule) || hi == end);
        let allowed = match cut {
            Cut::Free => true,
            Cut::Never => lo == 0 && hi == end,
            Cut::Granule(granule) | Cut::Tree { granule } => aligned(granule),
        };
        assert!(allowed, "{cut:?} was cut to {lo}..{hi} of {end}");
    }
}

/// The dimension that is folded as a tree, if any, and its granule.
fn tree_of(cuts: &[Cut]) -> Option<(usize, u64)> {
    cuts.iter().enumerate().find_map(|(d, cut)| match cut {
        Cut::Tree { granule } => Some((d, *granule)),
        _ => None,
    })
}

/// What a task and the runtime do with the values of a piece: items folded in order, nodes by the tree.
fn fold_piece(group: &Group, place: usize, rect: &Rect, stream: &Values, folds: &mut Folds) {
    let operand = &group.operands[place];
    let value = |p: &Point| stream[&(operand.field, p.clone())];
    let image = operand.access.image(rect);
    for target in points(&image) {
        let mine: Vec<Point> = points(rect).into_iter().filter(|p| operand.access.apply(p) == target).collect();
        let Some((dim, granule)) = tree_of(&group.cuts).filter(|(dim, _)| !operand.access.uses(*dim)) else {
            let tree = Tree::new(1);
            let whole = mix(mine.iter().map(value));
            folds.entry(target).or_insert_with(|| Partials::new(tree)).insert(tree.root(), whole, join);
            continue;
        };
        let tree = Tree::new((group.domain.extent(dim) as u64).div_ceil(granule));
        let items = rect.lo[dim] as u64 / granule..(rect.hi[dim] as u64).div_ceil(granule);
        assert!((rect.lo[dim] as u64).is_multiple_of(granule), "pieces begin at items");
        let last = rect.hi[dim] == group.domain.hi[dim];
        assert!((rect.hi[dim] as u64).is_multiple_of(granule) || last, "pieces end at items");
        let mut item = |k: u64| {
            let inside = |p: &&Point| p[dim] as u64 / granule == k;
            mix(mine.iter().filter(inside).map(value))
        };
        let all = folds.entry(target).or_insert_with(|| Partials::new(tree));
        for node in tree.nodes(items) {
            all.insert(node, fold_node(tree, node, &mut item), join);
        }
    }
}

/// One launch in program order on one memory.
fn shadow_launch(shadow: &mut Values, launch: &Launch) {
    let mut stores = Values::new();
    let mut streams: BTreeMap<usize, Values> = BTreeMap::new();
    for p in points(&launch.domain) {
        let read =
            |o: &legate_core::operation::Operand| shadow.get(&(o.field, o.access.apply(&p))).copied().unwrap_or(0);
        let reads: Vec<Value> = launch.operands.iter().filter(|o| o.privilege.reads()).map(read).collect();
        for (k, operand) in launch.operands.iter().enumerate().filter(|(_, o)| o.privilege.writes()) {
            let value = body(launch, k, &p, &reads);
            if matches!(operand.privilege, Privilege::Reduce(_)) {
                streams.entry(k).or_default().insert((operand.field, p.clone()), value);
            } else {
                stores.insert((operand.field, operand.access.apply(&p)), value);
            }
        }
    }
    for (k, stream) in streams {
        let operand = &launch.operands[k];
        for target in points(&operand.access.image(&launch.domain)) {
            let at = |p: &Point| operand.access.apply(p) == target;
            let value = |p: Point| stream[&(operand.field, p)];
            let folded = match tree_of(&launch.cuts).filter(|(dim, _)| !operand.access.uses(*dim)) {
                None => mix(points(&launch.domain).into_iter().filter(at).map(value)),
                Some((dim, granule)) => {
                    let tree = Tree::new((launch.domain.extent(dim) as u64).div_ceil(granule));
                    let mut item = |k| {
                        let inside = item_points(launch, dim, granule, k, &launch.domain);
                        mix(inside.into_iter().filter(at).map(value))
                    };
                    fold_node(tree, tree.root(), &mut item)
                }
            };
            stores.insert((operand.field, target), folded);
        }
    }
    shadow.extend(stores);
}

/// What a shard does of a move.
#[derive(Clone, Debug)]
enum Part {
    Send(Transfer),
    Receive(Transfer),
}

fn in_order(plan: &MovePlan) -> VecDeque<Part> {
    let steps = |round: &Round| {
        let sends = round.sends.iter().cloned().map(Part::Send);
        sends.chain(round.recvs.iter().cloned().map(Part::Receive)).collect::<Vec<_>>()
    };
    plan.rounds.iter().flat_map(steps).collect()
}
