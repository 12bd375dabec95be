import numpy as np

from deeprecon.features.published import SCALE, compared, implausible
from deeprecon.features.registry import NETWORKS
from deeprecon.features.statistics import LayerStatistics


def of(scale):
    return LayerStatistics(np.zeros(1), np.ones(1), contrast=1.0, scale=scale)


def test_every_layer_of_vgg19_has_a_published_contrast():
    assert tuple(SCALE["vgg19"]) == NETWORKS["vgg19"].layers


def test_features_of_the_wrong_scale_are_found():
    """RGB for BGR changes contrast little; images in 0-1 for 0-255 or values after ReLU a lot."""
    near = {layer: of(1.1 * value) for layer, value in SCALE["vgg19"].items()}
    assert implausible(compared("vgg19", near)) == []
    wrong = near | {"conv3_4": of(873.57 / 255)}
    table = compared("vgg19", wrong)
    assert implausible(table) == ["conv3_4"]
    assert table.set_index("layer").loc["conv3_4", "ratio"] == 1 / 255


def test_a_network_without_published_values_is_not_implausible():
    table = compared("efficientnet_lite0", {"stem": of(2.0)})
    assert table["published"].isna().all()
    assert implausible(table) == []
