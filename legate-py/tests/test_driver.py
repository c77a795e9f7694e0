"""The `legate` command."""

import json
import os
import pty
import select
import subprocess
import sys
import time

import numpy
import pytest

import legate


def run(*arguments, program=None, path=None, stdin=None, env=None):
    """Runs `python -m legate` with a program written to `path`."""
    if program is not None:
        path.write_text(program)
    return subprocess.run(
        [sys.executable, "-m", "legate", *map(str, arguments)],
        capture_output=True,
        text=True,
        input=stdin,
        env={**os.environ, **(env or {})},
        timeout=120,
        check=False,
    )


@pytest.fixture
def program(tmp_path):
    return tmp_path / "program.py"


def test_runs_a_program_with_its_arguments(program):
    text = "import sys\nimport legate.numpy as np\nprint(__name__, sys.argv[1:], float(np.arange(4.0).sum()), __file__ == sys.argv[0])"
    finished = run(program, "--cpus", "x", "-v", program=text, path=program)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout == "__main__ ['--cpus', 'x', '-v'] 6.0 True\n"


def test_programs_import_their_neighbours(program):
    (program.parent / "neighbour.py").write_text("value = 7")
    finished = run(program, program="import neighbour; print(neighbour.value)", path=program)
    assert finished.stdout == "7\n"


@pytest.mark.parametrize(("statement", "code"), [("", 0), ("sys.exit(3)", 3), ("sys.exit('no')", 1), ("1 / 0", 1), ("raise SystemExit", 0)])
def test_exit_codes(program, statement, code):
    finished = run(program, program=f"import sys\n{statement}\n", path=program)
    assert finished.returncode == code


def test_tracebacks_show_the_program_only(program):
    finished = run(program, program="def f():\n    1 / 0\nf()\n", path=program)
    plain = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, check=False)
    assert finished.returncode == 1
    assert finished.stderr == plain.stderr
    finished = run(program, program="def f(:\n", path=program)
    assert finished.returncode == 1 and "SyntaxError" in finished.stderr and "driver.py" not in finished.stderr


def test_main_module_can_be_pickled(program):
    text = "import pickle\nclass A:\n    pass\nprint(type(pickle.loads(pickle.dumps(A()))).__name__)"
    assert run(program, program=text, path=program).stdout == "A\n"


def test_missing_program():
    finished = run("/nonexistent/program.py")
    assert finished.returncode == 2 and "can't open file" in finished.stderr


def test_code_and_module(tmp_path):
    finished = run("-c", "import sys; print(sys.argv, __name__)", "a", "-b")
    assert finished.stdout == "['-c', 'a', '-b'] __main__\n", finished.stderr
    (tmp_path / "mod.py").write_text("import sys; print(sys.argv[1:], __name__)")
    finished = run("-m", "mod", "--x", env={"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])})
    assert finished.stdout == "['--x'] __main__\n", finished.stderr


def test_package_directories(tmp_path):
    (tmp_path / "__main__.py").write_text("import sys; print(__name__, len(sys.argv))")
    assert run(tmp_path, "x").stdout == "__main__ 2\n"


def test_standard_input():
    assert run(stdin="import legate.numpy as np\nprint(np.ones(3).sum())").stdout == "3.0\n"


def test_version_and_help():
    finished = run("--version")
    assert finished.returncode == 0
    assert finished.stdout.startswith(f"legate {legate.__version__} (NumPy {numpy.__version__}")
    assert "--cpus" in run("--help").stdout


def test_options_reach_the_runtime(program):
    text = "import os; print(*(os.environ.get(n) for n in ('LEGATE_CPUS', 'LEGATE_FALLBACK', 'LEGATE_LOG_MAPPING')))"
    assert run("--cpus", 1, "--fallback", "error", "--log-mapping", program, program=text, path=program).stdout == "1 error 1\n"


def test_fallback_option(program):
    text = "import legate.numpy as np\nnp.fft.fft(np.arange(3))"
    assert "RuntimeWarning" in run(program, program=text, path=program).stderr
    assert run("--fallback", "silent", program).stderr == ""
    finished = run("--fallback", "error", program)
    assert finished.returncode == 1 and "FallbackError" in finished.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("--gpus", "1"),
        ("--nodes", "0"),
        ("--cpus", "0"),
        ("--cpus", "many"),
        ("--fallback", "loud"),
        ("--nonsense",),
        ("--nodes", "2", "--gpus", "8"),
    ],
)
def test_what_this_build_cannot_do_is_said_plainly(arguments):
    finished = run(*arguments, "program.py")
    assert finished.returncode == 2
    assert finished.stderr.splitlines()[-1].startswith("legate: error: ")
    if "--gpus" in arguments:
        assert "this build" in finished.stderr
    assert "Traceback" not in finished.stderr


def test_one_node_and_no_gpu_are_fine():
    assert run("--nodes", 1, "--gpus", 0, "-c", "print(1)").stdout == "1\n"


def test_show_config(program):
    finished = run("--cpus", 1, "--show-config")
    assert finished.returncode == 0, finished.stderr
    lines = dict(line.split(None, 1) for line in finished.stdout.splitlines()[1:] if len(line.split(None, 1)) == 2)
    assert lines["cpus"] == "1" and "mapper" in lines and "fallback" in lines
    finished = run("--show-config", program, program="print('and the program')", path=program)
    assert finished.stdout.endswith("and the program\n") and "cpus" in finished.stdout


def test_wrong_settings_are_named(program):
    for name, value in (("LEGATE_SIM_RANKS", "many"), ("LEGATE_MAPPER", "nonsense"), ("LEGATE_EXECUTOR", "fast"), ("LEGATE_FUSE", "maybe")):
        finished = run(program, program="import legate.numpy as np; np.ones(3)", path=program, env={name: value})
        assert finished.returncode == 1 and name in finished.stderr, finished.stderr


def test_profile(program, tmp_path):
    trace = tmp_path / "trace.json"
    text = "import legate.numpy as np\nx = np.ones(300000)\ny = (x * 2 + 1).sum()\nprint(float(y))"
    finished = run("--profile", trace, program, program=text, path=program)
    assert finished.stdout == "900000.0\n", finished.stderr
    events = json.loads(trace.read_text())["traceEvents"]
    tasks = [event for event in events if event.get("cat") == "task"]
    stages = {event["name"] for event in events if event.get("cat") == "stage"}
    assert tasks and stages
    assert any(event["args"]["line"].startswith(f"{program}:") for event in tasks)


def test_log_mapping(program):
    text = "import legate.numpy as np\nprint(float(np.ones(300000).sum()))"
    finished = run("--log-mapping", program, program=text, path=program)
    assert finished.stdout == "300000.0\n" and "inline 300000 points" in finished.stderr


# ---------------------------------------------------------------------------------------------------------------------
# The interactive interpreter
# ---------------------------------------------------------------------------------------------------------------------


def converse(lines, env):
    """Types `lines` into an interactive `legate` on a terminal of its own; returns what the terminal showed."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [sys.executable, "-m", "legate"], {**os.environ, "TERM": "dumb", **env})
    shown = ""

    def read_until(text, seconds=60):
        nonlocal shown
        start, end = len(shown), time.monotonic() + seconds
        while text not in shown[start:]:
            assert time.monotonic() < end, shown
            if select.select([terminal], [], [], 0.2)[0]:
                try:
                    shown += os.read(terminal, 4096).decode()
                except OSError:  # the other side is closed
                    break

    read_until(">>> ")
    for line in lines:
        os.write(terminal, line.encode() + b"\n")
        read_until(">>> ")
    os.write(terminal, b"\x04")
    read_until("\0", seconds=60)
    status = os.waitpid(pid, 0)[1]
    os.close(terminal)
    return shown, os.waitstatus_to_exitcode(status)


def test_interactive(tmp_path):
    history = tmp_path / "history"
    shown, status = converse(
        ["np.arange(3) + 1", "1 / 0", "float(np.ones(5).sum())"],
        {"LEGATE_HISTORY": str(history)},
    )
    assert status == 0
    assert f"legate {legate.__version__}" in shown and "Python" in shown
    assert "array([1, 2, 3])" in shown and "ZeroDivisionError" in shown and "5.0" in shown
    assert "driver.py" not in shown
    assert "np.arange(3) + 1" in history.read_text()
