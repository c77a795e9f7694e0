//! Bits in bytes: `np.packbits` and `np.unpackbits`.

use crate::array::NdArray;
use crate::error::{Casting, Error, Result};
use crate::routine::Call;
use crate::session::Session;
use crate::tasks::Routine;
use crate::ufunc::Operand;
use legate_core::geometry::Point;
use legate_kernels::bits::{BITS, BitOrder};
use legate_kernels::dtype::{DType, Kind};

/// Estimated nanoseconds for a byte and its bits on one core: eight bytes are written.
const BYTE_NS: f64 = 0.7;

impl Session {
    /// `np.packbits(a, axis, bitorder)`: whether elements are zero, eight along `axis` in each byte of the result (uint8); what is missing of the last eight
    /// counts as zero. `axis` `None`: of the raveled array. Blocks: no.
    ///
    /// # Errors
    /// [`Error::Unsupported`] unless the elements are integers or booleans; [`Error::AxisOutOfBounds`].
    pub fn packbits(&self, a: &NdArray, axis: Option<i64>, order: BitOrder) -> Result<NdArray> {
        if !matches!(a.dtype().kind(), Kind::Bool | Kind::Signed | Kind::Unsigned) {
            return Err(Error::Unsupported("bits of what is no integer".into()));
        }
        let (a, axis) = self.axis_last(a, axis)?;
        let (lines, n) = lines_of(&a);
        let bytes = (n + BITS as i64 - 1) / BITS as i64;
        let mut set = self.astype(&a, DType::Bool, Casting::Unsafe, false)?;
        if n < bytes * BITS as i64 {
            set = self.with_extent(&set, bytes * BITS as i64)?;
        }
        let bits = self.reshape(&set, &[lines, bytes, BITS as i64])?;
        let packed = NdArray::unwritten(&[lines, bytes], DType::U8);
        Call::new(self, Routine::PackBits(order), &[lines, bytes, BITS as i64], &[2])
            .costing(lines * bytes, BYTE_NS)
            .read(&bits, &[0, 1, 2])?
            .write(&packed, &[0, 1])
            .run()?;
        self.reshape(&packed, &with_last(&a, bytes))?.swapaxes(axis, -1)
    }

    /// `np.unpackbits(a, axis, count, bitorder)`: the bits of bytes along `axis`, each a uint8; the first `count` of them, with zeros beyond the last, or without
    /// the last ones if it is negative. `axis` `None`: of the raveled array. Blocks: no.
    ///
    /// # Errors
    /// [`Error::Unsupported`] unless the elements are of type uint8; [`Error::AxisOutOfBounds`]; [`Error::Value`] if there are fewer bits than are to be left out.
    pub fn unpackbits(&self, a: &NdArray, axis: Option<i64>, count: Option<i64>, order: BitOrder) -> Result<NdArray> {
        if a.dtype() != DType::U8 {
            return Err(Error::Unsupported("bits of what is no byte".into()));
        }
        let (a, axis) = self.axis_last(a, axis)?;
        let (lines, bytes) = lines_of(&a);
        let n = bytes * BITS as i64;
        let wanted = match count {
            Some(count) if count < -n => return Err(Error::Value("-count larger than number of elements".into())),
            Some(count) if count < 0 => n + count,
            Some(count) => count,
            None => n,
        };
        let packed = self.reshape(&a, &[lines, bytes])?;
        let bits = NdArray::unwritten(&[lines, bytes, BITS as i64], DType::U8);
        Call::new(self, Routine::UnpackBits(order), &[lines, bytes, BITS as i64], &[2])
            .costing(lines * bytes, BYTE_NS)
            .read(&packed, &[0, 1])?
            .write(&bits, &[0, 1, 2])
            .run()?;
        let bits = self.reshape(&bits, &with_last(&a, n))?;
        let bits = if wanted <= n { bits.first_along_last(wanted) } else { self.with_extent(&bits, wanted)? };
        bits.swapaxes(axis, -1)
    }

    /// `a` with `axis` last, and where it was; `None`: raveled. Of 0-d arrays: as one of one element.
    fn axis_last(&self, a: &NdArray, axis: Option<i64>) -> Result<(NdArray, i64)> {
        match axis {
            None => Ok((self.ravel(a)?, -1)),
            Some(axis) if a.ndim() == 0 && matches!(axis, -1 | 0) => Ok((self.ravel(a)?, -1)),
            Some(axis) => Ok((a.swapaxes(axis, -1)?, axis)),
        }
    }

    /// `a` and zeros, so many elements along the last dimension.
    fn with_extent(&self, a: &NdArray, extent: i64) -> Result<NdArray> {
        let longer = self.zeros(&with_last(a, extent), a.dtype())?;
        self.assign(&longer.first_along_last(lines_of(a).1), &Operand::from(a))?;
        Ok(longer)
    }
}

impl NdArray {
    /// A view of the first elements along the last dimension.
    fn first_along_last(&self, count: i64) -> NdArray {
        self.with_view(self.view.sliced(self.ndim() - 1, 0, 1, count))
    }
}

/// The product of all extents but the last, and the last.
fn lines_of(a: &NdArray) -> (i64, i64) {
    let (last, outer) = a.shape().split_last().expect("raveled or with an axis");
    (outer.iter().product(), *last)
}

/// The extents of `a` with another one at the end.
fn with_last(a: &NdArray, extent: i64) -> Point {
    let outer = &a.shape()[..a.ndim() - 1];
    outer.iter().copied().chain([extent]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use legate_core::exec::HostBuffer;
    use std::sync::Arc;

    fn bytes_of(session: &Session, a: &NdArray) -> Vec<u8> {
        session.to_host(a, &|| false).unwrap().as_slice().to_vec()
    }

    #[test]
    fn bits_come_back() {
        let session = Session::eager();
        let given = HostBuffer::from_slice(&[1, 0, 1, 1, 0, 0, 0, 0, 1, 1]);
        let flags = session.from_buffer(Arc::new(given), &[10], DType::Bool).unwrap();
        for (order, bytes) in [(BitOrder::Big, [0b1011_0000u8, 0b1100_0000]), (BitOrder::Little, [0b1101, 0b11])] {
            let packed = session.packbits(&flags, None, order).unwrap();
            assert_eq!(bytes_of(&session, &packed), bytes);
            let bits = session.unpackbits(&packed, Some(-1), Some(10), order).unwrap();
            assert_eq!(bytes_of(&session, &bits), bytes_of(&session, &flags));
        }
    }
}
