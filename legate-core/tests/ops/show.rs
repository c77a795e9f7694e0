//! The analysis of a stream as text.

use crate::tasks::registry;
use legate_core::analysis::dependence::DependenceType;
use legate_core::analysis::fuse::why::{Apart, apart};
use legate_core::analysis::fuse::{Step, last_uses, steps};
use legate_core::analysis::group::Group;
use legate_core::analysis::indirect::IndirectPlan;
use legate_core::analysis::map::{Mapping, map_group};
use legate_core::analysis::plan::{FetchPlan, LaunchPlan, MovePlan, Place, Recipient, ReshapePlan, Transfer};
use legate_core::analysis::stream::dependences;
use legate_core::analysis::version::States;
use legate_core::geometry::Rect;
use legate_core::id::{FieldId, ShardId};
use legate_core::mapping::{FieldMapping, LaunchInfo, LaunchMapping, MachineView, Mapper};
use legate_core::operation::{Binding, Operation, Registry, text};
use legate_core::region::{Distribution, Sharding};
use std::fmt::Write;

/// Rows: a launch follows its first tiled operand, written ones before read ones, else its rows are shared out; so are fields of 16 points or more.
struct Rows(u32);

impl Rows {
    fn tile(&self, shape: &[i64]) -> legate_core::geometry::Point {
        let rows = shape[0].unsigned_abs().div_ceil(self.0.into()) as i64;
        [rows].into_iter().chain(shape[1..].iter().copied()).collect()
    }
}

impl Mapper for Rows {
    fn name(&self) -> &str {
        "rows"
    }
    fn inline(&self, _: u64, _: u64, _: &MachineView) -> bool {
        false
    }
    fn launch(&self, launch: &LaunchInfo, _: &MachineView) -> LaunchMapping {
        let tiled = |k: &usize| matches!(launch.operands[*k].distribution, Some(Distribution::Tiled { .. }));
        let mut order: Vec<usize> = (0..launch.operands.len()).collect();
        order.sort_by_key(|k| !launch.operands[*k].privilege.writes());
        match order.into_iter().find(tiled) {
            Some(k) => LaunchMapping::Follow(k),
            None if launch.domain.volume() < 16 => LaunchMapping::Replicate,
            None => LaunchMapping::Tile { tile: self.tile(&launch.domain.shape()), sharding: Sharding::Block },
        }
    }
    fn field(&self, shape: &[i64], _: u32, _: &MachineView) -> FieldMapping {
        match shape.iter().product::<i64>() < 16 {
            true => FieldMapping::Replicate,
            false => FieldMapping::Tile { tile: self.tile(shape), sharding: Sharding::Block },
        }
    }
    fn chunks(&self, _: u64, _: f64, _: u64, _: &MachineView) -> u32 {
        1
    }
}

/// What to show.
#[derive(Default)]
struct Wanted {
    dependences: bool,
    groups: bool,
    why: bool,
    mapping: bool,
    plans: Vec<ShardId>,
    /// Fields without handles.
    dropped: Vec<FieldId>,
}

/// The answer to a file's input.
pub(crate) fn analyse(input: &str) -> String {
    let registry = registry();
    let (mut shards, mut wanted) = (1, Wanted::default());
    let mut stream = String::new();
    for line in input.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["shards", n] => shards = n.parse().expect("a number of shards"),
            ["dropped", fields @ ..] => {
                let id = |f: &&str| FieldId(f[1..].parse().expect("a field"));
                wanted.dropped = fields.iter().map(id).collect();
            }
            ["show", what @ ..] => what.iter().for_each(|what| match *what {
                "dependences" => wanted.dependences = true,
                "groups" => wanted.groups = true,
                "why" => wanted.why = true,
                "mapping" => wanted.mapping = true,
                shard => wanted.plans.push(ShardId(shard.parse().expect("a shard to plan on"))),
            }),
            _ => stream += line,
        }
        stream += "\n";
    }
    let window = match text::parse(&stream, &registry) {
        Ok(window) => window,
        Err(error) => return format!("{error}\n"),
    };
    let mut show = Show { registry, window, shards, wanted, text: String::new() };
    show.all();
    show.text
}

struct Show {
    registry: Registry,
    window: Vec<Operation>,
    shards: u32,
    wanted: Wanted,
    text: String,
}

macro_rules! say {
    ($show:expr, $($arg:tt)*) => { writeln!($show.text, $($arg)*).expect("strings take any text") };
}

impl Show {
    fn all(&mut self) {
        let mut states = States::new(self.shards);
        for operation in &self.window {
            if let Operation::Create(create) = operation {
                states.create(create);
            }
        }
        if self.wanted.dependences {
            self.dependences(&states);
        }
        let steps = steps(&self.window, &states, &self.registry, true);
        if self.wanted.why {
            for (operation, Apart { from, reason }) in apart(&self.window, &states, &self.registry, true) {
                let from = from.map_or_else(String::new, |from| format!(" after {from}"));
                say!(self, "{operation} begins a group{from}: {reason}");
            }
        }
        let last = last_uses(&steps, &self.window);
        let dropped = self.wanted.dropped.clone();
        let mut all: Vec<States> = vec![states; self.shards as usize];
        for (k, step) in steps.iter().enumerate() {
            let live = |field: FieldId| !dropped.contains(&field) || last.get(&field).is_some_and(|l| *l > k);
            match step {
                Step::Group(group) => self.group(group, &live, &mut all),
                Step::Single(index) => self.single(*index, &mut all),
            }
        }
    }

    fn name(&self, index: usize) -> String {
        let line = text::operation(&self.window[index], &self.registry);
        let words: Vec<&str> = line.split_whitespace().take(3).collect();
        match &self.window[index] {
            Operation::Launch(_) => format!("{} {}", words[0], words[2]),
            Operation::Create(_) => words.join(" "),
            _ => words[..2].join(" "),
        }
    }
    fn dependences(&mut self, states: &States) {
        for (k, edges) in dependences(&self.window, states).into_iter().enumerate() {
            for edge in edges {
                let kind = if edge.kind == DependenceType::True { "true" } else { "anti" };
                say!(self, "{} -{kind}-> {}", self.name(edge.on), self.name(k));
            }
        }
    }

    fn group(&mut self, group: &Group, live: &impl Fn(FieldId) -> bool, all: &mut [States]) {
        let names: Vec<String> = group.members.iter().map(|m| self.name(m.index)).collect();
        if self.wanted.groups || self.wanted.mapping || !self.wanted.plans.is_empty() {
            say!(self, "group {}", names.join(", "));
        }
        if self.wanted.groups {
            let bound = group.bind(live);
            for (k, operand) in group.operands.iter().enumerate() {
                let memory = if bound.operands.contains(&k) { "" } else { " (not in memory)" };
                say!(self, "    {k}: {}{memory}", text::operand(operand, &self.registry));
            }
            for (member, bindings) in group.members.iter().zip(&bound.bindings).filter(|_| group.members.len() > 1) {
                let bindings: Vec<String> = bindings.iter().map(|b| binding(b, &bound.operands)).collect();
                say!(self, "    {}: {}", self.name(member.index), bindings.join(", "));
            }
        }
        let view = MachineView { shards: self.shards, cores: 1, memory_bytes: 1 << 30, cache_bytes: 1 << 20 };
        let mapping = map_group(group, &self.window, &all[0], &self.registry, &Rows(self.shards), &view);
        if self.wanted.mapping {
            self.mapping(group, &mapping, &all[0]);
        }
        let plan = |(k, states): (usize, &mut States)| states.plan_launch(group, &mapping, ShardId(k as u32));
        let plans: Vec<LaunchPlan> = all.iter_mut().enumerate().map(plan).collect();
        for shard in self.wanted.plans.clone() {
            self.launch_plan(shard, &plans[shard.0 as usize]);
        }
    }
    fn mapping(&mut self, group: &Group, mapping: &Mapping, states: &States) {
        say!(self, "    runs {}", self.distribution(&mapping.spread, &group.domain));
        for (field, to) in &mapping.prepare {
            say!(self, "    first {field} {}", self.distribution(to, &states.get(*field).bounds));
        }
        for (operand, after) in group.operands.iter().zip(&mapping.after) {
            if let Some(after) = after {
                let bounds = &states.get(operand.field).bounds;
                say!(self, "    leaves {} {}", operand.field, self.distribution(after, bounds));
            }
        }
    }
    fn distribution(&self, distribution: &Distribution, bounds: &Rect) -> String {
        match distribution {
            Distribution::Replicated => "everywhere".into(),
            Distribution::Single(shard) => format!("on {shard}"),
            Distribution::Tiled { .. } => {
                let of =
                    |s: u32| distribution.pieces(bounds, ShardId(s), self.shards).into_iter().map(move |(_, p)| (s, p));
                let pieces: Vec<String> = (0..self.shards).flat_map(of).map(|(s, p)| format!("s{s} {p:?}")).collect();
                pieces.join(" ")
            }
        }
    }

    fn launch_plan(&mut self, shard: ShardId, plan: &LaunchPlan) {
        plan.prepare.iter().for_each(|first| self.moves(shard, first));
        for point in &plan.points {
            say!(self, "    {shard} runs {:?}", point.rect);
        }
        for send in &plan.sends {
            self.transfer(shard, "sends", "to", &send.transfer);
        }
        for recv in &plan.recvs {
            self.transfer(shard, "gets", "from", &recv.transfer);
        }
        for (k, place) in plan.places.iter().enumerate() {
            if let Place::Temporary { rect, local } = place {
                say!(self, "    {shard} keeps operand {k} apart: {rect:?}, own {local:?}");
            }
        }
        if let Some(join) = &plan.join {
            let steps: Vec<String> = join.steps.iter().map(|s| format!("{s:?}")).collect();
            say!(self, "    {shard} joins {} items: {}", join.items, steps.join(" "));
        }
    }
    fn transfer(&mut self, shard: ShardId, verb: &str, way: &str, t: &Transfer) {
        say!(self, "    {shard} {verb} {}{:?} {way} {}", t.field, t.rect, t.peer);
    }
    fn moves(&mut self, shard: ShardId, plan: &MovePlan) {
        for round in &plan.rounds {
            round.sends.iter().for_each(|t| self.transfer(shard, "first sends", "to", t));
            round.recvs.iter().for_each(|t| self.transfer(shard, "first gets", "from", t));
        }
    }

    fn single(&mut self, index: usize, all: &mut [States]) {
        if !self.wanted.plans.is_empty() {
            say!(self, "{}", self.name(index));
        }
        let view = MachineView { shards: self.shards, cores: 1, memory_bytes: 1 << 30, cache_bytes: 1 << 20 };
        let plans = self.wanted.plans.clone();
        for (k, states) in all.iter_mut().enumerate() {
            let me = ShardId(k as u32);
            let shown = plans.contains(&me);
            match self.window[index].clone() {
                Operation::Attach(a) => {
                    let pieces = states.plan_attach(a.field, &Rows(self.shards), &view, me);
                    if shown {
                        say!(self, "    {me} takes {pieces:?}");
                    }
                }
                Operation::Reshape(r) => {
                    let plan = states.plan_reshape(r.src, r.dst, me);
                    if shown {
                        self.reshape_plan(me, &plan);
                    }
                }
                Operation::Indirect(copy) => {
                    let plan = states.plan_indirect(&copy, &Rows(self.shards), &view, me);
                    if shown {
                        self.indirect_plan(me, &plan);
                    }
                }
                Operation::Fetch(f) => {
                    let plan = states.plan_fetch(&f.src, Recipient::One(ShardId(0)), me);
                    if shown {
                        self.fetch_plan(me, &plan);
                    }
                }
                _ => {}
            }
        }
    }
    fn reshape_plan(&mut self, shard: ShardId, plan: &ReshapePlan) {
        plan.prepare.iter().for_each(|first| self.moves(shard, first));
        say!(self, "    {shard} {} {:?}", if plan.in_place { "renames" } else { "copies" }, plan.local);
        plan.sends.iter().for_each(|(peer, range)| say!(self, "    {shard} sends {range:?} to {peer}"));
        plan.recvs.iter().for_each(|(peer, range)| say!(self, "    {shard} gets {range:?} from {peer}"));
    }
    fn indirect_plan(&mut self, shard: ShardId, plan: &IndirectPlan) {
        plan.prepare.iter().for_each(|first| self.moves(shard, first));
        self.launch_plan(shard, &plan.launch);
        let rows: Vec<_> = plan.rows.ranges(shard).collect();
        say!(self, "    {shard} has rows {rows:?}");
        let verb = if plan.exchange.asks { "asks or tells" } else { "hears" };
        say!(self, "    {shard} {verb} {:?}, serves {:?}", plan.exchange.owners, plan.exchange.clients);
    }
    fn fetch_plan(&mut self, shard: ShardId, plan: &FetchPlan) {
        plan.prepare.iter().for_each(|first| self.moves(shard, first));
        if plan.receives {
            say!(self, "    {shard} has {:?}", plan.local);
        }
        plan.sends.iter().for_each(|t| self.transfer(shard, "sends view of", "to", t));
        plan.recvs.iter().for_each(|t| self.transfer(shard, "gets view of", "from", t));
    }
}

fn binding(binding: &Binding, memory: &[usize]) -> String {
    match binding {
        Binding::Operand(k) => format!("operand {}", memory[*k]),
        Binding::Local(l) => format!("local {l}"),
        Binding::Both { operand, local } => format!("operand {} and local {local}", memory[*operand]),
    }
}
