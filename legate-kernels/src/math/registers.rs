//! Registers of x86-64 as [`Lanes`], and loops over them.
//!
//! A register is made by nothing but the loops of [`unary_doubles`] and the three after it, which are compiled for instructions that an [`Isa`] proves to be there; all
//! functions here are inlined into them. That is what makes the methods safe.

use super::lanes::{DoubleFn, Doubles, Lanes, NODES, Pairs, SingleFn, Singles};
use super::loops::{Binary, Unary};
use crate::isa::{Isa, Level};
use std::arch::x86_64::*;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// What a loop needs of a register.
trait Register: Lanes {
    const BYTES: usize = size_of::<Self>();
    /// # Safety
    /// A register's worth of bytes is readable there.
    #[inline(always)]
    unsafe fn load(at: *const u8) -> Self {
        // SAFETY: the caller's promise; any bits are floats.
        unsafe { at.cast::<Self>().read_unaligned() }
    }
    /// # Safety
    /// A register's worth of bytes is writable there.
    #[inline(always)]
    unsafe fn store(self, at: *mut u8) {
        // SAFETY: the caller's promise.
        unsafe { at.cast::<Self>().write_unaligned(self) }
    }
}

/// Replaces the elements whose bits are set in the mask by the function of the arguments there.
#[cold]
#[inline(always)]
fn patch<V: Register, const N: usize>(result: V, mask: u32, x: [V; N], f: fn([V::Element; N]) -> V::Element) -> V {
    let mut result = result;
    let to = (&raw mut result).cast::<V::Element>();
    for i in (0..V::BYTES / size_of::<V::Element>()).filter(|i| mask >> i & 1 == 1) {
        // SAFETY: registers consist of so many elements.
        unsafe { to.add(i).write(f(std::array::from_fn(|k| (&raw const x[k]).cast::<V::Element>().add(i).read()))) }
    }
    result
}

/// Loops over the arguments of a function, for AVX2 and for AVX-512. They compute whole registers; none for machines that have neither.
macro_rules! loops {
    ($choose:ident -> $Loop:ident: $n:literal of $Kind:ident, $Fn:ident ($($arg:ident),*) with $V2:ident, $V5:ident) => {
        pub(super) fn $choose<F: $Fn<$n>>(isa: Isa) -> Option<$Loop> {
            #[inline(always)]
            fn each<V: Register + $Kind, F: $Fn<$n>>(dst: &mut [u8], $($arg: &[u8]),*) {
                let bytes = dst.len()$(.min($arg.len()))* / V::BYTES * V::BYTES;
                for at in (0..bytes).step_by(V::BYTES) {
                    // SAFETY: `at + V::BYTES` is within all slices.
                    unsafe { F::apply([$(V::load($arg.as_ptr().add(at))),*]).store(dst.as_mut_ptr().add(at)) }
                }
            }
            #[target_feature(enable = "avx2,fma,bmi1,bmi2,lzcnt,popcnt")]
            fn avx2<F: $Fn<$n>>(dst: &mut [u8], $($arg: &[u8]),*) {
                each::<$V2, F>(dst, $($arg),*);
            }
            #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,fma,bmi1,bmi2,lzcnt,popcnt")]
            fn avx512<F: $Fn<$n>>(dst: &mut [u8], $($arg: &[u8]),*) {
                each::<$V5, F>(dst, $($arg),*);
            }
            match isa.level() {
                Level::Portable => None,
                Level::Avx2 => Some(avx2::<F>),
                Level::Avx512 => Some(avx512::<F>),
            }
        }
    };
}
loops!(unary_doubles -> Unary: 1 of Doubles, DoubleFn (x) with F64x4, F64x8);
loops!(binary_doubles -> Binary: 2 of Doubles, DoubleFn (x, y) with F64x4, F64x8);
loops!(unary_singles -> Unary: 1 of Singles, SingleFn (x) with F32x8, F32x16);
loops!(binary_singles -> Binary: 2 of Singles, SingleFn (x, y) with F32x8, F32x16);

macro_rules! methods {
    ($($name:ident $(<$N:ident: $I:ty>)? ($($arg:tt)*) -> $R:ty { $($value:tt)* })*) => {$(
        #[inline(always)]
        fn $name $(<const $N: $I>)? ($($arg)*) -> $R {
            // SAFETY: there is such a register only where its instructions are; a table has as many elements as are loaded.
            #[allow(unused_unsafe, reason = "some need no instruction")]
            unsafe { $($value)* }
        }
    )*};
}

macro_rules! operators {
    ($V:ident: $($Op:ident $name:ident $intrinsic:ident),*) => {
        $(impl $Op for $V {
            type Output = $V;
            methods! { $name(self, y: $V) -> $V { $V($intrinsic(self.0, y.0)) } }
        })*
        impl Neg for $V {
            type Output = $V;
            methods! { neg(self) -> $V { $V::of_bits($V::xor(self.to_bits(), $V::splat(-0.0).to_bits())) } }
        }
        impl Register for $V {}
    };
}

macro_rules! avx512 {
    ($V:ident of $F:ident in $R:ty, mask $M:ty, add $add:ident sub $sub:ident mul $mul:ident div $div:ident splat $splat:ident fma $fma:ident
     min $min:ident max $max:ident compare $compare:ident choose $choose:ident to_bits $to_bits:ident of_bits $of_bits:ident
     integer $integer:ident as $I:ty, plus $plus:ident minus $minus:ident left $left:ident right $right:ident lower $lower:ident
     trunc |$x:ident| $trunc:expr, look_up |$table:ident, $index:ident| $look_up:expr) => {
        #[derive(Clone, Copy)]
        struct $V($R);
        operators!($V: Add add $add, Sub sub $sub, Mul mul $mul, Div div $div);
        impl Lanes for $V {
            type Element = $F;
            type Bits = __m512i;
            type Mask = $M;
            methods! {
                splat(x: $F) -> $V { $V($splat(x)) }
                mul_add(self, y: $V, z: $V) -> $V { $V($fma(self.0, y.0, z.0)) }
                abs(self) -> $V { $V::of_bits($V::and(self.to_bits(), $V::integer(!(1 << (<$I>::BITS - 1))))) }
                trunc(self) -> $V { let $x = self.0; $V($trunc) }
                at_most(self, limit: $V) -> $V { $V($min(limit.0, self.0)) }
                at_least(self, limit: $V) -> $V { $V($max(limit.0, self.0)) }
                is_below(self, y: $V) -> $M { $compare::<_CMP_LT_OQ>(self.0, y.0) }
                is_equal(self, y: $V) -> $M { $compare::<_CMP_EQ_OQ>(self.0, y.0) }
                choose(mask: $M, yes: $V, no: $V) -> $V { $V($choose(mask, no.0, yes.0)) }
                either(x: $M, y: $M) -> $M { x | y }
                any(mask: $M) -> bool { mask != 0 }
                to_bits(self) -> __m512i { $to_bits(self.0) }
                of_bits(bits: __m512i) -> $V { $V($of_bits(bits)) }
                integer(n: u64) -> __m512i { $integer(n as $I) }
                plus(x: __m512i, y: __m512i) -> __m512i { $plus(x, y) }
                minus(x: __m512i, y: __m512i) -> __m512i { $minus(x, y) }
                and(x: __m512i, y: __m512i) -> __m512i { _mm512_and_si512(x, y) }
                or(x: __m512i, y: __m512i) -> __m512i { _mm512_or_si512(x, y) }
                xor(x: __m512i, y: __m512i) -> __m512i { _mm512_xor_si512(x, y) }
                shift_left(x: __m512i, n: u32) -> __m512i { $left(x, _mm_cvtsi32_si128(n as i32)) }
                shift_right(x: __m512i, n: u32) -> __m512i { $right(x, _mm_cvtsi32_si128(n as i32)) }
                is_lower(x: __m512i, y: __m512i) -> $M { $lower(x, y) }
                patched<N: usize>(self, mask: $M, x: [$V; N], f: fn([$F; N]) -> $F) -> $V {
                    if mask == 0 { self } else { patch(self, mask.into(), x, f) }
                }
                look_up($table: &'static [$F; NODES], $index: __m512i) -> $V { $V($look_up) }
            }
        }
    };
}
avx512!(F64x8 of f64 in __m512d, mask __mmask8, add _mm512_add_pd sub _mm512_sub_pd mul _mm512_mul_pd div _mm512_div_pd splat _mm512_set1_pd
    fma _mm512_fmadd_pd min _mm512_min_pd max _mm512_max_pd compare _mm512_cmp_pd_mask choose _mm512_mask_blend_pd
    to_bits _mm512_castpd_si512 of_bits _mm512_castsi512_pd integer _mm512_set1_epi64 as i64, plus _mm512_add_epi64 minus _mm512_sub_epi64
    left _mm512_sll_epi64 right _mm512_srl_epi64 lower _mm512_cmplt_epu64_mask
    trunc |x| _mm512_roundscale_pd::<_MM_FROUND_TO_ZERO>(x), look_up |table, index| _mm512_permutex2var_pd(_mm512_loadu_pd(table.as_ptr()), index, _mm512_loadu_pd(table[8..].as_ptr())));
avx512!(F32x16 of f32 in __m512, mask __mmask16, add _mm512_add_ps sub _mm512_sub_ps mul _mm512_mul_ps div _mm512_div_ps splat _mm512_set1_ps
    fma _mm512_fmadd_ps min _mm512_min_ps max _mm512_max_ps compare _mm512_cmp_ps_mask choose _mm512_mask_blend_ps
    to_bits _mm512_castps_si512 of_bits _mm512_castsi512_ps integer _mm512_set1_epi32 as i32, plus _mm512_add_epi32 minus _mm512_sub_epi32
    left _mm512_sll_epi32 right _mm512_srl_epi32 lower _mm512_cmplt_epu32_mask
    trunc |x| _mm512_roundscale_ps::<_MM_FROUND_TO_ZERO>(x), look_up |table, index| _mm512_permutexvar_ps(index, _mm512_loadu_ps(table.as_ptr())));

/// A register of single precision and its halves in double precision.
trait Halves: Singles {
    fn lower(self) -> Self::Doubles;
    fn upper(self) -> Self::Doubles;
    fn of_halves(lower: Self::Doubles, upper: Self::Doubles) -> Self;
}

/// The function in double precision, rounded.
#[inline(always)]
fn by_halves<V: Halves, F: DoubleFn<N>, const N: usize>(x: [V; N]) -> V {
    let zero = V::Doubles::splat(0.0);
    let (mut lower, mut upper) = ([zero; N], [zero; N]);
    for i in 0..N {
        lower[i] = x[i].lower();
        upper[i] = x[i].upper();
    }
    V::of_halves(F::apply(lower), F::apply(upper))
}

impl Doubles for F64x8 {
    methods! { rounded_to_single(self) -> F64x8 { F64x8(_mm512_cvtps_pd(_mm512_cvtpd_ps(self.0))) } }
}

impl Singles for F32x16 {
    type Doubles = F64x8;
    #[inline(always)]
    fn in_doubles<F: DoubleFn<N>, const N: usize>(x: [F32x16; N]) -> F32x16 {
        by_halves::<F32x16, F, N>(x)
    }
}

impl Halves for F32x16 {
    methods! {
        lower(self) -> F64x8 { F64x8(_mm512_cvtps_pd(_mm512_castps512_ps256(self.0))) }
        upper(self) -> F64x8 { F64x8(_mm512_cvtps_pd(_mm512_extractf32x8_ps::<1>(self.0))) }
        of_halves(lower: F64x8, upper: F64x8) -> F32x16 {
            let (lower, upper) = (_mm512_cvtpd_ps(lower.0), _mm512_cvtpd_ps(upper.0));
            F32x16(_mm512_insertf32x8::<1>(_mm512_castps256_ps512(lower), upper))
        }
    }
}

/// The low four bits of each integer.
#[inline(always)]
fn indices(index: __m256i) -> [usize; 4] {
    // SAFETY: as for all methods.
    unsafe {
        let (low, high) = (_mm256_castsi256_si128(index), _mm256_extracti128_si256::<1>(index));
        [_mm_cvtsi128_si64(low), _mm_extract_epi64::<1>(low), _mm_cvtsi128_si64(high), _mm_extract_epi64::<1>(high)]
            .map(|i| i as usize % NODES)
    }
}

macro_rules! avx2 {
    ($V:ident of $F:ident in $R:ty, add $add:ident sub $sub:ident mul $mul:ident div $div:ident splat $splat:ident fma $fma:ident
     min $min:ident max $max:ident compare $compare:ident choose $choose:ident or $or:ident any $any:ident to_bits $to_bits:ident of_bits $of_bits:ident
     integer $integer:ident as $I:ty, plus $plus:ident minus $minus:ident left $left:ident right $right:ident greater $greater:ident
     trunc |$x:ident| $trunc:expr, look_up |$table:ident, $index:ident| $look_up:expr $(, look_up_pair |$pairs:ident| $look_up_pair:expr)?) => {
        #[derive(Clone, Copy)]
        struct $V($R);
        operators!($V: Add add $add, Sub sub $sub, Mul mul $mul, Div div $div);
        impl Lanes for $V {
            type Element = $F;
            type Bits = __m256i;
            type Mask = $R;
            methods! {
                splat(x: $F) -> $V { $V($splat(x)) }
                mul_add(self, y: $V, z: $V) -> $V { $V($fma(self.0, y.0, z.0)) }
                abs(self) -> $V { $V::of_bits($V::and(self.to_bits(), $V::integer(!(1 << (<$I>::BITS - 1))))) }
                trunc(self) -> $V { let $x = self.0; $V($trunc) }
                at_most(self, limit: $V) -> $V { $V($min(limit.0, self.0)) }
                at_least(self, limit: $V) -> $V { $V($max(limit.0, self.0)) }
                is_below(self, y: $V) -> $R { $compare::<_CMP_LT_OQ>(self.0, y.0) }
                is_equal(self, y: $V) -> $R { $compare::<_CMP_EQ_OQ>(self.0, y.0) }
                choose(mask: $R, yes: $V, no: $V) -> $V { $V($choose(no.0, yes.0, mask)) }
                either(x: $R, y: $R) -> $R { $or(x, y) }
                any(mask: $R) -> bool { $any(mask) != 0 }
                to_bits(self) -> __m256i { $to_bits(self.0) }
                of_bits(bits: __m256i) -> $V { $V($of_bits(bits)) }
                integer(n: u64) -> __m256i { $integer(n as $I) }
                plus(x: __m256i, y: __m256i) -> __m256i { $plus(x, y) }
                minus(x: __m256i, y: __m256i) -> __m256i { $minus(x, y) }
                and(x: __m256i, y: __m256i) -> __m256i { _mm256_and_si256(x, y) }
                or(x: __m256i, y: __m256i) -> __m256i { _mm256_or_si256(x, y) }
                xor(x: __m256i, y: __m256i) -> __m256i { _mm256_xor_si256(x, y) }
                shift_left(x: __m256i, n: u32) -> __m256i { $left(x, _mm_cvtsi32_si128(n as i32)) }
                shift_right(x: __m256i, n: u32) -> __m256i { $right(x, _mm_cvtsi32_si128(n as i32)) }
                // There is a comparison with sign only: both are moved by half the range.
                is_lower(x: __m256i, y: __m256i) -> $R {
                    let half = $integer(<$I>::MIN);
                    $of_bits($greater(_mm256_xor_si256(y, half), _mm256_xor_si256(x, half)))
                }
                patched<N: usize>(self, mask: $R, x: [$V; N], f: fn([$F; N]) -> $F) -> $V {
                    let mask = $any(mask) as u32;
                    if mask == 0 { self } else { patch(self, mask, x, f) }
                }
                look_up($table: &'static [$F; NODES], $index: __m256i) -> $V { $V($look_up) }
                $(look_up_pair($pairs: &'static Pairs<$F>, $index: __m256i) -> ($V, $V) { $look_up_pair })?
            }
        }
    };
}
avx2!(F64x4 of f64 in __m256d, add _mm256_add_pd sub _mm256_sub_pd mul _mm256_mul_pd div _mm256_div_pd splat _mm256_set1_pd
fma _mm256_fmadd_pd min _mm256_min_pd max _mm256_max_pd compare _mm256_cmp_pd choose _mm256_blendv_pd or _mm256_or_pd any _mm256_movemask_pd
to_bits _mm256_castpd_si256 of_bits _mm256_castsi256_pd integer _mm256_set1_epi64x as i64, plus _mm256_add_epi64 minus _mm256_sub_epi64
left _mm256_sll_epi64 right _mm256_srl_epi64 greater _mm256_cmpgt_epi64
trunc |x| _mm256_round_pd::<{ _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC }>(x), look_up |table, index| {
    let [a, b, c, d] = indices(index);
    _mm256_setr_pd(table[a], table[b], table[c], table[d])
},
look_up_pair |pairs| {
    let [a, b, c, d] = indices(index);
    let pair = |i: usize| _mm_loadu_pd(pairs.both[i].as_ptr());
    let (even, odd) = (_mm256_set_m128d(pair(c), pair(a)), _mm256_set_m128d(pair(d), pair(b)));
    (F64x4(_mm256_unpacklo_pd(even, odd)), F64x4(_mm256_unpackhi_pd(even, odd)))
});
avx2!(F32x8 of f32 in __m256, add _mm256_add_ps sub _mm256_sub_ps mul _mm256_mul_ps div _mm256_div_ps splat _mm256_set1_ps
fma _mm256_fmadd_ps min _mm256_min_ps max _mm256_max_ps compare _mm256_cmp_ps choose _mm256_blendv_ps or _mm256_or_ps any _mm256_movemask_ps
to_bits _mm256_castps_si256 of_bits _mm256_castsi256_ps integer _mm256_set1_epi32 as i32, plus _mm256_add_epi32 minus _mm256_sub_epi32
left _mm256_sll_epi32 right _mm256_srl_epi32 greater _mm256_cmpgt_epi32
trunc |x| _mm256_round_ps::<{ _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC }>(x), look_up |table, index| {
    let low = _mm256_permutevar8x32_ps(_mm256_loadu_ps(table.as_ptr()), index);
    let high = _mm256_permutevar8x32_ps(_mm256_loadu_ps(table[8..].as_ptr()), index);
    // Bit 3 becomes the sign, which chooses.
    _mm256_blendv_ps(low, high, _mm256_castsi256_ps(_mm256_slli_epi32::<28>(index)))
});

impl Doubles for F64x4 {
    methods! { rounded_to_single(self) -> F64x4 { F64x4(_mm256_cvtps_pd(_mm256_cvtpd_ps(self.0))) } }
}

impl Singles for F32x8 {
    type Doubles = F64x4;
    #[inline(always)]
    fn in_doubles<F: DoubleFn<N>, const N: usize>(x: [F32x8; N]) -> F32x8 {
        by_halves::<F32x8, F, N>(x)
    }
}

impl Halves for F32x8 {
    methods! {
        lower(self) -> F64x4 { F64x4(_mm256_cvtps_pd(_mm256_castps256_ps128(self.0))) }
        upper(self) -> F64x4 { F64x4(_mm256_cvtps_pd(_mm256_extractf128_ps::<1>(self.0))) }
        of_halves(lower: F64x4, upper: F64x4) -> F32x8 {
            let (lower, upper) = (_mm256_cvtpd_ps(lower.0), _mm256_cvtpd_ps(upper.0));
            F32x8(_mm256_insertf128_ps::<1>(_mm256_castps128_ps256(lower), upper))
        }
    }
}
