//! Whether an operation is computed at once on the calling thread, and the waiting for small values that makes it possible.
//!
//! A small operation that is deferred costs several times what its arithmetic does, and all that is computed from its result is deferred with it. So
//! where the front end is little ahead of its values, it waits for those that a small operation needs, and helps to compute them; then
//! a loop of small vectors and a product that is deferred runs the short way but for the product. The decision is a
//! function of the program: of the sizes of arrays, of whether their values are at hand, and of the launches issued since values were last asked for
//! ([`legate_core::mapping::Ahead`]).

use crate::array::NdArray;
use crate::session::Session;
use legate_core::mapping::Mapper;

impl Session {
    /// Whether work on so many points and bytes is done now. `inputs`: whose values it needs; those that are still to come are waited for, or it is deferred.
    pub(crate) fn is_inline<'a>(&self, points: u64, bytes: u64, inputs: impl Iterator<Item = &'a NdArray>) -> bool {
        let Some(runtime) = self.runtime() else { return true };
        if !self.mapper().inline(points, bytes, runtime.machine()) {
            return false;
        }
        let mut late = inputs.filter(|a| !a.is_ready()).peekable();
        late.peek().is_none()
            || (self.mapper().catch_up(&runtime.ahead(), runtime.machine()) && late.all(|a| self.comes_to_hand(a)))
    }

    /// Waits for the values of a small base. Not if they are lost: that shows where the program reads what is made of them.
    fn comes_to_hand(&self, a: &NdArray) -> bool {
        a.base.nbytes() <= self.small_bytes() && (a.is_ready() || self.fetch_base(a, &|| false).is_ok())
    }
}
