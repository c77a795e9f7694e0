//! The Python package in `.venv`: built and installed when its sources changed, left alone (a few milliseconds) when they did not.
//!
//! The Python sources are installed as links (an editable install), so only the Rust sources and the build's own files count as changes.

use crate::workspace::Workspace;
use crate::{process, python};
use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

/// maturin builds extension modules and makes Python packages of them; it installs what `legate-py/pyproject.toml` asks for.
const BASE: &[&str] = &["maturin>=1.9,<2"];

/// Crates whose sources end up in the extension module.
const CRATES: &[&str] = &["legate-comm", "legate-core", "legate-kernels", "legate-mapper", "legate-numpy", "legate-py"];
/// Files besides the crates' that a build depends on.
const BUILD_FILES: &[&str] = &["Cargo.toml", "Cargo.lock", "rust-toolchain.toml", ".cargo/config.toml"];

/// What is installed beside the package and its own requirements.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extras {
    None,
    /// What its tests need.
    Test,
}

/// Brings `.venv` up to date. Two calls at the same time wait for each other.
///
/// # Errors
/// If something the build needs is missing, or the build fails.
pub(crate) fn ensure_installed(workspace: &Workspace, extras: Extras) -> Result<()> {
    let wanted = Stamp::wanted(workspace, extras)?;
    if wanted.iter().all(|stamp| stamp.is_current(workspace)) {
        return Ok(());
    }
    let _lock = lock(workspace)?;
    // Asked again one by one: another call may have done it while we waited, and a new environment has nothing in it.
    for stamp in &wanted {
        if stamp.is_current(workspace) {
            continue;
        }
        match stamp.name {
            BASE_STAMP => make_venv(workspace)?,
            TEST_STAMP => build(workspace, Extras::Test)?,
            _ => build(workspace, Extras::None)?,
        }
        stamp.write(workspace)?;
    }
    Ok(())
}

/// A virtual environment with what building takes, and no package in it yet. Lints of the extension's crate need a Python.
///
/// # Errors
/// If there is no suitable Python, or no package index.
pub(crate) fn ensure_venv(workspace: &Workspace) -> Result<()> {
    let stamp = Stamp::of_base(workspace);
    if stamp.is_current(workspace) {
        return Ok(());
    }
    let _lock = lock(workspace)?;
    make_venv(workspace)?;
    stamp.write(workspace)
}

/// The environment in which cargo compiles the extension's crate outside maturin: lints and documentation.
pub(crate) fn extension_environment(workspace: &Workspace, cargo: &mut Command) {
    cargo.env("PYO3_PYTHON", workspace.venv_command("python")).env("PYO3_BUILD_EXTENSION_MODULE", "1");
}

fn make_venv(workspace: &Workspace) -> Result<()> {
    python::ensure_venv(workspace)?;
    python::install(workspace, BASE)?;
    python::offer_hwloc(workspace);
    Ok(())
}

fn build(workspace: &Workspace, extras: Extras) -> Result<()> {
    let mut maturin = Command::new(workspace.venv_command("maturin"));
    maturin.args(["develop", "--release", "--locked"]).current_dir(workspace.path("legate-py"));
    if extras == Extras::Test {
        maturin.args(["--extras", "test"]);
    }
    maturin.env("VIRTUAL_ENV", workspace.venv()).env_remove("CONDA_PREFIX").env_remove("PYTHONHOME");
    maturin.env("PIP_DISABLE_PIP_VERSION_CHECK", "1");
    process::run(&mut maturin).context("could not build the Python package")
}

/// Held while `.venv` is changed; released when the process ends, however it ends.
fn lock(workspace: &Workspace) -> Result<File> {
    let folder = workspace.path("target");
    fs::create_dir_all(&folder).with_context(|| format!("could not make {}", folder.display()))?;
    let path = folder.join("xtask.lock");
    let file = File::create(&path).with_context(|| format!("could not open {}", path.display()))?;
    if file.try_lock().is_err() {
        eprintln!("waiting for another cargo xtask");
        file.lock().with_context(|| format!("could not lock {}", path.display()))?;
    }
    Ok(file)
}

const BASE_STAMP: &str = "base";
const TEST_STAMP: &str = "test";
const PACKAGE_STAMP: &str = "package";

/// A file in `.venv` that says what was installed.
struct Stamp {
    name: &'static str,
    value: u64,
}

impl Stamp {
    /// What must be true of `.venv`, in the order in which it is made true.
    fn wanted(workspace: &Workspace, extras: Extras) -> Result<Vec<Stamp>> {
        let mut stamps =
            vec![Stamp::of_base(workspace), Stamp { name: PACKAGE_STAMP, value: fingerprint(workspace.root())? }];
        if extras == Extras::Test {
            let requirements =
                fs::read_to_string(workspace.path("legate-py/pyproject.toml")).context("legate-py/pyproject.toml")?;
            stamps.push(Stamp::of_words(TEST_STAMP, &[&requirements]));
        }
        Ok(stamps)
    }

    /// With the place: an environment that was moved is made anew.
    fn of_base(workspace: &Workspace) -> Stamp {
        let venv = workspace.venv();
        let place = venv.to_string_lossy();
        let words: Vec<&str> = BASE.iter().copied().chain([place.as_ref()]).collect();
        Stamp::of_words(BASE_STAMP, &words)
    }

    fn of_words(name: &'static str, words: &[&str]) -> Stamp {
        let mut hasher = DefaultHasher::new();
        words.hash(&mut hasher);
        Stamp { name, value: hasher.finish() }
    }

    fn path(&self, workspace: &Workspace) -> PathBuf {
        workspace.venv().join(format!(".stamp-{}", self.name))
    }

    /// Whether it was installed, and is still there: a Python that was removed leaves a dangling link.
    fn is_current(&self, workspace: &Workspace) -> bool {
        let is_there = match self.name {
            PACKAGE_STAMP => {
                workspace.venv_command("legate").exists() && has_extension(&workspace.path("legate-py/python/legate"))
            }
            _ => workspace.venv_command("python").exists(),
        };
        is_there && fs::read_to_string(self.path(workspace)).is_ok_and(|text| text == format!("{:016x}", self.value))
    }

    fn write(&self, workspace: &Workspace) -> Result<()> {
        let path = self.path(workspace);
        fs::write(&path, format!("{:016x}", self.value)).with_context(|| format!("could not write {}", path.display()))
    }
}

/// Whether the folder has an extension module in it: an editable install leaves it between the Python sources.
fn has_extension(folder: &Path) -> bool {
    let is_extension = |name: &str| name.starts_with("_native") && name.ends_with(".so");
    fs::read_dir(folder).is_ok_and(|mut entries| {
        entries.any(|entry| entry.is_ok_and(|entry| is_extension(&entry.file_name().to_string_lossy())))
    })
}

/// A hash of the names and contents of all that the extension module is built from. Contents and not times: a checkout of another branch
/// and back changes times only.
fn fingerprint(root: &Path) -> Result<u64> {
    let mut files: BTreeSet<PathBuf> =
        BUILD_FILES.iter().map(|file| root.join(file)).filter(|file| file.exists()).collect();
    for name in CRATES {
        collect(&root.join(name), &mut files)?;
    }
    let mut hasher = DefaultHasher::new();
    std::env::var_os("RUSTFLAGS").hash(&mut hasher);
    for file in files {
        file.strip_prefix(root).unwrap_or(&file).hash(&mut hasher);
        fs::read(&file).with_context(|| format!("could not read {}", file.display()))?.hash(&mut hasher);
    }
    Ok(hasher.finish())
}

/// Adds the files below a crate that a build reads.
fn collect(folder: &Path, files: &mut BTreeSet<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("could not list {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_skipped =
            name.starts_with('.') || ["tests", "benches", "examples", "target", "__pycache__"].contains(&name.as_str());
        if is_skipped {
            continue;
        }
        if path.is_dir() {
            collect(&path, files)?;
        } else if is_build_input(&name) {
            files.insert(path);
        }
    }
    Ok(())
}

fn is_build_input(name: &str) -> bool {
    // Python sources are used where they lie; what else the crates include in their binaries (CUDA sources, tables) is text of other kinds.
    !(name.ends_with(".py")
        || name.ends_with(".pyi")
        || name.ends_with(".pyc")
        || name.ends_with(".so")
        || name.ends_with(".md"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A workspace with one source file per crate in a folder of its own.
    fn fixture(name: &str) -> PathBuf {
        let root = std::env::temp_dir().join(format!("xtask-{name}-{}", std::process::id()));
        for krate in CRATES {
            fs::create_dir_all(root.join(krate).join("src")).expect("temporary folder");
            fs::write(root.join(krate).join("src/lib.rs"), "//! Empty.").expect("temporary file");
        }
        root
    }

    #[test]
    fn the_fingerprint_follows_sources_and_not_tests_or_python() {
        let root = fixture("fingerprint");
        let before = fingerprint(&root).expect("readable");
        fs::create_dir_all(root.join("legate-core/tests")).expect("temporary folder");
        fs::write(root.join("legate-core/tests/it.rs"), "").expect("temporary file");
        fs::write(root.join("legate-py/extra.py"), "").expect("temporary file");
        assert_eq!(fingerprint(&root).expect("readable"), before);
        fs::write(root.join("legate-core/src/lib.rs"), "//! Changed.").expect("temporary file");
        let changed = fingerprint(&root).expect("readable");
        assert_ne!(changed, before);
        fs::write(root.join("legate-core/src/new.rs"), "").expect("temporary file");
        assert_ne!(fingerprint(&root).expect("readable"), changed);
        fs::remove_dir_all(root).expect("temporary folder");
    }
}
