"""Parts known by name: models, encoders, losses and whatever else one file may add."""

from __future__ import annotations

import hashlib
import inspect
import runpy
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from .contract import InputError

#: Files that `use` has run, for processes that begin anew.
used_files: list[Path] = []


def use(files: Iterable[Path]) -> None:
    """Run files of the user, which register encoders, losses, studies or other parts.

    Raises
    ------
    InputError
        If there is no such file.
    """
    for file in files:
        if not file.is_file():
            raise InputError(f"--use: no file {file}")
        runpy.run_path(str(file))
        used_files.append(file.resolve())


class Registry(Mapping[str, Any]):
    """Named parts of one kind; what the library brings itself is imported when it is first asked for.

    Parameters
    ----------
    kind : str
        What the parts are, for messages.
    places : mapping of str to str
        Name to ``module:attribute`` within the library.
    """

    def __init__(self, kind: str, places: Mapping[str, str]):
        self.kind, self._places = kind, dict(places)
        self._added: dict[str, Any] = {}
        self._sources: dict[str, str] = {}

    def register(self, name: str) -> Callable[[Any], Any]:
        """Return a decorator that adds a part under a name; a file run again replaces its part.

        Raises
        ------
        InputError
            If the library itself has a part of that name.
        """
        if name in self._places:
            raise InputError(f"the library's {self.kind} '{name}' cannot be replaced; choose another name")

        def add(part: Any) -> Any:
            file = Path(inspect.currentframe().f_back.f_code.co_filename)
            self._added[name] = part
            self._sources[name] = hashlib.sha256(file.read_bytes() if file.is_file() else b"").hexdigest()
            return part

        return add

    def __getitem__(self, name: str) -> Any:
        """Return a part; raise `InputError` if there is none of that name."""
        self.require(name)
        if name in self._added:
            return self._added[name]
        module, _, attribute = self._places[name].partition(":")
        return getattr(import_module(f"{__package__}.{module}"), attribute)

    def build(self, name: str, given: Mapping[str, Any], settings: Mapping[str, Any] | None = None) -> Any:
        """Call a part with those of the ``given`` arguments that it names, and with settings of its own.

        Raises
        ------
        InputError
            If there is no such part, or it has no such setting.
        """
        part, accepted = self[name], self.require_settings(name, settings or {})
        return part(**{key: value for key, value in given.items() if key in accepted} | dict(settings or {}))

    def require_settings(self, name: str, settings: Iterable[str]) -> Iterable[str]:
        """Raise `InputError` if a part does not take some settings; return all that it takes."""
        accepted = inspect.signature(self[name]).parameters
        for unknown in sorted(set(settings) - set(accepted)):
            raise InputError(f"the {self.kind} '{name}' has no setting '{unknown}'; it has {', '.join(accepted)}")
        return accepted

    def require(self, name: str) -> None:
        """Raise `InputError` if there is no part of that name; imports nothing."""
        if name not in self:
            raise InputError(f"unknown {self.kind} '{name}'; there are {', '.join(self)}")

    def source_of(self, name: str) -> str | None:
        """Return a SHA-256 of the file that added a part; None for the library's own."""
        return self._sources.get(name)

    def __contains__(self, name: object) -> bool:
        return name in self._places or name in self._added

    def __iter__(self) -> Iterator[str]:
        yield from self._places
        yield from self._added

    def __len__(self) -> int:
        return len(self._places) + len(self._added)
