//! The textual form of the operation stream: tests are written in it, traces and bug reports print it. One operation a line:
//!
//! ```text
//! create f0 [10, 10] size 8 align 8
//! op1 attach f0 00ff0a @ heat.py:3
//! op2 launch add [8, 8] cuts [free, tree(16)] { read f0[d0+1, d1], write f1[d0, d1], fold(sum) f2[] } args 00ff @ heat.py:12
//! op3 reshape f3 = f1
//! op4 fetch f3[2*d0+1] [5] @ heat.py:14
//! op5 fence
//! ```
//!
//! A coordinate is a sum of terms `stride*dN` and a constant; missing coordinates (`f2[]`) mean a field without dimensions. Privileges are `read`, `write`,
//! `update` and `fold(operator)`. Names with other than letters, digits and `_ - . /` stand in double quotes.

mod parse;
mod print;

pub use parse::parse;
pub use print::{access, operand, operation, stream};
