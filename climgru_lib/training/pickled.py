"""Files of `torch.save`: read without running anything in them, and refused where they are damaged or excessive.

Such a file is a zip archive with a pickle and the tensors' bytes. PyTorch's restricted unpickler reads it; whatever
bears the name of a harmless class of another package becomes an object without content.
"""

from __future__ import annotations

import pickletools
import re
import zipfile
from pathlib import Path
from typing import Any

import torch

from ..contract import InputError

MOST_OF_A_PICKLE = 4_000_000  # bytes, beside the tensors; those of 353 million parameters have 20 thousand
#: What PyTorch's unpickler calls, and what takes memory without any in the file.
_EXCESSIVE = re.compile(r"(builtins|__builtin__)\.bytearray|_codecs\.encode|torch(\.\w+)*\.\w*Tensor")


class _Inert:
    """Stands for an object of another package: takes every argument and state, keeps none."""

    def __new__(cls, *args):
        return super().__new__(cls)

    def __setstate__(self, state):
        pass


def _plain_dict(*args) -> dict:
    """Stand for `collections.defaultdict`, which the unpickler then fills: it fills plain dicts alone."""
    return {}


def read(path: Path, harmless: str = "", cure: str = "fetch it again") -> Any:
    """Read a file of `torch.save` with its tensors mapped from disk.

    Parameters
    ----------
    path : Path
    harmless : str
        Regular expression of full names of classes that become objects without content; none by default.
    cure : str
        What to do about a damaged file, for the message.

    Raises
    ------
    InputError
        If the file is missing or damaged, names anything else that PyTorch does not know, or takes memory that it
        does not hold. Nothing of it has run then, and nothing was allocated.
    """
    if not path.is_file():
        raise InputError(f"no checkpoint at {path}")
    try:
        _check_archive(path, cure)
        names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
        refused = sorted(name for name in names if not re.fullmatch(harmless, name))
        if refused:
            raise InputError(
                f"{path} names {', '.join(map(repr, refused))}, which could run code, so nothing was loaded; "
                "save it again with its state_dict alone"
            )
        stand_ins = [(_plain_dict if name == "collections.defaultdict" else _Inert, name) for name in names]
        with torch.serialization.safe_globals(stand_ins):
            return torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    except InputError:
        raise
    except Exception as error:  # a malformed file can fail anywhere in these readers
        raise InputError(
            f"{path} cannot be read ({type(error).__name__}): it is cut short, damaged, or not in the zip format "
            f"of torch.save; {cure}"
        ) from error


def _check_archive(path: Path, cure: str) -> None:
    """Refuse what PyTorch would not look at: other compression, wrong checksums, calls that only take memory."""
    with zipfile.ZipFile(path) as archive:
        if any(record.compress_type != zipfile.ZIP_STORED for record in archive.infolist()):
            raise InputError(f"{path} was compressed again after PyTorch wrote it; take the original file")
        pickles = [record for record in archive.infolist() if record.filename.endswith("/data.pkl")]
        if sum(record.file_size for record in pickles) > MOST_OF_A_PICKLE:
            raise InputError(f"{path} describes far more parameters than a checkpoint has; nothing was loaded")
        damaged = archive.testzip()
        if damaged:
            raise InputError(f"{path} is damaged in {damaged}; {cure}")
        for record in pickles:
            for operation, name, _ in pickletools.genops(archive.read(record)):
                if operation.name == "GLOBAL" and _EXCESSIVE.fullmatch(name.replace(" ", ".")):
                    raise InputError(f"{path} names '{name.replace(' ', '.')}', which no checkpoint needs; not loaded")
