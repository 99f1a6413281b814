"""Progress of long work on stderr: a bar on a terminal or in a notebook, elsewhere a line a minute.

Of several processes that train one run the first alone shows it.

``TQDM_DISABLE=1`` silences it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from . import processes

if TYPE_CHECKING:
    from tqdm import tqdm

SECONDS_PER_LINE = 60  # where there is neither terminal nor notebook
SECONDS_BEFORE_BAR = 1  # what is done sooner shows none


class _Lines:
    """A file in which each state of a bar becomes a line, and nothing is erased."""

    def write(self, text: str) -> None:
        if state := text.strip():
            sys.stderr.write(f"{state}\n")

    def flush(self) -> None:
        sys.stderr.flush()


def is_live() -> bool:
    """Tell whether somebody looks on: at a terminal, or in a notebook."""
    ipython = sys.modules.get("IPython")
    return sys.stderr.isatty() or hasattr(ipython and ipython.get_ipython(), "kernel")


def bar(what: str, total: float, unit: str) -> tqdm:
    """Return a progress bar, a context manager with ``update``.

    Parameters
    ----------
    what : str
        What is being done, as ``reading``.
    total : float
        How much there is to do.
    unit : str
        Of ``total``, in the plural.
    """
    from tqdm import tqdm  # takes a tenth of a second, which a refusal of arguments need not wait for

    if not processes.is_first():
        return tqdm(disable=True)
    if is_live():
        return tqdm(total=total, desc=what, unit=f" {unit}", leave=False, delay=SECONDS_BEFORE_BAR)
    seconds = dict.fromkeys(("delay", "mininterval", "maxinterval"), SECONDS_PER_LINE)
    form = f"{what}: {{n_fmt}} of {{total_fmt}} {unit}"
    return tqdm(total=total, bar_format=form, leave=False, file=_Lines(), **seconds)


@contextmanager
def doing(what: str) -> Iterator[None]:
    """Say on a terminal what is being done, until it is done."""
    if not sys.stderr.isatty() or not processes.is_first():
        yield
        return
    from tqdm import tqdm

    with tqdm(bar_format=f"{what} ...", leave=False):
        yield
