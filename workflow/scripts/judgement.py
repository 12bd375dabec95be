"""What people, and model observers apart from them, say of the reconstructions."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd
from _job import job

from deeprecon.atomic import replacing
from deeprecon.judge.analysis.accuracy import accuracy_table, image_table
from deeprecon.judge.analysis.preferences import comparison_table, preference_table
from deeprecon.judge.analysis.reliability import agreement_table
from deeprecon.judge.analysis.responses import read_responses
from deeprecon.judge.analysis.tracking import metric_table, observer_table

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    files, params, output = snakemake.input, snakemake.params, snakemake.output
    people = read_responses(files.responses)
    # A formula says the same of the same pictures each time: once is enough.
    observers = read_responses(files.observers).assign(kept=True)
    once = observers.drop_duplicates(["rater", "item", "kind"])
    judges = {"raters": people} if len(people) else {}
    each = judges | {str(name): part for name, part in once.groupby("rater", sort=False)}

    def tabulated(
        analyse: Callable[..., pd.DataFrame], judges: Mapping[str, pd.DataFrame], **options: Any
    ) -> pd.DataFrame:
        """The table of each group of judges, with a first column that names it."""
        tables = []
        for name, responses in judges.items():
            table = analyse(responses, **options)
            table = table if name == "raters" else table[table["raters"] == "kept"]
            table.insert(0, "judges", name)
            tables.append(table)
        return pd.concat(tables, ignore_index=True)

    scores = pd.read_csv(files.images, sep="\t", dtype={"stimulus_id": str})
    resampled = {"n_bootstrap": params.n_bootstrap, "seed": params.seed}
    tested = resampled | {"n_permutations": params.n_permutations}
    tables = {
        output.accuracy: tabulated(accuracy_table, each, **tested),
        output.preferences: tabulated(preference_table, each, **resampled),
        output.comparisons: tabulated(comparison_table, each, **tested),
        output.images: tabulated(image_table, judges | {"model observers": once}),
        output.agreement: agreement_table(people, **resampled),
        output.metrics: metric_table(people, scores, **tested),
        output.observers: observer_table(people, observers, **resampled),
    }
    for path, table in tables.items():
        with replacing(path) as temporary:
            table.to_csv(temporary, sep="\t", index=False, float_format="%.6g")
