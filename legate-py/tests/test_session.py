"""The driver with ranks of its own: an interactive session at a terminal, Ctrl-C, and that nobody stays behind. `cargo xtask test mpi` names the launcher."""

import fcntl
import os
import pty
import re
import select
import shlex
import signal
import struct
import subprocess
import sys
import termios
import time
import uuid
from pathlib import Path

import pytest

LAUNCHER = os.environ.get("LEGATE_TEST_LAUNCHER")
LIMIT_S = 120
MARK = "LEGATE_TEST_MARK"

pytestmark = pytest.mark.skipif(not LAUNCHER, reason="no launcher: `cargo xtask test mpi` has one")


@pytest.fixture
def environment(tmp_path):
    """With the launcher that is tested first on the path, and a mark that all processes of the test bear: when it is over, there is none."""
    mark = uuid.uuid4().hex
    path = os.pathsep.join([str(Path(shlex.split(LAUNCHER)[0]).parent), os.environ["PATH"]])
    yield {**os.environ, "PATH": path, MARK: mark, "LEGATE_HISTORY": str(tmp_path / "history"), "TERM": "dumb"}
    end = time.monotonic() + 10
    while (left := processes(mark)) and time.monotonic() < end:
        time.sleep(0.1)
    assert not left, "processes that nobody ends"


def processes(mark):
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={mark}".encode() in (process / "environ").read_bytes():
                found.append((process.name, (process / "cmdline").read_bytes().replace(b"\0", b" ")))
        except OSError:
            continue  # not ours, or gone
    return found


class Session:
    """Somebody at a terminal."""

    def __init__(self, environment, *arguments):
        self.terminal, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 111, 0, 0))
        words = [sys.executable, "-m", "legate", "--nodes", "2", *arguments]
        self.process = subprocess.Popen(words, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True)
        os.close(slave)
        self.seen = b""

    def type(self, text):
        os.write(self.terminal, text.encode())

    def press_interrupt(self):
        time.sleep(0.3)  # as somebody who has read the line
        self.type("\x03")

    def read(self):
        """What is there; nothing at the end."""
        try:
            return os.read(self.terminal, 1 << 16)
        except OSError:
            return b""

    def expect(self, pattern):
        """Waits until something is shown. Returns what was shown before it."""
        end = time.monotonic() + LIMIT_S
        while (match := re.search(pattern.encode(), self.seen)) is None:
            assert time.monotonic() < end, f"{pattern} is not in {self.seen}"
            if select.select([self.terminal], [], [], 0.2)[0]:
                more = self.read()
                assert more, f"the end, without {pattern}: {self.seen}"
                self.seen += more
        before, self.seen = self.seen[: match.start()], self.seen[match.end() :]
        return before.decode()

    def ask(self, statement):
        """What is shown after a statement, without its echo and the prompt."""
        self.expect(">>> ")
        self.type(statement + "\r")
        self.expect(re.escape(statement[-20:]) + r"\s*\r\n")
        return self.expect(r"(?=>>> )").replace("\r", "")

    def end(self):
        """Waits for the driver's end. Returns its exit status."""
        end = time.monotonic() + LIMIT_S
        while self.process.poll() is None:
            assert time.monotonic() < end, self.seen
            if select.select([self.terminal], [], [], 0.2)[0]:
                self.seen += self.read()
        os.close(self.terminal)
        return self.process.returncode


@pytest.fixture
def session(environment):
    started = []

    def session(*arguments):
        started.append(Session(environment, *arguments))
        return started[-1]

    yield session
    for one in started:
        if one.process.poll() is None:
            one.process.terminate()
            one.process.wait(LIMIT_S)


def test_a_session_goes_on_after_errors_and_interrupts(session, tmp_path):
    at = session()
    assert "on 2 ranks" in at.expect("(?=>>> )")
    assert at.ask("x = np.arange(100000.0)") == ""
    assert "4999950000.0" in at.ask("x.sum()")
    assert "ZeroDivisionError" in at.ask("1 / 0")
    assert "cannot reshape" in at.ask("x.reshape(7, 7)")
    assert "True 111 True" in at.ask("import os, legate; print(os.isatty(0), os.get_terminal_size().columns, legate.stats()['messages'] > 0)")

    at.expect(">>> ")
    at.type("for k in range(10**9): y = float((x + k).sum())\r\r")
    at.expect(r"\.\.\. ")
    at.press_interrupt()
    assert "KeyboardInterrupt" in at.expect("(?=>>> )")

    at.expect(">>> ")
    at.type("a = np.ones((3000, 3000)); c = a @ a @ a; float(c.sum())\r")
    at.press_interrupt()
    assert "KeyboardInterrupt" in at.expect("(?=>>> )")

    at.expect(">>> ")
    at.type("half a li")
    at.expect("half a li")
    at.press_interrupt()
    at.expect("KeyboardInterrupt")
    # What was interrupted keeps nobody.
    assert "9000000.0" in at.ask("legate.fence(); float(c[0, 0])")

    at.expect(">>> ")
    at.type("\x1b[A")  # up
    at.expect(r"float\(c\[0, 0\]\)")
    at.type(" + 1\r")
    at.expect("9000001.0")
    at.expect(">>> ")  # before it the end of input would be the statement's
    at.type("\x04")
    assert at.end() == 0
    assert "x = np.arange(100000.0)" in (tmp_path / "history").read_text()


def test_a_session_has_the_exit_code_that_is_asked_for(session):
    at = session()
    at.expect(">>> ")
    at.type("exit(3)\r")
    assert at.end() == 3


def test_a_program_that_ended_can_be_looked_at(session, tmp_path):
    program = tmp_path / "program.py"
    program.write_text("import legate.numpy as np\nx = np.arange(1000.0)\n1 / 0\n")
    at = session("-i", str(program))
    assert "ZeroDivisionError" in at.expect("(?=>>> )")
    assert "499500.0" in at.ask("float(x.sum())")
    at.type("\x04")
    assert at.end() == 0


def test_a_session_that_loses_its_terminal_ends(session, environment):
    at = session()
    at.expect(">>> ")
    at.process.kill()  # nobody can catch that
    at.process.wait(LIMIT_S)


PROGRAM = """
import legate.numpy as np
x = np.arange(100000.0)
print("running", float(x.sum()), flush=True)
while True:
    float((x + 1).sum())
"""


@pytest.fixture
def interrupted(environment, tmp_path):
    """A program that runs, and how it ends when SIGINT comes to the process group as from a terminal."""

    def interrupted(*words):
        program = tmp_path / "program.py"
        program.write_text(PROGRAM)
        process = subprocess.Popen(
            [*words, str(program)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            start_new_session=True,
            # A shell's job in the background ignores SIGINT, and so would what the tests start there.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        assert process.stdout.readline().startswith("running"), process.stderr.read()
        os.killpg(process.pid, signal.SIGINT)
        _, words = process.communicate(timeout=LIMIT_S)
        return process.returncode, words

    return interrupted


def test_an_interrupt_ends_all_ranks_with_one_traceback(interrupted):
    code, words = interrupted(sys.executable, "-m", "legate", "--nodes", "2")
    assert code == 130, words
    assert words.count("Traceback") == words.count("KeyboardInterrupt") == 1, words
    # The loop; or the line before it, where rank 0 may still be.
    assert re.search(r'program\.py", line [46]\b', words) and "MPI_A" not in words, words


def test_an_interrupt_of_the_launcher_ends_all_ranks(interrupted):
    code, words = interrupted(*shlex.split(LAUNCHER), "-n", "2", sys.executable)
    assert code != 0, words
    assert words.count("Traceback") <= 1, words
