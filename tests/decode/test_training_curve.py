import itertools

import numpy as np
import pandas as pd

from deeprecon.decode.layer import LayerDecoder, TrainingVoxels, average_trials
from deeprecon.decode.ridge import TopKRidge
from deeprecon.decode.training_curve import nested_images, training_curve
from deeprecon.decode.validate import score_layer
from deeprecon.features.sampled import SampledUnits
from deeprecon.features.units import Units
from deeprecon.report.training_plot import plot_training

RNG = np.random.default_rng(0)
N, TEST = 160, 20
WEIGHTS = RNG.standard_normal((6, 30))


def sampled(prefix, n):
    features = {"fc": RNG.standard_normal((n, 6)).astype(np.float32)}
    return SampledUnits([f"{prefix}{i}" for i in range(n)], features, {"fc": Units.every((6,))})


def voxels(features, noise=3.0):
    return features @ WEIGHTS + noise * RNG.standard_normal((len(features), 30))


TRAIN, SHOWN = sampled("k", N), sampled("t", TEST)
X = np.concatenate([voxels(TRAIN.features["fc"])] * 2)
IDS = TRAIN.stimulus_id * 2
TESTS = {"natural": (voxels(SHOWN.features["fc"])[::-1], SHOWN.stimulus_id[::-1], SHOWN)}
MODEL = TopKRidge(n_voxels=20, alpha=10)


def test_parts_are_nested_and_the_last_is_all():
    parts = nested_images(IDS, seed=1)
    assert [len(part) for part in parts] == [20, 40, 80, 160]
    for few, more in itertools.pairwise(parts):
        assert set(few) < set(more)
    assert parts == nested_images(IDS, seed=1)
    assert nested_images(["a", "b", "a"], seed=0) in ([["a", "b"]], [["b", "a"]])


def test_more_training_is_better_and_the_end_is_the_decoder_itself():
    table = pd.DataFrame(training_curve(X, IDS, TRAIN, TESTS, MODEL))
    curve = table[table.metric == "profile_correlation"].set_index("n_images")
    assert curve.index.tolist() == [20, 40, 80, 160]
    assert curve.n_samples.tolist() == [40, 80, 160, 320]
    assert curve.value[160] > curve.value[20] + 0.1
    decoder = LayerDecoder(TrainingVoxels.of(X, IDS), MODEL)
    shown, ids = average_trials(TESTS["natural"][0], TESTS["natural"][1])
    found = decoder.decode(TRAIN.features["fc"], TRAIN.stimulus_id, shown)
    true = SHOWN.features["fc"][[SHOWN.stimulus_id.index(one) for one in ids]]
    values = TRAIN.features["fc"]
    scores = score_layer(found, true, values.mean(axis=0), values.std(axis=0, ddof=1))
    assert curve.value[160] == scores.means()["profile_correlation"]


def test_the_figure_has_a_point_for_each_amount():
    table = pd.DataFrame(training_curve(X, IDS, TRAIN, TESTS, MODEL))
    table = table.assign(subject="sub-01", roi="VC", decoder="topk")
    (axis,) = plot_training(table, "Simulated brain data.").axes
    assert axis.lines[0].get_xdata().tolist() == [40, 80, 160, 320]
    assert axis.get_title() == "natural"
