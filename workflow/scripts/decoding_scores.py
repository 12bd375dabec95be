"""Score what a decoder makes of the test stimuli: each unit, each stimulus, and the means."""

from typing import TYPE_CHECKING

from _job import job

from deeprecon.decode.tables import score_rows, stimulus_rows, write_table
from deeprecon.decode.validate import score_layer
from deeprecon.features.statistics import read_statistics
from deeprecon.features.store import read_features, read_units
from deeprecon.hdf5 import writing

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake) as attributes:
    params, wildcards = snakemake.params, snakemake.wildcards
    statistics = read_statistics(snakemake.input.statistics)
    keys = {key: wildcards[key] for key in ("subject", "roi", "decoder")}
    keys["permuted"] = params.permuted
    means, stimuli = [], []
    with writing(snakemake.output.units, track_order=True) as file:
        for (name, layer), decoded, true in zip(
            params.files, snakemake.input.decoded, snakemake.input.true, strict=True
        ):
            predicted, ids = read_features(decoded)
            units = read_units(decoded)
            wanted = read_features(true, ids, units)[0]
            mean, sd = statistics[layer].mean, statistics[layer].sd
            if units is not None:
                mean, sd = mean.reshape(-1)[units], sd.reshape(-1)[units]
            scores = score_layer(predicted, wanted, mean, sd, ids)
            place = keys | {"set": name, "layer": layer}
            means += score_rows(scores, place)
            stimuli += stimulus_rows(scores, ids, place)
            file[f"{name}/{layer}"] = scores.profile_correlation.astype("float32")
        file.attrs.update(attributes)
    write_table(snakemake.output.scores, means)
    write_table(snakemake.output.stimuli, stimuli)
