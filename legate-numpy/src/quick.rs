//! The short way of a ufunc call: contiguous arrays of one shape and of the loop's own types, and scalars, all at hand.
//!
//! Such calls are what programs of small arrays consist of. They need no views, orders, overlaps or programs to be worked out: the kernel
//! for the ufunc and type is looked up and run over the elements as one row. Everything else goes the general way ([`crate::issue`]), with the same bits.

use crate::array::{Backing, NdArray, Part};
use crate::session::Session;
use crate::ufunc::{Kernel, Operand};
use legate_core::exec::HostBuffer;
use legate_core::mapping::Mapper;
use legate_kernels::cast::cast;
use legate_kernels::dtype::{DType, Scalar};
use legate_kernels::engine::Compiled;
use legate_kernels::host::{self, HostOperand};
use legate_kernels::program::Program;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use std::sync::Arc;

/// What tells one-step programs apart.
type Key = (Kernel, DType, Option<u8>);

/// Compiled one-step programs by ufunc, type of the inputs, and which input is overwritten, if any.
#[derive(Debug, Default)]
pub(crate) struct QuickKernels {
    known: Mutex<FxHashMap<Key, Arc<Compiled>>>,
}

impl QuickKernels {
    fn get(&self, kernel: Kernel, dtype: DType, overwritten: Option<u8>) -> Arc<Compiled> {
        let mut known = self.known.lock();
        Arc::clone(
            known.entry((kernel, dtype, overwritten)).or_insert_with(|| Arc::new(one_step(kernel, dtype, overwritten))),
        )
    }
}

/// `result = op(inputs)` along one dimension. Without an overwritten input the result is the last operand.
fn one_step(kernel: Kernel, dtype: DType, overwritten: Option<u8>) -> Compiled {
    let mut program = Program::new();
    let x = program.load(0, dtype);
    let value = match kernel {
        Kernel::Unary(op) => program.unary(op, x),
        Kernel::Binary(op) => {
            let y = program.load(1, dtype);
            program.binary(op, x, y)
        }
    };
    let result = overwritten.map_or(program.operands, u16::from);
    program.store(result, value);
    Compiled::new(&program, 1).expect("one step on values of its own type is well-formed")
}

/// An input as a row.
enum Row {
    /// Elements from `offset` on; the flag says that it is one element for all.
    Elements {
        bytes: Arc<HostBuffer>,
        offset: usize,
        single: bool,
    },
    One(Scalar),
}

impl Row {
    fn operand(&self) -> HostOperand<'_> {
        match self {
            Row::Elements { bytes, offset, single } => {
                HostOperand::read(bytes.as_slice(), *offset, &[isize::from(!single)])
            }
            Row::One(value) => HostOperand::read(value.as_bytes(), 0, &[0]),
        }
    }
}

impl Session {
    /// The result of a loop on inputs of type `input`, if it can be had the short way. `out` has been checked.
    pub(crate) fn call_quickly(
        &self,
        kernel: Kernel,
        input: DType,
        result: DType,
        inputs: &[Operand],
        out: Option<&NdArray>,
    ) -> Option<NdArray> {
        let shaped = inputs.iter().filter_map(Operand::array).max_by_key(|a| (a.size() != 1, a.ndim()))?;
        let n = shaped.size();
        if n == 0 || out.is_some_and(|out| out.shape() != shaped.shape() || out.dtype() != result || !lies_plainly(out))
        {
            return None;
        }
        let bytes = n as u64 * (input.size() * inputs.len() + result.size()) as u64;
        if self.runtime().is_some_and(|runtime| !self.mapper().inline(n as u64, bytes, runtime.machine())) {
            return None;
        }
        let overwritten = match out {
            Some(out) => overwritten(inputs, out)?,
            None => None,
        };
        // An input that is overwritten is read in the type that is written.
        if overwritten.is_some() && input != result {
            return None;
        }
        let mut rows: SmallVec<[Row; 2]> = SmallVec::new();
        for (k, operand) in inputs.iter().enumerate() {
            if overwritten != Some(k as u8) {
                rows.push(row(operand, input, shaped)?);
            }
        }
        self.note_at_once(n as u64, || kernel.name().to_owned());
        let compiled = self.quick_kernels().get(kernel, input, overwritten);
        match out {
            Some(out) => write_row(&compiled, &rows, overwritten, out, n).then(|| out.clone()),
            None => Some(new_row(&compiled, &rows, shaped, result)),
        }
    }
}

/// Whether the elements lie one after the other, whole.
fn lies_plainly(a: &NdArray) -> bool {
    a.part == Part::Whole && a.view.is_c_contiguous()
}

/// Which input is the output itself. `None` (the outer one) if another one shares its base: that takes care.
#[allow(clippy::option_option, reason = "not the short way, or the short way with or without an overwritten input")]
fn overwritten(inputs: &[Operand], out: &NdArray) -> Option<Option<u8>> {
    let mut found = None;
    for (k, a) in inputs.iter().enumerate().filter_map(|(k, operand)| Some((k, operand.array()?))) {
        if a.shares_base(out) {
            let itself = a.part == out.part && a.view == out.view;
            if !itself || found.is_some() {
                return None;
            }
            found = Some(k as u8);
        }
    }
    Some(found)
}

fn row(operand: &Operand, dtype: DType, shaped: &NdArray) -> Option<Row> {
    match operand {
        Operand::Weak(w) => w.to_scalar(dtype).ok().map(Row::One),
        Operand::Scalar(s) => Some(Row::One(cast(*s, dtype))),
        Operand::Array(a) => {
            let single = a.size() == 1;
            let fits = if single { a.ndim() <= shaped.ndim() } else { a.shape() == shaped.shape() };
            if a.dtype() != dtype || !fits || !lies_plainly(a) {
                return None;
            }
            let bytes = Arc::clone(a.base.cell.lock().host.as_ref()?);
            Some(Row::Elements { bytes, offset: a.view.offset as usize, single })
        }
    }
}

fn new_row(compiled: &Compiled, rows: &[Row], shaped: &NdArray, result: DType) -> NdArray {
    let n = shaped.size();
    let mut bytes = HostBuffer::zeroed(n as usize * result.size());
    let mut operands: SmallVec<[HostOperand<'_>; 3]> = rows.iter().map(Row::operand).collect();
    operands.push(HostOperand::write(bytes.as_mut_slice(), 0, &[1]));
    host::run_compiled(compiled, &[n], &mut operands).expect("rows lie in their bytes");
    drop(operands);
    NdArray::new(shaped.shape(), result, Backing { host: Some(Arc::new(bytes)), ..Backing::default() })
}

/// Writes to an array that is at hand; `false` if it is not.
fn write_row(compiled: &Compiled, rows: &[Row], overwritten: Option<u8>, out: &NdArray, n: i64) -> bool {
    let mut backing = out.base.cell.lock();
    let Some(bytes) = backing.host.as_mut() else { return false };
    let written = HostOperand::write(Arc::make_mut(bytes).as_mut_slice(), out.view.offset as usize, &[1]);
    let mut operands: SmallVec<[HostOperand<'_>; 3]> = rows.iter().map(Row::operand).collect();
    operands.insert(overwritten.map_or(rows.len(), usize::from), written);
    host::run_compiled(compiled, &[n], &mut operands).expect("rows lie in their bytes");
    drop(operands);
    (backing.fill, backing.field) = (None, None);
    true
}
