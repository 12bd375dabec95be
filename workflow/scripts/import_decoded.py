"""Import the features of a layer decoded by the Kamitani lab."""

from typing import TYPE_CHECKING

from _job import job

from deeprecon.decode.kamitani import import_layer
from deeprecon.features.store import write_features

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake) as attributes:
    params, files, wildcards = snakemake.params, snakemake.input, snakemake.wildcards
    model, subject = params.model, wildcards.subject
    imported = import_layer(
        files.folders,
        files.tables,
        wildcards.layer,
        kinds=[model.get("kinds", {}).get(name, "natural") for name in params.sets],
        network=model.get("network", "VGG19"),
        subject=model.get("names", {}).get(subject, subject),
        roi=wildcards.roi,
    )
    for path, (features, ids) in zip(snakemake.output.features, imported, strict=True):
        write_features(path, features, ids, attributes)
