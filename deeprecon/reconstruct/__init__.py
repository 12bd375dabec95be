"""From features to images."""

from typing import Any


def __getattr__(name: str) -> Any:
    """`deeprecon.reconstruct.reconstruct`, loaded when asked for: importing torch takes seconds."""
    if name == "reconstruct":
        from deeprecon.reconstruct.invert import reconstruct

        return reconstruct
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
