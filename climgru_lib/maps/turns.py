"""Widgets answer one at a time: JupyterLab may run the handlers of one page in two threads of the kernel."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from threading import RLock
from typing import TypeVar

Handler = TypeVar("Handler", bound=Callable)
_TURN = RLock()  # one for all viewers: Matplotlib's settings are shared by the threads of a process


def in_turn(handler: Handler) -> Handler:
    """Let a handler wait until the one that another thread is in has ended; handlers may call each other."""

    @wraps(handler)
    def waiting(*args, **kwargs):
        with _TURN:
            return handler(*args, **kwargs)

    return waiting
