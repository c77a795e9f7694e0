//! Products of two matrices, or of a matrix and a vector: which kernel, over which domain, at once or as a launch.

use crate::array::{NdArray, Part};
use crate::error::Result;
use crate::issue::Body;
use crate::session::Session;
use crate::tasks::{ProductArgs, ProductKind};
use crate::view::View;
use legate_core::exec::HostBuffer;
use legate_core::operation::{Cut, Operand, Privilege};
use legate_core::runtime::{LaunchRequest, Runtime};
use legate_kernels::dispatch_dtype;
use legate_kernels::dtype::{DType, Scalar};
use legate_kernels::linalg::{Arithmetic, GEMM_TILE, GEMV_LEAF, MatrixMut, MatrixRef};
use legate_kernels::ops::{BinaryOp, ReduceOp};
use smallvec::{SmallVec, smallvec};
use std::sync::Arc;

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
        self.product(Product {
            kind: ProductKind::Gemm,
            domain: smallvec![rows, columns, k],
            a: a.clone(),
            b: b.clone(),
        })
    }

    fn product(&self, product: Product) -> Result<NdArray> {
        let dtype = product.a.dtype();
        if product.domain.contains(&0) {
            return self.zeros(&product.result_shape(), dtype);
        }
        let product = Product { a: self.whole_elements(&product.a)?, b: self.whole_elements(&product.b)?, ..product };
        match self.runtime() {
            Some(runtime) if !self.multiplies_at_once(&product) => self.launch_product(&product, runtime),
            _ => {
                self.note_at_once(product.domain.iter().product::<i64>() as u64, || "product".to_owned());
                Ok(product.at_once())
            }
        }
    }

    /// Kernels multiply whole elements; views of parts are copied.
    fn whole_elements(&self, a: &NdArray) -> Result<NdArray> {
        if a.part == Part::Whole { Ok(a.clone()) } else { self.copy(a) }
    }

    fn multiplies_at_once(&self, product: &Product) -> bool {
        let points: i64 = product.domain.iter().product();
        let bytes = product.a.nbytes() + product.b.nbytes();
        self.is_inline(points as u64, bytes as u64, [&product.a, &product.b].into_iter())
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
        runtime.launch(LaunchRequest {
            task: self.tasks().product,
            args: Arc::new(ProductArgs { kind: product.kind, dtype }),
            shape: product.domain.clone(),
            operands: operands.collect(),
            cuts: product.cuts(),
            provenance: self.provenance(),
        })?;
        Ok(out)
    }
}

impl Product {
    fn result_shape(&self) -> SmallVec<[i64; 2]> {
        match self.kind {
            ProductKind::GemvRows => smallvec![self.domain[0]],
            ProductKind::GemvCols => smallvec![self.domain[1]],
            ProductKind::Gemm => smallvec![self.domain[0], self.domain[1]],
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
            ProductKind::Gemm => {
                let b = self.b.view.permuted(&[1, 0]);
                [over(&self.a.view, &[1]), over(&b, &[0]), over(&out.view, &[2])]
            }
        }
    }

    fn cuts(&self) -> SmallVec<[Cut; 4]> {
        match self.kind {
            ProductKind::GemvRows => smallvec![Cut::Free, Cut::Never],
            ProductKind::GemvCols => smallvec![Cut::Tree { granule: GEMV_LEAF as u64 }, Cut::Free],
            ProductKind::Gemm => smallvec![Cut::Granule(GEMM_TILE as u64), Cut::Granule(GEMM_TILE as u64), Cut::Never],
        }
    }

    /// Computes it on this thread, from values at hand.
    fn at_once(&self) -> NdArray {
        let out = NdArray::unwritten(&self.result_shape(), self.a.dtype());
        let (a, b) = (self.a.host(), self.b.host());
        let mut bytes = HostBuffer::zeroed(out.nbytes());
        dispatch_dtype!(self.a.dtype(), T => self.multiply::<T>(a.as_slice(), b.as_slice(), bytes.as_mut_slice()));
        out.base.cell.lock().host = Some(Arc::new(bytes));
        out
    }

    fn multiply<T: Arithmetic>(&self, a: &[u8], b: &[u8], c: &mut [u8]) {
        let (a, b) = (matrix::<T>(a, &self.a.view), matrix::<T>(b, &self.b.view));
        let c: &mut [T] = bytemuck::cast_slice_mut(c);
        let shape = self.result_shape();
        let extents = [shape[0] as usize, shape.get(1).map_or(1, |n| *n as usize)];
        let mut c = MatrixMut::new(c, extents);
        match self.kind {
            ProductKind::GemvRows => c.set_row_sums(a, b),
            ProductKind::GemvCols => c.set_column_sums(a, b),
            ProductKind::Gemm => c.set_product(a, b),
        }
    }
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
