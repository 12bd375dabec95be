"""Score the reconstructions of one method in one ROI, and the baselines, set by set."""

from typing import TYPE_CHECKING, Any

import pandas as pd
from _job import job, limit_torch_threads

from deeprecon.atomic import replacing
from deeprecon.data.stimuli import load_images, read_stimuli
from deeprecon.decode.region import Region
from deeprecon.errors import about
from deeprecon.evaluate.encoding import EncodingModel, brain_scores
from deeprecon.evaluate.halves import SPLIT_HALF, in_both, spread
from deeprecon.evaluate.perceptual import PerceptualScore, not_computed
from deeprecon.evaluate.pictures import read_pictures
from deeprecon.evaluate.suite import feature_scores, pixel_scores
from deeprecon.evaluate.table import CONTROL, RECONSTRUCTION, TRUE_FEATURES, Tests, score_table
from deeprecon.features.extract import extract
from deeprecon.features.networks import of_settings
from deeprecon.features.sampled import read_sampled
from deeprecon.reconstruct.store import read_images, read_stimulus_id

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    limit_torch_threads(snakemake)
    params, files, wildcards = snakemake.params, snakemake.input, snakemake.wildcards
    network, layers = of_settings(params.network, files.weights or None), params.network["layers"]
    size = params.image["size"]
    training = load_images(read_stimuli(files.training), **params.image)
    sampled = read_sampled(files.sampled, layers)
    encoding = EncodingModel.load(files.encoding) if files.encoding else None
    region = Region.load(files.region) if files.region else None
    missing = {name: not_computed(name, params.weights) for name in params.perceptual}
    perceptual = [PerceptualScore(name, params.weights) for name, why in missing.items() if not why]
    missing["brain_correlation"] = params.no_brain if encoding is None else encoding.not_usable()
    floors = dict(zip(params.floor, files.floor, strict=True))
    ceilings = dict(zip(params.ceiling, files.ceiling, strict=True))
    halves = dict(zip(params.halves, zip(files.half_1, files.half_2, strict=True), strict=True))
    tests = Tests(params.seed, params.n_permutations, params.n_bootstrap)
    whole, single = [], []
    for name, recon, baselines, table in zip(
        params.sets, files.recon, files.baselines, files.tables, strict=True
    ):
        stimuli = read_stimuli(table)
        ids = list(stimuli["stimulus_id"])
        true = load_images(stimuli, **params.image)
        of_true, categories = extract(network, true, layers), list(stimuli.get("category", []))
        pictures = {RECONSTRUCTION: read_images(recon, ids)}
        for kind, given in ((CONTROL, floors), (TRUE_FEATURES, ceilings)):
            if name in given:
                pictures[kind] = read_images(given[name], ids)
        scores: dict[str, list[Any]] = {}
        for kind, images in (pictures | read_pictures(baselines, ids)).items():
            with about(f"{name}, {kind}"):
                scores[kind] = list(
                    pixel_scores(
                        true,
                        images,
                        training=training,
                        categories=categories,
                        legacy=kind in pictures,
                    )
                )
            features = extract(network, images, layers)
            scores[kind] += feature_scores(
                of_true, features, sampled, network=params.network["name"], size=size
            )
            if encoding and region and not missing["brain_correlation"]:
                scores[kind] += brain_scores(
                    encoding, features, sampled.units, region, name, ids, size
                )
            for one in perceptual:
                scores[kind] += one.scores(true, images)
        reasons = {metric: why for metric, why in missing.items() if why}
        if name in halves:
            paths = halves[name]
            rows = in_both(read_stimulus_id(paths[0]), read_stimulus_id(paths[1]), ids)
            halved = [ids[row] for row in rows]
            first, second = (read_images(path, halved) for path in paths)
            if rows:
                kinds = [categories[row] for row in rows] if categories else []
                between = [*pixel_scores(first, second, categories=kinds, legacy=False)]
                of_first, of_second = (extract(network, part, layers) for part in (first, second))
                between += feature_scores(
                    of_first, of_second, network=params.network["name"], size=size
                )
                scores[SPLIT_HALF] = list(spread(between, rows, len(ids)))
            else:
                reasons[SPLIT_HALF] = f"not computed: no image of the set {name} was shown twice"
        tables = score_table(
            scores,
            keys={key: wildcards[key] for key in ("subject", "roi", "method")} | {"set": name},
            stimulus_id=ids,
            resampling=params.image["resampling"],
            tests=tests,
            missing=reasons,
        )
        whole.append(tables[0])
        single.append(tables[1])
    for path, parts in ((snakemake.output.scores, whole), (snakemake.output.images, single)):
        with replacing(path) as temporary:
            pd.concat(parts).to_csv(temporary, sep="\t", index=False, float_format="%.6g")
