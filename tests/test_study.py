from pathlib import Path

import pytest
import yaml

from deeprecon.config import checked
from deeprecon.data.simulate.anatomy import epi_grid, regions
from deeprecon.errors import InputError
from deeprecon.study import SIMULATED_MASKS, Study, Target

ROOT = Path(__file__).parent.parent
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())


def demo(**changes):
    settings = checked(yaml.safe_load((ROOT / "config.yaml").read_text()), SCHEMA)
    return Study(settings | changes, "results/demo")


def test_runs_sets_and_their_places():
    study = demo()
    runs = study.runs("sub-01")
    assert len(runs) == 27
    assert next(iter(runs)) == "ses-perceptionNaturalImageTraining01_task-perception_run-01"
    last = "ses-perceptionNaturalImageTraining02_task-perception_run-04"
    assert study.run_index("sub-01", last) == ("train", 11, 12)
    assert study.set_of(runs["ses-imagery01_task-imagery_run-02"]) == "imagery"
    assert study.tasks == ["imagery", "perception"]
    assert study.imagined("imagery")
    assert not study.imagined("shapes")
    assert study.test_sets == ["natural", "shapes", "letters", "imagery"]


def test_targets_decoders_and_layers():
    study = demo()
    assert Target("sub-01", "HVC", "all_layers", "letters") in study.targets()
    assert len(study.targets()) == 20
    assert study.decoders_of("VC") == ["topk", "permuted"]
    assert study.decoders_of("LVC") == ["topk"]
    assert study.layers_of("VC", "permuted") == study.layers
    assert study.floor("shapes") == ("VC", "permuted_labels")
    assert study.is_floor("permuted_labels")
    assert demo(evaluate={}).floor("shapes") is None


def test_only_the_layers_that_a_method_uses_are_decoded():
    study = demo()
    methods = {"low": study.methods["low_layers"]}
    few = demo(methods=methods, evaluate={})
    assert few.layers_of("VC", "topk") == ["stem", "b0", "b2"]
    assert few.rois == ["VC"]


def test_mask_names_are_those_that_the_simulator_writes():
    written = {name.partition("_")[2] for name in regions(epi_grid(4.0))}
    assert set(SIMULATED_MASKS) == written


def test_unknown_region_is_named():
    with pytest.raises(InputError, match=r"rois.VC: unknown mask or region 'V9' in 'V1 \+ V9'"):
        demo(rois={"V1": "V1d + V1v", "VC": "V1 + V9"})


def test_missing_session_of_own_data(tmp_path):
    folder = tmp_path / "sub-01" / "ses-perceptionNaturalImageTraining01" / "func"
    folder.mkdir(parents=True)
    stem = "sub-01_ses-perceptionNaturalImageTraining01_task-perception_run-01"
    (folder / f"{stem}_bold.nii.gz").touch()
    (folder / f"{stem}_events.tsv").touch()
    own = {"kind": "bids", "bids": str(tmp_path), "stimuli": "."}
    with pytest.raises(InputError, match=r"no session perceptionNaturalImageTest\* \(set 'nat"):
        demo(input=own)
    with pytest.raises(InputError, match="no subject 'sub-02'; found sub-01"):
        demo(input=own, subjects=["sub-02"])
