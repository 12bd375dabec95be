"""Score the decoded features of a subject."""

from typing import TYPE_CHECKING

import pandas as pd
from _job import job

from deeprecon.atomic import replacing
from deeprecon.decode.validate import score_layer
from deeprecon.features.statistics import read_statistics
from deeprecon.features.store import read_features

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    params = snakemake.params
    statistics = read_statistics(snakemake.input.statistics)
    true_files = {
        tuple(key): path for key, path in zip(params.true, snakemake.input.true, strict=True)
    }
    tables = []
    for (roi, decoder, layer, name), path in zip(
        params.decoded, snakemake.input.decoded, strict=True
    ):
        predicted, ids = read_features(path)
        true, _ = read_features(true_files[name, layer], ids)
        keys = {
            "subject": snakemake.wildcards.subject,
            "roi": roi,
            "decoder": decoder,
            "permuted": params.permuted[decoder],
            "set": name,
            "layer": layer,
        }
        values = score_layer(predicted, true, statistics[layer])
        tables += [{**keys, "metric": metric, "value": value} for metric, value in values.items()]
    with replacing(snakemake.output.scores) as temporary:
        pd.DataFrame(tables).to_csv(temporary, sep="\t", index=False)
