//! What a library that connects ranks gives the runtime: a table of C functions.
//!
//! The runtime neither links nor names a message-passing library. When ranks are asked for it loads a plug-in that was built for the library that is there, asks it
//! for its [`Table`] through the symbol [`ENTRY`], and checks [`VERSION`]. The plug-in moves bytes between ranks, no more: what messages mean, their order, their packing
//! and their splitting are the runtime's (`legate_core::transport`).
//!
//! Contract:
//! - The functions are called one at a time, but by any thread.
//! - A function returns 0, or a code that [`Table::explain`] puts into words. None ends the process but [`Table::abort`], and none blocks but [`Table::join`] and [`Table::leave`].
//! - Messages of one sender, receiver and tag arrive in the order in which they were sent.

use std::ffi::c_int;

/// Changes when [`Table`] or its contract does: a plug-in of another version is refused.
pub const VERSION: u32 = 1;

/// The symbol of type [`Entry`] that a plug-in exports.
pub const ENTRY: &str = "legate_comm_table";

/// The type of the exported function. The table lives as long as the process.
pub type Entry = unsafe extern "C" fn() -> *const Table;

/// The longest message that may be given to [`Table::send`], in bytes: counts are 32-bit integers in most libraries.
pub const MOST_BYTES: usize = 1 << 30;

/// Where a process stands among the others.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// This process, from 0.
    pub rank: u32,
    /// How many there are.
    pub ranks: u32,
    /// This process among those that share its memory, from 0.
    pub local_rank: u32,
    /// How many share its memory.
    pub local_ranks: u32,
}

/// A message that has come.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// 0: none has come, and the other fields mean nothing.
    pub present: u32,
    /// The sender.
    pub from: u32,
    /// As the sender gave it.
    pub tag: u32,
    /// Names the message towards [`Table::receive`], which must be called for it.
    pub message: u64,
    /// Bytes.
    pub len: u64,
}

/// The functions of a plug-in. Requests are names that the plug-in gives; each is forgotten when [`Table::test`] has found it done.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Table {
    /// [`VERSION`] at the time the plug-in was built. The first field in every version.
    pub version: u32,
    /// Connects this process with the others that were started with it. Called once, before all others but `explain` and `describe`. A process that somebody else has connected already is
    /// joined as it is.
    pub join: unsafe extern "C" fn(standing: *mut Standing) -> c_int,
    /// Begins to send; `data` stays in place until the request is done. At most [`MOST_BYTES`].
    pub send: unsafe extern "C" fn(data: *const u8, len: usize, to: u32, tag: u32, request: *mut u64) -> c_int,
    /// Looks for a message, of any sender.
    pub probe: unsafe extern "C" fn(found: *mut Envelope) -> c_int,
    /// Begins to receive a message that was found into `data`, which has room for its bytes and stays in place until the request is done.
    pub receive: unsafe extern "C" fn(message: u64, data: *mut u8, len: usize, request: *mut u64) -> c_int,
    /// Whether a request is done (1) or not (0).
    pub test: unsafe extern "C" fn(request: u64, done: *mut u32) -> c_int,
    /// Ends all ranks, at once.
    pub abort: unsafe extern "C" fn(code: c_int),
    /// Disconnects. All ranks call it, when no request is open. The last call.
    pub leave: unsafe extern "C" fn() -> c_int,
    /// Writes what `code` means as UTF-8, at most `capacity` bytes; returns how many it wrote.
    pub explain: unsafe extern "C" fn(code: c_int, text: *mut u8, capacity: usize) -> usize,
    /// Writes name and version of the library as UTF-8, at most `capacity` bytes; returns how many it wrote.
    pub describe: unsafe extern "C" fn(text: *mut u8, capacity: usize) -> usize,
}
