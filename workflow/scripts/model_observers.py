"""Let model observers answer the trials of the study; no person has."""

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from _job import job, limit_torch_threads

from deeprecon.atomic import replacing
from deeprecon.data.stimuli import load_images, read_stimuli
from deeprecon.features.extract import extract
from deeprecon.features.networks import of_settings
from deeprecon.judge.observers import observe, observer_similarities
from deeprecon.judge.study import read_key
from deeprecon.reconstruct.store import read_images

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    limit_torch_threads(snakemake)
    files, params = snakemake.input, snakemake.params
    network, layers = of_settings(params.network, files.weights or None), params.network["layers"]
    key, _ = read_key(files.trials)
    similarities: dict[str, dict[tuple[str, ...], Any]] = defaultdict(dict)
    stimuli = {}
    for table in files.tables:
        name = Path(table).stem
        shown = [
            (target.split("/"), recon)
            for target, recon in zip(params.targets, files.recon, strict=True)
            if target.split("/")[-1] == name
        ]
        if not shown:
            continue
        originals = read_stimuli(table)
        ids = stimuli[name] = list(originals["stimulus_id"])
        true = load_images(originals, **params.image)
        of_true = extract(network, true, layers)
        pictures = [(("original", name), true, of_true)]
        for target, recon in shown:
            images = read_images(recon, ids)
            pictures.append((("recon", *target), images, extract(network, images, layers)))
        for what, images, features in pictures:
            found = observer_similarities(true, images, of_true, features)
            for observer, similarity in found.items():
                similarities[observer][what] = similarity
    answers = observe(key, similarities, stimuli, params.seed)
    with replacing(snakemake.output.responses) as temporary:
        answers.to_csv(temporary, sep="\t", index=False)
