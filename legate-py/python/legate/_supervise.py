"""The driver while ranks run: it starts the launcher, waits for it, and stands between the ranks and the terminal.

The launcher and the ranks have a session of their own, so that Ctrl-C comes to the driver alone. It tells rank 0 over a socket (`_line` is the other end), which then ends, or
goes on, as any Python program does; the others hear of it from rank 0. Launchers know only pipes. So rank 0 of an interactive session gets a terminal from here: a pseudo
terminal, whose other side the driver connects with the real one. Nothing of this needs rank 0 to have a controlling terminal, which a process of a launcher cannot get.
"""

import array
import errno
import fcntl
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import time
import tty

#: Where rank 0 finds the driver; whether it gets a terminal there.
SOCKET, TERMINAL = "LEGATE_DRIVER", "LEGATE_TERMINAL"

#: What is said to rank 0, a byte each.
WORDS = {b"I": signal.SIGINT, b"Q": signal.SIGQUIT, b"W": signal.SIGWINCH}

CHUNK = 1 << 16

# A path of a socket has about a hundred bytes.
LONGEST_PATH = 90

# So often, in so many seconds, does somebody press Ctrl-C who has lost patience with rank 0.
LAST_STRAW, PATIENCE_S = 3, 3.0

# How long the launcher has to end its ranks before it is killed.
GRACE_S = 5.0


def supervise(command, environment, interactive):
    """Runs the launcher's `command`. Returns its exit status, as shells count it."""
    parent = tempfile.gettempdir()
    with tempfile.TemporaryDirectory(prefix="legate-", dir=parent if len(parent) < LONGEST_PATH else "/tmp") as folder:
        terminal = Terminal(0) if interactive else None
        try:
            return Supervisor(command, environment, os.path.join(folder, "driver"), terminal).run()
        finally:
            if terminal:
                terminal.close()


class Supervisor:
    def __init__(self, command, environment, path, terminal):
        self.terminal, self.connection = terminal, None
        #: Rank 0's own, if it has told it.
        self.status = 0
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(1)
        self.selector = selectors.DefaultSelector()
        self.interrupts = []
        self.deadline = None
        self.watch_signals()
        self.feed = None
        environment = {**environment, SOCKET: path, TERMINAL: "1" if terminal else "0"}
        self.launcher = self.start(command, environment)
        self.selector.register(self.listener, selectors.EVENT_READ, self.accept)

    def start(self, command, environment):
        """Starts the launcher. A typed line has to be handed to it, for the terminal is not its own."""
        typed = self.terminal is None and os.isatty(0)
        streams = {"stdin": subprocess.PIPE if typed else None}
        if self.terminal:
            # What the launcher and the other ranks have to say comes the same way.
            streams = {"stdin": subprocess.DEVNULL, "stdout": self.terminal.slave, "stderr": self.terminal.slave}
            self.terminal.watch(self.selector, self.tell)
        launcher = subprocess.Popen(command, env=environment, start_new_session=True, **streams)
        if typed:
            self.feed = launcher.stdin
            self.selector.register(0, selectors.EVENT_READ, self.hand_on)
        return launcher

    def run(self):
        code = None
        while code is None:
            for key, _ in self.selector.select(timeout=0.5):
                key.data()
            code = self.launcher.poll()
            if self.deadline is not None and time.monotonic() > self.deadline:
                self.signal_all(signal.SIGKILL)
        if self.terminal:
            self.terminal.drain()
        if self.connection is not None:
            self.connection.setblocking(False)
            self.hear()
        return self.status or (code if code >= 0 else 128 - code)

    # -- rank 0 ---------------------------------------------------------------------------------------------------------

    def accept(self):
        connection, _ = self.listener.accept()
        if self.connection is not None:
            connection.close()  # there is one rank 0
            return
        self.connection = connection
        socket.send_fds(connection, [b"+"], [self.terminal.slave] if self.terminal else [])
        self.selector.register(connection, selectors.EVENT_READ, self.hear)

    def hear(self):
        """The one thing that rank 0 says is its exit status; nothing means that it has ended."""
        try:
            said = self.connection.recv(1)
        except OSError:
            said = b""
        if said:
            self.status = said[0]
        else:
            self.hang_up()

    def hang_up(self):
        self.selector.unregister(self.connection)
        self.connection.close()
        self.connection = None

    def tell(self, word):
        """Tells rank 0; the launcher, if there is no rank 0 (yet, any more, or on this computer)."""
        if self.connection is None:
            if WORDS[word] != signal.SIGWINCH:
                self.signal_launcher(WORDS[word])
            return
        try:
            self.connection.sendall(word)
        except OSError:
            self.hang_up()

    # -- signals --------------------------------------------------------------------------------------------------------

    def watch_signals(self):
        incoming, outgoing = socket.socketpair()
        incoming.setblocking(False)
        outgoing.setblocking(False)
        self.incoming, self.outgoing = incoming, outgoing
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGCHLD, signal.SIGWINCH, signal.SIGTSTP, signal.SIGCONT):
            # What whoever started us has ignored (nohup, jobs in the background) stays ignored.
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, lambda *_: None)
        signal.set_wakeup_fd(outgoing.fileno(), warn_on_full_buffer=False)
        self.selector.register(incoming, selectors.EVENT_READ, self.hear_signals)

    def hear_signals(self):
        for number in self.incoming.recv(CHUNK):
            if number == signal.SIGINT:
                self.interrupt()
            elif number == signal.SIGQUIT:
                self.tell(b"Q")
            elif number in (signal.SIGTERM, signal.SIGHUP):
                self.end_launcher()
            elif number == signal.SIGWINCH and self.terminal:
                self.terminal.resize()
                self.tell(b"W")
            elif number == signal.SIGTSTP:
                self.signal_launcher(signal.SIGTSTP)
                os.kill(os.getpid(), signal.SIGSTOP)
            elif number == signal.SIGCONT:
                self.signal_launcher(signal.SIGCONT)

    def interrupt(self):
        now = time.monotonic()
        self.interrupts = [*(past for past in self.interrupts if now - past < PATIENCE_S), now]
        if len(self.interrupts) < LAST_STRAW:
            self.tell(b"I")
        else:
            self.end_launcher()

    def end_launcher(self):
        self.deadline = self.deadline or time.monotonic() + GRACE_S
        self.signal_launcher(signal.SIGTERM)

    def signal_launcher(self, number):
        if self.launcher.poll() is None:
            self.launcher.send_signal(number)

    def signal_all(self, number):
        """The launcher's process group. Ranks are in groups of their own: they end when they lose the launcher."""
        try:
            os.killpg(self.launcher.pid, number)
        except ProcessLookupError:
            pass

    # -- standard input of programs ----------------------------------------------------------------------------------------

    def hand_on(self):
        """A line was typed: it is the launcher's, if it is ours."""
        if os.tcgetpgrp(0) != os.getpgrp():
            time.sleep(0.1)  # a job in the background: it is the shell's
            return
        line = os.read(0, CHUNK)
        try:
            self.feed.write(line)
            self.feed.flush()
        except BrokenPipeError:
            line = b""
        if not line:
            self.selector.unregister(0)
            self.feed.close()


class Terminal:
    """A pseudo terminal that is connected with the real one at `fd`. `slave` is the end for rank 0."""

    def __init__(self, fd):
        self.fd = fd
        self.master, self.slave = os.openpty()
        self.modes = termios.tcgetattr(fd)
        termios.tcsetattr(self.slave, termios.TCSANOW, self.modes)
        self.resize()
        os.set_blocking(self.master, False)
        tty.setraw(fd, termios.TCSADRAIN)
        self.typed = b""

    def close(self):
        """The real terminal is as it was."""
        termios.tcsetattr(self.fd, termios.TCSADRAIN, self.modes)

    def resize(self):
        size = array.array("H", [0, 0, 0, 0])
        fcntl.ioctl(self.fd, termios.TIOCGWINSZ, size, True)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, size)

    def watch(self, selector, tell):
        self.selector, self.tell = selector, tell
        selector.register(self.fd, selectors.EVENT_READ, self.type)
        selector.register(self.master, selectors.EVENT_READ, self.relay)

    def type(self):
        """What was typed goes to the pseudo terminal, and what are signals to rank 0: a terminal that controls no session sends none."""
        typed = os.read(self.fd, CHUNK)
        if not typed:
            self.selector.unregister(self.fd)
            self.tell(b"Q")
        modes = termios.tcgetattr(self.master)
        if modes[3] & termios.ISIG:
            for place, word in ((termios.VINTR, b"I"), (termios.VQUIT, b"Q")):
                for _ in range(typed.count(modes[6][place])):
                    self.tell(word)
        self.typed += typed
        self.relay()

    def relay(self):
        """Both ways, as far as it goes at once."""
        self.hand_in()
        self.show()
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self.typed else 0)
        self.selector.modify(self.master, events, self.relay)

    def hand_in(self):
        try:
            while self.typed:
                self.typed = self.typed[os.write(self.master, self.typed) :]
        except BlockingIOError:
            pass

    def show(self):
        """Writes what rank 0 has written. Whether there was anything."""
        try:
            text = os.read(self.master, CHUNK)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EIO):
                raise
            return False
        rest = memoryview(text)
        while rest:
            rest = rest[os.write(sys.__stdout__.fileno(), rest) :]
        return bool(text)

    def drain(self):
        while self.show():
            pass
