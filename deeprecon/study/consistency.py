"""Errors in settings that are valid one by one: unknown names, contradictions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from deeprecon.data.ds001506 import N_SAMPLES
from deeprecon.decode.registry import model_of
from deeprecon.errors import InputError
from deeprecon.features.registry import NETWORKS, image_size_error
from deeprecon.judge.texts import read_texts
from deeprecon.preprocess.settings import StepSettings
from deeprecon.registry import import_path_error, is_import_path, unknown

if TYPE_CHECKING:
    from deeprecon.judge.settings import TaskSettings
    from deeprecon.study.settings import MethodSettings, StudySettings


def consistency_errors(settings: StudySettings) -> Iterator[str]:
    """One line for each error, with the key that it is about."""
    yield from _import_path_errors(settings)
    yield from _input_errors(settings)
    yield from _step_errors(settings)
    yield from _network_errors(settings)
    if "weights" in settings.sets:
        yield "config: sets.weights: decoders' weights are in a folder of this name; rename the set"
    for name, decoder in settings.decoders.items():
        yield from _decoder_errors(settings, f"config: decoders.{name}", decoder)
    for name, generator in settings.generators.items():
        yield from _generator_errors(settings, f"config: generators.{name}", generator)
    found = [
        line
        for name, method in settings.methods.items()
        for line in _method_errors(settings, f"config: methods.{name}", method)
    ]
    yield from found
    if not found:
        yield from _control_errors(settings)
        yield from _split_half_errors(settings)
        yield from _judge_errors(settings)


def names_of_methods(settings: StudySettings) -> dict[str, MethodSettings]:
    """Methods by their names in the results: `<method>_seed<n>` if seeds are given."""
    found = {}
    for name, method in settings.methods.items():
        if method.seeds is None:
            found[name] = method
        else:
            found |= {f"{name}_seed{seed}": method for seed in method.seeds}
    return found


def _import_path_errors(settings: StudySettings) -> Iterator[str]:
    """A user's own functions that are not there."""
    named: dict[str, str | None] = {"network.import": settings.network.import_path}
    for name, decoder in settings.decoders.items():
        named[f"decoders.{name}.model"] = decoder.model
    for name, method in settings.methods.items():
        for key in ("prior", "optimiser", "loss", "scaling"):
            named[f"methods.{name}.{key}"] = getattr(method, key)
    for key in ("perceptual", "metrics", "checks"):
        for number, path in enumerate(getattr(settings.evaluate, key)):
            named[f"evaluate.{key}.{number}"] = path
    for key, path in named.items():
        if path is not None and is_import_path(path) and (error := import_path_error(path)):
            yield f"config: {key}: {error}"


def _input_errors(settings: StudySettings) -> Iterator[str]:
    """Stimulus sets that do not fit the kind of input."""
    given, kind = settings.input, settings.input.kind
    if "train" not in settings.sets:
        yield "config: sets: missing key 'train', the stimuli that decoders learn from"
    if settings.masks is not None and kind not in ("bids", "fmriprep"):
        yield f"config: masks: contradicts input.kind {kind!r}, which has regions of its own"
    if kind not in ("bids", "fmriprep"):
        for name, where in settings.sets.items():
            if not isinstance(where, str):
                yield (
                    f"config: sets.{name}: found {where.given()!r}, expected a session label, "
                    f"since input.kind is {kind!r}"
                )
    if given.dataset == "ds001506":
        for name, where in settings.sets.items():
            if where not in N_SAMPLES:
                said = unknown("session", str(where), N_SAMPLES)
                yield f"config: sets.{name}: ds001506 has {said}"
    if kind == "simulate":
        yield from _simulation_errors(settings)
    if kind == "bdata":
        yield from _one_for_each_set("input.bdata", given.bdata, settings.sets, "no file")
    if kind == "fmriprep" and (given.fmriprep is None) == (given.run_fmriprep is None):
        yield (
            "config: input: kind 'fmriprep' needs one of the keys 'fmriprep' (derivatives that "
            "are there) and 'run_fmriprep' (to make them)"
        )


def _simulation_errors(settings: StudySettings) -> Iterator[str]:
    """Sets that the simulator does not have."""
    runs = settings.input.simulate.runs
    if settings.input.imagery_labels == "corrected":
        yield "config: input.imagery_labels: simulated labels are right, expected category_index"
    yield from _one_for_each_set("input.simulate.runs", runs, settings.sets, "no runs")
    known = ["train", "natural", "shapes", "letters", "imagery"]
    for name in settings.sets:
        if name not in known:
            yield f"config: sets: the simulator has {unknown('set', name, known)}"


def _one_for_each_set(key: str, given: Any, sets: Any, lack: str) -> Iterator[str]:
    """Entries that must exist for each set and for nothing else."""
    for name in sets:
        if name not in given:
            yield f"config: {key}: {lack} for the set {name!r}"
    for name in given:
        if name not in sets:
            yield f"config: {key}: {unknown('set', name, sets)}"


_RAW_STEPS = ("slice_timing", "motion_correction", "coregistration")


def _step_errors(settings: StudySettings) -> Iterator[str]:
    """Preprocessing steps that the kind of input does not have."""
    kind = settings.input.kind
    absent: tuple[str, ...] = ()
    if kind == "fmriprep":
        absent = _RAW_STEPS
    if kind in ("bdata", "decoded"):
        absent = tuple(StepSettings.model_fields)
    for key in settings.preprocess.given():
        if key in absent:
            yield f"config: preprocess.{key}: input.kind {kind!r} has no such step"


def _network_errors(settings: StudySettings) -> Iterator[str]:
    """Errors in the network, its layers and the size of its images."""
    network = settings.network
    own = [key for key in network.given() if key not in ("name", "layers", "weights")]
    known: Any = network.nodes or network.layers
    if network.torchvision or network.import_path:
        if network.torchvision and network.import_path:
            yield "config: network.import: contradicts torchvision, expected one of them"
        if network.name in NETWORKS:
            yield (
                f"config: network.name: {network.name!r} is a network of deeprecon, expected "
                "another name"
            )
        if network.nodes is None:
            yield "config: network: your own network needs the key 'nodes'"
    elif network.name not in NETWORKS:
        yield f"config: network.name: {unknown('network', network.name, NETWORKS)}"
        return
    else:
        entry = NETWORKS[network.name]
        if own:
            key = own[0].replace("import_path", "import")
            yield f"config: network.{key}: {network.name!r} is a network of deeprecon, with its own"
        if entry.needs_file and network.weights is None:
            yield f"config: network: {network.name!r} needs the key 'weights', a file that you have"
        known = entry.layers
    for layer in network.layers:
        if layer not in known:
            yield f"config: network.layers: {unknown('layer', layer, list(known))}"
    wrong = image_size_error(network.name, network.layers, settings.image_size)
    if wrong:
        yield f"config: image_size: {wrong}"


_UNTRAINED = {"n_units": None, "repetitions": "all", "save_weights": False, "permute_labels": False}


def _decoder_errors(settings: StudySettings, where: str, decoder: Any) -> Iterator[str]:
    """Errors in the settings of one decoder."""
    model = model_of(decoder.model)
    if settings.input.kind == "decoded" and model.is_trained:
        yield f"{where}.model: {decoder.model!r} needs brain data, which input.kind 'decoded' lacks"
    if model.is_trained and decoder.save_weights and not model.has_weights:
        yield f"{where}.save_weights: model {decoder.model!r} has no weights of single units"
    if not model.is_trained:
        for key, known in (("kinds", list(settings.sets)), ("names", list(settings.subjects))):
            what = "set" if key == "kinds" else "subject"
            for name in getattr(decoder, key):
                if name not in known:
                    yield f"{where}.{key}: {unknown(what, name, known)}"
        for key, usual in _UNTRAINED.items():
            if getattr(decoder, key) != usual:
                yield f"{where}.{key}: model {decoder.model!r} trains nothing, expected {usual!r}"
    yield from _unknown_names(f"{where}.rois", "ROI", decoder.rois, settings.rois)
    layers = list(settings.network.layers)
    yield from _unknown_names(f"{where}.layers", "layer", decoder.layers, layers)
    if decoder.layers and not decoder.rois:
        yield f"{where}.layers: in which regions? expected the key 'rois' too"


def _unknown_names(where: str, what: str, names: Any, known: Any) -> Iterator[str]:
    for name in names:
        if name not in known:
            yield f"{where}: {unknown(what, name, known)}"


def _generator_errors(settings: StudySettings, where: str, generator: Any) -> Iterator[str]:
    """Errors in layers of trained generators and image sizes of published ones."""
    if generator.kind == "trained":
        layers = list(settings.network.layers)
        for key in ("layer", "comparator"):
            layer = getattr(generator, key)
            if layer is not None and layer not in layers:
                yield f"{where}.{key}: {unknown('layer', layer, layers)}"
    elif not 200 <= settings.image_size <= 256:
        yield (
            f"{where}.kind: {generator.kind!r} makes images of 256 pixels, of which 200 to 256 are "
            f"shown; found image_size {settings.image_size}"
        )


def _method_errors(settings: StudySettings, where: str, method: MethodSettings) -> Iterator[str]:
    """Errors in the settings of one reconstruction method."""
    yield from _search_errors(settings, where, method)
    if method.decoder not in settings.decoders:
        yield f"{where}.decoder: {unknown('decoder', method.decoder, settings.decoders)}"
    else:
        decoder = settings.decoders[method.decoder]
        if decoder.n_units is not None:
            yield f"{where}.decoder: {method.decoder!r} has n_units, but images need all units"
        if decoder.repetitions == "single":
            yield (
                f"{where}.decoder: {method.decoder!r} decodes single samples, expected one result "
                "for each stimulus; for the first presentation alone give repetitions: 1"
            )
    layers = list(settings.network.layers)
    yield from _unknown_names(f"{where}.layers", "layer", method.layers, layers)
    yield from _unknown_names(f"{where}.rois", "ROI", method.rois, settings.rois)
    test_sets = [name for name in settings.sets if name != "train"]
    yield from _unknown_names(f"{where}.sets", "test set", method.sets, test_sets)


def _search_errors(settings: StudySettings, where: str, method: MethodSettings) -> Iterator[str]:
    """Errors in a method's settings of the search for images."""
    try:
        search = method.search()
    except InputError as error:
        for line in str(error).splitlines():
            yield f"{where}.{line}"
        return
    decoder = settings.decoders.get(method.decoder)
    untrained = decoder is not None and not model_of(decoder.model).is_trained
    if untrained and search.layer_weights == "accuracy":
        yield f"{where}.layer_weights: accuracy, which imported features lack; expected equal"
    if search.prior == "command" and not search.command:
        yield f"{where}: prior 'command' needs the key 'command'"
    if not search.prior_choice.weights:
        if method.generator is not None:
            yield f"{where}.generator: prior {search.prior!r} uses none"
    elif method.generator is None:
        known = ", ".join(settings.generators) or "none"
        yield f"{where}: prior {search.prior!r} needs the key 'generator'; generators: {known}"
    elif method.generator not in settings.generators:
        yield f"{where}.generator: {unknown('generator', method.generator, settings.generators)}"


def _control_errors(settings: StudySettings) -> Iterator[str]:
    """Errors in the choice of the control method."""
    name = settings.evaluate.permuted_control
    if name is None:
        return
    methods = names_of_methods(settings)
    if name not in methods:
        yield f"config: evaluate.permuted_control: {unknown('method', name, methods)}"
    elif not settings.decoders[methods[name].decoder].permute_labels:
        yield (
            f"config: evaluate.permuted_control: the decoder {methods[name].decoder!r} of method "
            f"{name!r} does not have permute_labels: true, so it is no control"
        )


def _split_half_errors(settings: StudySettings) -> Iterator[str]:
    """Methods that cannot reconstruct halves of the repetitions."""
    methods = names_of_methods(settings)
    for name in settings.evaluate.split_half:
        if name not in methods:
            yield f"config: evaluate.split_half: {unknown('method', name, methods)}"
            continue
        decoder = settings.decoders[methods[name].decoder]
        of = f"config: evaluate.split_half: the decoder {methods[name].decoder!r} of {name!r}"
        if not model_of(decoder.model).is_trained:
            yield f"{of} is imported, so that there are no samples to halve"
        elif decoder.permute_labels:
            yield f"{of} has permute_labels: true; a control has no noise ceiling"
        elif decoder.repetitions == 1:
            yield f"{of} has repetitions: 1, which cannot be halved"
        if "each" not in methods[name].subjects:
            yield (
                f"config: evaluate.split_half: method {name!r} has only features averaged over "
                "subjects, expected 'each' among its subjects"
            )


def _judge_errors(settings: StudySettings) -> Iterator[str]:
    """Errors in the tasks of human judgement and in the texts of the page."""
    if settings.judge is None:
        return
    for number, task in enumerate(settings.judge.tasks):
        yield from _task_errors(settings, f"config: judge.tasks.{number}", task)
    try:
        read_texts(settings.judge.language)
    except InputError as error:
        yield f"config: judge.{error}"


def _task_errors(settings: StudySettings, where: str, task: TaskSettings) -> Iterator[str]:
    """Errors in one task of human judgement."""
    methods = names_of_methods(settings)
    known_sets: dict[str, None] = {}
    for name in task.methods:
        if name not in methods:
            yield f"{where}.methods: {unknown('method', name, methods)}"
            continue
        known_sets |= dict.fromkeys(methods[name].sets)
        known = list(methods[name].rois)
        yield from _unknown_names(f"{where}.rois", f"ROI of method {name}", task.rois, known)
    if known_sets and task.sets:
        yield from _unknown_names(f"{where}.sets", "set of these methods", task.sets, known_sets)
    if task.task == "preference" and len(task.methods) * len(task.rois) < 2:
        yield f"{where}: a preference needs two methods or two ROIs, found one of each"
