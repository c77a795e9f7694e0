"""Two ranks on two "computers": network namespaces with names of their own, connected by a pair of virtual interfaces, where the only way from one to the other is TCP."""

import os
import shlex
import shutil
import subprocess
import sys

import pytest

LAUNCHER = os.environ.get("LEGATE_TEST_LAUNCHER")  # as in test_launched.py
TOOLS = ("unshare", "nsenter", "ip")
NAMESPACES = ("unshare", "--user", "--map-root-user", "--net", "--uts")
LIMIT_S = 60


def obstacle():
    """Why there can be no two computers here."""
    if not LAUNCHER:
        return "no launcher: `cargo xtask test mpi` has one"
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        return f"there is no {missing[0]}"
    trial = subprocess.run([*NAMESPACES, "sh", "-c", "ip link add near type veth peer name far && hostname x"], capture_output=True, text=True, check=False)
    return f"namespaces are not allowed: {trial.stderr.strip()}" if trial.returncode else None


pytestmark = pytest.mark.skipif((reason := obstacle()) is not None, reason=reason or "")

# `$1`: the folder of the test; what follows is the launcher's command. This shell is on the first computer; the other one lives as long as `cat` has something to wait for.
NETWORK = """
set -e
folder=$1; shift
mkfifo "$folder/alive"
unshare --net --uts cat "$folder/alive" & other=$!
exec 9> "$folder/alive"
while [ "$(readlink /proc/$other/ns/net)" = "$(readlink /proc/self/ns/net)" ]; do sleep 0.05; done
hostname first
ip link set lo up
ip link add near type veth peer name far
ip link set far netns $other
ip address add 10.91.0.1/24 dev near
ip link set near up
nsenter --target $other --net --uts sh -ec 'hostname second; ip link set lo up; ip address add 10.91.0.2/24 dev far; ip link set far up'
cat > "$folder/shell" <<END
#!/bin/sh
# In ssh's place: options, the computer, a command.
while [ "\\${1#-}" != "\\$1" ]; do shift; done
shift
exec 9>&-
exec nsenter --target $other --net --uts sh -c "\\$*"
END
chmod +x "$folder/shell"
"$@" 9>&-
"""

PROGRAM = """
import socket
import legate
import legate.numpy as np
from legate._ranks import standing
a = np.arange(300000.0).reshape(300, 1000)
print(socket.gethostname(), standing.local_ranks, float((a @ a.T).sum()), float(a.T.copy()[7].sum()), legate.stats()["message_bytes"] > 0)
if standing.rank == 1:
    raise ValueError("on the other computer")
for _ in range(100000):
    float((a + 1).sum())
"""


def command(folder):
    """The launcher with two computers, one rank on each, and no way but TCP."""
    where = ["10.91.0.1", "10.91.0.2"]
    passed = ["LEGATE_ALL_RANKS_OUTPUT", "LEGATE_COMM_PLUGIN", "LEGATE_COMM_LIBRARY", "LD_LIBRARY_PATH", "PYTHONHASHSEED"]
    if "openmpi" in os.environ["LEGATE_COMM_PLUGIN"]:
        words = ["--host", ",".join(f"{host}:1" for host in where), "--map-by", "ppr:1:node"]
        words += ["--prtemca", "plm_ssh_agent", f"{folder}/shell", "--prtemca", "prte_if_include", "10.91.0.0/24"]
        words += ["--mca", "pml", "ob1", "--mca", "btl", "self,tcp", "--mca", "btl_tcp_if_include", "10.91.0.0/24"]
        words += [word for name in passed for word in ("-x", name)]
    else:
        words = ["-hosts", ",".join(where), "-ppn", "1", "-iface", "near", "-launcher", "ssh", "-launcher-exec", f"{folder}/shell"]
        words += ["-genv", "MPIR_CVAR_CH4_NETMOD", "ofi", "-genv", "FI_PROVIDER", "tcp"]
    return [*shlex.split(LAUNCHER), "-n", "2", *words, sys.executable]


def test_ranks_of_two_computers_are_one_program(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    # Settings for ranks of one computer (`btl`) are not for these.
    environment = {name: value for name, value in os.environ.items() if name != "OMPI_MCA_btl"} | {"LEGATE_ALL_RANKS_OUTPUT": "1"}
    words = [*NAMESPACES, "sh", "-c", NETWORK, "sh", str(tmp_path), *command(tmp_path), str(program)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=LIMIT_S, env=environment, check=False)
    import numpy

    a = numpy.arange(300000.0).reshape(300, 1000)
    lines = sorted(line.split("] ")[1].split() for line in done.stdout.splitlines() if line.startswith("["))
    assert [line[:2] + line[4:] for line in lines] == [["first", "1", "True"], ["second", "1", "True"]], done.stderr
    for line in lines:
        assert float(line[2]) == pytest.approx(float((a @ a.T).sum()), rel=1e-12)
        assert float(line[3]) == a.T[7].sum()
    # And what goes wrong on one is told on both.
    assert done.returncode != 0
    assert "[1] ValueError: on the other computer" in done.stderr and "[0] legate.TaskError" in done.stderr, done.stderr
