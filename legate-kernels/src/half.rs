//! Float16: conversions, and the few operations that are not those of float32 rounded.
//!
//! NumPy computes half precision in single precision and rounds after each operation; with 24 bits for 11, a single operation has the bits of one that
//! rounds once. So float16 is a type that is stored, ordered and converted; its loops are float32's between two conversions. Programs name them as they name
//! all loops, and are lowered when they are compiled ([`Program::without_halves`](crate::program::Program)); rounding stays between the steps of a
//! fused program.

use crate::cast::cast;
use crate::dtype::{DType, Element, F16, Scalar};
use crate::isa::{Isa, Level};

/// The type through which elements of one type become another, where one of the two is float16; `None` where there is a loop for that, or neither is.
pub(crate) fn between(from: DType, to: DType) -> Option<DType> {
    match (from, to) {
        (DType::F16, DType::F16 | DType::F32) | (DType::F32 | DType::F64, DType::F16) => None,
        (DType::C128, DType::F16) => Some(DType::F64),
        // Integers up to 65,519 are exact in float32, and all others are infinite in float16.
        (DType::F16, _) | (_, DType::F16) => Some(DType::F32),
        _ => None,
    }
}

/// An operation on values of float16: `f` of the values as float32, as `result`.
pub(crate) fn through_singles<const N: usize>(
    result: DType,
    values: [Scalar; N],
    f: impl FnOnce([Scalar; N]) -> Option<Scalar>,
) -> Option<Scalar> {
    f(values.map(|value| cast(value, DType::F32))).map(|value| cast(value, result))
}

/// The nearest float16, ties to even; rounded once.
pub(crate) fn from_f64(x: f64) -> F16 {
    F16::from_f32(to_odd(x))
}

/// `x` as float32, rounded so that rounding it again, to fewer bits, gives the nearest to `x`: towards zero, with the last bit set if that lost anything.
/// [S. Boldo, G. Melquiond: When double rounding is odd, 2005]
#[inline(always)]
fn to_odd(x: f64) -> f32 {
    let near = x as f32;
    let back = f64::from(near);
    let below = near.to_bits().wrapping_sub(u32::from(back.abs() > x.abs()));
    f32::from_bits(below | u32::from(back != x))
}

/// The next float after `x` towards `y`.
pub(crate) fn nextafter(x: F16, y: F16) -> F16 {
    let bits = x.to_bits();
    match x.partial_cmp(&y) {
        None => F16::NAN,
        Some(std::cmp::Ordering::Equal) => y,
        Some(_) if bits & 0x7FFF == 0 => F16::from_bits((y.to_bits() & 0x8000) | 1),
        Some(order) => {
            let away_from_zero = (order == std::cmp::Ordering::Less) == x.is_sign_positive();
            F16::from_bits(if away_from_zero { bits + 1 } else { bits - 1 })
        }
    }
}

/// The distance to the next greater float: NumPy's for float16, unlike that of the other floats, which is away from zero.
pub(crate) fn spacing(x: F16) -> F16 {
    if !x.is_finite() {
        return F16::NAN;
    }
    let next = nextafter(x, F16::INFINITY);
    F16::from_f32(next.to_f32() - x.to_f32())
}

/// A loop that converts the elements of `a`, all of them.
pub(crate) type Conversion = unsafe fn(dst: &mut [u8], a: &[u8]);

/// The loop for a conversion from or to float16; `None` where there is none ([`between`]). It needs the instructions of `isa`.
pub(crate) fn conversion(from: DType, to: DType, isa: Isa) -> Option<Conversion> {
    let has_instructions = isa.level() != Level::Portable;
    match (from, to) {
        #[cfg(target_arch = "x86_64")]
        (DType::F16, DType::F32) if has_instructions => Some(x86::to_singles),
        #[cfg(target_arch = "x86_64")]
        (DType::F32, DType::F16) if has_instructions => Some(x86::from_singles),
        #[cfg(target_arch = "x86_64")]
        (DType::F64, DType::F16) if has_instructions => Some(x86::from_doubles),
        (DType::F16, DType::F32) => Some(plain::<F16, f32>),
        (DType::F32, DType::F16) => Some(plain::<f32, F16>),
        (DType::F64, DType::F16) => Some(plain::<f64, F16>),
        _ => None,
    }
}

fn plain<T: Element, U: crate::cast::Convert<T>>(dst: &mut [u8], a: &[u8]) {
    for (d, x) in dst.chunks_exact_mut(size_of::<U>()).zip(a.chunks_exact(size_of::<T>())) {
        d.copy_from_slice(bytemuck::bytes_of(&U::convert(bytemuck::pod_read_unaligned::<T>(x))));
    }
}

/// Eight elements at a time.
#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{F16, plain, to_odd};
    use std::arch::x86_64::{__m128i, __m256, _MM_FROUND_TO_NEAREST_INT, _mm256_cvtph_ps, _mm256_cvtps_ph};

    #[target_feature(enable = "avx,f16c")]
    pub(super) fn to_singles(dst: &mut [u8], a: &[u8]) {
        let (a, rest) = a.as_chunks::<16>();
        let (dst, last) = dst.split_at_mut((a.len() * 32).min(dst.len() / 32 * 32));
        for (d, x) in dst.as_chunks_mut::<32>().0.iter_mut().zip(a) {
            *d = bytemuck::cast(_mm256_cvtph_ps(bytemuck::cast::<[u8; 16], __m128i>(*x)));
        }
        plain::<F16, f32>(last, rest);
    }

    #[target_feature(enable = "avx,f16c")]
    fn rounded(x: [f32; 8]) -> [u8; 16] {
        bytemuck::cast(_mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(bytemuck::cast::<[f32; 8], __m256>(x)))
    }

    #[target_feature(enable = "avx,f16c")]
    pub(super) fn from_singles(dst: &mut [u8], a: &[u8]) {
        let (a, rest) = a.as_chunks::<32>();
        let (dst, last) = dst.split_at_mut((a.len() * 16).min(dst.len() / 16 * 16));
        for (d, x) in dst.as_chunks_mut::<16>().0.iter_mut().zip(a) {
            *d = rounded(bytemuck::cast(*x));
        }
        plain::<f32, F16>(last, rest);
    }

    #[target_feature(enable = "avx,f16c")]
    pub(super) fn from_doubles(dst: &mut [u8], a: &[u8]) {
        let (a, rest) = a.as_chunks::<64>();
        let (dst, last) = dst.split_at_mut((a.len() * 16).min(dst.len() / 16 * 16));
        for (d, x) in dst.as_chunks_mut::<16>().0.iter_mut().zip(a) {
            let x: [f64; 8] = bytemuck::cast(*x);
            *d = rounded(x.map(to_odd));
        }
        plain::<f64, F16>(last, rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the definition: the float16 that is nearest, of two the even one.
    fn nearest(x: f64) -> F16 {
        if x.is_nan() {
            return F16::NAN;
        }
        let all = (0..0x7C00u16).map(F16::from_bits);
        // Beyond the largest the next one would be 65536.
        let size = x.abs();
        if size >= 65520.0 {
            return F16::from_bits(0x7C00 | if x < 0.0 { 0x8000 } else { 0 });
        }
        let best = all
            .min_by(|a, b| {
                let (da, db) = ((a.to_f64() - size).abs(), (b.to_f64() - size).abs());
                da.total_cmp(&db).then((a.to_bits() & 1).cmp(&(b.to_bits() & 1)))
            })
            .expect("there are some");
        F16::from_bits(best.to_bits() | if x.is_sign_negative() { 0x8000 } else { 0 })
    }

    #[test]
    fn doubles_are_rounded_once() {
        let tie = 1.0 + (-11f64).exp2();
        let mut values = vec![tie, tie + (-40f64).exp2(), tie - (-40f64).exp2(), -tie - (-40f64).exp2()];
        values.extend([0.0, -0.0, 65519.999, 65520.0, 65504.0, f64::MAX, 5e-324, 3e-8, 0.5f64.powi(25)]);
        values.extend([2.980232238769532e-8, f64::INFINITY, f64::NEG_INFINITY, 6.1e-5, 1e-7, -8.9e-8]);
        for x in values {
            assert_eq!(from_f64(x).to_bits(), nearest(x).to_bits(), "{x:e}");
        }
        assert!(from_f64(f64::NAN).is_nan());
    }

    #[test]
    fn conversions_have_the_same_bits_on_every_level() {
        let halves: Vec<u16> = (0..=u16::MAX).collect();
        let singles: Vec<f32> =
            (0..70_001u32).map(|i| f32::from_bits(i.wrapping_mul(0x9E37_79B9))).filter(|x| !x.is_nan()).collect();
        let doubles: Vec<f64> = singles.iter().map(|x| f64::from(*x) * (1.0 + f64::EPSILON)).collect();
        for isa in Isa::available() {
            let run = |from, to, a: &[u8], size: usize| {
                let mut dst = vec![0u8; size];
                // SAFETY: the level is available.
                unsafe { conversion(from, to, isa).unwrap()(&mut dst, a) };
                dst
            };
            let wide = run(DType::F16, DType::F32, bytemuck::cast_slice(&halves), 4 * halves.len());
            for (bits, x) in halves.iter().zip(wide.chunks_exact(4)) {
                let x: f32 = bytemuck::pod_read_unaligned(x);
                let expected = F16::from_bits(*bits).to_f32_const();
                assert!(x.to_bits() == expected.to_bits() || (x.is_nan() && expected.is_nan()), "{bits:x}");
            }
            let narrow = run(DType::F32, DType::F16, bytemuck::cast_slice(&singles), 2 * singles.len());
            for (x, bits) in singles.iter().zip(narrow.chunks_exact(2)) {
                let bits: u16 = bytemuck::pod_read_unaligned(bits);
                assert_eq!(bits, F16::from_f32_const(*x).to_bits(), "{x:e} on {}", isa.name());
            }
            let narrow = run(DType::F64, DType::F16, bytemuck::cast_slice(&doubles), 2 * doubles.len());
            for (x, bits) in doubles.iter().zip(narrow.chunks_exact(2)) {
                let bits: u16 = bytemuck::pod_read_unaligned(bits);
                assert_eq!(bits, F16::from_f32_const(to_odd(*x)).to_bits(), "{x:e} on {}", isa.name());
            }
        }
    }

    #[test]
    fn neighbours_are_those_of_the_bits() {
        let h = F16::from_f32_const;
        assert_eq!(nextafter(h(0.0), h(-1.0)).to_bits(), 0x8001);
        assert_eq!(nextafter(h(1.0), h(2.0)).to_bits(), h(1.0).to_bits() + 1);
        assert_eq!(nextafter(h(-1.0), h(2.0)).to_bits(), h(-1.0).to_bits() - 1);
        assert_eq!(spacing(h(-1.0)).to_f32(), (-11f32).exp2());
        assert_eq!(spacing(h(65504.0)), F16::INFINITY);
    }
}
