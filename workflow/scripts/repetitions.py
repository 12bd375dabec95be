"""Accuracy against the number of repetitions, its ceiling, and identification among all images."""

from typing import TYPE_CHECKING

import numpy as np
from _job import job

from deeprecon.decode.layer import LayerDecoder
from deeprecon.decode.models import build
from deeprecon.decode.region import Region
from deeprecon.decode.reliability import accuracy_by_repetitions, stack_repetitions
from deeprecon.decode.stream import permuted
from deeprecon.decode.tables import read_settings, write_table
from deeprecon.features.sampled import read_sampled

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    params, wildcards = snakemake.params, snakemake.wildcards
    region = Region.load(snakemake.input.region)
    train = read_sampled(snakemake.input.train, params.layers)
    tests = dict(zip(params.sets, snakemake.input.tests, strict=True))
    known = train.stimulus_id
    if params.model["permute_labels"]:
        known = permuted(known, params.seed)
    X = np.concatenate([region.tests[name].X for name in tests])
    bounds = np.cumsum([0, *(len(region.tests[name].X) for name in tests)])
    keys = {key: wildcards[key] for key in ("subject", "roi", "decoder")}
    keys["permuted"] = params.model["permute_labels"]
    rows, last = [], None
    for layer, features in train.features.items():
        settings = read_settings(snakemake.input.settings, layer)
        if settings != last:  # else the layer before has worked out what both need
            decoder = LayerDecoder(region.training, build(settings), n_jobs=snakemake.threads)
            last = settings
        decoded = decoder.decode(features, known, X, train.units[layer])
        mean, sd = features.mean(axis=0), features.std(axis=0, ddof=1)
        for name, start, stop in zip(tests, bounds[:-1], bounds[1:], strict=True):
            stacked, ids = stack_repetitions(decoded[start:stop], region.tests[name].stimulus_id)
            true = read_sampled(tests[name], [layer], ids).features[layer]
            found = accuracy_by_repetitions(
                stacked, true, mean, sd, features, params.model["repetitions"]
            )
            place = keys | {"set": name, "layer": layer}
            rows += [place | row | {"n_units": true.shape[1]} for row in found]
    write_table(snakemake.output.table, rows)
