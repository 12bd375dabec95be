"""Train a layer's decoder in one ROI and predict the features of all test sets, or of halves."""

from typing import TYPE_CHECKING

from _job import job

from deeprecon.decode.choice import chosen_settings
from deeprecon.decode.layer import LayerDecoder
from deeprecon.decode.models import build, candidates
from deeprecon.decode.region import Region
from deeprecon.decode.stream import decode_layer, units_to_decode
from deeprecon.machine import has_cuda

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake) as attributes:
    params, files, layer = snakemake.params, snakemake.input, snakemake.wildcards.layer
    model = params.model
    region = Region.load(files.region)
    if files.get("settings"):
        settings = chosen_settings(model, files.settings, layer)
    else:
        (settings,) = candidates(model, region.training.design.n_voxels)
    units = units_to_decode(files.train, model["n_units"], layer, params.seed)
    samples_of = region.halves if params.halves else region.averaged
    parts = samples_of(params.sets, model["repetitions"])
    decode_layer(
        LayerDecoder(region.training, build(settings, has_cuda()), snakemake.threads),
        files.train,
        dict(zip(snakemake.output.features, parts, strict=True)),
        attributes,
        units=units,
        permutation_seed=params.seed if model["permute_labels"] else None,
        weights=snakemake.output.get("weights"),
    )
