//! From a described computation to values: at once on host bytes, or as a launch of the runtime.
//!
//! A [`Body`] is a kernel program under construction over a domain, with the arrays that it reads and writes. [`Body::run`] decides where it runs. The
//! decision depends on the program only, never on time: on shapes, and on whether the inputs' values are at hand, which is so for what was computed
//! at once, and for what the program has fetched.

use crate::array::{Backing, BaseField, NdArray, Part};
use crate::decode::{decode, decode_linear};
use crate::error::{Error, Result};
use crate::promote::{self, Weak};
use crate::session::Session;
use crate::tasks::{ProgramArgs, label};
use crate::times;
use crate::view::View;
use legate_core::exec::HostBuffer;
use legate_core::geometry::{Point, Rect};
use legate_core::operation::{Cut, Operand, Privilege};
use legate_core::runtime::{LaunchRequest, Runtime};
use legate_core::store::Access;
use legate_kernels::dtype::{DType, Scalar};
use legate_kernels::host::{self, HostOperand};
use legate_kernels::ops::{BinaryOp, ReduceOp, UnaryOp};
use legate_kernels::program::{Instr, OperandId, Program, ValueId};
use legate_kernels::reduce;
use parking_lot::MutexGuard;
use smallvec::SmallVec;
use std::sync::Arc;

/// What a body does to one of its arrays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// Loads it.
    Read,
    /// Stores to it.
    Write,
    /// Loads it, then stores to it at the same point.
    Update,
    /// Folds into it.
    Fold(ReduceOp),
}

impl Role {
    fn writes(self) -> bool {
        self != Role::Read
    }
}

/// An array of a body. Its view has the domain's rank.
#[derive(Debug)]
struct Argument {
    array: NdArray,
    role: Role,
    /// What loading gave, so that a second load is free.
    value: Option<ValueId>,
}

/// A computation at each point of a domain.
pub(crate) struct Body<'s> {
    session: &'s Session,
    domain: Point,
    pub(crate) program: Program,
    arguments: SmallVec<[Argument; 4]>,
    /// Folded dimensions.
    folded: u64,
    /// Whether it makes memory that is seen in two ways agree (see [`crate::retype`]).
    following: bool,
    /// Whether a step is not native.
    refused: bool,
}

/// Building: each method appends steps and gives the value they make.
impl<'s> Body<'s> {
    /// Nothing yet, at each point of a domain of these extents.
    pub(crate) fn new(session: &'s Session, domain: &[i64]) -> Body<'s> {
        Body {
            session,
            domain: domain.into(),
            program: Program::new(),
            arguments: SmallVec::new(),
            folded: 0,
            following: false,
            refused: false,
        }
    }

    /// As [`Body::new`], for arrays that are looked at as they are: the other way of seeing their memory is the caller's business.
    pub(crate) fn following(session: &'s Session, domain: &[i64]) -> Body<'s> {
        Body { following: true, ..Body::new(session, domain) }
    }

    /// The elements of `a`, which broadcasts to the domain.
    pub(crate) fn load(&mut self, a: &NdArray) -> ValueId {
        match a.known_constant() {
            Some(value) => self.program.constant(value),
            None => {
                let view = a.view.broadcast(&self.domain).expect("the domain is the broadcast of its operands");
                self.load_view(a.with_view(view))
            }
        }
    }

    /// The elements of `a` as elements of `dtype`.
    pub(crate) fn load_as(&mut self, a: &NdArray, dtype: DType) -> ValueId {
        let value = self.load(a);
        self.converted(dtype, value)
    }

    /// A value as an element of `dtype`. Conversions of times that are NumPy's make [`Body::run`] refuse.
    pub(crate) fn converted(&mut self, dtype: DType, value: ValueId) -> ValueId {
        let from = self.program.value_dtype(value).expect("a value has a type");
        if promote::converts(from, dtype) {
            return self.program.cast(dtype, value);
        }
        times::convert(&mut self.program, from, dtype, value).unwrap_or_else(|| {
            self.refused = true;
            self.program.constant(Scalar::zero(dtype))
        })
    }

    fn load_view(&mut self, a: NdArray) -> ValueId {
        let part = a.part;
        let whole = self.load_whole(a);
        match part {
            Part::Whole => whole,
            Part::Real => self.program.unary(UnaryOp::Real, whole),
            Part::Imag => self.program.unary(UnaryOp::Imag, whole),
            Part::Bits(dtype) => self.program.bitcast(dtype, whole),
        }
    }

    /// Whole elements, each place once.
    fn load_whole(&mut self, a: NdArray) -> ValueId {
        let same = |arg: &Argument| {
            arg.array.shares_base(&a) && arg.array.view == a.view && !matches!(arg.role, Role::Fold(_))
        };
        if let Some(value) = self.arguments.iter().find(|arg| same(arg)).and_then(|arg| arg.value) {
            return value;
        }
        let value = self.program.load(self.arguments.len() as OperandId, a.base.dtype);
        self.arguments.push(Argument {
            array: NdArray { part: Part::Whole, ..a },
            role: Role::Read,
            value: Some(value),
        });
        value
    }

    /// A Python scalar as an element of `dtype`.
    ///
    /// # Errors
    /// As [`Weak::to_scalar`].
    pub(crate) fn weak(&mut self, value: Weak, dtype: DType) -> Result<ValueId> {
        Ok(self.program.constant(value.to_scalar(dtype)?))
    }

    /// Writes `value` to `a`, whose shape is the domain's, converted to its element type.
    pub(crate) fn store(&mut self, a: &NdArray, value: ValueId) {
        debug_assert_eq!(*a.view.shape, *self.domain);
        let value = self.converted(a.dtype(), value);
        let value = self.whole_element(a, value);
        let same = |arg: &Argument| arg.array.shares_base(a) && arg.array.view == a.view;
        match self.arguments.iter_mut().position(|arg| same(arg)) {
            Some(k) => {
                self.arguments[k].role = Role::Update;
                self.program.store(k as OperandId, value);
            }
            None => {
                self.program.store(self.arguments.len() as OperandId, value);
                let array = NdArray { part: Part::Whole, ..a.clone() };
                self.arguments.push(Argument { array, role: Role::Write, value: None });
            }
        }
    }

    /// What an element of the base becomes when a view that shows a part of it is written.
    fn whole_element(&mut self, a: &NdArray, value: ValueId) -> ValueId {
        match a.part {
            Part::Whole => value,
            Part::Bits(_) => self.program.bitcast(a.base.dtype, value),
            Part::Real => {
                let old = self.load_whole(a.clone());
                let imag = self.program.unary(UnaryOp::Imag, old);
                self.program.binary(BinaryOp::Complex, value, imag)
            }
            Part::Imag => {
                let old = self.load_whole(a.clone());
                let real = self.program.unary(UnaryOp::Real, old);
                self.program.binary(BinaryOp::Complex, real, value)
            }
        }
    }

    /// Folds `value` over the domain dimensions in `dims` (bit `d`) into `out`, which has extent 1 there and has no other use in this body.
    pub(crate) fn fold(&mut self, op: ReduceOp, out: &NdArray, value: ValueId, dims: u64) {
        let mut view = out.view.broadcast(&self.domain).expect("a result has extent 1 where it is folded");
        (0..view.rank()).filter(|d| dims >> d & 1 == 1).for_each(|d| view.strides[d] = 0);
        self.program.reduce(op, self.arguments.len() as OperandId, value, dims);
        self.arguments.push(Argument { array: out.with_view(view), role: Role::Fold(op), value: None });
        self.folded |= dims;
    }
}

/// Running.
impl Body<'_> {
    /// Computes the body, now or later. Overlaps between what is read and what is written behave as if inputs were read first.
    ///
    /// # Errors
    /// What the kernels refuse at run time (negative integer powers), if it is computed at once.
    pub(crate) fn run(mut self) -> Result<()> {
        if self.refused {
            return Err(Error::Unsupported("a conversion of times".into()));
        }
        if self.domain.contains(&0) {
            return self.run_nowhere();
        }
        self.refresh()?;
        let inline = self.is_inline()?;
        if !inline {
            // Whether views overlap is asked of the fields' final form.
            self.prepare_fields();
        }
        self.separate_overlaps(inline)?;
        if inline {
            let points: i64 = self.domain.iter().product();
            self.session.note_at_once(points as u64, || label(&self.program));
            self.run_on_host()
        } else {
            self.launch()
        }
    }

    /// Computes the body on this thread, whatever the mapper thinks. All it reads is at hand.
    pub(crate) fn run_at_once(mut self) -> Result<()> {
        if self.domain.contains(&0) {
            return self.run_nowhere();
        }
        self.refresh()?;
        self.separate_overlaps(true)?;
        self.run_on_host()
    }

    /// Makes memory that was written as elements of another size be seen.
    fn refresh(&self) -> Result<()> {
        match self.following {
            true => Ok(()),
            false => self.arguments.iter().try_for_each(|argument| self.session.refresh(&argument.array)),
        }
    }

    /// Lets what was written be seen as elements of another size.
    fn write_back(session: &Session, following: bool, arguments: &[Argument]) -> Result<()> {
        if following {
            return Ok(());
        }
        arguments.iter().filter(|a| a.role.writes()).try_for_each(|argument| session.write_back(&argument.array))
    }

    /// An empty domain writes nothing. (What a fold over nothing gives is the caller's business.)
    fn run_nowhere(self) -> Result<()> {
        for argument in &self.arguments {
            let mut backing = argument.array.base.cell.lock();
            if !backing.is_known() && backing.field.is_none() {
                backing.fill = Some(Scalar::zero(argument.array.base.dtype));
            }
        }
        Ok(())
    }

    fn is_inline(&self) -> Result<bool> {
        let points = self.domain.iter().product::<i64>() as u64;
        let bytes = self.arguments.iter().map(|a| points * a.array.base.dtype.size() as u64).sum();
        let inputs = self.arguments.iter().filter(|argument| argument.needs_values()).map(|argument| &argument.array);
        self.session.is_inline(points, bytes, inputs)
    }

    /// Reads from copies what overlaps a written view without being it. (Safe host operands may not even interleave.)
    fn separate_overlaps(&mut self, inline: bool) -> Result<()> {
        let clash =
            |read: &NdArray, written: &NdArray| read.shares_base(written) && (inline || read.may_share_memory(written));
        for k in 0..self.arguments.len() {
            let read = &self.arguments[k];
            let written =
                |(j, other): (usize, &Argument)| j != k && other.role.writes() && clash(&read.array, &other.array);
            if read.role == Role::Read && self.arguments.iter().enumerate().any(written) {
                let compact = read.array.with_view(read.array.view.without_broadcast());
                let copy = if inline { self.session.copy_at_hand(&compact)? } else { self.session.copy(&compact)? };
                let view = copy.view.broadcast(&self.domain).expect("a copy has the shape of what was copied");
                self.arguments[k].array = copy.with_view(view);
            }
        }
        Ok(())
    }

    fn run_on_host(self) -> Result<()> {
        let (program, constants) = without_constants(self.program, self.arguments.len());
        let still: SmallVec<[isize; 4]> = SmallVec::from_elem(0, self.domain.len());
        // No array that is read has the base of one that is written: locks are taken once each.
        let reads: SmallVec<[Arc<HostBuffer>; 4]> =
            self.arguments.iter().filter(|a| !a.role.writes()).map(|a| a.array.host()).collect();
        let mut written: SmallVec<[MutexGuard<'_, Backing>; 2]> =
            self.arguments.iter().filter(|a| a.role.writes()).map(|a| a.array.writable_host()).collect();
        let (mut reads, mut buffers) = (reads.iter(), written.iter_mut().filter_map(|backing| backing.host.as_mut()));
        let mut operands: SmallVec<[HostOperand<'_>; 4]> = SmallVec::new();
        for argument in &self.arguments {
            let view = &argument.array.view;
            let strides: SmallVec<[isize; 4]> = view.strides.iter().map(|s| *s as isize).collect();
            operands.push(if argument.role.writes() {
                let bytes = buffers.next().expect("one buffer for each written array");
                HostOperand::write(Arc::make_mut(bytes).as_mut_slice(), view.offset as usize, &strides)
            } else {
                let bytes = reads.next().expect("one buffer for each read array").as_slice();
                HostOperand::read(bytes, view.offset as usize, &strides)
            });
        }
        operands.extend(constants.iter().map(|value| HostOperand::read(value.as_bytes(), 0, &still)));
        let compiled = self.session.programs().compiled(&program, self.domain.len());
        let wanted = self.session.wanted_exceptions();
        let met = host::run_watched(&compiled, &self.domain, &mut operands, wanted.exceptions)
            .expect("views lie in their bases");
        drop(operands);
        drop(written);
        self.session.note_incidents(&program, &met, wanted);
        Body::write_back(self.session, self.following, &self.arguments)
    }

    /// Whether the front end wants to know of floating-point exceptions.
    pub(crate) fn is_watched(&self) -> bool {
        !self.session.wanted_exceptions().exceptions.is_empty()
    }

    /// Gives each array a field in which its view is affine.
    fn prepare_fields(&self) {
        let runtime = self.session.runtime().expect("without a runtime everything is inline");
        self.arguments.iter().for_each(|argument| argument.ensure_field(self.session, runtime));
        self.arguments.iter().for_each(|a| self.session.ensure_affine(&a.array, a.role.writes(), runtime));
    }

    fn launch(self) -> Result<()> {
        let provenance = self.session.provenance();
        let runtime = self.session.runtime().expect("without a runtime everything is inline");
        self.prepare_fields();
        let (program, operands) = self.operands();
        let watch = self.session.watch(&provenance);
        let args = Arc::new(ProgramArgs::new(program, self.domain.len(), self.session.programs(), watch));
        let cuts = cuts(&self.domain, self.folded);
        let task = self.session.tasks().program;
        runtime.launch(LaunchRequest { task, args, shape: self.domain, operands, cuts, provenance })?;
        for argument in self.arguments.iter().filter(|a| a.role.writes()) {
            argument.array.base.cell.lock().note_launch();
        }
        Body::write_back(self.session, self.following, &self.arguments)
    }

    /// The program as a launch has it, with its operands: what is updated becomes one operand that is read and one that is written.
    fn operands(&self) -> (Program, SmallVec<[Operand; 4]>) {
        let mut program = self.program.clone();
        let mut operands: SmallVec<[Operand; 4]> = SmallVec::new();
        let mut updated: SmallVec<[Operand; 2]> = SmallVec::new();
        for (k, argument) in self.arguments.iter().enumerate() {
            let (field, access) = argument.array.access();
            let privilege = match argument.role {
                Role::Read | Role::Update => Privilege::ReadOnly,
                Role::Write => Privilege::WriteDiscard,
                Role::Fold(op) => Privilege::Reduce(self.session.tasks().reduction(op, argument.array.base.dtype)),
            };
            if argument.role == Role::Update {
                let stored = (self.arguments.len() + updated.len()) as OperandId;
                redirect_stores(&mut program, k as OperandId, stored);
                updated.push(Operand {
                    field: field.handle.id(),
                    access: access.clone(),
                    privilege: Privilege::WriteDiscard,
                });
            }
            operands.push(Operand { field: field.handle.id(), access, privilege });
        }
        operands.extend(updated);
        (program, operands)
    }
}

/// The program with its constants as further operands: so that calls which differ in a number share one compiled program.
fn without_constants(mut program: Program, operands: usize) -> (Program, SmallVec<[Scalar; 4]>) {
    let mut constants = SmallVec::new();
    for instr in &mut program.instrs {
        if let Instr::Const(value) = *instr {
            *instr = Instr::Load { operand: (operands + constants.len()) as OperandId, dtype: value.dtype() };
            constants.push(value);
        }
    }
    program.operands = (operands + constants.len()) as OperandId;
    (program, constants)
}

fn redirect_stores(program: &mut Program, from: OperandId, to: OperandId) {
    for instr in &mut program.instrs {
        if let Instr::Store { operand, .. } = instr
            && *operand == from
        {
            *operand = to;
        }
    }
    program.operands = program.operands.max(to + 1);
}

/// How a domain may be cut when the dimensions in `folded` are folded: see ARCHITECTURE.md, "Sums".
pub(crate) fn cuts(domain: &[i64], folded: u64) -> SmallVec<[Cut; 4]> {
    if folded == 0 {
        return SmallVec::from_elem(Cut::Free, domain.len());
    }
    let leaf = reduce::leaf(domain, folded);
    (0..domain.len())
        .map(|d| match folded >> d & 1 {
            0 => Cut::Free,
            _ if leaf.cut_dim == Some(d) => Cut::Tree { granule: leaf.granule },
            _ => Cut::Never,
        })
        .collect()
}

impl Argument {
    /// Gives the base a field, with its values unless all of them are about to be overwritten.
    fn ensure_field(&self, session: &Session, runtime: &Runtime) {
        let overwritten = matches!(self.role, Role::Write | Role::Fold(_)) && self.overwrites_base();
        session.ensure_field(&self.array, runtime, overwritten);
    }

    /// Whether the base's values before matter: it is read, or written in parts after it was written before.
    fn needs_values(&self) -> bool {
        !self.role.writes() || (!self.array.is_unwritten() && (self.role == Role::Update || !self.overwrites_base()))
    }

    fn overwrites_base(&self) -> bool {
        let view = self.array.view.without_broadcast();
        NdArray { view, ..self.array.clone() }.covers_base()
    }
}

impl Session {
    /// Gives the base of `a` a field if it has none; without values if it is about to be overwritten whole.
    pub(crate) fn ensure_field(&self, a: &NdArray, runtime: &Runtime, overwritten: bool) {
        let base = &a.base;
        let mut backing = base.cell.lock();
        if backing.field.is_some() {
            return;
        }
        let handle = runtime.create_field(&base.shape, base.dtype.size() as u32, base.dtype.align() as u32);
        if !overwritten {
            self.give_values(a, runtime, &backing, &handle);
        }
        backing.field = Some(BaseField { handle, linear: false });
        // Large host bytes are not kept twice; small ones stay readable without waiting.
        if base.nbytes() > self.small_bytes() {
            backing.host = None;
        }
    }

    fn give_values(
        &self,
        a: &NdArray,
        runtime: &Runtime,
        backing: &Backing,
        handle: &legate_core::runtime::FieldHandle,
    ) {
        let provenance = self.provenance();
        if let Some(bytes) = &backing.host {
            let issued = runtime.attach(handle, Arc::clone(bytes), &provenance);
            issued.expect("a base's bytes are as many as its field's");
            return;
        }
        let value = backing.fill.expect("an array that is read has been written");
        let mut program = Program::new();
        let value = program.constant(value);
        program.store(0, value);
        let shape = &a.base.shape;
        let access = Access::identity(shape.len());
        let request = LaunchRequest {
            task: self.tasks().program,
            args: Arc::new(ProgramArgs::new(program, shape.len(), self.programs(), None)),
            shape: shape.clone(),
            operands: SmallVec::from_iter([Operand { field: handle.id(), access, privilege: Privilege::WriteDiscard }]),
            cuts: cuts(shape, 0),
            provenance,
        };
        runtime.launch(request).expect("a fill of a whole field is legal");
    }

    /// Makes the view affine in its base's field, and for one that is written surely injective, by making the field linear if need be.
    pub(crate) fn ensure_affine(&self, a: &NdArray, written: bool, runtime: &Runtime) {
        let mut backing = a.base.cell.lock();
        let field = backing.field.as_mut().expect("the field was made before");
        let view = a.view.without_broadcast();
        let fits = |access: Access| !written || access.is_injective(&Rect::from_shape(&view.shape));
        if !field.linear && !decode(&view, &a.base.shape).is_some_and(fits) {
            let linear = runtime.reshape(&field.handle, &[a.base.size()], &self.provenance());
            let handle = linear.expect("a linear field has as many points");
            *field = BaseField { handle, linear: true };
        }
    }
}

impl NdArray {
    /// The field behind, and the view's access to it.
    ///
    /// # Panics
    /// Unless [`Session::ensure_field`] and [`Session::ensure_affine`] have been called.
    pub(crate) fn access(&self) -> (BaseField, Access) {
        let field = self.base.cell.lock().field.clone().expect("the field was made before");
        let access = if field.linear {
            decode_linear(&self.view, self.base.size())
        } else {
            decode(&self.view, &self.base.shape).expect("the field was made linear where it had to be")
        };
        (field, access)
    }

    /// Whether the operation that makes it is still to be issued.
    pub(crate) fn is_unwritten(&self) -> bool {
        let backing = self.base.cell.lock();
        !backing.is_known() && backing.field.is_none()
    }

    /// The one value of all elements, if it is known without waiting: constants, and small things of one element.
    pub(crate) fn known_constant(&self) -> Option<Scalar> {
        if self.part != Part::Whole || self.base.origin.is_some() {
            return None;
        }
        let backing = self.base.cell.lock();
        if backing.fill.is_some() {
            return backing.fill;
        }
        let bytes = backing.host.as_ref().filter(|_| self.size() == 1)?;
        let size = self.base.dtype.size();
        let at = self.view.offset as usize * size;
        Some(Scalar::from_bytes(self.base.dtype, &bytes.as_slice()[at..at + size]))
    }

    /// The value of an array of one element, if it is at hand.
    pub fn known_value(&self) -> Option<Scalar> {
        if self.size() == 1 { self.known_constant() } else { None }
    }

    /// The base's bytes, which are known.
    pub(crate) fn host(&self) -> Arc<HostBuffer> {
        let mut backing = self.base.cell.lock();
        Arc::clone(self.base.materialized(&mut backing))
    }

    /// The base's bytes, known or not yet written, locked for writing to them; whatever else had the values is forgotten.
    pub(crate) fn writable_host(&self) -> MutexGuard<'_, Backing> {
        let mut backing = self.base.cell.lock();
        if backing.is_known() {
            self.base.materialized(&mut backing);
        } else {
            backing.host = Some(Arc::new(HostBuffer::zeroed(self.base.nbytes() as usize)));
        }
        (backing.fill, backing.field) = (None, None);
        backing
    }
}

impl crate::array::Base {
    /// Whether there is memory for the bytes of a base that so far is one value repeated.
    ///
    /// # Errors
    /// [`Error::Memory`].
    pub(crate) fn check_memory(&self) -> Result<()> {
        if self.cell.lock().host.is_some() {
            return Ok(());
        }
        HostBuffer::try_zeroed(self.nbytes() as usize).map(drop).map_err(|e| Error::Memory(e.to_string()))
    }

    /// The bytes of a base whose values are known.
    pub(crate) fn materialized<'b>(&self, backing: &'b mut Backing) -> &'b mut Arc<HostBuffer> {
        let fill = backing.fill;
        backing.host.get_or_insert_with(|| {
            let value = fill.expect("the values are known");
            let mut bytes = HostBuffer::zeroed(self.nbytes() as usize);
            if value != Scalar::zero(self.dtype) {
                bytes
                    .as_mut_slice()
                    .chunks_exact_mut(self.dtype.size())
                    .for_each(|e| e.copy_from_slice(value.as_bytes()));
            }
            Arc::new(bytes)
        })
    }
}

impl View {
    /// With extent 1 along dimensions that do not move.
    pub(crate) fn without_broadcast(&self) -> View {
        let shape = self.shape.iter().zip(&self.strides).map(|(n, s)| if *s == 0 { 1 } else { *n }).collect();
        View { offset: self.offset, shape, strides: self.strides.clone() }
    }
}
