//! Compiling one loop for several instruction sets.

use crate::isa::{Isa, Level};

/// Runs `f`, compiled for this level.
///
/// `f` and what it calls must be inlined here to gain by it: mark them `#[inline(always)]`, the closure itself too (as the last expression of a
/// block, where attributes are allowed).
pub(crate) fn run_on<R>(isa: Isa, f: impl FnOnce() -> R) -> R {
    match isa.level() {
        Level::Portable => f(),
        // SAFETY: an `Isa` of this level is the proof that the CPU has these features.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { run_avx2(f) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { run_avx512(f) },
        #[cfg(not(target_arch = "x86_64"))]
        _ => unreachable!("other machines have one level"),
    }
}

/// Whether a multiply-add with one rounding is an instruction there.
pub(crate) fn fuses(isa: Isa) -> bool {
    isa.level() != Level::Portable
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,bmi1,bmi2,lzcnt,popcnt")]
fn run_avx2<R>(f: impl FnOnce() -> R) -> R {
    f()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512cd,avx512vl,avx512bw,avx512dq,avx2,fma,bmi1,bmi2,lzcnt,popcnt")]
fn run_avx512<R>(f: impl FnOnce() -> R) -> R {
    f()
}
