"""What `climgru map` does: its arguments brought to `plot`, and the picture written."""

from __future__ import annotations

from argparse import Namespace

import matplotlib as mpl

from ..contract import InputError
from .face import WRITERS, animate, plot, writer_of
from .looks import PLAIN
from .period import require_month
from .pictures import require_format

DPI, FILM_DPI = 200, 100
NARROWEST = 1200  # pixels of a picture


def draw_map(args: Namespace) -> str:
    """Draw what the arguments ask for; return what was written in words.

    Raises
    ------
    InputError
        If an argument cannot be read, or asks for what is not there.
    """
    film = args.out.suffix.lower() in WRITERS
    if film:
        writer_of(args.out)
    else:
        require_format(args.out)
    if args.dpi is not None and not 10 <= args.dpi <= 2400:
        raise InputError(f"--dpi is from 10 to 2400, got {args.dpi:g}")
    periods = [*(require_month(month) for month in args.month), *args.period] or ["all"]
    options = {
        "scenario": args.scenario,
        "statistic": args.statistic,
        "baseline": args.baseline,
        "level": args.level,
        "members": args.member or "mean",
        "truth": args.truth,
        "difference": args.difference,
        "stipple": args.stipple,
        "region": args.extent,
        "projection": args.projection,
        "limits": args.limits and tuple(args.limits),
        "span": args.span,
        "levels": args.levels,
        "graticule": args.graticule,
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    if film:
        if max(len(args.source), len(periods), len(args.scenario or ())) > 1:
            raise InputError("an animation is of one source, scenario and period; its months or years are the frames")
        options["scenario"] = args.scenario and args.scenario[0]
        frames = animate(args.out, args.source[0], args.var, periods[0], dpi=args.dpi or FILM_DPI, **options)
        return f"wrote {args.out}: {frames} frames"
    figure = plot(args.source, args.var, periods, **options)
    dpi = args.dpi or max(DPI, round(NARROWEST / figure.get_figwidth() + 0.5))
    with mpl.rc_context(PLAIN):
        figure.savefig(args.out, dpi=dpi)
    return f"wrote {args.out}"
