"""Files of generators: the published ones, and those that this package writes."""

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from deeprecon.atomic import replacing
from deeprecon.errors import InputError
from deeprecon.features.weights import check_state, read_weights, state_dict, torch_file
from deeprecon.reconstruct.generators import Generator, InversionGenerator, caffe_generator

_FORMAT = "deeprecon generator 1"
_REPEATED = r"(defc|deconv|rconv)\.\d"  # bdpy's modules list each layer twice, once by index


def read_bounds(path: str | os.PathLike[str], n: int) -> Tensor:
    """Read n numbers separated by white space, the upper bounds of latents, (n,) float32.

    Raises
    ------
    InputError
        If the file does not hold n finite numbers.
    """
    try:
        values = np.array(Path(path).read_text().split(), dtype=np.float32)
    except ValueError as error:
        raise InputError(f"{path}: not a text file of {n} numbers ({error})") from None
    if values.shape != (n,) or not np.isfinite(values).all():
        raise InputError(
            f"{path}: found {values.size} numbers, {np.isfinite(values).sum()} of them finite; "
            f"expected {n}, one for each latent"
        )
    return torch.from_numpy(values)


def save_generator(
    path: str | os.PathLike[str],
    generator: Generator,
    lower: Tensor | float | None,
    upper: Tensor | float | None,
    attributes: Mapping[str, str],
    **about: Any,
) -> None:
    """Write a generator and the bounds of its latents as a torch file.

    Parameters
    ----------
    path : torch file, for `load_generator`
    generator : from `read_generator` or `train_generator`
    lower, upper : bounds of the latents: (n_latents,), a number, or None
    attributes : provenance
    about : further content: tensors, numbers, strings, and dicts of these
    """
    n = math.prod(generator.latent_shape)
    contents = {
        "format": _FORMAT,
        "spec": generator.spec,
        "state_dict": {key: value.cpu() for key, value in generator.state_dict().items()},
        "lower": as_bound("lower", lower, n),
        "upper": as_bound("upper", upper, n),
        "attributes": dict(attributes),
        **about,
    }
    # Given a path, torch would write the name of the temporary file into the file.
    with replacing(path) as temporary, temporary.open("wb") as file:
        torch.save(contents, file)


def load_saved(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read everything in a file written by `save_generator`.

    Raises
    ------
    InputError
        If the file was not written by `save_generator`.
    """
    found = torch_file(path)
    if not isinstance(found, dict) or found.get("format") != _FORMAT:
        raise InputError(f"{path}: not a generator written by deeprecon")
    return dict(found)


def load_generator(path: str | os.PathLike[str]) -> tuple[Generator, dict[str, Any]]:
    """Read a generator written by `save_generator`, and everything in its file.

    Raises
    ------
    InputError
        If the file was not written by `save_generator`.
    """
    saved = load_saved(path)
    return _built(path, saved["spec"], saved["state_dict"]), saved


def read_generator(path: str | os.PathLike[str], kind: str) -> Generator:
    """Read a published generator from any of its file formats.

    Parameters
    ----------
    path : .zip of torch files, one of them with the kind in its name; .caffemodel; otherwise a
        torch file with the Kamitani lab's state dict
    kind : relu7 | relu6 | pool5

    Raises
    ------
    InputError
        If the kind is unknown or the file does not hold the weights of such a generator.
    """
    generator = caffe_generator(kind)
    own = generator.state_dict()
    modules = {name: name for name, _ in generator.named_children()}
    generator.load_state_dict(read_weights(path, own, modules, kind, ignore=_REPEATED).state)
    return generator.eval()


def _built(path: str | os.PathLike[str], spec: dict[str, Any], state: Any) -> Generator:
    """Build the generator that a spec describes, with given weights."""
    generator: Generator
    if spec["kind"] == "trained":
        generator = InversionGenerator(spec["latent_shape"], spec["size"], spec["width"])
    else:
        generator = caffe_generator(spec["kind"])
    check_state(path, state_dict(path, state), generator.state_dict())
    generator.load_state_dict(state)
    return generator.requires_grad_(False).eval()


def as_bound(name: str, value: Tensor | float | None, n: int) -> Tensor | None:
    """One bound for each of n latents, (n,), from a tensor (n,), a number or None."""
    if value is None:
        return None
    bound = torch.as_tensor(value, dtype=torch.float32)
    if bound.ndim and bound.shape != (n,):
        raise InputError(
            f"{name} bounds: found {bound.numel()}, expected one for each of {n} latents"
        )
    return bound.expand(n).clone()
