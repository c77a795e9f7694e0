//! Which instructions this process may use: the only place that asks the CPU.

use std::sync::OnceLock;

/// A level of the instruction set that this CPU has. The field is private, so a value is a proof that the CPU was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Isa(Level);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "other machines have one level"))]
pub(crate) enum Level {
    Portable,
    Avx2,
    Avx512,
}

impl Isa {
    /// The levels of this CPU, lowest first. Results have the same bits on each.
    pub fn available() -> impl Iterator<Item = Isa> {
        [Level::Portable, Level::Avx2, Level::Avx512].into_iter().filter(|level| is_available(*level)).map(Isa)
    }

    /// The level in use: the highest, unless the environment variable `LEGATE_ISA` (`portable`, `avx2`, `avx512`) names a lower one.
    pub fn best() -> Isa {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(|| {
            let wanted = std::env::var("LEGATE_ISA").ok();
            let named = Isa::available().find(|isa| wanted.as_deref() == Some(isa.name()));
            named.or(Isa::available().last()).unwrap_or(Isa(Level::Portable))
        })
    }

    /// `"portable"`, `"avx2"` or `"avx512"`.
    pub fn name(self) -> &'static str {
        match self.0 {
            Level::Portable => "portable",
            Level::Avx2 => "avx2",
            Level::Avx512 => "avx512",
        }
    }

    pub(crate) fn level(self) -> Level {
        self.0
    }
}

#[cfg(target_arch = "x86_64")]
fn is_available(level: Level) -> bool {
    use std::is_x86_feature_detected as has;
    // The features that the shells of `engine::kernel` enable.
    let avx2 =
        has!("avx2") && has!("fma") && has!("bmi1") && has!("bmi2") && has!("lzcnt") && has!("popcnt") && has!("f16c");
    match level {
        Level::Portable => true,
        Level::Avx2 => avx2,
        Level::Avx512 => {
            let foundation = has!("avx512f") && has!("avx512cd") && has!("avx512vl");
            avx2 && foundation && has!("avx512bw") && has!("avx512dq")
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn is_available(level: Level) -> bool {
    level == Level::Portable
}

/// Stamps a function for each ISA level out of a body that is inlined, and one that calls the stamp for [`Isa::best`].
macro_rules! at_best {
    (fn $name:ident<$G:ident: $Bound:path>($($arg:ident: $A:ty),*) -> $R:ty = $body:ident) => {
        fn $name<$G: $Bound>($($arg: $A),*) -> $R {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,bmi1,bmi2,lzcnt,popcnt")]
            fn avx2<$G: $Bound>($($arg: $A),*) -> $R {
                $body::<$G>($($arg),*)
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,fma,bmi1,bmi2,lzcnt,popcnt")]
            fn avx512<$G: $Bound>($($arg: $A),*) -> $R {
                $body::<$G>($($arg),*)
            }
            match $crate::isa::Isa::best().level() {
                #[cfg(target_arch = "x86_64")]
                // SAFETY: an `Isa` of this level proves that the CPU has these instructions (`is_available`).
                $crate::isa::Level::Avx2 => unsafe { avx2::<$G>($($arg),*) },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: as above.
                $crate::isa::Level::Avx512 => unsafe { avx512::<$G>($($arg),*) },
                _ => $body::<$G>($($arg),*),
            }
        }
    };
}
pub(crate) use at_best;
