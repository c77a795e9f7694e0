//! Finds a Python, makes the virtual environment, installs packages into it.

use crate::process;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};

/// The oldest version that the package supports.
const OLDEST: (u32, u32) = (3, 10);
/// The newest version that is looked for by its name; `python3` may be newer.
const NEWEST_MINOR: u32 = 15;

/// What asking an interpreter tells.
#[derive(Debug, PartialEq)]
struct Interpreter {
    command: OsString,
    version: (u32, u32),
    /// Whether it has all that making a virtual environment takes; Debian packs that apart.
    can_make_venv: bool,
}

/// Makes `.venv` with a pip in it, unless there is one that works.
///
/// # Errors
/// If there is no suitable Python; says what to install.
pub(crate) fn ensure_venv(workspace: &Workspace) -> Result<()> {
    let venv = workspace.venv();
    let present = ask(workspace.venv_command("python").into_os_string());
    if present.is_some_and(|python| python.version >= OLDEST) && is_at_home(workspace) {
        return Ok(());
    }
    if venv.exists() && !venv.join("pyvenv.cfg").exists() {
        bail!("{} is in the way: it is not a virtual environment", venv.display());
    }
    make_venv(&venv)
}

/// Makes a virtual environment with a pip in it, in place of what is there.
///
/// # Errors
/// If there is no suitable Python; says what to install.
pub(crate) fn make_venv(folder: &Path) -> Result<()> {
    let python = find_or_install()?;
    // `--clear` empties what a Python that is gone left behind.
    process::run(Command::new(&python.command).args(["-m", "venv", "--clear"]).arg(folder))
        .with_context(|| format!("could not make the virtual environment {}", folder.display()))
}

/// Whether the environment was made at this place: its commands name their interpreter by an absolute path, and so do not survive a move.
fn is_at_home(workspace: &Workspace) -> bool {
    let pip = std::fs::read_to_string(workspace.venv_command("pip"));
    pip.is_ok_and(|script| workspace.venv().to_str().is_some_and(|venv| script.contains(venv)))
}

/// `pip install` of the requirements into `.venv`.
///
/// # Errors
/// If pip fails, with its own output above.
pub(crate) fn install(workspace: &Workspace, requirements: &[&str]) -> Result<()> {
    install_into(&workspace.venv(), requirements)
}

/// `pip install` of the requirements into a virtual environment.
///
/// # Errors
/// If pip fails, with its own output above.
pub(crate) fn install_into(venv: &Path, requirements: &[&str]) -> Result<()> {
    let mut pip = Command::new(venv.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(requirements);
    process::run(&mut pip).with_context(|| {
        format!("could not install {} (pip needs its package index for the first call)", requirements.join(", "))
    })
}

fn find_or_install() -> Result<Interpreter> {
    let complaint = match find()? {
        Found::Complete(python) => return Ok(python),
        Found::WithoutVenv(python) => {
            let (major, minor) = python.version;
            let package = format!("python{major}.{minor}-venv");
            if apt_install(&package) {
                None
            } else {
                Some(format!(
                    "{} cannot make virtual environments; install its part for that: apt-get install {package}",
                    python.command.display()
                ))
            }
        }
        Found::Nothing if apt_install("python3-venv") => None,
        Found::Nothing => Some(format!(
            "no Python {}.{} or newer found; install one (apt-get install python3 python3-venv) or name one: PYTHON=/path/to/python3",
            OLDEST.0, OLDEST.1
        )),
    };
    match complaint {
        Some(complaint) => bail!(complaint),
        None => match find()? {
            Found::Complete(python) => Ok(python),
            _ => bail!("Python was installed but still cannot make virtual environments"),
        },
    }
}

enum Found {
    Complete(Interpreter),
    WithoutVenv(Interpreter),
    Nothing,
}

/// `$PYTHON` if set, else the first of python3, python3.15 … python3.10, python that will do.
fn find() -> Result<Found> {
    if let Some(named) = std::env::var_os("PYTHON") {
        return match ask(named.clone()) {
            Some(python) if python.version < OLDEST => {
                bail!(
                    "PYTHON={} is version {}.{}, older than {}.{}",
                    named.display(),
                    python.version.0,
                    python.version.1,
                    OLDEST.0,
                    OLDEST.1
                )
            }
            Some(python) if python.can_make_venv => Ok(Found::Complete(python)),
            Some(python) => Ok(Found::WithoutVenv(python)),
            None => bail!("PYTHON={} does not start", named.display()),
        };
    }
    let by_version = (OLDEST.1..=NEWEST_MINOR).rev().map(|minor| format!("python3.{minor}"));
    let names = std::iter::once("python3".to_owned()).chain(by_version).chain(std::iter::once("python".to_owned()));
    Ok(choose(names.filter_map(|name| ask(name.into()))))
}

/// The first complete interpreter that is new enough, else the first that lacks only the venv part.
fn choose(interpreters: impl Iterator<Item = Interpreter>) -> Found {
    let mut incomplete = None;
    for python in interpreters.filter(|python| python.version >= OLDEST) {
        if python.can_make_venv {
            return Found::Complete(python);
        }
        incomplete.get_or_insert(python);
    }
    incomplete.map_or(Found::Nothing, Found::WithoutVenv)
}

/// Starts an interpreter; `None` if that fails (a name that only a version manager knows, for example).
fn ask(command: OsString) -> Option<Interpreter> {
    const SCRIPT: &str = "\
import importlib.util, sys
complete = all(importlib.util.find_spec(name) for name in ('venv', 'ensurepip'))
print(sys.version_info[0], sys.version_info[1], int(complete))";
    let output =
        Command::new(&command).args(["-c", SCRIPT]).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let mut words = text.split_whitespace().map(|word| word.parse::<u32>().ok());
    let (major, minor, complete) = (words.next()??, words.next()??, words.next()??);
    Some(Interpreter { command, version: (major, minor), can_make_venv: complete == 1 })
}

/// Says so if hwloc is absent, after trying to install it where that is allowed. Everything works without it; the topology then comes from the operating
/// system alone.
pub(crate) fn offer_hwloc(workspace: &Workspace) {
    let loads = |workspace: &Workspace| {
        let mut python = Command::new(workspace.venv_command("python"));
        process::succeeds(python.args(["-c", "import ctypes; ctypes.CDLL('libhwloc.so.15')"]))
    };
    let is_there = loads(workspace) || (apt_install("libhwloc15") && loads(workspace));
    if !is_there {
        eprintln!(
            "hint: hwloc is not installed; the machine's topology is read from the operating system. To install it: apt-get install libhwloc15"
        );
    }
}

/// Installs a Debian package where we may: as root, with apt-get. `LEGATE_NO_APT=1` forbids it.
fn apt_install(package: &str) -> bool {
    let allowed = std::env::var_os("LEGATE_NO_APT").is_none_or(|value| value == "0");
    if !allowed || !is_root() || !Path::new("/usr/bin/apt-get").exists() {
        return false;
    }
    eprintln!("installing the system package {package} (LEGATE_NO_APT=1 keeps us from that)");
    let apt = |words: &[&str]| {
        let mut command = Command::new("/usr/bin/apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command.args(["-qq", "-o", "Acquire::http::Timeout=15", "-o", "Acquire::Retries=0"]).args(words);
        process::succeeds(&mut command)
    };
    let install = ["install", "-y", "--no-install-recommends", package];
    apt(&install) || (apt(&["update"]) && apt(&install))
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn python(command: &str, version: (u32, u32), can_make_venv: bool) -> Interpreter {
        Interpreter { command: command.into(), version, can_make_venv }
    }

    #[test]
    fn an_old_python_is_passed_over_and_a_complete_one_preferred() {
        let candidates = [python("old", (3, 9), true), python("bare", (3, 12), false), python("good", (3, 10), true)];
        assert!(matches!(choose(candidates.into_iter()), Found::Complete(found) if found.command == "good"));
    }

    #[test]
    fn a_python_without_venv_is_named_if_there_is_no_better() {
        let candidates = [python("old", (2, 7), true), python("bare", (3, 12), false)];
        assert!(matches!(choose(candidates.into_iter()), Found::WithoutVenv(found) if found.command == "bare"));
        assert!(matches!(choose(std::iter::empty()), Found::Nothing));
    }

    #[test]
    fn something_that_is_not_python_is_no_interpreter() {
        assert_eq!(ask("true".into()), None);
        assert_eq!(ask("no-such-command".into()), None);
    }
}
