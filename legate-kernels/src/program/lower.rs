//! Float16 in programs: loops that are float32's between two conversions.

use super::{Instr, Program, ValueId};
use crate::dtype::DType;
use crate::{cast, half};
use std::borrow::Cow;

impl Program {
    /// The same without loops in float16, and without conversions of it that have no loop: what the engine runs. Every step rounds as before. And for each of
    /// its steps, the step that it comes from.
    pub(crate) fn without_halves(&self) -> (Cow<'_, Program>, Vec<u16>) {
        let types = self.value_dtypes();
        if !types.contains(&Some(DType::F16)) {
            return (Cow::Borrowed(self), (0..self.instrs.len()).map(|step| step as u16).collect());
        }
        let mut lowering =
            Lowering { types, renamed: Vec::new(), program: Program { instrs: Vec::new(), operands: self.operands } };
        let mut origins = Vec::new();
        for (step, instr) in self.instrs.iter().enumerate() {
            let value = lowering.step(*instr);
            lowering.renamed.push(value);
            origins.resize(lowering.program.instrs.len(), step as u16);
        }
        (Cow::Owned(lowering.program), origins)
    }
}

struct Lowering {
    /// Of the values before.
    types: Vec<Option<DType>>,
    /// The value that each became.
    renamed: Vec<ValueId>,
    program: Program,
}

impl Lowering {
    fn step(&mut self, instr: Instr) -> ValueId {
        match instr {
            Instr::Unary { op, arg } if op.is_lowered(self.of(arg)) => {
                let arg = self.single(arg);
                let value = self.program.unary(op, arg);
                self.result(op.result(DType::F16), value)
            }
            Instr::Binary { op, args } if op.is_lowered(self.of(args[0])) => {
                let [x, y] = args.map(|arg| self.single(arg));
                let value = self.program.binary(op, x, y);
                self.result(op.result(DType::F16), value)
            }
            Instr::Cast { to, arg } => {
                let (from, arg) = (self.of(arg), self.renamed[arg as usize]);
                if from == to {
                    return arg;
                }
                let arg = match half::between(from, to) {
                    Some(between) => self.program.push(Instr::Cast { to: between, arg }),
                    None => arg,
                };
                self.program.push(Instr::Cast { to, arg })
            }
            instr => {
                let renamed = &self.renamed;
                self.program.push(instr.map_args(|arg| renamed[arg as usize]))
            }
        }
    }

    fn of(&self, value: ValueId) -> DType {
        self.types[value as usize].expect("a validated program")
    }

    /// A value of float16 as float32.
    fn single(&mut self, value: ValueId) -> ValueId {
        let arg = self.renamed[value as usize];
        match self.program.instrs[arg as usize] {
            Instr::Const(value) => self.program.constant(cast::cast(value, DType::F32)),
            _ => self.program.push(Instr::Cast { to: DType::F32, arg }),
        }
    }

    /// What a loop in float32 has made, as the result of one in float16.
    fn result(&mut self, dtype: Option<DType>, value: ValueId) -> ValueId {
        match dtype {
            Some(DType::F16) => self.program.push(Instr::Cast { to: DType::F16, arg: value }),
            _ => value,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::Scalar;
    use crate::ops::BinaryOp;

    #[test]
    fn rounding_stays_between_steps() {
        let mut program = Program::new();
        let (x, one) = (program.load(0, DType::F16), Scalar::new(crate::dtype::F16::ONE));
        let one = program.constant(one);
        let sum = program.binary(BinaryOp::Add, x, one);
        let square = program.binary(BinaryOp::Multiply, sum, sum);
        program.store(1, square);
        let (lowered, origins) = program.without_halves();
        let casts = |to| lowered.instrs.iter().filter(|i| matches!(i, Instr::Cast { to: t, .. } if *t == to)).count();
        assert_eq!((casts(DType::F16), casts(DType::F32)), (2, 3));
        assert!(lowered.validate(1).is_ok());
        assert_eq!(origins, [0, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4], "a step becomes itself and the conversions around it");
        assert!(matches!(Program::new().without_halves().0, Cow::Borrowed(_)));
    }
}
