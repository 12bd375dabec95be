import pytest

from deeprecon.methods import expanded, search_of


def test_a_preset_with_changes():
    settings = search_of({"preset": "2019-pixel", "n_iterations": 7, "layers": ["a"]})
    assert (settings.prior, settings.n_iterations) == ("pixel", 7)


def test_a_year_that_yaml_reads_as_a_number():
    assert search_of({"preset": 2024, "generator": "g"}).optimiser == "adamw"


def test_one_method_for_each_seed():
    methods = {
        "a": {"preset": "deeprecon", "seeds": [3, 5], "rois": ["V1"]},
        "b": {"preset": "2019-pixel", "rois": ["VC"]},
    }
    found = expanded(methods, seed=9)
    assert {name: method["seed"] for name, method in found.items()} == {
        "a_seed3": 3, "a_seed5": 5, "b": 9,
    }  # fmt: skip
    assert found["a_seed3"]["settings"] == found["a_seed5"]["settings"]
    assert found["b"]["rois"] == ["VC"]


@pytest.mark.parametrize("preset", ["2019-dgn", "2019-pixel", "icnn-gd", "2024", "deeprecon"])
def test_settings_written_out_give_the_preset_again(preset):
    """What a job gets is enough to know all that counts."""
    from deeprecon.reconstruct.presets import PRESETS, Settings, relevant

    kept = relevant(PRESETS[preset])
    assert relevant(Settings(**kept)) == kept
