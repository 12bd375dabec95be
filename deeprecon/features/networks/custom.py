"""A network of the user's, by a few lines of settings."""

import importlib
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

from torch import nn
from torchvision.models import get_model, list_models

from deeprecon.errors import InputError
from deeprecon.features.networks.base import IMAGENET_MEAN, IMAGENET_SD, Architecture, check_nodes


def custom(settings: Mapping[str, Any]) -> Architecture:
    """The architecture that settings describe.

    Parameters
    ----------
    settings : name; torchvision (a name of torchvision.models) or import
        (package.module:function, which returns a module); nodes (layer -> node); and, if they are
        not ImageNet's and RGB, mean, sd (0-255) and channels

    Raises
    ------
    InputError
        If there is no such model, its code fails, or a node is not in it.
    """
    name = settings["name"]
    if "torchvision" in settings:
        build = _of_torchvision(name, settings["torchvision"])
    else:
        build = _imported(name, settings["import"])
    check_nodes(name, build(), settings["nodes"])
    return Architecture(
        name,
        build,
        settings["nodes"],
        settings.get("mean", IMAGENET_MEAN),
        settings.get("sd", IMAGENET_SD),
        settings.get("channels", "RGB"),
    )


def _of_torchvision(name: str, model: str) -> Callable[[], nn.Module]:
    known = list_models()
    if model not in known:
        near = get_close_matches(model, known, n=3)
        hint = f"; near it: {', '.join(near)}" if near else ""
        raise InputError(f"network {name}: torchvision has no model {model!r}{hint}")
    return lambda: get_model(model, weights=None)


def _imported(name: str, place: str) -> Callable[[], nn.Module]:
    """A function of the user's, `package.module:function`."""
    package, _, function = place.partition(":")

    def build() -> nn.Module:
        try:
            module = getattr(importlib.import_module(package), function)()
        except Exception as error:  # whatever a user's code can raise
            why = f"{type(error).__name__}: {error}".splitlines()[0]
            raise InputError(f"network {name}: import {place} fails ({why})") from None
        if not isinstance(module, nn.Module):
            kind = type(module).__name__
            raise InputError(f"network {name}: {place} gives {kind}, expected a torch.nn.Module")
        return module

    return build
