//! Programs whose folds differ in what they fold, made of programs whose folds agree.
//!
//! A plan walks the domain in one order, that of its folds. Should a program fold a value over all dimensions and another over one, the main program stores
//! the second value in a temporary array of the chunk's shape, and a later program folds that. It is rare: launches with
//! different folds are fused only if their leaves happen to agree.

use crate::dtype::DType;
use crate::operand::{RawOperand, Strides};
use crate::program::{Instr, OperandId, Program};
use smallvec::SmallVec;

/// A program in parts.
#[derive(Clone, Debug)]
pub(super) struct Split {
    /// All stores, and the folds over the dimensions of the first fold.
    pub(super) main: Program,
    /// One for each other fold.
    pub(super) later: Vec<Program>,
    /// Which step of the main program each of them was.
    pub(super) folds: Vec<usize>,
    /// The element types of the temporaries, which are the operands after the program's own.
    temporaries: Vec<DType>,
}

impl Split {
    pub(super) fn new(program: Program) -> Split {
        let types = program.value_dtypes();
        let first = program.instrs.iter().find_map(folded_dims);
        let mut split = Split { main: program, later: Vec::new(), folds: Vec::new(), temporaries: Vec::new() };
        let given = split.main.operands;
        for step in 0..split.main.instrs.len() {
            let Instr::Reduce { op, operand, value, dims } = split.main.instrs[step] else { continue };
            if Some(dims) == first {
                continue;
            }
            let dtype = types[value as usize].expect("a fold of a value");
            let temporary = given + split.temporaries.len() as OperandId;
            split.temporaries.push(dtype);
            split.main.instrs[step] = Instr::Store { operand: temporary, value };
            let mut later = Program { instrs: Vec::new(), operands: temporary + 1 };
            let loaded = later.load(temporary, dtype);
            later.reduce(op, operand, loaded, dims);
            split.later.push(later);
            split.folds.push(step);
        }
        split.main.operands = given + split.temporaries.len() as OperandId;
        split
    }

    /// Memory for the temporaries of one run.
    pub(super) fn temporaries(&self, extent: &[usize], given: &[RawOperand]) -> Temporaries {
        let points: usize = extent.iter().product();
        let mut arrays: SmallVec<[Vec<u8>; 1]> =
            self.temporaries.iter().map(|dtype| vec![0; points * dtype.size()]).collect();
        let operands = arrays
            .iter_mut()
            .zip(&self.temporaries)
            .map(|(array, dtype)| RawOperand { ptr: array.as_mut_ptr(), strides: c_order(extent, dtype.size()) });
        let all = if self.temporaries.is_empty() {
            Vec::new()
        } else {
            given[..self.given()].iter().cloned().chain(operands).collect()
        };
        Temporaries { _arrays: arrays, operands: all }
    }

    /// How many operands are the caller's.
    fn given(&self) -> usize {
        self.main.operands as usize - self.temporaries.len()
    }
}

fn folded_dims(instr: &Instr) -> Option<u64> {
    match instr {
        Instr::Reduce { dims, .. } => Some(*dims),
        _ => None,
    }
}

fn c_order(extent: &[usize], size: usize) -> Strides {
    (1..=extent.len()).map(|d| (extent[d..].iter().product::<usize>() * size) as isize).collect()
}

/// The temporaries of one run.
pub(super) struct Temporaries {
    /// Keeps the memory alive.
    _arrays: SmallVec<[Vec<u8>; 1]>,
    /// The caller's operands and the temporaries; empty if there are none.
    operands: Vec<RawOperand>,
}

impl Temporaries {
    /// All operands of a run.
    pub(super) fn operands<'a>(&'a self, given: &'a [RawOperand]) -> &'a [RawOperand] {
        if self.operands.is_empty() { given } else { &self.operands }
    }
}
