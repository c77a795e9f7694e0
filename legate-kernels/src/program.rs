//! Kernel programs: what a fused element-wise task computes at each point of its domain.
//!
//! A program is a short list of instructions in single-assignment form. Instruction `i` makes value `i`; stores and
//! reductions make none. Programs are plain data: they can be compared, hashed, serialised, composed
//! ([`Joined`]), run by the obvious scalar interpreter ([`crate::oracle`]) and by the tile engine
//! ([`crate::engine`]). They know nothing of where operands lie: an operand is a pointer and one stride per domain
//! dimension, given when the program runs.

mod join;
mod lower;
mod validate;

pub use join::{Binding, Joined};
pub use validate::ProgramError;

use crate::dtype::{DType, Scalar};
use crate::ops::{BinaryOp, ReduceOp, UnaryOp};
use serde::{Deserialize, Serialize};

/// Index of the instruction that made a value.
pub type ValueId = u16;
/// Index into the operand list given when the program runs.
pub type OperandId = u16;

/// One step of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Instr {
    /// The element of an operand at this point.
    Load {
        /// Which operand.
        operand: OperandId,
        /// Its element type.
        dtype: DType,
    },
    /// A constant.
    Const(Scalar),
    /// The coordinate of this point in the whole domain (not in the chunk) along `dim`, as `int64`.
    Index {
        /// The domain dimension.
        dim: u8,
    },
    /// `op(arg)`.
    Unary {
        /// A row of the table.
        op: UnaryOp,
        /// Its argument.
        arg: ValueId,
    },
    /// `op(args[0], args[1])`; both arguments have one type (insert [`Instr::Cast`]).
    Binary {
        /// A row of the table.
        op: BinaryOp,
        /// Its arguments.
        args: [ValueId; 2],
    },
    /// `args[0]` where `cond` (bool) holds, else `args[1]`; both have one type.
    Select {
        /// A bool value.
        cond: ValueId,
        /// The two choices.
        args: [ValueId; 2],
    },
    /// Conversion with C semantics as NumPy's `astype(casting="unsafe")`.
    Cast {
        /// The new type.
        to: DType,
        /// The value.
        arg: ValueId,
    },
    /// The bytes of the argument read as another type of the same size (`ndarray.view(dtype)` at one point).
    Bitcast {
        /// The new type.
        to: DType,
        /// The value.
        arg: ValueId,
    },
    /// Writes `value` to an operand at this point.
    Store {
        /// Which operand.
        operand: OperandId,
        /// What is written; its type is the operand's element type.
        value: ValueId,
    },
    /// Folds `value` over the domain dimensions `dims` into an operand, whose strides along `dims` are zero.
    /// The operand is overwritten with the result of the *chunk* that the program runs on; chunks are joined by the
    /// caller (see [`crate::reduce`] for the order that makes the bits independent of the chunking).
    Reduce {
        /// A row of the table.
        op: ReduceOp,
        /// Which operand.
        operand: OperandId,
        /// What is folded.
        value: ValueId,
        /// Bit `d` set: domain dimension `d` is folded.
        dims: u64,
    },
}

/// A kernel program over a domain of `rank` dimensions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Program {
    /// The steps, in order; value `i` is made by step `i`.
    pub instrs: Vec<Instr>,
    /// How many operands the program names (operands are numbered from 0).
    pub operands: u16,
}

impl Instr {
    /// The values it uses.
    pub fn args(&self) -> impl Iterator<Item = ValueId> + use<> {
        let (args, n) = match *self {
            Instr::Load { .. } | Instr::Const(_) | Instr::Index { .. } => ([0; 3], 0),
            Instr::Unary { arg, .. } | Instr::Cast { arg, .. } | Instr::Bitcast { arg, .. } => ([arg, 0, 0], 1),
            Instr::Store { value, .. } | Instr::Reduce { value, .. } => ([value, 0, 0], 1),
            Instr::Binary { args: [x, y], .. } => ([x, y, 0], 2),
            Instr::Select { cond, args: [x, y] } => ([cond, x, y], 3),
        };
        args.into_iter().take(n)
    }

    /// The same step on other values.
    pub fn map_args(mut self, mut rename: impl FnMut(ValueId) -> ValueId) -> Instr {
        match &mut self {
            Instr::Load { .. } | Instr::Const(_) | Instr::Index { .. } => {}
            Instr::Unary { arg, .. } | Instr::Cast { arg, .. } | Instr::Bitcast { arg, .. } => *arg = rename(*arg),
            Instr::Store { value, .. } | Instr::Reduce { value, .. } => *value = rename(*value),
            Instr::Binary { args, .. } => *args = args.map(rename),
            Instr::Select { cond, args } => {
                *cond = rename(*cond);
                *args = args.map(rename);
            }
        }
        self
    }

    /// Whether it writes memory; all other steps only make a value.
    pub fn has_effect(&self) -> bool {
        matches!(self, Instr::Store { .. } | Instr::Reduce { .. })
    }
}

/// Builder: each method appends one step and returns the value it makes.
impl Program {
    /// The program that does nothing.
    pub fn new() -> Program {
        Program::default()
    }

    /// Appends a step.
    ///
    /// # Panics
    /// If there are 65,536 steps already.
    pub fn push(&mut self, instr: Instr) -> ValueId {
        let id = ValueId::try_from(self.instrs.len()).expect("a program has at most 65,536 steps");
        if let Instr::Load { operand, .. } | Instr::Store { operand, .. } | Instr::Reduce { operand, .. } = instr {
            self.operands = self.operands.max(operand + 1);
        }
        self.instrs.push(instr);
        id
    }

    /// The element of an operand.
    pub fn load(&mut self, operand: OperandId, dtype: DType) -> ValueId {
        self.push(Instr::Load { operand, dtype })
    }

    /// A constant.
    pub fn constant(&mut self, value: Scalar) -> ValueId {
        self.push(Instr::Const(value))
    }

    /// The coordinate along `dim` in the whole domain, as `int64`.
    pub fn index(&mut self, dim: u8) -> ValueId {
        self.push(Instr::Index { dim })
    }

    /// `op(arg)`.
    pub fn unary(&mut self, op: UnaryOp, arg: ValueId) -> ValueId {
        self.push(Instr::Unary { op, arg })
    }

    /// `op(x, y)`.
    pub fn binary(&mut self, op: BinaryOp, x: ValueId, y: ValueId) -> ValueId {
        self.push(Instr::Binary { op, args: [x, y] })
    }

    /// `x` where `cond` holds, else `y`.
    pub fn select(&mut self, cond: ValueId, x: ValueId, y: ValueId) -> ValueId {
        self.push(Instr::Select { cond, args: [x, y] })
    }

    /// `arg` converted to `to`; `arg` itself if it has that type.
    pub fn cast(&mut self, to: DType, arg: ValueId) -> ValueId {
        if self.value_dtype(arg) == Some(to) { arg } else { self.push(Instr::Cast { to, arg }) }
    }

    /// The bytes of `arg` read as `to`; `arg` itself if it has that type.
    pub fn bitcast(&mut self, to: DType, arg: ValueId) -> ValueId {
        if self.value_dtype(arg) == Some(to) { arg } else { self.push(Instr::Bitcast { to, arg }) }
    }

    /// Writes `value` to an operand.
    pub fn store(&mut self, operand: OperandId, value: ValueId) {
        self.push(Instr::Store { operand, value });
    }

    /// Folds `value` over the domain dimensions in `dims` (bit `d`: dimension `d`) into an operand.
    pub fn reduce(&mut self, op: ReduceOp, operand: OperandId, value: ValueId, dims: u64) {
        self.push(Instr::Reduce { op, operand, value, dims });
    }
}

impl Program {
    /// The type of a value; `None` if step `id` makes none or does not type-check.
    pub fn value_dtype(&self, id: ValueId) -> Option<DType> {
        match *self.instrs.get(id as usize)? {
            Instr::Load { dtype, .. } => Some(dtype),
            Instr::Const(value) => Some(value.dtype()),
            Instr::Index { .. } => Some(DType::I64),
            Instr::Unary { op, arg } if arg < id => op.result(self.value_dtype(arg)?),
            Instr::Binary { op, args: [x, y] } if x < id && y < id => {
                op.result(self.value_dtype(x)?).filter(|_| self.value_dtype(x) == self.value_dtype(y))
            }
            Instr::Select { args: [x, _], .. } if x < id => self.value_dtype(x),
            Instr::Cast { to, .. } | Instr::Bitcast { to, .. } => Some(to),
            _ => None,
        }
    }

    /// The types of all values, in one pass. Steps that make no value have no type.
    pub fn value_dtypes(&self) -> Vec<Option<DType>> {
        let mut types: Vec<Option<DType>> = Vec::with_capacity(self.instrs.len());
        for instr in &self.instrs {
            let of = |id: ValueId| types.get(id as usize).copied().flatten();
            types.push(match *instr {
                Instr::Load { dtype, .. } => Some(dtype),
                Instr::Const(value) => Some(value.dtype()),
                Instr::Index { .. } => Some(DType::I64),
                Instr::Unary { op, arg } => of(arg).and_then(|t| op.result(t)),
                Instr::Binary { op, args: [x, y] } => of(x).filter(|t| of(y) == Some(*t)).and_then(|t| op.result(t)),
                Instr::Select { args: [x, _], .. } => of(x),
                Instr::Cast { to, .. } | Instr::Bitcast { to, .. } => Some(to),
                Instr::Store { .. } | Instr::Reduce { .. } => None,
            });
        }
        types
    }

    /// The element type of each operand; `None` for one that no step names.
    pub fn operand_dtypes(&self) -> Vec<Option<DType>> {
        let types = self.value_dtypes();
        let mut operands = vec![None; self.operands as usize];
        for instr in &self.instrs {
            match *instr {
                Instr::Load { operand, dtype } => operands[operand as usize] = Some(dtype),
                Instr::Store { operand, value } | Instr::Reduce { operand, value, .. } => {
                    operands[operand as usize] = types[value as usize];
                }
                _ => {}
            }
        }
        operands
    }

    /// Whether a step writes to the operand.
    pub fn writes(&self, operand: OperandId) -> bool {
        self.instrs.iter().any(|instr| match instr {
            Instr::Store { operand: o, .. } | Instr::Reduce { operand: o, .. } => *o == operand,
            _ => false,
        })
    }

    /// Without the steps whose values nobody uses.
    pub fn without_dead_code(&self) -> Program {
        self.with_steps(&self.live_steps())
    }

    /// The steps that write memory, and those whose values they need, in order.
    fn live_steps(&self) -> Vec<usize> {
        let mut live = vec![false; self.instrs.len()];
        for (i, instr) in self.instrs.iter().enumerate().rev() {
            live[i] |= instr.has_effect();
            if live[i] {
                instr.args().for_each(|arg| live[arg as usize] = true);
            }
        }
        (0..self.instrs.len()).filter(|i| live[*i]).collect()
    }

    /// These steps alone, which need no others.
    fn with_steps(&self, steps: &[usize]) -> Program {
        let mut renamed: Vec<ValueId> = vec![0; self.instrs.len()];
        let mut program = Program { instrs: Vec::new(), operands: self.operands };
        for i in steps {
            renamed[*i] = program.push(self.instrs[*i].map_args(|arg| renamed[arg as usize]));
        }
        program
    }

    /// Canonical bytes: equal for equal programs.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let bytes = postcard::to_allocvec(self).expect("a program is plain data");
        out.extend_from_slice(&bytes);
    }

    /// The program at the start of `bytes`, and the bytes after it.
    ///
    /// # Errors
    /// [`ProgramError::Encoding`] if they do not begin with a program. The program is not validated.
    pub fn decode(bytes: &[u8]) -> Result<(Program, &[u8]), ProgramError> {
        postcard::take_from_bytes(bytes).map_err(|_| ProgramError::Encoding)
    }
}
