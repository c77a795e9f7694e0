"""Rank 0's line to the driver, which stands between it and the terminal (`_supervise` is the other end).

What the driver says is a signal: Ctrl-C, or that the terminal has another size. That it says nothing any more means that it has gone, and the ranks are to go too.
"""

import io
import os
import signal
import socket
import sys
import threading

from legate._supervise import SOCKET, TERMINAL, WORDS

_terminal = None
_connection = None


def connect(rank):
    """Answers the driver, if there is one on this computer and this is rank 0. What the program starts is not the driver's."""
    global _terminal, _connection
    path = os.environ.pop(SOCKET, None)
    if rank > 0 or path is None:
        return
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(path)
        _, ends, _, _ = socket.recv_fds(connection, 1, 1)
    except OSError:
        return  # on another computer: what the driver has to say comes through the launcher
    _terminal = ends[0] if ends else None
    _connection = connection
    threading.Thread(target=listen, args=(connection,), name="driver", daemon=True).start()


def listen(connection):
    while word := connection.recv(1):
        # To the thread that Python runs handlers on, so that a wait there ends.
        signal.pthread_kill(threading.main_thread().ident, WORDS[word])
    os.kill(os.getpid(), signal.SIGHUP)


def tell(code):
    """Tells the exit status. Some launchers forget it where the others have ended well before."""
    if _connection is not None:
        try:
            _connection.sendall(bytes([code]))
        except OSError:
            pass  # the driver has gone: `listen` hears of it


def attach():
    """Gives this process the driver's terminal, if the driver has one for it.

    Exits if there is one that cannot be reached from here.
    """
    wanted = os.environ.pop(TERMINAL, "0") == "1"
    if _terminal is None:
        if wanted:
            raise SystemExit("legate: rank 0 runs on another computer than the terminal: the interpreter needs it on this one")
        return
    sys.stdout.flush()
    sys.stderr.flush()
    for fd in range(3):
        os.dup2(_terminal, fd)
    os.close(_terminal)
    sys.stdin = sys.__stdin__ = stream(0, sys.__stdin__, "r")
    sys.stdout = sys.__stdout__ = stream(1, sys.__stdout__, "w")
    sys.stderr = sys.__stderr__ = stream(2, sys.__stderr__, "w")


def stream(fd, like, mode):
    """A text stream as Python opens those of a terminal."""
    binary = open(fd, mode + "b", closefd=False)
    return io.TextIOWrapper(binary, encoding=like.encoding, errors=like.errors, line_buffering=True)
