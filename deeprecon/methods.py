"""The methods of a study: presets filled in, one method for each seed, mistakes in plain words."""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from deeprecon.errors import InputError
from deeprecon.reconstruct.presets import Settings, relevant, settings_of

_SETTINGS = {field.name for field in fields(Settings)}
_ABOUT = ("decoder", "layers", "rois", "sets", "subjects", "generator")


def search_of(method: Mapping[str, Any]) -> Settings:
    """The preset of a method, changed as the method says.

    Raises
    ------
    InputError
        If a setting means nothing to the method's prior or optimiser.
    """
    changes = {key: value for key, value in method.items() if key in _SETTINGS}
    return settings_of(str(method["preset"]), changes)


def expanded(methods: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Methods as the workflow runs them: once for each seed, with all settings that count.

    Parameters
    ----------
    methods : checked, as the study's file has them
    seed : of methods that name none

    Returns
    -------
    dict : name -> decoder, layers, rois, sets, subjects, generator, seed, settings

    Examples
    --------
    >>> list(expanded({"a": {"preset": "2024", "seeds": [1, 2]}}, seed=0))
    ['a_seed1', 'a_seed2']
    """
    found = {}
    for name, method in methods.items():
        about = {key: method[key] for key in _ABOUT if key in method}
        about["settings"] = relevant(search_of(method))
        if "seeds" not in method:
            found[name] = {**about, "seed": seed}
        for one in method.get("seeds", []):
            found[f"{name}_seed{one}"] = {**about, "seed": one}
    return found


def search_mistakes(
    config: Mapping[str, Any], name: str, method: Mapping[str, Any]
) -> Iterator[str]:
    """What is wrong with how a method searches for images."""
    where = f"config: methods.{name}"
    try:
        settings = search_of(method)
    except InputError as error:
        yield f"{where}.{error}"
        return
    decoder = config["decoders"].get(method["decoder"], {})
    if decoder.get("model") == "import" and settings.layer_weights == "accuracy":
        yield f"{where}.layer_weights: accuracy, which imported features lack; expected equal"
    if (settings.prior == "command") != bool(settings.command):
        yield f"{where}.command: goes with prior 'command', found prior {settings.prior!r}"
    if settings.prior != "generator":
        if "generator" in method:
            yield f"{where}.generator: prior {settings.prior!r} uses none"
    elif "generator" not in method:
        known = ", ".join(config["generators"]) or "none"
        yield f"{where}: prior 'generator' needs the key 'generator'; generators: {known}"
    elif method["generator"] not in config["generators"]:
        known = ", ".join(config["generators"]) or "none"
        yield f"{where}.generator: unknown generator {method['generator']!r}; known: {known}"


_TRAINING = (
    "layer", "comparator", "n_steps", "batch_size", "learning_rate", "width", "pixel_weight",
    "feature_weight", "adversarial_weight",
)  # fmt: skip


def generator_mistakes(config: Mapping[str, Any], name: str) -> Iterator[str]:
    """What is wrong with a generator."""
    where, given = f"config: generators.{name}", config["generators"][name]
    trained = given["kind"] == "trained"
    for key in given:
        if key != "kind" and (key in _TRAINING) != trained:
            yield f"{where}.{key}: kind {given['kind']!r} has no such setting"
    if trained and "layer" not in given:
        yield f"{where}: kind 'trained' needs the key 'layer'"
    known = config["network"]["layers"]
    for key in ("layer", "comparator"):
        if trained and given.get(key, known[0]) not in known:
            yield f"{where}.{key}: unknown layer {given[key]!r}; the study has {', '.join(known)}"
    if not trained and not 200 <= config["image_size"] <= 256:
        yield (
            f"{where}.kind: {given['kind']!r} makes images of 256 pixels, of which 200 to 256 are "
            f"shown; found image_size {config['image_size']}"
        )
