//! Ranks connected through MPI.
//!
//! MPI's calls behind the table of [`legate_comm`], and nothing else: packing, order and progress are the runtime's. All calls come one at a time, so that
//! `MPI_THREAD_SERIALIZED` is enough; `MPI_THREAD_MULTIPLE` is asked for in case the program calls MPI itself (mpi4py).
//!
//! A communicator of our own keeps our messages apart from the program's. Errors are returned, not fatal ([`MPI_ERRORS_RETURN`]).

use legate_comm::{Envelope, Standing, Table, VERSION};
use mpi::ffi;
use parking_lot::Mutex;
use slotmap::{DefaultKey, Key, KeyData, SlotMap};
use std::ffi::{c_char, c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr::null_mut;

/// Codes of our own lie beyond all of MPI's (`MPI_ERR_LASTCODE` is at most some thousands).
const NOT_JOINED: c_int = c_int::MAX;
const TOO_LONG: c_int = c_int::MAX - 1;
const THREADS: c_int = c_int::MAX - 2;
const FINALIZED: c_int = c_int::MAX - 3;

/// The state of this process as a rank.
struct Rank {
    world: ffi::MPI_Comm,
    /// Whether we have initialised MPI, and so have to finalize it.
    owned: bool,
    requests: SlotMap<DefaultKey, ffi::MPI_Request>,
    messages: SlotMap<DefaultKey, ffi::MPI_Message>,
}

// SAFETY: handles of MPI are names that every thread may use, under the lock of `RANK` one at a time.
unsafe impl Send for Rank {}

static RANK: Mutex<Option<Rank>> = Mutex::new(None);

/// The functions.
static TABLE: Table = Table { version: VERSION, join, send, probe, receive, test, abort, leave, explain, describe };

/// See [`legate_comm::ENTRY`].
#[unsafe(no_mangle)]
pub extern "C" fn legate_comm_table() -> *const Table {
    &TABLE
}

/// MPI's answer as a result.
fn check(code: c_int) -> Result<(), c_int> {
    if code == ffi::MPI_SUCCESS as c_int { Ok(()) } else { Err(code) }
}

/// Runs `body` on the joined rank.
fn with_rank(body: impl FnOnce(&mut Rank) -> Result<(), c_int>) -> c_int {
    RANK.lock().as_mut().map_or(Err(NOT_JOINED), body).err().unwrap_or(0)
}

// ---------------------------------------------------------------------------------------------------------------------
// Coming and going
// ---------------------------------------------------------------------------------------------------------------------

/// # Safety
/// The contract of [`Table`].
unsafe extern "C" fn join(standing: *mut Standing) -> c_int {
    let joined = Rank::join().map(|(rank, found)| {
        // SAFETY: the caller's, by the contract of the table.
        unsafe { standing.write(found) };
        *RANK.lock() = Some(rank);
    });
    joined.err().unwrap_or(0)
}

impl Rank {
    fn join() -> Result<(Rank, Standing), c_int> {
        let owned = initialise()?;
        let mut world = MaybeUninit::uninit();
        // SAFETY: MPI is initialised, and the world is a communicator.
        let world = unsafe {
            check(ffi::MPI_Comm_dup(ffi::RSMPI_COMM_WORLD, world.as_mut_ptr()))?;
            world.assume_init()
        };
        // SAFETY: `world` is a communicator; the constant is an error handler of every MPI.
        check(unsafe { ffi::MPI_Comm_set_errhandler(world, ffi::RSMPI_ERRORS_RETURN) })?;
        let (rank, ranks) = place(world)?;
        let (local_rank, local_ranks) = place_on_host(world, rank)?;
        let rank_state = Rank { world, owned, requests: SlotMap::new(), messages: SlotMap::new() };
        Ok((rank_state, Standing { rank, ranks, local_rank, local_ranks }))
    }
}

/// Initialises MPI unless somebody has. Returns whether it was us.
fn initialise() -> Result<bool, c_int> {
    let (mut before, mut over, mut level) = (0, 0, 0);
    // SAFETY: these may be called at any time, and write one integer each.
    unsafe {
        check(ffi::MPI_Initialized(&mut before))?;
        check(ffi::MPI_Finalized(&mut over))?;
    }
    if over != 0 {
        return Err(FINALIZED);
    }
    if before == 0 {
        // SAFETY: MPI is not initialised; both null pointers stand for no arguments.
        check(unsafe { ffi::MPI_Init_thread(null_mut(), null_mut(), ffi::RSMPI_THREAD_MULTIPLE, &mut level) })?;
    } else {
        // SAFETY: MPI is initialised.
        check(unsafe { ffi::MPI_Query_thread(&mut level) })?;
    }
    // SAFETY: a constant.
    if level < unsafe { ffi::RSMPI_THREAD_SERIALIZED } { Err(THREADS) } else { Ok(before == 0) }
}

/// Rank and size.
fn place(comm: ffi::MPI_Comm) -> Result<(u32, u32), c_int> {
    let (mut rank, mut size) = (0, 0);
    // SAFETY: `comm` is a communicator.
    unsafe {
        check(ffi::MPI_Comm_rank(comm, &mut rank))?;
        check(ffi::MPI_Comm_size(comm, &mut size))?;
    }
    Ok((rank as u32, size as u32))
}

/// Rank and size among those that share our memory.
fn place_on_host(world: ffi::MPI_Comm, rank: u32) -> Result<(u32, u32), c_int> {
    let mut host = MaybeUninit::uninit();
    // SAFETY: `world` is a communicator, all of whose ranks call this; no hints are given.
    let mut host = unsafe {
        let kind = ffi::RSMPI_COMM_TYPE_SHARED;
        check(ffi::MPI_Comm_split_type(world, kind, rank as c_int, ffi::RSMPI_INFO_NULL, host.as_mut_ptr()))?;
        host.assume_init()
    };
    let found = place(host)?;
    // SAFETY: the communicator was made above and is not used again.
    check(unsafe { ffi::MPI_Comm_free(&mut host) })?;
    Ok(found)
}

/// # Safety
/// The contract of [`Table`].
unsafe extern "C" fn leave() -> c_int {
    let Some(mut rank) = RANK.lock().take() else { return NOT_JOINED };
    // SAFETY: the communicator is ours; MPI is finalized only by who has initialised it, and only once.
    let left = unsafe {
        check(ffi::MPI_Comm_free(&mut rank.world)).and_then(|()| {
            let mut over = 0;
            check(ffi::MPI_Finalized(&mut over))?;
            if rank.owned && over == 0 { check(ffi::MPI_Finalize()) } else { Ok(()) }
        })
    };
    left.err().unwrap_or(0)
}

/// # Safety
/// The contract of [`Table`].
unsafe extern "C" fn abort(code: c_int) {
    // Without the lock: whoever holds it may be what has failed.
    // SAFETY: MPI is initialised, else there is nobody to end.
    unsafe {
        ffi::MPI_Abort(ffi::RSMPI_COMM_WORLD, code);
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Messages
// ---------------------------------------------------------------------------------------------------------------------

fn count(len: usize) -> Result<c_int, c_int> {
    c_int::try_from(len).map_err(|_| TOO_LONG)
}

fn name(key: DefaultKey) -> u64 {
    key.data().as_ffi()
}

fn key(name: u64) -> DefaultKey {
    KeyData::from_ffi(name).into()
}

/// # Safety
/// The contract of [`Table`].
unsafe extern "C" fn send(data: *const u8, len: usize, to: u32, tag: u32, request: *mut u64) -> c_int {
    with_rank(|rank| {
        let (count, mut open) = (count(len)?, MaybeUninit::uninit());
        // SAFETY: by the contract of the table `data` has `len` bytes that stay in place until the request is done, and `request` may be written.
        unsafe {
            let (data, byte) = (data.cast::<c_void>(), ffi::RSMPI_UINT8_T);
            check(ffi::MPI_Isend(data, count, byte, to as c_int, tag as c_int, rank.world, open.as_mut_ptr()))?;
            request.write(name(rank.requests.insert(open.assume_init())));
        }
        Ok(())
    })
}

/// # Safety
/// The contract of [`Table`].
unsafe extern "C" fn probe(found: *mut Envelope) -> c_int {
    with_rank(|rank| {
        let (mut present, mut len) = (0, 0);
        let (mut message, mut status) = (MaybeUninit::uninit(), MaybeUninit::uninit());
        // SAFETY: all pointers are to places of our own; message and status are read only if MPI says that it has written them.
        let envelope = unsafe {
            let (source, tag) = (ffi::RSMPI_ANY_SOURCE, ffi::RSMPI_ANY_TAG);
            let (to_message, to_status) = (message.as_mut_ptr(), status.as_mut_ptr());
            check(ffi::MPI_Improbe(source, tag, rank.world, &mut present, to_message, to_status))?;
            if present == 0 {
                Envelope::default()
            } else {
                let status: ffi::MPI_Status = status.assume_init();
                check(ffi::MPI_Get_count(&status, ffi::RSMPI_UINT8_T, &mut len))?;
                Envelope {
                    present: 1,
                    from: status.MPI_SOURCE as u32,
                    tag: status.MPI_TAG as u32,
                    message: name(rank.messages.insert(message.assume_init())),
                    len: len as u64,
                }
            }
        };
        // SAFETY: the caller's, by the contract of the table.
        unsafe { found.write(envelope) };
        Ok(())
    })
}

/// # Safety
/// The contract of [`Table`].
unsafe extern "C" fn receive(message: u64, data: *mut u8, len: usize, request: *mut u64) -> c_int {
    with_rank(|rank| {
        let count = count(len)?;
        let mut message = rank.messages.remove(key(message)).ok_or(NOT_JOINED)?;
        let mut open = MaybeUninit::uninit();
        // SAFETY: by the contract of the table `data` has room for `len` bytes that stay in place until the request is done, and `request` may be written.
        unsafe {
            let (data, byte) = (data.cast::<c_void>(), ffi::RSMPI_UINT8_T);
            check(ffi::MPI_Imrecv(data, count, byte, &mut message, open.as_mut_ptr()))?;
            request.write(name(rank.requests.insert(open.assume_init())));
        }
        Ok(())
    })
}

/// # Safety
/// The contract of [`Table`].
unsafe extern "C" fn test(request: u64, done: *mut u32) -> c_int {
    with_rank(|rank| {
        let open = rank.requests.get_mut(key(request)).ok_or(NOT_JOINED)?;
        let mut flag = 0;
        // SAFETY: the request is open: it is forgotten below as soon as MPI has freed it. `done` may be written.
        unsafe {
            check(ffi::MPI_Test(open, &mut flag, ffi::RSMPI_STATUS_IGNORE))?;
            done.write(u32::from(flag != 0));
        }
        if flag != 0 {
            rank.requests.remove(key(request));
        }
        Ok(())
    })
}

// ---------------------------------------------------------------------------------------------------------------------
// Words
// ---------------------------------------------------------------------------------------------------------------------

/// Writes as much of `words` as there is room for.
///
/// # Safety
/// `text` has room for `capacity` bytes.
unsafe fn tell(words: &[u8], text: *mut u8, capacity: usize) -> usize {
    let len = words.len().min(capacity);
    // SAFETY: both have at least `len` bytes, and one of them is ours.
    unsafe { text.copy_from_nonoverlapping(words.as_ptr(), len) };
    len
}

/// What MPI writes into a buffer of its own size, without what follows its end.
fn words(size: usize, write: impl FnOnce(*mut c_char, &mut c_int) -> c_int) -> Vec<u8> {
    let (mut buffer, mut len) = (vec![0u8; size.max(1)], 0);
    if check(write(buffer.as_mut_ptr().cast(), &mut len)).is_err() {
        return b"no words for it".to_vec();
    }
    buffer.truncate(len.max(0) as usize);
    while buffer.last().is_some_and(|byte| *byte == 0 || byte.is_ascii_whitespace()) {
        buffer.pop();
    }
    buffer
}

/// # Safety
/// The contract of [`Table`].
unsafe extern "C" fn explain(code: c_int, text: *mut u8, capacity: usize) -> usize {
    let message = match code {
        NOT_JOINED => b"this process has not joined the others, or names what is gone".to_vec(),
        TOO_LONG => b"a message of more than 2 GiB in one piece".to_vec(),
        THREADS => {
            b"MPI was initialised by the program for one thread only; ask for MPI_THREAD_SERIALIZED or more".to_vec()
        }
        FINALIZED => b"MPI was finalized by the program before the first array".to_vec(),
        // SAFETY: the buffer has the size that MPI asks for.
        code => words(ffi::MPI_MAX_ERROR_STRING as usize, |to, len| unsafe { ffi::MPI_Error_string(code, to, len) }),
    };
    // SAFETY: the contract of the table.
    unsafe { tell(&message, text, capacity) }
}

/// # Safety
/// The contract of [`Table`].
unsafe extern "C" fn describe(text: *mut u8, capacity: usize) -> usize {
    // SAFETY: a constant; and the buffer has the size that MPI asks for.
    let message = unsafe {
        let size = ffi::RSMPI_MAX_LIBRARY_VERSION_STRING as usize;
        words(size, |to, len| ffi::MPI_Get_library_version(to, len))
    };
    // The first line: MPICH tells of its compilers in those that follow.
    let line = message.split(|byte| *byte == b'\n').next().unwrap_or_default();
    // SAFETY: the contract of the table.
    unsafe { tell(line, text, capacity) }
}
