//! Which operations of a program become links of one chain.
//!
//! An operation that a chain can have takes along the one that made its argument, if nobody else uses that value: then it never leaves the registers. The chain is
//! computed at its last link.

use super::chain::{self, LONGEST, Link, Source};
use crate::dtype::DType;
use crate::isa::Isa;
use crate::ops::BinaryOp;
use crate::program::{Instr, Program, ValueId};

/// The chains of a program.
pub(super) struct Links {
    /// For each value that is computed on the way, the step that takes it along.
    taken_by: Vec<Option<usize>>,
    /// For each step that is a link: what it does, and its number in the chain, from 1.
    links: Vec<Option<(Made, usize)>>,
}

/// How a link is made.
#[derive(Clone, Copy, Debug)]
struct Made {
    link: Link,
    /// The value so far: what another link made if `taken`, else the beginning of the chain.
    so_far: ValueId,
    taken: bool,
    /// The other argument.
    other: Option<ValueId>,
    /// What a choice depends on.
    mask: Option<ValueId>,
}

/// An input of a chain: a value and what is done with it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Input {
    pub(super) link: Link,
    pub(super) source: Source,
    /// `None` for links of one argument.
    pub(super) value: Option<ValueId>,
    /// For links that choose.
    pub(super) mask: Option<ValueId>,
    /// What the link computes; of no meaning for the first input.
    pub(super) made: ValueId,
}

impl Links {
    pub(super) fn new(program: &Program, types: &[DType], isa: Isa) -> Links {
        let steps = program.instrs.len();
        let mut links = Links { taken_by: vec![None; steps], links: vec![None; steps] };
        let users = users(program);
        for step in 0..steps {
            if chain::has_chains(types[step], isa) {
                links.add(program, types, isa, &users, step);
            }
        }
        links
    }

    /// The step that computes a value: another one if that takes it along.
    pub(super) fn computed_by(&self, step: usize) -> usize {
        let mut step = step;
        while let Some(next) = self.taken_by[step] {
            step = next;
        }
        step
    }

    /// Whether the step is the last link of a chain.
    pub(super) fn ends_chain(&self, step: usize) -> bool {
        self.links[step].is_some() && self.taken_by[step].is_none()
    }

    /// The inputs of the chain that a step ends, in order; the first one begins it.
    pub(super) fn inputs(&self, program: &Program, types: &[DType], isa: Isa, last: usize) -> Vec<Input> {
        let mut inputs = Vec::new();
        let mut step = last;
        while let Some((made, _)) = self.links[step] {
            inputs.push(match made.other {
                Some(other) => {
                    let input = self.input(program, types, isa, made.link, other);
                    Input { mask: made.mask, made: step as ValueId, ..input }
                }
                None => {
                    Input { link: made.link, source: Source::Constant, value: None, mask: None, made: step as ValueId }
                }
            });
            if !made.taken {
                inputs.push(self.input(program, types, isa, made.link, made.so_far));
                break;
            }
            step = made.so_far as usize;
        }
        inputs.reverse();
        inputs
    }

    /// What an input reads: the argument of a conversion that is taken along.
    fn input(&self, program: &Program, types: &[DType], isa: Isa, link: Link, value: ValueId) -> Input {
        match program.instrs[value as usize] {
            Instr::Const(_) => Input { link, source: Source::Constant, value: Some(value), mask: None, made: value },
            Instr::Cast { to, arg } if self.taken_by[value as usize].is_some() => {
                let source = Source::of_cast(types[arg as usize], to, isa).expect("such conversions are taken along");
                Input { link, source, value: Some(arg), mask: None, made: value }
            }
            _ => Input { link, source: Source::Elements, value: Some(value), mask: None, made: value },
        }
    }

    fn add(&mut self, program: &Program, types: &[DType], isa: Isa, users: &[usize], step: usize) {
        let Some(made) = self.make(program, types, users, step) else { return };
        if made.taken {
            self.taken_by[made.so_far as usize] = Some(step);
        }
        let number = 1 + if made.taken { self.number(made.so_far) } else { 0 };
        self.links[step] = Some((made, number));
        let other = made.other.filter(|_| made.link.converts());
        for value in [other, (!made.taken).then_some(made.so_far)].into_iter().flatten() {
            if users[value as usize] == 1
                && let Instr::Cast { to, arg } = program.instrs[value as usize]
                && !matches!(program.instrs[arg as usize], Instr::Const(_))
                && Source::of_cast(types[arg as usize], to, isa).is_some()
            {
                self.taken_by[value as usize] = Some(step);
            }
        }
    }

    fn make(&self, program: &Program, types: &[DType], users: &[usize], step: usize) -> Option<Made> {
        let can_take = |value: ValueId| users[value as usize] == 1 && (1..LONGEST).contains(&self.number(value));
        let is_constant = |value: ValueId| matches!(program.instrs[value as usize], Instr::Const(_));
        // The longer of two chains goes on; a constant is never the beginning if it need not be.
        let rank = |value: ValueId, other: ValueId| match (value != other && can_take(value), is_constant(value)) {
            (true, _) => 1 + self.number(value),
            (false, constant) => usize::from(!constant),
        };
        match program.instrs[step] {
            Instr::Unary { op, arg } if types[arg as usize] == types[step] => {
                let link = Link::of_unary(op)?;
                Some(Made { link, so_far: arg, taken: can_take(arg), other: None, mask: None })
            }
            Instr::Binary { op: BinaryOp::Multiply, args: [x, y] } if x == y => {
                Some(Made { link: Link::Square, so_far: x, taken: can_take(x), other: None, mask: None })
            }
            Instr::Binary { op, args: [x, y] } if types[x as usize] == types[step] => {
                let reversed = rank(y, x) > rank(x, y);
                let link = Link::of_binary(op, reversed)?;
                let (so_far, other) = if reversed { (y, x) } else { (x, y) };
                Some(Made { link, so_far, taken: x != y && can_take(so_far), other: Some(other), mask: None })
            }
            // What is known beforehand has no bool for each element.
            Instr::Select { cond, args: [x, y] } if !is_constant(cond) => {
                let reversed = rank(y, x) > rank(x, y);
                let (link, so_far, other) = if reversed { (Link::ChooseOther, y, x) } else { (Link::Choose, x, y) };
                let taken = x != y && can_take(so_far);
                Some(Made { link, so_far, taken, other: Some(other), mask: Some(cond) })
            }
            _ => None,
        }
    }

    /// The number of a value's link in its chain; 0 if it is no link.
    fn number(&self, value: ValueId) -> usize {
        self.links[value as usize].map_or(0, |(_, number)| number)
    }
}

/// How many steps use each value.
fn users(program: &Program) -> Vec<usize> {
    let mut users = vec![0; program.instrs.len()];
    let mut last_user = vec![usize::MAX; program.instrs.len()];
    for (step, instr) in program.instrs.iter().enumerate() {
        for arg in instr.args().map(usize::from) {
            users[arg] += usize::from(last_user[arg] != step);
            last_user[arg] = step;
        }
    }
    users
}
