"""The registry of metrics, and a user's own metric from a file of theirs."""

import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from deeprecon.errors import InputError
from deeprecon.evaluate.registry import METRICS, ImageMetric, NetworkMetric, metrics_of
from deeprecon.evaluate.suite import pixel_scores
from deeprecon.registry import IMPORT_PATH

ROOT = Path(__file__).parents[2]
RNG = np.random.default_rng(0)
TRUE, RECON = RNG.integers(0, 256, (2, 4, 16, 16, 3), dtype=np.uint8)
EDGES = "my_metrics:edge_correlation"
OWN = """
import numpy as np

def edge_correlation(true, recon):
    edges = [np.abs(np.diff(images.mean(axis=3), axis=2)) for images in (true, recon)]
    return np.array([np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(*edges)])

def one_number(true, recon):
    return 0.5
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A file of the user's, in the working directory."""
    (tmp_path / "my_metrics.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "my_metrics", raising=False)


def test_every_function_can_be_imported():
    for metric in METRICS.values():
        assert callable(metric.load()), metric.function


def test_distances_are_better_if_smaller():
    smaller = {name for name, metric in METRICS.items() if metric.better == "smaller"}
    networks = metrics_of(NetworkMetric)
    assert smaller == {name for name, one in networks.items() if one.kind != "identification"}


def test_the_schema_accepts_the_network_metrics():
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
    perceptual = schema["$defs"]["EvaluationSettings"]["properties"]["perceptual"]
    names, own = perceptual["items"]["anyOf"]
    assert names["enum"] == perceptual["default"] == [*metrics_of(NetworkMetric)]
    assert own["pattern"] == IMPORT_PATH


def test_a_metric_of_the_user_is_scored_after_the_other_image_metrics(own):
    plain = [one.metric for one in pixel_scores(TRUE, RECON)]
    found = list(pixel_scores(TRUE, RECON, own=[EDGES]))
    n = len(metrics_of(ImageMetric))
    assert found[n].metric == EDGES
    assert [one.metric for one in found[:n] + found[n + 1 :]] == plain
    itself = list(pixel_scores(TRUE, TRUE, own=[EDGES]))[n]
    np.testing.assert_allclose(itself.values, 1)
    assert (itself.direction, itself.size) == ("own", 16)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("my_metrics:one_number", r"one_number returned shape \(\), expected \(4,\)"),
        ("my_metrics:absent", "my_metrics:absent cannot be imported"),
        ("edges", "unknown metric 'edges'"),
    ],
)
def test_a_metric_that_cannot_be_used_is_named(own, name, message):
    with pytest.raises(InputError, match=message):
        list(pixel_scores(TRUE, RECON, own=[name]))
