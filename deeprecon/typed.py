"""Typed settings: what all sections of a study's configuration have in common.

A section is a frozen pydantic model that refuses unknown keys. Types, bounds, defaults and
descriptions are declared in its fields only; the JSON schema and the messages derive from them.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar, Union

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    GetJsonSchemaHandler,
    Tag,
    ValidationError,
    create_model,
)
from pydantic.fields import FieldInfo

from deeprecon.errors import InputError
from deeprecon.registry import IMPORT_PATH, is_import_path
from deeprecon.settings_errors import error_lines

T = TypeVar("T")
S = TypeVar("S", bound="Settings")
V = TypeVar("V", bound=Sequence[Any])


class Settings(BaseModel):
    """A section of the configuration."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        populate_by_name=True,
        protected_namespaces=(),
    )

    def given(self) -> dict[str, Any]:
        """The settings that were given, without those that have their defaults."""
        return {name: getattr(self, name) for name in self.model_fields_set}


def as_tuple(value: Any) -> Any:
    """Turn a list, as YAML has it, into a tuple, which can be compared and hashed."""
    return tuple(value) if isinstance(value, list) else value


def distinct(values: V) -> V:
    """Return the values, or raise ValueError if two of them are equal."""
    for i, value in enumerate(values):
        if value in values[:i]:
            raise ValueError(f"{value!r} occurs twice, expected different entries")
    return values


def as_text(value: Any) -> Any:
    """Turn a number that YAML read into the text that is meant, such as the preset 2024."""
    return str(value) if isinstance(value, int) else value


TextOrNumber = BeforeValidator(as_text)
Text = Annotated[str, Field(min_length=1)]
Name = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z][A-Za-z0-9_]*$",
        description="a name that can be part of a file path: letters, digits and _",
    ),
]
Distinct = Annotated[
    tuple[T, ...],
    BeforeValidator(as_tuple),
    AfterValidator(distinct),
    Field(json_schema_extra={"uniqueItems": True}),
]
Names = Annotated[Distinct[Name], Field(min_length=1)]
Files = dict[str, Text]


def changes_of(settings: type[S], name: str, *, base: type[Settings] = Settings) -> type[Settings]:
    """Make a model of changes to settings: it has the same fields, and all of them are optional.

    Only fields that were given count, see `Settings.given`.

    Parameters
    ----------
    settings : model with the fields
    name : name of the new class
    base : class that brings further fields
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


def tagged(
    key: str,
    choices: Mapping[str, type[BaseModel]],
    default: str | None = None,
    own: type[BaseModel] | None = None,
) -> Any:
    """Make the type of a section in which one key decides which other keys are allowed.

    Parameters
    ----------
    key : the key that decides, such as "kind"
    choices : value of the key -> model
    default : value of the key if it is not given
    own : model for a user's own choice, which the key names by import path
    """

    def tag(section: Any) -> str | None:
        found = section.get(key, default) if isinstance(section, Mapping) else None
        if isinstance(section, BaseModel):
            found = getattr(section, key)
        if own is not None and isinstance(found, str) and is_import_path(found):
            return f"{key}=own"
        return f"{key}={found}" if found in choices else None

    models = dict(choices) if own is None else {**choices, "own": own}
    members = [
        Annotated[model, Tag(f"{key}={value}"), _Chosen(key, value, value != default)]
        for value, model in models.items()
    ]
    return Annotated[
        Union[tuple(members)],  # noqa: UP007
        Discriminator(
            tag,
            custom_error_type="unknown_choice",
            custom_error_message=key,
            custom_error_context={"key": key, "choices": list(choices)},  # type: ignore[dict-item]
        ),
    ]


class _Chosen:
    """Adds to the JSON schema of an alternative the value of the key that chooses it."""

    def __init__(self, key: str, value: str, required: bool) -> None:
        chosen = {"pattern": IMPORT_PATH} if value == "own" else {"const": value}
        self.schema: dict[str, Any] = {"properties": {key: chosen}}
        if required:
            self.schema["required"] = [key]

    def __get_pydantic_json_schema__(
        self, core_schema: Any, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"allOf": [handler(core_schema), self.schema]}


def settings_of(model: type[S], given: Mapping[str, Any], about: str = "config") -> S:
    """Check settings and fill in the defaults.

    Parameters
    ----------
    model : type of the section
    given : the settings as read from YAML
    about : name of the settings in messages

    Raises
    ------
    InputError
        One line for each error: the key, what was found, what was expected.
    """
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise InputError("\n".join(error_lines(error, model, given, about))) from None


def changed(settings: S, **changes: Any) -> S:
    """Copy settings with some of them changed, and check the copy (`model_copy` does not).

    Raises
    ------
    InputError
        One line for each setting that is not allowed.
    """
    return settings_of(type(settings), {**settings.model_dump(), **changes}, about="")
