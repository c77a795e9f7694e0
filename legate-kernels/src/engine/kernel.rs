//! Kernels: one loop per operation, element type and ISA level.
//!
//! A kernel takes its operands as byte slices. That is how the compiler learns that they do not overlap (arguments that are slices carry that promise down
//! to LLVM; pointers do not), which vectorisation needs. Vector kernels run over whole strips of [`STRIP`] elements and ignore what
//! is left over, so they have no scalar remainder loop: the engine pads what it gives them. Kernels whose row does not vectorise run over every
//! element, and share one body on all ISA levels; those of complex numbers have a second with fused multiply-adds.

use super::packed::{Packed, elements, elements_mut};
use crate::cast::{self, Convert};
use crate::dtype::{B8, DType, Element, Kind};
use crate::half;
use crate::isa::{Isa, Level};
use crate::math;
use crate::ops::{BinaryFn, BinaryOp, BinaryVisitor, UnaryFn, UnaryOp, UnaryVisitor};

/// Vector kernels run over multiples of this many elements: a multiple of any vector length times any unrolling.
pub(super) const STRIP: usize = 64;

/// `dst[i] = f(a[i])`. Unsafe to call because it may need an ISA level: whoever looked it up with an [`Isa`] has the proof.
pub(super) type Unary = unsafe fn(dst: &mut [u8], a: &[u8]);
/// `dst[i] = f(a[i], b[i])`.
pub(super) type Binary = unsafe fn(dst: &mut [u8], a: &[u8], b: &[u8]);
/// `dst[i] = f(a[i], b[i], c[i])`.
pub(super) type Ternary = unsafe fn(dst: &mut [u8], a: &[u8], b: &[u8], c: &[u8]);

/// The loop of one step.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kernel {
    Unary(Unary),
    Binary(Binary),
    Ternary(Ternary),
}

/// A kernel and how it wants its operands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) kernel: Kernel,
    /// It runs over strips: operands are padded. Otherwise it runs over exactly the elements given.
    pub(super) strips: bool,
    /// If it runs over strips: multiples of how many elements it computes.
    pub(super) piece: usize,
}

/// Stamps a loop for each ISA level, and a function that chooses one.
macro_rules! shells {
    ($vis:vis fn $choose:ident<$($G:ident: $Bound:path),*>($($arg:ident: $A:ty),*) = $body:ident as $F:ty) => {
        /// The loop for an ISA level.
        $vis fn $choose<$($G: $Bound),*>(isa: Isa) -> $F {
            fn portable<$($G: $Bound),*>($($arg: $A),*) {
                $body::<$($G),*>($($arg),*)
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,bmi1,bmi2,lzcnt,popcnt")]
            fn avx2<$($G: $Bound),*>($($arg: $A),*) {
                $body::<$($G),*>($($arg),*)
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx2,fma,bmi1,bmi2,lzcnt,popcnt")]
            fn avx512<$($G: $Bound),*>($($arg: $A),*) {
                $body::<$($G),*>($($arg),*)
            }
            match isa.level() {
                #[cfg(target_arch = "x86_64")]
                Level::Avx2 => avx2::<$($G),*>,
                #[cfg(target_arch = "x86_64")]
                Level::Avx512 => avx512::<$($G),*>,
                _ => portable::<$($G),*>,
            }
        }
    };
}
pub(super) use shells;

/// The same for loops over single elements: wider vectors gain nothing there, but a multiply-add that is an instruction does.
macro_rules! scalar_shells {
    (fn $choose:ident<$($G:ident: $Bound:path),*>($($arg:ident: $A:ty),*) = $body:expr, $F:ty) => {
        /// The loop for an ISA level.
        fn $choose<$($G: $Bound),*>(isa: Isa) -> $F {
            fn portable<$($G: $Bound),*>($($arg: $A),*) {
                $body($($arg),*)
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,bmi1,bmi2,lzcnt,popcnt")]
            fn fused<$($G: $Bound),*>($($arg: $A),*) {
                $body($($arg),*)
            }
            match isa.level() {
                #[cfg(target_arch = "x86_64")]
                Level::Avx2 | Level::Avx512 => fused::<$($G),*>,
                _ => portable::<$($G),*>,
            }
        }
    };
}

/// How many elements a vector kernel computes.
#[inline(always)]
pub(super) fn whole_strips(n: usize) -> usize {
    n / STRIP * STRIP
}

/// Kernels of functions run over multiples of this many elements, too, the longest vector: they cost so much that few elements should not pay for a strip.
pub(super) const PIECE: usize = 16;

/// How many elements a kernel computes.
#[inline(always)]
fn computed(n: usize, vectorises: bool, in_pieces: bool) -> usize {
    match (vectorises, in_pieces) {
        (false, _) => n,
        (true, false) => whole_strips(n),
        (true, true) => n / PIECE * PIECE,
    }
}

#[inline(always)]
fn unary_body<T: Element, F: UnaryFn<T>>(dst: &mut [u8], a: &[u8]) {
    let (dst, a) = (elements_mut::<F::Out>(dst), elements::<T>(a));
    let n = computed(dst.len().min(a.len()), F::VECTORISES, true);
    for i in 0..n {
        dst[i] = Packed::new(F::common(a[i].get()));
    }
    if F::HAS_RARE {
        rare::<T, F>(&mut dst[..n], &a[..n]);
    }
}

/// Computes the rare elements again.
#[inline(always)]
fn rare<T: Element, F: UnaryFn<T>>(dst: &mut [Packed<F::Out>], a: &[Packed<T>]) {
    let mut count = 0u64;
    for x in a {
        count += u64::from(F::is_rare(x.get()));
    }
    if count > 0 {
        for (d, x) in dst.iter_mut().zip(a).filter(|(_, x)| F::is_rare(x.get())) {
            *d = Packed::new(F::apply(x.get()));
        }
    }
}

/// `A`, `B`: the first element of that argument stands for all.
#[inline(always)]
fn binary_body<T: Element, F: BinaryFn<T>, A: Flag, B: Flag>(dst: &mut [u8], a: &[u8], b: &[u8]) {
    let (dst, a, b) = (elements_mut::<F::Out>(dst), elements::<T>(a), elements::<T>(b));
    let n = computed(dst.len().min(a.len()).min(b.len()), F::VECTORISES, F::HAS_RARE);
    if n == 0 {
        return;
    }
    let (constant_a, constant_b) = (a[0].get(), b[0].get());
    for i in 0..n {
        let x = if A::VALUE { constant_a } else { a[i].get() };
        let y = if B::VALUE { constant_b } else { b[i].get() };
        dst[i] = Packed::new(F::common(x, y));
    }
    if F::HAS_RARE {
        rare_pairs::<T, F, A, B>(&mut dst[..n], a, b);
    }
}

/// Computes the rare elements again.
#[inline(always)]
fn rare_pairs<T: Element, F: BinaryFn<T>, A: Flag, B: Flag>(
    dst: &mut [Packed<F::Out>],
    a: &[Packed<T>],
    b: &[Packed<T>],
) {
    let at = |i: usize| (a[if A::VALUE { 0 } else { i }].get(), b[if B::VALUE { 0 } else { i }].get());
    let n = dst.len().min(a.len()).min(b.len());
    let mut count = 0u64;
    for i in 0..n {
        let (x, y) = at(i);
        count += u64::from(F::is_rare(x, y));
    }
    if count > 0 {
        for (i, d) in dst.iter_mut().enumerate() {
            let (x, y) = at(i);
            if F::is_rare(x, y) {
                *d = Packed::new(F::apply(x, y));
            }
        }
    }
}

#[inline(always)]
fn cast_body<T: Element, U: Convert<T>>(dst: &mut [u8], a: &[u8]) {
    let (dst, a) = (elements_mut::<U>(dst), elements::<T>(a));
    for i in 0..whole_strips(dst.len().min(a.len())) {
        dst[i] = Packed::new(U::convert(a[i].get()));
    }
}

#[inline(always)]
fn select_body<T: Element>(dst: &mut [u8], cond: &[u8], a: &[u8], b: &[u8]) {
    let (dst, cond, a, b) = (elements_mut::<T>(dst), elements::<B8>(cond), elements::<T>(a), elements::<T>(b));
    let n = dst.len().min(cond.len()).min(a.len()).min(b.len());
    for i in 0..whole_strips(n) {
        let (x, y) = (a[i].get(), b[i].get());
        dst[i] = Packed::new(if cond[i].get().0 != 0 { x } else { y });
    }
}

/// Copies, a strip at a time.
fn copy_body<T: Element>(dst: &mut [u8], a: &[u8]) {
    let (dst, a) = (elements_mut::<T>(dst), elements::<T>(a));
    let n = whole_strips(dst.len().min(a.len()));
    dst[..n].copy_from_slice(&a[..n]);
}

shells!(fn unary_shell<T: Element, F: UnaryFn<T>>(dst: &mut [u8], a: &[u8]) = unary_body as Unary);
shells!(fn binary_shell<T: Element, F: BinaryFn<T>, A: Flag, B: Flag>(dst: &mut [u8], a: &[u8], b: &[u8]) = binary_body as Binary);
scalar_shells!(fn complex_unary<T: Element, F: UnaryFn<T>>(dst: &mut [u8], a: &[u8]) = unary_body::<T, F>, Unary);
scalar_shells!(fn complex_binary<T: Element, F: BinaryFn<T>>(dst: &mut [u8], a: &[u8], b: &[u8]) = binary_body::<T, F, No, No>, Binary);
shells!(fn cast_shell<T: Element, U: Convert<T>>(dst: &mut [u8], a: &[u8]) = cast_body as Unary);
shells!(fn select_shell<T: Element>(dst: &mut [u8], cond: &[u8], a: &[u8], b: &[u8]) = select_body as Ternary);

/// Yes or no, as a type.
trait Flag: 'static {
    const VALUE: bool;
}
struct Yes;
struct No;
impl Flag for Yes {
    const VALUE: bool = true;
}
impl Flag for No {
    const VALUE: bool = false;
}

struct Find(Isa);

impl UnaryVisitor for Find {
    type Output = Found;
    fn visit<T: Element, F: UnaryFn<T>>(self) -> Found {
        let kernel = match T::DTYPE.kind() {
            _ if F::VECTORISES => unary_shell::<T, F>(self.0),
            Kind::Complex => complex_unary::<T, F>(self.0),
            _ => unary_body::<T, F>,
        };
        Found { kernel: Kernel::Unary(kernel), strips: F::VECTORISES, piece: PIECE }
    }
}

impl BinaryVisitor for Find {
    type Output = Found;
    fn visit<T: Element, F: BinaryFn<T>>(self) -> Found {
        let kernel = match T::DTYPE.kind() {
            _ if F::VECTORISES => binary_shell::<T, F, No, No>(self.0),
            Kind::Complex => complex_binary::<T, F>(self.0),
            _ => binary_body::<T, F, No, No>,
        };
        Found { kernel: Kernel::Binary(kernel), strips: F::VECTORISES, piece: if F::HAS_RARE { PIECE } else { STRIP } }
    }
}

/// Looks for a loop with one constant argument.
struct FindSplat {
    isa: Isa,
    is_left: bool,
}

/// Which operations have such loops: the cheap ones on floats. The others get a tile full of the constant, which costs next to nothing beside them.
struct HasSplats<T, F>(std::marker::PhantomData<(T, F)>);

impl<T: Element, F: BinaryFn<T>> HasSplats<T, F> {
    const VALUE: bool = F::VECTORISES && F::OP.is_cheap() && matches!(T::DTYPE, DType::F32 | DType::F64);
}

impl BinaryVisitor for FindSplat {
    type Output = Option<Found>;
    fn visit<T: Element, F: BinaryFn<T>>(self) -> Option<Found> {
        if HasSplats::<T, F>::VALUE {
            let left = binary_shell::<T, F, Yes, No>;
            let right = binary_shell::<T, F, No, Yes>;
            let kernel = if self.is_left { left(self.isa) } else { right(self.isa) };
            Some(Found { kernel: Kernel::Binary(kernel), strips: true, piece: STRIP })
        } else {
            None
        }
    }
}

/// Looks for a loop over exactly the elements given, for operations that cost no more without this CPU's own instructions when there are few.
struct FindExact;

#[inline(always)]
fn exact_unary_body<T: Element, F: UnaryFn<T>>(dst: &mut [u8], a: &[u8]) {
    for (d, x) in elements_mut::<F::Out>(dst).iter_mut().zip(elements::<T>(a)) {
        *d = Packed::new(F::common(x.get()));
    }
}

#[inline(always)]
fn exact_cast_body<T: Element, U: Convert<T>>(dst: &mut [u8], a: &[u8]) {
    for (d, x) in elements_mut::<U>(dst).iter_mut().zip(elements::<T>(a)) {
        *d = Packed::new(U::convert(x.get()));
    }
}

#[inline(always)]
fn exact_binary_body<T: Element, F: BinaryFn<T>>(dst: &mut [u8], a: &[u8], b: &[u8]) {
    for ((d, x), y) in elements_mut::<F::Out>(dst).iter_mut().zip(elements::<T>(a)).zip(elements::<T>(b)) {
        *d = Packed::new(F::apply(x.get(), y.get()));
    }
}

impl UnaryVisitor for FindExact {
    type Output = Option<Kernel>;
    fn visit<T: Element, F: UnaryFn<T>>(self) -> Option<Kernel> {
        (F::VECTORISES && !F::HAS_RARE).then_some(Kernel::Unary(exact_unary_body::<T, F>))
    }
}

impl cast::CastVisitor for FindExact {
    type Output = Kernel;
    fn visit<T: Element, U: Convert<T>>(self) -> Kernel {
        Kernel::Unary(exact_cast_body::<T, U>)
    }
}

impl BinaryVisitor for FindExact {
    type Output = Option<Kernel>;
    fn visit<T: Element, F: BinaryFn<T>>(self) -> Option<Kernel> {
        (F::VECTORISES && !F::HAS_RARE).then_some(Kernel::Binary(exact_binary_body::<T, F>))
    }
}

impl cast::CastVisitor for Find {
    type Output = Found;
    fn visit<T: Element, U: Convert<T>>(self) -> Found {
        Found { kernel: Kernel::Unary(cast_shell::<T, U>(self.0)), strips: true, piece: STRIP }
    }
}

pub(super) fn unary(op: UnaryOp, dtype: DType, isa: Isa) -> Found {
    if let Some(kernel) = math::loops::unary(op, dtype, isa) {
        return Found { kernel: Kernel::Unary(kernel), strips: true, piece: PIECE };
    }
    op.visit(dtype, Find(isa)).expect("a validated program names only loops that exist")
}

pub(super) fn binary(op: BinaryOp, dtype: DType, isa: Isa) -> Found {
    if let Some(kernel) = math::loops::binary(op, dtype, isa) {
        return Found { kernel: Kernel::Binary(kernel), strips: true, piece: PIECE };
    }
    op.visit(dtype, Find(isa)).expect("a validated program names only loops that exist")
}

/// The loop over exactly the elements given; `None` if there is none of its own. Functions that are approximated have none: they are made of fused
/// products, which are slow without the instructions for them.
pub(super) fn exact_unary(op: UnaryOp, dtype: DType) -> Option<Kernel> {
    if op.ulp(dtype) > 0.0 { None } else { op.visit(dtype, FindExact).flatten() }
}

/// As [`exact_unary`].
pub(super) fn exact_binary(op: BinaryOp, dtype: DType) -> Option<Kernel> {
    if op.ulp(dtype) > 0.0 { None } else { op.visit(dtype, FindExact).flatten() }
}

/// The loop over exactly the elements given, where that of [`mod@cast`] is another.
pub(super) fn exact_cast(from: DType, to: DType) -> Option<Kernel> {
    let is_half = from == DType::F16 || to == DType::F16;
    (!is_half).then(|| cast::visit_computed(from, to, FindExact))
}

/// The loop whose left or right argument is a constant, of which it reads the first element only; `None` if there is none.
pub(super) fn binary_with_constant(op: BinaryOp, dtype: DType, isa: Isa, is_left: bool) -> Option<Found> {
    op.visit(dtype, FindSplat { isa, is_left }).flatten()
}

/// The loop of a conversion that is not to be made through another type ([`half::between`]).
pub(super) fn cast(from: DType, to: DType, isa: Isa) -> Found {
    match half::conversion(from, to, isa) {
        Some(conversion) => Found { kernel: Kernel::Unary(conversion), strips: false, piece: STRIP },
        None if from == to && to == DType::F16 => copy(to.size()),
        None => cast::visit_computed(from, to, Find(isa)),
    }
}

/// Choosing between two values moves bits, so one loop serves all types of a size.
pub(super) fn select(size: usize, isa: Isa) -> Found {
    let kernel = match size {
        1 => select_shell::<u8>(isa),
        2 => select_shell::<u16>(isa),
        4 => select_shell::<u32>(isa),
        8 => select_shell::<u64>(isa),
        _ => select_shell::<crate::dtype::C128>(isa),
    };
    Found { kernel: Kernel::Ternary(kernel), strips: true, piece: STRIP }
}

/// Copying bits as they are: the compiler makes it a call of `memcpy`, which knows the CPU.
pub(super) fn copy(size: usize) -> Found {
    let kernel = match size {
        1 => copy_body::<u8>,
        2 => copy_body::<u16>,
        4 => copy_body::<u32>,
        8 => copy_body::<u64>,
        _ => copy_body::<crate::dtype::C128>,
    };
    Found { kernel: Kernel::Unary(kernel), strips: true, piece: STRIP }
}
