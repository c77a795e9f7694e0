//! The CPU's sticky flags.
//!
//! They belong to the thread. Kernels are called through pointers and write to memory, so the compiler moves no arithmetic of theirs across the blocks of
//! assembly here, which claim to read and write memory too.

use super::Exceptions;

/// MXCSR: the flags for "inexact" and "denormal" mean nothing here.
#[cfg(target_arch = "x86_64")]
const FLAGS: u32 = 0x3F;

#[cfg(target_arch = "x86_64")]
fn control() -> u32 {
    let mut word = 0_u32;
    // SAFETY: `stmxcsr` stores four bytes to the address it is given, which is that of `word`.
    unsafe { std::arch::asm!("stmxcsr [{}]", in(reg) &raw mut word, options(nostack, preserves_flags)) };
    word
}

/// The flags that are set.
#[cfg(target_arch = "x86_64")]
pub(crate) fn raised() -> Exceptions {
    let word = control();
    Exceptions::INVALID.when(word & 1 != 0)
        | Exceptions::DIVIDE.when(word & 4 != 0)
        | Exceptions::OVERFLOW.when(word & 8 != 0)
        | Exceptions::UNDERFLOW.when(word & 16 != 0)
}

/// Clears all flags.
#[cfg(target_arch = "x86_64")]
pub(crate) fn clear() {
    set_control(control() & !FLAGS);
}

/// Sets these flags, if they are not set.
#[cfg(target_arch = "x86_64")]
pub(super) fn raise(flags: Exceptions) {
    let bit = |flag: Exceptions, bit: u32| u32::from(flags.contains(flag)) << bit;
    let bits = bit(Exceptions::INVALID, 0) | bit(Exceptions::DIVIDE, 2) | bit(Exceptions::OVERFLOW, 3);
    set_control(control() | bits | bit(Exceptions::UNDERFLOW, 4));
}

#[cfg(target_arch = "x86_64")]
fn set_control(word: u32) {
    // SAFETY: `ldmxcsr` reads four bytes from the address it is given, which is that of `word`. The rounding mode and the masks stay what they were; that
    // an assembly block changes the sticky flags is allowed, for it does not claim to preserve them.
    unsafe { std::arch::asm!("ldmxcsr [{}]", in(reg) &raw const word, options(nostack)) };
}

/// The flags that are set.
#[cfg(target_arch = "aarch64")]
pub(crate) fn raised() -> Exceptions {
    let word: u64;
    // SAFETY: reading the status register has no other effect.
    unsafe { std::arch::asm!("mrs {}, fpsr", out(reg) word, options(nostack, preserves_flags)) };
    Exceptions::INVALID.when(word & 1 != 0)
        | Exceptions::DIVIDE.when(word & 2 != 0)
        | Exceptions::OVERFLOW.when(word & 4 != 0)
        | Exceptions::UNDERFLOW.when(word & 8 != 0)
}

/// Clears all flags.
#[cfg(target_arch = "aarch64")]
pub(crate) fn clear() {
    // SAFETY: the register holds sticky flags alone, which an assembly block may change where it does not claim to preserve them.
    unsafe { std::arch::asm!("msr fpsr, xzr", options(nostack)) };
}

/// Sets these flags, if they are not set.
#[cfg(target_arch = "aarch64")]
pub(super) fn raise(flags: Exceptions) {
    let bit = |flag: Exceptions, bit: u32| u64::from(flags.contains(flag)) << bit;
    let bits = bit(Exceptions::INVALID, 0) | bit(Exceptions::DIVIDE, 1) | bit(Exceptions::OVERFLOW, 2);
    // SAFETY: the register holds sticky flags alone, which an assembly block may change where it does not claim to preserve them.
    unsafe {
        let word: u64;
        std::arch::asm!("mrs {}, fpsr", out(reg) word, options(nostack, preserves_flags));
        std::arch::asm!("msr fpsr, {}", in(reg) word | bits | bit(Exceptions::UNDERFLOW, 3), options(nostack));
    }
}

/// Where the flags cannot be read, everything may have been raised.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(crate) fn raised() -> Exceptions {
    Exceptions::from_bits(15)
}

/// Clears all flags.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(crate) fn clear() {}

/// Sets these flags, if they are not set.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(super) fn raise(_: Exceptions) {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hint::black_box;

    #[test]
    fn flags_are_sticky_until_they_are_cleared() {
        clear();
        assert!(raised().is_empty());
        black_box(black_box(1.0f64) / black_box(0.0));
        assert!(raised().contains(Exceptions::DIVIDE));
        black_box(black_box(1.0f64) + black_box(1.0));
        assert!(raised().contains(Exceptions::DIVIDE));
        clear();
        assert!(raised().is_empty());
        black_box(black_box(f64::INFINITY) - black_box(f64::INFINITY));
        black_box(black_box(f64::MAX) * black_box(2.0));
        assert!(raised().contains(Exceptions::INVALID | Exceptions::OVERFLOW));
        clear();
    }
}
