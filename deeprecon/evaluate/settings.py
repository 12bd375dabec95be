"""Settings of evaluation: the section `evaluate` of the configuration."""

from typing import Annotated

from pydantic import Field

from deeprecon.evaluate.registry import NetworkMetric, metrics_of
from deeprecon.registered import known, names_of
from deeprecon.registry import IMPORT_PATH
from deeprecon.typed import Distinct, Name, Settings, Text

_NETWORKS = metrics_of(NetworkMetric)
NetworkMetricName = Annotated[
    str, known(_NETWORKS, NetworkMetric, "network metric"), names_of(_NETWORKS)
]
ImportPath = Annotated[str, Field(pattern=IMPORT_PATH)]


class EvaluationSettings(Settings):
    """How reconstructions are scored and checked."""

    permuted_control: Name | None = Field(
        None,
        description="method whose decoder has permute_labels; its scores stand next to the others",
    )
    n_permutations: int = Field(9999, ge=99, description="random permutations of each test")
    n_bootstrap: int = Field(5000, ge=100, description="bootstrap samples of each interval")
    weights: Text = Field(
        "downloads",
        description="folder with weights for scores by networks; the tables name missing files",
    )
    perceptual: Distinct[NetworkMetricName] = Field(
        tuple(_NETWORKS),
        description="scores by networks, computed where their weights are in the folder; or your "
        "own, module:function of the folder",
    )
    metrics: Distinct[ImportPath] = Field(
        (), description="your own metrics: module:function of (true, recon), see docs/extending.md"
    )
    checks: Distinct[ImportPath] = Field(
        (), description="your own checks: module:function, see docs/extending.md"
    )
    split_half: Distinct[Name] = Field(
        (),
        description="methods that also reconstruct halves of the repetitions, for a noise ceiling "
        "of images",
    )
    retrain: bool = Field(
        False, description="retrain decoders for the checks V09, V10 and V16, which takes a while"
    )
