//! Copies that an index steers, as their plans say, beside the sequential shadow.

use crate::machine::{Machine, contains};
use crate::program::Program;
use crate::values::{Value, points};
use legate_core::Provenance;
use legate_core::analysis::indirect::{INDEX, IndirectPlan, VALUES};
use legate_core::analysis::plan::{OperandTransfer, Place};
use legate_core::geometry::{Point, Rect};
use legate_core::id::{FieldId, ShardId};
use legate_core::operation::{Direction, Indirect, Operation};
use legate_core::store::{Access, Store};
use std::collections::BTreeMap;

/// The row that a value means as an index of `n` rows.
fn row(value: Value, n: i64) -> i64 {
    (value % n as u64) as i64
}

/// The points of a row of a view, and of the field behind it.
fn slab(store: &Store, row: i64) -> Vec<Point> {
    let mut rect = Rect::from_shape(&store.shape);
    (rect.lo[0], rect.hi[0]) = (row, row + 1);
    points(&rect).iter().map(|p| store.access.apply(p)).collect()
}

impl Program {
    /// A gather into a new field or a scatter into an old one, with fields that are there.
    pub(crate) fn indirect(&mut self, window: &mut Vec<Operation>) {
        let (Some((table, bounds)), Some((index, numbers))) = (self.any_field(), self.any_field()) else { return };
        let scatters = self.one_in(2);
        let mut rows = if self.one_in(3) { bounds.clone() } else { self.shape(1 + bounds.len() as u64 % 3) };
        let Some(seen) = self.read_access(&mut rows, &bounds) else { return };
        if rows.is_empty() || rows.contains(&0) || (scatters && !seen.is_injective(&Rect::from_shape(&rows))) {
            return;
        }
        let mut points = vec![1 + self.up_to(12) as i64];
        let Some(at) = self.read_access(&mut points, &numbers) else { return };
        let list: Vec<i64> = points.iter().chain(&rows[1..]).copied().collect();
        let values = if scatters { self.field_like(&list) } else { None };
        let (values, held) = values.unwrap_or_else(|| (self.create(list.clone(), window), list.clone()));
        let mut shape = list.clone();
        let Some(access) = self.read_access(&mut shape, &held) else { return };
        if values == table || values == index || (scatters && index == table) {
            return;
        }
        let access = if scatters { access } else { Access::identity(list.len()) };
        let store = |field, shape: Vec<i64>, access| Store { field, shape: shape.into(), access };
        window.push(Operation::Indirect(Indirect {
            id: self.op_id(),
            direction: if scatters { Direction::Scatter } else { Direction::Gather },
            table: store(table, rows, seen),
            index: store(index, points, at),
            values: store(values, list, access),
            provenance: Provenance::default(),
        }));
    }
}

impl Machine {
    pub(crate) fn indirect(&mut self, copy: &Indirect) {
        let Machine { mapper, view, shards, .. } = self;
        let plan = |s: &mut crate::machine::Shard| s.states.plan_indirect(copy, mapper, view, s.me);
        let plans: Vec<IndirectPlan> = shards.iter_mut().map(plan).collect();
        for k in 0..plans[0].prepare.len() {
            self.moves(plans.iter().map(|p| p.prepare[k].clone()).collect());
        }
        for k in 0..plans[0].launch.prepare.len() {
            self.moves(plans.iter().map(|p| p.launch.prepare[k].clone()).collect());
        }
        assert_pairs(&plans);
        for (me, plan) in plans.iter().enumerate() {
            for (place, operand) in plan.launch.places.iter().zip(&plan.list.operands) {
                if let Place::Main(rect) = place {
                    self.shards[me].cover(operand.field, rect);
                }
            }
            for OperandTransfer { transfer: t, .. } in &plan.launch.sends {
                let message = self.shards[me].read_all(t.field, points(&t.rect));
                self.send(ShardId(me as u32), t.peer, message);
            }
            for range in plan.rows.ranges(ShardId(me as u32)) {
                let rows = range.flat_map(|row| slab(&copy.table, row));
                let all = rows.map(|p| Rect::new(p.clone(), p.iter().map(|x| x + 1).collect::<Point>()));
                let Some(mut image) = all.reduce(|a, b| a.bounding(&b)) else { continue };
                if copy.direction == Direction::Scatter {
                    image = image.bounding(&self.shards[me].states.extent(copy.table.field, ShardId(me as u32)));
                }
                self.shards[me].cover(copy.table.field, &image);
            }
        }
        // What each shard reads of the list.
        let lists: Vec<Vec<(i64, i64, Vec<Value>)>> =
            (0..plans.len()).map(|me| self.list(copy, &plans[me], me)).collect();
        match copy.direction {
            Direction::Gather => self.gather(copy, &plans, &lists),
            Direction::Scatter => self.scatter(copy, &plans, &lists),
        }
        self.shadow_indirect(copy);
    }

    /// For each point of a shard: it, its row, and the values that a scatter writes there.
    fn list(&mut self, copy: &Indirect, plan: &IndirectPlan, me: usize) -> Vec<(i64, i64, Vec<Value>)> {
        let temporaries = self.receive_operands(&plan.list, &plan.launch, me);
        let read = |operand: usize, field: FieldId, p: Point| match &temporaries[operand] {
            Some(values) => values[&(field, p)],
            None => self.shards[me].read(field, p),
        };
        let mut found = Vec::new();
        for at in plan.launch.points.iter().flat_map(|point| point.rect.lo[0]..point.rect.hi[0]) {
            let number = read(INDEX, copy.index.field, copy.index.access.apply(&[at]));
            let values = match copy.direction {
                Direction::Gather => Vec::new(),
                Direction::Scatter => {
                    slab(&copy.values, at).into_iter().map(|p| read(VALUES, copy.values.field, p)).collect()
                }
            };
            found.push((at, row(number, copy.table.shape[0]), values));
        }
        found
    }

    fn gather(&mut self, copy: &Indirect, plans: &[IndirectPlan], lists: &[Vec<(i64, i64, Vec<Value>)>]) {
        for (me, plan) in plans.iter().enumerate() {
            for (at, row, _) in &lists[me] {
                // Replicated rows are everybody's own.
                let owner = plan.rows.owners()[plan.rows.place(*row)];
                assert!(owner.0 as usize == me || plan.exchange.owners.contains(&owner));
                let values = self.shards[owner.0 as usize].read_all(copy.table.field, slab(&copy.table, *row));
                self.shards[me].write_all(copy.values.field, slab(&copy.values, *at), values);
            }
        }
    }

    fn scatter(&mut self, copy: &Indirect, plans: &[IndirectPlan], lists: &[Vec<(i64, i64, Vec<Value>)>]) {
        for (me, plan) in plans.iter().enumerate() {
            let here = plan.rows.place_of(ShardId(me as u32));
            for (from, list) in lists.iter().enumerate() {
                if from != me && !plan.exchange.clients.contains(&ShardId(from as u32)) {
                    continue;
                }
                for (_, row, values) in list.iter().filter(|(_, row, _)| Some(plan.rows.place(*row)) == here) {
                    self.shards[me].write_all(copy.table.field, slab(&copy.table, *row), values.clone());
                }
            }
        }
    }

    fn shadow_indirect(&mut self, copy: &Indirect) {
        let read = |machine: &Machine, field, p| machine.shadow.get(&(field, p)).copied().unwrap_or(0);
        for at in 0..copy.values.shape[0] {
            let number = read(self, copy.index.field, copy.index.access.apply(&[at]));
            let (list, table) = (slab(&copy.values, at), slab(&copy.table, row(number, copy.table.shape[0])));
            for (p, q) in list.into_iter().zip(table) {
                let (from, to) = match copy.direction {
                    Direction::Gather => ((copy.table.field, q), (copy.values.field, p)),
                    Direction::Scatter => ((copy.values.field, p), (copy.table.field, q)),
                };
                let value = read(self, from.0, from.1);
                self.shadow.insert(to, value);
            }
        }
    }
}

/// Who expects to be asked is asked, and each row is somebody's: the same one's in all plans, unless it is everybody's.
fn assert_pairs(plans: &[IndirectPlan]) {
    for (a, plan) in plans.iter().enumerate() {
        for (b, other) in plans.iter().enumerate() {
            let (from, to) = (ShardId(a as u32), ShardId(b as u32));
            assert_eq!(plan.exchange.owners.contains(&to), other.exchange.clients.contains(&from), "{a} asks {b}");
            assert!(a != b || !plan.exchange.owners.contains(&to));
        }
        assert_eq!(plan.exchange.asks, plans[0].exchange.asks);
    }
    let count = plans[0].rows.count();
    let mut owners: BTreeMap<i64, usize> = BTreeMap::new();
    for (me, plan) in plans.iter().enumerate() {
        plan.rows.ranges(ShardId(me as u32)).flatten().for_each(|row| *owners.entry(row).or_default() += 1);
    }
    let everywhere = plans.iter().enumerate().all(|(me, plan)| plan.rows.owners() == [ShardId(me as u32)]);
    let each = if everywhere { plans.len() } else { 1 };
    assert!(owners.len() as i64 == count && owners.values().all(|found| *found == each), "{owners:?}");
    assert!(contains(&Rect::from_shape(&[count]), &[count - 1]));
}
