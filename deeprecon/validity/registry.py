"""Registry of checks: their names, the parts of a study that they check, and how they run.

`@check` registers a function where it is defined. The function receives the values that its
parameters name, from those known about a part of the study. It returns one `Check`, several, or
None if it does not apply. The values known about each part:

========== ==========================================================================
part       parameters
========== ==========================================================================
stimuli    see `deeprecon.validity.check_stimuli`
decoder    see `deeprecon.validity.check_decoder`
samples    see `deeprecon.validity.check_decoder`
decoded    see `deeprecon.validity.check_decoder`
retrained  see `deeprecon.validity.check_retrained`
controls   see `deeprecon.validity.check_retrained`
images     see `deeprecon.validity.check_set`; a user's own checks are run on this part
study      `scores`, `images` (tables of `evaluate.table`) and `control`, see `gather`
========== ==========================================================================

Every check may also have the parameters `about`, the part in words, and `seed`.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any, Literal

from deeprecon.errors import InputError
from deeprecon.registry import Choice, find
from deeprecon.validity.result import Check

Part = Literal[
    "stimuli", "decoder", "samples", "decoded", "retrained", "controls", "images", "study"
]
Found = Check | list[Check] | None

NOTHING = "Nothing in this study that it applies to."


@dataclass(frozen=True)
class CheckEntry(Choice):
    """One kind of check.

    Attributes
    ----------
    function : import path
    id : such as "V07"; empty for a user's own check, which is identified by its import path
    title : short description
    part : part of the study
    keys : names of the part that appear in `about`, such as ("subject", "set"); empty: all
    absent : sentence for a study in which the check was not run
    """

    id: str = ""
    title: str = ""
    part: Part = "images"
    keys: tuple[str, ...] = ()
    absent: str = NOTHING


CHECKS: dict[str, CheckEntry] = {}


def check(
    id: str, title: str, part: Part, *, keys: tuple[str, ...] = (), absent: str = NOTHING
) -> Callable[[Callable[..., Found]], Callable[..., Any]]:
    """Register a function as a check; for the parameters, see `CheckEntry`.

    The id and the title are put into every `Check` that the function returns.
    """

    def register(function: Callable[..., Found]) -> Callable[..., Any]:
        @wraps(function)
        def named(*args: Any, **kwargs: Any) -> Found:
            found = function(*args, **kwargs)
            if isinstance(found, list):
                return [replace(one, id=id, title=title) for one in found]
            return None if found is None else replace(found, id=id, title=title)

        path = f"{function.__module__}:{function.__name__}"
        CHECKS[id] = CheckEntry(path, id, title, part, keys, absent)
        return named

    return register


def run_checks(
    part: Part, keys: Mapping[str, str], known: Mapping[str, Any], own: Iterable[str] = ()
) -> list[Check]:
    """Run every registered check of a part, and a user's own.

    Parameters
    ----------
    part : which checks to run
    keys : names of the part, such as its subject and set, in the order of `about`
    known : parameter -> value; a check with a parameter whose value is None does not apply
    own : import paths of a user's own checks

    Raises
    ------
    InputError
        If a user's own check cannot be imported, has an unknown parameter, or does not return
        a `Check`.
    """
    entries = [one for one in CHECKS.values() if one.part == part]
    entries += [find(CHECKS, path, CheckEntry, "check") for path in own]
    return [one for entry in entries for one in _run(entry, keys, known)]


def _run(entry: CheckEntry, keys: Mapping[str, str], known: Mapping[str, Any]) -> list[Check]:
    """Run one check."""
    function = entry.load()
    about = ", ".join(keys[name] for name in entry.keys or keys)
    values = {**known, "about": about}
    wanted = list(inspect.signature(function).parameters)
    unknown = [name for name in wanted if name not in values]
    if unknown:
        raise InputError(
            f"check {entry.function}: unknown parameter {unknown[0]!r}; known: {', '.join(values)}"
        )
    if any(values[name] is None for name in wanted):
        return []
    found = function(**{name: values[name] for name in wanted})
    checks = [] if found is None else found if isinstance(found, list) else [found]
    for one in checks:
        if not isinstance(one, Check):
            raise InputError(
                f"check {entry.function} returned {type(one).__name__}, expected a Check"
            )
    return [one if one.id else _named(one, entry, function, about) for one in checks]


def _named(one: Check, entry: CheckEntry, function: Any, about: str) -> Check:
    """Name a user's own check by its import path, with the first line of its docstring as title."""
    title = (inspect.getdoc(function) or entry.function.partition(":")[2]).splitlines()[0]
    return replace(one, id=entry.function, title=title.rstrip("."), about=one.about or about)
