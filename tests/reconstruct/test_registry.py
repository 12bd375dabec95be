"""The registries, the settings that name their entries, and a user's own functions."""

import subprocess
import sys

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from deeprecon.errors import InputError
from deeprecon.reconstruct.compute import Compute
from deeprecon.reconstruct.invert import reconstruct
from deeprecon.reconstruct.presets import (
    PRESETS,
    accepts_mean_features,
    functions_of,
    relevant,
    settings_of,
)
from deeprecon.reconstruct.registry import LOSSES, OPTIMISERS, PRIORS, SCALINGS
from deeprecon.reconstruct.settings import (
    PublishedGeneratorSettings,
    SearchSettings,
    TrainedGeneratorSettings,
)
from deeprecon.study.settings import GeneratorOf
from deeprecon.typed import changed
from tests.reconstruct.tiny import SIZE, TinyNetwork, features, images, statistics

NETWORK = TinyNetwork()
STATISTICS = statistics(NETWORK)
TRUE = features(NETWORK, images())


def search(changes):
    settings = settings_of("deeprecon", {"n_iterations": 8, "layer_weights": "equal", **changes})
    return reconstruct(
        TRUE, NETWORK, SIZE, STATISTICS, settings, decoded=False, compute=Compute(device="cpu")
    )


@pytest.mark.parametrize("registry", [LOSSES, PRIORS, OPTIMISERS, SCALINGS])
def test_every_entry_names_a_function_and_settings_that_exist(registry):
    for choice in registry.values():
        assert callable(choice.load())
        assert set(getattr(choice, "settings", ())) <= set(SearchSettings.model_fields)


def test_reading_settings_and_registries_imports_no_torch():
    code = (
        "import sys, deeprecon.study.plan, deeprecon.features.registry;"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


OWN_LOSS = """
def double(target, centre, layer):
    return lambda found: 2 * (found - target).square().flatten(1).sum(1)

def scalar(target, centre, layer):
    return lambda found: (found - target).square().sum()
"""
OWN_PRIOR = """
from deeprecon.reconstruct.priors import PixelPrior

class Upside(PixelPrior):
    def forward(self, parameters):
        return super().forward(parameters).flip(2)

def make(*, size, network, settings, weights=None):
    return Upside(size, network.mean_image, settings.start)
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A user's modules in the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "my_losses.py").write_text(OWN_LOSS)
    (tmp_path / "my_priors.py").write_text(OWN_PRIOR)
    yield
    for name in ("my_losses", "my_priors"):
        sys.modules.pop(name, None)


def test_a_users_own_loss(own):
    found, ours = (search({"loss": loss}) for loss in ("my_losses:double", "squared"))
    np.testing.assert_allclose(found.loss[0], 2 * ours.loss[0], rtol=1e-5)
    assert (found.loss[-1] < 0.1 * found.loss[0]).all()


def test_a_users_own_prior(own):
    """An image that is mirrored both ways reaches the same image as one that is not."""
    found, ours = (search({"prior": prior}) for prior in ("my_priors:make", "pixel"))
    np.testing.assert_allclose(found.raw, ours.raw, atol=1.0)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        ("my_losses:scalar", r"loss my_losses:scalar: values of shape \(\) .* each of 3 images"),
        ("my_losses:none", r"my_losses:none cannot be imported \(AttributeError"),
        ("no_such_module:x", r"no_such_module:x cannot be imported \(ModuleNotFoundError"),
    ],
)
def test_a_users_own_loss_that_fails_is_named(own, loss, message):
    with pytest.raises(InputError, match=message):
        search({"loss": loss})


def test_a_prior_that_needs_weights_says_so():
    settings = changed(PRESETS["2019-dgn"], n_iterations=1)
    with pytest.raises(InputError, match="prior 'generator' needs the weights of a generator"):
        reconstruct(TRUE, NETWORK, SIZE, STATISTICS, settings, compute=Compute(device="cpu"))


def test_what_a_users_own_functions_depend_on():
    own = settings_of("deeprecon", {"prior": "my_priors:make", "loss": "my_losses:double"})
    kept = relevant(own)
    assert {"optimiser", "start", "n_starts"} <= set(kept)
    assert not accepts_mean_features(kept)
    assert {"my_priors:make", "my_losses:double"} < set(functions_of(kept))
    program = settings_of("deeprecon", {"prior": "command", "command": "paint"})
    assert not accepts_mean_features(relevant(program))
    assert len(functions_of(relevant(program))) == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"loss": "square"}, "loss: unknown loss 'square'; did you mean 'squared'?"),
        ({"prior": "dream"}, "prior: unknown prior 'dream'; known: pixel, fourier"),
        ({"n_iterations": 0}, "n_iterations: found 0, expected 1 or more"),
        ({"n_iterations": True}, "n_iterations: found True, expected integer"),
        ({"start": "nois"}, "start: found 'nois', expected number or 'noise'"),
        ({"total_variation": float("nan")}, "total_variation: found nan, expected a finite number"),
        ({"blurr": 1}, "unknown key 'blurr'; did you mean 'blur'"),
        ({"optimiser": "adamw", "decay": [1, -1]}, "decay.1: found -1, expected 0 or more"),
    ],
)
def test_settings_that_are_not_allowed_are_refused_in_one_line(changes, message):
    with pytest.raises(InputError, match=message) as caught:
        settings_of("deeprecon", changes)
    assert len(str(caught.value).splitlines()) == 1


def test_settings_cannot_be_changed_in_place_and_have_descriptions():
    with pytest.raises(ValidationError):
        PRESETS["2024"].loss = "squared"
    generators = (PublishedGeneratorSettings, TrainedGeneratorSettings)
    for model in (SearchSettings, Compute, *generators):
        for name, field in model.model_fields.items():
            assert field.description or name == "kind", (model, name)


def test_generators_are_told_apart_by_their_kind():
    settings = TypeAdapter(GeneratorOf)
    published = settings.validate_python({"kind": "relu7", "upper": 3})
    assert isinstance(published, PublishedGeneratorSettings)
    assert settings.validate_python({"kind": "trained", "layer": "fc6"}).n_steps == 20000
    for wrong in ({"kind": "relu7", "n_steps": 3}, {"kind": "trained"}, {"kind": "fc8"}):
        with pytest.raises(ValidationError):
            settings.validate_python(wrong)
