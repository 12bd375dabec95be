"""Reconstruct the images of one set from decoded or true features."""

from pathlib import Path
from typing import TYPE_CHECKING

from _job import job

from deeprecon.decode.tables import read_accuracy
from deeprecon.features.networks import of_settings
from deeprecon.features.statistics import read_statistics
from deeprecon.features.store import read_layers
from deeprecon.machine import limit_torch_threads
from deeprecon.reconstruct import objective, stimulus_set, store
from deeprecon.reconstruct.observers import Checkpoint
from deeprecon.reconstruct.settings import Compute, SearchSettings

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake) as attributes:
    limit_torch_threads(snakemake.threads)
    params, files, output, method = (
        snakemake.params, snakemake.input, snakemake.output, snakemake.params.method,
    )  # fmt: skip
    targets, stimulus_id = read_layers(dict(zip(method["layers"], files.targets, strict=True)))
    network = of_settings(params.network, files.weights or None)
    statistics = read_statistics(files.statistics)
    weights = objective.accuracy_weights(method["layers"], files.get("accuracy"), read_accuracy)
    key = store.digest(attributes["config_digest"], params.code, targets, weights)
    checkpoint = Checkpoint(Path(output.result).with_suffix(".checkpoint"), key)
    result = stimulus_set.reconstruct_set(
        targets, network, params.size, statistics, SearchSettings(**method["settings"]),
        stimulus_id=stimulus_id, weights=files.generator or None, layer_weights=weights,
        decoded=params.decoded, may_be_empty=params.may_be_empty, seed=method["seed"],
        compute=Compute(**params.compute), checkpoint=checkpoint,
    )  # fmt: skip
    attributes |= {"seed": method["seed"], "settings": str(method["settings"])}
    store.write_reconstruction(output.result, output.images, result, stimulus_id, attributes)
    checkpoint.clear()
