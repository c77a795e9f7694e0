//! Vector registers of x86-64, as chains need them.
//!
//! Every function must be inlined into a function that has the register's instructions enabled; that is what makes it safe to call.
//! Arithmetic rounds as scalar arithmetic does, and nothing contracts a product and a sum.

use crate::ops::rows;
use std::arch::x86_64::*;

/// A register of elements of one type.
pub(super) trait Vector: Copy {
    /// Elements of a register.
    const LANES: usize;
    /// Bytes of an element.
    const SIZE: usize;
    /// Registers of this kind that there are.
    const REGISTERS: usize;

    /// # Safety
    /// A register's worth of elements is readable there, at any alignment. This CPU has the register.
    unsafe fn load(at: *const u8) -> Self;
    /// One element, in all lanes.
    ///
    /// # Safety
    /// An element is readable there. This CPU has the register.
    unsafe fn splat(at: *const u8) -> Self;
    /// # Safety
    /// A register's worth of elements is writable there, at any alignment. This CPU has the register.
    unsafe fn store(self, at: *mut u8);
    /// Stores past the caches.
    ///
    /// # Safety
    /// As for [`Vector::store`], at a multiple of the register's bytes; a store fence comes before anyone else is told of the values.
    unsafe fn stream(self, at: *mut u8);
    /// Converts as many `i32`.
    ///
    /// # Safety
    /// They are readable there. This CPU has the register.
    unsafe fn from_i32(at: *const u8) -> Self;
    /// Converts as many `f32`, to a type that is not `f32`.
    ///
    /// # Safety
    /// They are readable there. This CPU has the register.
    unsafe fn from_f32(_at: *const u8) -> Self {
        unreachable!("no source is named so for this register")
    }
    /// Converts as many `i64`.
    ///
    /// # Safety
    /// They are readable there. This CPU has the register, and [`super::chain::Source::of_cast`] names this conversion for it.
    unsafe fn from_i64(_at: *const u8) -> Self {
        unreachable!("no source is named so for this register")
    }

    /// # Safety
    /// This CPU has the register. So for all that follow.
    unsafe fn add(self, y: Self) -> Self;
    /// # Safety
    /// See [`Vector::add`].
    unsafe fn subtract(self, y: Self) -> Self;
    /// # Safety
    /// See [`Vector::add`].
    unsafe fn multiply(self, y: Self) -> Self;
    /// # Safety
    /// See [`Vector::add`].
    unsafe fn divide(self, y: Self) -> Self;
    /// The larger; NaN if either is NaN; `y` if they are equal.
    ///
    /// # Safety
    /// See [`Vector::add`].
    unsafe fn maximum(self, y: Self) -> Self;
    /// The smaller; NaN if either is NaN; `y` if they are equal.
    ///
    /// # Safety
    /// See [`Vector::add`].
    unsafe fn minimum(self, y: Self) -> Self;
    /// # Safety
    /// See [`Vector::add`].
    unsafe fn sqrt(self) -> Self;
    /// # Safety
    /// See [`Vector::add`].
    unsafe fn negative(self) -> Self;
    /// # Safety
    /// See [`Vector::add`].
    unsafe fn absolute(self) -> Self;
    /// 1, -1 or 0; NaN is its own.
    ///
    /// # Safety
    /// See [`Vector::add`].
    unsafe fn sign(self) -> Self;
    /// An integer, rounded as the instructions name it.
    ///
    /// # Safety
    /// See [`Vector::add`].
    unsafe fn rounded<const HOW: i32>(self) -> Self;
    /// `yes` where the bool at `mask`, one for each lane, is set, else `no`.
    ///
    /// # Safety
    /// See [`Vector::add`]; the bools are readable.
    unsafe fn choose(mask: *const u8, yes: Self, no: Self) -> Self;
    /// Halves the lanes: lane `i` takes lane `i + m`, until the first one holds the result. The others are of no meaning.
    ///
    /// # Safety
    /// See [`Vector::add`].
    unsafe fn halve<J: Join>(self) -> Self;
    /// With the first `n` lanes joined with as many elements at `at`.
    ///
    /// # Safety
    /// They are readable. See [`Vector::add`].
    unsafe fn join_first<J: Join>(self, at: *const u8, n: usize) -> Self;
    /// 1 in all lanes.
    ///
    /// # Safety
    /// See [`Vector::add`].
    unsafe fn one() -> Self;
}

/// An operation that folds, on registers.
pub(super) trait Join {
    /// # Safety
    /// This CPU has the register.
    unsafe fn join<V: Vector>(x: V, y: V) -> V;
}

macro_rules! joins {
    ($($F:ident $method:ident)*) => {$(
        impl Join for rows::$F {
            /// # Safety
            /// As the trait says.
            #[inline(always)]
            unsafe fn join<V: Vector>(x: V, y: V) -> V {
                // SAFETY: the caller's promise.
                unsafe { x.$method(y) }
            }
        }
    )*};
}
joins! { Add add Maximum maximum Minimum minimum }

/// A function that finds the loop of a fold that has registers of its own, among those of `f64` and those of `f32`.
macro_rules! by_operation {
    ($vis:vis fn $choose:ident -> $F:ty = $f64:ident $f32:ident) => {
        $vis fn $choose(op: ReduceOp, dtype: DType) -> Option<$F> {
            match (op, dtype) {
                (ReduceOp::Add, DType::F64) => Some($f64::<rows::Add>),
                (ReduceOp::Maximum, DType::F64) => Some($f64::<rows::Maximum>),
                (ReduceOp::Minimum, DType::F64) => Some($f64::<rows::Minimum>),
                (ReduceOp::Add, DType::F32) => Some($f32::<rows::Add>),
                (ReduceOp::Maximum, DType::F32) => Some($f32::<rows::Maximum>),
                (ReduceOp::Minimum, DType::F32) => Some($f32::<rows::Minimum>),
                _ => None,
            }
        }
    };
}
pub(super) use by_operation;

/// `N` registers, from `at` on.
///
/// # Safety
/// That many registers' worth of elements are readable there; this CPU has the register.
#[inline(always)]
pub(super) unsafe fn load<V: Vector, const N: usize>(at: *const u8) -> [V; N] {
    // SAFETY: the caller's promise.
    unsafe {
        let mut t = [V::load(at); N];
        for (k, t) in t.iter_mut().enumerate().skip(1) {
            *t = V::load(at.add(k * V::LANES * V::SIZE));
        }
        t
    }
}

/// Methods of the trait: each an expression of instructions.
macro_rules! methods {
    ($($name:ident($($arg:tt)*) -> $R:ty { $value:expr })*) => {$(
        /// # Safety
        /// As the trait says.
        #[inline(always)]
        unsafe fn $name($($arg)*) -> $R {
            // SAFETY: the caller has the instructions, and vouches for the memory.
            unsafe { $value }
        }
    )*};
}

macro_rules! vector {
    ($V:ident, $registers:literal of $lanes:literal $T:ty, load $load:ident store $store:ident stream $stream:ident splat $splat:ident
     add $add:ident subtract $subtract:ident multiply $multiply:ident divide $divide:ident sqrt $sqrt:ident round $round:ident
     max $max:ident min $min:ident, or_nan |$x:ident, $r:ident| $or_nan:expr,
     upper |$h:ident| $($upper:expr)=>*,
     first |$n:ident| $mask:expr, |$some_of:ident, $at:ident| $some:expr, |$old:ident, $new:ident| $picked:expr,
     xor $xor:ident andnot $andnot:ident and $and:ident or $or:ident,
     blend_if |$m:ident, $yes:ident, $no:ident| $choose:expr, blend_equal |$e:ident, $a:ident, $b:ident| $equal:expr,
     from_i32 |$i32:ident| $from_i32:expr $(, from_f32 |$f32:ident| $from_f32:expr)? $(, from_i64 |$i64:ident| $from_i64:expr)?) => {
        impl Vector for $V {
            const LANES: usize = $lanes;
            const SIZE: usize = size_of::<$T>();
            const REGISTERS: usize = $registers;
            methods! {
                load(at: *const u8) -> $V { $load(at.cast()) }
                splat(at: *const u8) -> $V { $splat(at.cast::<$T>().read_unaligned()) }
                store(self, at: *mut u8) -> () { $store(at.cast(), self) }
                stream(self, at: *mut u8) -> () { $stream(at.cast(), self) }
                from_i32($i32: *const u8) -> $V { $from_i32 }
                $(from_f32($f32: *const u8) -> $V { $from_f32 })?
                $(from_i64($i64: *const u8) -> $V { $from_i64 })?
                add(self, y: $V) -> $V { $add(self, y) }
                subtract(self, y: $V) -> $V { $subtract(self, y) }
                multiply(self, y: $V) -> $V { $multiply(self, y) }
                divide(self, y: $V) -> $V { $divide(self, y) }
                maximum(self, y: $V) -> $V { { let ($x, $r) = (self, $max(self, y)); $or_nan } }
                minimum(self, y: $V) -> $V { { let ($x, $r) = (self, $min(self, y)); $or_nan } }
                sqrt(self) -> $V { $sqrt(self) }
                negative(self) -> $V { $xor($splat(-0.0), self) }
                absolute(self) -> $V { $andnot($splat(-0.0), self) }
                one() -> $V { $splat(1.0) }
                sign(self) -> $V {{
                    let (zero, $e) = ($splat(0.0), self);
                    let signed_one = $or($and($splat(-0.0), self), $splat(1.0));
                    let ($a, $b) = (zero, signed_one);
                    let $b = $equal;
                    // NaN alone is not in order with itself.
                    let ($x, $r) = (self, $b);
                    $or_nan
                }}
                choose($m: *const u8, $yes: $V, $no: $V) -> $V { $choose }
            }
            /// # Safety
            /// As the trait says.
            #[inline(always)]
            unsafe fn rounded<const HOW: i32>(self) -> $V {
                // SAFETY: the caller has the instructions.
                unsafe { $round::<HOW>(self) }
            }
            /// # Safety
            /// As the trait says.
            #[inline(always)]
            unsafe fn halve<J: Join>(self) -> $V {
                let $h = self;
                // SAFETY: the caller has the instructions.
                unsafe {
                    $(let $h = J::join($h, $upper);)*
                    $h
                }
            }
            /// # Safety
            /// As the trait says.
            #[inline(always)]
            unsafe fn join_first<J: Join>(self, at: *const u8, $n: usize) -> $V {
                // SAFETY: the caller has the instructions; no more elements are read than it vouches for.
                unsafe {
                    let ($some_of, $at) = ($mask, at);
                    let ($old, $new) = (self, J::join(self, $some));
                    $picked
                }
            }
        }
    };
}

vector!(__m512d, 32 of 8 f64, load _mm512_loadu_pd store _mm512_storeu_pd stream _mm512_stream_pd splat _mm512_set1_pd
    add _mm512_add_pd subtract _mm512_sub_pd multiply _mm512_mul_pd divide _mm512_div_pd sqrt _mm512_sqrt_pd round _mm512_roundscale_pd
    max _mm512_max_pd min _mm512_min_pd, or_nan |x, r| _mm512_mask_mov_pd(r, _mm512_cmp_pd_mask::<_CMP_UNORD_Q>(x, x), x),
    upper |h| _mm512_shuffle_f64x2::<0b01_00_11_10>(h, h) => _mm512_shuffle_f64x2::<0b10_11_00_01>(h, h) => _mm512_permute_pd::<0b0101_0101>(h),
    first |n| (1u32 << n).wrapping_sub(1) as __mmask8, |m, at| _mm512_maskz_loadu_pd(m, at.cast()), |old, new| _mm512_mask_mov_pd(old, m, new),
    xor _mm512_xor_pd andnot _mm512_andnot_pd and _mm512_and_pd or _mm512_or_pd,
    blend_if |mask, yes, no| {
        let bools = _mm_loadl_epi64(mask.cast());
        _mm512_mask_blend_pd(_mm_test_epi8_mask(bools, bools) as u8, no, yes)
    },
    blend_equal |x, yes, no| _mm512_mask_blend_pd(_mm512_cmp_pd_mask::<_CMP_EQ_OQ>(x, yes), no, yes),
    from_i32 |at| _mm512_cvtepi32_pd(_mm256_loadu_si256(at.cast())),
    from_f32 |at| _mm512_cvtps_pd(_mm256_loadu_ps(at.cast())),
    from_i64 |at| _mm512_cvtepi64_pd(_mm512_loadu_si512(at.cast())));
vector!(__m512, 32 of 16 f32, load _mm512_loadu_ps store _mm512_storeu_ps stream _mm512_stream_ps splat _mm512_set1_ps
    add _mm512_add_ps subtract _mm512_sub_ps multiply _mm512_mul_ps divide _mm512_div_ps sqrt _mm512_sqrt_ps round _mm512_roundscale_ps
    max _mm512_max_ps min _mm512_min_ps, or_nan |x, r| _mm512_mask_mov_ps(r, _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(x, x), x),
    upper |h| _mm512_shuffle_f32x4::<0b01_00_11_10>(h, h) => _mm512_shuffle_f32x4::<0b10_11_00_01>(h, h)
        => _mm512_permute_ps::<0b01_00_11_10>(h) => _mm512_permute_ps::<0b10_11_00_01>(h),
    first |n| (1u32 << n).wrapping_sub(1) as __mmask16, |m, at| _mm512_maskz_loadu_ps(m, at.cast()), |old, new| _mm512_mask_mov_ps(old, m, new),
    xor _mm512_xor_ps andnot _mm512_andnot_ps and _mm512_and_ps or _mm512_or_ps,
    blend_if |mask, yes, no| {
        let bools = _mm_loadu_si128(mask.cast());
        _mm512_mask_blend_ps(_mm_test_epi8_mask(bools, bools), no, yes)
    },
    blend_equal |x, yes, no| _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_EQ_OQ>(x, yes), no, yes),
    from_i32 |at| _mm512_cvtepi32_ps(_mm512_loadu_si512(at.cast())));
vector!(__m256d, 16 of 4 f64, load _mm256_loadu_pd store _mm256_storeu_pd stream _mm256_stream_pd splat _mm256_set1_pd
    add _mm256_add_pd subtract _mm256_sub_pd multiply _mm256_mul_pd divide _mm256_div_pd sqrt _mm256_sqrt_pd round _mm256_round_pd
    max _mm256_max_pd min _mm256_min_pd, or_nan |x, r| _mm256_blendv_pd(r, x, _mm256_cmp_pd::<_CMP_UNORD_Q>(x, x)),
    upper |h| _mm256_permute2f128_pd::<1>(h, h) => _mm256_permute_pd::<0b0101>(h),
    first |n| _mm256_cmpgt_epi64(_mm256_set1_epi64x(n as i64), _mm256_setr_epi64x(0, 1, 2, 3)),
    |m, at| _mm256_maskload_pd(at.cast(), m), |old, new| _mm256_blendv_pd(old, new, _mm256_castsi256_pd(m)),
    xor _mm256_xor_pd andnot _mm256_andnot_pd and _mm256_and_pd or _mm256_or_pd,
    blend_if |mask, yes, no| {
        let bools = _mm256_cvtepu8_epi64(_mm_cvtsi32_si128(mask.cast::<i32>().read_unaligned()));
        // All bits where a bool is clear.
        _mm256_blendv_pd(yes, no, _mm256_castsi256_pd(_mm256_cmpeq_epi64(bools, _mm256_setzero_si256())))
    },
    blend_equal |x, yes, no| _mm256_blendv_pd(no, yes, _mm256_cmp_pd::<_CMP_EQ_OQ>(x, yes)),
    from_i32 |at| _mm256_cvtepi32_pd(_mm_loadu_si128(at.cast())),
    from_f32 |at| _mm256_cvtps_pd(_mm_loadu_ps(at.cast())));
vector!(__m256, 16 of 8 f32, load _mm256_loadu_ps store _mm256_storeu_ps stream _mm256_stream_ps splat _mm256_set1_ps
    add _mm256_add_ps subtract _mm256_sub_ps multiply _mm256_mul_ps divide _mm256_div_ps sqrt _mm256_sqrt_ps round _mm256_round_ps
    max _mm256_max_ps min _mm256_min_ps, or_nan |x, r| _mm256_blendv_ps(r, x, _mm256_cmp_ps::<_CMP_UNORD_Q>(x, x)),
    upper |h| _mm256_permute2f128_ps::<1>(h, h) => _mm256_permute_ps::<0b01_00_11_10>(h) => _mm256_permute_ps::<0b10_11_00_01>(h),
    first |n| _mm256_cmpgt_epi32(_mm256_set1_epi32(n as i32), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)),
    |m, at| _mm256_maskload_ps(at.cast(), m), |old, new| _mm256_blendv_ps(old, new, _mm256_castsi256_ps(m)),
    xor _mm256_xor_ps andnot _mm256_andnot_ps and _mm256_and_ps or _mm256_or_ps,
    blend_if |mask, yes, no| {
        let bools = _mm256_cvtepu8_epi32(_mm_loadl_epi64(mask.cast()));
        // All bits where a bool is clear.
        _mm256_blendv_ps(yes, no, _mm256_castsi256_ps(_mm256_cmpeq_epi32(bools, _mm256_setzero_si256())))
    },
    blend_equal |x, yes, no| _mm256_blendv_ps(no, yes, _mm256_cmp_ps::<_CMP_EQ_OQ>(x, yes)),
    from_i32 |at| _mm256_cvtepi32_ps(_mm256_loadu_si256(at.cast())));
