"""Networks have random weights here: what is checked is which layer, of what, and when not."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from deeprecon.errors import InputError
from deeprecon.evaluate import perceptual
from deeprecon.evaluate.perceptual import PerceptualScore, not_computed
from deeprecon.evaluate.registry import METRICS, NetworkMetric, available_weights, metrics_of

IMAGENET_MEAN, IMAGENET_SD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
TINY = "tiny.pth"


def make_images(n: int = 3, size: int = 40, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (n, size, size, 3)).astype(np.uint8)


def by_hand(images: NDArray, size: int, mean: list[float], sd: list[float]) -> Tensor:
    """Each channel resized by Pillow, then brought to the scale that a network was trained on."""
    planes = [
        [
            np.asarray(
                Image.fromarray(image[..., channel].astype(np.float32)).resize(
                    (size, size), Image.Resampling.BILINEAR
                )
            )
            for channel in range(3)
        ]
        for image in images
    ]
    center, scale = (np.array(x, np.float32).reshape(3, 1, 1) for x in (mean, sd))
    return torch.from_numpy((np.array(planes, np.float32) / 255 - center) / scale)


class Tiny(nn.Module):
    """In place of a network of torchvision: two layers."""

    def __init__(self, **_: object) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, stride=4)
        self.last = nn.Conv2d(4, 5, 3)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.last(self.first(x))
        return found


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Tiny:
    """A network with the scores "tiny" (identification) and "tiny_distance"; file in tmp_path."""
    torch.manual_seed(0)
    network = Tiny()
    torch.save(network.state_dict(), tmp_path / TINY)
    monkeypatch.setattr(torchvision.models, "tiny", Tiny, raising=False)
    arguments = {"name": "tiny", "layer": "first"}
    score = replace(METRICS["alexnet_2"], file=TINY, arguments=arguments)
    monkeypatch.setitem(METRICS, "tiny", replace(score, size=24))
    monkeypatch.setitem(
        METRICS, "tiny_distance", replace(score, size=24, kind="correlation_distance")
    )
    return network


@pytest.fixture(scope="module")
def alexnet(tmp_path_factory: pytest.TempPathFactory) -> tuple[nn.Module, Path]:
    """AlexNet with random weights, and the folder of its file (alexnet.pth)."""
    torch.manual_seed(0)
    network = torchvision.models.alexnet(weights=None).eval()
    # What lies above the features is not asked for: a file of it need not have 230 MB.
    state = {
        name: torch.zeros(1).expand(values.shape) if name.startswith("classifier") else values
        for name, values in network.state_dict().items()
    }
    folder = tmp_path_factory.mktemp("weights")
    torch.save(state, folder / "alexnet.pth")
    return network, folder


def without_hash(monkeypatch: pytest.MonkeyPatch, name: str, file: str) -> None:
    """Let the file of a score have a name that does not hold its hash."""
    monkeypatch.setitem(METRICS, name, replace(METRICS[name], file=file))


def test_files_are_those_of_torchvision():
    models = torchvision.models
    expected = {
        "alexnet_2": models.AlexNet_Weights.IMAGENET1K_V1,
        "alexnet_5": models.AlexNet_Weights.IMAGENET1K_V1,
        "lpips_alex": models.AlexNet_Weights.IMAGENET1K_V1,
        "inception": models.Inception_V3_Weights.IMAGENET1K_V1,
        "efficientnet_b1_v1": models.EfficientNet_B1_Weights.IMAGENET1K_V1,
        "efficientnet_b1_v2": models.EfficientNet_B1_Weights.IMAGENET1K_V2,
    }
    for name, weights in expected.items():
        assert METRICS[name].file == weights.url.rsplit("/", 1)[1], name


def test_kinds_and_sizes_are_those_of_mindeye():
    identification = {"alexnet_2": 256, "alexnet_5": 256, "inception": 342, "clip": 224}
    distance = {"efficientnet_b1_v1": 255, "efficientnet_b1_v2": 255, "swav": 224}
    for sizes, kind in ((identification, "identification"), (distance, "correlation_distance")):
        for name, size in sizes.items():
            assert (METRICS[name].kind, METRICS[name].size) == (kind, size), name


@pytest.mark.parametrize(("name", "modules"), [("alexnet_2", 5), ("alexnet_5", 12)])
def test_alexnet_layers_after_their_relu(monkeypatch, alexnet, name, modules):
    network, folder = alexnet
    without_hash(monkeypatch, name, "alexnet.pth")
    images = make_images(2)
    with torch.no_grad():
        values = network.features[:modules](by_hand(images, 256, IMAGENET_MEAN, IMAGENET_SD))
    assert isinstance(network.features[modules - 1], nn.ReLU) and values.min() == 0 < values.max()
    found = PerceptualScore(name, folder).features(images)
    np.testing.assert_allclose(found, values.flatten(1), atol=1e-4)


def test_large_images_are_reduced_without_aliasing(tiny, tmp_path):
    images = make_images(2, size=200)
    with torch.no_grad():
        values = tiny.first(by_hand(images, 24, IMAGENET_MEAN, IMAGENET_SD)).flatten(1)
    found = PerceptualScore("tiny", tmp_path).features(images)
    np.testing.assert_allclose(found, values, atol=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_are_on_the_scale_of_the_integers(tiny, tmp_path, dtype):
    images, score = make_images(), PerceptualScore("tiny", tmp_path)
    np.testing.assert_allclose(
        score.features(images.astype(dtype)), score.features(images), atol=1e-5
    )


def test_batches_do_not_show(tiny, tmp_path, monkeypatch):
    images, score = make_images(5), PerceptualScore("tiny", tmp_path)
    whole = score.features(images)
    assert whole.shape == (5, 4 * 6 * 6)
    monkeypatch.setattr(perceptual, "BATCH", 2)
    np.testing.assert_allclose(score.features(images), whole, atol=1e-6)


def test_similarity_is_that_of_features_true_by_recon(tiny, tmp_path):
    score = PerceptualScore("tiny", tmp_path)
    true, recon = make_images(seed=1), make_images(seed=2)
    both = np.concatenate([score.features(true), score.features(recon)]).astype(np.float64)
    np.testing.assert_allclose(score.similarity(true, recon), np.corrcoef(both)[:3, 3:], atol=1e-9)


def test_correlation_distance_is_of_an_image_and_its_own(tiny, tmp_path):
    score = PerceptualScore("tiny_distance", tmp_path)
    true, recon = make_images(seed=1), make_images(seed=2)
    recon[1] = true[1]
    expected = 1 - np.diagonal(score.similarity(true, recon))
    np.testing.assert_allclose(score.distance(true, recon), expected, atol=1e-9)
    assert expected[0] > 0.05 and score.distance(true, recon)[1] == 0


@pytest.mark.parametrize("name", ["efficientnet_b1_v1", "efficientnet_b1_v2"])
def test_efficientnet_is_average_pooled(monkeypatch, tmp_path, name):
    torch.manual_seed(0)
    network = torchvision.models.efficientnet_b1(weights=None).eval()
    torch.save(network.state_dict(), tmp_path / "network.pth")
    without_hash(monkeypatch, name, "network.pth")
    images = make_images(1)
    with torch.no_grad():
        maps = network.features(by_hand(images, 255, IMAGENET_MEAN, IMAGENET_SD))
    expected = maps.mean(dim=(2, 3)).numpy()
    found = PerceptualScore(name, tmp_path).features(images)
    np.testing.assert_allclose(found, expected, atol=1e-3 * np.abs(expected).max())


def test_inception_changes_the_scale_by_itself_as_the_pretrained_one_does(monkeypatch, tmp_path):
    torch.manual_seed(0)
    network = torchvision.models.inception_v3(weights=None, init_weights=False).eval()
    assert not network.transform_input
    torch.save(network.state_dict(), tmp_path / "network.pth")
    without_hash(monkeypatch, "inception", "network.pth")
    images = make_images(2)
    pooled: list[Tensor] = []
    network.avgpool.register_forward_hook(lambda *given: pooled.append(given[2]))
    with torch.no_grad():
        network(by_hand(images, 342, [0.5] * 3, [0.5] * 3))
    expected = pooled[0].flatten(1).numpy()
    found = PerceptualScore("inception", tmp_path).features(images)
    np.testing.assert_allclose(found, expected, atol=1e-3 * np.abs(expected).max())


def test_swav_has_a_file_of_parallel_training_with_heads(monkeypatch, tmp_path):
    """With a ResNet-18 for the ResNet-50, which has the same parts and is smaller."""
    monkeypatch.setattr(torchvision.models, "resnet50", torchvision.models.resnet18)
    torch.manual_seed(0)
    network = torchvision.models.resnet18(weights=None).eval()
    state = {f"module.{k}": v for k, v in network.state_dict().items() if k[:3] != "fc."}
    state["module.projection_head.0.weight"] = state["module.prototypes.weight"] = torch.ones(2)
    torch.save(state, tmp_path / METRICS["swav"].file)
    pooled: list[Tensor] = []
    network.avgpool.register_forward_hook(lambda *given: pooled.append(given[2]))
    true, recon = make_images(2, seed=1), make_images(2, seed=2)
    with torch.no_grad():
        for images in (true, recon):
            network(by_hand(images, 224, IMAGENET_MEAN, IMAGENET_SD))
    a, b = (part.flatten(1).double().numpy() for part in pooled)
    expected = [1 - np.corrcoef(x, y)[0, 1] for x, y in zip(a, b, strict=True)]
    found = PerceptualScore("swav", tmp_path).distance(true, recon)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def lpips_by_definition(trunk: nn.Module, true: Tensor, recon: Tensor, weights: Tensor) -> Tensor:
    """Equation 1 of Zhang et al. (2018): weighted squared differences of unit-length features."""
    shift = torch.tensor([-0.030, -0.088, -0.188]).reshape(3, 1, 1)
    scale = torch.tensor([0.458, 0.448, 0.450]).reshape(3, 1, 1)
    x, y = ((images - shift) / scale for images in (true, recon))
    total = torch.zeros(len(x))
    for end, start, name in ((2, 0, 0), (5, 2, 1), (8, 5, 2), (10, 8, 3), (12, 10, 4)):
        x, y = (trunk.features[start:end](z) for z in (x, y))
        difference = (functional.normalize(x, dim=1) - functional.normalize(y, dim=1)) ** 2
        weighted = (difference * weights[f"lin{name}.model.1.weight"]).sum(dim=1)
        total += weighted.mean(dim=(1, 2))
    return total


# torchvision says so of how the package lpips calls it.
@pytest.mark.filterwarnings("ignore:The parameter 'pretrained':UserWarning")
@pytest.mark.filterwarnings("ignore:Arguments other than a weight enum:UserWarning")
def test_lpips_with_weights_of_alexnet(monkeypatch, alexnet):
    package = pytest.importorskip("lpips")
    network, folder = alexnet
    without_hash(monkeypatch, "lpips_alex", "alexnet.pth")
    true, recon = make_images(seed=1), make_images(seed=2)
    recon[2] = true[2]
    file = Path(package.__file__).parent / "weights/v0.1/alex.pth"
    linear = torch.load(file, weights_only=True, map_location="cpu")
    a, b = (by_hand(images, 256, [0.5] * 3, [0.5] * 3) for images in (true, recon))
    with torch.no_grad():
        expected = lpips_by_definition(network, a, b, linear)
    found = PerceptualScore("lpips_alex", folder).distance(true, recon)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-6)
    assert found[0] > 0.001 and found[2] == 0
    torch.save(network.features.state_dict(), folder / "features.pth")
    without_hash(monkeypatch, "lpips_alex", "features.pth")
    with pytest.raises(InputError, match=r"features\.pth.*features\.0\.weight"):
        PerceptualScore("lpips_alex", folder)


def test_clip_is_read_by_open_clip(monkeypatch, tmp_path):
    """A package of that name whose network gives back means of channels."""
    package = tmp_path / "packages" / "open_clip"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(
        "class Model:\n"
        "    def __init__(self, *given): self.given = given\n"
        "    def encode_image(self, images): return images.mean(dim=(2, 3))\n"
        "def load_openai_model(path, precision, device): return Model()\n"
    )
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "ViT-L-14.pt").touch()
    monkeypatch.syspath_prepend(package.parent)
    images = make_images()
    mean = [0.48145466, 0.4578275, 0.40821073]
    sd = [0.26862954, 0.26130258, 0.27577711]
    found = PerceptualScore("clip", folder).features(images)
    expected = by_hand(images, 224, mean, sd).mean(dim=(2, 3))
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("name", metrics_of(NetworkMetric))
def test_without_weights_or_package_there_is_a_reason(monkeypatch, tmp_path, name):
    one = METRICS[name]
    monkeypatch.setattr(perceptual, "find_spec", lambda package: object())
    reason = not_computed(name, tmp_path)
    assert reason is not None and reason.endswith(f"weights missing: {one.file}")
    with pytest.raises(InputError, match=f"{name}.*weights missing: {re.escape(one.file)}"):
        PerceptualScore(name, tmp_path)
    (tmp_path / one.file).touch()
    assert not_computed(name, tmp_path) is None
    monkeypatch.setattr(perceptual, "find_spec", lambda package: None)
    reason = not_computed(name, tmp_path)
    assert reason is not None and reason.endswith(f"package missing: {one.package}")


def test_dreamsim_does_not_download_what_is_missing(monkeypatch, tmp_path):
    monkeypatch.setattr(perceptual, "find_spec", lambda package: object())
    folder = tmp_path / METRICS["dreamsim"].file
    folder.mkdir()
    (folder / "dino_vitb16_pretrain.pth").touch()
    with pytest.raises(InputError, match="no 'dino_vitb16_lora'"):
        PerceptualScore("dreamsim", tmp_path)


def test_a_file_with_another_hash_is_refused(tmp_path):
    (tmp_path / METRICS["alexnet_2"].file).write_bytes(b"something else")
    with pytest.raises(InputError, match=r"alexnet-owt-7be5be79\.pth: SHA-256 .* 7be5be79"):
        PerceptualScore("alexnet_2", tmp_path)


def test_files_of_something_else_are_refused(tiny, tmp_path):
    (tmp_path / TINY).write_bytes(b"no file of torch")
    with pytest.raises(InputError, match=r"tiny\.pth"):
        PerceptualScore("tiny", tmp_path)
    for wrong in ([1, 2], {"epoch": 3}, torch.ones(2)):
        torch.save(wrong, tmp_path / TINY)
        with pytest.raises(InputError, match=r"tiny\.pth: found .*expected weights by name"):
            PerceptualScore("tiny", tmp_path)
    torch.save(nn.Conv2d(3, 4, 3).state_dict(), tmp_path / TINY)
    with pytest.raises(InputError, match=r"tiny\.pth.*first\.weight"):
        PerceptualScore("tiny", tmp_path)


def test_only_weights_that_exist_are_inputs(tmp_path):
    names = list(metrics_of(NetworkMetric))
    assert available_weights(names, str(tmp_path)) == []
    (tmp_path / METRICS["clip"].file).touch()
    assert available_weights(names, str(tmp_path)) == [str(tmp_path / "ViT-L-14.pt")]
