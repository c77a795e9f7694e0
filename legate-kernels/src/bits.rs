//! Bits in bytes: `np.packbits` and `np.unpackbits`.
//!
//! Eight bytes that are 0 or 1 are a word, the first its lowest byte. A product brings their lowest bits together in one byte: each product of two bits falls
//! on a place of its own, so nothing is carried. The other way, a byte is repeated eight times, and each copy keeps one bit.

use crate::operand::RawOperand;
use serde::{Deserialize, Serialize};

/// Bits of a byte.
pub const BITS: usize = 8;

const ONES: u64 = 0x0101_0101_0101_0101;
/// The bits 0, 9, 18, … 63: byte `k` has bit `k`.
const RISING: u64 = 0x8040_2010_0804_0201;
/// The bits 7, 14, … 56: byte `k` has bit `7 - k`.
const FALLING: u64 = 0x0102_0408_1020_4080;

/// Which bit comes first. The names are NumPy's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum BitOrder {
    /// The highest.
    Big,
    /// The lowest.
    Little,
}

impl BitOrder {
    /// Eight bytes, each 0 or 1, as the bits of one.
    ///
    /// ```
    /// use legate_kernels::bits::BitOrder;
    /// assert_eq!(BitOrder::Big.pack([1, 0, 0, 0, 0, 0, 1, 1]), 0b1000_0011);
    /// assert_eq!(BitOrder::Little.pack([1, 0, 0, 0, 0, 0, 1, 1]), 0b1100_0001);
    /// ```
    #[inline(always)]
    pub const fn pack(self, bits: [u8; BITS]) -> u8 {
        let places = match self {
            BitOrder::Big => RISING,
            BitOrder::Little => FALLING,
        };
        (u64::from_le_bytes(bits).wrapping_mul(places) >> 56) as u8
    }

    /// The bits of a byte, each 0 or 1: undoes [`BitOrder::pack`].
    #[inline(always)]
    pub const fn unpack(self, byte: u8) -> [u8; BITS] {
        let kept = match self {
            BitOrder::Big => FALLING,
            BitOrder::Little => RISING,
        };
        let spread = (byte as u64 * ONES) & kept;
        // What is not zero is carried into the highest bit of its byte.
        (((spread + 0x7F * ONES) >> 7) & ONES).to_le_bytes()
    }
}

/// `packed[l, b]` becomes the byte of `bits[l, b, ..]`. `extents = [lines, bytes]`; strides: of `bits` (line, byte, bit), of `packed` (line, byte).
///
/// # Safety
/// The elements of `bits`, all 0 or 1, are valid for reading and those of `packed` for writing; nobody else touches those or writes the others meanwhile.
pub unsafe fn pack(order: BitOrder, extents: [usize; 2], bits: &RawOperand, packed: &RawOperand) {
    let stride = bits.strides[2];
    each(extents, bits, packed, |bits, packed| {
        // SAFETY: the caller's word.
        unsafe {
            let bits = if stride == 1 {
                bits.cast::<[u8; BITS]>().read()
            } else {
                std::array::from_fn(|k| bits.offset(k as isize * stride).read())
            };
            packed.write(order.pack(bits));
        }
    });
}

/// `bits[l, b, ..]` become those of `packed[l, b]`: undoes [`pack`].
///
/// # Safety
/// As for [`pack`], with what is read and what is written exchanged.
pub unsafe fn unpack(order: BitOrder, extents: [usize; 2], packed: &RawOperand, bits: &RawOperand) {
    let stride = bits.strides[2];
    each(extents, bits, packed, |bits, packed| {
        // SAFETY: the caller's word.
        unsafe {
            let unpacked = order.unpack(packed.read());
            if stride == 1 {
                bits.cast::<[u8; BITS]>().write(unpacked);
            } else {
                (0..BITS).for_each(|k| bits.offset(k as isize * stride).write(unpacked[k]));
            }
        }
    });
}

/// Calls `visit` with where the bits of each byte begin, and where it lies.
#[inline(always)]
fn each([lines, bytes]: [usize; 2], bits: &RawOperand, packed: &RawOperand, mut visit: impl FnMut(*mut u8, *mut u8)) {
    let at = |operand: &RawOperand, line: usize| operand.ptr.wrapping_offset(line as isize * operand.strides[0]);
    let (bit_step, byte_step) = (bits.strides[1], packed.strides[1]);
    for line in 0..lines {
        let (bits, packed) = (at(bits, line), at(packed, line));
        for byte in 0..bytes as isize {
            visit(bits.wrapping_offset(byte * bit_step), packed.wrapping_offset(byte * byte_step));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use smallvec::smallvec;

    #[test]
    fn bytes_are_their_bits() {
        for byte in 0..=u8::MAX {
            let lowest_first: [u8; BITS] = std::array::from_fn(|k| byte >> k & 1);
            let mut highest_first = lowest_first;
            highest_first.reverse();
            assert_eq!(BitOrder::Little.unpack(byte), lowest_first);
            assert_eq!(BitOrder::Big.unpack(byte), highest_first);
            assert_eq!(BitOrder::Little.pack(lowest_first), byte);
            assert_eq!(BitOrder::Big.pack(highest_first), byte);
        }
    }

    #[test]
    fn any_strides() {
        let (lines, bytes) = (3, 5);
        let mut packed: Vec<u8> = (0..15).map(|k| (k * 37 + 11) as u8).collect();
        for bit_first in [false, true] {
            let mut bits = vec![2u8; lines * bytes * BITS];
            let strides = if bit_first { [bytes, 1, lines * bytes] } else { [bytes * BITS, BITS, 1] };
            let apart = RawOperand { ptr: bits.as_mut_ptr(), strides: strides.iter().map(|s| *s as isize).collect() };
            // The bytes backwards.
            let last = packed.len() - 1;
            let from = RawOperand { ptr: packed[last..].as_mut_ptr(), strides: smallvec![-5, -1, 0] };
            let mut again = vec![0u8; 15];
            let to = RawOperand { ptr: again.as_mut_ptr(), strides: smallvec![5, 1, 0] };
            // SAFETY: the elements of four arrays, each with the strides of its shape; `from` begins at the end and goes to the start.
            unsafe {
                unpack(BitOrder::Big, [lines, bytes], &from, &apart);
                pack(BitOrder::Big, [lines, bytes], &apart, &to);
            }
            again.reverse();
            assert_eq!(again, packed);
        }
    }
}
