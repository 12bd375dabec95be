"""Types of settings that name an entry of a registry, or a user's own function."""

from collections.abc import Mapping

from pydantic import AfterValidator, WithJsonSchema

from deeprecon.registry import IMPORT_PATH, C, Choice, find


def known(registry: Mapping[str, C], kind: type[C], what: str) -> AfterValidator:
    """Check that a text names an entry of a registry or a function `module:function`.

    Its parameters are those of `registry.find`.
    """

    def check(name: str) -> str:
        find(registry, name, kind, what)
        return name

    return AfterValidator(check)


def names_of(registry: Mapping[str, Choice]) -> WithJsonSchema:
    """JSON schema of a text that names an entry of a registry or a function."""
    own = {"type": "string", "pattern": IMPORT_PATH}
    return WithJsonSchema({"anyOf": [{"enum": list(registry)}, own]})
