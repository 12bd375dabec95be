"""Make the baseline images of a set, which use less information than the reconstructions."""

from typing import TYPE_CHECKING

from _job import job

from deeprecon.data.stimuli import load_images, read_stimuli
from deeprecon.evaluate.baseline_files import write_baselines
from deeprecon.evaluate.baselines import baseline_images
from deeprecon.features.sampled import read_sampled
from deeprecon.features.store import read_features
from deeprecon.reconstruct.store import read_history, read_images

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake) as attributes:
    params, files = snakemake.params, snakemake.input
    ids = list(read_stimuli(files.table)["stimulus_id"])
    targets = dict(zip(params.layers, files.targets, strict=True))
    snapshots = read_history(files.recon).snapshots
    baselines = baseline_images(
        read_images(files.recon, ids),
        {layer: read_features(path, ids)[0] for layer, path in targets.items()},
        load_images(read_stimuli(files.training), **params.image),
        read_sampled(files.sampled, params.layers),
        mean=read_images(files.mean_features, ["mean"]) if files.mean_features else None,
        start=snapshots[0, :1] if snapshots.size else None,
        seed=params.seed,
    )
    write_baselines(snakemake.output.images, baselines, ids, attributes)
