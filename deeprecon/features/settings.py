"""Settings of the network whose layers are decoded and matched; imports no torch."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from deeprecon.registry import IMPORT_PATH
from deeprecon.typed import Name, Settings, Text, as_tuple

Layers = Annotated[tuple[Name, ...], BeforeValidator(as_tuple)]
Channels = Annotated[tuple[float, float, float], BeforeValidator(as_tuple)]


class NetworkSettings(Settings):
    """A network: one of `registry.NETWORKS`, or a user's own by `torchvision` or `import`."""

    name: Name = Field(
        description="a network of deeprecon; or a new name for your own, with torchvision or import"
    )
    layers: Layers = Field(min_length=1, description="layers to decode")
    weights: Text | None = Field(
        default=None,
        description="file of weights to use instead of the download: .pt, .pth, the lab's .zip or "
        ".caffemodel; or random, for tests and timing only",
    )
    torchvision: Text | None = Field(
        default=None, description="your own network: a name in torchvision.models"
    )
    import_path: Annotated[str, Field(pattern=IMPORT_PATH)] | None = Field(
        default=None,
        alias="import",
        description="your own network: package.module:function that returns a torch.nn.Module",
    )
    nodes: dict[Name, Text] | None = Field(
        default=None,
        min_length=1,
        description="your own network: layer -> node of torchvision's feature extraction",
    )
    mean: Channels | None = Field(
        default=None,
        description="your own network: subtracted from the channels, 0-255; by default ImageNet's",
    )
    sd: Channels | None = Field(
        default=None,
        description="your own network: divides the channels, 0-255; by default ImageNet's",
    )
    channels: Literal["RGB", "BGR"] | None = Field(
        default=None, description="your own network: order of the channels; by default RGB"
    )
