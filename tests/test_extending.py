"""Every example of docs/extending.md, run as an outsider would: from a file of one's own."""

import re
import sys
from copy import deepcopy

import numpy as np
import pytest
import torch
import yaml
from torchvision.models import resnet18

from deeprecon.data.stimuli import load_images, read_stimuli
from deeprecon.decode.layer import LayerDecoder, TrainingVoxels
from deeprecon.decode.models import build, candidates
from deeprecon.errors import InputError
from deeprecon.evaluate.perceptual import PerceptualScore
from deeprecon.evaluate.score import Scorer, SetFiles, score_set
from deeprecon.evaluate.summary import summary
from deeprecon.evaluate.table import Tests
from deeprecon.features.networks import of_settings
from deeprecon.features.sampled import read_sampled
from deeprecon.reconstruct.compute import Compute
from deeprecon.reconstruct.invert import reconstruct
from deeprecon.study.plan import methods_of
from deeprecon.study.settings import load_settings
from deeprecon.typed import changed
from deeprecon.validity.check_set import check_set
from tests.conftest import ROOT
from tests.reconstruct.tiny import SIZE, TinyNetwork, features, images, statistics
from tests.workflow import test_bad_evaluation as study

DEMO = yaml.safe_load((ROOT / "config.yaml").read_text())
PAGE = (ROOT / "docs/extending.md").read_text()
SECTIONS = {
    part.splitlines()[0]: part for part in PAGE.split("\n## ") if "```python" in part
}  # title -> text
NETWORK = TinyNetwork()
CPU = Compute(device="cpu")


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.M | re.S)


def merged(base, changes):
    """Settings with those of a block of the page."""
    both = [key for key in changes if isinstance(changes[key], dict) and key in base]
    return base | changes | {key: merged(base[key], changes[key]) for key in both}


def settings_of(title, changes=None):
    """The demo's settings, checked, with what a section of the page says."""
    (block,) = blocks(SECTIONS[title], "yaml")
    settings = merged(deepcopy(DEMO), yaml.safe_load(block))
    if title == "A network":  # "Methods then name these layers."
        for method in settings["methods"].values():
            method["layers"] = settings["network"]["layers"]
    return load_settings(merged(settings, changes or {}))


@pytest.fixture(autouse=True)
def outsider(tmp_path, monkeypatch):
    """A folder with the files of the page, as the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    for code in blocks(PAGE, "python"):
        (tmp_path / file_of(code)).write_text(code)
    _forget_modules(tmp_path)  # other tests import files of the same names
    yield tmp_path
    _forget_modules(tmp_path)


def _forget_modules(folder):
    for file in folder.glob("*.py"):
        sys.modules.pop(file.stem, None)


def file_of(code):
    return re.match(r"# (\w+\.py)\n", code)[1]


@pytest.mark.parametrize("title", SECTIONS)
def test_each_section_has_an_example_its_settings_and_the_way_into_the_package(title):
    (code,) = blocks(SECTIONS[title], "python")
    assert len(code.splitlines()) <= 25
    (block,) = blocks(SECTIONS[title], "yaml")
    assert f"{file_of(code).removesuffix('.py')}:" in block
    assert "\nIn the package: " in SECTIONS[title]
    settings_of(title)


def test_the_page_has_all_kinds_and_its_links_lead_somewhere():
    assert list(SECTIONS) == [
        "A loss", "A prior", "An optimiser", "A decoder", "A metric", "A network metric",
        "A check", "A network",
    ]  # fmt: skip
    for link in re.findall(r"\]\(([^)#]+)\)", PAGE):
        assert (ROOT / "docs" / link).exists(), link


def search(title, name, **changes):
    """A reconstruction by a method of the page, with a tiny network."""
    settings = settings_of(title)
    assert f"my_{title.split()[1]}" in str(methods_of(settings)[name].functions)
    method = changed(settings.methods[name].search(), layer_weights="equal", **changes)
    true = features(NETWORK, images())
    return reconstruct(true, NETWORK, SIZE, statistics(NETWORK), method, decoded=False, compute=CPU)


def test_a_loss():
    found = search("A loss", "cosine")
    assert (found.loss[-1] < 0.2 * found.loss[0]).all()
    itself = sys.modules["my_losses"].cosine(torch.ones(2, 3, 4), torch.zeros(3, 4), "conv1")
    torch.testing.assert_close(itself(2 * torch.ones(2, 3, 4)), torch.zeros(2))


def test_a_prior():
    found = search("A prior", "coarse")
    np.testing.assert_array_equal(found.raw[..., 0], found.raw[..., 2])
    assert found.raw.std(axis=(1, 2)).min() > 5
    large = sys.modules["my_priors"].coarse(size=64, network=None, settings=None, weights=None)
    assert large(large.start(2, None)).shape == (2, 3, 64, 64)


def test_an_optimiser():
    found = search("An optimiser", "rmsprop", n_iterations=30)
    assert (found.loss[-1] < 0.5 * found.loss[0]).all()
    assert len(found.loss) == 30


@pytest.mark.parametrize("name", ["components", "pls"])
def test_a_decoder(name):
    (only,) = candidates(settings_of("A decoder").decoders[name].model_dump(), 40)
    rng = np.random.default_rng(0)
    units, ids = rng.standard_normal((60, 2, 3)), [f"i{i}" for i in range(60)]
    voxels = units.reshape(60, 6) @ rng.standard_normal((6, 40))
    samples = np.tile(voxels, (3, 1)) + rng.standard_normal((180, 40))
    decoder = LayerDecoder(TrainingVoxels.of(samples, ids * 3), build(only))
    found = decoder.decode(units, ids, voxels)
    assert np.corrcoef(found.ravel(), units.ravel())[0, 1] > 0.9


def scored(metrics=(), perceptual=(), weights="."):
    """Table of scores of a small set, by a user's own metrics."""
    study.write_study()
    layers, image = list(study.LAYERS), {"size": study.SIZE, "resampling": "area"}
    scorer = Scorer(
        of_settings(study.NETWORK, study.WEIGHTS), "mine", layers,
        load_images(read_stimuli("stimuli/train.tsv"), **image), read_sampled("sampled.h5", layers),
        perceptual=perceptual, weights=weights, own=metrics, tests=Tests(0, 99, 100), **image,
    )  # fmt: skip
    keys = {"subject": "sub-01", "roi": "VC", "method": "all", "set": "shapes"}
    return score_set(scorer, SetFiles("stimuli/shapes.tsv", study.RECON, "baselines.h5"), keys)[0]


@pytest.fixture
def no_baselines(monkeypatch):
    monkeypatch.setattr("deeprecon.evaluate.score.read_baselines", lambda *_: {})


def test_a_metric(no_baselines):
    (name,) = settings_of("A metric").evaluate.metrics
    table = scored(metrics=[name])
    (value,) = table[table["metric"] == name]["value"]
    assert -1 <= value <= 1
    assert summary(table).columns[-1] == name
    flat = np.full((2, 16, 16, 3), 128, np.uint8)
    score = sys.modules["my_metrics"].edge_correlation
    np.testing.assert_allclose(score(images(), images()), 1)
    assert np.isnan(score(images(2), flat)).all()


def test_a_network_metric(no_baselines, tmp_path):
    evaluate = settings_of("A network metric").evaluate
    (tmp_path / evaluate.weights).mkdir()
    torch.save(resnet18().state_dict(), tmp_path / evaluate.weights / "resnet18-f37072fd.pth")
    table = scored(perceptual=evaluate.perceptual, weights=evaluate.weights)
    own = table[table["metric"] == evaluate.perceptual[-1]].set_index("direction")
    assert set(own.index) == {"recon", "true"}
    assert (own["chance"] == 0.5).all() and (own["size"] == 224).all()
    assert own["value"].between(0, 1).all()
    missing = table[table["metric"] == "alexnet_2"]["note"].iloc[0]
    assert missing == "not computed: weights missing: alexnet-owt-7be5be79.pth"
    shown = images(4)
    itself = PerceptualScore(evaluate.perceptual[-1], evaluate.weights).similarity(shown, shown)
    np.testing.assert_allclose(np.diag(itself), 1)


def checked(name, recon):
    """Checks of a set by id, a user's own among them."""
    names = ("shuffled_features", "nearest_training", "prior_only")
    baselines = {name: images(seed=i) for i, name in enumerate(names, 2)}
    keys = {"subject": "sub-01", "roi": "VC", "method": "all", "set": "shapes"}
    found = check_set(
        images(), recon, images(5, seed=1), baselines, shown=list(recon), keys=keys, own=[name]
    )
    return {one.id: one for one in found}


@pytest.mark.parametrize(("share", "status"), [(1, "PASS"), (0.5, "WARN"), (0.1, "FAIL")])
def test_a_check(share, status):
    (name,) = settings_of("A check").evaluate.checks
    one = checked(name, (share * images()).astype(np.uint8))[name]
    assert (one.status, one.title) == (status, "Reconstructions are not too dark")
    assert one.about == "sub-01, VC, all, shapes"


def test_a_network():
    settings = settings_of("A network").network
    given = settings.model_dump(mode="json", by_alias=True, exclude_none=True)
    network = of_settings(given)
    shown = torch.as_tensor(images()).permute(0, 3, 1, 2).float()
    found = network.features(shown, list(settings.layers))
    assert {layer: tuple(y.shape) for layer, y in found.items()} == {
        "simple": (3, 16, 16, 16), "pooled": (3, 16, 4, 4),
    }  # fmt: skip
    assert found["simple"].min() < 0 < found["simple"].std()
    assert found["pooled"].min() >= 0


WRONG = """
from deeprecon.reconstruct.priors import PixelPrior

def total(target, centre, layer):
    return lambda found: found.sum()

def small(*, size, network, settings, weights):
    return PixelPrior(size // 2, network.mean_image)

class Mean:
    def fit(self, X, Y):
        self.mean = Y.mean(axis=0)
    def predict(self, X):
        return self.mean

def one_number(true, recon):
    return recon.mean()

def no_check(recon):
    return recon.mean()

def one_feature(folder):
    return lambda images: images.mean()

def words(folder):
    return lambda images: ["dog"] * len(images)

def not_a_network():
    return 3
"""


@pytest.fixture
def wrong(outsider):
    """A file whose functions return what they must not, and one that is not Python."""
    (outsider / "wrong.py").write_text(WRONG)
    (outsider / "typo.py").write_text("def loss(target, centre, layer:\n    return 1\n")


NO_MODULE = "there is no module {!r} in the working directory or on Python's search path"
ABSENT = [
    ("A loss", "methods.cosine.loss", "my_loses:cosine", NO_MODULE.format("my_loses")),
    ("A loss", "methods.cosine.loss", "my_losses:cosin",
     "there is no 'cosin' in my_losses.py; did you mean 'cosine'?"),
    ("A loss", "methods.cosine.loss", "typo:loss", "typo.py, line 1: '(' was never closed"),
    ("A prior", "methods.coarse.prior", "wrong:huge", "there is no 'huge' in wrong.py"),
    ("An optimiser", "methods.rmsprop.optimiser", "my.optimisers:adam",
     NO_MODULE.format("my.optimisers")),
    ("A decoder", "decoders.pls.model", "wrong:Median",
     "there is no 'Median' in wrong.py; did you mean 'Mean'?"),
    ("A metric", "evaluate.metrics.0", "my_metrics:corners",
     "there is no 'corners' in my_metrics.py"),
    ("A network metric", "evaluate.perceptual.0", "nets:resnet", NO_MODULE.format("nets")),
    ("A check", "evaluate.checks.0", "my_checks:contrast",
     "there is no 'contrast' in my_checks.py"),
    ("A network", "network.import", "my_networks:wavelets",
     "there is no 'wavelets' in my_networks.py"),
]  # fmt: skip


@pytest.mark.parametrize(("title", "key", "path", "message"), ABSENT)
def test_what_is_not_there_is_named_before_the_first_job(wrong, title, key, path, message):
    *parents, last = key.split(".")
    change = [path] if last == "0" else {last: path}
    for parent in reversed(parents):
        change = {parent: change}
    with pytest.raises(InputError) as caught:
        settings_of(title, change)
    assert str(caught.value).splitlines() == [f"config: {key}: {path}: {message}"]


def decode_with(model):
    voxels = TrainingVoxels.of(np.random.default_rng(0).standard_normal((6, 4)), [*"abcdef"])
    return LayerDecoder(voxels, build({"model": model})).decode(
        np.random.default_rng(1).standard_normal((6, 3)), [*"abcdef"], np.zeros((2, 4))
    )


RETURNED = [
    (lambda: search("A loss", "cosine", loss="wrong:total"),
     r"loss wrong:total: values of shape \(\) in layer conv1, expected one for each of 3 images"),
    (lambda: search("A prior", "coarse", prior="wrong:small"),
     r"prior wrong:small: images \(2, 3, 8, 8\), expected \(2, 3, 16, 16\)"),
    (lambda: decode_with("wrong:Mean"),
     r"wrong:Mean.predict: array of shape \(3,\), expected \(2, 3\)"),
    (lambda: scored(metrics=["wrong:one_number"]),
     r"shapes, reconstruction: wrong:one_number returned shape \(\), expected \(5,\)"),
    (lambda: scored(perceptual=["wrong:one_feature"]),
     r"wrong:one_feature: the network returned \(\), expected features \(5, ...\)"),
    (lambda: scored(perceptual=["wrong:words"]),
     r"wrong:words: the network returned list, expected features \(5, ...\)"),
    (lambda: checked("wrong:no_check", images()),
     "check wrong:no_check returned float64, expected a Check"),
    (lambda: of_settings({"name": "n", "import": "wrong:not_a_network", "nodes": {"a": "b"}}),
     "network n: wrong:not_a_network returns int, expected a torch.nn.Module"),
]  # fmt: skip


@pytest.mark.parametrize(("run", "message"), RETURNED)
def test_what_returns_something_else_is_named_in_one_line(wrong, no_baselines, run, message):
    with pytest.raises(InputError) as caught:
        run()
    assert re.fullmatch(message, str(caught.value)), str(caught.value)
