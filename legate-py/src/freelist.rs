//! Memory of array objects that are gone, kept for the next ones.
//!
//! Programs of small arrays make and drop an array object with each operation. pyo3's own lists of this kind take a lock; the interpreter's lock is enough.

use crate::array::{Array, NdArrayObject};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::{Borrowed, PyTypeInfo};
use std::cell::UnsafeCell;
use std::ffi::c_void;

/// Objects that are kept at most.
const CAPACITY: usize = 64;

struct List(UnsafeCell<Kept>);

struct Kept {
    /// The class whose instances are kept; null before [`install`].
    class: *mut ffi::PyTypeObject,
    objects: [*mut ffi::PyObject; CAPACITY],
    len: usize,
}

// SAFETY: only threads attached to the interpreter look into the list, so there is one at a time; the pointers belong to no thread.
unsafe impl Sync for List {}

static LIST: List =
    List(UnsafeCell::new(Kept { class: std::ptr::null_mut(), objects: [std::ptr::null_mut(); CAPACITY], len: 0 }));

/// Lets the instances of `ndarray` itself (not of subclasses) be made from the list, and go there. Called once, when the module is made.
pub(crate) fn install(py: Python<'_>) {
    let class = NdArrayObject::type_object_raw(py);
    // SAFETY: the thread is attached; no instance has been made yet. Both functions keep to the rules of the slots, and fall back to what the slots were.
    unsafe {
        (*LIST.0.get()).class = class;
        (*class).tp_alloc = Some(alloc);
        (*class).tp_free = Some(free);
    }
}

/// Whether the object is an `ndarray` itself, of no subclass.
pub(crate) fn is_plain(object: &Bound<'_, PyAny>) -> bool {
    // SAFETY: a bound object is proof that the thread is attached.
    object.get_type_ptr() == unsafe { (*LIST.0.get()).class }
}

/// The array that an object is, if it is an `ndarray` itself.
pub(crate) fn plain<'a, 'py>(object: Borrowed<'a, 'py, PyAny>) -> Option<Borrowed<'a, 'py, Array>> {
    // SAFETY: the class extends `Array`.
    is_plain(&object).then(|| unsafe { object.cast_unchecked() })
}

/// # Safety
/// Called by CPython, attached, as the slot's rules say.
unsafe extern "C" fn alloc(class: *mut ffi::PyTypeObject, items: ffi::Py_ssize_t) -> *mut ffi::PyObject {
    // SAFETY: attached, so nobody else is here; nothing below calls back before the borrow ends. A kept object is memory of an instance of just this
    // class with its header of the garbage collector, untracked; whoever asked writes its contents.
    unsafe {
        let list = LIST.0.get();
        if class == (*list).class && (*list).len > 0 {
            (*list).len -= 1;
            return ffi::PyObject_Init((*list).objects[(*list).len], class);
        }
        ffi::PyType_GenericAlloc(class, items)
    }
}

/// # Safety
/// As for [`alloc`].
unsafe extern "C" fn free(object: *mut c_void) {
    // SAFETY: as in `alloc`; the object has been untracked and its contents dropped, as every deallocation does before it frees.
    unsafe {
        let list = LIST.0.get();
        let object = object.cast::<ffi::PyObject>();
        if ffi::Py_TYPE(object) == (*list).class && (*list).len < CAPACITY {
            (*list).objects[(*list).len] = object;
            (*list).len += 1;
            return;
        }
        ffi::PyObject_GC_Del(object.cast());
    }
}
