"""Typed settings: what all sections of a study's configuration have in common.

A section is a frozen pydantic model that refuses unknown keys. Types, bounds, defaults and
descriptions stand in its fields and nowhere else: the JSON schema and the messages derive from
them.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    create_model,
)
from pydantic.fields import FieldInfo

from deeprecon.errors import InputError
from deeprecon.registry import suggestion, unknown

T = TypeVar("T")
S = TypeVar("S", bound="Settings")


class Settings(BaseModel):
    """A section of the configuration."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, protected_namespaces=()
    )

    def given(self) -> dict[str, Any]:
        """The settings that were given, without those that have their defaults."""
        return {name: getattr(self, name) for name in self.model_fields_set}


def _distinct(values: list[T]) -> list[T]:
    for i, value in enumerate(values):
        if value in values[:i]:
            raise ValueError(f"{value!r} stands there twice, expected different entries")
    return values


Text = Annotated[str, Field(min_length=1)]
Name = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z][A-Za-z0-9_]*$",
        description="a name that can be part of a file path: letters, digits and _",
    ),
]
Distinct = Annotated[
    list[T], AfterValidator(_distinct), Field(json_schema_extra={"uniqueItems": True})
]
Names = Annotated[Distinct[Name], Field(min_length=1)]
Files = dict[str, Text]


def changes_of(settings: type[S], name: str, *, base: type[Settings] = Settings) -> type[Settings]:
    """The model of settings that change another: the same fields, none of which is needed.

    Only what was given counts, see `Settings.given`.

    Parameters
    ----------
    settings : model with the fields
    name : name of the new class
    base : class with more fields
    """
    fields: dict[str, Any] = {}
    for key, field in settings.model_fields.items():
        optional = FieldInfo.merge_field_infos(
            field, default=None, default_factory=None, json_schema_extra=_without_default
        )
        fields[key] = (field.annotation, optional)
    model: type[Settings] = create_model(name, __base__=base, **fields)
    return model


def _without_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


def tagged(key: str, choices: Mapping[str, type[BaseModel]], default: str | None = None) -> Any:
    """The type of a section whose other keys depend on one of its keys.

    Parameters
    ----------
    key : the key that decides, such as "kind"
    choices : value of the key -> model
    default : value that counts if the key is not given
    """

    def tag(section: Any) -> str | None:
        found = section.get(key, default) if isinstance(section, Mapping) else None
        if isinstance(section, BaseModel):
            found = getattr(section, key)
        return f"{key}={found}" if found in choices else None

    members = [Annotated[model, Tag(f"{key}={value}")] for value, model in choices.items()]
    return Annotated[
        Union[tuple(members)],  # noqa: UP007
        Discriminator(
            tag,
            custom_error_type="unknown_choice",
            custom_error_message=key,
            custom_error_context={"key": key, "choices": list(choices), "default": default},
        ),
    ]


def settings_of(model: type[S], given: Mapping[str, Any], about: str = "config") -> S:
    """Settings checked and completed by defaults.

    Parameters
    ----------
    model : type of the section
    given : as read from YAML
    about : what the settings are called in messages

    Raises
    ------
    InputError
        One line for each error: the key, what was found, what was expected.
    """
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise InputError("\n".join(error_lines(error, model, given, about))) from None


def error_lines(
    error: ValidationError, model: type[BaseModel], given: Any, about: str = "config"
) -> list[str]:
    """One line for each setting that is wrong, in the order in which they were found."""
    by_place: dict[tuple[Any, ...], list[Any]] = {}
    for one in error.errors(include_url=False):
        place = tuple(_keys(one["loc"], given))
        by_place.setdefault(place, []).append(one)
    deepest = [place for place in by_place if not any(_inside(other, place) for other in by_place)]
    lines = []
    for place in deepest:
        section = place[:-1] if by_place[place][0]["type"] == "extra_forbidden" else place
        where = ".".join(map(str, section))
        said = _said(by_place[place], model)
        lines.append(f"{about}: {where}: {said}" if where else f"{about}: {said}")
    return list(dict.fromkeys(lines))


def _inside(other: tuple[Any, ...], place: tuple[Any, ...]) -> bool:
    """Whether one setting lies inside another: what is wrong with the inner one tells more."""
    return len(other) > len(place) and other[: len(place)] == place and len(place) > 0


def _keys(loc: Sequence[int | str], given: Any) -> Iterator[int | str]:
    """The keys that lead to a setting, without the names of alternatives that pydantic adds.

    A key that is missing or unknown is named in the message, not in the path.
    """
    for item in loc:
        inside_list = isinstance(given, list | tuple) and isinstance(item, int)
        if (isinstance(given, Mapping) and item in given) or (inside_list and item < len(given)):
            given = given[item]
            yield item


def _said(errors: list[Any], model: type[BaseModel]) -> str:
    """What is wrong with one setting, which may have failed each of several alternatives."""
    telling = [
        one for one in errors if one["type"] not in _TYPES and one["type"] != "literal_error"
    ]
    if telling:
        return _one_said(telling[0], model)
    expected = " or ".join(dict.fromkeys(_expected(one) for one in errors))
    return f"found {errors[0]['input']!r}, expected {expected}{_meant(errors)}"


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


def _expected(error: Any) -> str:
    """What one alternative expects."""
    if error["type"] == "literal_error":
        expected: str = error["ctx"]["expected"]
        return expected if " or " not in expected else f"one of {expected.replace(' or ', ', ')}"
    return _TYPES[error["type"]]


def _meant(errors: list[Any]) -> str:
    """'; did you mean 'fourier'?' for a text that resembles an allowed one."""
    known = [
        name
        for one in errors
        if one["type"] == "literal_error" and isinstance(one["input"], str)
        for name in re.findall(r"'([^']*)'", one["ctx"]["expected"])
    ]
    near = get_close_matches(str(errors[0]["input"]), known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _one_said(error: Any, model: type[BaseModel]) -> str:
    """The words for an error that is not one of type."""
    kind, found, context = error["type"], error["input"], error.get("ctx", {})
    if kind in ("missing", "extra_forbidden"):
        return _key_said(error, model)
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
            return f"found {found!r}, expected {words.format(context[name])}"
    return f"found {found!r}: {error['msg']}"


def _key_said(error: Any, model: type[BaseModel]) -> str:
    """The words for a key that is missing or unknown."""
    key = str(error["loc"][-1])
    tag = next((item for item in reversed(error["loc"][:-1]) if "=" in str(item)), None)
    direct = len(error["loc"]) > 1 and error["loc"][-2] == tag
    owner = "{} {!r}".format(*str(tag).split("=", 1)) if direct else ""
    if error["type"] == "missing":
        return f"{owner} needs the key {key!r}" if owner else f"missing key {key!r}"
    known = list(_fields_at(model, error["loc"][:-1]))
    said = f"{owner} has no key {key!r}" if owner else f"unknown key {key!r}"
    return f"{said}; {suggestion(key, known)}"


def _fields_at(model: Any, loc: Sequence[int | str]) -> Iterator[str]:
    """Names of the fields of the model that a path leads to."""
    models = [model]
    for item in loc:
        models = [inner for one in models for inner in _step(one, item)]
    for one in models:
        for member in _members(one):
            if isinstance(member, type) and issubclass(member, BaseModel):
                yield from member.model_fields


def _members(annotation: Any, tag: Any = None) -> Iterator[Any]:
    """The alternatives of a type, without what annotates them."""
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
    """The types that one key, index or tag of an alternative leads to."""
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


def as_text(value: Any) -> Any:
    """A number that YAML read where a text is meant, such as the preset 2024."""
    return str(value) if isinstance(value, int) else value


TextOrNumber = BeforeValidator(as_text)

__all__ = [
    "Annotated", "Distinct", "Field", "Files", "Literal", "Name", "Names", "Settings", "Text",
    "TextOrNumber", "changes_of", "error_lines", "settings_of", "tagged",
]  # fmt: skip
