"""The kinds of decoders, and the settings of each.

`MODELS` is the only list of them: dispatch, the schema of the config, messages and the inputs of
rules look here. A user's own decoder is a scikit-learn regressor, named by its import path.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal, TypeAlias, TypeVar

from pydantic import (
    AfterValidator,
    Field,
    StrictBool,
    StrictInt,
)

from deeprecon.registry import Choice, find
from deeprecon.typed import Distinct, Name, Settings, Text, distinct

T = TypeVar("T")
OneOrMore: TypeAlias = (
    T
    | Annotated[
        list[T],
        Field(min_length=1, json_schema_extra={"uniqueItems": True}),
        AfterValidator(distinct),
    ]
)
Penalty = Annotated[int | float, Field(gt=0)]  # a whole number stays one in tables
Power = Annotated[int | float, Field(ge=0, le=10)]
NVoxels = Annotated[StrictInt, Field(ge=1)] | Literal["all"]
Tiles = Annotated[StrictInt, Field(ge=1, le=64)]


class DecoderSettings(Settings):
    """Settings that every decoder has."""

    # Settings that may be lists, from which cross-validation chooses a value for each layer.
    tuned: ClassVar[tuple[str, ...]] = ()

    model: str = Field(
        "topk", description="kind of decoder, or module:Class of a scikit-learn regressor"
    )
    repetitions: Annotated[StrictInt, Field(ge=1)] | Literal["all", "single"] = Field(
        "all",
        description="test samples averaged per stimulus: all, the first n, or single for none",
    )
    n_units: Annotated[StrictInt, Field(ge=1)] | None = Field(
        None, description="units decoded in each layer, drawn at random; null for all"
    )
    save_weights: StrictBool = Field(False, description="save the weights of the decoders")
    rois: Distinct[Name] = Field(
        (), description="ROIs that are decoded in addition to those that methods use"
    )
    layers: Distinct[Name] = Field((), description="layers that are decoded in these ROIs")
    permute_labels: StrictBool = Field(
        False, description="train on permuted stimulus labels, as a control"
    )


_N_VOXELS_DESCRIPTION = (
    "voxels used for each unit, those that correlate most with it, or all; "
    "from a list, cross-validation chooses for each layer"
)


class TopKSettings(DecoderSettings):
    """Settings of `deeprecon.decode.ridge.TopKRidge`."""

    tuned = ("n_voxels", "alpha")

    n_voxels: OneOrMore[NVoxels] = Field(500, description=_N_VOXELS_DESCRIPTION)
    alpha: OneOrMore[Penalty] = Field(100.0, description="ridge penalty, or a list")


class SparseSettings(DecoderSettings):
    """Settings of `deeprecon.decode.sparse.SparseRegression`."""

    tuned = ("n_voxels",)

    n_voxels: OneOrMore[NVoxels] = Field(500, description=_N_VOXELS_DESCRIPTION)


class SharedSettings(DecoderSettings):
    """Settings of `deeprecon.decode.shared.SharedRidge`."""

    tuned = ("tiles", "power", "alpha")

    tiles: OneOrMore[Tiles] = Field(
        8, description="the image is divided into tiles x tiles windows; or a list"
    )
    power: OneOrMore[Power] = Field(
        1.0,
        description="exponent of a voxel's mean absolute correlation with the units of a tile, "
        "which gives its weight; or a list",
    )
    alpha: OneOrMore[Penalty] = Field(
        3.0,
        description="ridge penalty relative to the mean squared norm of the training samples; "
        "or a list",
    )


class ImportSettings(DecoderSettings):
    """Settings of features decoded by the Kamitani lab."""

    folder: Text = Field(
        description="folder of the published zips, of their contents, or of "
        "<layer>/<subject>/<roi>; may contain {set}",
    )
    network: Text = Field("VGG19", description="network in the names of published files")
    kinds: dict[str, Literal["natural", "color_shape", "alphabet", "imagery"]] = Field(
        {}, description="for each stimulus set, the kind in the names of published files (natural)"
    )
    names: dict[str, Text] = Field(
        {}, description="for each subject, the name in the files, such as S1; by default the same"
    )


class CustomSettings(DecoderSettings):
    """Settings of a user's own regressor."""

    options: dict[str, Any] = Field({}, description="keyword arguments of the regressor")


@dataclass(frozen=True)
class Model(Choice):
    """One kind of decoder.

    Attributes
    ----------
    function : import path of the estimator's class, or for "import" of the reader
    label : short description
    settings : class of the settings
    is_trained : whether the decoder is trained here, which needs voxels
    has_weights : whether the weights of single units can be saved
    gpu_function : import path of a class that is faster on a GPU, "" if there is none
    """

    label: str = "a regressor of the user's own"
    settings: type[DecoderSettings] = CustomSettings
    is_trained: bool = True
    has_weights: bool = False
    gpu_function: str = ""


MODELS: Mapping[str, Model] = MappingProxyType(
    {
        "topk": Model(
            "deeprecon.decode.ridge:TopKRidge",
            "ridge regression on the voxels that correlate most with a unit, as FastL2LiR",
            TopKSettings,
            has_weights=True,
            gpu_function="deeprecon.decode.batched:BatchedTopKRidge",
        ),
        "sparse": Model(
            "deeprecon.decode.sparse:SparseRegression",
            "automatic relevance determination on these voxels, as in 2019; for few units",
            SparseSettings,
            has_weights=True,
        ),
        "shared": Model(
            "deeprecon.decode.shared:SharedRidge",
            "kernel ridge regression with voxel weights shared by the units of a part of the image",
            SharedSettings,
        ),
        "import": Model(
            "deeprecon.decode.kamitani:read_layer",
            "features decoded by the Kamitani lab",
            ImportSettings,
            is_trained=False,
        ),
    }
)


def model_of(name: str) -> Model:
    """Find the kind of decoder by its name in `MODELS`, or by `module:Class` for a user's own.

    Raises
    ------
    InputError
        If the name is neither.

    Examples
    --------
    >>> model_of("topk").settings.tuned
    ('n_voxels', 'alpha')
    >>> model_of("sklearn.linear_model:Lasso").label
    "a regressor of the user's own"
    """
    return find(MODELS, name, Model, "model of a decoder")


def tuned_defaults(name: str) -> dict[str, Any]:
    """Defaults of the settings that cross-validation can choose.

    Examples
    --------
    >>> tuned_defaults("topk")
    {'n_voxels': 500, 'alpha': 100.0}
    """
    settings = model_of(name).settings
    return {key: settings.model_fields[key].default for key in settings.tuned}
