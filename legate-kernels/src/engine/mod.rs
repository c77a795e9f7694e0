//! The tile engine.

use crate::operand::RawOperand;
use crate::oracle;
use crate::program::{Instr, Program, ProgramError};

/// A program made ready to run.
#[derive(Clone, Debug)]
pub struct Compiled {
    program: Program,
}

impl Compiled {
    /// Makes `program` ready for domains of `rank` dimensions.
    ///
    /// # Errors
    /// If the program is not well-formed ([`Program::validate`]).
    pub fn new(program: &Program, rank: usize) -> Result<Compiled, ProgramError> {
        program.validate(rank)?;
        Ok(Compiled { program: program.clone() })
    }

    /// What it was made from.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Runs it over one chunk of a domain of shape `domain`: the points `lo .. lo + extent`.
    ///
    /// # Safety
    /// Operand `k` of the program is `operands[k]`. For every point of the chunk, the element that each operand has there must be
    /// inside one live allocation, initialised if it is loaded, and neither written (if loaded) nor touched (if written) by anyone
    /// else during the call. Two operands either do not overlap or are identical (same pointer and strides, same element size).
    ///
    /// # Panics
    /// If the number of operands or a rank is wrong.
    pub unsafe fn run(&self, domain: &[i64], lo: &[i64], extent: &[usize], operands: &[RawOperand]) {
        // SAFETY: the same contract.
        unsafe { oracle::run(&self.program, domain, lo, extent, operands) }
    }

    /// An estimate of the computing time per domain point on one core, memory traffic left out.
    pub fn cost_ns_per_point(&self) -> f64 {
        self.program.instrs.iter().filter(|i| !matches!(i, Instr::Load { .. } | Instr::Const(_))).count() as f64 * 0.05
    }
}
