"""Errors in settings, each as one line: the key, what was found and what was expected."""

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, Tag, ValidationError

from deeprecon.registry import suggestion, unknown


def error_lines(
    error: ValidationError, model: type[BaseModel], given: Any, about: str = "config"
) -> list[str]:
    """Describe each wrong setting in one line, in the order in which they were found."""
    by_place: dict[tuple[Any, ...], list[Any]] = {}
    for one in error.errors(include_url=False):
        place = tuple(_keys(one["loc"], given))
        by_place.setdefault(place, []).append(one)
    telling = [
        place
        for place, found in by_place.items()
        if any(one["type"] not in _ALTERNATIVES for one in found)
        or not any(_inside(other, place) for other in by_place)
    ]
    lines = []
    for place in telling:
        found = by_place[place]
        keys = [one for one in found if one["type"] in ("missing", "extra_forbidden")]
        for errors in [[one] for one in keys] or [found]:
            section = place[:-1] if errors[0]["type"] == "extra_forbidden" else place
            where = ".".join(map(str, section))
            lines.append(": ".join(filter(None, [about, where, _message(errors, model)])))
    return list(dict.fromkeys(lines))


def _inside(other: tuple[Any, ...], place: tuple[Any, ...]) -> bool:
    """Whether one setting lies inside another; the error of the inner one says more."""
    return len(other) > len(place) and other[: len(place)] == place and len(place) > 0


def _keys(loc: Sequence[int | str], given: Any) -> Iterator[int | str]:
    """The keys that lead to a setting, without the names of alternatives that pydantic adds.

    A missing or unknown key is left out: the message names it.
    """
    for item in loc:
        inside_list = (
            isinstance(given, list | tuple) and isinstance(item, int) and item < len(given)
        )
        if (isinstance(given, Mapping) and item in given) or inside_list:
            given = given[item]
            yield item


def _message(errors: list[Any], model: type[BaseModel]) -> str:
    """Describe what is wrong with one setting, which may have failed several alternatives."""
    telling = [
        one for one in errors if one["type"] not in _TYPES and one["type"] != "literal_error"
    ]
    if telling:
        return _one_message(telling[0], model)
    kinds = list(dict.fromkeys(_expected(one) for one in errors))
    if "number" in kinds and "integer" in kinds:
        kinds.remove("integer")
    expected = " or ".join(kinds)
    return f"found {errors[0]['input']!r}, expected {expected}{_suggested(errors)}"


_TYPES = {
    "int_type": "integer",
    "int_from_float": "integer",
    "float_type": "number",
    "string_type": "text",
    "bool_type": "true or false",
    "list_type": "list",
    "tuple_type": "list",
    "dict_type": "mapping of keys",
    "model_type": "mapping of keys",
    "none_required": "null",
    "finite_number": "a finite number",
}
_ALTERNATIVES = {*_TYPES, "literal_error"}
"""Errors that each alternative of a setting may report, although only one was meant."""


def _expected(error: Any) -> str:
    """What an alternative expects."""
    if error["type"] == "literal_error":
        expected: str = error["ctx"]["expected"]
        return expected if " or " not in expected else f"one of {expected.replace(' or ', ', ')}"
    return _TYPES[error["type"]]


def _suggested(errors: list[Any]) -> str:
    """Such as "; did you mean 'fourier'?", if the text resembles an allowed one."""
    known = [
        name
        for one in errors
        if one["type"] == "literal_error" and isinstance(one["input"], str)
        for name in re.findall(r"'([^']*)'", one["ctx"]["expected"])
    ]
    near = get_close_matches(str(errors[0]["input"]), known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _one_message(error: Any, model: type[BaseModel]) -> str:
    """Describe an error that is not about the type of a value."""
    kind, found, context = error["type"], error["input"], error.get("ctx", {})
    if kind in ("missing", "extra_forbidden"):
        return _key_message(error, model)
    if kind == "unknown_choice":
        key = context["key"]
        if isinstance(found, Mapping) and key in found:
            return f"{key}: {unknown(key, str(found[key]), context['choices'])}"
        if isinstance(found, Mapping):
            return f"missing key {key!r}"
        return f"found {found!r}, expected mapping of keys"
    if kind == "value_error":
        return str(context["error"])
    if kind in ("too_short", "too_long"):
        bound = context.get("min_length", context.get("max_length"))
        many = "or more" if kind == "too_short" else "at most"
        return f"found {len(found)} entries, expected {bound} {many}"
    if kind == "string_too_short":
        return "found an empty text"
    if kind == "string_pattern_mismatch":
        return f"found {found!r}, expected text that matches {context['pattern']}"
    for name, words in (("ge", "{} or more"), ("gt", "more than {}"), ("le", "at most {}")):
        if name in context:
            return f"found {found!r}, expected {words.format(f'{context[name]:g}')}"
    return f"found {found!r}: {error['msg']}"


def _key_message(error: Any, model: type[BaseModel]) -> str:
    """Describe a missing or unknown key."""
    key = str(error["loc"][-1])
    tag = next((item for item in reversed(error["loc"][:-1]) if "=" in str(item)), None)
    direct = len(error["loc"]) > 1 and error["loc"][-2] == tag
    owner = "{} {!r}".format(*str(tag).split("=", 1)) if direct else ""
    if error["type"] == "missing":
        return f"{owner} needs the key {key!r}" if owner else f"missing key {key!r}"
    known = list(_fields_at(model, error["loc"][:-1]))
    message = f"{owner} has no key {key!r}" if owner else f"unknown key {key!r}"
    return f"{message}; {suggestion(key, known)}"


def _fields_at(model: Any, loc: Sequence[int | str]) -> Iterator[str]:
    """Names of the fields of the model to which a path leads."""
    models = [model]
    for item in loc:
        models = [inner for one in models for inner in _step(one, item)]
    for one in models:
        for member in _members(one):
            if isinstance(member, type) and issubclass(member, BaseModel):
                yield from (field.alias or name for name, field in member.model_fields.items())


def _members(annotation: Any, tag: Any = None) -> Iterator[Any]:
    """The alternatives of a type, without their annotations."""
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        tags = [one.tag for one in more if isinstance(one, Tag)]
        if not tags or tag is None or tag in tags:
            yield from _members(inner, tag)
    elif get_origin(annotation) in (Union, UnionType):
        for one in get_args(annotation):
            yield from _members(one, tag)
    else:
        yield annotation


def _step(annotation: Any, item: int | str) -> Iterator[Any]:
    """The types to which a key, an index or the tag of an alternative leads."""
    tag = item if isinstance(item, str) and "=" in item else None
    for member in _members(annotation, tag):
        if tag is not None:
            yield member
        elif isinstance(member, type) and issubclass(member, BaseModel):
            if item in member.model_fields:
                field = member.model_fields[str(item)]
                yield (
                    Annotated[field.annotation, *field.metadata]
                    if field.metadata
                    else field.annotation
                )
        elif get_origin(member) in (dict, list, tuple):
            yield get_args(member)[-1]
