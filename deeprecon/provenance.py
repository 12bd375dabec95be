"""Provenance of files, and digests of the code that makes them."""

import ast
import hashlib
import json
import subprocess
from functools import cache
from pathlib import Path

from deeprecon import __version__

_PACKAGE = Path(__file__).parent


def digest(value: object) -> str:
    """Short digest of a setting: 16 hexadecimal digits that do not depend on the order of keys.

    Examples
    --------
    >>> digest({"alpha": 100, "n_voxels": 500}) == digest({"n_voxels": 500, "alpha": 100})
    True
    """
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def stamp(study: str, rule: str, settings: object, subject: str = "n/a") -> dict[str, str]:
    """Attributes of every output file; they contain no machine, user or time."""
    return {
        "study": study,
        "subject": subject,
        "created_by": rule,
        "software": f"deeprecon {__version__}",
        "config_digest": digest(settings),
    }


def commit() -> str:
    """The commit of the running code, with "-dirty" if files have been changed since."""
    command = ["git", "-C", str(_PACKAGE.parent), "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "unknown: no git"
    return done.stdout.strip() or "unknown: not a clone"


def sha256(path: str | Path) -> str:
    """SHA-256 of a file as hexadecimal digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache
def code_digest(*files: str | Path) -> str:
    """Digest of the code that a script runs: its own, project modules, and their data files.

    Imports are followed through the whole project, also those inside functions. For a module, the
    syntax tree without docstrings counts, so that comments and formatting do not matter. For a
    data file, every byte counts; data files are found by their names in modules (see
    `package_data`) and in templates. Snakemake's own trigger ignores imported modules and does not
    distinguish comments from code.

    Parameters
    ----------
    files : a script, and modules with functions that the settings choose
    """
    digests: dict[Path, str] = {}
    waiting = [Path(file).resolve() for file in files]
    while waiting:
        path = waiting.pop()
        if path not in digests:
            digests[path], used = _examined(path)
            waiting += used
    return digest(sorted(f"{path.name} {content}" for path, content in digests.items()))


@cache
def _examined(path: Path) -> tuple[str, list[Path]]:
    """Digest of a file's content, and the files of the project that it uses."""
    if path.suffix != ".py":
        text = path.read_text(encoding="utf-8")
        included = [file for name, file in _data_files().items() if f'"{name}"' in text]
        return sha256(path), included
    tree = ast.parse(path.read_bytes(), str(path))
    used = _used_by(tree, path.parent)
    _remove_docstrings(tree)
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest(), used


def _used_by(tree: ast.Module, folder: Path) -> list[Path]:
    """Files of the project that a module in a folder imports, and data files that it names."""
    imported: set[str] = set()
    strings: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            imported.add(node.module)
            imported.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            strings.add(node.value)
    modules = [file for name in imported for file in _files_of(name, folder)]
    return modules + [file for name, file in _data_files().items() if name in strings]


def _remove_docstrings(tree: ast.Module) -> None:
    """Remove the docstrings from a syntax tree."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:]


@cache
def _data_files() -> dict[str, Path]:
    """Path within the package -> file, for all files that are not Python."""
    files = (path for path in _PACKAGE.rglob("*.*") if path.suffix not in (".py", ".pyc"))
    return {path.relative_to(_PACKAGE).as_posix(): path for path in files}


def _files_of(name: str, beside: Path) -> list[Path]:
    """Files that run when a dotted name is imported: a module and its parent packages.

    The package's own `__init__` contains only the version and is left out, so that a new release
    does not rerun every study.
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
