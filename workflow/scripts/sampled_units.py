"""Draw a seeded sample of the units of every layer."""

from typing import TYPE_CHECKING

from _job import job

from deeprecon.features.sampled import SampledUnits, sample_features, write_sampled
from deeprecon.features.store import FeatureFile

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake) as attributes:
    params, files = snakemake.params, snakemake.input.layers
    features, units = {}, {}
    for layer, path in zip(params.layers, files, strict=True):
        features[layer], units[layer] = sample_features(path, params.n_units, layer, params.seed)
    stimuli = FeatureFile.of(files[0]).stimulus_id
    sampled = SampledUnits(stimuli, features, units)
    write_sampled(snakemake.output.sampled, sampled, attributes)
