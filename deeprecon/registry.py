"""Registries: the names that settings may use, and the functions behind them.

A registry is a dictionary of `Choice`s. It names functions by import path, so that reading it
imports no torch, and so that a user's own function can take the place of an entry: wherever the
settings accept a name from a registry, they also accept `module:function`.
"""

import importlib
import importlib.util
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from deeprecon.errors import InputError

IMPORT_PATH = r"^[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_]*$"


@dataclass(frozen=True)
class Choice:
    """One entry of a registry.

    Attributes
    ----------
    function : import path, such as "deeprecon.reconstruct.losses:squared"
    """

    function: str

    def load(self) -> Any:
        """Import the function, see `load`."""
        return load(self.function)


C = TypeVar("C", bound=Choice)


def is_import_path(name: str) -> bool:
    """Whether a name is `module:function`.

    Examples
    --------
    >>> is_import_path("my_losses:contrastive"), is_import_path("squared")
    (True, False)
    """
    return re.match(IMPORT_PATH, name) is not None


def find(registry: Mapping[str, C], name: str, kind: type[C], what: str) -> C:
    """The entry of a name, or an entry for a user's own function.

    Parameters
    ----------
    registry : name -> entry
    name : a name in the registry, or `module:function`
    kind : class of the entries; made with its defaults for a user's own function
    what : what the registry holds, for the message, such as "loss"

    Raises
    ------
    InputError
        If the name is neither.
    """
    if name in registry:
        return registry[name]
    if is_import_path(name):
        return kind(name)
    raise InputError(unknown(what, name, registry))


def unknown(what: str, name: str, known: Mapping[str, Any] | list[str]) -> str:
    """Say that a name is unknown, which one may be meant, and which there are.

    Examples
    --------
    >>> unknown("loss", "square", ["squared", "relative"])
    "unknown loss 'square'; did you mean 'squared'? known: squared, relative"
    """
    return f"unknown {what} {name!r}; {suggestion(name, known)}"


def suggestion(name: str, known: Mapping[str, Any] | list[str]) -> str:
    """Which known name may be meant, and, unless there are many, all known names."""
    near = get_close_matches(name, known, n=1)
    if near and len(known) > 20:
        return f"did you mean {near[0]!r}?"
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"{hint}known: {', '.join(known)}"


def load(path: str) -> Any:
    """Import what an import path names.

    A user's module is looked for in the working directory, as `python -m` does, and then where
    Python looks for any module.

    Raises
    ------
    InputError
        If the module cannot be imported or has no such name.
    """
    module, _, name = path.partition(":")
    _search_working_directory()
    try:
        return getattr(importlib.import_module(module), name)
    except Exception as error:  # whatever a user's module can raise while it is imported
        why = f"{type(error).__name__}: {error}".splitlines()[0]
        raise InputError(f"{path} cannot be imported ({why})") from None


def source_file(path: str) -> Path:
    """The Python file that an import path names, found without running it.

    Raises
    ------
    InputError
        If there is no such module.
    """
    module = path.partition(":")[0]
    _search_working_directory()
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        spec = None
    if spec is None or spec.origin is None:
        raise InputError(
            f"{path}: there is no module {module!r} in the working directory or on "
            "Python's search path"
        )
    return Path(spec.origin)


def _search_working_directory() -> None:
    """Let a user's modules be imported from where the program was started."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
