"""The `legate` command: runs a Python program, or an interactive interpreter, on the runtime that its options describe.

Options are passed on as the environment variables that the runtime reads when it starts; everything after the program's name
belongs to the program.
"""

import argparse
import builtins
import io
import os
import platform
import runpy
import sys
import types

from legate import _launch, _line, _ranks, _supervise

EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells report it

EPILOG = """\
with no program, -m or -c: an interactive interpreter with `np` imported; on several ranks, rank 0 runs it and leads the others
environment: LEGATE_CPUS, LEGATE_FALLBACK, LEGATE_PROFILE, LEGATE_LOG_MAPPING as the options above;
  LEGATE_SIM_RANKS=N (N simulated ranks), LEGATE_MAPPER=default|random[:seed]|FILE.toml,
  LEGATE_EXECUTOR=serial|parallel, LEGATE_FUSE=0|1, LEGATE_REPLAY=0 (loops are planned anew in each round),
  LEGATE_INLINE=0 (everything through the runtime)
"""


def main(argv=None):
    """Runs the command. Returns its exit status; a program's own `SystemExit` passes through."""
    argv = sys.argv[1:] if argv is None else argv
    options = parse(argv)
    configure(options)
    if options.nodes * options.ranks_per_node > 1:
        code = launch(options, argv)
        if code is not None:
            return code
    if _ranks.is_led() and _ranks.standing.rank > 0:
        _ranks.follow()
    try:
        code = show_and_run(options)
    except SystemExit as end:
        _line.tell(status(end))
        raise
    _line.tell(code)
    return code


def show_and_run(options):
    if options.show_config:
        print(config_text(), flush=True)
        if not has_program(options):
            return 0
    return run(options)


# ---------------------------------------------------------------------------------------------------------------------
# Options
# ---------------------------------------------------------------------------------------------------------------------


def parse(argv):
    """The options in `argv`. Exits with status 2 where they make no sense or ask for what this build cannot do."""
    parser = build_parser()
    options = parser.parse_args(argv)
    if options.gpus > 0:
        parser.error(f"--gpus {options.gpus}: this build computes on CPUs; it has no GPU back end yet")
    return options


def build_parser():
    parser = argparse.ArgumentParser(
        prog="legate",
        usage="legate [options] [program.py | -m module | -c code] [arguments]",
        description="Run a NumPy program on the Legate runtime.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--cpus", type=count(1), metavar="N", help="cores that tasks may use (default: all that this process may)")
    parser.add_argument("--nodes", type=count(1), default=1, metavar="N", help="nodes to run on: a copy of the program on each, as one (default: 1)")
    parser.add_argument("--ranks-per-node", type=count(1), default=1, metavar="N", help="copies on each node (default: 1)")
    parser.add_argument(
        "--launcher", choices=_launch.LAUNCHERS, default="auto", help="what starts the copies (default: srun in a Slurm job, else mpirun)"
    )
    parser.add_argument("--launcher-extra", action="append", default=[], metavar="ARGS", help="more arguments for the launcher (repeatable)")
    parser.add_argument("--controller", action="store_true", help="one copy runs the program and leads the others, where copies would not decide alike")
    parser.add_argument("--all-ranks-output", action="store_true", help="show what all copies print, each line with its rank (default: rank 0's)")
    parser.add_argument("--gpus", type=count(0), default=0, metavar="N", help="GPUs to run on (this build: 0)")
    parser.add_argument("--fallback", choices=("warn", "error", "silent"), help="what to do where a function is not native")
    parser.add_argument("--profile", metavar="FILE", help="write a trace for Perfetto or chrome://tracing")
    parser.add_argument("--log-mapping", action="store_true", help="log the mapper's decisions to standard error")
    parser.add_argument("--show-config", action="store_true", help="print the machine and the settings")
    parser.add_argument("-i", dest="interact", action="store_true", help="go on with the interactive interpreter when the program has ended")
    parser.add_argument("--version", action="version", version=version_text())
    parser.add_argument("-m", dest="module", nargs=argparse.REMAINDER, metavar="...", help="run a module, as `python -m` does")
    parser.add_argument("-c", dest="code", nargs=argparse.REMAINDER, metavar="...", help="run a string, as `python -c` does")
    parser.add_argument("program", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser


def count(minimum):
    """A converter of argparse's for integers not below `minimum`."""

    def convert(text):
        number = int(text)
        if number < minimum:
            raise argparse.ArgumentTypeError(f"must be at least {minimum}, not {number}")
        return number

    convert.__name__ = "count"
    return convert


def version_text():
    import numpy

    import legate

    return f"legate {legate.__version__} (NumPy {numpy.__version__}, Python {platform.python_version()})"


def configure(options):
    """Puts the options where the runtime will look for them."""
    settings = {
        "LEGATE_CPUS": options.cpus,
        "LEGATE_FALLBACK": options.fallback,
        "LEGATE_PROFILE": options.profile and os.path.abspath(options.profile),
        "LEGATE_LOG_MAPPING": "1" if options.log_mapping else None,
        # What is typed comes to one rank only.
        "LEGATE_CONTROLLER": "1" if options.controller or is_session(options) else None,
        "LEGATE_ALL_RANKS_OUTPUT": "1" if options.all_ranks_output else None,
    }
    os.environ.update({name: str(value) for name, value in settings.items() if value is not None})


def config_text():
    """The machine and the settings in force, one a line."""
    from legate import _native

    lines = [version_text()]
    lines += [f"  {name:<16} {value}" for name, value in _native.config().items()]
    lines.append(f"  {'fallback':<16} {os.environ.get('LEGATE_FALLBACK', 'warn')}")
    return "\n".join(lines)


# ---------------------------------------------------------------------------------------------------------------------
# Ranks
# ---------------------------------------------------------------------------------------------------------------------


def launch(options, argv):
    """Starts the ranks and waits for them: their exit status. `None` in a process that a launcher has started: it is one of them."""
    ranks = options.nodes * options.ranks_per_node
    here = _ranks.standing.ranks
    if here > 1 or options.launcher == "none":
        if here != ranks:
            print(f"legate: {ranks} ranks are asked for, and a launcher has started {here}", file=sys.stderr)
            return EXIT_USAGE
        return None
    program = [sys.executable, "-m", "legate", *argv]
    try:
        command, environment = _launch.command(options, program, os.environ)
    except _launch.LaunchError as error:
        print(f"legate: {error}", file=sys.stderr)
        return EXIT_FAILURE
    sys.stdout.flush()
    interactive = is_session(options) and sys.stdin.isatty() and sys.stdout.isatty()
    return _supervise.supervise(command, {**os.environ, **environment}, interactive)


# ---------------------------------------------------------------------------------------------------------------------
# Running
# ---------------------------------------------------------------------------------------------------------------------


def has_program(options):
    return bool(options.program) or options.module is not None or options.code is not None


def is_session(options):
    """Whether somebody may type."""
    return options.interact or not has_program(options)


def run(options):
    """Runs what the options name. An exception is reported as Python reports it, without our own frames."""
    if is_session(options):
        _line.attach()
    typing = is_session(options) and sys.stdin.isatty()
    if typing:
        _ranks.outlive_errors()
    try:
        code = run_named(options, typing)
    except SystemExit as error:
        if not typing:
            raise
        code = report(error)
    except BaseException as error:
        code = report(error)
    return interact(options) if typing else code


def status(end):
    """The exit status that a `SystemExit` stands for."""
    return end.code & 0xFF if isinstance(end.code, int) else int(end.code is not None)


def run_named(options, typing):
    if options.module is not None:
        return run_module(options.module)
    if options.code is not None:
        return run_code(options.code)
    if options.program:
        return run_program(options.program)
    return None if typing else run_source(sys.stdin.read(), "<stdin>", [""])


def run_program(command):
    path = command[0]
    if not os.path.exists(path):
        print(f"legate: can't open file {os.path.abspath(path)!r}: no such file", file=sys.stderr)
        return EXIT_USAGE
    if os.path.isdir(path) or not is_source(path):
        sys.argv = list(command)
        keep_main(runpy.run_path(path, run_name="__main__"))  # packages, zip files, byte code: rare, so Python's own way
        return 0
    with io.open_code(path) as file:
        source = file.read()
    sys.path[0] = os.path.dirname(os.path.realpath(path))
    return run_source(source, path, command)


def is_source(path):
    """Whether the file is Python text (byte code and zip files hold a zero byte early on)."""
    with open(path, "rb") as file:
        return b"\0" not in file.read(1024)


def run_source(source, filename, argv):
    """Compiles and runs `source` as `__main__`."""
    sys.argv = list(argv)
    main_module = fresh_main(filename)
    exec(compile(source, filename, "exec"), main_module.__dict__)
    return 0


def keep_main(names):
    """What a program has left, for those who go on with it."""
    fresh_main().__dict__.update(names)


def fresh_main(filename=None):
    """A new `__main__`, so that the program does not see ours (pickle and multiprocessing look there)."""
    module = types.ModuleType("__main__")
    module.__builtins__ = builtins
    if filename is not None and not filename.startswith("<"):
        module.__file__ = filename
        module.__cached__ = None
    sys.modules["__main__"] = module
    return module


def run_code(arguments):
    if not arguments:
        raise SystemExit("legate: argument expected for the -c option")
    sys.path[0] = ""
    return run_source(arguments[0], "<string>", ["-c", *arguments[1:]])


def run_module(arguments):
    if not arguments:
        raise SystemExit("legate: argument expected for the -m option")
    sys.path[0] = os.getcwd()
    sys.argv = list(arguments)
    keep_main(runpy.run_module(arguments[0], run_name="__main__", alter_sys=True))
    return 0


def report(error):
    """Prints `error` with the user's frames only. Returns the exit status."""
    traceback = error.__traceback__
    own = {__file__, runpy.__file__, "<frozen runpy>"}
    while traceback is not None and traceback.tb_frame.f_code.co_filename in own:
        traceback = traceback.tb_next
    sys.excepthook(type(error), error.with_traceback(traceback), traceback)
    return EXIT_INTERRUPTED if isinstance(error, KeyboardInterrupt) else EXIT_FAILURE


# ---------------------------------------------------------------------------------------------------------------------
# The interactive interpreter
# ---------------------------------------------------------------------------------------------------------------------


def interact(options):
    """The interactive interpreter: Python's own, with history, completion and `np`; or with what a program has left."""
    import code

    if has_program(options):
        banner = ""
    else:
        import legate
        import legate.numpy

        fresh_main().__dict__.update(legate=legate, np=legate.numpy)
        sys.argv = [""]
        sys.path[0] = ""
        ranks = _ranks.standing.ranks
        banner = (
            f"{version_text()}\nPython {sys.version} on {sys.platform}\n"
            f"`import legate.numpy as np` has been done{f' on {ranks} ranks' if ranks > 1 else ''}; exit with Ctrl-D."
        )
    names = sys.modules["__main__"].__dict__
    keep_history(names)
    code.InteractiveConsole(names, filename="<stdin>").interact(banner=banner, exitmsg="")
    return 0


def keep_history(namespace):
    """Line editing with history in `~/.legate_history` (`LEGATE_HISTORY` names another file) and completion."""
    try:
        import readline
        import rlcompleter
    except ImportError:  # a Python built without readline still has an interpreter
        return
    import atexit

    path = os.environ.get("LEGATE_HISTORY") or os.path.join(os.path.expanduser("~"), ".legate_history")
    try:
        readline.read_history_file(path)
    except OSError:
        pass
    readline.set_history_length(10_000)
    readline.set_completer(rlcompleter.Completer(namespace).complete)
    readline.parse_and_bind("tab: complete")
    atexit.register(save_history, readline, path)


def save_history(readline, path):
    try:
        readline.write_history_file(path)
    except OSError as error:
        print(f"legate: history not saved: {error}", file=sys.stderr)
