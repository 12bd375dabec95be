"""Reconstruct the images of one set from decoded features, their halves, or true features."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from _job import job, limit_torch_threads

from deeprecon.decode.tables import read_accuracy
from deeprecon.features.networks import of_settings
from deeprecon.features.statistics import read_statistics
from deeprecon.features.store import read_features
from deeprecon.reconstruct.command import reconstruct_by_command
from deeprecon.reconstruct.compute import Compute
from deeprecon.reconstruct.generators import load_prior
from deeprecon.reconstruct.invert import no_images, reconstruct
from deeprecon.reconstruct.presets import Settings
from deeprecon.reconstruct.progress import Checkpoint
from deeprecon.reconstruct.store import digest, write_reconstruction

if TYPE_CHECKING:
    from snakemake.script import snakemake

LEAST_ACCURACY = 0.05  # so that no layer is left out


def layer_weights(layers: Sequence[str], tables: Sequence[str]) -> dict[str, float] | None:
    """Squared cross-validated accuracy of each layer, averaged over tables; None without any."""
    if not tables:
        return None
    accuracy = {
        layer: sum(read_accuracy(table, layer) for table in tables) / len(tables)
        for layer in layers
    }
    return {layer: max(value, LEAST_ACCURACY) ** 2 for layer, value in accuracy.items()}


with job(snakemake) as attributes:
    limit_torch_threads(snakemake)
    params, files, output = snakemake.params, snakemake.input, snakemake.output
    method = params.method
    layers, settings = method["layers"], Settings(**method["settings"])
    stimulus_id = read_features(files.targets[0])[1]
    targets = {
        layer: read_features(path, stimulus_id)[0]
        for layer, path in zip(layers, files.targets, strict=True)
    }
    network = of_settings(params.network, files.weights or None)
    statistics = read_statistics(files.statistics)
    decoded = snakemake.rule in ("reconstruct", "reconstruct_half")
    how = {"decoded": decoded, "seed": method["seed"]}
    weights = layer_weights(layers, files.get("accuracy", []))
    key = digest(attributes["config_digest"], params.code, targets, weights)
    checkpoint = Checkpoint(Path(output.result).with_suffix(".checkpoint"), key)
    problem = (targets, network, params.size, statistics, settings)
    if snakemake.rule == "reconstruct_half" and not stimulus_id:  # no image was shown twice
        result = no_images(layers, params.size)
    elif settings.prior == "command":
        result = reconstruct_by_command(*problem, stimulus_id=stimulus_id, **how)
    else:
        prior = None
        if settings.prior == "generator":
            prior = load_prior(files.generator, params.size, settings.fit, float(settings.start))
        result = reconstruct(
            *problem,
            prior=prior,
            layer_weights=weights,
            compute=Compute(**params.compute),
            checkpoint=checkpoint,
            **how,
        )
    attributes |= {"seed": method["seed"], "settings": str(method["settings"])}
    write_reconstruction(output.result, output.images, result, stimulus_id, attributes)
    checkpoint.clear()
