//! Bytes as elements, at any alignment.

use crate::dtype::Element;

/// An element without alignment. Loads and stores of it compile to unaligned vector moves, which cost nothing on aligned data.
#[derive(Clone, Copy)]
#[repr(C, packed)]
pub(super) struct Packed<T>(T);

impl<T: Copy> Packed<T> {
    #[inline(always)]
    pub(super) fn get(self) -> T {
        self.0
    }
    #[inline(always)]
    pub(super) fn new(value: T) -> Packed<T> {
        Packed(value)
    }
}

/// The whole elements at the start of `bytes`.
#[inline(always)]
pub(super) fn elements<T: Element>(bytes: &[u8]) -> &[Packed<T>] {
    // SAFETY: `Packed<T>` has the size of `T` and alignment 1, so the slice covers no more than `bytes`; elements are plain old data,
    // for which any bytes are a value.
    unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len() / size_of::<T>()) }
}

/// The whole elements at the start of `bytes`, to be written.
#[inline(always)]
pub(super) fn elements_mut<T: Element>(bytes: &mut [u8]) -> &mut [Packed<T>] {
    // SAFETY: as for `elements`; the borrow of `bytes` is exclusive, and elements have no padding to be left uninitialised.
    unsafe { std::slice::from_raw_parts_mut(bytes.as_mut_ptr().cast(), bytes.len() / size_of::<T>()) }
}
