"""Stopping work by a signal: at once, or, within `held`, where the work itself looks at `asked`."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)


class Stopped(BaseException):
    """A signal asked the work to stop; it is no error, and what was done so far can be continued."""

    def _render_traceback_(self) -> list[str]:
        """Let Jupyter show the message alone."""
        return [f"{type(self).__name__}: {self}"]


class _Signals:
    """What has come, and what the signals did before `stoppable`; those are a process's, and so is this."""

    def __init__(self):
        self.before: dict[int, Any] = {}
        self.asked: str | None = None
        self.holding = False

    def listen(self) -> None:
        for number in SIGNALS:
            signal.signal(number, self.receive)

    def receive(self, number: int, frame: Any) -> None:
        signal.signal(number, self.before[number])
        self.asked = signal.Signals(number).name
        if not self.holding:
            raise self.stop()

    def stop(self) -> Stopped:
        return Stopped(f"{self.asked} came; the same command goes on from what is done, a training with --resume")


_signals = _Signals()


@contextmanager
def stoppable() -> Iterator[None]:
    """Turn `SIGNALS` into `Stopped` while this lasts; a second one of a kind acts as it would have done without us.

    Outside the main thread, which alone may listen, and within another such context this does nothing.
    """
    if _signals.before or threading.current_thread() is not threading.main_thread():
        yield
        return
    _signals.before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        _signals.listen()
        yield
    except Exception as error:
        if _signals.asked:  # an extension module that is being imported turns `Stopped` into an ImportError
            raise _signals.stop() from error
        raise
    finally:
        for number, handler in _signals.before.items():
            signal.signal(number, handler)
        _signals.before, _signals.asked = {}, None


@contextmanager
def held() -> Iterator[None]:
    """Let what is within come to its own end when a signal comes, and raise `Stopped` after it."""
    _signals.holding = True
    try:
        yield
    finally:
        _signals.holding = False
    if _signals.asked:
        raise Stopped(f"{_signals.asked} came; continue with --resume")


def asked() -> str | None:
    """Return the name of the signal that has come, if one has."""
    return _signals.asked


def listen_again() -> None:
    """Take the signals back from a library that has listened to them meanwhile, unless one has come."""
    if _signals.before and not _signals.asked:
        _signals.listen()
