"""Published contrast of VGG19's layers, to check computed features against.

The contrast is the SD within a channel (for vectors: over units), averaged over channels and over
10,000 images, before the ReLU: figshare.com file 13004384, "estimated_vgg19_cnn_feat_std".
"""

from collections.abc import Mapping

import pandas as pd

from deeprecon.features.statistics import LayerStatistics

SCALE: dict[str, dict[str, float]] = {
    "vgg19": {
        "conv1_1": 54.19, "conv1_2": 161.19, "conv2_1": 301.15, "conv2_2": 415.34,
        "conv3_1": 435.07, "conv3_2": 396.41, "conv3_3": 441.31, "conv3_4": 873.57,
        "conv4_1": 1234.23, "conv4_2": 1265.20, "conv4_3": 1000.68, "conv4_4": 563.10,
        "conv5_1": 307.06, "conv5_2": 151.23, "conv5_3": 73.06, "conv5_4": 33.08,
        "fc6": 11.587, "fc7": 2.9196, "fc8": 2.6282,
    },
}  # fmt: skip
TOLERANCE = 1.25  # factor by which the contrast may differ, because the images differ


def compared(network: str, statistics: Mapping[str, LayerStatistics]) -> pd.DataFrame:
    """Compare each layer's contrast with the published one: layer, scale, published, ratio."""
    known = SCALE.get(network, {})
    rows = [(layer, values.scale, known.get(layer)) for layer, values in statistics.items()]
    table = pd.DataFrame(rows, columns=["layer", "scale", "published"])
    table["published"] = table["published"].astype(float)
    table["ratio"] = table["scale"] / table["published"]
    return table


def implausible(table: pd.DataFrame) -> list[str]:
    """Layers in a table of `compared` whose contrast is far from the published one."""
    far = (table["ratio"] > TOLERANCE) | (table["ratio"] < 1 / TOLERANCE)
    return list(table.loc[far, "layer"])
