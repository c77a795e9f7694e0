//! Random programs: each operation is made from one number and the fields that are there.

use crate::values::{mix, points};
use legate_core::error::{Provenance, Result};
use legate_core::exec::HostBuffer;
use legate_core::geometry::{Point, Rect};
use legate_core::id::{FieldId, OpId, ReductionId, TaskId};
use legate_core::operation::{
    Attach, Composer, Create, Cut, Fetch, Launch, Operand, Operation, Part, Privilege, Registry, Reshape, Task,
    TaskArgs, TaskContext, TaskError,
};
use legate_core::store::{Access, Coordinate, Store};
use smallvec::SmallVec;
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Debug)]
pub(crate) struct NoArgs;

impl TaskArgs for NoArgs {
    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
    fn encode(&self, _: &mut Vec<u8>) {}
}

/// A task that is planned and never run.
struct Paper {
    name: &'static str,
    composer: Option<Arc<dyn Composer>>,
}
struct PaperComposer;

impl Composer for PaperComposer {
    fn name(&self) -> &str {
        "paper"
    }
    fn compose(&self, _: &[Part<'_>], _: usize) -> (TaskId, Arc<dyn TaskArgs>) {
        (TaskId(0), Arc::new(NoArgs))
    }
    fn accepts(&self, parts: &[&dyn TaskArgs]) -> bool {
        parts.len() < 5
    }
}

impl Task for Paper {
    fn name(&self) -> &str {
        self.name
    }
    fn decode(&self, _: &[u8]) -> Result<Arc<dyn TaskArgs>> {
        Ok(Arc::new(NoArgs))
    }
    fn run(&self, _: &TaskContext<'_>) -> Result<(), TaskError> {
        Err(TaskError("paper does not run".into()))
    }
    fn composer(&self) -> Option<Arc<dyn Composer>> {
        self.composer.clone()
    }
}

pub(crate) fn registry() -> Registry {
    let mut registry = Registry::new();
    registry.register_task(Arc::new(Paper { name: "pointwise", composer: Some(Arc::new(PaperComposer)) }));
    registry.register_task(Arc::new(Paper { name: "opaque", composer: None }));
    registry
}

pub(crate) struct Program {
    fields: BTreeMap<FieldId, Vec<i64>>,
    dropped: Vec<FieldId>,
    next_field: u64,
    next_op: u64,
    random: u64,
}

impl Program {
    pub(crate) fn new(seed: u64) -> Program {
        Program { fields: BTreeMap::new(), dropped: Vec::new(), next_field: 0, next_op: 0, random: seed }
    }
    pub(crate) fn live(&self) -> Vec<(FieldId, Vec<i64>)> {
        self.fields.iter().map(|(f, s)| (*f, s.clone())).collect()
    }
    pub(crate) fn is_live(&self, field: FieldId) -> bool {
        self.fields.contains_key(&field)
    }

    /// As many operations as there are numbers (and the `Create`s that they need). Some fields lose their handles before the window runs.
    pub(crate) fn window(&mut self, numbers: &[u64]) -> Vec<Operation> {
        let mut window = Vec::new();
        for number in numbers {
            self.random = *number;
            self.operation(&mut window);
        }
        self.random = mix(numbers.iter().copied());
        for field in self.fields.keys().copied().collect::<Vec<_>>() {
            if self.up_to(6) == 0 {
                self.fields.remove(&field);
                self.dropped.push(field);
            }
        }
        window
    }
    pub(crate) fn drop_some(&mut self, number: u64) {
        self.random = number;
        while self.fields.len() > 8 {
            let k = self.up_to(self.fields.len() as u64) as usize;
            let field = *self.fields.keys().nth(k).expect("there are that many");
            self.fields.remove(&field);
        }
    }

    pub(crate) fn up_to(&mut self, n: u64) -> u64 {
        self.random = mix([self.random, 7]);
        self.random % n
    }
    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.up_to(n) == 0
    }
    pub(crate) fn op_id(&mut self) -> OpId {
        self.next_op += 1;
        OpId(self.next_op)
    }
    pub(crate) fn shape(&mut self, rank: u64) -> Vec<i64> {
        (0..rank).map(|_| if self.one_in(12) { 0 } else { 1 + self.up_to(8) as i64 }).collect()
    }
    pub(crate) fn create(&mut self, shape: Vec<i64>, window: &mut Vec<Operation>) -> FieldId {
        let field = FieldId(self.next_field);
        self.next_field += 1;
        // Elements of many bytes make "small" reads rare.
        let size = if self.one_in(2) { 8 } else { 1 << 20 };
        window.push(Operation::Create(Create { field, bounds: Rect::from_shape(&shape), size, align: 8 }));
        self.fields.insert(field, shape);
        field
    }
    /// Any field; often one of this shape.
    pub(crate) fn field_like(&mut self, shape: &[i64]) -> Option<(FieldId, Vec<i64>)> {
        let alike: Vec<FieldId> = self.fields.iter().filter(|(_, s)| *s == shape).map(|(f, _)| *f).collect();
        if alike.is_empty() || self.one_in(3) {
            return self.any_field();
        }
        Some((alike[self.up_to(alike.len() as u64) as usize], shape.to_vec()))
    }
    pub(crate) fn any_field(&mut self) -> Option<(FieldId, Vec<i64>)> {
        if self.fields.is_empty() {
            return None;
        }
        let k = self.up_to(self.fields.len() as u64) as usize;
        self.fields.iter().nth(k).map(|(f, s)| (*f, s.clone()))
    }

    fn operation(&mut self, window: &mut Vec<Operation>) {
        let provenance = Provenance::default();
        match self.up_to(11) {
            0 => {
                let rank = self.up_to(4);
                let shape = self.shape(rank);
                let field = self.create(shape, window);
                // Some fields are first written by others.
                if self.one_in(2) {
                    let (id, bytes) = (self.op_id(), Arc::new(HostBuffer::from_slice(&[])));
                    window.push(Operation::Attach(Attach { id, field, bytes, provenance }));
                }
            }
            1 => {
                let Some((src, shape)) = self.any_field() else { return };
                let volume: i64 = shape.iter().product();
                let rows = (1..=volume).filter(|n| volume % n == 0).collect::<Vec<_>>();
                if rows.is_empty() {
                    return;
                }
                let n = rows[self.up_to(rows.len() as u64) as usize];
                let other = match self.up_to(4) {
                    0 => vec![volume],
                    1 => vec![1, n, 1, volume / n],
                    2 if n % 2 == 0 => vec![n / 2, volume / n, 2],
                    _ => vec![n, volume / n],
                };
                let dst = self.create(other, window);
                let id = self.op_id();
                window.push(Operation::Reshape(Reshape { id, src, dst, provenance }));
            }
            2 => {
                let Some((field, bounds)) = self.any_field() else { return };
                let rank = self.up_to(4);
                let mut shape = self.shape(rank);
                let access = self.read_access(&mut shape, &bounds);
                let Some(access) = access else { return };
                let src = Store { field, shape: shape.into(), access };
                let id = self.op_id();
                window.push(Operation::Fetch(Fetch { id, src, provenance }));
            }
            3 => self.stencil(window),
            4 => self.indirect(window),
            _ => self.launch(window),
        }
    }

    /// A field's inside, computed from shifted views of it and written back, perhaps backward, perhaps folded on the way: a few launches.
    fn stencil(&mut self, window: &mut Vec<Operation>) {
        let Some((field, shape)) = self.any_field() else { return };
        let inner: Vec<i64> = shape.iter().map(|n| n - 2).collect();
        if inner.is_empty() || inner.iter().any(|n| *n < 1) {
            return;
        }
        let rank = inner.len();
        let whole = Access::identity(rank);
        let operand = |field, access: &Access, privilege| Operand { field, access: access.clone(), privilege };
        let work = self.create(inner.clone(), window);
        let reads = (0..1 + self.up_to(3)).map(|_| operand(field, &self.shifted(&inner), Privilege::ReadOnly));
        let mut operands: Vec<Operand> = reads.collect();
        operands.push(operand(work, &whole, Privilege::WriteDiscard));
        self.push_launch(window, &inner, operands);
        if self.one_in(3) {
            let folded = self.create(vec![1], window);
            let into = Operand {
                field: folded,
                access: Access::constant(rank, &[0]),
                privilege: Privilege::Reduce(ReductionId(0)),
            };
            let seen = operand(field, &self.shifted(&inner), Privilege::ReadOnly);
            self.push_launch(window, &inner, vec![operand(work, &whole, Privilege::ReadOnly), seen, into]);
        }
        for _ in 0..1 + self.up_to(2) {
            let mut operands = vec![operand(work, &whole, Privilege::ReadOnly)];
            let back = self.shifted(&inner);
            if self.one_in(3) {
                operands.push(operand(field, &back, Privilege::ReadOnly));
            }
            operands.push(operand(field, &back, Privilege::WriteDiscard));
            self.push_launch(window, &inner, operands);
        }
        if self.one_in(2) {
            let seen = self.create(inner.clone(), window);
            let access = self.shifted(&inner);
            let operands =
                [operand(field, &access, Privilege::ReadOnly), operand(seen, &whole, Privilege::WriteDiscard)];
            self.push_launch(window, &inner, operands.to_vec());
        }
    }
    /// A view of this shape of a field with two more along each dimension: often the inside, sometimes backward.
    fn shifted(&mut self, inner: &[i64]) -> Access {
        let mut access = Access::identity(inner.len());
        for (d, n) in inner.iter().enumerate() {
            let shift = [1, 1, 1, 0, 2][self.up_to(5) as usize];
            access.coords[d] = match self.one_in(8) {
                true => Coordinate::strided(shift + n - 1, -1, d),
                false => Coordinate::strided(shift, 1, d),
            };
        }
        access
    }
    fn push_launch(&mut self, window: &mut Vec<Operation>, domain: &[i64], operands: Vec<Operand>) {
        let folded = operands.iter().any(|o| matches!(o.privilege, Privilege::Reduce(_)));
        let cuts = self.cuts(domain, vec![folded; domain.len()]);
        let (id, args, domain) = (self.op_id(), Arc::new(NoArgs), Rect::from_shape(domain));
        let (operands, provenance) = (operands.into(), Provenance::default());
        window.push(Operation::Launch(Launch { id, task: TaskId(0), args, domain, operands, cuts, provenance }));
    }

    /// Some access of a domain into a field, in bounds; may shrink the domain's extents.
    pub(crate) fn read_access(&mut self, domain: &mut [i64], bounds: &[i64]) -> Option<Access> {
        if bounds.contains(&0) && !domain.contains(&0) {
            return None;
        }
        if domain == bounds && self.one_in(2) {
            return Some(Access::identity(bounds.len()));
        }
        let mut access = Access::constant(domain.len(), bounds);
        for (c, n) in access.coords.iter_mut().zip(bounds) {
            *c = self.coordinate(domain, *n);
        }
        access.in_bounds(&Rect::from_shape(domain), &Rect::from_shape(bounds)).then_some(access)
    }
    fn coordinate(&mut self, domain: &[i64], n: i64) -> Coordinate {
        if domain.is_empty() || self.one_in(6) {
            return Coordinate::constant(self.up_to(n.max(1).unsigned_abs()) as i64);
        }
        let terms = 1 + u64::from(self.one_in(5));
        let mut coordinate = Coordinate::constant(0);
        for _ in 0..terms {
            let stride = [1, 1, 1, -1, 2, 3, -2][self.up_to(7) as usize];
            let dim = self.up_to(domain.len() as u64) as usize;
            let mut more: Vec<(i64, usize)> = coordinate.terms.iter().map(|t| (t.stride, t.dim as usize)).collect();
            more.push((stride, dim));
            let wider = Coordinate::sum(0, &more);
            let (lo, hi) = span(&wider, domain);
            if hi - lo < n {
                coordinate = wider;
            }
        }
        let (lo, hi) = span(&coordinate, domain);
        coordinate.offset = -lo + self.up_to((n - (hi - lo)).max(1).unsigned_abs()) as i64;
        coordinate
    }

    fn launch(&mut self, window: &mut Vec<Operation>) {
        let rank = self.up_to(4);
        let mut domain = self.shape(rank);
        // Often the domain is that of a field, or its inside.
        let base = self.any_field();
        if let Some((_, shape)) = &base
            && !self.one_in(3)
        {
            domain.clone_from(shape);
            if self.one_in(2) {
                domain.iter_mut().for_each(|n| *n = (*n - 2).max(1).min(*n));
            }
        }
        let mut operands: SmallVec<[Operand; 4]> = SmallVec::new();
        for _ in 0..self.up_to(4) {
            let Some((field, shape)) = self.field_like(&domain.clone()) else { break };
            if let Some(access) = self.read_access(&mut domain, &shape) {
                operands.push(Operand { field, access, privilege: Privilege::ReadOnly });
            }
        }
        let folded = self.cuts_and_writes(&domain, &mut operands, window);
        if operands.iter().all(|o| !o.privilege.writes()) {
            return;
        }
        let cuts = self.cuts(&domain, folded);
        let id = self.op_id();
        let task = TaskId(u32::from(self.one_in(4)));
        let (args, domain) = (Arc::new(NoArgs), Rect::from_shape(&domain));
        let provenance = Provenance::default();
        window.push(Operation::Launch(Launch { id, task, args, domain, operands, cuts, provenance }));
    }

    /// Adds writing operands; returns the set of folded dimensions.
    fn cuts_and_writes(
        &mut self,
        domain: &[i64],
        operands: &mut SmallVec<[Operand; 4]>,
        window: &mut Vec<Operation>,
    ) -> Vec<bool> {
        let mut folded = vec![false; domain.len()];
        let whole = Rect::from_shape(domain);
        for _ in 0..=self.up_to(2) {
            match self.up_to(5) {
                0 | 1 => {
                    let field = self.create(domain.to_vec(), window);
                    let access = Access::identity(domain.len());
                    operands.push(Operand { field, access, privilege: Privilege::WriteDiscard });
                }
                2 if folded.iter().all(|f| !f) && !domain.is_empty() && !domain.contains(&0) => {
                    folded = domain.iter().map(|_| self.one_in(2)).collect();
                    let kept: Vec<usize> = (0..domain.len()).filter(|d| !folded[*d]).collect();
                    // Sometimes the result goes into a part of a longer field.
                    let more = if self.one_in(4) { 1 } else { 0 };
                    let field = self.create(kept.iter().map(|d| domain[*d] + more).collect(), window);
                    let mut access = Access::constant(domain.len(), &vec![0; kept.len()]);
                    for (c, d) in access.coords.iter_mut().zip(&kept) {
                        *c = Coordinate::strided(more, 1, *d);
                    }
                    operands.push(Operand { field, access, privilege: Privilege::Reduce(ReductionId(0)) });
                }
                _ => {
                    let Some((field, shape)) = self.field_like(domain) else { continue };
                    let known = operands.iter().find(|o| o.field == field && o.access.is_injective(&whole));
                    let access = match known {
                        Some(operand) => Some(operand.access.clone()),
                        None => self.read_access(&mut domain.to_vec(), &shape),
                    };
                    let Some(access) = access.filter(|a| a.is_injective(&whole)) else { continue };
                    let privilege = if self.one_in(4) { Privilege::ReadWrite } else { Privilege::WriteDiscard };
                    let new = Operand { field, access, privilege };
                    if operands.iter().all(|o| may_stand_together(o, &new, &whole)) {
                        operands.push(new);
                    }
                }
            }
        }
        folded
    }
    fn cuts(&mut self, domain: &[i64], folded: Vec<bool>) -> SmallVec<[Cut; 4]> {
        let tree = folded.iter().position(|f| *f);
        (0..domain.len())
            .map(|d| match folded[d] {
                true if Some(d) == tree => Cut::Tree { granule: 1 + self.up_to(3) },
                true => Cut::Never,
                false if self.one_in(8) => Cut::Never,
                false if self.one_in(8) => Cut::Granule(1 + self.up_to(3)),
                false => Cut::Free,
            })
            .collect()
    }
}

/// A launch may not read what other points of it write.
fn may_stand_together(a: &Operand, b: &Operand, domain: &Rect) -> bool {
    let plain = |o: &Operand| matches!(o.privilege, Privilege::ReadOnly | Privilege::WriteDiscard);
    a.field != b.field
        || a.access.is_disjoint(domain, &b.access, domain)
        || (a.access == b.access && a.privilege == Privilege::ReadOnly && plain(b))
}

fn span(c: &Coordinate, domain: &[i64]) -> (i64, i64) {
    if domain.contains(&0) { (0, 0) } else { c.range(&Rect::from_shape(domain)) }
}

/// What a launch computes at a point from what it reads there: the value for its operand `k`.
pub(crate) fn body(launch: &Launch, k: usize, point: &Point, reads: &[u64]) -> u64 {
    mix([launch.id.0, k as u64].into_iter().chain(point.iter().map(|x| *x as u64)).chain(reads.iter().copied()))
}

/// Value of an attached element.
pub(crate) fn attached(op: OpId, element: usize) -> u64 {
    mix([op.0, 99, element as u64])
}

/// Points of a folded item that belong to one point of the result, in order.
pub(crate) fn item_points(launch: &Launch, tree_dim: usize, granule: u64, item: u64, rect: &Rect) -> Vec<Point> {
    let mut part = rect.clone();
    part.lo[tree_dim] = part.lo[tree_dim].max((item * granule) as i64);
    part.hi[tree_dim] = part.hi[tree_dim].min(((item + 1) * granule) as i64);
    debug_assert!(launch.domain.contains(&part));
    points(&part)
}
