//! Products of two matrices, or of a matrix and a vector: which kernel, over which domain, at once or as a launch.

use crate::array::{NdArray, Part};
use crate::error::Result;
use crate::issue::Body;
use crate::session::Session;
use crate::tasks::{PRODUCT, ProductArgs, ProductKind, met_by_product, ns_per_point};
use crate::view::View;
use legate_core::exec::HostBuffer;
use legate_core::mapping::{Mapper, STREAM_NS_PER_BYTE};
use legate_core::operation::{Cut, Hands, Operand, Privilege};
use legate_core::runtime::{LaunchRequest, Runtime};
use legate_kernels::dispatch_computed;
use legate_kernels::dtype::{DType, Scalar};
use legate_kernels::exceptions::{Flags, is_nan};
use legate_kernels::linalg::{Arithmetic, GEMM_LEAF, GEMM_TILE, GEMV_LEAF, MatrixMut, MatrixRef, is_tall};
use legate_kernels::ops::{BinaryOp, ReduceOp};
use legate_kernels::parallel::Threads;
use parking_lot::Mutex;
use smallvec::{SmallVec, smallvec};
use std::sync::Arc;

/// Factors of so many bytes lie in one core's own cache, and one core reads them there faster than several that take them from each other.
const OWN_CACHE_BYTES: u64 = 1 << 20;

/// A product over a domain: two factors of one type, and the extents.
struct Product {
    kind: ProductKind,
    /// A matrix.
    a: NdArray,
    /// A matrix, or a vector for the gemv kinds.
    b: NdArray,
    /// Domain: (rows, k), (k, columns) or (rows, columns, k).
    domain: SmallVec<[i64; 4]>,
}

impl Session {
    /// The sum of products of two vectors of one length and type.
    pub(crate) fn vector_product(&self, x: &NdArray, y: &NdArray) -> Result<NdArray> {
        let out = NdArray::unwritten(&[1], x.dtype());
        if x.size() == 0 {
            return Ok(self.scalar(Scalar::zero(x.dtype())));
        }
        let mut body = Body::new(self, x.shape());
        let (left, right) = (body.load(x), body.load(y));
        let product = body.program.binary(BinaryOp::Multiply, left, right);
        body.fold(ReduceOp::Add, &out, product, 1);
        body.run()?;
        Ok(out.with_view(out.view.without_axis(0)))
    }

    /// A matrix times a vector. The kernel walks the matrix along its contiguous dimension.
    pub(crate) fn matrix_vector_product(&self, a: &NdArray, x: &NdArray) -> Result<NdArray> {
        let rows_lie_along = a.view.strides[1].abs() <= a.view.strides[0].abs();
        let (kind, a) = match rows_lie_along {
            true => (ProductKind::GemvRows, a.clone()),
            false => (ProductKind::GemvCols, a.with_view(a.view.permuted(&[1, 0]))),
        };
        self.product(Product { kind, domain: a.shape().into(), a, b: x.clone() })
    }

    /// A matrix times a matrix.
    pub(crate) fn matrix_product(&self, a: &NdArray, b: &NdArray) -> Result<NdArray> {
        let (rows, k, columns) = (a.shape()[0], a.shape()[1], b.shape()[1]);
        if columns == 1 {
            let y = self.matrix_vector_product(a, &b.with_view(b.view.without_axis(1)))?;
            return Ok(y.with_view(y.view.with_new_axis(1)));
        }
        if rows == 1 {
            let transposed = b.with_view(b.view.permuted(&[1, 0]));
            let y = self.matrix_vector_product(&transposed, &a.with_view(a.view.without_axis(0)))?;
            return Ok(y.with_view(y.view.with_new_axis(0)));
        }
        let extents = [rows, columns, k].map(|extent| extent as usize);
        let kind = if is_tall(extents) { ProductKind::GemmTall } else { ProductKind::Gemm };
        self.product(Product { kind, domain: smallvec![rows, columns, k], a: a.clone(), b: b.clone() })
    }

    fn product(&self, product: Product) -> Result<NdArray> {
        let dtype = product.a.dtype();
        if product.domain.contains(&0) {
            return self.zeros(&product.result_shape(), dtype);
        }
        let product = Product { a: self.whole_elements(&product.a)?, b: self.whole_elements(&product.b)?, ..product };
        let factors = self.factors_at_hand(&product)?;
        match (self.runtime(), factors) {
            (Some(runtime), None) => self.launch_product(&product, runtime),
            (_, factors) => {
                self.note_at_once(product.points(), || "product".to_owned());
                let factors = factors.expect("without a runtime all values are at hand");
                let flags = Flags::default();
                let result = product.at_once(factors, self.hands_for(&product), &flags);
                self.note_small(PRODUCT, met_by_product(flags.raised(), || has_nan(&result)));
                Ok(result)
            }
        }
    }

    /// Kernels multiply whole elements; views of parts are copied.
    fn whole_elements(&self, a: &NdArray) -> Result<NdArray> {
        if a.part == Part::Whole && a.base.origin.is_none() { Ok(a.clone()) } else { self.copy(a) }
    }

    /// The bytes of the factors' bases, if it is computed now.
    fn factors_at_hand(&self, product: &Product) -> Result<Option<[Arc<HostBuffer>; 2]>> {
        let Product { a, b, .. } = product;
        if self.is_inline(product.points(), product.bytes(), [a, b].into_iter())? {
            return Ok(Some([a.host(), b.host()]));
        }
        // It joins with no other operation, and what is made of a small result is computed at once: that would wait for it.
        let is_soon = product.result_bytes() <= self.small_bytes() && self.is_soon(product.cost_ns());
        if !is_soon {
            return Ok(None);
        }
        let Some(first) = self.bytes_soon(a)? else { return Ok(None) };
        Ok(self.bytes_soon(b)?.map(|second| [first, second]))
    }

    /// Who computes a product at once, in how many parts.
    fn hands_for(&self, product: &Product) -> Option<(&dyn Hands, usize)> {
        let runtime = self.runtime()?;
        let bytes = product.bytes();
        let parts = match bytes <= OWN_CACHE_BYTES {
            true => 1,
            false => self.mapper().chunks(product.points(), product.cost_ns(), bytes, runtime.machine()),
        };
        Some((runtime.hands(), parts as usize))
    }

    fn launch_product(&self, product: &Product, runtime: &Runtime) -> Result<NdArray> {
        let dtype = product.a.dtype();
        let out = NdArray::unwritten(&product.result_shape(), dtype);
        let views = product.operand_views(&out);
        let arrays = [
            product.a.with_view(views[0].clone()),
            product.b.with_view(views[1].clone()),
            out.with_view(views[2].clone()),
        ];
        let fold = Privilege::Reduce(self.tasks().reduction(ReduceOp::Add, dtype));
        let operands = arrays.iter().zip([Privilege::ReadOnly, Privilege::ReadOnly, fold]).map(|(array, privilege)| {
            self.ensure_field(array, runtime, privilege != Privilege::ReadOnly);
            self.ensure_affine(array, false, runtime);
            (array, privilege)
        });
        let prepared: SmallVec<[_; 3]> = operands.collect();
        // The accesses are taken after all fields have their final form: the factors may be views of one base.
        let operands = prepared.into_iter().map(|(array, privilege)| {
            let (field, access) = array.access();
            Operand { field: field.handle.id(), access, privilege }
        });
        let provenance = self.provenance();
        runtime.launch(LaunchRequest {
            task: self.tasks().product,
            args: Arc::new(ProductArgs { kind: product.kind, dtype, watch: self.watch(&provenance) }),
            shape: product.domain.clone(),
            operands: operands.collect(),
            cuts: product.cuts(),
            provenance,
        })?;
        Ok(out)
    }
}

impl Product {
    fn result_shape(&self) -> SmallVec<[i64; 2]> {
        match self.kind {
            ProductKind::GemvRows => smallvec![self.domain[0]],
            ProductKind::GemvCols => smallvec![self.domain[1]],
            ProductKind::Gemm | ProductKind::GemmTall => smallvec![self.domain[0], self.domain[1]],
        }
    }

    /// The factors and the result as views over the domain.
    fn operand_views(&self, out: &NdArray) -> [View; 3] {
        let over = |view: &View, axes: &[usize]| {
            let placed = axes.iter().rev().fold(view.clone(), |view, &axis| view.with_new_axis(axis));
            placed.broadcast(&self.domain).expect("factors have the domain's extents")
        };
        match self.kind {
            ProductKind::GemvRows => [self.a.view.clone(), over(&self.b.view, &[0]), over(&out.view, &[1])],
            ProductKind::GemvCols => [self.a.view.clone(), over(&self.b.view, &[1]), over(&out.view, &[0])],
            ProductKind::Gemm | ProductKind::GemmTall => {
                let b = self.b.view.permuted(&[1, 0]);
                [over(&self.a.view, &[1]), over(&b, &[0]), over(&out.view, &[2])]
            }
        }
    }

    fn cuts(&self) -> SmallVec<[Cut; 4]> {
        let tile = Cut::Granule(GEMM_TILE as u64);
        match self.kind {
            ProductKind::GemvRows => smallvec![Cut::Free, Cut::Never],
            ProductKind::GemvCols => smallvec![Cut::Tree { granule: GEMV_LEAF as u64 }, Cut::Free],
            ProductKind::Gemm => smallvec![tile, tile, Cut::Never],
            ProductKind::GemmTall => smallvec![tile, tile, Cut::Tree { granule: GEMM_LEAF as u64 }],
        }
    }

    fn points(&self) -> u64 {
        self.domain.iter().product::<i64>() as u64
    }

    /// Of the factors.
    fn bytes(&self) -> u64 {
        (self.a.nbytes() + self.b.nbytes()) as u64
    }

    fn result_bytes(&self) -> u64 {
        self.result_shape().iter().product::<i64>() as u64 * self.a.dtype().size() as u64
    }

    /// Nanoseconds on one core.
    fn cost_ns(&self) -> f64 {
        (self.points() as f64 * ns_per_point(self.a.dtype())).max(self.bytes() as f64 * STREAM_NS_PER_BYTE)
    }

    /// Computes it from the factors' bytes, with these threads, in about so many parts; `flags` gathers what they raise.
    fn at_once(&self, factors: [Arc<HostBuffer>; 2], hands: Option<(&dyn Hands, usize)>, flags: &Flags) -> NdArray {
        let out = NdArray::unwritten(&self.result_shape(), self.a.dtype());
        let [a, b] = factors.each_ref().map(|factor| factor.as_slice());
        let mut bytes = HostBuffer::zeroed(out.nbytes());
        dispatch_computed!(self.a.dtype(), T => flags.over(|| {
            self.multiply::<T>([a, b], bytes.as_mut_slice(), hands, flags);
        }));
        out.base.cell.lock().host = Some(Arc::new(bytes));
        out
    }

    fn multiply<T: Arithmetic>(
        &self,
        factors: [&[u8]; 2],
        c: &mut [u8],
        hands: Option<(&dyn Hands, usize)>,
        flags: &Flags,
    ) {
        let c: &mut [T] = bytemuck::cast_slice_mut(c);
        let Some((hands, parts)) = hands.filter(|(_, parts)| *parts > 1) else {
            return self.multiply_part(factors, 0, c, Threads::ALONE);
        };
        if self.kind == ProductKind::GemmTall {
            let run = |pieces: usize, body: &(dyn Fn(usize) + Sync)| {
                hands.for_chunks(pieces, &|k| flags.over(|| body(k)));
            };
            return self.multiply_part(factors, 0, c, Threads::new(parts, &run));
        }
        let shape = self.result_shape();
        let granule = if self.kind == ProductKind::Gemm { GEMM_TILE } else { 1 };
        let extent = (shape[0] as usize).div_ceil(parts).next_multiple_of(granule);
        let parts = c.chunks_mut(extent * self.row_length()).map(Mutex::new);
        let parts: SmallVec<[Mutex<&mut [T]>; 16]> = parts.collect();
        hands.for_chunks(parts.len(), &|k| {
            flags.over(|| self.multiply_part(factors, k * extent, &mut parts[k].lock(), Threads::ALONE));
        });
    }

    /// Computes `c`, the rows of the result from `first` on.
    fn multiply_part<T: Arithmetic>(&self, [a, b]: [&[u8]; 2], first: usize, c: &mut [T], threads: Threads<'_>) {
        let (columns, b) = (self.row_length(), matrix::<T>(b, &self.b.view));
        let rows = c.len() / columns;
        let cut = usize::from(self.kind == ProductKind::GemvCols);
        let a = matrix::<T>(a, &self.a.view.sliced(cut, first as i64, 1, rows as i64));
        let mut c = MatrixMut::new(c, [rows, columns]);
        match self.kind {
            ProductKind::GemvRows => c.set_row_sums(a, b),
            ProductKind::GemvCols => c.set_column_sums(a, b),
            ProductKind::Gemm => c.set_product(a, b),
            ProductKind::GemmTall => c.set_tall_product(a, b, threads),
        }
    }

    /// Elements of the result along its second dimension.
    fn row_length(&self) -> usize {
        self.result_shape().get(1).map_or(1, |n| *n as usize)
    }
}

/// Whether a new array at hand has a NaN.
fn has_nan(a: &NdArray) -> bool {
    a.host().as_slice().chunks_exact(a.dtype().size()).any(|element| is_nan(a.dtype(), element))
}

/// A matrix, or a vector as a column, over host bytes.
fn matrix<'a, T: Arithmetic>(bytes: &'a [u8], view: &View) -> MatrixRef<'a, T> {
    let extent = |d: usize| view.shape.get(d).map_or(1, |n| *n as usize);
    let stride = |d: usize| view.strides.get(d).map_or(1, |s| *s as isize);
    MatrixRef::with_strides(
        bytemuck::cast_slice(bytes),
        view.offset as usize,
        [extent(0), extent(1)],
        [stride(0), stride(1)],
    )
}

/// Both as elements of one type.
pub(crate) fn as_common(session: &Session, a: &NdArray, b: &NdArray, dtype: DType) -> Result<(NdArray, NdArray)> {
    let cast = |a: &NdArray| session.astype(a, dtype, crate::error::Casting::Unsafe, false);
    Ok((cast(a)?, cast(b)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::SessionConfig;
    use legate_core::runtime::{ExecutorKind, Ranks, Replay};
    use legate_mapper::DefaultMapper;

    fn session() -> Session {
        session_on(Ranks::Alone)
    }

    fn session_on(ranks: Ranks) -> Session {
        let config = SessionConfig {
            mapper: Arc::new(DefaultMapper::new()),
            cores: 3,
            memory_bytes: 1 << 30,
            cache_bytes: 1 << 25,
            ranks,
            executor: ExecutorKind::Parallel,
            fuse: true,
            replay: Replay::Check,
        };
        Session::new(config).expect("the configuration is sound")
    }

    fn filled(session: &Session, shape: &[i64]) -> NdArray {
        let value = |k: i64| (k as f64 * 0.618_033_988_749_894_9).fract() - 0.5;
        let bytes: Vec<u8> = (0..shape.iter().product()).flat_map(|k| value(k).to_ne_bytes()).collect();
        session.from_host(&bytes, shape, DType::F64).expect("as many bytes as elements")
    }

    /// By rows, by columns, and of matrices: large enough to be shared, with small results.
    fn products(session: &Session) -> Vec<NdArray> {
        let (a, b) = (filled(session, &[601, 301]), filled(session, &[301, 12]));
        let (x, y) = (filled(session, &[301]), filled(session, &[601]));
        let transposed = a.transpose(None).expect("a matrix");
        [(&a, &x), (&transposed, &y), (&y, &a), (&a, &b)]
            .map(|(a, b)| session.dot(a, b, None).expect("they fit"))
            .into()
    }

    #[test]
    fn a_product_that_is_shared_has_the_bits_of_one_that_is_not() {
        let (shared, alone) = (session(), Session::eager());
        for (ours, expected) in products(&shared).iter().zip(products(&alone)) {
            assert!(ours.is_ready(), "it was computed at the call");
            assert_eq!(ours.host().as_slice(), expected.host().as_slice());
        }
        assert_eq!(shared.runtime().expect("it has one").stats().operations, 0);
    }

    #[test]
    fn a_loop_of_a_product_and_small_vectors_defers_nothing_once_its_matrix_is_there() {
        let steps = |session: &Session| {
            let one = session.scalar(Scalar::new(0.25));
            let a = session.call(
                crate::Ufunc::lookup("add").expect("native"),
                &[filled(session, &[601, 601]).into(), one.into()],
                &Default::default(),
            );
            let (a, mut x) = (a.expect("they fit"), filled(session, &[601]));
            for _ in 0..4 {
                let norm = session.dot(&x, &x, None).expect("they fit");
                let divide = crate::Ufunc::lookup("divide").expect("native");
                let y = session.dot(&a, &x, None).expect("they fit");
                x = session.call(divide, &[y.into(), norm.into()], &Default::default()).expect("they fit");
            }
            x
        };
        let (ours, expected) = (session(), Session::eager());
        let (x, y) = (steps(&ours), steps(&expected));
        assert!(x.is_ready(), "the last steps went the short way");
        assert_eq!(x.host().as_slice(), y.host().as_slice());
    }

    #[test]
    fn a_product_on_ranks_has_the_bits_of_one_on_one() {
        let values = |session: &Session| {
            let (a, b, x) = (filled(session, &[601, 301]), filled(session, &[301, 530]), filled(session, &[9001, 12]));
            let gram = (x.transpose(None).expect("a matrix"), x);
            [(&a, &b), (&gram.0, &gram.1)].map(|(a, b)| {
                let c = session.dot(a, b, None).expect("they fit");
                session.to_host(&c, &|| false).expect("it is computed").as_slice().to_vec()
            })
        };
        let expected = values(&Session::eager());
        for ranks in [1, 2, 4, 6] {
            assert_eq!(values(&session_on(Ranks::Simulated { ranks, seed: 7 })), expected, "{ranks} ranks");
        }
    }
}
