"""Read weights from .caffemodel files, without Caffe.

Such a file is a Protocol Buffers message, `NetParameter` of caffe.proto. Only the fields that hold
weights are declared here; the parser skips the others.
"""

import os
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from torch import Tensor

from deeprecon.errors import InputError

Blobs = dict[str, list[NDArray[np.float32]]]

_Field = descriptor_pb2.FieldDescriptorProto
_ONE, _MANY = _Field.LABEL_OPTIONAL, _Field.LABEL_REPEATED
# Message -> (field, number, type or message, one or many). `data` is a packed list of floats, whose
# bytes are those of a string: read as a string, half a gigabyte takes a second, not minutes.
_MESSAGES: dict[str, list[tuple[str, int, int | str, Any]]] = {
    "BlobShape": [("dim", 1, _Field.TYPE_INT64, _MANY)],
    "BlobProto": [
        ("num", 1, _Field.TYPE_INT32, _ONE), ("channels", 2, _Field.TYPE_INT32, _ONE),
        ("height", 3, _Field.TYPE_INT32, _ONE), ("width", 4, _Field.TYPE_INT32, _ONE),
        ("data", 5, _Field.TYPE_BYTES, _ONE), ("shape", 7, "BlobShape", _ONE),
    ],
    "V1LayerParameter": [("name", 4, _Field.TYPE_STRING, _ONE), ("blobs", 6, "BlobProto", _MANY)],
    "LayerParameter": [("name", 1, _Field.TYPE_STRING, _ONE), ("blobs", 7, "BlobProto", _MANY)],
    "NetParameter": [
        ("layers", 2, "V1LayerParameter", _MANY), ("layer", 100, "LayerParameter", _MANY),
    ],
}  # fmt: skip


@cache
def _net_parameter() -> type[Any]:
    """The message class of a whole file."""
    file = descriptor_pb2.FileDescriptorProto(name="deeprecon_caffe.proto", package="deeprecon")
    file.syntax = "proto2"
    for message, fields in _MESSAGES.items():
        described = file.message_type.add(name=message)
        for name, number, kind, label in fields:
            field = described.field.add(name=name, number=number, label=label)
            if isinstance(kind, str):
                field.type, field.type_name = _Field.TYPE_MESSAGE, f".deeprecon.{kind}"
            else:
                field.type = kind  # type: ignore[assignment]
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found: type[Any] = message_factory.GetMessageClass(
        pool.FindMessageTypeByName("deeprecon.NetParameter")
    )
    return found


def read_caffemodel(path: str | os.PathLike[str]) -> Blobs:
    """Arrays of each layer that has weights: layer -> [weights, bias, ...], in Caffe's shapes.

    Old files give every array four axes. The leading axes of length 1 are removed from fully
    connected weights, (out, in), and from biases, (out,).

    Raises
    ------
    InputError
        If the file is damaged or is not a .caffemodel.
    """
    try:
        net = _net_parameter()()
        net.ParseFromString(Path(path).read_bytes())
    except DecodeError:
        raise InputError(f"{path}: not a readable .caffemodel, or truncated") from None
    layers = {layer.name: layer for layer in (*net.layers, *net.layer) if layer.blobs}
    if not layers:
        raise InputError(f"{path}: contains no weights, expected a .caffemodel")
    return {
        name: [_array(f"{path}: layer {name!r}", blob) for blob in layer.blobs]
        for name, layer in layers.items()
    }


def _array(where: str, blob: Any) -> NDArray[np.float32]:
    """The values of a blob in its shape."""
    shape = tuple(blob.shape.dim)
    if not shape:
        shape = (blob.num, blob.channels, blob.height, blob.width)
        if shape[:2] == (1, 1):  # old files: (1, 1, out, in), (1, 1, 1, out)
            shape = shape[2:] if shape[2] != 1 else shape[3:]
    n_expected, n_bytes = int(np.prod(shape)), len(blob.data)
    if n_bytes != 4 * n_expected:
        raise InputError(
            f"{where}: {n_bytes} bytes of values, expected {n_expected} packed floats of {shape}"
        )
    return np.frombuffer(blob.data, "<f4").reshape(shape)


def state_dict_of(
    blobs: Mapping[str, Sequence[NDArray[np.float32]]],
    modules: Mapping[str, str],
    shapes: Mapping[str, tuple[int, ...]],
) -> dict[str, Tensor]:
    """Convert Caffe's weights to a torch state dict; elements keep their order.

    Parameters
    ----------
    blobs : arrays from `read_caffemodel`
    modules : Caffe layer -> torch module, such as "conv1_1" -> "features.0"
    shapes : name in the state dict -> expected shape

    Raises
    ------
    InputError
        If a layer is missing or its arrays do not fit the module.
    """
    state = {}
    for layer, module in modules.items():
        names = [name for name in (f"{module}.weight", f"{module}.bias") if name in shapes]
        if layer not in blobs:
            raise InputError(f"no layer {layer!r}; the file has {', '.join(blobs)}")
        if len(blobs[layer]) != len(names):
            found = len(blobs[layer])
            raise InputError(f"layer {layer!r}: {found} arrays of weights, expected {len(names)}")
        for name, values in zip(names, blobs[layer], strict=True):
            squeezed = [n for n in values.shape if n != 1] == [n for n in shapes[name] if n != 1]
            if not squeezed:
                shape = f"{values.shape}, expected {shapes[name]}"
                raise InputError(f"layer {layer!r}: weights of shape {shape} ({name})")
            state[name] = torch.from_numpy(values.reshape(shapes[name]).copy())
    return state
