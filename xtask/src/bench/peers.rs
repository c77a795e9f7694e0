//! Other libraries that make NumPy programs faster: an environment for each, so that none meddles with another's requirements or with ours.

use crate::workspace::Workspace;
use crate::{process, python};
use anyhow::{Result, ensure};
use std::path::PathBuf;
use std::process::Command;

/// A library to be timed beside ours.
pub(super) struct Peer {
    pub(super) name: &'static str,
    /// What pip installs.
    requirements: &'static [&'static str],
}

/// All of them. cuPyNumeric's package needs several GB and, to compute, a CUDA driver or a build without CUDA; where it cannot be had it is left out.
pub(super) const PEERS: [Peer; 5] = [
    Peer { name: "numexpr", requirements: &["numexpr"] },
    Peer { name: "numba", requirements: &["numba"] },
    Peer { name: "jax", requirements: &["jax"] },
    Peer { name: "dask", requirements: &["dask[array]"] },
    Peer { name: "cupynumeric", requirements: &["nvidia-cupynumeric"] },
];

/// The Python that has the peer, if it is installed.
pub(super) fn interpreter(workspace: &Workspace, name: &str) -> PathBuf {
    workspace.path(".peers").join(name).join("bin/python")
}

/// Whether the peer's environment was made and imports it.
pub(super) fn is_installed(workspace: &Workspace, name: &str) -> bool {
    let python = interpreter(workspace, name);
    python.exists() && process::succeeds(Command::new(python).args(["-c", &format!("import {name}")]))
}

/// Makes the environments. A peer that cannot be installed is reported and left out.
///
/// # Errors
/// If there is no Python to make environments with.
pub(super) fn set_up(workspace: &Workspace, names: &[&str]) -> Result<()> {
    for peer in PEERS.iter().filter(|peer| names.contains(&peer.name)) {
        if is_installed(workspace, peer.name) {
            println!("{}: installed", peer.name);
            continue;
        }
        match install(workspace, peer) {
            Ok(()) => println!("{}: installed", peer.name),
            Err(error) => println!("{}: left out: {error:#}", peer.name),
        }
    }
    Ok(())
}

fn install(workspace: &Workspace, peer: &Peer) -> Result<()> {
    let folder = workspace.path(".peers").join(peer.name);
    python::make_venv(&folder)?;
    let mut pip = Command::new(interpreter(workspace, peer.name));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:", "numpy"]);
    process::run(pip.args(peer.requirements))?;
    // What installs need not start: a library may miss a driver or a system library.
    let import =
        Command::new(interpreter(workspace, peer.name)).args(["-c", &format!("import {}", peer.name)]).output()?;
    let complaint = String::from_utf8_lossy(&import.stderr);
    ensure!(import.status.success(), "{}", complaint.lines().last().unwrap_or("it does not import"));
    Ok(())
}
