"""The folder of pre-loaded @contexts: what a city wants to have at hand without any network."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

import msgspec

from stadtkern.errors import InvalidSettings

INDEX = "index.json"
_SUFFIXES = (".jsonld", ".json")


class ContextFolder:
    """Context documents by address, read when they are asked for.

    ``index.json`` maps addresses to file names. A file is known by its own name, too, if that is a percent-encoded
    address, with or without its suffix: ``https%3A%2F%2Fcity.example%2Fcontext.jsonld``. All methods read files: call
    them beside the event loop.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def addresses(self) -> dict[str, Path]:
        """List what is there. Raises: InvalidSettings (the folder or its index cannot be used)."""
        if not self._folder.is_dir():
            raise InvalidSettings(f"The folder of @contexts {self._folder} does not exist")
        paths = [path for path in sorted(self._folder.iterdir()) if path.suffix in _SUFFIXES]
        found = {address: path for path in paths for address in _addresses_of(path)}
        found |= {address: self._folder / name for address, name in self._read_index().items()}
        return found

    def load(self, address: str) -> bytes | None:
        """Read the document of an address; None where the folder has none. Raises: InvalidSettings."""
        path = self.addresses().get(address)
        if path is None:
            return None
        try:
            return path.read_bytes()
        except OSError as error:
            raise InvalidSettings(f"The @context file {path} cannot be read: {error.strerror}") from error

    def _read_index(self) -> dict[str, str]:
        index = self._folder / INDEX
        if not index.exists():
            return {}
        try:
            names = msgspec.json.decode(index.read_bytes(), type=dict[str, str])
        except (OSError, msgspec.DecodeError) as error:
            raise InvalidSettings(f"The index {index} cannot be read: {error}") from error
        for address, name in names.items():
            if (self._folder / name).resolve().parent != self._folder.resolve():
                raise InvalidSettings(
                    f"The index {index} names {name} for {address}, which is not a file of the folder"
                )
        return names


def _addresses_of(path: Path) -> list[str]:
    names = [unquote(name) for name in (path.stem, path.name)]
    return [name for name in names if name.startswith(("http://", "https://"))]
