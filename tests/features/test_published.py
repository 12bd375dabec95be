import numpy as np

from deeprecon.features.layers import LAYERS
from deeprecon.features.published import SCALE, compared, strange
from deeprecon.features.statistics import LayerStatistics


def of(scale):
    return LayerStatistics(np.zeros(1), np.ones(1), contrast=1.0, scale=scale)


def test_every_layer_of_vgg19_has_a_published_contrast():
    assert list(SCALE["vgg19"]) == LAYERS["vgg19"]


def test_features_of_the_wrong_scale_are_found():
    """RGB for BGR changes contrast little; images in 0-1 for 0-255 or values after ReLU a lot."""
    near = {layer: of(1.1 * value) for layer, value in SCALE["vgg19"].items()}
    assert strange(compared("vgg19", near)) == []
    wrong = near | {"conv3_4": of(873.57 / 255)}
    table = compared("vgg19", wrong)
    assert strange(table) == ["conv3_4"]
    assert table.set_index("layer").loc["conv3_4", "ratio"] == 1 / 255


def test_a_network_without_published_values_is_not_strange():
    table = compared("efficientnet_lite0", {"stem": of(2.0)})
    assert table["published"].isna().all()
    assert strange(table) == []
