"""Networks that turn latents into images, their files, and the prior made of one.

Two kinds: the published generators that invert layers of CaffeNet (Dosovitskiy & Brox 2016,
Generating images with perceptual similarity metrics based on deep networks, NeurIPS), and those
that `train_generator` trains on a user's own images.
"""

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from deeprecon.atomic import replacing
from deeprecon.errors import InputError
from deeprecon.features.weights import check_state, read_weights, state_dict, torch_file
from deeprecon.reconstruct.priors import normal

CAFFE_MEAN = (122.67892, 116.66877, 104.00699)
"""RGB; CaffeNet's generators make images less this colour."""

_FORMAT = "deeprecon generator 1"
_REPEATED = r"(defc|deconv|rconv)\.\d"  # bdpy's modules name each layer twice: also by its place
_LEAST_SHOWN = 200 / 256  # of the side of a generator's image: less would show only its middle


class Generator(nn.Module):
    """What all generators have.

    Attributes
    ----------
    latent_shape : of one image's latents, without the axis of images
    image_size : side of the images, pixels
    spec : what is needed to build the module again, see `_built`
    """

    latent_shape: tuple[int, ...]
    image_size: int
    spec: dict[str, Any]


# Name, channels that come out, (kernel, stride, padding).
_UP, _SAME, _VALID = (4, 2, 1), (3, 1, 1), (3, 1, 0)
_Row = tuple[str, int, tuple[int, int, int]]
_DECONVOLUTIONS: list[_Row] = [
    ("deconv5", 256, _UP), ("conv5_1", 512, _SAME), ("deconv4", 256, _UP), ("conv4_1", 256, _SAME),
    ("deconv3", 128, _UP), ("conv3_1", 128, _SAME), ("deconv2", 64, _UP), ("deconv1", 32, _UP),
    ("deconv0", 3, _UP),
]  # fmt: skip
_CONVOLUTIONS: list[_Row] = [
    ("Rconv6", 512, _SAME), ("Rconv7", 512, _SAME), ("Rconv8", 512, _VALID),
]  # fmt: skip
_LATENTS = {"relu7": (4096,), "relu6": (4096,), "pool5": (256, 6, 6)}


class CaffeGenerator(Generator):
    """The generator that inverts a layer of CaffeNet, `caffe_generator` makes it.

    Latents (n, *latent_shape), after the ReLU, to images (n, 3, 256, 256), BGR less the mean
    colour. Parameters are named as the layers of the Caffe files and as those of bdpy's classes.
    """

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.latent_shape, self.image_size, self.spec = _LATENTS[kind], 256, {"kind": kind}
        n = 256
        if kind == "pool5":
            n = self._add(_CONVOLUTIONS, nn.Conv2d, n)
        else:
            for name in ("defc7", "defc6", "defc5"):
                self.add_module(name, nn.Linear(4096, 4096))
        self._add(_DECONVOLUTIONS, nn.ConvTranspose2d, n)
        self.requires_grad_(False)

    def _add(self, rows: list[_Row], layer: type[nn.Conv2d | nn.ConvTranspose2d], n: int) -> int:
        """Add layers that begin with n channels; how many they end with."""
        for name, n_out, (kernel, stride, padding) in rows:
            self.add_module(name, layer(n, n_out, kernel, stride, padding))
            n = n_out
        return n

    def forward(self, latents: Tensor) -> Tensor:
        """Images (n, 3, 256, 256), BGR less the mean colour."""
        x = latents
        for name, layer in self.named_children():
            x = layer(x)
            if name == "defc5":
                x = x.reshape(-1, 256, 4, 4)
            if name != "deconv0":
                x = functional.leaky_relu(x, 0.3)
        return x


def caffe_generator(kind: str) -> CaffeGenerator:
    """The generator for a layer of CaffeNet, with random weights: `read_generator` has the true.

    Parameters
    ----------
    kind : relu7 | relu6 | pool5

    Raises
    ------
    InputError
        If the kind is unknown.
    """
    if kind not in _LATENTS:
        raise InputError(f"unknown generator {kind!r}, expected one of {', '.join(_LATENTS)}")
    return CaffeGenerator(kind)


def stage_sizes(first: int, last: int) -> list[int]:
    """Sides of the stages from the latents to the image, each about twice the one before.

    Examples
    --------
    >>> stage_sizes(13, 227)
    [13, 29, 57, 114, 227]
    """
    n = max(round(math.log2(last / first)), int(first != last))
    return [first, *(math.ceil(last / 2**i) for i in reversed(range(n)))]


class InversionGenerator(Generator):
    """A generator for any layer: latents (n, *latent_shape) to images (n, 3, size, size).

    A 1 x 1 convolution (of vectors a linear layer), then stages that double the side and halve
    the channels. Images are RGB, 0-255.

    Parameters
    ----------
    latent_shape : (channels, height, width) or (units,)
    size : side of the images, pixels
    width : channels of the finest stage; the coarsest has at most eight times as many
    """

    def __init__(self, latent_shape: Sequence[int], size: int, width: int) -> None:
        super().__init__()
        self.latent_shape, self.image_size = tuple(latent_shape), size
        self.spec = {
            "kind": "trained", "latent_shape": list(latent_shape), "size": size, "width": width,
        }  # fmt: skip
        is_map = len(self.latent_shape) == 3
        first = latent_shape[1] if is_map else math.ceil(size / 2 ** int(math.log2(size / 4)))
        sizes = stage_sizes(first, size)
        channels = [width * min(8, 2**i) for i in reversed(range(len(sizes)))]
        self.entry: nn.Module
        if is_map:
            self.entry = nn.Conv2d(latent_shape[0], channels[0], 1)
        else:
            self.entry = nn.Sequential(
                nn.Linear(latent_shape[0], channels[0] * first**2),
                nn.Unflatten(1, (channels[0], first, first)),
            )
        pairs = zip(sizes, [channels[0], *channels], channels, strict=False)
        self.stages = nn.Sequential(*(_stage(*pair) for pair in pairs))
        self.colour = nn.Conv2d(channels[-1], 3, 3, padding=1)

    def forward(self, latents: Tensor) -> Tensor:
        """Images (n, 3, size, size), RGB, 0-255."""
        return 255 * torch.sigmoid(self.colour(self.stages(self.entry(latents))))


def _stage(size: int, n_in: int, n_out: int) -> nn.Sequential:
    """Bring to a size, then convolve; the norm does not mix images."""
    return nn.Sequential(
        nn.Upsample(size=(size, size)),
        nn.Conv2d(n_in, n_out, 3, padding=1),
        nn.GroupNorm(math.gcd(8, n_out), n_out),
        nn.LeakyReLU(0.2),
    )


class GeneratorPrior(nn.Module):
    """Images that a generator makes; its latents are the parameters.

    Parameters
    ----------
    generator : its weights are frozen
    size : side of the images, pixels
    mean : (3,) RGB 0-255, of a generator that makes BGR less this colour; None: it makes RGB
    lower, upper : bounds of the latents: (n_parameters,), a number, or None
    start_sd : SD of random starts; 0: zero latents, as Shen et al. 2019
    fit : crop: the middle of the generator's image; resize: all of it (bilinear, antialiased), as
        Shirakawa et al. 2024

    Raises
    ------
    InputError
        If the size is no crop of the generator's images, or bounds are of the wrong number.
    """

    mean: Tensor | None
    lower: Tensor | None
    upper: Tensor | None

    def __init__(
        self,
        generator: Generator,
        size: int,
        mean: Tensor | None = None,
        lower: Tensor | float | None = None,
        upper: Tensor | float | None = None,
        start_sd: float = 0.0,
        fit: str = "crop",
    ) -> None:
        super().__init__()
        self.generator = generator.requires_grad_(False).eval()
        self.size, self.start_sd, self.fit = size, start_sd, fit
        self.n_parameters = math.prod(generator.latent_shape)
        _check_fit(generator.image_size, size, fit)
        self.register_buffer("mean", None if mean is None else mean.reshape(3, 1, 1).float())
        self.register_buffer("lower", _bound("lower", lower, self.n_parameters))
        self.register_buffer("upper", _bound("upper", upper, self.n_parameters))

    def start(self, n: int, generator: torch.Generator) -> Tensor:
        """Zero or random latents, (n, n_parameters)."""
        return normal(n, self.n_parameters, self.start_sd, generator)

    def forward(self, parameters: Tensor) -> Tensor:
        """Images (n, 3, size, size), RGB; those of Caffe's generators may leave 0-255."""
        images = self.generator(parameters.reshape(-1, *self.generator.latent_shape))
        if self.mean is not None:
            images = images.flip(1) + self.mean
        if self.fit == "crop":
            first = (self.generator.image_size - self.size) // 2
            return images[..., first : first + self.size, first : first + self.size]
        sides = (self.size, self.size)
        return functional.interpolate(images, sides, mode="bilinear", antialias=True)


def _check_fit(made: int, size: int, fit: str) -> None:
    """Raise InputError unless images of side `made` can be shown at side `size`."""
    if fit not in ("crop", "resize"):
        raise InputError(f"fit: {fit!r}, expected crop or resize")
    least = math.ceil(_LEAST_SHOWN * made)
    if fit == "crop" and not least <= size <= made:
        raise InputError(
            f"image size {size}: expected {least} to {made}, because the generator makes images "
            f"of {made} pixels, of which the middle is shown"
        )


def _bound(name: str, value: Tensor | float | None, n: int) -> Tensor | None:
    """Bounds of all latents, (n,)."""
    if value is None:
        return None
    bound = torch.as_tensor(value, dtype=torch.float32)
    if bound.ndim and bound.shape != (n,):
        raise InputError(
            f"{name} bounds: found {bound.numel()}, expected one for each of {n} latents"
        )
    return bound.expand(n).clone()


def read_bounds(path: str | os.PathLike[str], n: int) -> Tensor:
    """Read n numbers, separated by white space: upper bounds of latents, (n,) float32.

    Raises
    ------
    InputError
        If there are more or fewer, or something else than finite numbers.
    """
    try:
        values = np.array(Path(path).read_text().split(), dtype=np.float32)
    except ValueError as error:
        raise InputError(f"{path}: not a text of {n} numbers ({error})") from None
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
    """Write a generator and the bounds of its latents as a torch file; it appears when complete.

    Parameters
    ----------
    path : torch file, for `load_prior`
    generator : of `read_generator` or `train_generator`
    lower, upper : bounds of the latents, as of `GeneratorPrior`
    attributes : where it comes from
    about : more to keep with it: tensors, numbers, texts, and dicts of them
    """
    n = math.prod(generator.latent_shape)
    contents = {
        "format": _FORMAT,
        "spec": generator.spec,
        "state_dict": {key: value.cpu() for key, value in generator.state_dict().items()},
        "lower": _bound("lower", lower, n),
        "upper": _bound("upper", upper, n),
        "attributes": dict(attributes),
        **about,
    }
    with replacing(path) as temporary, temporary.open("wb") as file:  # a path would be written in
        torch.save(contents, file)


def load_saved(path: str | os.PathLike[str]) -> dict[str, Any]:
    """All that `save_generator` wrote.

    Raises
    ------
    InputError
        If the file is not one of its files.
    """
    found = torch_file(path)
    if not _is_saved(found):
        raise InputError(f"{path}: not a generator's file of deeprecon")
    return dict(found)


def load_prior(
    path: str | os.PathLike[str], size: int, fit: str = "crop", start_sd: float = 0.0
) -> GeneratorPrior:
    """The prior made of a generator that `save_generator` wrote.

    Raises
    ------
    InputError
        If the file is not one of its files, or the size does not fit the generator's images.
    """
    saved = load_saved(path)
    generator = _built(path, saved["spec"], saved["state_dict"])
    mean = torch.tensor(CAFFE_MEAN) if isinstance(generator, CaffeGenerator) else None
    return GeneratorPrior(generator, size, mean, saved["lower"], saved["upper"], start_sd, fit)


def read_generator(path: str | os.PathLike[str], kind: str) -> Generator:
    """Read a published generator from any of the files that hold one.

    Parameters
    ----------
    path : .zip of several torch files, of which the one whose name has the kind is read;
        .caffemodel; otherwise a torch file, the lab's state dict
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


def _is_saved(found: Any) -> bool:
    """Whether a torch file's content was written by `save_generator`."""
    return isinstance(found, dict) and found.get("format") == _FORMAT


def _built(path: str | os.PathLike[str], spec: dict[str, Any], state: Any) -> Generator:
    """The generator that a spec describes, with the weights of a state dict."""
    generator: Generator
    if spec["kind"] == "trained":
        generator = InversionGenerator(spec["latent_shape"], spec["size"], spec["width"])
    else:
        generator = caffe_generator(spec["kind"])
    check_state(path, state_dict(path, state), generator.state_dict())
    generator.load_state_dict(state)
    return generator.requires_grad_(False).eval()
