//! Calls of routines (kernels that are no element-wise programs): at once on host bytes, or as a launch.
//!
//! As for a [`crate::issue::Body`] the decision depends on the program only: on shapes, and on whether the inputs' values are at hand.

use crate::array::{Backing, NdArray, Part};
use crate::error::{Error, Result};
use crate::session::Session;
use crate::tasks::{Routine, RoutineArgs, run_routine_on_host};
use crate::view::View;
use legate_core::exec::HostBuffer;
use legate_core::geometry::Point;
use legate_core::operation::{Cut, Operand, Privilege};
use legate_core::runtime::{LaunchRequest, Runtime};
use legate_kernels::dtype::{DType, Scalar};
use legate_kernels::exceptions::Flags;
use legate_kernels::host::HostOperand;
use legate_kernels::ops::ReduceOp;
use parking_lot::MutexGuard;
use smallvec::{SmallVec, smallvec};
use std::sync::Arc;

/// What a routine does to an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Read,
    /// Writes all of it.
    Write,
    /// Writes what it likes of it.
    Update,
}

/// A routine and its operands, views over the domain.
pub(crate) struct Call<'s> {
    session: &'s Session,
    routine: Routine,
    domain: Point,
    cuts: SmallVec<[Cut; 4]>,
    operands: SmallVec<[(NdArray, Role); 4]>,
    /// Estimated nanoseconds on one core.
    cost_ns: f64,
    /// Whether the kernel uses all cores itself.
    whole: bool,
}

impl<'s> Call<'s> {
    /// Without operands yet. `never`: dimensions that may not be cut.
    pub(crate) fn new(session: &'s Session, routine: Routine, domain: &[i64], never: &[usize]) -> Call<'s> {
        let cut = |d: usize| if never.contains(&d) { Cut::Never } else { Cut::Free };
        let (domain, cuts) = (domain.into(), (0..domain.len()).map(cut).collect());
        Call { session, routine, domain, cuts, operands: smallvec![], cost_ns: 0.0, whole: false }
    }

    /// What it will take on one core.
    pub(crate) fn costing(mut self, points: i64, ns_per_point: f64) -> Call<'s> {
        self.cost_ns = points as f64 * ns_per_point;
        self
    }

    /// The kernel uses all cores itself, if `whole`.
    pub(crate) fn on_all_cores(mut self, whole: bool) -> Call<'s> {
        self.whole = whole;
        self
    }

    /// Reads `a`, whose dimension `k` is dimension `dims[k]` of the domain. A view of parts of elements is copied.
    pub(crate) fn read(self, a: &NdArray, dims: &[usize]) -> Result<Call<'s>> {
        let a = if a.part == Part::Whole { a.clone() } else { self.session.copy(a)? };
        Ok(self.with(&a, dims, Role::Read))
    }

    /// Writes all of `a`.
    pub(crate) fn write(self, a: &NdArray, dims: &[usize]) -> Call<'s> {
        self.with(a, dims, Role::Write)
    }

    /// Reads and writes `a`.
    pub(crate) fn update(self, a: &NdArray, dims: &[usize]) -> Call<'s> {
        self.with(a, dims, Role::Update)
    }

    fn with(mut self, a: &NdArray, dims: &[usize], role: Role) -> Call<'s> {
        let a = a.with_view(over(&a.view, dims, &self.domain));
        self.operands.push((a, role));
        self
    }

    /// Computes it, now or later. What is read behaves as if read before anything is written.
    ///
    /// # Errors
    /// What the kernel refuses, if it is computed at once.
    pub(crate) fn run(mut self) -> Result<()> {
        if self.domain.contains(&0) {
            return self.run_nowhere();
        }
        self.operands.iter().try_for_each(|(a, _)| self.session.refresh(a))?;
        self.separate_overlaps()?;
        match self.session.runtime() {
            Some(runtime) if !self.is_inline()? => self.launch(runtime),
            _ => self.run_on_host(),
        }
    }

    /// An empty domain writes nothing.
    fn run_nowhere(self) -> Result<()> {
        for (a, _) in &self.operands {
            let mut backing = a.base.cell.lock();
            if !backing.is_known() && backing.field.is_none() {
                backing.fill = Some(Scalar::zero(a.base.dtype));
            }
        }
        Ok(())
    }

    /// Whether it is computed at once.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub(crate) fn is_inline(&self) -> Result<bool> {
        let needed = |(a, role): &&(NdArray, Role)| *role != Role::Write || !a.is_unwritten();
        let inputs = self.operands.iter().filter(needed).map(|(a, _)| a);
        let sizes = self.operands.iter().map(|(a, _)| a.view.without_broadcast().size());
        let points = sizes.clone().max().unwrap_or(0);
        let bytes: i64 = self.operands.iter().zip(sizes).map(|((a, _), n)| n * a.base.dtype.size() as i64).sum();
        self.session.is_inline(points as u64, bytes as u64, inputs)
    }

    /// Reads from copies what shares a base with what is written.
    fn separate_overlaps(&mut self) -> Result<()> {
        for k in 0..self.operands.len() {
            let (a, role) = &self.operands[k];
            let clash = |(other, its): &(NdArray, Role)| *its != Role::Read && other.shares_base(a);
            if *role == Role::Read && self.operands.iter().any(clash) {
                let compact = a.with_view(a.view.without_broadcast());
                let copy = self.session.copy(&compact)?;
                let view = copy.view.broadcast(&self.domain).expect("a copy has the shape of what was copied");
                self.operands[k].0 = copy.with_view(view);
            }
        }
        Ok(())
    }

    fn run_on_host(self) -> Result<()> {
        let reads: SmallVec<[Arc<HostBuffer>; 4]> =
            self.operands.iter().filter(|(_, role)| *role == Role::Read).map(|(a, _)| a.host()).collect();
        let mut written: SmallVec<[MutexGuard<'_, Backing>; 2]> =
            self.operands.iter().filter(|(_, role)| *role != Role::Read).map(|(a, _)| a.writable_host()).collect();
        let (mut reads, mut buffers) = (reads.iter(), written.iter_mut().filter_map(|backing| backing.host.as_mut()));
        let mut operands: SmallVec<[_; 4]> = SmallVec::new();
        for (a, role) in &self.operands {
            let strides: SmallVec<[isize; 4]> = a.view.strides.iter().map(|s| *s as isize).collect();
            let operand = if *role == Role::Read {
                let bytes = reads.next().expect("one buffer for each read array").as_slice();
                HostOperand::read(bytes, a.view.offset as usize, &strides)
            } else {
                let bytes = buffers.next().expect("one buffer for each written array");
                HostOperand::write(Arc::make_mut(bytes).as_mut_slice(), a.view.offset as usize, &strides)
            };
            operands.push((operand, a.base.dtype));
        }
        let flags = Flags::default();
        let run = || run_routine_on_host(self.routine, &self.domain, &mut operands);
        flags.over(run).map_err(Error::Index)?;
        if let Some(function) = self.routine.watched_as() {
            self.session.note_small(function, flags.raised());
        }
        drop(operands);
        drop(written);
        self.write_back()
    }

    fn launch(self, runtime: &Runtime) -> Result<()> {
        let session = self.session;
        for (a, role) in &self.operands {
            let covered = a.with_view(a.view.without_broadcast()).covers_base();
            session.ensure_field(a, runtime, *role == Role::Write && covered);
        }
        self.operands.iter().for_each(|(a, role)| session.ensure_affine(a, *role != Role::Read, runtime));
        let operands = self.operands.iter().map(|(a, role)| {
            let (field, access) = a.access();
            Operand { field: field.handle.id(), access, privilege: self.privilege(a, *role) }
        });
        let points: f64 = self.domain.iter().map(|&n| n as f64).product();
        let tasks = session.tasks();
        let provenance = session.provenance();
        let watch = self.routine.watched_as().and_then(|_| session.watch(&provenance));
        runtime.launch(LaunchRequest {
            task: if self.whole { tasks.whole_routine } else { tasks.routine },
            args: Arc::new(RoutineArgs { routine: self.routine, ns_per_point: self.cost_ns / points, watch }),
            shape: self.domain.clone(),
            operands: operands.collect(),
            cuts: self.cuts.clone(),
            provenance,
        })?;
        for (a, _) in self.operands.iter().filter(|(_, role)| *role != Role::Read) {
            a.base.cell.lock().note_launch();
        }
        self.write_back()
    }

    /// Lets what was written be seen as elements of another size.
    fn write_back(&self) -> Result<()> {
        self.operands.iter().filter(|(_, role)| *role != Role::Read).try_for_each(|(a, _)| self.session.write_back(a))
    }

    /// What does not use all dimensions of the domain is written as a fold is: once for all points along the others. The operator never joins
    /// anything, because those dimensions are never cut.
    fn privilege(&self, a: &NdArray, role: Role) -> Privilege {
        // Any operator on elements of that size does; nothing is folded in float16, and no time is.
        let dtype = match a.base.dtype {
            DType::F16 => DType::U16,
            time if time.is_time() => DType::I64,
            dtype => dtype,
        };
        let folds = self.domain.iter().zip(&a.view.strides).any(|(&n, &stride)| n > 1 && stride == 0);
        match role {
            Role::Read => Privilege::ReadOnly,
            Role::Update => Privilege::ReadWrite,
            Role::Write if folds => Privilege::Reduce(self.session.tasks().reduction(ReduceOp::Add, dtype)),
            Role::Write => Privilege::WriteDiscard,
        }
    }
}

/// A view over a domain: its dimension `k` is the domain's dimension `dims[k]`.
fn over(view: &View, dims: &[usize], domain: &[i64]) -> View {
    let mut strides: Point = SmallVec::from_elem(0, domain.len());
    for (k, &d) in dims.iter().enumerate() {
        assert_eq!(view.shape[k], domain[d], "dimension {k} of an operand is dimension {d} of the domain");
        strides[d] = if view.shape[k] == 1 { 0 } else { view.strides[k] };
    }
    View { offset: view.offset, shape: domain.into(), strides }
}
