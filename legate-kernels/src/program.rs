//! Kernel programs: what a fused element-wise task computes at each point of its domain.
//!
//! A program is a short list of instructions in single-assignment form. Instruction `i` makes value `i`; stores and
//! reductions make none. Programs are plain data: they can be compared, hashed, serialised, composed
//! ([`Program::append`]), run by the obvious scalar interpreter ([`crate::oracle`]) and by the tile engine
//! ([`crate::engine`]). They know nothing of where operands lie: an operand is a pointer and one stride per domain
//! dimension, given when the program runs.

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

/// What becomes of an operand of an appended program. See [`Program::append`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// It is this operand of the joined program.
    Operand(OperandId),
    /// It is never in memory here: its loads see the value that an earlier store in the joined program wrote to the operand
    /// `OperandId` *at the same point*; the store may itself have been made to vanish with [`Program::drop_store`].
    Value(ValueId),
}
