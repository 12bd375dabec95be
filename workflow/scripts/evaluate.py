"""Score the reconstructions of one method in one ROI, set by set."""

from typing import TYPE_CHECKING, Any

import pandas as pd
from _job import job, limit_torch_threads

from deeprecon.atomic import replacing
from deeprecon.data.stimuli import load_images, read_stimuli
from deeprecon.evaluate.table import evaluate_set, feature_identification_rows
from deeprecon.features.extract import extract
from deeprecon.features.networks import of_settings
from deeprecon.reconstruct.store import read_images

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    limit_torch_threads(snakemake)
    params, files, wildcards = snakemake.params, snakemake.input, snakemake.wildcards
    network = of_settings(params.network, files.weights or None)
    floors = dict(zip(params.floor, files.floor, strict=True))
    ceilings = dict(zip(params.ceiling, files.ceiling, strict=True))
    tables = []
    for name, recon, table in zip(params.sets, files.recon, files.tables, strict=True):
        stimuli = read_stimuli(table)
        ids = list(stimuli["stimulus_id"])
        images: dict[str, Any] = {
            "true": load_images(stimuli, **params.image),
            "recon": read_images(recon, ids),
            "floor": read_images(floors[name], ids) if name in floors else None,
            "ceiling": read_images(ceilings[name], ids) if name in ceilings else None,
        }
        features: dict[str, Any] = {
            key: None if part is None else extract(network, part, params.network["layers"])
            for key, part in images.items()
        }
        settings: dict[str, Any] = {
            "keys": {key: wildcards[key] for key in ("subject", "roi", "method")} | {"set": name},
            "stimulus_id": ids,
            "seed": params.seed,
            "n_permutations": params.n_permutations,
            "n_bootstrap": params.n_bootstrap,
        }
        tables += [evaluate_set(**images, **settings)]
        tables += [feature_identification_rows(**features, **settings)]
    with replacing(snakemake.output.scores) as temporary:
        pd.concat(tables).to_csv(temporary, sep="\t", index=False, float_format="%.6g")
