//! The engine behind a safe interface: operands are byte slices, and every view is checked against them.

use crate::dtype::DType;
use crate::engine::{Compiled, Met};
use crate::exceptions::Exceptions;
use crate::operand::{RawOperand, Strides};
use crate::program::{Instr, Program, ProgramError};
use smallvec::SmallVec;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// A view into bytes that a program may read, or read and write.
#[derive(Debug)]
pub struct HostOperand<'a> {
    bytes: Bytes<'a>,
    offset: isize,
    strides: Strides,
}

#[derive(Debug)]
enum Bytes<'a> {
    Read(&'a [u8]),
    Write(&'a mut [u8]),
}

/// Why a program cannot run on these operands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum HostError {
    #[error(transparent)]
    Program(#[from] ProgramError),
    #[error("the program has {expected} operands, but {got} are given")]
    Count { expected: usize, got: usize },
    #[error("operand {operand} has strides for {got} dimensions, not {expected}")]
    Rank { operand: usize, expected: usize, got: usize },
    #[error("operand {operand} reaches outside its bytes")]
    Bounds { operand: usize },
    #[error("operand {operand} is written but lent for reading only")]
    ReadOnly { operand: usize },
    #[error("operand {operand} is folded into along a dimension in which it has a stride")]
    FoldedStride { operand: usize },
}

impl<'a> HostOperand<'a> {
    /// A view to be read: the element of point `p` is element `offset + Σ strides[d] · p[d]` of `bytes`.
    pub fn read(bytes: &'a [u8], offset: usize, strides: &[isize]) -> HostOperand<'a> {
        HostOperand { bytes: Bytes::Read(bytes), offset: offset as isize, strides: strides.into() }
    }

    /// A view to be written (and read, if the program does).
    pub fn write(bytes: &'a mut [u8], offset: usize, strides: &[isize]) -> HostOperand<'a> {
        HostOperand { bytes: Bytes::Write(bytes), offset: offset as isize, strides: strides.into() }
    }

    fn len(&self) -> usize {
        match &self.bytes {
            Bytes::Read(bytes) => bytes.len(),
            Bytes::Write(bytes) => bytes.len(),
        }
    }

    /// Whether every element that the view names over a box of `shape` lies inside the bytes.
    fn is_inside(&self, shape: &[i64], element_size: usize) -> bool {
        if shape.contains(&0) {
            return true;
        }
        let (mut first, mut last) = (self.offset, self.offset);
        for (stride, extent) in self.strides.iter().zip(shape) {
            let Some(reach) = stride.checked_mul(*extent as isize - 1) else { return false };
            let end = if reach < 0 { &mut first } else { &mut last };
            let Some(moved) = end.checked_add(reach) else { return false };
            *end = moved;
        }
        first >= 0 && (last as usize) < self.len() / element_size
    }

    /// The operand of kernels that are no programs; `None` if it reaches outside of its bytes over a box of `shape`.
    pub fn raw_within(&mut self, shape: &[i64], element_size: usize) -> Option<RawOperand> {
        let fits = self.strides.len() == shape.len() && self.is_inside(shape, element_size);
        fits.then(|| self.raw(element_size))
    }

    fn raw(&mut self, element_size: usize) -> RawOperand {
        let ptr = match &mut self.bytes {
            Bytes::Read(bytes) => bytes.as_ptr().cast_mut(),
            Bytes::Write(bytes) => bytes.as_mut_ptr(),
        };
        let size = element_size as isize;
        RawOperand {
            ptr: ptr.wrapping_offset(self.offset * size),
            strides: self.strides.iter().map(|s| s * size).collect(),
        }
    }
}

/// Compiled programs, each with the ranks it was compiled for. Looked up, never iterated.
type Known = HashMap<Program, Vec<(usize, Rc<Compiled>)>>;

thread_local! {
    /// Programs that ran on this thread: the same few run again and again.
    static COMPILED: RefCell<Known> = RefCell::new(HashMap::new());
}

/// How many programs are remembered before all are forgotten.
const REMEMBERED: usize = 512;

/// The program made ready for domains of `rank` dimensions, remembered from an earlier call on this thread if there was one.
///
/// # Errors
/// If the program is not well-formed.
pub fn compiled(program: &Program, rank: usize) -> Result<Rc<Compiled>, ProgramError> {
    COMPILED.with_borrow_mut(|known| {
        let ranks = known.get(program).map_or(&[][..], |ranks| ranks);
        if let Some((_, compiled)) = ranks.iter().find(|(r, _)| *r == rank) {
            return Ok(compiled.clone());
        }
        let compiled = Rc::new(Compiled::new(program, rank)?);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.entry(program.clone()).or_default().push((rank, compiled.clone()));
        Ok(compiled)
    })
}

/// Runs `program` over a whole domain of shape `shape`. Programs are compiled once for each thread and rank ([`compiled`]).
///
/// # Errors
/// If the program is not well-formed, or an operand does not fit it; nothing has been written then.
///
/// # Panics
/// If an extent is negative.
pub fn run(program: &Program, shape: &[i64], operands: &mut [HostOperand<'_>]) -> Result<(), HostError> {
    run_compiled(&*compiled(program, shape.len())?, shape, operands)
}

/// The same for a program that has been compiled before, for domains of this rank.
///
/// # Errors
/// As for [`run`].
///
/// # Panics
/// If an extent is negative, or the program was compiled for another rank.
pub fn run_compiled(compiled: &Compiled, shape: &[i64], operands: &mut [HostOperand<'_>]) -> Result<(), HostError> {
    run_watched(compiled, shape, operands, Exceptions::NONE).map(|_| ())
}

/// The same, and which steps have met any of the floating-point exceptions that are `wanted`: see [`Compiled::run_watched`].
///
/// # Errors
/// As for [`run`].
///
/// # Panics
/// As for [`run_compiled`].
pub fn run_watched(
    compiled: &Compiled,
    shape: &[i64],
    operands: &mut [HostOperand<'_>],
    wanted: Exceptions,
) -> Result<Met, HostError> {
    assert!(shape.iter().all(|n| *n >= 0), "extents are not negative");
    let program = compiled.program();
    let raw = check(program, shape, operands)?;
    let extent: SmallVec<[usize; 4]> = shape.iter().map(|n| *n as usize).collect();
    let lo: SmallVec<[i64; 4]> = SmallVec::from_elem(0, shape.len());
    // SAFETY: every element of every operand lies inside its borrowed bytes, as `check` saw; what is written is borrowed mutably, so
    // nobody else touches it and it overlaps no other operand.
    Ok(unsafe { compiled.run_watched(shape, &lo, &extent, &raw, wanted) })
}

fn check(
    program: &Program,
    shape: &[i64],
    operands: &mut [HostOperand<'_>],
) -> Result<SmallVec<[RawOperand; 4]>, HostError> {
    let expected = program.operands as usize;
    if operands.len() < expected {
        return Err(HostError::Count { expected, got: operands.len() });
    }
    check_written(program, shape, operands)?;
    let dtypes = program.operand_dtypes();
    let mut raw = SmallVec::new();
    for (operand, (view, dtype)) in operands.iter_mut().zip(&dtypes).enumerate() {
        if view.strides.len() != shape.len() {
            return Err(HostError::Rank { operand, expected: shape.len(), got: view.strides.len() });
        }
        // An operand that no step names is never touched.
        let size = dtype.map_or(1, DType::size);
        if dtype.is_some() && !view.is_inside(shape, size) {
            return Err(HostError::Bounds { operand });
        }
        raw.push(view.raw(size));
    }
    Ok(raw)
}

fn check_written(program: &Program, shape: &[i64], operands: &[HostOperand<'_>]) -> Result<(), HostError> {
    for instr in &program.instrs {
        let (operand, folded) = match *instr {
            Instr::Store { operand, .. } => (operand as usize, 0),
            Instr::Reduce { operand, dims, .. } => (operand as usize, dims),
            _ => continue,
        };
        if matches!(operands[operand].bytes, Bytes::Read(_)) {
            return Err(HostError::ReadOnly { operand });
        }
        let strides = operands[operand].strides.iter().take(shape.len()).enumerate();
        if strides.into_iter().any(|(d, stride)| folded >> d & 1 == 1 && *stride != 0) {
            return Err(HostError::FoldedStride { operand });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::{BinaryOp, ReduceOp, UnaryOp};

    fn negate() -> Program {
        let mut p = Program::new();
        let x = p.load(0, DType::I32);
        let y = p.unary(UnaryOp::Negative, x);
        p.store(1, y);
        p
    }

    #[test]
    fn a_view_may_run_backwards() {
        let (x, mut y) = ([1i32, 2, 3], [0i32; 3]);
        let mut operands = [
            HostOperand::read(bytemuck::bytes_of(&x), 2, &[-1]),
            HostOperand::write(bytemuck::bytes_of_mut(&mut y), 0, &[1]),
        ];
        run(&negate(), &[3], &mut operands).unwrap();
        assert_eq!(y, [-3, -2, -1]);
    }

    #[test]
    fn a_view_that_reaches_outside_is_refused() {
        let (x, mut y) = ([1i32, 2, 3], [0i32; 3]);
        for (offset, stride) in [(1, 1), (1, -1), (0, 2), (0, isize::MAX)] {
            let mut operands = [
                HostOperand::read(bytemuck::bytes_of(&x), offset, &[stride]),
                HostOperand::write(bytemuck::bytes_of_mut(&mut y), 0, &[1]),
            ];
            assert_eq!(run(&negate(), &[3], &mut operands), Err(HostError::Bounds { operand: 0 }));
        }
        assert_eq!(y, [0; 3]);
    }

    #[test]
    fn what_is_lent_for_reading_is_not_written() {
        let (x, y) = ([1i32], [0i32]);
        let mut operands =
            [HostOperand::read(bytemuck::bytes_of(&x), 0, &[1]), HostOperand::read(bytemuck::bytes_of(&y), 0, &[1])];
        assert_eq!(run(&negate(), &[1], &mut operands), Err(HostError::ReadOnly { operand: 1 }));
    }

    #[test]
    fn an_operand_may_be_updated_in_place() {
        let mut p = Program::new();
        let (x, y) = (p.load(0, DType::F64), p.load(1, DType::F64));
        let sum = p.binary(BinaryOp::Add, x, y);
        p.store(0, sum);
        let (mut x, y) = ([1.0f64, 2.0], [0.5f64]);
        let mut operands = [
            HostOperand::write(bytemuck::bytes_of_mut(&mut x), 0, &[1]),
            HostOperand::read(bytemuck::bytes_of(&y), 0, &[0]),
        ];
        run(&p, &[2], &mut operands).unwrap();
        assert_eq!(x, [1.5, 2.5]);
    }

    #[test]
    fn sums_of_rows() {
        let mut p = Program::new();
        let x = p.load(0, DType::I64);
        p.reduce(ReduceOp::Add, 1, x, 0b10);
        let (x, mut sums) = ([[1i64, 2, 3], [4, 5, 6]], [0i64; 2]);
        let mut operands = [
            HostOperand::read(bytemuck::bytes_of(&x), 0, &[3, 1]),
            HostOperand::write(bytemuck::bytes_of_mut(&mut sums), 0, &[1, 0]),
        ];
        run(&p, &[2, 3], &mut operands).unwrap();
        assert_eq!(sums, [6, 15]);
    }
}
