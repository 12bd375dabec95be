"""Every mistake in a study's settings gives one clear line, before any job starts."""

from copy import deepcopy
from pathlib import Path

import pytest
import yaml

from deeprecon.config import checked
from deeprecon.errors import InputError
from deeprecon.preprocess.presets import PRESETS

ROOT = Path(__file__).parent.parent
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
DEMO = yaml.safe_load((ROOT / "config.yaml").read_text())
ASKED = {"task": "identification", "methods": ["all_layers"], "rois": ["VC"]}


def changed(path, value):
    """The demo's settings with one entry replaced, or several ("": a mapping of paths).

    DELETE removes it.
    """
    settings = deepcopy(DEMO)
    for place, new in ({path: value} if path else value).items():
        *parents, last = place.split("/")
        part = settings
        for key in parents:
            part = part.setdefault(key, {})
        if new is DELETE:
            del part[last]
        else:
            part[last] = new
    return settings


DELETE = object()

MISTAKES = [
    ("sead", 1, "config: unknown key 'sead'; did you mean 'seed'?"),
    (
        "methods/all_layers/n_iteration",
        5,
        "config: methods.all_layers: unknown key 'n_iteration'; did",
    ),
    ("study", DELETE, "config: missing key 'study'"),
    ("methods/all_layers/layers", DELETE, "config: methods.all_layers: missing key 'layers'"),
    ("seed", "one", "config: seed: found 'one', expected integer"),
    ("seed", -1, "config: seed: -1 is less than the minimum of 0"),
    ("decoders/topk/alpha", "x", "config: decoders.topk.alpha: found 'x', expected number"),
    ("decoders/topk/alpha", 0, "config: decoders.topk.alpha: 0 is less than or equal to the min"),
    ("decoders/topk/n_voxels", 1.5, "config: decoders.topk.n_voxels: found 1.5, expected integer"),
    ("image_size", 70, "config: image_size: found 70, expected a multiple of 32"),
    ("subjects", [], "config: subjects: found 0 entries, expected 1 or more"),
    ("subjects", ["01"], "config: subjects.0: '01' does not match"),
    ("subjects", ["sub-01", "sub-01"], "config: subjects: ['sub-01', 'sub-01'] has non-unique"),
    ("methods/all_layers/layers", [], "config: methods.all_layers.layers: found 0 entries"),
    ("methods", {}, "config: methods: found 0 entries, expected 1 or more"),
    ("methods/all_layers/layers", ["b99"], "config: methods.all_layers.layers: unknown layer"),
    ("methods/all_layers/layers", ["b3"], "config: methods.all_layers.layers: unknown layer 'b3'"),
    ("network/layers", ["stem", "conv1_1"], "config: network.layers: unknown layer 'conv1_1'"),
    ("network/name", "efficientnet", "config: network.name: unknown network 'efficientnet'; did"),
    ("methods/all_layers/rois", ["V9"], "config: methods.all_layers.rois: unknown ROI 'V9'"),
    ("methods/all_layers/sets", ["train"], "config: methods.all_layers.sets: unknown test set"),
    ("methods/all_layers/decoder", "tokp", "config: methods.all_layers.decoder: unknown decoder"),
    ("methods/all_layers/prior", "dream", "config: methods.all_layers.prior: 'dream' is not one"),
    (
        "methods/all_layers/preset",
        "2018",
        "config: methods.all_layers.preset: '2018' is not one of",
    ),
    (
        "methods/all_layers/momentum",
        [0.9, 0.9],
        "config: methods.all_layers.momentum: prior 'fourier' with 'lbfgsb' has no such setting",
    ),
    (
        "methods/all_layers/preset",
        "2019-dgn",
        "config: methods.all_layers: prior 'generator' needs the key 'generator'; generators: none",
    ),
    (
        "methods/all_layers/generator",
        "own",
        "config: methods.all_layers.generator: prior 'fourier' uses none",
    ),
    (
        "methods/all_layers/start",
        "noise",
        "config: methods.all_layers.start 'noise' is of pixels: needs prior 'pixel'",
    ),
    (
        "methods/all_layers/prior",
        "command",
        "config: methods.all_layers.command: goes with prior 'command', found prior 'command'",
    ),
    (
        "methods/all_layers/subjects",
        ["mean"],
        "config: methods.all_layers.subjects.0: 'mean' is not one of",
    ),
    ("methods/all_layers/seeds", [-1], "config: methods.all_layers.seeds.0: -1 is less than"),
    ("generators", {"g": {"kind": "fc8"}}, "config: generators.g.kind: 'fc8' is not one of"),
    (
        "generators",
        {"g": {"kind": "trained"}},
        "config: generators.g: kind 'trained' needs the key",
    ),
    (
        "generators",
        {"g": {"kind": "trained", "layer": "conv9"}},
        "config: generators.g.layer: unknown layer 'conv9'; the study has stem",
    ),
    (
        "generators",
        {"g": {"kind": "relu7", "n_steps": 3}},
        "config: generators.g.n_steps: kind 'relu7' has no such setting",
    ),
    (
        "generators",
        {"g": {"kind": "relu7"}},
        "config: generators.g.kind: 'relu7' makes images of 256 pixels, of which 200 to 256",
    ),
    ("compute/device", "tpu", "config: compute.device: 'tpu' is not one of"),
    ("network/nodes", {"a": "b"}, "config: network.nodes: 'efficientnet_lite0' is a network of"),
    ("network/torchvision", "resnet18", "config: network.name: 'efficientnet_lite0' is a network"),
    (
        "network",
        {"name": "mine", "torchvision": "resnet18", "layers": ["a"]},
        "config: network: one's own network needs the key 'nodes'",
    ),
    (
        "network",
        {"name": "mine", "torchvision": "resnet18", "nodes": {"a": "relu"}, "layers": ["b"]},
        "config: network.layers: unknown layer 'b'; known: a",
    ),
    ("network", {"name": "caffenet", "layers": ["conv1"]}, "config: network: 'caffenet' needs the"),
    ("evaluate/split_half", ["low"], "config: evaluate.split_half: unknown method 'low'"),
    (
        "evaluate/split_half",
        ["permuted_labels"],
        "config: evaluate.split_half: the decoder 'permuted' of 'permuted_labels' has permute_lab",
    ),
    (
        "",
        {"evaluate/split_half": ["all_layers"], "methods/all_layers/subjects": ["average"]},
        "config: evaluate.split_half: method 'all_layers' has features averaged over subjects",
    ),
    (
        "",
        {"evaluate/split_half": ["all_layers"], "decoders/topk/repetitions": 1},
        "config: evaluate.split_half: the decoder 'topk' of 'all_layers' has repetitions: 1",
    ),
    (
        "",
        {
            "evaluate/split_half": ["all_layers"],
            "decoders/topk": {"model": "import", "folder": "x"},
            "methods/all_layers/layer_weights": "equal",
            "methods/low_layers/layer_weights": "equal",
            "methods/high_layers/layer_weights": "equal",
        },
        "config: evaluate.split_half: the decoder 'topk' of 'all_layers' is imported, so that",
    ),
    ("evaluate/floor", "permuted", "config: evaluate.floor: unknown method 'permuted'; did you"),
    ("evaluate/floor", "all_layers", "config: evaluate.floor: the decoder 'topk' of method"),
    ("decoders/topk/n_voxels", 0, "config: decoders.topk.n_voxels: 0 is less than the minimum"),
    ("decoders/topk/alpha", [10, -1], "config: decoders.topk.alpha.1: -1 is less than or equal"),
    ("decoders/topk/alpha", [10, "x"], "config: decoders.topk.alpha.1: found 'x', expected number"),
    ("decoders/topk/model", "lasso", "config: decoders.topk.model: 'lasso' is not one of"),
    ("decoders/topk/model", "sparse", "config: decoders.topk.alpha: model 'sparse' has no such"),
    ("decoders/topk/model", "shared", "config: decoders.topk.n_voxels: model 'shared' has no such"),
    ("decoders/topk/tiles", 2, "config: decoders.topk.tiles: model 'topk' has no such setting;"),
    (
        "decoders/other",
        {"model": "shared", "save_weights": True},
        "config: decoders.other.save_weights: model 'shared' has no weights of single units",
    ),
    ("decoders/other", {"model": "import"}, "config: decoders.other: model 'import' needs the key"),
    (
        "decoders/other",
        {"model": "import", "folder": "x", "n_units": 5},
        "config: decoders.other.n_units: model 'import' trains nothing, expected None",
    ),
    (
        "decoders/other",
        {"model": "import", "folder": "x", "kinds": {"dreams": "natural"}},
        "config: decoders.other.kinds: unknown kinds 'dreams'",
    ),
    (
        "decoders/other",
        {"model": "import", "folder": "x", "kinds": {"natural": "photos"}},
        "config: decoders.other.kinds.natural: 'photos' is not one of",
    ),
    ("decoders/topk/folder", "x", "config: decoders.topk.folder: model 'topk' has no such setting"),
    ("sets/weights", "perceptionWeights", "config: sets.weights: the name of the folder of"),
    ("input/kind", "decoded", "config: input: kind 'decoded' needs the key 'stimuli'"),
    ("decoders/other", {"model": "shared", "power": -1}, "config: decoders.other.power: -1 is"),
    ("decoders/topk/rois", ["V9"], "config: decoders.topk.rois: unknown ROI 'V9'"),
    ("decoders/topk/layers", ["b2"], "config: decoders.topk.layers: of which regions?"),
    ("decoders/topk/n_units", 9, "config: methods.all_layers.decoder: 'topk' has n_units, but"),
    (
        "decoders/topk/repetitions",
        "single",
        "config: methods.all_layers.decoder: 'topk' decodes single samples, expected one result",
    ),
    ("decoders/topk/repetitions", 0, "config: decoders.topk.repetitions: 0 is less than"),
    ("input/kind", "bids", "config: input: kind 'bids' needs the key 'bids'"),
    ("input/bids", "somewhere", "config: input.bids: contradicts kind 'simulate'"),
    ("input/simulate", DELETE, "config: input: kind 'simulate' needs the key 'simulate'"),
    ("input/simulate/runs", {"train": 2}, "config: input.simulate.runs: found 1 entries"),
    ("input/simulate/runs/letters", DELETE, "config: input.simulate.runs: no runs for the set"),
    ("sets/extra", "perceptionExtra", "config: input.simulate.runs: no runs for the set 'extra'"),
    ("judge/tasks", [ASKED | {"rois": ["V1"]}], "config: judge.tasks.0.rois: unknown ROI of"),
    ("judge/tasks", [ASKED | {"methods": ["other"]}], "config: judge.tasks.0.methods: unknown"),
    ("judge/tasks", [ASKED | {"sets": ["train"]}], "config: judge.tasks.0.sets: unknown set"),
    ("judge/tasks", [ASKED | {"task": "afc"}], "config: judge.tasks.0.task: 'afc' is not one of"),
    ("judge/tasks", [ASKED | {"trials": 5}], "config: judge.tasks.0.trials: 5 is less than"),
    ("judge/tasks", [ASKED, ASKED], "config: judge.tasks: 'identification' stands 2 times"),
    ("judge/tasks", [], "config: judge.tasks: found 0 entries"),
    (
        "judge/tasks",
        [ASKED | {"pairs": "all", "trials": 50}],
        "config: judge.tasks.0.trials: contradicts pairs 'all'",
    ),
    (
        "judge/tasks",
        [ASKED | {"task": "preference"}],
        "config: judge.tasks.0: a preference needs two methods or two ROIs",
    ),
    (
        "judge/tasks",
        [ASKED | {"task": "preference", "rois": ["VC", "LVC"], "pairs": "all"}],
        "config: judge.tasks.0.pairs: a preference has no foils",
    ),
    ("judge/consent", "", "config: judge.consent: "),
    ("judge/consent", DELETE, "config: judge: missing key 'consent'"),
    ("judge/language", "tlh", "config: judge: "),
    ("judge/completion_url", "http://insecure.org", "config: judge.completion_url: "),
    ("judge/rules", {"min_catch": 0.5}, "config: judge: "),
    ("input/kind", "dicom", "config: input.kind: "),
    ("input/kind", "bdata", "config: input: kind 'bdata' needs the key 'bdata'"),
    ("input/kind", "fmriprep", "config: input: kind 'fmriprep' needs the key 'fmriprep'"),
    ("input/space", "T1w", "config: input.space: contradicts kind 'simulate'"),
    ("input/imagery_labels", "corrected", "config: input.imagery_labels: simulated labels are"),
    ("input/dataset", "ds999", "config: input.dataset: "),
    ("masks", {"V1": "*.nii"}, "config: masks: contradicts input.kind 'simulate'"),
    ("preprocess/preset", "spm", "config: preprocess.preset: "),
    ("preprocess/motion_correction", "mcflirt", "config: preprocess.motion_correction: "),
    ("preprocess/confounds", "12", "config: preprocess.confounds: "),
    ("preprocess/normalise", "percent", "config: preprocess: unknown key 'normalise'; did you"),
    ("preprocess/normalize", "psc", "config: preprocess.normalize: "),
    ("sets/natural", {"task": "perception"}, "config: sets.natural: found {'task': 'perception'}"),
    ("preprocess/high_pass", -1, "config: preprocess.high_pass: "),
]


@pytest.mark.parametrize(("path", "value", "expected"), MISTAKES)
def test_mistake_gives_one_clear_line(path, value, expected):
    with pytest.raises(InputError) as caught:
        checked(changed(path, value), SCHEMA)
    lines = str(caught.value).splitlines()
    assert any(line.startswith(expected) for line in lines), lines
    assert all(len(line) < 250 for line in lines)


SHIPPED = [
    "config.yaml", "config/smoke.yaml", "config/shen2019.yaml", "config/shen2019-imagery.yaml",
]  # fmt: skip


@pytest.mark.parametrize("file", SHIPPED)
def test_shipped_studies_are_valid(file):
    settings = checked(yaml.safe_load((ROOT / file).read_text()), SCHEMA)
    assert settings["preprocess"]["delay"] == 4


def test_the_study_of_2019_uses_what_the_paper_used():
    """method.md (f): script 1 with the generator, scripts 2-7 without; subsets of Fig. 4."""
    settings = checked(yaml.safe_load((ROOT / "config/shen2019.yaml").read_text()), SCHEMA)
    methods = settings["methods"]
    dgn, pixels = methods["dgn"]["settings"], methods["pixels"]["settings"]
    assert (dgn["prior"], dgn["n_iterations"], dgn["scaling"]) == ("generator", 200, "sd")
    assert (pixels["prior"], pixels["optimiser"]) == ("pixel", "lbfgsb")
    assert len(methods["dgn"]["layers"]) == 19
    names = ("pixels_1", "pixels_1_3", "pixels_1_5", "pixels_1_7")
    assert [len(methods[name]["layers"]) for name in names] == [2, 8, 16, 18]
    assert settings["resampling"] == "bicubic"


def test_template_lacks_only_the_users_folders():
    text = (ROOT / "config/template.yaml").read_text()
    assert checked(yaml.safe_load(text), SCHEMA)["input"]["kind"] == "bids"
    settings = [line.partition("#")[0] for line in text.splitlines()]
    assert sum("<" in line for line in settings) == 2


def test_defaults_come_from_the_schema_and_leave_the_users_settings_alone():
    before = deepcopy(DEMO)
    settings = checked(DEMO, SCHEMA)
    assert settings["methods"]["all_layers"]["settings"]["loss"] == "correlation"
    assert before == DEMO


def test_every_setting_is_described_or_plain():
    """Numbers whose unit or meaning a name cannot tell carry a description."""
    simulate = SCHEMA["properties"]["input"]["properties"]["simulate"]["properties"]
    for name, part in (simulate | SCHEMA["properties"]["preprocess"]["properties"]).items():
        assert "description" in part or name == "n_training_images", name


def test_a_preset_is_filled_in_and_any_step_of_it_can_be_changed():
    settings = deepcopy(DEMO)
    settings["preprocess"] = {"preset": "zscore", "delay": 3.5}
    steps = checked(settings, SCHEMA)["preprocess"]
    assert steps["delay"] == 3.5
    assert steps == PRESETS["zscore"] | {"preset": "zscore", "delay": 3.5}
    assert PRESETS["zscore"] != PRESETS["shen2019"]


@pytest.mark.parametrize("kind", ["fmriprep", "bdata"])
def test_steps_that_a_kind_of_input_has_not_are_refused(kind):
    settings = deepcopy(DEMO)
    files = {"bdata": dict.fromkeys(DEMO["sets"], "x.h5"), "fmriprep": "derivatives"}
    settings["input"] = {"kind": kind, "stimuli": ".", kind: files[kind]}
    settings["input"] |= {"bids": "raw"} if kind == "fmriprep" else {}
    settings["preprocess"] = {"motion_correction": "greedy"}
    with pytest.raises(InputError, match=r"motion_correction: input.kind .* has no such step"):
        checked(settings, SCHEMA)


def test_the_labs_files_need_no_preprocessing():
    settings = yaml.safe_load((ROOT / "config/shen2019-bdata.yaml").read_text())
    checked(settings, SCHEMA)
    del settings["input"]["bdata"]["letters"]
    with pytest.raises(InputError, match=r"input.bdata: no file for the set 'letters'"):
        checked(settings, SCHEMA)


def test_ds001506_has_no_other_sessions():
    settings = yaml.safe_load((ROOT / "config/shen2019.yaml").read_text())
    settings["sets"]["natural"] = "perceptionNaturalImage"
    with pytest.raises(InputError, match="ds001506 has unknown session 'perceptionNaturalImage'"):
        checked(settings, SCHEMA)
