# SPDX-License-Identifier: Apache-2.0
"""roots: which files a job may name. A request names them as its client sees them; here they become real paths."""
from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class BadRequest(ValueError):
    """The request itself is wrong: what it names is not there, not allowed, or not named at all."""


@dataclass(frozen=True)
class Place:
    """Real paths, all below a root when they were looked at."""

    directory: Path  # the job's current folder
    base: Path  # Parquet: a file, or a folder of them
    file: Path  # the user's Python
    answer: Path  # where the result goes, without its ending
    name: str  # of the answer, as the client is told it: below the directory, without its ending


class Roots:
    """The folders that jobs may read and write."""

    def __init__(self, folders: Iterable[str | os.PathLike[str]]):
        self.folders = [Path(folder).resolve(strict=True) for folder in folders]
        if not self.folders:
            raise ValueError("a farm that runs dataframe jobs needs a root")

    def place(self, request: Any) -> Place:
        """The files of {"Directory", "Base", "File"}. Raises BadRequest with a sentence for people."""
        words = _words(request)
        directory = self._inside("Directory", words["Directory"], self.folders[0])
        if not directory.is_dir():
            raise BadRequest(f"Directory {words['Directory']} is no folder")
        file = self._inside("File", words["File"], directory)
        if not words["File"].endswith(".py") or not file.is_file():
            raise BadRequest(f"File {words['File']} is no Python file")
        name = words["File"].removesuffix(".py") + "_ansver"
        folder = self._inside("File", os.path.dirname(words["File"]) or ".", directory)
        return Place(directory, self._base(words["Base"], directory), file, folder / os.path.basename(name), name)

    def _base(self, text: str, directory: Path) -> Path:
        base = self._inside("Base", text, directory)
        if base.is_dir():
            for folder, _, names in os.walk(base, onerror=_unreadable):
                for name in names:
                    self._inside("Base", os.path.join(folder, name), directory)
        return base

    def _inside(self, what: str, text: str, start: Path) -> Path:
        """The real path: a link counts as what it leads to, so that none leads out."""
        try:
            path = (start / text).resolve(strict=True)
        except (OSError, RuntimeError, ValueError) as error:
            raise BadRequest(f"{what} {text}: {getattr(error, 'strerror', None) or error}") from None
        if not any(path.is_relative_to(folder) for folder in self.folders):
            raise BadRequest(f"{what} {text} is outside the roots of this worker")
        return path


def _unreadable(error: OSError) -> None:
    raise BadRequest(f"Base {error.filename}: {error.strerror}")


def _words(request: Any) -> Mapping[str, str]:
    for name in ("Directory", "Base", "File"):
        if not isinstance(request, Mapping) or not isinstance(request.get(name), str) or not request[name]:
            raise BadRequest("a dataframe job wants the texts Directory, Base and File")
    return dict(request)
