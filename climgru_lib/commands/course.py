"""The course and its studies."""

from __future__ import annotations

from argparse import ArgumentTypeError, Namespace
from pathlib import Path

from .options import command, data_option, extension_option, three_decimals


def add(parsers) -> None:
    """Add `study` and `course`."""
    study = command(parsers, "study", run_study, "run many trainings, resumable, into one table")
    what = "without one: list the studies; verify: repeat a sample of the kept results"
    study.add_argument("name", nargs="?", metavar="NAME", help=what)
    study.add_argument("of", nargs="?", metavar="OF", help="with verify: of this study alone")
    data_option(study)
    what = "length of trainings, seeds (default quick; published on a GPU: full)"
    study.add_argument("--profile", choices=["quick", "full"], help=what)
    study.add_argument("--seeds", type=int, metavar="N", help="number of seeds (default: the profile's)")
    study.add_argument("--out", default="", metavar="DIR", help="where results go (default build/ of the checkout)")
    study.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    what = (
        "trainings at once, each in a process of its own (default 1); 0: all in this one; tcp://HOST:PORT: on the "
        "workers of a dask scheduler, which must share the file system of --out and --data"
    )
    study.add_argument("--workers", type=_workers, metavar="N", help=what)
    extension_option(study)
    study.add_argument("--minutes", type=float, metavar="M", help="budget of the study published (default 9)")

    course = command(parsers, "course", run_course, "execute the notebooks in order")
    course.add_argument("--data", default="embedded", metavar="PATH", help="store of the notebooks (default embedded)")
    course.add_argument("--profile", choices=["quick", "full"], default="quick", help="length of the trainings")
    course.add_argument("--only", action="append", metavar="NN", help="this notebook alone, e.g. 04; may be repeated")
    course.add_argument("--out", type=Path, metavar="DIR", help="where results go (default build/ of the checkout)")
    course.add_argument("--copy", type=Path, metavar="DIR", help="only copy the notebooks there, to work in them")
    course.add_argument(
        "-p", action="append", default=[], metavar="KEY=VALUE", dest="parameters", help="a notebook parameter"
    )


def _workers(text: str) -> int | str:
    """Return a number of processes, or the address of a scheduler."""
    if not text.startswith("tcp://") and not text.isdecimal():
        raise ArgumentTypeError(f"'{text}' is neither a number nor the address of a scheduler, tcp://HOST:PORT")
    return int(text) if text.isdecimal() else text


def run_course(args: Namespace) -> None:
    """Execute the notebooks, or copy them."""
    from .. import course
    from ..data.paths import require_source

    require_source(args.data)
    if args.copy is not None:
        count = course.notebooks.copy(args.copy)
        print(f"copied {count} notebooks to {args.copy}; those that were there are as they were")
        return
    course.execute.run(data=args.data, profile=args.profile, only=args.only, out=args.out, parameters=args.parameters)


def run_study(args: Namespace) -> None:
    """Run a study, or list them."""
    from .. import processes
    from ..contract import InputError
    from ..course import study
    from ..data.paths import require_source

    if args.name is None:
        print(study.listing())
        return
    if processes.count() > 1:
        raise InputError("a study trains each run in one process: begin it without torchrun or srun, see --workers")
    if args.name != "verify":
        study.STUDIES.require(args.name)
    require_source(args.data)
    if args.name == "verify":
        return _verify(args)
    options = {"seeds": args.seeds, "device": args.device, "minutes": args.minutes, "workers": args.workers}
    table = study.run(args.name, args.data, args.profile, args.out, **options)
    print(table.to_string(float_format=three_decimals))


def _verify(args: Namespace) -> None:
    from ..contract import InputError
    from ..course.study import results

    found = results.verify_all([args.of] if args.of else results.known(), args.data, args.out, args.device)
    print(found.to_string(index=False, float_format=three_decimals))
    if not found["within"].all():
        raise InputError("not all scores were repeated within the tolerance")
