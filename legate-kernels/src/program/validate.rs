//! The rules of a well-formed program.

use super::{Instr, OperandId, Program, ValueId};
use crate::dtype::DType;

/// What is wrong with a program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum ProgramError {
    #[error("step {step} uses value {value}, which no earlier step makes")]
    Undefined { step: usize, value: ValueId },
    #[error("step {step} has no loop for {input}")]
    NoLoop { step: usize, input: DType },
    #[error("step {step} mixes {left} and {right}")]
    MixedTypes { step: usize, left: DType, right: DType },
    #[error("step {step} names dimension {dim} of {rank}")]
    Dimension { step: usize, dim: usize, rank: usize },
    #[error("step {step} names operand {operand} of {operands}")]
    Operand { step: usize, operand: OperandId, operands: u16 },
    #[error("operand {operand} is used as {left} and as {right}")]
    OperandType { operand: OperandId, left: DType, right: DType },
    #[error("operand {operand} is folded into and also loaded or written otherwise")]
    FoldedOperand { operand: OperandId },
    #[error("local value {local} is read before it is written")]
    UnwrittenLocal { local: u16 },
    #[error("a fold cannot write to local value {local}")]
    FoldedLocal { local: u16 },
    #[error("the bytes are not a program")]
    Encoding,
}

impl Program {
    /// Checks that the program can run over a domain of `rank` dimensions: values are made before they are used, each step has a loop for
    /// its types, an operand has one type, and an operand that is folded into is named by nothing else.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn validate(&self, rank: usize) -> Result<(), ProgramError> {
        let types = self.value_dtypes();
        let mut operands: Vec<Option<DType>> = vec![None; self.operands as usize];
        for (step, instr) in self.instrs.iter().enumerate() {
            if let Some(value) = instr.args().find(|arg| *arg as usize >= step || types[*arg as usize].is_none()) {
                return Err(ProgramError::Undefined { step, value });
            }
            let of = |id: ValueId| types[id as usize].expect("just checked");
            self.check_types(step, instr, of)?;
            check_dimensions(step, instr, rank)?;
            if let Some((operand, dtype)) = named_operand(instr, of) {
                let known = operands.get_mut(operand as usize);
                let known = known.ok_or(ProgramError::Operand { step, operand, operands: self.operands })?;
                if let Some(left) = known.filter(|left| *left != dtype) {
                    return Err(ProgramError::OperandType { operand, left, right: dtype });
                }
                *known = Some(dtype);
            }
        }
        self.check_folded_operands()
    }

    fn check_types(&self, step: usize, instr: &Instr, of: impl Fn(ValueId) -> DType) -> Result<(), ProgramError> {
        let same = |x: ValueId, y: ValueId| match (of(x), of(y)) {
            (left, right) if left != right => Err(ProgramError::MixedTypes { step, left, right }),
            _ => Ok(()),
        };
        let exists = |found: bool, input: DType| found.then_some(()).ok_or(ProgramError::NoLoop { step, input });
        match *instr {
            Instr::Unary { op, arg } => exists(op.result(of(arg)).is_some(), of(arg)),
            Instr::Binary { op, args: [x, y] } => {
                same(x, y)?;
                exists(op.result(of(x)).is_some(), of(x))
            }
            Instr::Select { cond, args: [x, y] } => {
                exists(of(cond) == DType::Bool, of(cond))?;
                same(x, y)
            }
            Instr::Bitcast { to, arg } => exists(to.size() == of(arg).size(), of(arg)),
            Instr::Reduce { op, value, .. } => exists(op.result(of(value)).is_some(), of(value)),
            Instr::Load { .. } | Instr::Const(_) | Instr::Index { .. } | Instr::Cast { .. } | Instr::Store { .. } => {
                Ok(())
            }
        }
    }

    fn check_folded_operands(&self) -> Result<(), ProgramError> {
        let mut uses = vec![0; self.operands as usize];
        for instr in &self.instrs {
            if let Instr::Load { operand, .. } | Instr::Store { operand, .. } | Instr::Reduce { operand, .. } = instr {
                uses[*operand as usize] += 1;
            }
        }
        let shared = self.instrs.iter().find_map(|instr| match instr {
            Instr::Reduce { operand, .. } if uses[*operand as usize] > 1 => Some(*operand),
            _ => None,
        });
        shared.map_or(Ok(()), |operand| Err(ProgramError::FoldedOperand { operand }))
    }
}

fn named_operand(instr: &Instr, of: impl Fn(ValueId) -> DType) -> Option<(OperandId, DType)> {
    match *instr {
        Instr::Load { operand, dtype } => Some((operand, dtype)),
        Instr::Store { operand, value } | Instr::Reduce { operand, value, .. } => Some((operand, of(value))),
        _ => None,
    }
}

fn check_dimensions(step: usize, instr: &Instr, rank: usize) -> Result<(), ProgramError> {
    let dim = match *instr {
        Instr::Index { dim } => dim as usize,
        Instr::Reduce { dims, .. } if dims != 0 => 63 - dims.leading_zeros() as usize,
        _ => return Ok(()),
    };
    if dim < rank { Ok(()) } else { Err(ProgramError::Dimension { step, dim, rank }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::Scalar;
    use crate::ops::{BinaryOp, ReduceOp, UnaryOp};

    #[test]
    fn a_program_that_mixes_types_is_refused() {
        let mut p = Program::new();
        let (x, y) = (p.load(0, DType::F64), p.load(1, DType::F32));
        p.binary(BinaryOp::Add, x, y);
        let mixed = ProgramError::MixedTypes { step: 2, left: DType::F64, right: DType::F32 };
        assert_eq!(p.validate(1), Err(mixed));
    }

    #[test]
    fn an_operation_without_a_loop_is_refused() {
        let mut p = Program::new();
        let x = p.load(0, DType::I32);
        p.unary(UnaryOp::Sin, x);
        assert_eq!(p.validate(1), Err(ProgramError::NoLoop { step: 1, input: DType::I32 }));
    }

    #[test]
    fn stores_and_folds_make_no_value() {
        let mut p = Program::new();
        let x = p.constant(Scalar::new(1i32));
        p.store(0, x);
        p.unary(UnaryOp::Negative, 1);
        assert_eq!(p.validate(1), Err(ProgramError::Undefined { step: 2, value: 1 }));
    }

    #[test]
    fn folding_a_dimension_that_is_not_there_is_refused() {
        let mut p = Program::new();
        let x = p.load(0, DType::F64);
        p.reduce(ReduceOp::Add, 1, x, 0b10);
        assert_eq!(p.validate(1), Err(ProgramError::Dimension { step: 1, dim: 1, rank: 1 }));
        assert_eq!(p.validate(2), Ok(()));
    }

    #[test]
    fn an_operand_is_folded_into_by_one_step_and_nothing_else() {
        let mut p = Program::new();
        let x = p.load(0, DType::F64);
        p.reduce(ReduceOp::Add, 0, x, 1);
        assert_eq!(p.validate(1), Err(ProgramError::FoldedOperand { operand: 0 }));
    }
}
