//! Joining programs into one: what a fused launch computes.
//!
//! Parts are appended in program order. A value that one part writes and a later part reads passes in a register; equal
//! loads, constants and operations are made once; what nobody uses is dropped at the end.

use super::{Instr, OperandId, Program, ProgramError, ValueId};
use crate::dtype::DType;
use std::collections::BTreeMap;
use std::collections::HashMap;

/// What an operand of a part is in the joined program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// Operand `k` of the joined program, in memory.
    Operand(OperandId),
    /// Written by this part at this point, read by later parts under the same number, and never stored.
    Local(u16),
    /// Written by this part to an operand in memory, and read by later parts as `Local(local)`.
    Both {
        /// In memory.
        operand: OperandId,
        /// Also passed on in a register.
        local: u16,
    },
}

/// A program being joined from parts.
///
/// ```
/// use legate_kernels::{dtype::DType, ops::{BinaryOp, UnaryOp}, program::{Binding, Joined, Program}};
/// let mut add = Program::new();
/// let (x, y) = (add.load(0, DType::F64), add.load(1, DType::F64));
/// let sum = add.binary(BinaryOp::Add, x, y);
/// add.store(2, sum);
/// let mut sqrt = Program::new();
/// let x = sqrt.load(0, DType::F64);
/// let root = sqrt.unary(UnaryOp::Sqrt, x);
/// sqrt.store(1, root);
///
/// let mut joined = Joined::new(3);
/// joined.append(&add, &[Binding::Operand(0), Binding::Operand(1), Binding::Local(0)])?;
/// joined.append(&sqrt, &[Binding::Local(0), Binding::Operand(2)])?;
/// assert_eq!(joined.finish().instrs.len(), 5); // two loads, add, sqrt, one store
/// # Ok::<(), legate_kernels::program::ProgramError>(())
/// ```
#[derive(Debug, Default)]
pub struct Joined {
    program: Program,
    types: Vec<Option<DType>>,
    /// Which step already computes this: looked up, never iterated.
    known: HashMap<Instr, ValueId>,
    /// The value that a later load of the operand sees: what was last loaded from it or stored to it.
    in_memory: BTreeMap<OperandId, ValueId>,
    locals: BTreeMap<u16, ValueId>,
    /// Of each step, where it comes from.
    origins: Vec<u16>,
    /// Of the step that is being appended.
    origin: u16,
}

impl Joined {
    /// No parts yet; the result names `operands` operands.
    pub fn new(operands: u16) -> Joined {
        Joined { program: Program { operands, ..Program::new() }, ..Joined::default() }
    }

    /// Appends a part. `bindings[k]` says what its operand `k` is here.
    ///
    /// # Errors
    /// If a part reads a local value that no part has written, or folds into one.
    ///
    /// # Panics
    /// If there are fewer bindings than operands.
    pub fn append(&mut self, part: &Program, bindings: &[Binding]) -> Result<(), ProgramError> {
        self.append_from(part, bindings, |_| 0)
    }

    /// The same, where `origin` says of each step of the part where it comes from: what [`Joined::finish_traced`] tells. Of steps that are made once it is the
    /// first one's.
    ///
    /// # Errors
    /// As [`Joined::append`].
    ///
    /// # Panics
    /// As [`Joined::append`].
    pub fn append_from(
        &mut self,
        part: &Program,
        bindings: &[Binding],
        origin: impl Fn(usize) -> u16,
    ) -> Result<(), ProgramError> {
        assert!(bindings.len() >= part.operands as usize, "each operand of a part is bound");
        let mut renamed: Vec<ValueId> = Vec::with_capacity(part.instrs.len());
        for (step, instr) in part.instrs.iter().enumerate() {
            self.origin = origin(step);
            let value = match *instr {
                Instr::Load { operand, dtype } => self.load(bindings[operand as usize], dtype)?,
                Instr::Store { operand, value } => self.store(bindings[operand as usize], renamed[value as usize]),
                Instr::Reduce { op, operand, value, dims } => {
                    let operand = match bindings[operand as usize] {
                        Binding::Operand(operand) => operand,
                        Binding::Local(local) | Binding::Both { local, .. } => {
                            return Err(ProgramError::FoldedLocal { local });
                        }
                    };
                    self.push(Instr::Reduce { op, operand, value: renamed[value as usize], dims })
                }
                pure => self.pure(pure.map_args(|arg| renamed[arg as usize])),
            };
            renamed.push(value);
        }
        Ok(())
    }

    /// The joined program, without what nobody uses.
    pub fn finish(self) -> Program {
        self.finish_traced().0
    }

    /// The same, and where each of its steps comes from.
    pub fn finish_traced(mut self) -> (Program, Vec<u16>) {
        let origins = std::mem::take(&mut self.origins);
        let program = self.without_overwritten_stores();
        let live = program.live_steps();
        let origins = live.iter().map(|step| origins[*step]).collect();
        (program.with_steps(&live), origins)
    }

    fn load(&mut self, binding: Binding, dtype: DType) -> Result<ValueId, ProgramError> {
        let value = match binding {
            Binding::Operand(operand) => match self.in_memory.get(&operand) {
                Some(value) => *value,
                None => {
                    let value = self.push(Instr::Load { operand, dtype });
                    self.in_memory.insert(operand, value);
                    value
                }
            },
            Binding::Local(local) | Binding::Both { local, .. } => {
                *self.locals.get(&local).ok_or(ProgramError::UnwrittenLocal { local })?
            }
        };
        // One place may be seen as two types: `x.view(np.int64)`.
        if self.types[value as usize] == Some(dtype) {
            Ok(value)
        } else {
            Ok(self.pure(Instr::Bitcast { to: dtype, arg: value }))
        }
    }

    fn store(&mut self, binding: Binding, value: ValueId) -> ValueId {
        match binding {
            Binding::Operand(operand) => self.store_operand(operand, value),
            Binding::Local(local) => {
                self.locals.insert(local, value);
                value
            }
            Binding::Both { operand, local } => {
                self.locals.insert(local, value);
                self.store_operand(operand, value)
            }
        }
    }

    fn store_operand(&mut self, operand: OperandId, value: ValueId) -> ValueId {
        self.in_memory.insert(operand, value);
        self.push(Instr::Store { operand, value })
    }

    /// A step without effect is made once. A constant is converted here.
    fn pure(&mut self, instr: Instr) -> ValueId {
        let instr = match instr {
            Instr::Cast { to, arg } => match self.program.instrs[arg as usize] {
                Instr::Const(value) => Instr::Const(crate::cast::cast(value, to)),
                _ => instr,
            },
            _ => instr,
        };
        match self.known.get(&instr) {
            Some(value) => *value,
            None => {
                let value = self.push(instr);
                self.known.insert(instr, value);
                value
            }
        }
    }

    fn push(&mut self, instr: Instr) -> ValueId {
        let of = |id: ValueId| self.types[id as usize];
        let dtype = match instr {
            Instr::Load { dtype, .. } => Some(dtype),
            Instr::Const(value) => Some(value.dtype()),
            Instr::Index { .. } => Some(DType::I64),
            Instr::Unary { op, arg } => of(arg).and_then(|t| op.result(t)),
            Instr::Binary { op, args: [x, _] } => of(x).and_then(|t| op.result(t)),
            Instr::Select { args: [x, _], .. } => of(x),
            Instr::Cast { to, .. } | Instr::Bitcast { to, .. } => Some(to),
            Instr::Store { .. } | Instr::Reduce { .. } => None,
        };
        self.types.push(dtype);
        self.origins.push(self.origin);
        self.program.push(instr)
    }

    /// Without stores to an operand that a later store overwrites at the same point: its loads in between have been given the value.
    fn without_overwritten_stores(self) -> Program {
        let mut last: BTreeMap<OperandId, usize> = BTreeMap::new();
        for (step, instr) in self.program.instrs.iter().enumerate() {
            if let Instr::Store { operand, .. } = instr {
                last.insert(*operand, step);
            }
        }
        let mut program = self.program;
        for (step, instr) in program.instrs.iter_mut().enumerate() {
            if let Instr::Store { operand, .. } = *instr
                && last[&operand] != step
            {
                // A step that makes a value nobody uses; numbering stays, and dead code goes next.
                *instr = Instr::Const(crate::dtype::Scalar::zero(DType::Bool));
            }
        }
        program
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::{BinaryOp, UnaryOp};

    fn unary(op: UnaryOp) -> Program {
        let mut p = Program::new();
        let x = p.load(0, DType::F64);
        let y = p.unary(op, x);
        p.store(1, y);
        p
    }

    #[test]
    fn equal_loads_and_operations_are_made_once() {
        let mut square = Program::new();
        let (x, y) = (square.load(0, DType::F64), square.load(1, DType::F64));
        let product = square.binary(BinaryOp::Multiply, x, y);
        square.store(2, product);
        let mut joined = Joined::new(3);
        joined.append(&square, &[Binding::Operand(0), Binding::Operand(0), Binding::Operand(1)]).unwrap();
        joined.append(&square, &[Binding::Operand(0), Binding::Operand(0), Binding::Operand(2)]).unwrap();
        let kinds = joined.finish().instrs;
        assert_eq!(kinds.len(), 4, "load, multiply, two stores: {kinds:?}");
    }

    #[test]
    fn a_load_after_a_store_sees_the_stored_value() {
        let mut joined = Joined::new(1);
        let in_place = [Binding::Operand(0), Binding::Operand(0)];
        joined.append(&unary(UnaryOp::Negative), &in_place).unwrap();
        joined.append(&unary(UnaryOp::Sqrt), &in_place).unwrap();
        let program = joined.finish();
        assert_eq!(
            program.instrs,
            [
                Instr::Load { operand: 0, dtype: DType::F64 },
                Instr::Unary { op: UnaryOp::Negative, arg: 0 },
                Instr::Unary { op: UnaryOp::Sqrt, arg: 1 },
                Instr::Store { operand: 0, value: 2 },
            ]
        );
    }

    #[test]
    fn a_dropped_store_takes_its_dead_code_along() {
        let mut joined = Joined::new(2);
        joined.append(&unary(UnaryOp::Negative), &[Binding::Operand(0), Binding::Local(0)]).unwrap();
        joined.append(&unary(UnaryOp::Sqrt), &[Binding::Operand(0), Binding::Operand(1)]).unwrap();
        assert_eq!(joined.finish(), unary(UnaryOp::Sqrt));
    }

    #[test]
    fn reading_a_local_that_nobody_wrote_is_an_error() {
        let mut joined = Joined::new(1);
        let unwritten = joined.append(&unary(UnaryOp::Sqrt), &[Binding::Local(7), Binding::Operand(0)]);
        assert_eq!(unwritten, Err(ProgramError::UnwrittenLocal { local: 7 }));
    }

    #[test]
    fn a_value_read_as_another_type_of_its_size_keeps_its_bits() {
        let mut count = Program::new();
        let bits = count.load(0, DType::U64);
        count.store(1, bits);
        let mut joined = Joined::new(2);
        joined.append(&unary(UnaryOp::Negative), &[Binding::Operand(0), Binding::Local(3)]).unwrap();
        joined.append(&count, &[Binding::Local(3), Binding::Operand(1)]).unwrap();
        let program = joined.finish();
        assert_eq!(program.validate(1), Ok(()));
        assert!(program.instrs.contains(&Instr::Bitcast { to: DType::U64, arg: 1 }));
    }
}
