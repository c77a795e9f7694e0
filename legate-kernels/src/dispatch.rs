//! Compiling one loop for several instruction sets.

use std::sync::OnceLock;

/// An instruction set that loops are compiled for, and that this machine has: [`Level::available`] makes the only values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Level(Set);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Level {
    /// What this machine has, the widest last.
    pub(crate) fn available() -> Vec<Level> {
        let mut levels = vec![Level(Set::Portable)];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                levels.push(Level(Set::Avx2));
                let wide = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq");
                if wide && is_x86_feature_detected!("avx512vl") && is_x86_feature_detected!("avx512bw") {
                    levels.push(Level(Set::Avx512));
                }
            }
        }
        levels
    }

    /// The widest.
    pub(crate) fn best() -> Level {
        static BEST: OnceLock<Level> = OnceLock::new();
        *BEST.get_or_init(|| *Level::available().last().expect("one level is always there"))
    }

    /// Whether a multiply-add with one rounding is an instruction.
    pub(crate) fn fuses(self) -> bool {
        self.0 != Set::Portable
    }

    /// Runs `f`, compiled for this level. `f` and what it calls must be inlined here to gain
    /// by it: mark them `#[inline(always)]`, the closure itself too (as the last expression of a block, where attributes are allowed).
    pub(crate) fn run<R>(self, f: impl FnOnce() -> R) -> R {
        match self.0 {
            Set::Portable => f(),
            // SAFETY: `available` found these features on this machine.
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => unsafe { run_avx2(f) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => unsafe { run_avx512(f) },
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn run_avx2<R>(f: impl FnOnce() -> R) -> R {
    f()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw,avx2,fma")]
fn run_avx512<R>(f: impl FnOnce() -> R) -> R {
    f()
}
