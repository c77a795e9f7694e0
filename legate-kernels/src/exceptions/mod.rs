//! Floating-point exceptions: which of IEEE 754's conditions the operations of a program have met.
//!
//! NumPy warns of them (`np.errstate`). An operation meets a condition at an element if its result there shows it and its arguments do not: what is infinite
//! for finite arguments has overflowed, what is NaN for arguments that are numbers is invalid. [`values`] says so from the values, for every operation, and is
//! what counts. Reading all values again would cost as much as computing them, so the engine asks the CPU first ([`mod@status`]): where its sticky
//! flags stay clear no operation that is correctly rounded has met anything. Functions that are approximated raise flags on the way that mean nothing, or
//! none where they should, and are always looked at.

mod flags;
mod status;
pub(crate) mod values;

pub use flags::Flags;
pub(crate) use status::{clear, raised};
pub use values::is_nan;

use serde::{Deserialize, Serialize};
use std::ops::{BitAnd, BitOr, BitOrAssign, Not};

/// A set of conditions. The bits are NumPy's (`np.seterrcall`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Exceptions(u8);

impl Exceptions {
    /// No condition.
    pub const NONE: Exceptions = Exceptions(0);
    /// A pole: an infinite result that is exact, of finite arguments.
    pub const DIVIDE: Exceptions = Exceptions(1);
    /// A result too large for its type.
    pub const OVERFLOW: Exceptions = Exceptions(2);
    /// A result too small for its type to be a normal number, and inexact.
    pub const UNDERFLOW: Exceptions = Exceptions(4);
    /// A result that is no number, of arguments that are.
    pub const INVALID: Exceptions = Exceptions(8);

    /// The set of these bits.
    pub const fn from_bits(bits: u8) -> Exceptions {
        Exceptions(bits & 15)
    }

    /// Its bits.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether all of `other` are among these.
    pub const fn contains(self, other: Exceptions) -> bool {
        self.0 & other.0 == other.0
    }

    /// Each of them with NumPy's words: `"divide by zero"`, `"overflow"`, `"underflow"`, `"invalid value"`, in this order.
    ///
    /// ```
    /// use legate_kernels::exceptions::Exceptions;
    /// let both = Exceptions::INVALID | Exceptions::DIVIDE;
    /// assert_eq!(both.words().map(|(_, words)| words).collect::<Vec<_>>(), ["divide by zero", "invalid value"]);
    /// ```
    pub fn words(self) -> impl Iterator<Item = (Exceptions, &'static str)> {
        let all = [
            (Exceptions::DIVIDE, "divide by zero"),
            (Exceptions::OVERFLOW, "overflow"),
            (Exceptions::UNDERFLOW, "underflow"),
            (Exceptions::INVALID, "invalid value"),
        ];
        all.into_iter().filter(move |(one, _)| self.contains(*one))
    }

    /// These if `condition` holds.
    #[inline(always)]
    pub(crate) const fn when(self, condition: bool) -> Exceptions {
        Exceptions(self.0 * condition as u8)
    }
}

impl BitOr for Exceptions {
    type Output = Exceptions;
    #[inline(always)]
    fn bitor(self, other: Exceptions) -> Exceptions {
        Exceptions(self.0 | other.0)
    }
}

impl BitOrAssign for Exceptions {
    fn bitor_assign(&mut self, other: Exceptions) {
        self.0 |= other.0;
    }
}

impl BitAnd for Exceptions {
    type Output = Exceptions;
    fn bitand(self, other: Exceptions) -> Exceptions {
        Exceptions(self.0 & other.0)
    }
}

impl Not for Exceptions {
    type Output = Exceptions;
    fn not(self) -> Exceptions {
        Exceptions(!self.0 & 15)
    }
}
