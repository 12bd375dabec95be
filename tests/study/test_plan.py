from pathlib import Path

import pytest
import yaml

from deeprecon.data.simulate.anatomy import epi_grid, regions
from deeprecon.errors import InputError
from deeprecon.study.plan import Study
from deeprecon.study.settings import load_settings
from deeprecon.study.sources import SIMULATED_MASKS
from deeprecon.targets import AVERAGE, Target

ROOT = Path(__file__).parent.parent.parent
DEMO = yaml.safe_load((ROOT / "config.yaml").read_text())


def demo(**changes):
    return Study(load_settings({**DEMO, **changes}), "results/demo")


def method(name, **changes):
    return DEMO["methods"][name] | changes


def without_control(**methods):
    """Other methods than the demo's, none of which is the control, and no judgement."""
    return {"methods": methods, "evaluate": {}, "judge": None}


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
    assert len(study.targets()) == 21
    pairs = [("LVC", "topk"), ("HVC", "topk"), ("VC", "topk"), ("VC", "permuted")]
    assert study.decoded() == pairs
    assert study.layers_of("VC", "permuted") == study.layers
    control = Target("sub-01", "VC", "permuted_labels", "shapes")
    assert study.control("sub-01", "shapes") == control
    assert study.is_control("permuted_labels")
    assert demo(evaluate={}).control("sub-01", "shapes") is None


def test_a_method_on_features_averaged_over_subjects():
    study = demo(**without_control(mean=method("low_layers", subjects=["each", "average"])))
    who = [target.subject for target in study.targets() if target.set == "shapes"]
    assert who == ["sub-01", AVERAGE]


def test_averaged_features_have_a_control_only_if_the_control_has_them():
    assert demo().control(AVERAGE, "shapes") is None
    control = method("permuted_labels", subjects=["average"])
    methods = DEMO["methods"] | {"permuted_labels": control}
    assert demo(methods=methods).control(AVERAGE, "shapes").subject == AVERAGE
    assert demo(methods=methods).control("sub-01", "shapes") is None


def test_only_the_layers_that_a_method_uses_are_decoded():
    few = demo(**without_control(low=method("low_layers")))
    assert few.layers_of("VC", "topk") == ["stem", "b0", "b2"]
    assert few.decoded() == [("VC", "topk")]


def test_a_decoder_may_have_regions_and_layers_of_its_own():
    own = DEMO["decoders"]["topk"] | {"rois": ["V1", "VC"], "layers": ["b4"], "alpha": [1, 9]}
    decoders = DEMO["decoders"] | {"topk": own}
    study = demo(decoders=decoders, **without_control(low=method("low_layers")))
    assert study.layers_of("V1", "topk") == ["b4"]
    assert study.layers_of("VC", "topk") == ["stem", "b0", "b2", "b4"]
    assert study.decoded() == [("V1", "topk"), ("VC", "topk")]
    assert study.is_tuned("topk")
    assert not study.is_tuned("permuted")


def test_mask_names_are_those_that_the_simulator_writes():
    written = {name.partition("_")[2] for name in regions(epi_grid(4.0))}
    assert set(SIMULATED_MASKS) == written


def test_unknown_region_is_named():
    with pytest.raises(InputError, match=r"rois.VC: unknown mask or region 'V9' in 'V1 \+ V9'"):
        demo(rois=DEMO["rois"] | {"VC": "V1 + V9"})


def test_missing_session_of_own_data(tmp_path):
    folder = tmp_path / "sub-01" / "ses-perceptionNaturalImageTraining01" / "func"
    folder.mkdir(parents=True)
    stem = "sub-01_ses-perceptionNaturalImageTraining01_task-perception_run-01"
    (folder / f"{stem}_bold.nii.gz").touch()
    (folder / f"{stem}_events.tsv").touch()
    own = {"kind": "bids", "bids": str(tmp_path), "stimuli": ".", "dataset": "other"}
    with pytest.raises(InputError, match=r"no session perceptionNaturalImageTest\* \(set 'nat"):
        demo(input=own)
    with pytest.raises(InputError, match="no subject 'sub-02'; found sub-01"):
        demo(input=own, subjects=["sub-02"])


SESSIONS = {
    "perceptionNaturalImageTraining01": ("perception", 2),
    "perceptionNaturalImageTraining02": ("perception", 1),
    "perceptionArtificialImage01": ("perception", 1),
    "imagery01": ("imagery", 1),
    "imagery02": ("perception", 1),
}


def test_one_method_for_each_seed():
    methods = {"a": method("low_layers", seeds=[3, 5]), "b": method("low_layers")}
    study = demo(seed=9, **without_control(**methods))
    seeds = {name: method.seed for name, method in study.methods.items()}
    assert seeds == {"a_seed3": 3, "a_seed5": 5, "b": 9}
    assert study.methods["a_seed3"].search == study.methods["b"].search


def test_patterns_of_decoders_by_what_is_done_with_them():
    study = demo(decoders=DEMO["decoders"] | {"kept": {"save_weights": True}})
    assert study.decoders_that(trained=True, save_weights=False) == "topk|permuted"
    assert study.decoders_that(trained=True, save_weights=True) == "kept"
    assert study.decoders_that(trained=False) == "(?!)"  # matches nothing


def test_what_raters_judge():
    judged = demo().judged()
    assert Target("sub-01", "VC", "all_layers", "imagery") in judged
    assert {target.method for target in judged} == {"all_layers", "low_layers", "high_layers"}
    assert {target.roi for target in judged} == {"VC"}


@pytest.fixture
def own(tmp_path):
    """A raw data set of empty files: runs, T1w, in-plane T2 images and masks of two regions."""
    subject = tmp_path / "sub-01"
    for session, (task, n_runs) in SESSIONS.items():
        folder = subject / f"ses-{session}"
        for number in range(1, n_runs + 1):
            stem = f"sub-01_ses-{session}_task-{task}_run-{number:02d}"
            touch(folder / "func" / f"{stem}_bold.nii.gz")
            touch(folder / "func" / f"{stem}_events.tsv")
        touch(folder / "anat" / f"sub-01_ses-{session}_inplaneT2.nii.gz")
    touch(subject / "ses-anatomy" / "anat" / "sub-01_ses-anatomy_T1w.nii.gz")
    for name in ("train", "shapes", "imagery", "seen"):
        touch(tmp_path / f"stimuli/{name}.tsv")
    for task in ("perception", "imagery"):
        touch(tmp_path / f"task-{task}_bold.json")
    for side in ("LH", "RH"):
        for name in ("V1d", "V1v"):
            touch(tmp_path / f"sourcedata/sub-01/anat/sub-01_mask_{side}_{name}.nii.gz")
    return tmp_path


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def of_own(folder, **changes):
    settings = {
        "input": {"kind": "bids", "bids": str(folder), "stimuli": str(folder / "stimuli")},
        "sets": {"train": "perceptionNaturalImageTraining", "shapes": "perceptionArtificialImage"},
        "rois": {"V1": "V1d + V1v"},
        "preprocess": {},
    }
    settings |= changes
    sets = [name for name in settings["sets"] if name != "train"]
    low = method("low_layers", rois=list(settings["rois"])[:1], sets=sets or ["train"])
    return demo(**without_control(low=low) | settings)


def test_runs_and_files_of_a_data_set(own):
    study = of_own(own)
    assert list(study.runs("sub-01")) == [
        "ses-perceptionNaturalImageTraining01_task-perception_run-01",
        "ses-perceptionNaturalImageTraining01_task-perception_run-02",
        "ses-perceptionNaturalImageTraining02_task-perception_run-01",
        "ses-perceptionArtificialImage01_task-perception_run-01",
    ]
    first = next(iter(study.runs("sub-01").values()))
    assert study.source.anatomy("sub-01").name == "sub-01_ses-anatomy_T1w.nii.gz"
    session = "ses-perceptionNaturalImageTraining01"
    assert study.source.inplane(first).name == f"sub-01_{session}_inplaneT2.nii.gz"
    assert study.source.sidecars(first) == [own / "task-perception_bold.json"]
    assert [file.path.name for file in study.source.masks("sub-01")["V1v"]] == [
        "sub-01_mask_LH_V1v.nii.gz", "sub-01_mask_RH_V1v.nii.gz",
    ]  # fmt: skip


def test_sets_of_one_session_are_told_apart_by_task(own):
    sets = {
        "train": "perceptionNaturalImageTraining",
        "imagery": {"session": "imagery", "task": "imagery"},
        "seen": {"session": "imagery", "task": "perception"},
    }
    study = of_own(own, sets=sets)
    of = {name: study.set_of(run) for name, run in study.runs("sub-01").items()}
    assert of["ses-imagery01_task-imagery_run-01"] == "imagery"
    assert of["ses-imagery02_task-perception_run-01"] == "seen"
    assert study.imagined("imagery")
    assert not study.imagined("seen")
    with pytest.raises(InputError, match=r"no session perceptionArt\w+\* task rest \(set 'train'"):
        of_own(
            own,
            sets={
                "train": {"session": "perceptionArtificialImage", "task": "rest"},
                "seen": sets["seen"],
            },
        )


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (
            "stimuli/shapes.tsv",
            "shapes.tsv: no such file, expected the stimuli of the set 'shapes'",
        ),
        ("task-perception_bold.json", "no sidecar sub-01_ses-perceptionNaturalImageTraining01_"),
        ("sub-01/*/anat/*_T1w.nii.gz", "expected one .*T1w"),
        ("sub-01/*Training01/anat/*_inplaneT2.nii.gz", "Training01: expected one .*inplaneT2"),
    ],
)
def test_a_missing_file_is_named_before_any_job(own, pattern, message):
    of_own(own)
    for path in own.glob(pattern):
        path.unlink()
    with pytest.raises(InputError, match=message):
        of_own(own)


def test_two_sets_that_take_the_same_runs(own):
    sets = {"train": "imagery", "imagery": {"task": "imagery"}}
    with pytest.raises(InputError, match="'train' and 'imagery' both take ses-imagery01_task-im"):
        of_own(own, sets=sets)


def masks_of(folder, masks):
    touch(folder / "derivatives/atlas/sub-01_dseg.nii.gz")
    touch(folder / "derivatives/rois/sub-01/left_FFA.nii.gz")
    touch(folder / "derivatives/rois/sub-01/right_FFA.nii.gz")
    return of_own(folder, masks=masks, rois={"VC": " + ".join(masks)}).source.masks("sub-01")


def test_masks_by_pattern_and_by_labels_of_an_atlas(own):
    table = own / "derivatives/atlas/sub-01_dseg.tsv"
    touch(table)
    table.write_text("index\tname\n3\tV3\n12\tlh.PPA\n112\trh.PPA\n")
    atlas = "derivatives/atlas/{subject}_dseg.nii.gz"
    found = masks_of(
        own,
        {
            "FFA": "derivatives/rois/{subject}/*_FFA.nii.gz",
            "PPA": {"atlas": atlas, "labels": ["lh.PPA", "rh.PPA"]},
            "V3": {"atlas": str(own / atlas), "labels": [3]},
        },
    )
    assert [file.path.name for file in found["FFA"]] == ["left_FFA.nii.gz", "right_FFA.nii.gz"]
    assert [(f.path.name, f.labels) for f in found["PPA"]] == [("sub-01_dseg.nii.gz", (12, 112))]
    assert found["V3"][0].labels == (3,)


@pytest.mark.parametrize(
    ("masks", "message"),
    [
        ({"FFA": "derivatives/*_LOC.nii.gz"}, r"masks.FFA: no file is like .*_LOC.nii.gz"),
        ({"FFA": {"atlas": "derivatives/rois/*/*.nii.gz", "labels": [1]}}, "2 atlases are like"),
        (
            {"FFA": {"atlas": "derivatives/atlas/*.nii.gz", "labels": ["FFA"]}},
            r"sub-01_dseg.tsv: not a readable table",
        ),
    ],
)
def test_masks_that_are_not_there(own, masks, message):
    with pytest.raises(InputError, match=message):
        masks_of(own, masks)


def test_a_label_that_the_atlas_has_no_name_for(own):
    table = own / "derivatives/atlas/sub-01_dseg.tsv"
    touch(table)
    table.write_text("index\tname\n3\tV3\n")
    with pytest.raises(InputError, match=r"dseg.tsv: no label 'V4'; found V3"):
        masks_of(own, {"V4": {"atlas": "derivatives/atlas/*.nii.gz", "labels": ["V4"]}})
