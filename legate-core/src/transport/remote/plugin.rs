//! A plug-in that was loaded, as a [`Link`].

use super::link::{Link, LinkError, Part, Request};
use legate_comm::{ENTRY, Entry, Envelope, Standing, Table, VERSION};
use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_LOCAL, RTLD_NOW};
use std::collections::BTreeMap;
use std::ffi::c_int;
use std::path::{Path, PathBuf};

/// Room for an explanation of a plug-in.
const WORDS: usize = 1024;

/// A plug-in whose ranks this process has joined. One process loads and joins once.
pub struct Plugin {
    table: &'static Table,
    standing: Standing,
    /// Held until their requests are done.
    parts: BTreeMap<Request, Part>,
}

/// Why a process is not joined to others.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// A library cannot be loaded.
    #[error("cannot load {}: {reason}", path.display())]
    Load {
        /// Which.
        path: PathBuf,
        /// The loader's words.
        reason: String,
    },
    /// It was built for another version of the runtime.
    #[error("{} speaks version {theirs} of the plug-in interface, this runtime version {VERSION}", path.display())]
    Version {
        /// Which.
        path: PathBuf,
        /// Its version.
        theirs: u32,
    },
    /// The library behind the plug-in refuses.
    #[error("{library}: {reason}")]
    Refused {
        /// Name and version of the library.
        library: String,
        /// Its words.
        reason: String,
    },
}

impl Plugin {
    /// Loads `plugin` and joins. `libraries`: names or paths of the library that it uses, of which the first that can be loaded is taken (one that the process has
    /// already, if it has that name).
    ///
    /// # Errors
    /// [`JoinError`].
    pub fn join(plugin: &Path, libraries: &[PathBuf]) -> Result<Plugin, JoinError> {
        let missing = behind(libraries);
        // A plug-in may know its library itself. If it does not, what is missing is the library.
        let loaded = load(plugin, RTLD_LOCAL).map_err(|error| missing.unwrap_or(error))?;
        let table = table(loaded, plugin)?;
        let mut standing = Standing::default();
        // SAFETY: the table's version is ours, so that its functions are what `Table` says; it is the first call, and `standing` may be written.
        match unsafe { (table.join)(&mut standing) } {
            0 => Ok(Plugin { table, standing, parts: BTreeMap::new() }),
            code => Err(JoinError::Refused { library: describe(table), reason: explain(table, code) }),
        }
    }

    /// Name and version of the library behind it.
    pub fn describe(&self) -> String {
        describe(self.table)
    }

    fn check(&self, code: c_int) -> Result<(), LinkError> {
        if code == 0 { Ok(()) } else { Err(LinkError(explain(self.table, code))) }
    }
}

/// Loads the first of these that can be loaded, for plug-ins to find. Returns what is the matter with the first, if none can.
fn behind(libraries: &[PathBuf]) -> Option<JoinError> {
    let mut first = None;
    for library in libraries {
        match load(library, RTLD_GLOBAL) {
            Ok(_) => return None,
            Err(error) => drop(first.get_or_insert(error)),
        }
    }
    first
}

/// Loads a library for as long as the process lives: message-passing libraries do not bear to be unloaded.
fn load(path: &Path, scope: c_int) -> Result<&'static Library, JoinError> {
    // SAFETY: its initialisers are those of a library that the user, or the installation, has named as the one to use.
    let library = unsafe { Library::open(Some(path), RTLD_NOW | scope) };
    let library = library.map_err(|error| {
        let reason = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
        JoinError::Load { path: path.to_owned(), reason }
    })?;
    Ok(Box::leak(Box::new(library)))
}

fn table(library: &Library, path: &Path) -> Result<&'static Table, JoinError> {
    let missing = |reason: String| JoinError::Load { path: path.to_owned(), reason };
    // SAFETY: what has this name is a function of this type, by the contract of `legate_comm`.
    let entry = unsafe { library.get::<Entry>(ENTRY.as_bytes()) }.map_err(|error| missing(error.to_string()))?;
    // SAFETY: the function takes nothing and gives the address of a table that lives as long as the process, since the library is never closed.
    let table = unsafe { entry().as_ref() }.ok_or_else(|| missing("it has no table".to_owned()))?;
    if table.version == VERSION {
        Ok(table)
    } else {
        Err(JoinError::Version { path: path.to_owned(), theirs: table.version })
    }
}

fn describe(table: &Table) -> String {
    words(|text, capacity| {
        // SAFETY: `text` has room for `capacity` bytes.
        unsafe { (table.describe)(text, capacity) }
    })
}

fn explain(table: &Table, code: c_int) -> String {
    words(|text, capacity| {
        // SAFETY: `text` has room for `capacity` bytes.
        unsafe { (table.explain)(code, text, capacity) }
    })
}

fn words(write: impl FnOnce(*mut u8, usize) -> usize) -> String {
    let mut text = vec![0; WORDS];
    let len = write(text.as_mut_ptr(), text.len());
    text.truncate(len);
    String::from_utf8_lossy(&text).trim().to_owned()
}

impl Link for Plugin {
    fn standing(&self) -> Standing {
        self.standing
    }

    fn send(&mut self, part: Part, to: u32, tag: u32) -> Result<Request, LinkError> {
        let (mut request, bytes) = (0, &part.buffer.as_slice()[part.range.clone()]);
        // SAFETY: the bytes stay in place until the request is done: `parts` holds their buffer, and nobody writes a buffer that is shared.
        self.check(unsafe { (self.table.send)(bytes.as_ptr(), bytes.len(), to, tag, &mut request) })?;
        self.parts.insert(request, part);
        Ok(request)
    }

    fn probe(&mut self) -> Result<Option<Envelope>, LinkError> {
        let mut found = Envelope::default();
        // SAFETY: `found` may be written.
        self.check(unsafe { (self.table.probe)(&mut found) })?;
        Ok((found.present != 0).then_some(found))
    }

    fn receive(&mut self, envelope: &Envelope, into: Part) -> Result<Request, LinkError> {
        assert!(
            into.range.end <= into.buffer.len() && into.range.len() as u64 == envelope.len,
            "the message has its room"
        );
        let mut request = 0;
        // SAFETY: the range lies in the buffer, which stays in place until the request is done, since `parts` holds it; until then nobody but the library reads or writes
        // the range, by the contract of `Part`.
        let code = unsafe {
            let data = into.buffer.as_ptr().add(into.range.start);
            (self.table.receive)(envelope.message, data, into.range.len(), &mut request)
        };
        self.check(code)?;
        self.parts.insert(request, into);
        Ok(request)
    }

    fn test(&mut self, request: Request) -> Result<bool, LinkError> {
        let mut done = 0;
        // SAFETY: `done` may be written.
        self.check(unsafe { (self.table.test)(request, &mut done) })?;
        if done != 0 {
            self.parts.remove(&request);
        }
        Ok(done != 0)
    }

    fn leave(&mut self) -> Result<(), LinkError> {
        // SAFETY: the last call of this process.
        self.check(unsafe { (self.table.leave)() })
    }

    fn abort(&self, code: i32) {
        // SAFETY: no preconditions.
        unsafe { (self.table.abort)(code) };
    }
}
