"""A user's own network, described by a few lines of settings."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

from torch import nn
from torchvision.models import get_model, list_models

from deeprecon.errors import InputError
from deeprecon.features.networks.base import IMAGENET_MEAN, IMAGENET_SD, Architecture, check_nodes
from deeprecon.registry import load


def custom(settings: Mapping[str, Any]) -> Architecture:
    """The architecture that settings describe.

    Parameters
    ----------
    settings : name; torchvision (a name in torchvision.models) or import (package.module:function
        that returns a module); nodes (layer -> node); optionally mean, sd (0-255) and channels, by
        default ImageNet's and RGB

    Raises
    ------
    InputError
        If there is no such model, if its code fails, or if it lacks a node.
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
    """A function that builds a network of torchvision."""
    known = list_models()
    if model not in known:
        near = get_close_matches(model, known, n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise InputError(f"network {name}: torchvision has no model {model!r}{hint}")
    return lambda: get_model(model, weights=None)


def _imported(name: str, path: str) -> Callable[[], nn.Module]:
    """A function that builds a network by calling a user's `package.module:function`."""

    def build() -> nn.Module:
        try:
            module = load(path)()
        except InputError as error:
            raise InputError(f"network {name}: {error}") from None
        except Exception as error:  # a user's code can raise anything
            why = f"{type(error).__name__}: {error}".splitlines()[0]
            raise InputError(f"network {name}: {path} fails ({why})") from None
        if not isinstance(module, nn.Module):
            kind = type(module).__name__
            raise InputError(f"network {name}: {path} returns {kind}, expected a torch.nn.Module")
        return module

    return build
