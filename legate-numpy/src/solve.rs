//! Systems of linear equations.

use crate::array::NdArray;
use crate::error::{Casting, Error, Result};
use crate::routine::Call;
use crate::session::Session;
use crate::tasks::Routine;
use legate_kernels::dtype::{DType, Kind};

impl Session {
    /// `np.linalg.solve(a, b)` for one square matrix and a vector, or a matrix of right-hand sides. Waits: whether the matrix is singular has to
    /// be known at the call.
    ///
    /// Two float32 arrays are computed as such, all else as float64. Cost: 2/3·n³ operations, as matrix products.
    ///
    /// # Errors
    /// [`Error::LinAlg`] (`Singular matrix`); [`Error::Unsupported`] for stacks of matrices, complex ones, and shapes that do not fit;
    /// as [`Session::to_host`].
    pub fn solve(&self, a: &NdArray, b: &NdArray, interrupted: &dyn Fn() -> bool) -> Result<NdArray> {
        let unfit = || Error::Unsupported("these equations".into());
        let &[n, m] = a.shape() else { return Err(unfit()) };
        let fits = n == m && (1..=2).contains(&b.ndim()) && b.shape()[0] == n;
        if !fits || n == 0 || b.size() == 0 {
            return Err(unfit());
        }
        let dtype = match (a.dtype(), b.dtype()) {
            (a, b) if a.kind() == Kind::Complex || b.kind() == Kind::Complex => return Err(unfit()),
            (DType::F32, DType::F32) => DType::F32,
            _ => DType::F64,
        };
        let a = self.astype(a, dtype, Casting::Unsafe, false)?;
        let b = self.astype(b, dtype, Casting::Unsafe, false)?;
        let x = NdArray::unwritten(b.shape(), dtype);
        let columns = if b.ndim() == 1 { 1 } else { b.shape()[1] };
        let matrix = |v: &NdArray| if v.ndim() == 1 { v.with_view(v.view.with_new_axis(1)) } else { v.clone() };
        let singular = NdArray::unwritten(&[1], DType::I64);
        Call::new(self, Routine::Solve { dtype }, &[n, n, columns, 1], &[0, 1, 2, 3])
            .on_all_cores(true)
            .costing(n * n * (n + 3 * columns), 0.015)
            .read(&a, &[0, 1])?
            .read(&matrix(&b), &[0, 2])?
            .write(&matrix(&x), &[1, 2])
            .write(&singular, &[3])
            .run()?;
        match self.to_host(&singular, interrupted)?.as_slice().iter().all(|&byte| byte == 0) {
            true => Ok(x),
            false => Err(Error::LinAlg("Singular matrix".into())),
        }
    }
}
