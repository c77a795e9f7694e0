//! Generalised ufuncs: products along the last dimensions of stacks, which broadcast against each other.
//!
//! One pair of a vector and a matrix is a product of [`crate::product`]. Stacks are one fold of the element-wise product over the common dimension, fused, so that nothing
//! of its size is stored; matrices too large for that are multiplied one after the other.

use crate::array::NdArray;
use crate::error::{Casting, Error, Result};
use crate::exceptions::called;
use crate::issue::Body;
use crate::order::Order;
use crate::reduction::{Axes, ReduceOptions};
use crate::session::Session;
use crate::shape::broadcast_shapes;
use crate::ufunc::Operand;
use crate::view::volume;
use legate_core::geometry::Point;
use legate_kernels::dtype::{DType, Kind, Scalar};
use legate_kernels::ops::{BinaryOp, ReduceOp, UnaryOp};

/// Multiplications of a product of two matrices of a stack up to which the stack is one fold.
const SMALL_PRODUCT: i64 = 4096;

/// A generalised ufunc.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gufunc {
    /// `(n),(n)->()`, the first conjugated.
    Vecdot,
    /// `(m,n),(n)->(m)`.
    Matvec,
    /// `(n),(n,m)->(m)`, the first conjugated.
    Vecmat,
    /// `(m?,n),(n,p?)->(m?,p?)`.
    Matmul,
}

impl Gufunc {
    /// The one that NumPy calls so.
    pub fn lookup(name: &str) -> Option<Gufunc> {
        [Gufunc::Vecdot, Gufunc::Matvec, Gufunc::Vecmat, Gufunc::Matmul]
            .into_iter()
            .find(|gufunc| gufunc.name() == name)
    }

    /// NumPy's name.
    pub fn name(self) -> &'static str {
        match self {
            Gufunc::Vecdot => "vecdot",
            Gufunc::Matvec => "matvec",
            Gufunc::Vecmat => "vecmat",
            Gufunc::Matmul => "matmul",
        }
    }

    /// Core dimensions of two inputs with so many dimensions, and of the result.
    pub fn cores(self, ndims: [usize; 2]) -> ([usize; 2], usize) {
        match self {
            Gufunc::Vecdot => ([1, 1], 0),
            Gufunc::Matvec => ([2, 1], 1),
            Gufunc::Vecmat => ([1, 2], 1),
            Gufunc::Matmul => {
                let cores = ndims.map(|ndim| ndim.min(2));
                (cores, (cores[0] + cores[1]).saturating_sub(2))
            }
        }
    }
}

impl Session {
    /// A generalised ufunc of the last dimensions, computed in elements of `dtype`.
    ///
    /// # Errors
    /// [`Error::Value`] where dimensions are missing or do not fit (the words are not NumPy's); [`Error::Broadcast`] for stacks.
    pub fn gufunc(&self, gufunc: Gufunc, a: &NdArray, b: &NdArray, dtype: DType) -> Result<NdArray> {
        let ([of_a, of_b], _) = gufunc.cores([a.ndim(), b.ndim()]);
        if a.ndim() < of_a.max(1) || b.ndim() < of_b.max(1) {
            return Err(Error::Value("an operand does not have enough dimensions".into()));
        }
        let depth = [a.shape()[a.ndim() - 1], b.shape()[b.ndim() - of_b]];
        if depth[0] != depth[1] {
            return Err(Error::Value(format!("operands have core dimensions {} and {}", depth[0], depth[1])));
        }
        if dtype != dtype.computed() {
            let product = self.gufunc(gufunc, a, b, dtype.computed())?;
            return self.astype(&product, dtype, Casting::Unsafe, false);
        }
        let a = self.astype(a, dtype, Casting::Unsafe, false)?;
        let b = self.astype(b, dtype, Casting::Unsafe, false)?;
        let one_pair = a.ndim() == of_a && b.ndim() == of_b;
        let conjugated = dtype.kind() == Kind::Complex && matches!(gufunc, Gufunc::Vecdot | Gufunc::Vecmat);
        called(gufunc.name(), || match gufunc {
            Gufunc::Matmul if b.ndim() > 2 => self.multiply_stacks(&a, &b),
            Gufunc::Matmul => self.matmul(&a, &b, None),
            _ if one_pair && conjugated => self.matmul(&self.apply("conjugate", &a)?, &b, None),
            _ if one_pair => self.matmul(&a, &b, None),
            Gufunc::Vecdot => self.fold_product(&a, &b, -1, conjugated),
            Gufunc::Matvec => self.fold_product(&a, &b.expand_dims(&[-2])?, -1, false),
            Gufunc::Vecmat => self.fold_product(&a.expand_dims(&[-1])?, &b, -2, conjugated),
        })
    }

    /// `sum(a * b, axis)` of stretched arrays of one type.
    fn fold_product(&self, a: &NdArray, b: &NdArray, axis: i64, conjugated: bool) -> Result<NdArray> {
        let shape = broadcast_shapes(&[a.shape(), b.shape()])?;
        let whole = a.with_view(a.view.broadcast(&shape).expect("the shape is that of both"));
        let options = ReduceOptions { axis: Some(&[axis]), ..ReduceOptions::default() };
        let axes = Axes::new(&whole, &options)?;
        if whole.size() == 0 {
            let zeros = self.constant(&axes.result_shape(&whole), Scalar::zero(a.dtype()));
            return self.deliver(zeros, "add", &axes, &options);
        }
        let order = Order::of(&shape, [a, b].into_iter());
        let mut body = Body::new(self, order.domain());
        let mut x = body.load(&order.view_of(a));
        if conjugated {
            x = body.program.unary(UnaryOp::Conjugate, x);
        }
        let y = body.load(&order.view_of(b));
        let product = body.program.binary(BinaryOp::Multiply, x, y);
        let sums = self.fold_value(body, &order, &axes, ReduceOp::Add, product, &whole, None)?;
        self.deliver(sums, "add", &axes, &options)
    }

    /// Products of matrices, the second ones a stack.
    pub(crate) fn multiply_stacks(&self, a: &NdArray, b: &NdArray) -> Result<NdArray> {
        if a.ndim() == 1 {
            let product = self.multiply_stacks(&a.expand_dims(&[0])?, b)?;
            return Ok(product.with_view(product.view.without_axis(product.ndim() - 2)));
        }
        let (above_a, above_b) = (&a.shape()[..a.ndim() - 2], &b.shape()[..b.ndim() - 2]);
        let stack = broadcast_shapes(&[above_a, above_b])?;
        let ([m, k], n) = ([a.shape()[a.ndim() - 2], a.shape()[a.ndim() - 1]], b.shape()[b.ndim() - 1]);
        if m * k * n <= SMALL_PRODUCT || volume(&stack) == 0 {
            return self.fold_product(&a.expand_dims(&[-2])?, &b.swapaxes(-1, -2)?.expand_dims(&[-3])?, -1, false);
        }
        let stretched = |x: &NdArray| {
            let core = &x.shape()[x.ndim() - 2..];
            let shape: Point = stack.iter().chain(core).copied().collect();
            x.with_view(x.view.broadcast(&shape).expect("the stack is that of both"))
        };
        let (a, b) = (stretched(a), stretched(b));
        let shape: Point = stack.iter().copied().chain([m, n]).collect();
        let out = self.empty(&shape, a.dtype())?;
        for i in 0..volume(&stack) {
            let of = |x: &NdArray| x.with_view(nth(x, stack.len(), i));
            let product = self.matmul(&of(&a), &of(&b), None)?;
            self.assign(&of(&out), &Operand::Array(product))?;
        }
        Ok(out)
    }
}

/// The view of one element of a stack, in row-major order.
fn nth(x: &NdArray, stack: usize, mut i: i64) -> crate::view::View {
    let mut view = x.view.clone();
    for axis in (0..stack).rev() {
        let extent = x.shape()[axis];
        view = view.at(axis, i % extent);
        i /= extent;
    }
    view
}
