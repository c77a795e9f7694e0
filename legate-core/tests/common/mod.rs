//! A tiny task library over `i64` and two mappers: what core's own tests run. Each test program uses a part of it.
#![allow(dead_code, reason = "shared by several test programs")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(unreachable_pub, reason = "a module of test programs")]

pub mod launched;

use legate_core::exec::HostBuffer;
use legate_core::geometry::{Point, Rect};
use legate_core::id::{ReductionId, ShardId, TaskId};
use legate_core::mapping::{FieldMapping, LaunchInfo, LaunchMapping, MachineView, Mapper};
use legate_core::operation::{
    Binding, Composer, Cost, Cut, Operand, OperandView, Part, Privilege, ReductionOp, Registry, Task, TaskArgs,
    TaskContext, TaskError,
};
use legate_core::region::Sharding;
use legate_core::runtime::{ExecutorKind, FieldHandle, LaunchRequest, Notes, Ranks, Replay, Runtime, RuntimeConfig};
use legate_core::store::{Access, Store};
use legate_core::transport::Transport;
use legate_core::{Error, Provenance};
use std::any::Any;
use std::sync::Arc;

/// What the one task of the library does at each point.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum Op {
    /// `out = value`.
    Fill(i64),
    /// `out = index of the point, row-major`.
    Iota,
    /// `out = a + b`.
    Add,
    /// `out = a`.
    Copy,
    /// `a += b`, in place.
    AddTo,
    /// `out = fold of a` by an operation that is not associative: the order shows.
    Fold,
    /// `out = fold of a` along its last dimension, from left to right.
    FoldRows,
    /// Panics.
    Panic,
    /// Returns an error.
    Fail,
    /// Several, one after the other at each point.
    #[serde(skip)]
    Fused(Vec<(Op, Vec<Binding>)>),
}

impl TaskArgs for Op {
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn encode(&self, out: &mut Vec<u8>) {
        // What is fused is in no stream.
        let bytes = postcard::to_allocvec(self).unwrap_or_else(|_| format!("{self:?}").into_bytes());
        out.extend(bytes);
    }
    fn is_same(&self, other: &dyn TaskArgs) -> bool {
        other.as_any().downcast_ref::<Op>() == Some(self)
    }
    fn fingerprint(&self) -> u64 {
        // Not the value: windows with others are to be told apart by comparing.
        match self {
            Op::Fused(parts) => parts.len() as u64,
            Op::Fill(_) => 101,
            Op::Iota => 102,
            Op::Add => 103,
            _ => 104,
        }
    }
}

/// The task. Folds granules of `GRANULE` points along the first folded dimension.
pub struct Body;

/// Points per leaf of the tests' trees.
pub const GRANULE: u64 = 8;

impl Task for Body {
    fn name(&self) -> &str {
        "body"
    }
    fn decode(&self, bytes: &[u8]) -> Result<Arc<dyn TaskArgs>, Error> {
        let op: Op = postcard::from_bytes(bytes).map_err(|error| Error::Decode(error.to_string()))?;
        Ok(Arc::new(op))
    }
    fn cost(&self, _args: &dyn TaskArgs) -> Cost {
        Cost { ns_per_point: 5.0 }
    }
    fn label(&self, args: &dyn TaskArgs) -> String {
        format!("{:?}", args.as_any().downcast_ref::<Op>().unwrap())
    }
    fn run(&self, ctx: &TaskContext<'_>) -> Result<(), TaskError> {
        match ctx.args::<Op>() {
            Op::Fused(parts) => {
                let mut env = Env { ctx, registers: Vec::new() };
                parts.iter().try_for_each(|(op, bindings)| env.run(op, bindings))
            }
            op => {
                let bindings: Vec<Binding> = (0..ctx.operands().len()).map(Binding::Operand).collect();
                Env { ctx, registers: Vec::new() }.run(op, &bindings)
            }
        }
    }
    fn composer(&self) -> Option<Arc<dyn Composer>> {
        Some(Arc::new(Fuser))
    }
    fn may_overwrite(&self, args: &dyn TaskArgs, read: usize, written: usize) -> bool {
        let Some(Op::Fused(parts)) = args.as_any().downcast_ref() else { return true };
        let names = |(_, at): &(Op, Vec<Binding>), operand: usize| {
            at.iter().any(|b| matches!(b, Binding::Operand(k) | Binding::Both { operand: k, .. } if *k == operand))
        };
        let first = parts.iter().position(|part| names(part, written));
        first.is_none_or(|first| !parts[first + 1..].iter().any(|part| names(part, read)))
    }
    fn runs_in_row_blocks(&self, args: &dyn TaskArgs) -> bool {
        !matches!(args.as_any().downcast_ref(), Some(Op::Fail | Op::Panic))
    }
}

/// Makes [`Op::Fused`].
struct Fuser;

impl Composer for Fuser {
    fn name(&self) -> &str {
        "ops"
    }
    fn compose(&self, parts: &[Part<'_>], _operands: usize) -> (TaskId, Arc<dyn TaskArgs>) {
        let op = |part: &Part<'_>| part.args.as_any().downcast_ref::<Op>().unwrap().clone();
        let fused = parts.iter().map(|part| (op(part), part.bindings.to_vec())).collect();
        (parts[0].task, Arc::new(Op::Fused(fused)))
    }
    fn accepts(&self, parts: &[&dyn TaskArgs]) -> bool {
        let fails = |args: &&dyn TaskArgs| matches!(args.as_any().downcast_ref(), Some(Op::Fail | Op::Panic));
        !parts.iter().any(fails)
    }
}

/// One chunk: operands, and registers that hold a value for each point.
struct Env<'a> {
    ctx: &'a TaskContext<'a>,
    registers: Vec<Vec<i64>>,
}

impl Env<'_> {
    fn run(&mut self, op: &Op, at: &[Binding]) -> Result<(), TaskError> {
        let (rect, domain) = (self.ctx.rect(), self.ctx.domain());
        match op {
            Op::Fill(value) => for_each(rect, |p| self.set(at[0], p, *value)),
            Op::Iota => for_each(rect, |p| self.set(at[0], p, index_of(domain, p))),
            Op::Add => for_each(rect, |p| self.set(at[2], p, self.get(at[0], p).wrapping_add(self.get(at[1], p)))),
            Op::Copy => for_each(rect, |p| self.set(at[1], p, self.get(at[0], p))),
            Op::AddTo => for_each(rect, |p| self.set(at[0], p, self.get(at[0], p).wrapping_add(self.get(at[1], p)))),
            Op::Fold => self.fold(at),
            Op::FoldRows => self.fold_rows(at),
            Op::Panic => panic!("as the test wants"),
            Op::Fail => return Err(TaskError("as the test wants".into())),
            Op::Fused(_) => unreachable!("what is fused is not fused again"),
        }
        Ok(())
    }
    fn get(&self, at: Binding, p: &[i64]) -> i64 {
        match at {
            Binding::Operand(k) | Binding::Both { operand: k, .. } => get(&self.ctx.operands()[k], self.ctx.rect(), p),
            Binding::Local(register) => self.registers[register][index_in(self.ctx.rect(), p)],
        }
    }
    fn set(&mut self, at: Binding, p: &[i64], value: i64) {
        let rect = self.ctx.rect();
        if let Binding::Operand(k) | Binding::Both { operand: k, .. } = at {
            set(&self.ctx.operands()[k], rect, p, value);
        }
        if let Binding::Local(register) | Binding::Both { local: register, .. } = at {
            while self.registers.len() <= register {
                self.registers.push(vec![i64::MIN; rect.volume() as usize]);
            }
            self.registers[register][index_in(rect, p)] = value;
        }
    }
    fn fold_rows(&mut self, at: &[Binding]) {
        let rect = self.ctx.rect();
        let last = rect.rank() - 1;
        let mut kept = rect.clone();
        kept.hi[last] = kept.lo[last] + 1;
        for_each(&kept, |p| {
            let value = |j: i64| {
                let mut point = Point::from_slice(p);
                point[last] = j;
                self.get(at[0], &point)
            };
            let folded = (rect.lo[last] + 1..rect.hi[last]).fold(value(rect.lo[last]), |sum, j| mix(sum, value(j)));
            self.set(at[1], p, folded);
        });
    }
    /// Folds dimension 0; the others are kept. Leaves left to right, then along the tree counted from the piece's start.
    fn fold(&mut self, at: &[Binding]) {
        let rect = self.ctx.rect();
        let mut kept = rect.clone();
        kept.hi[0] = kept.lo[0] + 1;
        for_each(&kept, |p| {
            let value = |i: i64| {
                let mut point = Point::from_slice(p);
                point[0] = i;
                self.get(at[0], &point)
            };
            let leaves: Vec<i64> = (rect.lo[0]..rect.hi[0])
                .step_by(GRANULE as usize)
                .map(|i| (i + 1..(i + GRANULE as i64).min(rect.hi[0])).fold(value(i), |sum, k| mix(sum, value(k))))
                .collect();
            self.set(at[1], p, fold_tree(&leaves));
        });
    }
}

/// The canonical tree: halves at the largest power of two.
pub fn fold_tree(leaves: &[i64]) -> i64 {
    match leaves {
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            mix(fold_tree(left), fold_tree(right))
        }
    }
}

/// Neither associative nor commutative.
pub fn mix(a: i64, b: i64) -> i64 {
    a.wrapping_mul(31).wrapping_add(b.rotate_left(7)) ^ 0x55
}

/// The operator that joins partial results of [`Op::Fold`].
pub struct Mix;

impl ReductionOp for Mix {
    fn name(&self) -> &str {
        "mix"
    }
    fn combine(&self, left: &mut [u8], right: &[u8]) {
        for (l, r) in left.chunks_exact_mut(8).zip(right.chunks_exact(8)) {
            let value = |bytes: &[u8]| i64::from_ne_bytes(bytes.try_into().unwrap());
            let joined = mix(value(l), value(r));
            l.copy_from_slice(&joined.to_ne_bytes());
        }
    }
    fn identity(&self) -> Option<&[u8]> {
        Some(&[7, 0, 0, 0, 0, 0, 0, 0])
    }
}

fn address(view: &OperandView, rect: &Rect, p: &[i64]) -> *mut i64 {
    let offset: isize = (0..p.len()).map(|d| view.strides[d] * (p[d] - rect.lo[d]) as isize).sum();
    view.ptr.wrapping_offset(offset).cast()
}

fn get(view: &OperandView, rect: &Rect, p: &[i64]) -> i64 {
    // SAFETY: `p` is in the chunk that the operand's view was made for.
    unsafe { address(view, rect, p).read() }
}

fn set(view: &OperandView, rect: &Rect, p: &[i64], value: i64) {
    assert!(view.writable);
    // SAFETY: as for `get`, and the operand is writable.
    unsafe { address(view, rect, p).write(value) }
}

/// Calls with each point, row-major.
pub fn for_each(rect: &Rect, mut call: impl FnMut(&[i64])) {
    let mut p = rect.lo.clone();
    for _ in 0..rect.volume() {
        call(&p);
        for d in (0..p.len()).rev() {
            p[d] += 1;
            if p[d] < rect.hi[d] {
                break;
            }
            p[d] = rect.lo[d];
        }
    }
}

fn index_in(rect: &Rect, p: &[i64]) -> usize {
    (0..p.len()).fold(0, |index, d| index * rect.extent(d) + p[d] - rect.lo[d]) as usize
}

fn index_of(domain: &Rect, p: &[i64]) -> i64 {
    (0..p.len()).fold(0, |index, d| index * domain.extent(d) + p[d])
}

/// Rows go to shards in blocks, or as a seed says.
pub struct TestMapper {
    /// `None`: even blocks. Else anything legal.
    pub seed: Option<u64>,
    pub chunks: u32,
}

impl TestMapper {
    fn dice(&self, salt: &str) -> u64 {
        let start = self.seed.unwrap_or(0).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0xcbf2_9ce4_8422_2325;
        salt.bytes().fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)) >> 11
    }
}

impl Mapper for TestMapper {
    fn name(&self) -> &str {
        "test"
    }
    fn inline(&self, _points: u64, _bytes: u64, _machine: &MachineView) -> bool {
        false
    }
    fn launch(&self, launch: &LaunchInfo, machine: &MachineView) -> LaunchMapping {
        let dice = self.dice(&format!("{:?}{:?}{:?}", launch.name, launch.domain, launch.operands));
        let rows = launch.domain.rank().min(1);
        let even = || LaunchMapping::Tile {
            tile: (0..rows)
                .map(|d| (launch.domain.extent(d) as u64).div_ceil(u64::from(machine.shards)).max(1) as i64)
                .collect(),
            sharding: Sharding::Block,
        };
        if self.seed.is_none() {
            return even();
        }
        match dice % 6 {
            0 => LaunchMapping::Replicate,
            1 => LaunchMapping::Single(ShardId((dice / 6 % u64::from(machine.shards)) as u32)),
            2 | 3 => LaunchMapping::Follow((dice / 6) as usize % launch.operands.len().max(1)),
            4 => even(),
            _ => LaunchMapping::Tile {
                tile: (0..launch.domain.rank()).map(|d| 1 + (dice >> (3 * d + 6)) as i64 % 20).collect(),
                sharding: Sharding::Cyclic { start: (dice / 6 % 3) as u32 },
            },
        }
    }
    fn field(&self, shape: &[i64], _element_bytes: u32, machine: &MachineView) -> FieldMapping {
        let dice = self.dice(&format!("{shape:?}"));
        match (self.seed, shape.first()) {
            (Some(_), _) if dice.is_multiple_of(3) => FieldMapping::Replicate,
            (_, None) => FieldMapping::Replicate,
            (_, Some(rows)) => FieldMapping::Tile {
                tile: Point::from_slice(&[(*rows as u64).div_ceil(u64::from(machine.shards)).max(1) as i64]),
                sharding: Sharding::Block,
            },
        }
    }
    /// So small that the tests' arrays have several blocks of rows.
    fn tunable(&self, name: &str) -> Option<i64> {
        (name == "row_block_bytes").then_some(256)
    }
    fn chunks(&self, _points: u64, _cost_ns: f64, _bytes: u64, _machine: &MachineView) -> u32 {
        self.chunks
    }
}

/// A runtime and the ids of the library.
pub struct World {
    pub runtime: Runtime,
    pub body: TaskId,
    pub mix: ReductionId,
}

/// How the runtime of a test differs from others.
#[derive(Clone, Debug)]
pub struct Setup {
    pub ranks: u32,
    pub network_seed: u64,
    pub mapper_seed: Option<u64>,
    pub chunks: u32,
    pub executor: ExecutorKind,
    pub memory_bytes: u64,
    pub fuse: bool,
    pub replay: Replay,
    pub notes: Option<Arc<dyn Notes>>,
}

impl Default for Setup {
    fn default() -> Setup {
        Setup {
            ranks: 0,
            network_seed: 0,
            mapper_seed: None,
            chunks: 3,
            executor: ExecutorKind::Parallel,
            memory_bytes: 1 << 30,
            fuse: true,
            // What is used again is worked out anew and compared.
            replay: Replay::Check,
            notes: None,
        }
    }
}

impl Setup {
    pub fn start(&self) -> World {
        self.start_with(Arc::new(TestMapper { seed: self.mapper_seed, chunks: self.chunks }))
    }
    /// One of several runtimes that run the same program.
    pub fn join(&self, transport: Arc<dyn Transport>) -> World {
        let mapper = Arc::new(TestMapper { seed: self.mapper_seed, chunks: self.chunks });
        self.start_as(Ranks::Joined(transport), mapper)
    }
    /// One of several runtimes, the first of which leads.
    pub fn join_led(&self, transport: Arc<dyn Transport>) -> World {
        let mapper = Arc::new(TestMapper { seed: self.mapper_seed, chunks: self.chunks });
        self.start_as(Ranks::Led(transport), mapper)
    }
    pub fn start_with(&self, mapper: Arc<dyn Mapper>) -> World {
        self.start_as(Ranks::simulated(self.ranks, self.network_seed), mapper)
    }
    fn start_as(&self, ranks: Ranks, mapper: Arc<dyn Mapper>) -> World {
        let mut registry = Registry::new();
        let body = registry.register_task(Arc::new(Body));
        let mix = registry.register_reduction(Arc::new(Mix));
        let runtime = Runtime::new(RuntimeConfig {
            registry,
            mapper,
            cores: 2,
            memory_bytes: self.memory_bytes,
            cache_bytes: 1 << 20,
            ranks,
            executor: self.executor,
            fuse: self.fuse,
            replay: self.replay,
            notes: self.notes.clone(),
        });
        World { runtime: runtime.unwrap(), body, mix }
    }
}

/// An array of the test front end.
#[derive(Clone, Debug)]
pub struct Array {
    pub field: FieldHandle,
    pub shape: Point,
}

pub fn line(line: u32) -> Provenance {
    Provenance { file: "test.py".into(), line }
}

pub fn read(array: &Array, access: Access) -> Operand {
    Operand { field: array.field.id(), access, privilege: Privilege::ReadOnly }
}

pub fn write(array: &Array, access: Access) -> Operand {
    Operand { field: array.field.id(), access, privilege: Privilege::WriteDiscard }
}

impl World {
    pub fn empty(&self, shape: &[i64]) -> Array {
        Array { field: self.runtime.create_field(shape, 8, 8), shape: Point::from_slice(shape) }
    }
    pub fn launch(&self, op: Op, shape: &[i64], operands: Vec<Operand>, at: u32) {
        let cuts = shape.iter().map(|_| Cut::Free).collect();
        self.try_launch(op, shape, operands, cuts, at).unwrap();
    }
    pub fn try_launch(
        &self,
        op: Op,
        shape: &[i64],
        operands: Vec<Operand>,
        cuts: Vec<Cut>,
        at: u32,
    ) -> Result<(), Error> {
        self.runtime.launch(LaunchRequest {
            task: self.body,
            args: Arc::new(op),
            shape: Point::from_slice(shape),
            operands: operands.into(),
            cuts: cuts.into(),
            provenance: line(at),
        })
    }
    pub fn iota(&self, shape: &[i64]) -> Array {
        let out = self.empty(shape);
        self.launch(Op::Iota, shape, vec![write(&out, Access::identity(shape.len()))], 1);
        out
    }
    pub fn add(&self, a: &Array, b: &Array, at: u32) -> Array {
        let (out, id) = (self.empty(&a.shape), Access::identity(a.shape.len()));
        self.launch(Op::Add, &a.shape, vec![read(a, id.clone()), read(b, id.clone()), write(&out, id)], at);
        out
    }
    /// Folds dimension 0.
    pub fn fold(&self, a: &Array, at: u32) -> Array {
        let out = self.empty(&a.shape[1..]);
        let rank = a.shape.len();
        let mut kept = Access::identity(rank);
        kept.coords.remove(0);
        let into = Operand { field: out.field.id(), access: kept, privilege: Privilege::Reduce(self.mix) };
        let cuts = (0..rank).map(|d| if d == 0 { Cut::Tree { granule: GRANULE } } else { Cut::Free }).collect();
        self.try_launch(Op::Fold, &a.shape, vec![read(a, Access::identity(rank)), into], cuts, at).unwrap();
        out
    }
    /// Folds the last dimension of two or more.
    pub fn fold_rows(&self, a: &Array, at: u32) -> Array {
        let last = a.shape.len() - 1;
        let out = self.empty(&a.shape[..last]);
        let mut kept = Access::identity(last + 1);
        kept.coords.pop();
        let into = Operand { field: out.field.id(), access: kept, privilege: Privilege::Reduce(self.mix) };
        let cuts = (0..=last).map(|d| if d == last { Cut::Never } else { Cut::Free }).collect();
        let operands = vec![read(a, Access::identity(last + 1)), into];
        self.try_launch(Op::FoldRows, &a.shape, operands, cuts, at).unwrap();
        out
    }
    pub fn store(&self, a: &Array) -> Store {
        Store { field: a.field.id(), shape: a.shape.clone(), access: Access::identity(a.shape.len()) }
    }
    pub fn values(&self, a: &Array) -> Result<Vec<i64>, Error> {
        self.view_values(&self.store(a))
    }
    pub fn view_values(&self, store: &Store) -> Result<Vec<i64>, Error> {
        let bytes = self.runtime.fetch(store, &line(999))?.wait(&|| false)?;
        Ok(decode(&bytes))
    }
    pub fn attach(&self, values: &[i64], shape: &[i64]) -> Array {
        let array = self.empty(shape);
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_ne_bytes()).collect();
        self.runtime.attach(&array.field, Arc::new(HostBuffer::from_slice(&bytes)), &line(2)).unwrap();
        array
    }
}

pub fn decode(bytes: &HostBuffer) -> Vec<i64> {
    bytes.as_slice().chunks_exact(8).map(|b| i64::from_ne_bytes(b.try_into().unwrap())).collect()
}
