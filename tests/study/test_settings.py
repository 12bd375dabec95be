"""Every mistake in the settings of a study gives one clear line, before any job starts."""

from copy import deepcopy
from pathlib import Path

import jsonschema
import pytest
import yaml

from deeprecon.errors import InputError
from deeprecon.preprocess.settings import PRESETS
from deeprecon.reconstruct.presets import PRESETS as SEARCH_PRESETS
from deeprecon.reconstruct.presets import relevant
from deeprecon.reconstruct.settings import SearchSettings
from deeprecon.study.schema import schema, schema_text
from deeprecon.study.settings import load_settings

ROOT = Path(__file__).parent.parent.parent
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
    ("seed", -1, "config: seed: found -1, expected 0 or more"),
    ("decoders/topk/alpha", "x", "config: decoders.topk.alpha: found 'x', expected number"),
    ("decoders/topk/alpha", 0, "config: decoders.topk.alpha: found 0, expected more than 0"),
    ("decoders/topk/n_voxels", 1.5, "config: decoders.topk.n_voxels: found 1.5, expected integer"),
    ("image_size", 70, "config: image_size: found 70, expected a multiple of 32"),
    ("subjects", [], "config: subjects: found 0 entries, expected 1 or more"),
    (
        "subjects",
        ["01"],
        "config: subjects.0: found '01', expected text that matches ^sub-[A-Za-z0-9]+$",
    ),
    (
        "subjects",
        ["sub-01", "sub-01"],
        "config: subjects: 'sub-01' occurs twice, expected different entries",
    ),
    ("methods/all_layers/layers", [], "config: methods.all_layers.layers: found 0 entries"),
    ("methods", {}, "config: methods: found 0 entries, expected 1 or more"),
    ("methods/all_layers/layers", ["b99"], "config: methods.all_layers.layers: unknown layer"),
    ("methods/all_layers/layers", ["b3"], "config: methods.all_layers.layers: unknown layer 'b3'"),
    ("network/layers", ["stem", "conv1_1"], "config: network.layers: unknown layer 'conv1_1'"),
    ("network/name", "efficientnet", "config: network.name: unknown network 'efficientnet'; did"),
    ("methods/all_layers/rois", ["V9"], "config: methods.all_layers.rois: unknown ROI 'V9'"),
    ("methods/all_layers/sets", ["train"], "config: methods.all_layers.sets: unknown test set"),
    ("methods/all_layers/decoder", "tokp", "config: methods.all_layers.decoder: unknown decoder"),
    (
        "methods/all_layers/prior",
        "dream",
        "config: methods.all_layers.prior: unknown prior 'dream'; known: pixel, fourier, genera",
    ),
    (
        "methods/all_layers/preset",
        "2018",
        "config: methods.all_layers.preset: found '2018', expected one of '2019-dgn', '2019-pix",
    ),
    (
        "methods/all_layers/momentum",
        [0.9, 0.9],
        "config: methods.all_layers.momentum: prior 'fourier' with 'lbfgsb' has no such setting",
    ),
    (
        "methods/all_layers/preset",
        "2019-dgn",
        "config: methods.all_layers: prior 'generator' needs the key 'generator'; generators: n",
    ),
    (
        "methods/all_layers/generator",
        "own",
        "config: methods.all_layers.generator: prior 'fourier' uses none",
    ),
    (
        "methods/all_layers/start",
        "noise",
        "config: methods.all_layers.start: 'noise' needs prior 'pixel'",
    ),
    (
        "methods/all_layers/prior",
        "command",
        "config: methods.all_layers: prior 'command' needs the key 'command'",
    ),
    (
        "methods/all_layers/subjects",
        ["mean"],
        "config: methods.all_layers.subjects.0: found 'mean', expected one of 'each', 'average'",
    ),
    (
        "methods/all_layers/seeds",
        [-1],
        "config: methods.all_layers.seeds.0: found -1, expected 0 or more",
    ),
    (
        "generators",
        {"g": {"kind": "fc8"}},
        "config: generators.g: kind: unknown kind 'fc8'; known: relu7, relu6, pool5, trained",
    ),
    (
        "generators",
        {"g": {"kind": "trained"}},
        "config: generators.g: kind 'trained' needs the key",
    ),
    (
        "generators",
        {"g": {"kind": "trained", "layer": "conv9"}},
        "config: generators.g.layer: unknown layer 'conv9'; known: stem, b0, b2, b4, b7, b10, b",
    ),
    (
        "generators",
        {"g": {"kind": "relu7", "n_steps": 3}},
        "config: generators.g: kind 'relu7' has no key 'n_steps'; known: kind, weights, upper",
    ),
    (
        "generators",
        {"g": {"kind": "relu7"}},
        "config: generators.g.kind: 'relu7' makes images of 256 pixels, of which 200 to 256",
    ),
    (
        "compute/device",
        "tpu",
        "config: compute.device: found 'tpu', expected one of 'auto', 'cpu', 'cuda', 'mps'; did",
    ),
    ("network/nodes", {"a": "b"}, "config: network.nodes: 'efficientnet_lite0' is a network of"),
    ("network/torchvision", "resnet18", "config: network.name: 'efficientnet_lite0' is a network"),
    (
        "network",
        {"name": "mine", "torchvision": "resnet18", "layers": ["a"]},
        "config: network: your own network needs the key 'nodes'",
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
        "config: evaluate.split_half: the decoder 'permuted' of 'permuted_labels' has permute_l",
    ),
    (
        "",
        {"evaluate/split_half": ["all_layers"], "methods/all_layers/subjects": ["average"]},
        "config: evaluate.split_half: method 'all_layers' has only features averaged over subje",
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
    (
        "evaluate/permuted_control",
        "permuted",
        "config: evaluate.permuted_control: unknown method 'permuted'; did you mean 'permuted_l",
    ),
    (
        "evaluate/permuted_control",
        "all_layers",
        "config: evaluate.permuted_control: the decoder 'topk' of method 'all_layers' does not",
    ),
    ("decoders/topk/n_voxels", 0, "config: decoders.topk.n_voxels: found 0, expected 1 or more"),
    (
        "decoders/topk/alpha",
        [10, -1],
        "config: decoders.topk.alpha.1: found -1, expected more than 0",
    ),
    ("decoders/topk/alpha", [10, "x"], "config: decoders.topk.alpha.1: found 'x', expected number"),
    (
        "decoders/topk/model",
        "lasso",
        "config: decoders.topk: model: unknown model 'lasso'; known: topk, sparse, shared, impo",
    ),
    (
        "decoders/topk/model",
        "sparse",
        "config: decoders.topk: model 'sparse' has no key 'alpha'; known: model, repetitions, n",
    ),
    (
        "decoders/topk/model",
        "shared",
        "config: decoders.topk: model 'shared' has no key 'n_voxels'; known: model, repetitions",
    ),
    (
        "decoders/topk/tiles",
        2,
        "config: decoders.topk: model 'topk' has no key 'tiles'; known: model, repetitions, n_u",
    ),
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
        "config: decoders.other.kinds: unknown set 'dreams'; known: train, natural, shapes, let",
    ),
    (
        "decoders/other",
        {"model": "import", "folder": "x", "kinds": {"natural": "photos"}},
        "config: decoders.other.kinds.natural: found 'photos', expected one of 'natural', 'colo",
    ),
    (
        "decoders/topk/folder",
        "x",
        "config: decoders.topk: model 'topk' has no key 'folder'; known: model, repetitions, n_",
    ),
    (
        "sets/weights",
        "perceptionWeights",
        "config: sets.weights: decoders' weights are in a folder of this name; rename the set",
    ),
    ("input/kind", "decoded", "config: input: kind 'decoded' needs the key 'stimuli'"),
    (
        "decoders/other",
        {"model": "shared", "power": -1},
        "config: decoders.other.power: found -1, expected 0 or more",
    ),
    ("decoders/topk/rois", ["V9"], "config: decoders.topk.rois: unknown ROI 'V9'"),
    (
        "decoders/topk/layers",
        ["b2"],
        "config: decoders.topk.layers: in which regions? expected the key 'rois' too",
    ),
    ("decoders/topk/n_units", 9, "config: methods.all_layers.decoder: 'topk' has n_units, but"),
    (
        "decoders/topk/repetitions",
        "single",
        "config: methods.all_layers.decoder: 'topk' decodes single samples, expected one result",
    ),
    (
        "decoders/topk/repetitions",
        0,
        "config: decoders.topk.repetitions: found 0, expected 1 or more",
    ),
    ("input/kind", "bids", "config: input: kind 'bids' needs the key 'bids'"),
    (
        "input/bids",
        "somewhere",
        "config: input: kind 'simulate' has no key 'bids'; known: dataset, imagery_labels, kind",
    ),
    ("input/simulate", DELETE, "config: input: kind 'simulate' needs the key 'simulate'"),
    ("input/simulate/runs", {"train": 2}, "config: input.simulate.runs: found 1 entries"),
    ("input/simulate/runs/letters", DELETE, "config: input.simulate.runs: no runs for the set"),
    ("sets/extra", "perceptionExtra", "config: input.simulate.runs: no runs for the set 'extra'"),
    ("judge/tasks", [ASKED | {"rois": ["V1"]}], "config: judge.tasks.0.rois: unknown ROI of"),
    ("judge/tasks", [ASKED | {"methods": ["other"]}], "config: judge.tasks.0.methods: unknown"),
    ("judge/tasks", [ASKED | {"sets": ["train"]}], "config: judge.tasks.0.sets: unknown set"),
    (
        "judge/tasks",
        [ASKED | {"task": "afc"}],
        "config: judge.tasks.0.task: found 'afc', expected one of 'identification', 'preference",
    ),
    (
        "judge/tasks",
        [ASKED | {"trials": 5}],
        "config: judge.tasks.0.trials: found 5, expected 10 or more",
    ),
    (
        "judge/tasks",
        [ASKED, ASKED],
        "config: judge: tasks: found 'identification' 2 times, expected once",
    ),
    ("judge/tasks", [], "config: judge.tasks: found 0 entries"),
    (
        "judge/tasks",
        [ASKED | {"pairs": "all", "trials": 50}],
        "config: judge.tasks.0: trials: contradicts pairs 'all', which sets the number of trials",
    ),
    (
        "judge/tasks",
        [ASKED | {"task": "preference"}],
        "config: judge.tasks.0: a preference needs two methods or two ROIs",
    ),
    (
        "judge/tasks",
        [ASKED | {"task": "preference", "rois": ["VC", "LVC"], "pairs": "all"}],
        "config: judge.tasks.0: pairs: a preference has no foils to pair",
    ),
    ("judge/consent", "", "config: judge.consent: "),
    ("judge/consent", DELETE, "config: judge: missing key 'consent'"),
    (
        "judge/language",
        "tlh",
        "config: judge.language: found 'tlh', expected en or ja, or a file of texts such as dee",
    ),
    ("judge/completion_url", "http://insecure.org", "config: judge.completion_url: "),
    (
        "judge/rules",
        {"min_catch": 0.5},
        "config: judge.rules: unknown key 'min_catch'; did you mean 'min_catches'? known: min_c",
    ),
    (
        "input/kind",
        "dicom",
        "config: input: kind: unknown kind 'dicom'; known: simulate, bids, fmriprep, bdata, dec",
    ),
    ("input/kind", "bdata", "config: input: kind 'bdata' needs the key 'bdata'"),
    ("input/kind", "fmriprep", "config: input: kind 'fmriprep' needs the key 'bids'"),
    (
        "input/space",
        "T1w",
        "config: input: kind 'simulate' has no key 'space'; known: dataset, imagery_labels, kin",
    ),
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


RENAMED = [
    (
        "preprocess/lead_in",
        8,
        "config: preprocess.lead_in: this key is called 'dummy_scan_duration'",
    ),
    ("evaluate/floor", "x", "config: evaluate.floor: this key is called 'permuted_control' now"),
]


@pytest.mark.parametrize(("path", "value", "expected"), MISTAKES + RENAMED)
def test_mistake_gives_one_clear_line(path, value, expected):
    with pytest.raises(InputError) as caught:
        load_settings(changed(path, value))
    lines = str(caught.value).splitlines()
    assert any(line.startswith(expected) for line in lines), lines
    assert all(len(line) < 300 for line in lines)


def test_all_mistakes_of_the_sections_come_in_one_list():
    wrong = {"seed": -1, "input/n_runs": 3, "decoders/topk/alpha": "x", "methods/new": {}}
    with pytest.raises(InputError) as caught:
        load_settings(changed("", wrong))
    lines = str(caught.value).splitlines()
    assert {line.split(": ")[1] for line in lines} == {
        "seed", "input", "decoders.topk.alpha", "methods.new",
    }  # fmt: skip
    assert len(lines) == 7  # decoder, layers, rois and sets of the new method are missing


SHIPPED = [
    "config.yaml", "config/smoke.yaml", "config/shen2019.yaml", "config/shen2019-imagery.yaml",
    "config/shen2019-bdata.yaml", "config/template.yaml",
]  # fmt: skip


def shipped(file):
    return yaml.safe_load((ROOT / file).read_text())


@pytest.mark.parametrize("file", SHIPPED)
def test_shipped_studies_are_valid(file):
    assert load_settings(shipped(file)).preprocess.steps().delay == 4


def test_the_schema_is_generated_from_the_types():
    """`python -m deeprecon.study.schema` brings it up to date."""
    kept = (ROOT / "workflow/schemas/config.schema.yaml").read_text(encoding="utf-8")
    assert kept == schema_text()


@pytest.mark.parametrize("file", SHIPPED)
def test_the_schema_takes_the_shipped_studies(file):
    jsonschema.validate(shipped(file), schema(), jsonschema.Draft202012Validator)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("sead", 1), ("study", DELETE), ("seed", -1), ("decoders/topk/alpha", "x"),
        ("methods/all_layers/loss", "unknown"), ("decoders/topk/model", "lasso"),
        ("input/kind", "dicom"), ("subjects", ["01"]), ("evaluate/perceptual", ["vgg"]),
    ],
)  # fmt: skip
def test_the_schema_refuses_what_the_types_refuse(path, value):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(changed(path, value), schema(), jsonschema.Draft202012Validator)


def properties(part):
    """Every key that the schema describes, with its description."""
    if isinstance(part, dict):
        for key, value in part.get("properties", {}).items():
            yield key, value
        for value in part.values():
            yield from properties(value)
    for value in part if isinstance(part, list) else []:
        yield from properties(value)


def test_every_setting_is_described():
    bare = {"kind", "simulate", "model"}  # the name says it, or the section that it names does
    for key, value in properties(schema()):
        assert "description" in value or "$ref" in value or key in bare, key


def test_a_users_own_functions_are_taken_by_import_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "own_parts.py").write_text("def cosine(): ...\ndef grey(): ...\ndef edges(): ...\n")
    own = {
        "methods/all_layers/loss": "own_parts:cosine",
        "methods/all_layers/prior": "own_parts:grey",
        "decoders/topk": {"model": "sklearn.linear_model:Ridge", "options": {"alpha": 3}},
        "evaluate/metrics": ["own_parts:edges"],
    }
    settings = load_settings(changed("", own))
    assert settings.methods["all_layers"].search().loss == "own_parts:cosine"
    assert settings.decoders["topk"].options == {"alpha": 3}
    own["methods/all_layers/loss"] = "own_parts:cosinus"
    with pytest.raises(InputError, match=r"methods.all_layers.loss: .*did you mean 'cosine'"):
        load_settings(changed("", own))


def test_the_study_of_2019_uses_what_the_paper_used():
    """method.md (f): script 1 with the generator, scripts 2-7 without; subsets of Fig. 4."""
    settings = load_settings(shipped("config/shen2019.yaml"))
    dgn, pixels = settings.methods["dgn"].search(), settings.methods["pixels"].search()
    assert (dgn.prior, dgn.n_iterations, dgn.scaling) == ("generator", 200, "sd")
    assert (pixels.prior, pixels.optimiser) == ("pixel", "lbfgsb")
    assert len(settings.methods["dgn"].layers) == 19
    names = ("pixels_1", "pixels_1_3", "pixels_1_5", "pixels_1_7")
    assert [len(settings.methods[name].layers) for name in names] == [2, 8, 16, 18]
    assert settings.resampling == "bicubic"


def test_template_lacks_only_the_users_folders():
    text = (ROOT / "config/template.yaml").read_text()
    assert load_settings(yaml.safe_load(text)).input.kind == "bids"
    settings = [line.partition("#")[0] for line in text.splitlines()]
    assert sum("<" in line for line in settings) == 2


def test_defaults_are_filled_in_and_the_users_settings_left_alone():
    before = deepcopy(DEMO)
    settings = load_settings(DEMO)
    assert settings.methods["all_layers"].search().loss == "correlation"
    assert settings.compute.device == "auto"
    assert before == DEMO


def test_a_preset_is_filled_in_and_any_step_of_it_can_be_changed():
    given = {"preset": "zscore", "delay": 3.5, "high_pass": None}
    steps = load_settings(changed("preprocess", given)).preprocess.steps()
    assert steps == PRESETS["zscore"].model_copy(update={"delay": 3.5})
    assert PRESETS["zscore"] != PRESETS["shen2019"]


def test_a_preset_with_changes():
    given = {"preset": 2024, "generator": "g", "n_iterations": 7}  # YAML reads a number
    wrong = {"methods/low_layers": DEMO["methods"]["low_layers"] | given}
    wrong["generators"] = {"g": {"kind": "trained", "layer": "b4"}}
    search = load_settings(changed("", wrong)).methods["low_layers"].search()
    assert (search.optimiser, search.n_iterations) == ("adamw", 7)


@pytest.mark.parametrize("preset", list(SEARCH_PRESETS))
def test_settings_written_out_give_the_preset_again(preset):
    """The settings that a job gets determine all settings that count."""
    kept = relevant(SEARCH_PRESETS[preset])
    assert relevant(SearchSettings(**kept)) == kept


@pytest.mark.parametrize("kind", ["fmriprep", "bdata"])
def test_steps_that_a_kind_of_input_has_not_are_refused(kind):
    settings = deepcopy(DEMO)
    files = {"bdata": dict.fromkeys(DEMO["sets"], "x.h5"), "fmriprep": "derivatives"}
    settings["input"] = {"kind": kind, "stimuli": ".", kind: files[kind]}
    settings["input"] |= {"bids": "raw"} if kind == "fmriprep" else {}
    settings["preprocess"] = {"motion_correction": "greedy"}
    with pytest.raises(InputError, match=r"motion_correction: input.kind .* has no such step"):
        load_settings(settings)


def test_fmriprep_is_read_or_run():
    both = {"kind": "fmriprep", "bids": "raw", "stimuli": ".", "fmriprep": "derivatives"}
    both["run_fmriprep"] = {"license": "l.txt", "image": "docker://nipreps/fmriprep"}
    for given in (both, {"kind": "fmriprep", "bids": "raw", "stimuli": "."}):
        with pytest.raises(InputError, match="needs one of the keys 'fmriprep'"):
            load_settings(changed("", {"input": given, "preprocess": {}}))


def test_ready_samples_need_no_preprocessing():
    settings = shipped("config/shen2019-bdata.yaml")
    del settings["input"]["bdata"]["letters"]
    with pytest.raises(InputError, match=r"input.bdata: no file for the set 'letters'"):
        load_settings(settings)


def test_ds001506_has_no_other_sessions():
    settings = shipped("config/shen2019.yaml")
    settings["sets"]["natural"] = "perceptionNaturalImage"
    with pytest.raises(InputError, match="ds001506 has unknown session 'perceptionNaturalImage'"):
        load_settings(settings)
