"""Train a generator that inverts a layer of the study's network, on the training images."""

from typing import TYPE_CHECKING

from _job import job

from deeprecon.data.stimuli import load_images, read_stimuli
from deeprecon.features.networks import of_settings
from deeprecon.machine import limit_torch_threads
from deeprecon.reconstruct.compute import device_of
from deeprecon.reconstruct.settings import TrainedGeneratorSettings
from deeprecon.reconstruct.train_generator import train, write_generator
from deeprecon.tables import write_table

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake) as attributes:
    limit_torch_threads(snakemake.threads)
    params, files, output = snakemake.params, snakemake.input, snakemake.output
    settings = TrainedGeneratorSettings(**params.generator)
    network = of_settings(params.network, files.weights or None)
    images = load_images(read_stimuli(files.stimuli), **params.image)
    device = device_of(params.compute["device"])
    trained = train(network, images, settings, params.seed, device)
    scores = [{"score": name, "value": value} for name, value in trained.scores.items()]
    write_table(output.scores, scores)
    write_generator(output.generator, trained, attributes | {"layer": settings.layer})
