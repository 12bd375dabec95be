"""Train one layer's decoder in one ROI and predict the features of every test set, or of halves."""

from typing import TYPE_CHECKING

from _job import job

from deeprecon.decode.layer import LayerDecoder
from deeprecon.decode.models import build, candidates
from deeprecon.decode.region import Region
from deeprecon.decode.stream import Wanted, decode_layer
from deeprecon.decode.tables import read_settings
from deeprecon.features.sampled import sample_units
from deeprecon.features.store import FeatureFile
from deeprecon.machine import has_cuda

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake) as attributes:
    params, layer = snakemake.params, snakemake.wildcards.layer
    region = Region.load(snakemake.input.region)
    if snakemake.input.get("settings"):
        settings = read_settings(snakemake.input.settings, layer)
    else:
        (settings,) = candidates(params.model, region.training.design.n_voxels)
    units = None
    if params.model["n_units"] is not None:
        shape = FeatureFile.of(snakemake.input.train).unit_shape
        units = sample_units(shape, params.model["n_units"], layer, params.seed)
    repetitions, tests = params.model["repetitions"], [region.tests[name] for name in params.sets]
    if snakemake.rule == "decode_halves":
        parts = [test.half(which, repetitions) for which in (1, 2) for test in tests]
        wanted = [
            Wanted(path, *part) for part, path in zip(parts, snakemake.output.features, strict=True)
        ]
    else:
        wanted = [
            Wanted(path, *test.averaged(repetitions))
            for test, path in zip(tests, snakemake.output.features, strict=True)
        ]
    decode_layer(
        LayerDecoder(region.training, build(settings, has_cuda()), n_jobs=snakemake.threads),
        snakemake.input.train,
        wanted,
        attributes,
        units=units,
        permutation_seed=params.seed if params.model["permute_labels"] else None,
        weights=snakemake.output.get("weights"),
    )
