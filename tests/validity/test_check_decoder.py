"""Checks of a decoder and of stimuli, from files, with planted faults."""

import numpy as np
import pandas as pd
import pytest

from deeprecon.data.bdata import BData, write_bdata
from deeprecon.data.stimuli import write_stimuli
from deeprecon.decode.region import Region
from deeprecon.decode.ridge import TopKRidge
from deeprecon.features.sampled import SampledUnits, write_sampled
from deeprecon.features.statistics import LayerStatistics, write_statistics
from deeprecon.features.store import write_features
from deeprecon.features.units import Units
from deeprecon.validity.check_decoder import check_decoder
from deeprecon.validity.check_retrained import check_retrained
from deeprecon.validity.check_stimuli import check_stimuli_of

TRAIN, TEST = [f"k{i}" for i in range(60)], [f"t{i}" for i in range(8)]
KEYS = {"subject": "sub-01", "roi": "V", "decoder": "topk"}
UNITS = {"fc": Units((12,), np.arange(0, 12, 2))}
CROSS_VALIDATION = {"n_folds": 3, "hold_out": "category", "seed": 0}


@pytest.fixture
def study(tmp_path, monkeypatch):
    """Files of a study in which voxels carry the features of the stimuli."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    features = {name: rng.normal(1, 2, (len(ids), 12)).astype(np.float32)
                for name, ids in (("train", TRAIN), ("natural", TEST))}  # fmt: skip
    for name, ids in (("train", TRAIN), ("natural", TEST)):
        images = rng.integers(0, 256, (len(ids), 16, 16, 3), dtype=np.uint8)
        labels = [f"{name} {i % 10}" for i in range(len(ids))]
        write_stimuli("stimuli", name, {
            key: (image, label) for key, image, label in zip(ids, images, labels, strict=True)
        })  # fmt: skip
        sampled = SampledUnits(ids, {"fc": features[name][:, ::2]}, UNITS)
        write_sampled(f"{name}.h5", sampled, {})
    write_statistics("statistics.h5", {"fc": LayerStatistics.of(features["train"])}, {})
    write_features("decoded.h5", features["natural"], TEST, {})
    shown = np.vstack([features["train"]] * 2 + [features["natural"]] * 2)
    voxels = (shown + rng.normal(0, 0.3, shown.shape)).astype(np.float32)
    ids, sets = TRAIN * 2 + TEST * 2, ["train"] * 120 + ["natural"] * 16
    Region.of(voxels, ids, sets, ["natural"]).save("region.h5", {})
    labels = {"stimulus_id": ids, "stimulus_set": sets, "Session": np.ones(136),
              "Run": np.arange(136) // 20 + 1.0}  # fmt: skip
    write_bdata("samples.h5", BData.from_columns(voxels, labels, {"ROI_V": np.ones(12, bool)}))
    return features


def of_decoder(**changes):
    """Checks of the decoder."""
    files = {
        "samples": "samples.h5", "region": "region.h5", "stimuli": "stimuli/train.tsv",
        "statistics": "statistics.h5", "sampled": "train.h5",
        "tests": {"natural": "natural.h5"}, "decoded": {("natural", "fc"): "decoded.h5"},
    }  # fmt: skip
    settings = {"keys": KEYS, "layers": ["fc"], "tuning": ["a/train.h5"]} | CROSS_VALIDATION
    return check_decoder(**files | settings | changes)


def test_a_clean_decoder_passes(study):
    found = of_decoder()
    assert {(one.id, one.about) for one in found} == {
        ("V03", "sub-01, V, topk"), ("V06", "sub-01, V, topk"), ("V07", "sub-01, V, topk"),
        ("V17", "sub-01, V, topk, natural"),
        ("V21", "sub-01, train"), ("V21", "sub-01, natural"),
    }  # fmt: skip
    assert {one.status for one in found} == {"PASS"}


def test_planted_faults_of_a_decoder_are_found(study):
    whole = np.concatenate([study["train"], 5 + study["natural"]])
    write_statistics("statistics.h5", {"fc": LayerStatistics.of(whole)}, {})
    write_features("decoded.h5", np.ones((8, 1)) * np.arange(12.0)[None], TEST, {})
    found = {one.id: one.status for one in of_decoder(tuning=["features/natural/fc.h5"])}
    assert found["V06"] == found["V07"] == found["V17"] == "FAIL"


def test_a_decoder_without_decoded_layers_has_none_to_check(study):
    assert "V17" not in {one.id for one in of_decoder(decoded={}) if one.status != "NOT RUN"}


def test_a_retrained_decoder_is_checked_set_by_set(study):
    model = TopKRidge(n_voxels=None, alpha=10.0)
    found = check_retrained(
        "samples.h5", "train.h5", {"natural": "natural.h5"}, model,
        keys=KEYS, layers=["fc"], seed=0,
    )  # fmt: skip
    assert [(one.id, one.about) for one in found] == [
        ("V16", "sub-01, V, topk"),
        ("V09", "sub-01, V, topk, natural"),
        ("V10", "sub-01, V, topk, natural"),
    ]
    assert all(one.status != "NOT RUN" for one in found)


def of_stimuli(**options):
    """Checks of the stimuli, by id."""
    found = check_stimuli_of(
        {"natural": ("stimuli/natural.tsv", "natural.h5")}, "stimuli/train.tsv", "train.h5",
        layers=["fc"], image={"size": 16, "resampling": "area"}, **options,
    )  # fmt: skip
    assert {one.about for one in found} == {"natural"}
    return {one.id: one.status for one in found}


def test_clean_stimuli_pass_and_a_training_image_among_them_fails(study):
    found = of_stimuli()
    assert sorted(found) == ["V01", "V02", "V04", "V05"]
    assert found["V01"] == found["V02"] == "PASS"
    table = pd.read_csv("stimuli/natural.tsv", sep="\t")
    table.loc[3, "file"] = "train/k5.png"
    table.loc[3, "category"] = "train 5"
    table.to_csv("stimuli/natural.tsv", sep="\t", index=False)
    found = of_stimuli()
    assert found["V01"] == found["V02"] == "FAIL"


def test_labels_of_imagery_are_checked_where_it_is_imagery(study):
    assert of_stimuli(imagined=["natural"])["V22"] == "FAIL"
