"""The `climgru` command: arguments only; all work is done by the library."""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from . import __version__
from .data.convert import arguments
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
        return STOPPED


def _run(args: argparse.Namespace) -> int:
    from . import commands, registry  # with numpy, which a request for help need not wait for
    from .contract import InputError, warnings_on_stderr

    try:
        registry.use(getattr(args, "use", ()))
        with warnings_on_stderr():
            getattr(commands, args.run)(args)
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
    rest = (_submission_commands, _checkpoint_commands, _course_commands, _lists)
    for add in (_data_commands, _run_commands, _map_command, *rest):
        add(parsers)
    return parser


def _command(parsers, name: str, run: str, text: str) -> argparse.ArgumentParser:
    """Add a command that runs the function of that name in `commands`."""
    parser = parsers.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    parser.set_defaults(run=run)
    return parser


def _data_commands(parsers) -> None:
    data = parsers.add_parser("data", help="make or check a data set").add_subparsers(required=True, metavar="COMMAND")
    make = _command(data, "make", "data_make", "write the embedded data set as a store of the contract")
    make.add_argument("dest", type=Path, metavar="DEST", help="a new Zarr store; the withheld truth goes beside it")
    make.add_argument("--months", type=int, default=1021, metavar="N", help="months from 2015-01 on (default 1021)")
    make.add_argument("--members", type=int, default=3, metavar="N", help="ensemble members (default 3)")
    make.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the weather (default 0)")
    check = _command(data, "check", "data_check", "check a store against the data contract")
    check.add_argument("path", metavar="PATH", help="Zarr store, NetCDF file, folder of such files, or 'embedded'")
    _extension_option(check)
    check.add_argument(
        "--write-manifest", action="store_true", help="then write sizes and SHA-256 of all files beside the store"
    )
    convert = _command(data, "convert", "data_convert", "write a store of the contract from files in another layout")
    arguments.add(convert)
    _extension_option(convert)


def _run_commands(parsers) -> None:
    train = _command(parsers, "train", "train", "train a recipe into a run directory")
    train.add_argument("run_dir", type=Path, metavar="RUN_DIR", help="a new folder, or that of the run to resume")
    train.add_argument("--recipe", required=True, metavar="NAME", help="e.g. compact, published-final, pattern-scaling")
    _data_option(train)
    train.add_argument(
        "--split", default="clean", metavar="S", help="published, clean (default), unseen:<ssp>, members:<n>, a fold"
    )
    train.add_argument("--seed", type=int, default=0, metavar="N", help="seed of weights and batches (default 0)")
    train.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", dest="settings", help="change a field of the recipe"
    )
    train.add_argument("--resume", action="store_true", help="continue an unfinished run")
    _compute_options(train)

    evaluate = _command(parsers, "evaluate", "evaluate", "score a finished run beside its noise limits")
    evaluate.add_argument("run_dir", type=Path, metavar="RUN_DIR")
    _data_option(evaluate)
    evaluate.add_argument("--split", metavar="S", help="score the slices of another split (default: the run's own)")
    evaluate.add_argument(
        "--draws", type=int, metavar="N", help="judge an ensemble of N draws too (the run's own data; at least 3)"
    )
    _seed_of_draws(evaluate)
    evaluate.add_argument(
        "--against", type=Path, metavar="RUN_DIR", help="score this run too, and the difference by block bootstrap"
    )
    _compute_options(evaluate)

    predict = _command(parsers, "predict", "predict", "predict a whole scenario")
    predict.add_argument("run_dir", type=Path, metavar="RUN_DIR")
    _data_option(predict)
    predict.add_argument("--ssp", required=True, metavar="NAME", help="the scenario, e.g. ssp245")
    predict.add_argument(
        "--out", required=True, metavar="FILE", help=".nc, .zarr, or .csv (submission: last 360 months)"
    )
    form = predict.add_mutually_exclusive_group()
    form.add_argument("--draws", type=int, metavar="N", help="N members drawn at random, not their mean")
    form.add_argument(
        "--variance-matched",
        action="store_true",
        help="the last 360 months, stretched to a member's standard deviation: better in the Kaggle score alone",
    )
    _seed_of_draws(predict)
    _compute_options(predict)


def _map_command(parsers) -> None:
    draw = _command(parsers, "map", "draw_map", "draw maps of predictions or of a data set")
    draw.add_argument(
        "source",
        nargs="+",
        metavar="RUN_DIR|FILE",
        help="a run with predictions, a file of maps; several: side by side",
    )
    draw.add_argument("--var", required=True, metavar="NAME", help="tas, pr, or another variable of the source")
    draw.add_argument("--out", required=True, type=Path, metavar="FILE", help=".png, .svg, .pdf; .gif, .mp4: a film")
    draw.add_argument("--month", action="append", default=[], metavar="YYYY-MM", help="may be repeated")
    what = "2081-2100, 2085, 2080s, 'JJA 2081-2100', 'July 2085', 2081-01..2090-12, all (default); may be repeated"
    draw.add_argument("--period", action="append", default=[], metavar="WHEN", help=f"{what}; months count alike")
    draw.add_argument("--scenario", action="append", metavar="S", help="of a source with several; may be repeated")
    draw.add_argument(
        "--statistic", default="mean", help="mean (default), change, percent, std, trend, quantile or exceedance"
    )
    draw.add_argument("--baseline", metavar="YEARS", help="a change is from these years (default: the first 20)")
    draw.add_argument("--level", type=float, metavar="X", help="the quantile (0 to 1), or the threshold to exceed")
    draw.add_argument("--member", metavar="K", help="this member of an ensemble, or `spread` (default: their mean)")
    draw.add_argument(
        "--truth", metavar="PATH", help="draw truth, emulator and difference; a store, file or 'embedded'"
    )
    draw.add_argument("--difference", action="store_true", help="the difference alone, from truth or of two sources")
    draw.add_argument("--stipple", action="store_true", help="dot what internal variability may explain")
    draw.add_argument("--projection", metavar="NAME", help="PlateCarree (default), Robinson, NorthPolarStereo, ...")
    draw.add_argument("--extent", default="global", metavar="BOX", help="europe, arctic, ..., or 20W,60E,30N,75N")
    draw.add_argument("--limits", nargs=2, type=float, metavar=("LOW", "HIGH"), help="of the colours (default: fitted)")
    draw.add_argument("--span", type=float, metavar="X", help="colours of differences from -X to X (default: fitted)")
    draw.add_argument("--levels", type=int, metavar="N", help="so many discrete colours")
    draw.add_argument("--graticule", action="store_true", help="draw meridians and parallels with their labels")
    draw.add_argument("--dpi", type=float, metavar="N", help="dots an inch (default: 200, at least 1200 pixels wide)")
    _extension_option(draw)


def _submission_commands(parsers) -> None:
    files = parsers.add_parser("submission", help="files of the competition").add_subparsers(
        required=True, metavar="COMMAND"
    )
    score = _command(files, "score", "submission_score", "compute the Kaggle score of a submission")
    old = _command(parsers, "score", "submission_score", "old name of `submission score`")
    for parser, name in ((score, "submission score"), (old, "score")):
        parser.set_defaults(command=name)
        parser.add_argument("submission", metavar="SUBMISSION.csv")
        parser.add_argument("solution", metavar="SOLUTION.csv")


def _checkpoint_commands(parsers) -> None:
    take = _command(parsers, "import", "import_checkpoint", "make a run of a checkpoint of the published code")
    take.add_argument("checkpoint", metavar="CKPT", help="a Lightning .ckpt; its weights are used, nothing in it runs")
    take.add_argument("run_dir", type=Path, metavar="RUN_DIR", help="a new folder")
    take.add_argument(
        "--data", required=True, metavar="PATH", help="what it was trained on: the normalisation is not in the file"
    )
    take.add_argument(
        "--split", default="published", metavar="S", help="what was withheld from its training (default published)"
    )
    give = _command(
        parsers,
        "export",
        "export_checkpoint",
        "write a Conv-GRU's weights as a checkpoint of the published code",
    )
    give.add_argument("run_dir", type=Path, metavar="RUN_DIR")
    give.add_argument("checkpoint", metavar="CKPT", help="a new file")


def _course_commands(parsers) -> None:
    study = _command(parsers, "study", "run_study", "run many trainings, resumable, into one table")
    what = "without one: list the studies; verify: repeat a sample of the kept results"
    study.add_argument("name", nargs="?", metavar="NAME", help=what)
    study.add_argument("of", nargs="?", metavar="OF", help="with verify: of this study alone")
    _data_option(study)
    what = "length of trainings, seeds (default quick; published on a GPU: full)"
    study.add_argument("--profile", choices=["quick", "full"], help=what)
    study.add_argument("--seeds", type=int, metavar="N", help="number of seeds (default: the profile's)")
    study.add_argument("--out", default="", metavar="DIR", help="where results go (default build/ of the checkout)")
    study.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    what = "trainings at once, each in a process of its own (default 1); 0: all in this one"
    study.add_argument("--workers", type=int, metavar="N", help=what)
    _extension_option(study)
    study.add_argument("--minutes", type=float, metavar="M", help="budget of the study published (default 9)")

    course = _command(parsers, "course", "run_course", "execute the notebooks in order")
    course.add_argument("--data", default="embedded", metavar="PATH", help="store of the notebooks (default embedded)")
    course.add_argument("--profile", choices=["quick", "full"], default="quick", help="length of the trainings")
    course.add_argument("--only", action="append", metavar="NN", help="this notebook alone, e.g. 04; may be repeated")
    course.add_argument("--out", type=Path, metavar="DIR", help="where results go (default build/ of the checkout)")
    course.add_argument("--copy", type=Path, metavar="DIR", help="only copy the notebooks there, to work in them")
    course.add_argument(
        "-p", action="append", default=[], metavar="KEY=VALUE", dest="parameters", help="a notebook parameter"
    )


def _data_option(parser) -> None:
    parser.add_argument("--data", default="embedded", metavar="PATH", help="Zarr store or NetCDF (default embedded)")


def _seed_of_draws(parser) -> None:
    parser.add_argument("--draw-seed", type=int, default=0, metavar="K", help="seed of the draws (default 0)")


def _extension_option(parser) -> None:
    parser.add_argument(
        "--use", action="append", default=[], type=Path, metavar="FILE.py", help="run a file that registers parts"
    )


def _compute_options(parser) -> None:
    _extension_option(parser)
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--precision", choices=["32", "bf16"], default="32", help="32 means TF32 off")
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads (default: all cores)")


def _lists(parsers) -> None:
    recipes = _command(parsers, "recipes", "show_recipes", "list the recipes, or all settings of one")
    recipes.add_argument("name", nargs="?", metavar="NAME")
    _command(parsers, "splits", "show_splits", "list the splits")


if __name__ == "__main__":
    sys.exit(main())
