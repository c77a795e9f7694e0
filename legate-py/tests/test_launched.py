"""Programs on real ranks: results, output, failures. `cargo xtask test mpi` names the launcher; without one there is nothing to test."""

import os
import shlex
import subprocess
import sys

import pytest

LAUNCHER = os.environ.get("LEGATE_TEST_LAUNCHER")  # a command that takes `-n RANKS program`
LIMIT_S = 120

pytestmark = pytest.mark.skipif(not LAUNCHER, reason="no launcher: `cargo xtask test mpi` has one")


@pytest.fixture
def launch(tmp_path):
    def launch(source, ranks=3, command=(sys.executable,), first="", **settings):
        program = tmp_path / "program.py"
        program.write_text(first + "\n" * bool(first) + "import legate.numpy as np\nfrom legate._ranks import standing\nrank = standing.rank\n" + source)
        words = [*shlex.split(LAUNCHER), "-n", str(ranks), *command, str(program)]
        environment = {**os.environ, **settings}
        return subprocess.run(words, capture_output=True, text=True, timeout=LIMIT_S, env=environment, check=False)

    return launch


def test_ranks_are_one_program(launch):
    done = launch("a = np.arange(300000.0).reshape(300, 1000)\nprint(float((a @ a.T).sum()), float(a.T.copy()[7].sum()), standing.ranks)")
    assert done.returncode == 0, done.stderr
    import numpy

    a = numpy.arange(300000.0).reshape(300, 1000)
    first, second, ranks = done.stdout.split()
    assert float(first) == pytest.approx(float((a @ a.T).sum()), rel=1e-12)
    assert float(second) == pytest.approx(float(a.T[7].sum()), rel=1e-12)
    assert ranks == "3", "rank 0 alone prints"


def test_all_ranks_print_if_asked_to(launch):
    done = launch("print('here'); print('and here')", LEGATE_ALL_RANKS_OUTPUT="1")
    assert sorted(done.stdout.splitlines()) == sorted(f"[{r}] {text}" for r in range(3) for text in ("here", "and here"))


def test_what_has_no_seed_is_alike(launch):
    source = """
import random
x = np.random.rand(5), np.random.default_rng().random(5), np.random.default_rng().standard_normal(3)
print(random.random(), *[float(v.sum()) for v in x])
"""
    done = launch(source, LEGATE_ALL_RANKS_OUTPUT="1")
    assert done.returncode == 0, done.stderr
    seen = {line.split("] ")[1] for line in done.stdout.splitlines()}
    assert len(seen) == 1
    assert launch(source).stdout.strip() not in seen, "and another one in each run"


def test_seeds_set_before_we_are_there_stay(launch):
    first = "import random, numpy\nrandom.seed(5)\nnumpy.random.seed(5)"
    done = launch("print(random.random(), float(np.random.rand()))", first=first)
    import random

    import numpy

    expected = random.Random(5).random(), numpy.random.RandomState(5).rand()
    assert done.stdout.split() == [str(value) for value in expected], done.stderr


def test_ranks_that_part_are_told_where(launch):
    source = """
x = np.arange(100000.0)
y = x + 1
if rank == 1:
    y = y * 2
else:
    y = y - 2
for _ in range(1000):
    float(y.sum())
"""
    done = launch(source)
    assert done.returncode != 0
    assert "ControlReplicationError" in done.stderr
    assert "program.py:8" in done.stderr and "program.py:10" in done.stderr, done.stderr


def test_an_exception_on_one_rank_ends_all(launch):
    source = """
x = np.arange(100000.0)
if rank == 2:
    raise ValueError("only here")
for _ in range(100000):
    float((x + 1).sum())
"""
    done = launch(source)
    assert done.returncode != 0
    assert "ValueError: only here" in done.stderr
    assert "rank 2" in done.stderr


def test_an_exception_on_all_ranks_is_told_once(launch):
    done = launch("np.arange(3).reshape(2, 2)")
    assert done.returncode != 0
    assert done.stderr.count("ValueError: cannot reshape") == 1 and "MPI_A" not in done.stderr, done.stderr


def test_a_rank_without_memory_is_named_and_ends_all(launch):
    source = """
import resource
x = np.arange(100000.0)
float((x + 1).sum())
if rank == 1:
    pages = int(open("/proc/self/statm").read().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (100 << 20),) * 2)
big = np.arange(60_000_000.0)
print("sum", float((big + x[0]).sum()))
"""
    done = launch(source)
    # Some launchers report there what they think of it.
    assert done.returncode != 0 and "sum" not in done.stdout
    assert done.stderr.count("MemoryError") == 1 and "program.py:11 failed on rank 1: cannot allocate" in done.stderr, done.stderr


def test_a_program_may_go_on_after_one_rank_had_no_memory(launch):
    source = """
import resource
limit = resource.getrlimit(resource.RLIMIT_AS)
x = np.arange(100000.0)
float((x + 1).sum())
if rank == 1:
    pages = int(open("/proc/self/statm").read().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (100 << 20), limit[1]))
try:
    big = np.arange(60_000_000.0)
    print(float((big + x[0]).sum()))
except MemoryError as error:
    print("no memory")
resource.setrlimit(resource.RLIMIT_AS, limit)
print(float(x.sum()))
"""
    done = launch(source)
    assert (done.returncode, done.stdout) == (0, "no memory\n4999950000.0\n"), done.stderr


def test_a_rank_that_hears_nothing_is_ended(launch):
    source = """
import time
x = np.arange(100000.0)
float(x.sum())
if rank == 1:
    time.sleep(100000)
raise ValueError("here")
"""
    done = launch(source)
    assert done.returncode != 0
    assert done.stderr.count("ValueError: here") == 1 and "MPI_A" not in done.stderr, done.stderr


def test_a_rank_that_is_killed_ends_all(launch):
    source = """
import os, signal
x = np.arange(100000.0)
if rank == 1:
    os.kill(os.getpid(), signal.SIGKILL)
for _ in range(100000):
    float((x + 1).sum())
"""
    done = launch(source)
    assert done.returncode != 0


def test_a_rank_that_ends_early_is_no_success(launch):
    source = """
import sys
x = np.arange(100000.0)
float(x.sum())
if rank == 1:
    sys.exit(0)
for _ in range(1000):
    float((x + 1).sum())
"""
    done = launch(source)
    assert done.returncode != 0
    assert "ControlReplicationError" in done.stderr or "has ended" in done.stderr, done.stderr


def test_a_rank_that_waits_long_says_for_whom(launch):
    source = """
import time
x = np.arange(100000.0)
if rank == 1:
    time.sleep(3)
print(float((x + 1).sum()))
"""
    done = launch(source, LEGATE_WATCHDOG="1")
    assert done.returncode == 0, done.stderr
    assert "legate: rank 0 of 3 has waited 1 s for rank 1" in done.stderr or "for rank 2" in done.stderr, done.stderr


def test_one_rank_may_lead(launch):
    source = """
import os, random
x = np.arange(100000.0).reshape(100, 1000)
random.seed(os.getpid())  # would part copies
k = random.choice([2, 3])
print(float((x * k).sum()) / k, float(x.T.copy()[5].sum()), legate.stats()["messages"] > 0)
"""
    done = launch("import legate\n" + source, LEGATE_CONTROLLER="1")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "4999950000.0 4950500.0 True\n"


def test_a_leader_that_fails_ends_all(launch):
    done = launch("x = np.arange(100000.0)\nfloat(x.sum())\nraise ValueError('here')", LEGATE_CONTROLLER="1")
    assert done.returncode != 0
    assert done.stderr.count("ValueError: here") == 1, done.stderr


@pytest.mark.parametrize("settings", [{}, {"LEGATE_CONTROLLER": "1"}])
def test_what_one_rank_meets_all_are_told(launch, settings):
    # The zeros are the last rank's alone.
    source = """
import legate
x = np.arange(300000.0)
ratio = 1 / x[::-1]
try:
    with np.errstate(divide="raise"):
        np.log(x[::-1])
except FloatingPointError as error:
    print(error)
print(float((ratio[:1000] + 1).sum()))
root = np.sqrt(x - 1)
"""
    done = launch(source, **settings)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("divide by zero encountered in log\n"), done.stdout
    assert done.stderr.count("RuntimeWarning: divide by zero encountered in divide") == 1, done.stderr
    assert done.stderr.count("RuntimeWarning: invalid value encountered in sqrt") == 1, done.stderr


@pytest.mark.parametrize("order", ["from mpi4py import MPI\nimport legate.numpy as np", "import legate.numpy as np\nfrom mpi4py import MPI"])
def test_mpi4py_goes_its_own_way_beside_us(launch, order):
    pytest.importorskip("mpi4py")
    source = """
import sys
world = MPI.COMM_WORLD
x = np.arange(100000.0)
total = float(x.sum())
print(world.allreduce(world.rank), world.bcast("said" if world.rank == 0 else None), total)
"""
    done = launch(source, first=order)
    assert (done.returncode, done.stdout) == (0, "3 said 4999950000.0\n"), done.stderr


def test_each_rank_has_its_own_part(launch):
    source = """
import legate, numpy
x = np.arange(300000.0).reshape(300, 1000) + 1
sizes, total = [], 0.0
for a in (x, x[::2, 10:], x.sum(axis=0), np.float64(2) * np.ones(3)):
    parts, whole = legate.local(a), numpy.asarray(a)
    for bounds, values in parts:
        assert (values == whole[bounds]).all() and not values.flags.writeable
    sizes.append(sum(values.size for _, values in parts))
from mpi4py import MPI
print(MPI.COMM_WORLD.allreduce(np.array(sizes).tolist(), op=lambda a, b: [x + y for x, y in zip(a, b)]), sizes[0] > 0)
"""
    pytest.importorskip("mpi4py")
    done = launch(source, LEGATE_ALL_RANKS_OUTPUT="1")
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.splitlines()) == [f"[{r}] [300000, 148500, 1000, 3] True" for r in range(3)]


def test_the_exit_code_is_the_programs(launch):
    assert launch("import sys; sys.exit(3)").returncode == 3


def test_the_driver_runs_under_a_launcher(launch):
    done = launch("print(float(np.ones(1000).sum()))", command=(sys.executable, "-m", "legate"))
    assert (done.returncode, done.stdout) == (0, "1000.0\n"), done.stderr
