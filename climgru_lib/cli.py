"""The `climgru` command: arguments only; all work is done by the library."""

from __future__ import annotations

import argparse
import atexit
import errno
import os
import sys
from collections.abc import Sequence

from . import __version__
from .commands import course, data, files, lists, maps, runs
from .stopping import Stopped, stoppable

BAD_INPUT, STOPPED = 2, 75
LONGEST_MESSAGE = 2000
#: Errors of the system that are nobody's defect: full, read-only or forbidden places, wrong kinds of them.
OF_THE_PLACE = {
    getattr(errno, name)
    for name in "ENOSPC EDQUOT EROFS EACCES EPERM ENOTDIR EISDIR ENAMETOOLONG EFBIG EIO ENOENT ELOOP EEXIST".split()
}
#: Modules of the optional dependencies in ``pyproject.toml``; training, prediction and scores need none.
EXTRAS = {
    "maps": ("cartopy", "cmocean", "ipyevents", "IPython", "ipywidgets", "matplotlib", "PIL"),
    "course": ("ipykernel", "jupyterlab", "nbclient", "nbformat", "nc_time_axis", "optuna", "papermill", "yaml"),
    "cluster": ("distributed",),
    "export": ("onnx", "onnxruntime", "onnxscript"),
    "tensorboard": ("tensorboard",),
    "mlflow": ("alembic", "mlflow", "sqlalchemy"),
    "wandb": ("wandb",),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; those of the process by default.

    Returns
    -------
    int
        0 done, 2 bad input (one line on stderr), 75 stopped by a signal and resumable.
    """
    words = "\0".join(sys.argv[1:] if argv is None else argv)
    words = words.replace("\0--extent\0", "\0--extent=")  # argparse takes a box that begins with a minus for an option
    args = _parser().parse_args(words.split("\0") if words else [])
    try:
        with stoppable():
            return _run(args)
    except (Stopped, KeyboardInterrupt) as stop:
        print(f"climgru: stopped: {stop or 'by Ctrl-C'}", file=sys.stderr)
        atexit.register(setattr, sys, "unraisablehook", lambda _: None)  # of libraries stopped while they began
        return STOPPED


def _run(args: argparse.Namespace) -> int:
    from . import registry  # with numpy, which a request for help need not wait for
    from .contract import InputError, warnings_on_stderr

    try:
        registry.use(getattr(args, "use", ()))
        with warnings_on_stderr():
            args.run(args)
    except InputError as error:
        for line in error.args:
            print(f"climgru: {_printable(line)}", file=sys.stderr)
        return BAD_INPUT
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        extra = _extra_of(missing)
        if extra is None:
            raise
        print(f"climgru: {missing} is not installed; it comes with `pip install 'climgru[{extra}]'`", file=sys.stderr)
        return BAD_INPUT
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        if error.errno not in OF_THE_PLACE:
            raise
        where = f" {error.filename}" if error.filename else ""
        print(f"climgru: cannot use{_printable(where)}: {error.strerror}", file=sys.stderr)
        return BAD_INPUT
    return 0


def _printable(text: object) -> str:
    """Return a text as one line, whatever names of files or attributes have brought into it."""
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in str(text))[:LONGEST_MESSAGE]


def _extra_of(module: str) -> str | None:
    return next((extra for extra, modules in EXTRAS.items() if module in modules), None)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="climgru",
        description="Climate emulation: from forcings to monthly maps of temperature and precipitation.",
        epilog="Exit codes: 0 done, 2 bad input, 75 stopped by a signal and resumable, 1 a defect.",
    )
    parser.add_argument("--version", action="version", version=f"climgru {__version__}")
    parsers = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for group in (data, runs, maps, files, course, lists):
        group.add(parsers)
    return parser


if __name__ == "__main__":
    sys.exit(main())
