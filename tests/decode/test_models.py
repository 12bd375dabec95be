"""The registry of decoders, and a user's own decoder from a file of his own."""

import warnings

import numpy as np
import pytest
from pydantic import ValidationError
from sklearn.linear_model import Ridge

from deeprecon.decode import registry
from deeprecon.decode.batched import BatchedTopKRidge
from deeprecon.decode.layer import LayerDecoder, TrainingVoxels
from deeprecon.decode.models import build, candidates
from deeprecon.decode.registry import MODELS, TopKSettings, model_of, tuned_defaults
from deeprecon.decode.settings import DEFAULTS
from deeprecon.errors import InputError
from deeprecon.registry import source_file

RNG = np.random.default_rng(0)
NAMES = [f"i{i}" for i in range(12)]
F = RNG.standard_normal((12, 2, 3))
X = np.tile(F.reshape(12, 6), (3, 1)) + 0.3 * RNG.standard_normal((36, 6))
MEANS = """
class Nearest:
    def __init__(self, n=1):
        self.n = n
    def fit(self, X, Y):
        self.X, self.Y = X, Y
    def predict(self, X):
        near = ((X[:, None] - self.X) ** 2).sum(axis=2).argsort(axis=1)[:, : self.n]
        return self.Y[near].mean(axis=1)
"""


def decoded(settings):
    (only,) = candidates(settings, 6)
    training = TrainingVoxels.of(X, NAMES * 3)
    return LayerDecoder(training, build(only)).decode(F, NAMES, X[:4])


@pytest.mark.parametrize("name", [name for name in MODELS if MODELS[name].is_trained])
def test_every_model_is_built_from_its_defaults(name):
    assert source_file(MODELS[name].function).exists()
    settings = MODELS[name].settings
    assert set(settings.tuned) <= set(settings.model_fields)
    (only,) = candidates({"model": name}, 1000)
    assert only == {"model": name, **DEFAULTS[name]}
    parameters = build(only).get_params()
    assert {key: parameters[key] for key in settings.tuned} == DEFAULTS[name]


def test_importing_reads_what_the_registry_names():
    from deeprecon.decode import kamitani

    assert MODELS["import"].load() is kamitani.read_layer
    assert tuned_defaults("import") == {}


def test_on_a_gpu_only_where_that_is_faster():
    settings = {"n_voxels": 5, "alpha": 2.0}
    assert build({"model": "topk", **settings}, on_gpu=True) == BatchedTopKRidge(5, 2.0, "cuda")
    shared = {"model": "shared", **DEFAULTS["shared"]}
    assert type(build(shared, on_gpu=True)) is type(build(shared))


def test_settings_keep_whole_numbers_and_lists():
    given = TopKSettings(n_voxels=["all", 5], alpha=[100, 0.5])
    assert given.n_voxels == ["all", 5]
    assert [type(value) for value in given.alpha] == [int, float]
    with warnings.catch_warnings(action="error"):
        assert given.model_dump()["alpha"] == [100, 0.5]


@pytest.mark.parametrize(
    "bad",
    [
        {"alpha": 0},
        {"alpha": True},
        {"alpha": "5"},
        {"alpha": [1, 1]},
        {"alpha": float("inf")},
        {"n_voxels": []},
        {"n_voxels": 0},
        {"n_voxels": 2.5},
        {"tiles": 3},
        {"repetitions": "none"},
        {"n_units": 0},
        {"rois": ["V1", "V1"]},
    ],
)
def test_settings_out_of_bounds_are_refused(bad):
    with pytest.raises(ValidationError):
        TopKSettings(**bad)


def test_scikit_learns_ridge_is_fitted_to_averaged_samples():
    found = decoded({"model": "sklearn.linear_model:Ridge", "options": {"alpha": 0.5}})
    scaled = (X - X.mean(axis=0)) / X.std(axis=0, ddof=1)
    units = F.reshape(12, 6)
    mean, sd = units.mean(axis=0), units.std(axis=0, ddof=1)
    ridge = Ridge(alpha=0.5).fit(scaled.reshape(3, 12, 6).mean(axis=0), (units - mean) / sd)
    expected = ridge.predict(scaled[:4]) * sd + mean
    np.testing.assert_allclose(found.reshape(4, 6), expected, rtol=1e-5, atol=1e-6)


def test_a_class_in_a_file_of_ones_own(tmp_path, monkeypatch):
    (tmp_path / "my_decoders.py").write_text(MEANS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    found = decoded({"model": "my_decoders:Nearest"})
    np.testing.assert_allclose(found, F[:4], rtol=1e-5)
    with pytest.raises(InputError, match=r"my_decoders:Nearest: TypeError: .*'k'"):
        build({"model": "my_decoders:Nearest", "options": {"k": 3}})


def test_a_wrong_name_or_shape_is_named():
    with pytest.raises(InputError, match="unknown model of a decoder 'topq'; did you mean 'topk'"):
        model_of("topq")
    training = TrainingVoxels.of(X, NAMES * 3)
    model = build({"model": "sklearn.dummy:DummyRegressor", "options": {"strategy": "mean"}})
    solution = LayerDecoder(training, model)._solver.solve(F.reshape(12, 6))
    with pytest.raises(InputError, match=r"DummyRegressor.predict: .* \(2, 6\), expected \(2, 7\)"):
        type(solution)(solution.regressor, 7).predict(X[:2])


def test_the_registry_imports_no_torch():
    import subprocess
    import sys

    code = f"import sys, {registry.__name__}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
