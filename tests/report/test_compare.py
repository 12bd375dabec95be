from deeprecon.report.compare import comparisons
from deeprecon.study import Target

METHODS = {
    "all": {"decoder": "topk", "layers": ["a", "b"], "seed": 0, "settings": {"prior": "pixel"}},
    "low": {"decoder": "topk", "layers": ["a"], "seed": 0, "settings": {"prior": "pixel"}},
    "ours": {"decoder": "topk", "layers": ["a"], "seed": 0, "settings": {"prior": "fourier"}},
    "seed_1": {"decoder": "topk", "layers": ["a"], "seed": 1, "settings": {"prior": "pixel"}},
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
