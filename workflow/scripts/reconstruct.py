"""Reconstruct the images of one stimulus set from decoded features, or from true ones."""

from typing import TYPE_CHECKING

from _job import job, limit_torch_threads

from deeprecon.decode.tables import read_accuracy
from deeprecon.features.networks import load
from deeprecon.features.statistics import read_statistics
from deeprecon.features.store import read_features
from deeprecon.reconstruct.invert import reconstruct
from deeprecon.reconstruct.presets import Settings
from deeprecon.reconstruct.store import write_reconstruction

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake) as attributes:
    limit_torch_threads(snakemake)
    params, method = snakemake.params, dict(snakemake.params.method)
    layers, weighting = method.pop("layers"), method.pop("layer_weights")
    stimulus_id = read_features(snakemake.input.targets[0])[1]
    targets = {
        layer: read_features(path, stimulus_id)[0]
        for layer, path in zip(layers, snakemake.input.targets, strict=True)
    }
    decoded = snakemake.rule != "reconstruct_true"
    weights = None
    if decoded and weighting == "accuracy":
        table = snakemake.input.accuracy
        weights = {layer: max(read_accuracy(table, layer), 0.05) ** 2 for layer in layers}
    result = reconstruct(
        targets,
        load(params.network),
        params.size,
        read_statistics(snakemake.input.statistics),
        Settings(**method),
        layer_weights=weights,
        match=decoded,
    )
    write_reconstruction(
        snakemake.output.result,
        snakemake.output.images,
        result.images,
        result.raw,
        result.loss,
        stimulus_id,
        attributes,
    )
