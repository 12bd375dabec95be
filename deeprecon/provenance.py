"""Where a file came from, and when the code that made it has changed."""

import ast
import hashlib
import json
import subprocess
from functools import cache
from pathlib import Path

from deeprecon import __version__

_PACKAGE = Path(__file__).parent


def digest(value: object) -> str:
    """Short digest of a setting: 16 hexadecimal digits, whatever the order of its keys.

    Examples
    --------
    >>> digest({"alpha": 100, "n_voxels": 500}) == digest({"n_voxels": 500, "alpha": 100})
    True
    """
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def stamp(study: str, rule: str, settings: object, subject: str = "n/a") -> dict[str, str]:
    """Attributes that every file carries; nothing in them names a machine, a user or a time."""
    return {
        "study": study,
        "subject": subject,
        "created_by": rule,
        "software": f"deeprecon {__version__}",
        "config_digest": digest(settings),
    }


def commit() -> str:
    """The commit of the code that runs, with "-dirty" if files differ from it."""
    command = ["git", "-C", str(_PACKAGE.parent), "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "unknown: no git"
    return done.stdout.strip() or "unknown: not a clone"


def sha256(path: str | Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def code_digest(script: str | Path, *data: str | Path) -> str:
    """Digest of the code that a script runs: its own and the project modules it imports.

    Syntax trees are hashed, without docstrings, so that comments and formatting change nothing.
    Imports are followed through the whole project, wherever they stand in a module. Snakemake's
    own trigger sees neither imported modules nor the difference between a comment and code.

    Parameters
    ----------
    script : path of the script
    data : files that the code reads as part of itself, such as page templates
    """
    seen: set[Path] = set()
    waiting = [Path(script).resolve()]
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            waiting += _imported(path)
    parts = sorted(f"{path.name} {_tree_digest(path)}" for path in seen)
    parts += [hashlib.sha256(Path(file).read_bytes()).hexdigest() for file in data]
    return digest(parts)


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


@cache
def _tree_digest(path: Path) -> str:
    """Digest of a module's syntax tree without docstrings, comments and positions."""
    # Parsed anew: the docstrings are cut out of this tree, and `_tree` is shared.
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


@cache
def _imported(path: Path) -> tuple[Path, ...]:
    """Files of the project that a module imports by name."""
    names: set[str] = set()
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return tuple(file for name in sorted(names) for file in _files_of(name, path.parent))


def _files_of(name: str, beside: Path) -> list[Path]:
    """The files run by importing a dotted name: a module and the packages above it.

    The package's own `__init__` holds the version alone and is left out, so that a release does
    not rerun every study.
    """
    sibling = beside / f"{name}.py"
    if "." not in name and sibling.is_file() and beside != _PACKAGE:
        return [sibling]
    top, *rest = name.split(".")
    if top != _PACKAGE.name:
        return []
    files, folder = [], _PACKAGE
    for part in rest:
        candidates = (folder / part / "__init__.py", folder / f"{part}.py")
        files += [file for file in candidates if file.is_file()]
        folder = folder / part
    return files
