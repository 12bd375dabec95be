"""Join all checks in a table and figures."""

from typing import TYPE_CHECKING

from _job import job

from deeprecon.atomic import replacing
from deeprecon.evaluate.table import read_scores
from deeprecon.report.check_plot import plot_checks, plot_values
from deeprecon.validity.gather import gathered
from deeprecon.validity.result import read_checks, write_checks

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    params, output = snakemake.params, snakemake.output
    checks = gathered(
        read_checks(*snakemake.input.checks),
        read_scores(snakemake.input.scores),
        read_scores(snakemake.input.images),
        control=params.control,
        retrained=params.retrained,
    )
    write_checks(output.checks, checks)
    note = "Simulated brain data." if params.simulated else ""
    for path, plot in ((output.figure, plot_checks), (output.values, plot_values)):
        with replacing(path) as temporary:
            plot(checks, note).savefig(temporary, dpi=110, metadata={"Software": None})
