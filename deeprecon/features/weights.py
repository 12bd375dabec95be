"""Read files of weights of various formats as state dicts of torch."""

import hashlib
import io
import os
import pickle
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from deeprecon.atomic import replacing
from deeprecon.errors import InputError

State = dict[str, Tensor]
PathLike = str | os.PathLike[str]


@dataclass(frozen=True)
class Weights:
    """A state dict, and the SHA-256 of its file."""

    state: State
    sha256: str


def read_weights(
    path: PathLike,
    own: Mapping[str, Tensor],
    modules: Mapping[str, str] | None = None,
    member: str = "",
    ignore: str | None = None,
) -> Weights:
    """Weights that fit a module.

    Parameters
    ----------
    path : .caffemodel; .zip of torch files; otherwise a torch file: a state dict, with or without
        the prefix "module.", a dict with the key `state_dict`, or a file of `write_weights`
    own : state dict of the module
    modules : layer of the Caffe file -> prefix in `own`; None if there is no Caffe file
    member : part of the name of the torch file to read from a zip
    ignore : regular expression; names whose beginning it matches are ignored

    Raises
    ------
    InputError
        If the file is damaged, or its names or shapes are not those of `own`.
    """
    suffix = Path(path).suffix.lower()
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file of weights")
    sha256 = sha256_of(path)
    if suffix == ".caffemodel":
        if modules is None:
            raise InputError(f"{path}: for this network only torch files can be read")
        return Weights(_of_caffemodel(path, own, modules), sha256)
    found = zip_member(path, member) if suffix == ".zip" else torch_file(path)
    if isinstance(found, dict) and "state_dict" in found:
        found, sha256 = found["state_dict"], found.get("sha256", sha256)
    state = state_dict(path, found)
    if ignore is not None:
        state = {name: values for name, values in state.items() if not re.match(ignore, name)}
    check_state(path, state, own)
    return Weights(state, sha256)


def write_weights(path: PathLike, weights: Weights) -> None:
    """Write weights as a torch file, with the SHA-256 of the file they came from."""
    contents = {"state_dict": weights.state, "sha256": weights.sha256}
    # Given a path, torch would write the temporary file's name, which contains the process id,
    # into the file.
    with replacing(path) as temporary, temporary.open("wb") as file:
        torch.save(contents, file)


def sha256_of(path: PathLike) -> str:
    """SHA-256 of a file, hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def state_digest(state: Mapping[str, Tensor]) -> str:
    """SHA-256 of weights that do not come from a file."""
    digest = hashlib.sha256()
    for name, values in state.items():
        digest.update(name.encode())
        digest.update(values.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def torch_file(path: PathLike, data: bytes | None = None) -> Any:
    """The content of a torch file.

    Parameters
    ----------
    path : the file, or its name for messages if `data` are given
    data : bytes of the file
    """
    try:
        source = path if data is None else io.BytesIO(data)
        return torch.load(source, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.PickleError) as error:
        if isinstance(error, OSError) and error.filename:  # an error of the system, not of torch
            raise
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path}: not a readable torch file of weights ({why})") from None


def zip_member(path: PathLike, member: str) -> Any:
    """The content of the torch file in a zip whose name contains `member`."""
    try:
        with zipfile.ZipFile(path) as file:
            there = [name for name in file.namelist() if re.search(r"(^|/)[^./][^/]*\.pth?$", name)]
            fitting = [name for name in there if member in name.rsplit("/", 1)[-1]]
            if len(fitting) != 1:
                found = ", ".join(fitting or there) or "no torch files"
                which = f" whose name contains {member!r}" if member else ""
                raise InputError(f"{path}: found {found}; expected one .pt{which}")
            data = file.read(fitting[0])
    except zipfile.BadZipFile as error:
        raise InputError(f"{path}: not a readable zip file ({error})") from None
    return torch_file(f"{path}/{fitting[0]}", data)


def state_dict(path: PathLike, found: Any) -> State:
    """A state dict without the prefix of parallel training; `path` is for messages."""
    if not isinstance(found, dict) or not all(isinstance(x, Tensor) for x in found.values()):
        raise InputError(f"{path}: found {type(found).__name__}, expected a state dict of tensors")
    return {name.removeprefix("module."): values for name, values in found.items()}


def check_state(where: PathLike, state: State, own: Mapping[str, Tensor]) -> None:
    """Raise InputError unless names and shapes are those of a module."""
    missing = [name for name in own if name not in state]
    unknown = [name for name in state if name not in own]
    if missing:
        shape = tuple(own[missing[0]].shape)
        others = f" and {len(missing) - 1} more" if missing[1:] else ""
        has = f"; found {unknown[0]!r}" if unknown else ""
        raise InputError(f"{where}: no weights {missing[0]!r}{others}, expected shape {shape}{has}")
    for name, values in own.items():
        if state[name].shape != values.shape:
            found, expected = tuple(state[name].shape), tuple(values.shape)
            raise InputError(f"{where}: weights {name!r} of shape {found}, expected {expected}")
    if unknown:
        raise InputError(f"{where}: weights {unknown[0]!r}, which the network does not have")


def _of_caffemodel(path: PathLike, own: Mapping[str, Tensor], modules: Mapping[str, str]) -> State:
    """Weights from a Caffe file."""
    from deeprecon.features.caffemodel import read_caffemodel, state_dict_of

    shapes = {name: tuple(values.shape) for name, values in own.items()}
    try:
        return state_dict_of(read_caffemodel(path), modules, shapes)
    except InputError as error:
        text = str(error)
        raise InputError(text if str(path) in text else f"{path}: {text}") from None
