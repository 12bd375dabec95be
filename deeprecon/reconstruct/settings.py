"""Settings of a reconstruction: how images are searched for, with which generator, and where.

Types, bounds and descriptions of the settings are declared here only. Reading this module imports
no torch, since the workflow checks a study's settings each time it starts.
"""

from typing import Annotated, Literal

from pydantic import (
    BeforeValidator,
    Field,
    model_validator,
)

from deeprecon.errors import InputError
from deeprecon.reconstruct.registry import (
    LOSSES,
    OPTIMISERS,
    PRIORS,
    SCALINGS,
    Loss,
    Optimiser,
    Prior,
)
from deeprecon.registered import known, names_of
from deeprecon.registry import Choice, find
from deeprecon.typed import Name, Settings, Text, as_tuple

_Positive = Annotated[float, Field(ge=0)]
Range = Annotated[tuple[_Positive, _Positive], BeforeValidator(as_tuple)]
"""Values at the first and (nearly) the last iteration; linear in between."""
Percent = Annotated[float, Field(ge=0, le=100)]
LossName = Annotated[str, known(LOSSES, Loss, "loss"), names_of(LOSSES)]
PriorName = Annotated[str, known(PRIORS, Prior, "prior"), names_of(PRIORS)]
OptimiserName = Annotated[str, known(OPTIMISERS, Optimiser, "optimiser"), names_of(OPTIMISERS)]
ScalingName = Annotated[str, known(SCALINGS, Choice, "scaling"), names_of(SCALINGS)]


class SearchSettings(Settings):
    """Settings of the search for images.

    `presets.PRESETS` has named sets of these; `changed` makes a copy with some of them changed.
    """

    prior: PriorName = Field(
        default="fourier",
        description="how an image is parametrised; command: a program of yours finds the images",
    )
    start: _Positive | Literal["noise"] = Field(
        default=0.0,
        description="SD of the normal distribution that initial parameters are drawn from (0: the "
        "mean image, mid-grey or zero latents); noise: every pixel uniform in 0-255",
    )
    optimiser: OptimiserName = Field(
        default="lbfgsb", description="how the parameters are searched"
    )
    n_iterations: int = Field(default=40, ge=1, description="maximum number of iterations")
    loss: LossName = Field(default="correlation", description="distance between features")
    layer_weights: Literal["norm", "equal", "accuracy"] = Field(
        default="accuracy",
        description="norm: 1 / |target|^2, as in 2019; equal; accuracy: squared cross-validated "
        "decoding accuracy of each layer",
    )
    scaling: ScalingName = Field(
        default="centred",
        description="how decoded features regain the contrast of true ones",
    )
    total_variation: float = Field(
        default=0.0,
        ge=0,
        description="weight of the mean absolute difference of neighbouring pixels (images in 0-1)",
    )
    display: Literal["clip", "percentile"] = Field(
        default="clip",
        description="how pixel values become 0-255: clip, or percentile: the 2nd and 98th "
        "percentile of each image become 0 and 255, as in the published figures",
    )
    n_starts: int = Field(
        default=1,
        ge=1,
        le=100,
        description="number of random starts; each image keeps the one with the smallest loss",
    )
    spectral_decay: float = Field(
        default=1.0,
        ge=0,
        le=3,
        description="prior fourier: amplitudes fall off as frequency ** -spectral_decay",
    )
    fit: Literal["crop", "resize"] = Field(
        default="crop",
        description="prior generator: crop the centre of its larger image, or resize all of it",
    )
    learning_rate: Range = Field(
        default=(2.0, 1e-10),
        description="step size at the first and last iteration; adamw uses the first alone",
    )
    momentum: Range = Field(
        default=(0.9, 0.9), description="momentum at the first and last iteration"
    )
    decay: Range = Field(
        default=(0.01, 0.01),
        description="decay of the parameters at the first and last iteration; adamw uses the first "
        "alone",
    )
    blur: Range = Field(
        default=(0.0, 0.0),
        description="SD of the Gaussian that smooths the image after each iteration, pixels; 0: no "
        "smoothing",
    )
    jitter: int = Field(
        default=0,
        ge=0,
        le=128,
        description="maximum random shift of the image in an iteration, pixels",
    )
    p_norm: float = Field(default=0.0, ge=0, description="weight of the p-norm of the image, p = 3")
    tv_norm: float = Field(default=0.0, ge=0, description="weight of the squared total variation")
    clip_extreme: Percent = Field(
        default=0.0,
        description="percentage of the most extreme values clipped every fourth iteration",
    )
    clip_small_norm: Percent = Field(
        default=0.0, description="percentage of the weakest pixels zeroed every fourth iteration"
    )
    clip_small_contribution: Percent = Field(
        default=0.0,
        description="percentage of pixels zeroed every fourth iteration: those that contribute "
        "least to the loss",
    )
    command: str = Field(
        default="",
        description="prior command: command line with {features}, {images}, {seed} and {size}",
    )

    @model_validator(mode="after")
    def _fits_the_prior(self) -> "SearchSettings":
        needs = self.optimiser_choice.priors
        if needs and self.prior not in needs:
            able = " or ".join(map(repr, needs))
            raise InputError(f"optimiser: {self.optimiser!r} needs prior {able}")
        if self.start == "noise" and not self.prior_choice.noise:
            able = " or ".join(repr(name) for name, prior in PRIORS.items() if prior.noise)
            raise InputError(f"start: 'noise' needs prior {able}")
        return self

    @property
    def loss_choice(self) -> Loss:
        """Entry of the loss in the registry."""
        return find(LOSSES, self.loss, Loss, "loss")

    @property
    def prior_choice(self) -> Prior:
        """Entry of the prior in the registry."""
        return find(PRIORS, self.prior, Prior, "prior")

    @property
    def optimiser_choice(self) -> Optimiser:
        """Entry of the optimiser in the registry."""
        return find(OPTIMISERS, self.optimiser, Optimiser, "optimiser")


PUBLISHED_SIZES = (200, 256)
"""Smallest and largest side of an image of a published generator, cropped and whole, pixels."""


class PublishedGeneratorSettings(Settings):
    """A generator of Dosovitskiy & Brox 2016, which inverts a layer of CaffeNet."""

    kind: Literal["relu7", "relu6", "pool5"] = Field(description="the layer that it inverts")
    weights: Text | None = Field(
        default=None,
        description="file to use instead of the download: .pt, the lab's .zip, or .caffemodel",
    )
    upper: Annotated[float, Field(gt=0)] | Text | None = Field(
        default=None,
        description="upper bound of the latents: a number, or a file with one for each latent; by "
        "default the published one, if there is one",
    )


class TrainedGeneratorSettings(Settings):
    """A generator that is trained on the study's training images."""

    kind: Literal["trained"] = "trained"
    layer: Name = Field(description="the layer that it inverts")
    comparator: Name | None = Field(
        default=None,
        description="another layer whose features the loss compares, with the same weight",
    )
    n_steps: int = Field(default=20000, ge=1, description="number of training steps (Adam)")
    batch_size: int = Field(default=16, ge=1, description="images in a training step")
    learning_rate: float = Field(
        default=1e-3, gt=0, description="initial learning rate; falls to zero along a cosine"
    )
    width: int = Field(default=32, ge=4, description="channels of the generator's finest stage")
    pixel_weight: float = Field(default=1.0, ge=0, description="weight of the pixel loss")
    feature_weight: float = Field(default=1.0, ge=0, description="weight of the feature loss")
    adversarial_weight: float = Field(
        default=0.01, ge=0, description="weight of the adversarial loss"
    )


class Compute(Settings):
    """Where and how a reconstruction is computed; affects results only by rounding."""

    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        default="auto", description="auto: CUDA if available, else Apple's GPU, else the CPU"
    )
    precision: Literal["float32", "tf32", "bfloat16"] = Field(
        default="float32",
        description="tf32: NVIDIA's reduced-precision products; bfloat16: in the network only",
    )
    batch_size: int = Field(
        default=50, ge=1, description="images optimised together; halved when GPU memory runs out"
    )
    compile: bool = Field(
        default=False, description="torch.compile the network, which first takes a minute"
    )
