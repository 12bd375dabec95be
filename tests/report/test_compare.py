from types import SimpleNamespace

import pytest

from deeprecon.report.compare import (
    Row,
    compared_sets,
    comparison_blocks,
    comparisons,
    gallery_blocks,
    gallery_rows,
    labels_of,
    shown_as,
    shown_sets,
)
from deeprecon.study.plan import Method
from deeprecon.targets import Target


def method(layers, prior="pixel", seed=0, decoder="topk"):
    return Method(decoder, layers, [], [], [], None, seed, {"prior": prior})


METHODS = {
    "all": method(["a", "b"]),
    "low": method(["a"]),
    "ours": method(["a"], prior="fourier"),
    "seed_1": method(["a"], seed=1),
}


def targets(*rows):
    return [Target("sub-01", roi, method, "natural") for roi, method in rows]


def labels(found):
    return {one.title: [label for label, _ in one.rows] for one in found}


def test_regions_of_a_method_and_layers_of_a_region():
    chosen = targets(("V1", "all"), ("VC", "all"), ("VC", "low"), ("VC", "ours"), ("VC", "seed_1"))
    assert labels(comparisons(METHODS, chosen, "natural")) == {
        "sub-01, all: regions": ["V1", "VC"],
        "sub-01, VC: layers": ["all", "low"],
    }


def test_nothing_to_compare():
    chosen = targets(("VC", "all"), ("VC", "ours"))
    assert comparisons(METHODS, chosen, "natural") == []
    assert comparisons(METHODS, targets(("V1", "all"), ("VC", "all")), "shapes") == []


@pytest.fixture
def study():
    found = targets(("VC", "all"), ("V1", "all"), ("VC", "control"))
    return SimpleNamespace(
        methods=METHODS | {"control": method(["a", "b"], decoder="permuted")},
        test_sets=["shapes", "natural", "imagery"],
        simulated=True,
        targets=lambda: [*found, Target("sub-01", "VC", "all", "imagery")],
        is_control=lambda method: method == "control",
        imagined=lambda stimuli: stimuli == "imagery",
    )


def test_a_gallery_has_true_features_first_and_none_of_the_control(study):
    assert gallery_rows(study, "natural") == [
        Row("true features", "all", "ceiling/all/natural.h5"),
        Row("sub-01 VC", "all", "recon/sub-01/VC/all/natural.h5"),
        Row("sub-01 V1", "all", "recon/sub-01/V1/all/natural.h5"),
        Row("sub-01 VC", "control", "recon/sub-01/VC/control/natural.h5"),
    ]
    assert labels_of(gallery_blocks(study, "imagery")) == [
        (
            "imagery: all {n} images, simulated brain data",
            ["true features, all", "sub-01 VC, all"],
        )
    ]


def test_each_comparison_is_a_block(study):
    blocks = comparison_blocks(study, "natural")
    heading = "natural, sub-01, all: regions (simulated brain data)"
    assert labels_of(blocks) == [(heading, ["VC", "V1"])]
    files = [row.file for row in blocks[0].rows]
    assert files == ["recon/sub-01/VC/all/natural.h5", "recon/sub-01/V1/all/natural.h5"]


def test_sets_are_shown_in_the_order_of_the_settings(study):
    assert shown_sets(study) == ["natural", "imagery"]
    assert compared_sets(study) == ["natural"]
    assert [shown_as(study, name) for name in shown_sets(study)] == ["presented", "imagined"]
