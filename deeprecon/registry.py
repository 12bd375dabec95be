"""Registries: names that settings may use, and the functions that they stand for.

A registry is a dictionary of `Choice`s. It gives functions by import path, so that reading it does
not import torch. Wherever the settings accept a name from a registry, they also accept a user's own
`module:function`.
"""

import ast
import importlib
import importlib.util
import re
import sys
from collections.abc import Iterator, Mapping
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
    """Find the entry of a name, or make one for a user's own function.

    Parameters
    ----------
    registry : name -> entry
    name : a name in the registry, or `module:function`
    kind : class of the entries; a user's own function gets one with default fields
    what : kind of the entries, for the message, such as "loss"

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
    """Message about an unknown name: the most similar name and all known names.

    Examples
    --------
    >>> unknown("loss", "square", ["squared", "relative"])
    "unknown loss 'square'; did you mean 'squared'? known: squared, relative"
    """
    return f"unknown {what} {name!r}; {suggestion(name, known)}"


def suggestion(name: str, known: Mapping[str, Any] | list[str]) -> str:
    """The most similar known name and, unless there are many, all known names."""
    near = get_close_matches(name, known, n=1)
    if near and len(known) > 20:
        return f"did you mean {near[0]!r}?"
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"{hint}known: {', '.join(known)}"


def load(path: str) -> Any:
    """Import the object at an import path.

    A user's module is searched first in the working directory, as by `python -m`, and then on
    Python's search path.

    Raises
    ------
    InputError
        If the module cannot be imported or has no such name.
    """
    module, _, name = path.partition(":")
    _search_working_directory()
    try:
        return getattr(importlib.import_module(module), name)
    except Exception as error:  # a user's module can raise anything
        why = f"{type(error).__name__}: {error}".splitlines()[0]
        raise InputError(f"{path} cannot be imported ({why})") from None


def source_file(path: str) -> Path:
    """Find the Python file of an import path without running it.

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


def import_path_error(path: str) -> str | None:
    """Say what is wrong with an import path, as far as can be told without running its module.

    Names that a module makes while it runs, such as those of a star import, cannot be told.

    Examples
    --------
    >>> import_path_error("deeprecon.errors:Error")
    "deeprecon.errors:Error: there is no 'Error' in errors.py; did you mean 'InputError'?"
    """
    try:
        file = source_file(path)
        names = _names_in(file) if file.suffix == ".py" else None
    except InputError as error:
        return str(error)
    except SyntaxError as error:
        return f"{path}: {file.name}, line {error.lineno}: {error.msg}"
    name = path.partition(":")[2]
    if names is None or name in names:
        return None
    near = get_close_matches(name, names, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"{path}: there is no {name!r} in {file.name}{hint}"


def _names_in(file: Path) -> set[str] | None:
    """Names that a module may define; None if only running it can tell."""
    names: set[str] = set()
    for node in _at_module_level(ast.parse(file.read_bytes(), str(file))):
        if isinstance(node, _DEFINITIONS):
            names.add(node.name)
        elif isinstance(node, ast.alias):
            names.add(node.asname or node.name.partition(".")[0])
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return None if names & {"*", "__getattr__"} else names


_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def _at_module_level(node: ast.AST) -> Iterator[ast.AST]:
    """Parts of a syntax tree, without the bodies of functions and classes."""
    for part in ast.iter_child_nodes(node):
        yield part
        if not isinstance(part, _DEFINITIONS):
            yield from _at_module_level(part)


def _search_working_directory() -> None:
    """Put the working directory on Python's search path, for a user's modules."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
