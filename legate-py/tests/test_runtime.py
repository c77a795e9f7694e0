"""The runtime as a Python program meets it: memory, failures, interrupts, settings, simulated ranks."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import numpy
import pytest
from support import assert_same, plain, run_python

import legate
import legate.numpy as np
from legate import _native

BIG = 300_000  # elements: far more than is computed at once on the calling thread


def test_stats_count_operations():
    before = legate.stats()
    x = np.ones(BIG)
    y = (x + 1) * 2
    assert float(y.sum()) == 4 * BIG
    after = legate.stats()
    assert after["operations"] > before["operations"] and after["tasks"] > before["tasks"]
    assert after["live_bytes"] > 0


@pytest.mark.parametrize("replay", ["1", "0"])
def test_windows_of_a_loop_are_replayed(replay):
    finished = run_python(
        """
        import legate
        import legate.numpy as np

        x = np.ones(300_000)
        for _ in range(200):
            x = x * 0.5 + 1.0
            x[1:-1] = (x[2:] + x[:-2]) * 0.5
        for _ in range(20):
            total = float((x * x).sum())
        stats = legate.stats()
        print(stats["windows"], stats["replayed"], total)
        """,
        env={"LEGATE_REPLAY": replay},
    )
    assert finished.returncode == 0, finished.stderr
    windows, replayed, total = finished.stdout.split()
    x = numpy.ones(300_000)
    for _ in range(200):
        x = x * 0.5 + 1.0
        x[1:-1] = (x[2:] + x[:-2]) * 0.5
    assert float(total) == pytest.approx(float((x * x).sum()), rel=1e-12)
    if replay == "1":
        assert int(replayed) * 2 > int(windows), finished.stdout
    else:
        assert int(replayed) == 0, finished.stdout


def test_an_idle_program_burns_no_cpu():
    finished = run_python(
        """
        import resource
        import time
        import legate.numpy as np

        def spent():
            usage = resource.getrusage(resource.RUSAGE_SELF)
            return usage.ru_utime + usage.ru_stime

        x = np.ones(3_000_000)
        total = float((x * x + 1).sum())
        y = x + 2
        before = spent()
        time.sleep(2)
        print(spent() - before, total, float(y[0]))
        """
    )
    assert finished.returncode == 0, finished.stderr
    idle, total, first = map(float, finished.stdout.split())
    assert (total, first) == (6_000_000, 3)
    # A worker that watches all the time takes 2 s; what workers do before they sleep, and what is still to be computed, takes milliseconds.
    assert idle < 0.5


def test_fence():
    np.ones(BIG)
    assert legate.fence() is None


def test_memory_stays_constant():
    finished = run_python(
        """
        import resource
        import legate.numpy as np

        def work(rounds):
            x = np.ones(1_000_000)
            for i in range(rounds):
                y = x * 2 + i
                z = y[::2].copy()
                x = y / 2
                if i % 50 == 0:
                    float(z[0])
            return float(x.sum())

        work(60)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        work(600)
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print((after - before) / 1024)
        """
    )
    assert finished.returncode == 0, finished.stderr
    assert float(finished.stdout) < 64, "megabytes of growth over 600 rounds of 20 MB each"


def test_small_arrays_stay_at_constant_memory():
    finished = run_python(
        """
        import resource
        import legate.numpy as np

        def work(rounds):
            for i in range(rounds):
                x = np.arange(100.0)
                x[3:7] += 1
                x.shape = (10, 10)
                (x @ x).sum()

        work(2000)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        work(20000)
        print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
        """
    )
    assert finished.returncode == 0, finished.stderr
    assert float(finished.stdout) < 16


# ---------------------------------------------------------------------------------------------------------------------
# Failures
# ---------------------------------------------------------------------------------------------------------------------


def test_a_failed_task_raises_where_its_result_is_read():
    x = _native._failing_array([BIG], "kaboom")
    line = sys._getframe().f_lineno - 1
    y = x * 2 + np.ones(BIG)
    for read in (lambda: float(y.sum()), lambda: numpy.asarray(y), lambda: repr(y), lambda: bool((y > 0).any()), lambda: y.tolist()):
        with pytest.raises(legate.TaskError, match="kaboom") as caught:
            read()
        assert f"{__file__}:{line}" in str(caught.value)
        assert caught.value.filename == __file__ and caught.value.lineno == line
    assert issubclass(legate.TaskError, RuntimeError)
    # The interpreter and the runtime go on.
    assert float(np.ones(BIG).sum()) == BIG


def test_a_failure_does_not_spread_to_what_does_not_depend_on_it():
    good = np.ones(BIG)
    bad = _native._failing_array([BIG])
    mixed = good.copy()
    mixed[: BIG // 2] = bad[: BIG // 2]
    other = good + 1
    with pytest.raises(legate.TaskError):
        float(mixed.sum())
    assert float(other.sum()) == 2 * BIG
    bad[...] = 0  # overwritten as a whole: the failure is forgotten
    assert float(bad.sum()) == 0


def test_out_of_memory_is_a_memory_error():
    with pytest.raises(MemoryError):
        numpy.asarray(np.ones(1 << 46))
    assert float(np.ones(BIG).sum()) == BIG


# ---------------------------------------------------------------------------------------------------------------------
# Interrupts and threads
# ---------------------------------------------------------------------------------------------------------------------

WAITING = """
    import sys
    import signal
    import legate.numpy as np
    # The test may have been started in the background, where shells have SIGINT ignored, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    n = 4000
    a = np.ones((n, n))
    try:
        print("ready", flush=True)
        for i in range(10_000):
            a = a @ a
            a /= n
            {read}
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    print("going on", float(np.ones(10).sum()), flush=True)
"""


@pytest.mark.parametrize("read", ["float(a[0, 0])", "numpy.asarray(a)", "repr(a)"])
def test_ctrl_c_ends_a_wait(read):
    interrupt(WAITING.format(read=read), os.environ)


def test_ctrl_c_ends_a_wait_to_catch_up(tmp_path):
    # A policy by which a small operation waits for its values however long they take.
    policy = tmp_path / "patient.toml"
    policy.write_text("[thresholds]\ncatch_up_ns = 1e18\ncatch_up_bytes = 1000000000000\n")
    interrupt(CATCHING_UP, {**os.environ, "LEGATE_MAPPER": str(policy), "LEGATE_SIM_RANKS": "", "LEGATE_INLINE": ""})


CATCHING_UP = """
    import sys
    import signal
    import legate.numpy as np
    signal.signal(signal.SIGINT, signal.default_int_handler)
    a = np.ones((1000, 10_000))
    try:
        print("ready", flush=True)
        for i in range(4000):
            np.sin(a, out=a)
        small = a.sum(axis=1) + 1
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    print("going on", flush=True)
"""


def interrupt(code, environment):
    """Sends a Ctrl-C to a program that says when it is ready, and expects it to say that it was interrupted."""
    code = textwrap.dedent(code).replace("import sys", "import sys, numpy")
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment)
    # A program that does not hear is ended: its output then is, too.
    deadline = threading.Timer(30, process.kill)
    try:
        assert process.stdout.readline() == "ready\n"
        time.sleep(1.5)
        process.send_signal(signal.SIGINT)
        deadline.start()
        assert process.stdout.readline() == "interrupted\n"
    finally:
        deadline.cancel()
        process.kill()
        process.wait()


def test_a_first_read_runs_no_code_that_a_ctrl_c_breaks():
    finished = run_python(
        """
        import numpy
        import legate.numpy as np
        def interrupted(version):
            raise KeyboardInterrupt
        numpy.lib.NumpyVersion = interrupted
        print(numpy.asarray(np.ones(3)).sum())
        """
    )
    assert finished.stdout == "3.0\n", finished.stderr


def test_other_threads_run_during_a_wait():
    finished = run_python(
        """
        import threading, time
        import legate.numpy as np
        ticks = 0
        def count():
            global ticks
            while not done:
                ticks += 1
                time.sleep(0.001)
        done = False
        thread = threading.Thread(target=count)
        a = np.ones((3000, 3000))
        b = a @ a
        thread.start()
        float(b[0, 0])
        done = True
        thread.join()
        print(ticks)
        """
    )
    assert finished.returncode == 0, finished.stderr
    assert int(finished.stdout) > 3


def test_threads_may_use_arrays_at_the_same_time():
    finished = run_python(
        f"""
        import threading
        import legate.numpy as np
        shared = np.arange({BIG}.0)
        results = []
        def work(k):
            x = shared * k
            for _ in range(20):
                x = x + 1
            results.append((k, float(x[5])))
        threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        assert sorted(results) == [(k, 5.0 * k + 20) for k in range(6)], results
        print("ok")
        """
    )
    assert finished.stdout == "ok\n", finished.stderr


# ---------------------------------------------------------------------------------------------------------------------
# Settings
# ---------------------------------------------------------------------------------------------------------------------

PROGRAM = """
    import legate, legate.numpy as np
    np.random.seed(1)
    x = np.random.rand(400, 300)
    grid = np.zeros((402, 302))
    grid[1:-1, 1:-1] = x
    for _ in range(5):
        center, north, south = grid[1:-1, 1:-1], grid[:-2, 1:-1], grid[2:, 1:-1]
        work = 0.25 * (center + north + south + grid[1:-1, 2:])
        delta = np.sum(np.absolute(work - center))
        center[:] = work
    a = x[:300] @ x.T[:, :50]
    s = np.exp(-a).mean(axis=0)
    parts = [delta, grid.sum(), a.std(), np.linalg.norm(s), x[::-1, ::3].max(), (x.T * np.arange(400)).sum(), x.reshape(-1)[7::11].sum()]
    print(*[float(p).hex() for p in parts])
"""

SETTINGS = [
    {"LEGATE_SIM_RANKS": "1"},
    {"LEGATE_SIM_RANKS": "2"},
    {"LEGATE_SIM_RANKS": "3", "LEGATE_SIM_SEED": "4"},
    {"LEGATE_SIM_RANKS": "7", "LEGATE_INLINE": "0"},
    {"LEGATE_SIM_RANKS": "3", "LEGATE_MAPPER": "random:11"},
    {"LEGATE_SIM_RANKS": "2", "LEGATE_MAPPER": "random"},
    {"LEGATE_EXECUTOR": "serial"},
    {"LEGATE_FUSE": "0"},
    {"LEGATE_INLINE": "0"},
    {"LEGATE_CPUS": "1"},
    {"LEGATE_SIM_RANKS": "3", "LEGATE_FUSE": "0", "LEGATE_EXECUTOR": "serial"},
]


@pytest.fixture(scope="module")
def bits():
    clean = {name: "" for name in os.environ if name.startswith("LEGATE_")}
    finished = run_python(PROGRAM, env=clean)
    assert finished.returncode == 0, finished.stderr
    return clean, finished.stdout


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda s: " ".join(f"{k[7:]}={v}" for k, v in s.items()))
def test_results_have_the_same_bits_under_all_settings(settings, bits):
    clean, expected = bits
    finished = run_python(PROGRAM, env={**clean, **settings})
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout == expected


def test_a_mapper_file(tmp_path, bits):
    clean, expected = bits
    policy = tmp_path / "policy.toml"
    policy.write_text("")
    finished = run_python(PROGRAM, env={**clean, "LEGATE_MAPPER": str(policy)})
    assert finished.stdout == expected, finished.stderr


def test_deferred_values_are_what_they_would_be_at_once():
    x = np.arange(float(BIG))
    total = x.sum()
    mean = total / BIG
    y = x - mean
    assert_same(plain(y.max()), numpy.float64(BIG - 1 - (BIG - 1) / 2))
    assert float(y[0]) == -(BIG - 1) / 2


def test_all_of_an_array_is_local_to_one_process():
    for a in (np.arange(200000.0).reshape(200, 1000) + 1, np.ones((2, 3)), np.float64(3) + np.zeros(()), np.zeros((0, 4))):
        parts = legate.local(a)
        assert sum(values.size for _, values in parts) == a.size
        for bounds, values in parts:
            assert isinstance(values, numpy.ndarray)
            numpy.testing.assert_array_equal(values, numpy.asarray(a)[bounds])
