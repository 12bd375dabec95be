"""Check the settings of a study before any job starts, one clear line for each mistake."""

from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from difflib import get_close_matches
from typing import Any

import jsonschema

from deeprecon.data.ds001506 import N_SAMPLES
from deeprecon.decode.settings import DEFAULTS
from deeprecon.errors import InputError
from deeprecon.features.layers import DOWNLOADS, LAYERS, image_size_mistake
from deeprecon.judge.sent.rules import Rules
from deeprecon.judge.texts import read_texts
from deeprecon.methods import expanded, generator_mistakes, search_mistakes
from deeprecon.preprocess.presets import PRESETS, steps

Config = dict[str, Any]


def checked(config: Mapping[str, Any], schema: Mapping[str, Any]) -> Config:
    """Settings with defaults filled in, or an InputError that lists every mistake.

    Parameters
    ----------
    config : as read from YAML
    schema : JSON schema, workflow/schemas/config.schema.yaml

    Raises
    ------
    InputError
        One line per mistake: the key, what was found, what was expected.
    """
    validator = _WithDefaults(schema)
    filled = deepcopy(dict(config))
    found = sorted(validator.iter_errors(filled), key=lambda error: list(map(str, error.path)))
    mistakes = [_line(error) for error in found] or list(_contradictions(filled))
    if mistakes:
        raise InputError("\n".join(mistakes))
    filled["preprocess"] = steps(filled["preprocess"])
    filled["methods"] = expanded(filled["methods"], filled["seed"])
    if filled["input"]["kind"] == "fmriprep":
        filled["input"].setdefault("space", "T1w")
    return filled


def _fill_defaults(
    validator: Any, properties: Mapping[str, Any], instance: Any, schema: Mapping[str, Any]
) -> Iterator[jsonschema.ValidationError]:
    """Set missing keys to their default, then check as the schema says."""
    if isinstance(instance, dict):
        for key, part in properties.items():
            if "default" in part:
                instance.setdefault(key, deepcopy(part["default"]))
    yield from jsonschema.Draft202012Validator.VALIDATORS["properties"](
        validator, properties, instance, schema
    )


_WithDefaults = jsonschema.validators.extend(
    jsonschema.Draft202012Validator, {"properties": _fill_defaults}
)


def _line(error: Any) -> str:
    """One line of plain words for an error of jsonschema."""
    while error.context:
        error = _most_telling(error.context)
    where = ".".join(str(part) for part in error.absolute_path)
    prefix = f"config: {where}: " if where else "config: "
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = list(error.schema.get("properties", {}))
        unknown = [str(key) for key in error.instance if key not in known]
        return prefix + _unknown("key", unknown[0], known)
    if error.validator == "required":
        missing = [key for key in error.validator_value if key not in error.instance]
        return f"{prefix}missing key {missing[0]!r}"
    if error.validator == "type":
        return f"{prefix}found {error.instance!r}, expected {error.validator_value}"
    if error.validator in ("minItems", "minProperties"):
        least = error.validator_value
        return f"{prefix}found {len(error.instance)} entries, expected {least} or more"
    return f"{prefix}{error.message}".replace("\n", " ")


def _most_telling(errors: Iterable[Any]) -> Any:
    """Of what is wrong with each alternative: what is deepest; of the right type; the first."""
    errors = list(errors)
    deepest = max(len(error.absolute_path) for error in errors)
    deep = [error for error in errors if len(error.absolute_path) == deepest]
    return next(
        (error for error in deep if error.validator not in ("type", "const", "enum")), deep[0]
    )


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    """'unknown layer 'b99'; did you mean 'b9'? known: ...'; of many only the nearest."""
    known = list(known)
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    if near and len(known) > 20:
        return f"unknown {what} {name!r}; {hint.rstrip()}"
    return f"unknown {what} {name!r}; {hint}known: {', '.join(known)}"


def _contradictions(config: Config) -> Iterator[str]:
    """Mistakes that a schema cannot see: names that do not exist, settings at odds."""
    yield from _input_mistakes(config)
    yield from _network_mistakes(config)
    if "weights" in config["sets"]:
        yield "config: sets.weights: the name of the folder of decoders' weights, expected another"
    for name, decoder in config["decoders"].items():
        yield from _decoder_mistakes(config, name, decoder)
    for name in config["generators"]:
        yield from generator_mistakes(config, name)
    found = [line for name in config["methods"] for line in _method_mistakes(config, name)]
    yield from found
    if not found:  # what is in the places below is a method's name with its seed
        methods = expanded(config["methods"], config["seed"])
        yield from _floor_mistakes(config, methods)
        yield from _split_half_mistakes(config, methods)
        yield from _judge_mistakes(config, methods)


def _network_mistakes(config: Config) -> Iterator[str]:
    """The network, its layers and the size of its images."""
    network = config["network"]
    name, own = network["name"], [key for key in _OWN_NETWORK if key in network]
    if "torchvision" in network or "import" in network:
        if "torchvision" in network and "import" in network:
            yield "config: network.import: contradicts torchvision, expected one of them"
        if name in LAYERS:
            yield f"config: network.name: {name!r} is a network of deeprecon, expected another name"
        if "nodes" not in network:
            yield "config: network: one's own network needs the key 'nodes'"
        known = list(network.get("nodes", network["layers"]))
    elif name not in LAYERS:
        yield f"config: network.name: {_unknown('network', name, LAYERS)}"
        return
    else:
        if own:
            yield f"config: network.{own[0]}: {name!r} is a network of deeprecon, which has its own"
        if name not in DOWNLOADS and "weights" not in network:
            yield f"config: network: {name!r} needs the key 'weights', a file that you have"
        known = LAYERS[name]
    for layer in network["layers"]:
        if layer not in known:
            yield f"config: network.layers: {_unknown('layer', layer, known)}"
    mistake = image_size_mistake(name, network["layers"], config["image_size"])
    if mistake:
        yield f"config: image_size: {mistake}"


_OWN_NETWORK = ("torchvision", "import", "nodes", "mean", "sd", "channels")


def _floor_mistakes(config: Config, methods: Config) -> Iterator[str]:
    """The method that stands beside the others as their control."""
    floor = config["evaluate"].get("floor")
    if floor is None:
        return
    method = methods.get(floor)
    if method is None:
        yield f"config: evaluate.floor: {_unknown('method', floor, methods)}"
    elif not config["decoders"].get(method["decoder"], {}).get("permute_labels", False):
        yield (
            f"config: evaluate.floor: the decoder {method['decoder']!r} of method {floor!r} "
            "does not have permute_labels: true, so it is no floor"
        )


def _split_half_mistakes(config: Config, methods: Config) -> Iterator[str]:
    """Methods that reconstruct halves of the repetitions, which they must have."""
    for name in config["evaluate"]["split_half"]:
        if name not in methods:
            yield f"config: evaluate.split_half: {_unknown('method', name, methods)}"
            continue
        decoder = config["decoders"][methods[name]["decoder"]]
        of = f"config: evaluate.split_half: the decoder {methods[name]['decoder']!r} of {name!r}"
        if decoder["model"] == "import":
            yield f"{of} is imported, so that there are no samples to halve"
        elif decoder["permute_labels"]:
            yield f"{of} has permute_labels: true; a control has no noise ceiling"
        elif decoder["repetitions"] == 1:
            yield f"{of} has repetitions: 1, which cannot be halved"
        if "each" not in methods[name]["subjects"]:
            yield (
                f"config: evaluate.split_half: method {name!r} has features averaged over subjects "
                "alone, expected each of subjects"
            )


_ALWAYS = ("kind", "dataset", "imagery_labels")
# Kind of input -> keys that it needs, and keys that it may have.
_INPUT_KEYS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "simulate": (("simulate",), ()),
    "bids": (("bids", "stimuli"), ()),
    "fmriprep": (("bids", "fmriprep", "stimuli"), ("space",)),
    "bdata": (("bdata", "stimuli"), ("label",)),
    "decoded": (("stimuli",), ()),
}
_RAW_STEPS = ("slice_timing", "motion_correction", "coregistration")
_NOT_PREPROCESSED: dict[str, tuple[str, ...]] = {
    "simulate": (),
    "bids": (),
    "fmriprep": _RAW_STEPS,
    "bdata": tuple(PRESETS["shen2019"]),
    "decoded": tuple(PRESETS["shen2019"]),
}


def _bdata_mistakes(config: Config) -> Iterator[str]:
    """Sets and files of ready samples."""
    given = config["input"].get("bdata", {})
    for name in config["sets"]:
        if name not in given:
            yield f"config: input.bdata: no file for the set {name!r}"
    for name in given:
        if name not in config["sets"]:
            yield f"config: input.bdata: {_unknown('set', name, config['sets'])}"


def _input_mistakes(config: Config) -> Iterator[str]:
    """The kind of input and the settings that belong to it."""
    given, kind = config["input"], config["input"]["kind"]
    needed, optional = _INPUT_KEYS[kind]
    if "run_fmriprep" in given:
        needed = tuple(key for key in needed if key != "fmriprep")
        optional = (*optional, "run_fmriprep")
    for key in needed:
        if key not in given:
            yield f"config: input: kind {kind!r} needs the key {key!r}"
    for key in given:
        if key not in (*_ALWAYS, *needed, *optional):
            yield f"config: input.{key}: contradicts kind {kind!r}"
    if "masks" in config and kind not in ("bids", "fmriprep"):
        yield f"config: masks: contradicts input.kind {kind!r}, which has regions of its own"
    for key in config["preprocess"]:
        if key != "preset" and key in _NOT_PREPROCESSED[kind]:
            yield f"config: preprocess.{key}: input.kind {kind!r} has no such step"
    if kind == "simulate" and given["imagery_labels"] == "corrected":
        yield "config: input.imagery_labels: simulated labels are right, expected category_index"
    if kind in ("simulate", "bdata", "decoded"):
        for name, where in config["sets"].items():
            if not isinstance(where, str):
                yield f"config: sets.{name}: found {where!r}, expected a session label"
    if kind == "bdata":
        yield from _bdata_mistakes(config)
    if given["dataset"] == "ds001506":
        for name, where in config["sets"].items():
            if where not in N_SAMPLES:
                unknown = _unknown("session", str(where), N_SAMPLES)
                yield f"config: sets.{name}: ds001506 has {unknown}"
    if kind == "simulate" and "simulate" in given:
        runs = given["simulate"]["runs"]
        for name in config["sets"]:
            if name not in runs:
                yield f"config: input.simulate.runs: no runs for the set {name!r}"
        for name in runs:
            if name not in config["sets"]:
                yield f"config: input.simulate.runs: {_unknown('set', name, config['sets'])}"
        known = ("train", "natural", "shapes", "letters", "imagery")
        for name in config["sets"]:
            if name not in known:
                yield f"config: sets: the simulator has {_unknown('set', name, known)}"


_IMPORT = ("folder", "network", "kinds", "names")
_UNTRAINED = {"n_units": None, "repetitions": "all", "save_weights": False, "permute_labels": False}


def _decoder_mistakes(config: Config, name: str, decoder: Config) -> Iterator[str]:
    """Names and settings of one decoder."""
    where = f"config: decoders.{name}"
    model = decoder["model"]
    own = _IMPORT if model == "import" else tuple(DEFAULTS[model])
    for key in sorted({*_IMPORT, *(key for keys in DEFAULTS.values() for key in keys)}):
        if key in decoder and key not in own:
            yield f"{where}.{key}: model {model!r} has no such setting; known: {', '.join(own)}"
    if config["input"]["kind"] == "decoded" and model != "import":
        yield f"{where}.model: {model!r}, which input.kind 'decoded' has no brain data for"
    if model == "import":
        yield from _import_mistakes(config, where, decoder)
    if model == "shared" and decoder["save_weights"]:
        yield f"{where}.save_weights: model 'shared' has no weights of single units"
    for roi in decoder.get("rois", []):
        if roi not in config["rois"]:
            yield f"{where}.rois: {_unknown('ROI', roi, config['rois'])}"
    for layer in decoder.get("layers", []):
        if layer not in config["network"]["layers"]:
            yield f"{where}.layers: {_unknown('layer', layer, config['network']['layers'])}"
    if "layers" in decoder and "rois" not in decoder:
        yield f"{where}.layers: of which regions? expected the key 'rois' too"


def _import_mistakes(config: Config, where: str, decoder: Config) -> Iterator[str]:
    """Settings of features that another program has decoded."""
    if "folder" not in decoder:
        yield f"{where}: model 'import' needs the key 'folder'"
    for key, known in (("kinds", config["sets"]), ("names", config["subjects"])):
        for name in decoder.get(key, {}):
            if name not in known:
                yield f"{where}.{key}: {_unknown(key, name, known)}"
    for key, usual in _UNTRAINED.items():
        if decoder[key] != usual:
            yield f"{where}.{key}: model 'import' trains nothing, expected {usual!r}"


def _method_mistakes(config: Config, name: str) -> Iterator[str]:
    """Names and settings of one reconstruction method."""
    where, method = f"config: methods.{name}", config["methods"][name]
    yield from search_mistakes(config, name, method)
    if method["decoder"] not in config["decoders"]:
        yield f"{where}.decoder: {_unknown('decoder', method['decoder'], config['decoders'])}"
    else:
        decoder = config["decoders"][method["decoder"]]
        if decoder["n_units"] is not None:
            yield f"{where}.decoder: {method['decoder']!r} has n_units, but images need all units"
        if decoder["repetitions"] == "single":
            yield (
                f"{where}.decoder: {method['decoder']!r} decodes single samples, expected one "
                "result a stimulus; for the first presentation alone give repetitions: 1"
            )
    for layer in method["layers"]:
        if layer not in config["network"]["layers"]:
            yield f"{where}.layers: {_unknown('layer', layer, config['network']['layers'])}"
    for roi in method["rois"]:
        if roi not in config["rois"]:
            yield f"{where}.rois: {_unknown('ROI', roi, config['rois'])}"
    test_sets = [key for key in config["sets"] if key != "train"]
    for key in method["sets"]:
        if key not in test_sets:
            yield f"{where}.sets: {_unknown('test set', key, test_sets)}"


def _judge_mistakes(config: Config, methods: Config) -> Iterator[str]:
    """What raters are asked, in which words, and the limits of its checks."""
    judge = config.get("judge")
    if judge is None:
        return
    asked = [task["task"] for task in judge["tasks"]]
    for name in dict.fromkeys(name for name in asked if asked.count(name) > 1):
        yield f"config: judge.tasks: {name!r} stands {asked.count(name)} times, expected once"
    for number, task in enumerate(judge["tasks"]):
        yield from _task_mistakes(f"config: judge.tasks.{number}", task, methods)
    for check, value in ((read_texts, judge["language"]), (Rules.of, judge["rules"])):
        try:
            check(value)
        except InputError as error:
            yield f"config: judge: {error}"


def _task_mistakes(where: str, task: Config, methods: Config) -> Iterator[str]:
    """A task of raters: methods, regions and sets that there are."""
    if task.get("pairs") == "all" and "trials" in task:
        yield f"{where}.trials: contradicts pairs 'all', whose number follows from the sets"
    if task.get("pairs") == "all" and task["task"] == "preference":
        yield f"{where}.pairs: a preference has no foils to pair"
    known_sets: dict[str, None] = {}
    for name in task["methods"]:
        if name not in methods:
            yield f"{where}.methods: {_unknown('method', name, methods)}"
            continue
        known_sets |= dict.fromkeys(methods[name]["sets"])
        for roi in task["rois"]:
            known = methods[name]["rois"]
            if roi not in known:
                yield f"{where}.rois: {_unknown(f'ROI of method {name}', roi, known)}"
    for name in task.get("sets", []):
        if known_sets and name not in known_sets:
            yield f"{where}.sets: {_unknown('set of these methods', name, known_sets)}"
    if task["task"] == "preference" and len(task["methods"]) * len(task["rois"]) < 2:
        yield f"{where}: a preference needs two methods or two ROIs, found one of each"
