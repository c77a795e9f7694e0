//! Superinstructions: a chain of float operations in one loop, the value so far in registers.
//!
//! A chain begins with a value and goes through *links*: `((x · y) - 2) / z`. Each link takes what the last one gave and at most one value more
//! from memory, a constant, or an integer or narrower float that is converted on the way. Cheap operations spend their time on
//! loads and stores; in a chain each costs one load and no store. Every link rounds by itself, so the bits are those of one loop for each operation.
//!
//! The loop keeps sixteen registers of elements (where there are so many) and walks the links for them: what is interpreted once for 128 elements costs little.
//! It reads all of a strip's elements before it writes them, so its destination may be one of its inputs. It can write past the caches. The commonest chains, of
//! one or two sums, differences and products, have loops of their own.

use super::kernel::STRIP;
#[cfg(target_arch = "x86_64")]
use super::vector::{Join, Vector};
use crate::dtype::DType;
use crate::exceptions::Exceptions;
use crate::isa::{Isa, Level};
use crate::ops::{BinaryOp, ReduceOp, UnaryOp};
#[cfg(target_arch = "x86_64")]
use crate::reduce::LANES;
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    _MM_FROUND_NO_EXC, _MM_FROUND_TO_NEAREST_INT, _MM_FROUND_TO_NEG_INF, _MM_FROUND_TO_POS_INF, _MM_FROUND_TO_ZERO,
};
use std::ops::Range;

/// Links of a chain, at most.
pub(super) const LONGEST: usize = 16;

/// What is done with the value so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Link {
    /// `t + y`.
    Add,
    /// `t - y`.
    Subtract,
    /// `y - t`.
    SubtractFrom,
    /// `t · y`.
    Multiply,
    /// `t / y`.
    Divide,
    /// `y / t`.
    DivideInto,
    /// `-t`.
    Negative,
    /// `|t|`.
    Absolute,
    /// `√t`.
    Sqrt,
    /// `t · t`.
    Square,
    /// `1 / t`.
    Reciprocal,
    /// The sign of `t`.
    Sign,
    /// `⌊t⌋`.
    Floor,
    /// `⌈t⌉`.
    Ceil,
    /// `t` without its fraction.
    Trunc,
    /// The integer nearest to `t`, halves to even.
    Rint,
    /// The larger of `t` and `y`.
    Maximum,
    /// The larger of `y` and `t`: of equal zeros, `t`.
    MaximumOf,
    /// The smaller of `t` and `y`.
    Minimum,
    /// The smaller of `y` and `t`: of equal zeros, `t`.
    MinimumOf,
    /// `t` where the mask is set, else `y`.
    Choose,
    /// `y` where the mask is set, else `t`.
    ChooseOther,
}

/// What a link computes. The value so far is the right argument, or the second choice, if the flag is set.
#[derive(Clone, Copy, Debug)]
pub(super) enum Operation {
    Unary(UnaryOp),
    Binary(BinaryOp, bool),
    Choose(bool),
}

/// Where the elements of an input come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Source {
    /// Elements of the chain's type.
    Elements,
    /// One element for all.
    Constant,
    /// `i32`, to be converted.
    I32,
    /// `f32`, to be converted.
    F32,
    /// `i64`, to be converted.
    I64,
}

/// An input of a chain: from `at` on there are as many elements as the chain computes (one, if it is a constant).
#[derive(Clone, Copy, Debug)]
pub(super) struct Joint {
    source: Source,
    /// The link and the source together.
    code: u8,
    at: *const u8,
    /// For links that choose: a bool for each element.
    mask: *const u8,
}

impl Joint {
    /// `link` is what is done with the input; of no meaning for the first input of a chain. `source`: of no meaning for links of one argument.
    /// `mask`: of a meaning for links that choose only.
    pub(super) fn new(link: Link, source: Source, at: *const u8, mask: *const u8) -> Joint {
        Joint { source, code: link.code(source), at, mask }
    }

    /// Whether it begins at this address.
    pub(super) fn is_at(&self, place: *const u8) -> bool {
        self.at == place
    }

    /// The elements that it reads for `n` elements of a chain of `dtype`, and where they come from; for links that choose, the mask. Not for links of one argument.
    ///
    /// # Safety
    /// The input has these elements, and nobody writes them while the result is in use.
    pub(super) unsafe fn elements<'a>(&self, dtype: DType, n: usize) -> (Source, &'a [u8], Option<&'a [u8]>) {
        let count = if self.source == Source::Constant { 1 } else { n };
        // SAFETY: the caller's promise.
        unsafe {
            let bytes = std::slice::from_raw_parts(self.at, count * self.source.dtype(dtype).size());
            let mask = (!self.mask.is_null()).then(|| std::slice::from_raw_parts(self.mask, n));
            (self.source, bytes, mask)
        }
    }

    /// The same input with the elements in `points` alone, copied to `strip`. `size`: of the chain's elements. Not for links that choose.
    ///
    /// # Safety
    /// The input has these elements.
    pub(super) unsafe fn copied(self, strip: &mut [u8], points: Range<usize>, size: usize) -> Joint {
        let size = match self.source {
            Source::Elements => size,
            Source::Constant => return self,
            Source::I32 | Source::F32 => 4,
            Source::I64 => 8,
        };
        let strip = &mut strip[..points.len() * size];
        // SAFETY: the caller's promise.
        strip.copy_from_slice(unsafe { std::slice::from_raw_parts(self.at.add(points.start * size), strip.len()) });
        Joint { at: strip.as_ptr(), ..self }
    }
}

/// Computes `n` elements, a multiple of the strip: `first`, through all `joints`.
///
/// Unsafe to call because it needs an ISA level (whoever looked it up with an [`Isa`] has the proof), and because of the memory: the inputs have `n` elements;
/// `dst` has room for them, and overlaps an input only if both begin at one place and have elements of one size; to stream, it is at a cache line.
pub(super) type Loop = unsafe fn(dst: *mut u8, first: Joint, joints: &[Joint], n: usize);

/// Folds the elements of a range, whole strips of 64, to 64 lanes.
///
/// Unsafe to call as [`Loop`] is; `lanes` has room for as many elements.
pub(super) type FoldLoop = unsafe fn(lanes: *mut u8, first: Joint, joints: &[Joint], points: Range<usize>);

/// The loops of one element type for one ISA level.
#[derive(Clone, Copy, Debug)]
pub(super) struct ChainKernel {
    pub(super) store: Loop,
    /// The same for whatever links.
    pub(super) walk: Loop,
    /// Writes past the caches. The destination is at a cache line, and a store fence must follow.
    pub(super) stream: Loop,
}

impl Link {
    const fn code(self, source: Source) -> u8 {
        let source = if self.is_unary() { Source::Constant } else { source };
        self as u8 * 8 + source as u8
    }

    const fn is_unary(self) -> bool {
        use Link::{Absolute, Ceil, Floor, Negative, Reciprocal, Rint, Sign, Sqrt, Square, Trunc};
        matches!(self, Negative | Absolute | Sqrt | Square | Reciprocal | Sign | Floor | Ceil | Trunc | Rint)
    }

    /// Whether it converts what it reads on the way, if need be. The loops would grow for the others, too.
    pub(super) fn converts(self) -> bool {
        use Link::{Add, Divide, DivideInto, Multiply, Subtract, SubtractFrom};
        matches!(self, Add | Subtract | SubtractFrom | Multiply | Divide | DivideInto)
    }

    /// The operation as a link, its value so far being the right argument if `reversed`; `None` if chains do not have it.
    pub(super) fn of_binary(op: BinaryOp, reversed: bool) -> Option<Link> {
        match (op, reversed) {
            (BinaryOp::Add, _) => Some(Link::Add),
            (BinaryOp::Multiply, _) => Some(Link::Multiply),
            (BinaryOp::Subtract, false) => Some(Link::Subtract),
            (BinaryOp::Subtract, true) => Some(Link::SubtractFrom),
            (BinaryOp::Divide, false) => Some(Link::Divide),
            (BinaryOp::Divide, true) => Some(Link::DivideInto),
            (BinaryOp::Maximum, false) => Some(Link::Maximum),
            (BinaryOp::Maximum, true) => Some(Link::MaximumOf),
            (BinaryOp::Minimum, false) => Some(Link::Minimum),
            (BinaryOp::Minimum, true) => Some(Link::MinimumOf),
            _ => None,
        }
    }

    /// The CPU's flags that it raises where it has met nothing: comparisons of NaN are invalid to the CPU.
    pub(super) fn noise(self) -> Exceptions {
        use Link::{Maximum, MaximumOf, Minimum, MinimumOf, Sign};
        match self {
            Maximum | MaximumOf | Minimum | MinimumOf | Sign => Exceptions::INVALID,
            _ => Exceptions::NONE,
        }
    }

    /// What it computes.
    pub(super) fn operation(self) -> Operation {
        use Operation::{Binary, Choose, Unary};
        match self {
            Link::Add => Binary(BinaryOp::Add, false),
            Link::Subtract => Binary(BinaryOp::Subtract, false),
            Link::SubtractFrom => Binary(BinaryOp::Subtract, true),
            Link::Multiply => Binary(BinaryOp::Multiply, false),
            Link::Divide => Binary(BinaryOp::Divide, false),
            Link::DivideInto => Binary(BinaryOp::Divide, true),
            Link::Maximum => Binary(BinaryOp::Maximum, false),
            Link::MaximumOf => Binary(BinaryOp::Maximum, true),
            Link::Minimum => Binary(BinaryOp::Minimum, false),
            Link::MinimumOf => Binary(BinaryOp::Minimum, true),
            Link::Negative => Unary(UnaryOp::Negative),
            Link::Absolute => Unary(UnaryOp::Fabs),
            Link::Sqrt => Unary(UnaryOp::Sqrt),
            Link::Square => Unary(UnaryOp::Square),
            Link::Reciprocal => Unary(UnaryOp::Reciprocal),
            Link::Sign => Unary(UnaryOp::Sign),
            Link::Floor => Unary(UnaryOp::Floor),
            Link::Ceil => Unary(UnaryOp::Ceil),
            Link::Trunc => Unary(UnaryOp::Trunc),
            Link::Rint => Unary(UnaryOp::Rint),
            Link::Choose => Choose(false),
            Link::ChooseOther => Choose(true),
        }
    }

    /// The operation as a link; `None` if chains do not have it.
    pub(super) fn of_unary(op: UnaryOp) -> Option<Link> {
        match op {
            UnaryOp::Negative => Some(Link::Negative),
            UnaryOp::Absolute | UnaryOp::Fabs => Some(Link::Absolute),
            UnaryOp::Sqrt => Some(Link::Sqrt),
            UnaryOp::Square => Some(Link::Square),
            UnaryOp::Reciprocal => Some(Link::Reciprocal),
            UnaryOp::Sign => Some(Link::Sign),
            UnaryOp::Floor => Some(Link::Floor),
            UnaryOp::Ceil => Some(Link::Ceil),
            UnaryOp::Trunc => Some(Link::Trunc),
            UnaryOp::Rint => Some(Link::Rint),
            _ => None,
        }
    }
}

impl Source {
    /// The type of what is read for a chain of `dtype`.
    pub(super) fn dtype(self, dtype: DType) -> DType {
        match self {
            Source::Elements | Source::Constant => dtype,
            Source::I32 => DType::I32,
            Source::F32 => DType::F32,
            Source::I64 => DType::I64,
        }
    }

    /// The conversion as a source; `None` if chains on this level do not have it.
    pub(super) fn of_cast(from: DType, to: DType, isa: Isa) -> Option<Source> {
        match (from, to) {
            (DType::I32, DType::F64 | DType::F32) => Some(Source::I32),
            (DType::F32, DType::F64) => Some(Source::F32),
            (DType::I64, DType::F64) if isa.level() == Level::Avx512 => Some(Source::I64),
            _ => None,
        }
    }
}

/// Whether there are chains of elements of this type. The portable level has none.
pub(super) fn has_chains(dtype: DType, isa: Isa) -> bool {
    walking(dtype, isa).is_some()
}

impl ChainKernel {
    /// The loops for a chain that begins with `first` and goes through `links`; `None` if this type has none.
    pub(super) fn new(dtype: DType, isa: Isa, first: Source, links: &[(Link, Source)]) -> Option<ChainKernel> {
        let walking = walking(dtype, isa)?;
        let code = |k: usize| links.get(k).map_or(NO_LINK, |(link, source)| link.code(*source));
        let short = (first == Source::Elements && links.len() <= 2).then(|| short(dtype, isa, code(0), code(1)));
        Some(ChainKernel { store: short.flatten().unwrap_or(walking.store), ..walking })
    }
}

/// The loops that walk the links of any chain.
fn walking(dtype: DType, isa: Isa) -> Option<ChainKernel> {
    match (isa.level(), dtype) {
        #[cfg(target_arch = "x86_64")]
        (Level::Avx512, DType::F64) => Some(x86::F64_AVX512),
        #[cfg(target_arch = "x86_64")]
        (Level::Avx512, DType::F32) => Some(x86::F32_AVX512),
        #[cfg(target_arch = "x86_64")]
        (Level::Avx2, DType::F64) => Some(x86::F64_AVX2),
        #[cfg(target_arch = "x86_64")]
        (Level::Avx2, DType::F32) => Some(x86::F32_AVX2),
        _ => None,
    }
}

/// The loop of a chain of one or two links, if it has one of its own.
fn short(dtype: DType, isa: Isa, link: u8, next: u8) -> Option<Loop> {
    match (isa.level(), dtype) {
        #[cfg(target_arch = "x86_64")]
        (Level::Avx512, DType::F64) => x86::short_f64_avx512(link, next),
        #[cfg(target_arch = "x86_64")]
        (Level::Avx512, DType::F32) => x86::short_f32_avx512(link, next),
        #[cfg(target_arch = "x86_64")]
        (Level::Avx2, DType::F64) => x86::short_f64_avx2(link, next),
        #[cfg(target_arch = "x86_64")]
        (Level::Avx2, DType::F32) => x86::short_f32_avx2(link, next),
        _ => None,
    }
}

/// The loop of a chain whose values are folded, if there is one.
pub(super) fn folded(op: ReduceOp, dtype: DType, isa: Isa) -> Option<FoldLoop> {
    match isa.level() {
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => x86::fold_avx512(op, dtype),
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => x86::fold_avx2(op, dtype),
        _ => None,
    }
}

/// Stands for the code of a link that is not there.
const NO_LINK: u8 = u8::MAX;

/// Makes what was streamed visible to whoever is told of it later.
pub(super) fn fence() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 CPU has the instruction.
    unsafe {
        std::arch::x86_64::_mm_sfence()
    };
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{ChainKernel, FoldLoop, Joint, Link, Loop, NO_LINK, Source, chain_body, fold_body, short_body};
    use crate::dtype::DType;
    use crate::engine::vector::{Join, by_operation};
    use crate::ops::{ReduceOp, rows};
    use std::arch::x86_64::{__m256, __m256d, __m512, __m512d};
    use std::ops::Range;

    const ADD: u8 = Link::Add.code(Source::Elements);
    const ADD_C: u8 = Link::Add.code(Source::Constant);
    const SUB: u8 = Link::Subtract.code(Source::Elements);
    const SUB_C: u8 = Link::Subtract.code(Source::Constant);
    const FROM: u8 = Link::SubtractFrom.code(Source::Elements);
    const FROM_C: u8 = Link::SubtractFrom.code(Source::Constant);
    const MUL: u8 = Link::Multiply.code(Source::Elements);
    const MUL_C: u8 = Link::Multiply.code(Source::Constant);

    macro_rules! chain_kernels {
        ($($KERNEL:ident $V:ident $fold:ident of $parts:literal $store:ident $stream:ident $short:ident $choose:ident $features:literal;)*) => {$(
            /// # Safety
            /// As [`Loop`] says.
            #[target_feature(enable = $features)]
            unsafe fn $store(dst: *mut u8, first: Joint, joints: &[Joint], n: usize) {
                // SAFETY: this function has the register's instructions; the rest is the caller's promise.
                unsafe { chain_body::<$V, false>(dst, first, joints, n) }
            }
            /// # Safety
            /// As [`Loop`] says.
            #[target_feature(enable = $features)]
            unsafe fn $stream(dst: *mut u8, first: Joint, joints: &[Joint], n: usize) {
                // SAFETY: as above.
                unsafe { chain_body::<$V, true>(dst, first, joints, n) }
            }
            /// # Safety
            /// As [`Loop`] says.
            #[target_feature(enable = $features)]
            unsafe fn $short<const A: u8, const B: u8>(dst: *mut u8, first: Joint, joints: &[Joint], n: usize) {
                // SAFETY: as above.
                unsafe { short_body::<$V, A, B>(dst, first, joints, n) }
            }
            /// # Safety
            /// As [`FoldLoop`] says.
            #[target_feature(enable = $features)]
            unsafe fn $fold<J: Join>(lanes: *mut u8, first: Joint, joints: &[Joint], points: Range<usize>) {
                // SAFETY: as above.
                unsafe { fold_body::<$V, J, $parts>(lanes, first, joints, points) }
            }
            pub(super) const $KERNEL: ChainKernel = ChainKernel { store: $store, walk: $store, stream: $stream };
            pub(super) fn $choose(link: u8, next: u8) -> Option<Loop> {
                short_chains!($short, link, next; ADD ADD_C SUB SUB_C FROM FROM_C MUL MUL_C)
            }
        )*};
    }
    /// The loop for two codes, each out of a list; for the first alone, if there is no second.
    macro_rules! short_chains {
        ($short:ident, $link:expr, $next:expr; $($A:ident)*) => {
            match $link {
                $($A => short_chains!(@next $short, $A, $next; ADD ADD_C SUB SUB_C FROM FROM_C MUL MUL_C),)*
                _ => None,
            }
        };
        (@next $short:ident, $A:ident, $next:expr; $($B:ident)*) => {
            match $next {
                NO_LINK => Some($short::<$A, NO_LINK> as Loop),
                $($B => Some($short::<$A, $B> as Loop),)*
                _ => None,
            }
        };
    }
    chain_kernels! {
        F64_AVX512 __m512d fold_f64_avx512 of 8 store_f64_avx512 stream_f64_avx512 fixed_f64_avx512 short_f64_avx512 "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,fma";
        F32_AVX512 __m512 fold_f32_avx512 of 4 store_f32_avx512 stream_f32_avx512 fixed_f32_avx512 short_f32_avx512 "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,fma";
        F64_AVX2 __m256d fold_f64_avx2 of 4 store_f64_avx2 stream_f64_avx2 fixed_f64_avx2 short_f64_avx2 "avx2,fma";
        F32_AVX2 __m256 fold_f32_avx2 of 4 store_f32_avx2 stream_f32_avx2 fixed_f32_avx2 short_f32_avx2 "avx2,fma";
    }

    by_operation! { pub(super) fn fold_avx512 -> FoldLoop = fold_f64_avx512 fold_f32_avx512 }
    by_operation! { pub(super) fn fold_avx2 -> FoldLoop = fold_f64_avx2 fold_f32_avx2 }
}

/// # Safety
/// As [`FoldLoop`] says, inlined into a function that has the instructions of `V`. Lanes are a multiple of `N` registers.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn fold_body<V: Vector, J: Join, const N: usize>(
    lanes: *mut u8,
    first: Joint,
    joints: &[Joint],
    points: Range<usize>,
) {
    for part in (0..LANES).step_by(N * V::LANES) {
        // SAFETY: the caller's promise.
        unsafe {
            let mut sums = values::<V, N>(first, joints, points.start + part);
            let mut row = points.start + LANES;
            while row < points.end {
                let values = values::<V, N>(first, joints, row + part);
                for k in 0..N {
                    sums[k] = J::join(sums[k], values[k]);
                }
                row += LANES;
            }
            for (k, sum) in sums.into_iter().enumerate() {
                sum.store(lanes.add((part + k * V::LANES) * V::SIZE));
            }
        }
    }
}

/// A chain that begins with elements and goes through the link of code `A` and, if there is one, that of code `B`.
///
/// # Safety
/// As for [`chain_body`].
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn short_body<V: Vector, const A: u8, const B: u8>(dst: *mut u8, first: Joint, joints: &[Joint], n: usize) {
    let link = Joint { code: A, ..joints[0] };
    let next = if B == NO_LINK { link } else { Joint { code: B, ..joints[1] } };
    let mut done = 0;
    while done < n {
        // SAFETY: a strip is a multiple of four registers; the rest is the caller's promise.
        unsafe {
            let mut t = begin::<V, 4>(Joint { source: Source::Elements, ..first }, done);
            follow::<V, 4>(&mut t, link, done);
            if B != NO_LINK {
                follow::<V, 4>(&mut t, next, done);
            }
            for (k, t) in t.iter().enumerate() {
                t.store(dst.add((done + k * V::LANES) * V::SIZE));
            }
        }
        done += 4 * V::LANES;
    }
}

/// # Safety
/// As [`Loop`] says, inlined into a function that has the instructions of `V`.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn chain_body<V: Vector, const STREAM: bool>(dst: *mut u8, first: Joint, joints: &[Joint], n: usize) {
    // SAFETY: groups follow each other and end at `n`; a strip is a multiple of four registers.
    unsafe {
        let mut done = 0;
        // Memory likes few lines of each operand at a time; there is time enough to look at the links more often.
        if STREAM && joints.len() <= 2 {
            while done < n {
                chain_group::<V, 4, STREAM>(dst, first, joints, done);
                done += 4 * V::LANES;
            }
        }
        if V::REGISTERS > 16 && !STREAM {
            while done + 16 * V::LANES <= n {
                chain_group::<V, 16, STREAM>(dst, first, joints, done);
                done += 16 * V::LANES;
            }
        }
        while done + 8 * V::LANES <= n {
            chain_group::<V, 8, STREAM>(dst, first, joints, done);
            done += 8 * V::LANES;
        }
        // Only where eight registers hold two strips.
        if 8 * V::LANES > STRIP && done < n {
            chain_group::<V, 4, STREAM>(dst, first, joints, done);
        }
    }
}

/// Computes `N` registers of elements from element `at` on.
///
/// # Safety
/// As for [`chain_body`], for these elements.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn chain_group<V: Vector, const N: usize, const STREAM: bool>(
    dst: *mut u8,
    first: Joint,
    joints: &[Joint],
    at: usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let t = values::<V, N>(first, joints, at);
        let dst = dst.add(at * V::SIZE);
        for (k, t) in t.iter().enumerate() {
            let dst = dst.add(k * V::LANES * V::SIZE);
            if STREAM { t.stream(dst) } else { t.store(dst) }
        }
    }
}

/// What a chain computes: `N` registers of elements, from element `at` on.
///
/// # Safety
/// As for [`chain_body`], for these elements.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn values<V: Vector, const N: usize>(first: Joint, joints: &[Joint], at: usize) -> [V; N] {
    // SAFETY: the caller's promise.
    unsafe {
        let mut t = begin::<V, N>(first, at);
        for joint in joints {
            follow::<V, N>(&mut t, *joint, at);
        }
        t
    }
}

/// The beginning of a chain: `N` registers of an input, from element `at` on.
///
/// # Safety
/// As for [`chain_body`], for these elements.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn begin<V: Vector, const N: usize>(joint: Joint, at: usize) -> [V; N] {
    macro_rules! load {
        ($load:ident, $size:expr) => {{
            let start = joint.at.wrapping_add(at * $size);
            let mut t = [V::$load(start); N];
            for k in 1..N {
                t[k] = V::$load(start.wrapping_add(k * V::LANES * $size));
            }
            t
        }};
    }
    // SAFETY: the caller's promise.
    unsafe {
        match joint.source {
            Source::Elements => load!(load, V::SIZE),
            Source::Constant => [V::splat(joint.at); N],
            Source::I32 => load!(from_i32, 4),
            Source::F32 => load!(from_f32, 4),
            Source::I64 => load!(from_i64, 8),
        }
    }
}

/// One link for `N` registers. It is found by one jump: two would cost as much as the arithmetic.
///
/// # Safety
/// As for [`chain_body`], for these elements.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn follow<V: Vector, const N: usize>(t: &mut [V; N], joint: Joint, at: usize) {
    macro_rules! links {
        (unary { $($Unary:ident |$x:ident| $value:expr;)* } binary { $($Binary:ident |$t:ident, $y:ident| $result:expr;)* }
         plain { $($Plain:ident |$u:ident, $v:ident, $k:ident| $made:expr;)* }) => {
            $(
                if joint.code == const { Link::$Unary.code(Source::Constant) } {
                    for k in 0..N {
                        let $x = t[k];
                        t[k] = $value;
                    }
                    return;
                }
            )*
            $(
                links!(@from Elements, load, V::SIZE, V::LANES * V::SIZE, $Binary, $t, $y, k, $result);
                links!(@from Constant, splat, 0, 0, $Binary, $t, $y, k, $result);
                links!(@from I32, from_i32, 4, V::LANES * 4, $Binary, $t, $y, k, $result);
                links!(@from F32, from_f32, 4, V::LANES * 4, $Binary, $t, $y, k, $result);
                links!(@from I64, from_i64, 8, V::LANES * 8, $Binary, $t, $y, k, $result);
            )*
            $(
                links!(@from Elements, load, V::SIZE, V::LANES * V::SIZE, $Plain, $u, $v, $k, $made);
                links!(@from Constant, splat, 0, 0, $Plain, $u, $v, $k, $made);
            )*
        };
        (@from $Source:ident, $load:ident, $size:expr, $step:expr, $Binary:ident, $t:ident, $y:ident, $k:ident, $result:expr) => {
            if joint.code == const { Link::$Binary.code(Source::$Source) } {
                let start = joint.at.wrapping_add(at * $size);
                for $k in 0..N {
                    let ($t, $y) = (t[$k], V::$load(start.wrapping_add($k * $step)));
                    t[$k] = $result;
                }
                return;
            }
        };
    }
    let mask = joint.mask.wrapping_add(at);
    // SAFETY: the caller's promise.
    unsafe {
        links! {
            unary {
                Negative |t| t.negative();
                Absolute |t| t.absolute();
                Sqrt |t| t.sqrt();
                Square |t| t.multiply(t);
                Reciprocal |t| V::one().divide(t);
                Sign |t| t.sign();
                Floor |t| t.rounded::<{ _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC }>();
                Ceil |t| t.rounded::<{ _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC }>();
                Trunc |t| t.rounded::<{ _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC }>();
                Rint |t| t.rounded::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>();
            }
            binary {
                Add |t, y| t.add(y);
                Subtract |t, y| t.subtract(y);
                SubtractFrom |t, y| y.subtract(t);
                Multiply |t, y| t.multiply(y);
                Divide |t, y| t.divide(y);
                DivideInto |t, y| y.divide(t);
            }
            plain {
                Maximum |t, y, k| t.maximum(y);
                MaximumOf |t, y, k| y.maximum(t);
                Minimum |t, y, k| t.minimum(y);
                MinimumOf |t, y, k| y.minimum(t);
                Choose |t, y, k| V::choose(mask.wrapping_add(k * V::LANES), t, y);
                ChooseOther |t, y, k| V::choose(mask.wrapping_add(k * V::LANES), y, t);
            }
        }
    }
}
