"""Compute the features of one stimulus set in every layer of the study."""

from typing import TYPE_CHECKING

from _job import job, limit_torch_threads

from deeprecon.data.stimuli import load_images, read_stimuli
from deeprecon.features.extract import extract
from deeprecon.features.networks import load
from deeprecon.features.store import write_features

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake) as attributes:
    limit_torch_threads(snakemake)
    params = snakemake.params
    stimuli = read_stimuli(snakemake.input.table)
    network = load(params.network)
    features = extract(network, load_images(stimuli, params.size), params.layers)
    attributes |= {
        "network": params.network,
        "weights_sha256": network.weights_sha256,
        "preprocessing": network.preprocessing,
    }
    for layer, path in zip(params.layers, snakemake.output.layers, strict=True):
        write_features(path, features[layer], list(stimuli["stimulus_id"]), attributes)
