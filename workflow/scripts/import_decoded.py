"""Bring features of a layer that Kamitani's lab has decoded into the study."""

from typing import TYPE_CHECKING

from _job import job

from deeprecon.data.stimuli import read_stimuli
from deeprecon.decode.lab import lab_layer
from deeprecon.errors import InputError
from deeprecon.features.store import write_features

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake) as attributes:
    params, wildcards = snakemake.params, snakemake.wildcards
    model, subject = params.model, wildcards.subject
    imported = []
    for name, folder, table in zip(
        params.sets, snakemake.input.folders, snakemake.input.tables, strict=True
    ):
        features, ids = lab_layer(
            folder,
            wildcards.layer,
            network=model.get("network", "VGG19"),
            kind=model.get("kinds", {}).get(name, "natural"),
            subject=model.get("names", {}).get(subject, subject),
            roi=wildcards.roi,
        )
        unknown = sorted(set(ids) - set(read_stimuli(table)["stimulus_id"]))
        if unknown:
            raise InputError(
                f"{table}: no row for {len(unknown)} of {len(ids)} decoded stimuli, such as "
                f"{unknown[0]!r}"
            )
        imported.append((features, ids))
    for path, (features, ids) in zip(snakemake.output.features, imported, strict=True):
        write_features(path, features, ids, attributes)
