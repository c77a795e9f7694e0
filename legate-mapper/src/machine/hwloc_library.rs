//! libhwloc, loaded at run time: this computer's topology as XML text. The crate's only unsafe code.
//!
//! Signatures are those of `hwloc.h` and `hwloc/export.h` of hwloc 2, which its shared-object number 15 stands for; the version is asked before
//! anything that changed between hwloc 1 and 2 is called. Results are copied into Rust values before hwloc's memory is given back.

use libloading::{Library, Symbol};
use std::ffi::{c_char, c_int, c_uint, c_ulong, c_void};
use std::mem::ManuallyDrop;
use std::ptr;

#[cfg(target_os = "macos")]
const NAMES: [&str; 2] = ["libhwloc.15.dylib", "/opt/homebrew/lib/libhwloc.15.dylib"];
#[cfg(windows)]
const NAMES: [&str; 1] = ["libhwloc-15.dll"];
#[cfg(not(any(target_os = "macos", windows)))]
const NAMES: [&str; 1] = ["libhwloc.so.15"];

/// The interface's major number that the signatures below belong to.
const MAJOR: c_uint = 2;

type Topology = *mut c_void;
type GetApiVersion = unsafe extern "C" fn() -> c_uint;
type Init = unsafe extern "C" fn(*mut Topology) -> c_int;
type Load = unsafe extern "C" fn(Topology) -> c_int;
type ExportXmlBuffer = unsafe extern "C" fn(Topology, *mut *mut c_char, *mut c_int, c_ulong) -> c_int;
type FreeXmlBuffer = unsafe extern "C" fn(Topology, *mut c_char);
type Destroy = unsafe extern "C" fn(Topology);

/// This computer's topology in hwloc's XML format; `None` if there is no libhwloc 2, or it fails.
pub(super) fn topology_xml() -> Option<String> {
    let library = Hwloc::open()?;
    let topology = library.load_topology()?;
    topology.xml()
}

/// The functions in use. They are valid for ever: the library is never unloaded (it and its plug-ins keep process-wide state).
struct Hwloc {
    init: Init,
    load: Load,
    export: ExportXmlBuffer,
    free: FreeXmlBuffer,
    destroy: Destroy,
}

impl Hwloc {
    fn open() -> Option<Hwloc> {
        // SAFETY: opening runs the library's initialisers. libhwloc's, and those of the libraries that it needs, have no preconditions; any program
        // that links it runs them before `main`, and they do not touch this process's other state.
        let library = NAMES.iter().find_map(|name| unsafe { Library::new(*name) }.ok())?;
        let library = ManuallyDrop::new(library);
        // SAFETY: `GetApiVersion` is the function's type in every version of hwloc since 1.0.
        let version: GetApiVersion = unsafe { symbol(&library, b"hwloc_get_api_version\0") }?;
        // SAFETY: it takes nothing, returns a constant, and the library stays loaded.
        let version = unsafe { version() };
        if version >> 16 != MAJOR {
            return None;
        }
        // SAFETY: the version is 2, so each function has the type of its field, taken from the headers of hwloc 2.
        unsafe {
            Some(Hwloc {
                init: symbol(&library, b"hwloc_topology_init\0")?,
                load: symbol(&library, b"hwloc_topology_load\0")?,
                export: symbol(&library, b"hwloc_topology_export_xmlbuffer\0")?,
                free: symbol(&library, b"hwloc_free_xmlbuffer\0")?,
                destroy: symbol(&library, b"hwloc_topology_destroy\0")?,
            })
        }
    }

    fn load_topology(&self) -> Option<LoadedTopology<'_>> {
        let mut raw: Topology = ptr::null_mut();
        // SAFETY: `raw` is a valid place for the new topology's address.
        if unsafe { (self.init)(&mut raw) } != 0 || raw.is_null() {
            return None;
        }
        // From here on `drop` destroys it, loaded or not.
        let topology = LoadedTopology { hwloc: self, raw };
        // SAFETY: `raw` was initialised above and is not loaded yet. hwloc reads the kernel's files, and may bind the calling thread to one
        // core after another for a moment; it puts the binding back.
        let status = unsafe { (self.load)(topology.raw) };
        (status == 0).then_some(topology)
    }
}

/// # Safety
/// `F` must be the type of the function pointer that the library means by the name, and the library must never be unloaded.
unsafe fn symbol<F: Copy>(library: &Library, name: &[u8]) -> Option<F> {
    // SAFETY: the caller's promise; the copied function pointer outlives the `Symbol` because the library stays loaded.
    unsafe { library.get(name) }.ok().map(|symbol: Symbol<'_, F>| *symbol)
}

/// Invariant: `raw` came from `hwloc_topology_init` and has not been destroyed.
struct LoadedTopology<'a> {
    hwloc: &'a Hwloc,
    raw: Topology,
}

impl LoadedTopology<'_> {
    fn xml(&self) -> Option<String> {
        let (mut buffer, mut length): (*mut c_char, c_int) = (ptr::null_mut(), 0);
        // SAFETY: `raw` is loaded (only `load_topology` makes one, and hands it out loaded), the two places are valid, 0 is no flags.
        let status = unsafe { (self.hwloc.export)(self.raw, &mut buffer, &mut length, 0) };
        if status != 0 || buffer.is_null() {
            return None;
        }
        let bytes = usize::try_from(length).unwrap_or(0);
        // SAFETY: on success hwloc has set `buffer` to `length` initialised bytes (the ending NUL included), which are ours until freed;
        // they are copied here.
        let text = unsafe { std::slice::from_raw_parts(buffer.cast::<u8>(), bytes) }.to_vec();
        // SAFETY: `buffer` came from this topology's export, is not used again, and is freed once.
        unsafe { (self.hwloc.free)(self.raw, buffer) };
        let text = String::from_utf8(text).ok()?;
        Some(text.trim_end_matches('\0').to_owned())
    }
}

impl Drop for LoadedTopology<'_> {
    fn drop(&mut self) {
        // SAFETY: by the invariant; nothing of the topology is used afterwards.
        unsafe { (self.hwloc.destroy)(self.raw) }
    }
}
