"""Bad input, and what is only suspicious."""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


class InputError(ValueError):
    """Something the user gave is wrong; the message is one clear line with the cure."""


class DataError(InputError):
    """A data set breaks the contract, or is not what its labels say."""


class DataWarning(UserWarning):
    """A data set may not be what its labels say, or was converted."""


@contextmanager
def warnings_on_stderr() -> Iterator[None]:
    """Show each `DataWarning` once, as a line on stderr like those of refusals."""
    others = warnings.showwarning

    def show(message, category, *place, **options):
        if issubclass(category, DataWarning):
            print(f"climgru: warning: {message}", file=sys.stderr)
        else:
            others(message, category, *place, **options)

    with warnings.catch_warnings():
        warnings.filterwarnings("once", category=DataWarning)
        warnings.showwarning = show
        yield
