"""Compute the features of one stimulus set in every layer of the study."""

from typing import TYPE_CHECKING

from _job import job

from deeprecon.data.stimuli import load_images, read_stimuli
from deeprecon.features.extract import extract_to_files
from deeprecon.features.networks import of_settings
from deeprecon.machine import limit_torch_threads

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake) as attributes:
    limit_torch_threads(snakemake.threads)
    params = snakemake.params
    stimuli = read_stimuli(snakemake.input.table)
    network = of_settings(params.network, snakemake.input.weights or None)
    attributes |= {
        "network": params.network["name"],
        "weights_sha256": network.weights_sha256,
        "preprocessing": network.preprocessing,
    }
    extract_to_files(
        network,
        load_images(stimuli, **params.image),
        dict(zip(params.network["layers"], snakemake.output.layers, strict=True)),
        list(stimuli["stimulus_id"]),
        attributes,
    )
