"""Train a generator that inverts a layer of the study's network, on the training images."""

from typing import TYPE_CHECKING

import pandas as pd
from _job import job, limit_torch_threads

from deeprecon.atomic import replacing
from deeprecon.data.stimuli import load_images, read_stimuli
from deeprecon.features.networks import of_settings
from deeprecon.reconstruct.compute import device_of
from deeprecon.reconstruct.train_generator import GeneratorSettings, train, write_generator

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake) as attributes:
    limit_torch_threads(snakemake)
    params, files, output = snakemake.params, snakemake.input, snakemake.output
    given = {key: value for key, value in params.generator.items() if key != "kind"}
    network = of_settings(params.network, files.weights or None)
    images = load_images(read_stimuli(files.stimuli), **params.image)
    layer = given.pop("layer")
    trained = train(
        network,
        layer,
        images,
        GeneratorSettings(**given),
        params.seed,
        device_of(params.compute["device"]),
    )
    with replacing(output.scores) as temporary:
        scores = pd.DataFrame(trained.scores.items(), columns=["score", "value"])
        scores.to_csv(temporary, sep="\t", index=False, float_format="%.6g")
    write_generator(output.generator, trained, attributes | {"layer": layer})
