"""The reader of .caffemodel files against files whose bytes are written by hand here."""

import struct

import numpy as np
import pytest
import torch
from torch import nn

from deeprecon.errors import InputError
from deeprecon.features.caffemodel import read_caffemodel, state_dict_of
from deeprecon.features.weights import read_weights

RNG = np.random.default_rng(0)


def varint(n):
    """A number in the wire format of Protocol Buffers: seven bits a byte, the lowest first."""
    found = b""
    while n > 127:
        found += bytes([n & 127 | 128])
        n >>= 7
    return found + bytes([n])


def number(field, value):
    return varint(field << 3) + varint(value)


def text(field, value):
    value = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(value)) + value


def floats(values):
    return struct.pack(f"<{values.size}f", *values.ravel())


def new_blob(values):
    shape = text(1, b"".join(varint(n) for n in values.shape))
    return text(7, shape) + text(5, floats(values))


def old_blob(values):
    shape = (1,) * (4 - values.ndim) + values.shape
    return b"".join(number(k + 1, n) for k, n in enumerate(shape)) + text(5, floats(values))


def new_layer(name, *arrays):
    """LayerParameter: name 1, type 2, blobs 7."""
    blobs = b"".join(text(7, new_blob(values)) for values in arrays)
    return text(100, text(1, name) + text(2, "Convolution") + blobs)


def old_layer(name, *arrays):
    """V1LayerParameter: bottom 2, name 4, type 5, blobs 6, blobs_lr 7 (fixed 32 bits)."""
    blobs = b"".join(text(6, old_blob(values)) for values in arrays)
    rate = varint(7 << 3 | 5) + struct.pack("<f", 1.0)
    return text(2, text(2, "data") + text(4, name) + number(5, 4) + blobs + rate)


WEIGHTS = {
    "conv1": [RNG.normal(size=(4, 3, 3, 3)), RNG.normal(size=4)],
    "conv2": [RNG.normal(size=(6, 2, 3, 3)), RNG.normal(size=6)],  # in two groups
    "up": [RNG.normal(size=(6, 2, 4, 4)), RNG.normal(size=2)],  # a deconvolution: (in, out, ...)
    "fc": [RNG.normal(size=(5, 128)), RNG.normal(size=5)],
}
WEIGHTS = {name: [x.astype(np.float32) for x in arrays] for name, arrays in WEIGHTS.items()}


@pytest.fixture(params=[new_layer, old_layer], ids=["new", "old"])
def model(request, tmp_path):
    path = tmp_path / "net.caffemodel"
    layers = [text(1, "a net"), request.param("data"), request.param("relu1")]
    layers += [request.param(name, *arrays) for name, arrays in WEIGHTS.items()]
    path.write_bytes(b"".join(layers))
    return path


def module():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.Conv2d(4, 6, 3, groups=2), nn.ConvTranspose2d(6, 2, 4, 2),
        nn.Flatten(), nn.Linear(128, 5),
    )  # fmt: skip


MODULES = {"conv1": "0", "conv2": "1", "up": "2", "fc": "4"}


def test_arrays_of_every_layer_with_weights(model):
    found = read_caffemodel(model)
    assert list(found) == list(WEIGHTS)
    for name, arrays in WEIGHTS.items():
        for mine, true in zip(found[name], arrays, strict=True):
            np.testing.assert_array_equal(mine, true)


def correlated(x, weights, bias, groups):
    """Caffe's convolution, written out: x (in, h, w), weights (out, in / groups, k, k)."""
    out = np.zeros((len(weights), x.shape[1] - 2, x.shape[2] - 2))
    n_in, n_out = len(x) // groups, len(weights) // groups
    for o in range(len(weights)):
        first = o // n_out * n_in
        for i in range(out.shape[1]):
            for j in range(out.shape[2]):
                patch = x[first : first + n_in, i : i + 3, j : j + 3]
                out[o, i, j] = (patch * weights[o]).sum() + bias[o]
    return out


def scattered(x, weights, bias):
    """Caffe's deconvolution of stride 2: each value adds its kernel (in, out, k, k)."""
    side = 2 * (x.shape[1] - 1) + 4
    out = np.zeros((weights.shape[1], side, side)) + bias[:, None, None]
    for c, i, j in np.ndindex(*x.shape):
        out[:, 2 * i : 2 * i + 4, 2 * j : 2 * j + 4] += x[c, i, j] * weights[c]
    return out


def test_torch_computes_what_caffe_does_with_them(model):
    net = module()
    net.load_state_dict(read_weights(model, net.state_dict(), MODULES).state)
    image = RNG.normal(size=(3, 7, 7)).astype(np.float32)
    x = correlated(image, *WEIGHTS["conv1"], groups=1)
    x = correlated(x, *WEIGHTS["conv2"], groups=2)
    x = scattered(x, *WEIGHTS["up"])
    weights, bias = WEIGHTS["fc"]
    with torch.no_grad():
        found = net(torch.tensor(image)[None])[0].numpy()
    np.testing.assert_allclose(found, weights @ x.ravel() + bias, rtol=1e-4, atol=1e-4)


def test_a_file_cut_short_or_of_another_kind(model, tmp_path):
    whole = model.read_bytes()
    model.write_bytes(whole[:-7])
    with pytest.raises(InputError, match=r"not a readable .caffemodel, or truncated"):
        read_caffemodel(model)
    for content in (b"", text(1, "only a name")):
        model.write_bytes(content)
        with pytest.raises(InputError, match="contains no weights"):
            read_caffemodel(model)
    model.write_bytes(b"PK\x03\x04 something else")
    with pytest.raises(InputError, match=r"not a readable .caffemodel|contains no weights"):
        read_caffemodel(model)


def test_values_that_do_not_fill_their_shape(tmp_path):
    path = tmp_path / "net.caffemodel"
    short = text(7, text(1, varint(9))) + text(5, floats(np.zeros(8, np.float32)))
    path.write_bytes(text(100, text(1, "conv1") + text(7, short)))
    with pytest.raises(InputError, match="layer 'conv1': 32 bytes of values, expected 9 packed"):
        read_caffemodel(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda b: b.pop("conv2"), "no layer 'conv2'; the file has conv1, up, fc"),
        (lambda b: b["conv1"].pop(), "layer 'conv1': 1 arrays of weights, expected 2"),
        (
            lambda b: b.update(fc=[np.zeros((5, 9), np.float32), np.zeros(5, np.float32)]),
            r"layer 'fc': weights of shape \(5, 9\), expected \(5, 128\) \(4.weight\)",
        ),
    ],
)
def test_weights_that_do_not_fit_the_module(model, change, message):
    blobs = read_caffemodel(model)
    change(blobs)
    shapes = {name: tuple(values.shape) for name, values in module().state_dict().items()}
    with pytest.raises(InputError, match=message):
        state_dict_of(blobs, MODULES, shapes)


def test_read_weights_names_the_file(model):
    with pytest.raises(InputError, match=r"net.caffemodel: no layer 'fc8'"):
        read_weights(model, module().state_dict(), MODULES | {"fc8": "5"})
