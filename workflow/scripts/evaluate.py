"""Score the reconstructions of one method in one region, and the baselines, set by set."""

from typing import TYPE_CHECKING

from _job import job

from deeprecon.data.stimuli import load_images, read_stimuli
from deeprecon.decode.region import Region
from deeprecon.evaluate.encoding import EncodingModel
from deeprecon.evaluate.score import Scorer, SetFiles, score_sets
from deeprecon.evaluate.table import Tests
from deeprecon.features.networks import of_settings
from deeprecon.features.sampled import read_sampled
from deeprecon.machine import limit_torch_threads
from deeprecon.tables import write_table

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    limit_torch_threads(snakemake.threads)
    params, files, wildcards = snakemake.params, snakemake.input, snakemake.wildcards
    layers, weights = params.network["layers"], files.weights or None
    scorer = Scorer(
        of_settings(params.network, weights), params.network["name"], layers,
        load_images(read_stimuli(files.training), **params.image),
        read_sampled(files.sampled, layers), weights=params.weights, own=params.metrics,
        encoding=EncodingModel.load(files.encoding) if files.encoding else None,
        region=Region.load(files.region) if files.region else None, perceptual=params.perceptual,
        tests=Tests(params.seed, params.n_permutations, params.n_bootstrap), **params.image,
    )  # fmt: skip
    sets = SetFiles.of_sets(
        params.sets, files.tables, files.recon, files.baselines,
        control=dict(zip(params.control, files.control, strict=True)),
        true_features=dict(zip(params.true_features, files.true_features, strict=True)),
        halves=dict(zip(params.halves, zip(files.half_1, files.half_2, strict=True), strict=True)),
    )  # fmt: skip
    keys = {key: wildcards[key] for key in ("subject", "roi", "method")}
    for path, table in zip(snakemake.output, score_sets(scorer, sets, keys), strict=True):
        write_table(path, table)
