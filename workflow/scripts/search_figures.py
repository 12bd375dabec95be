"""Plot the losses and draw the snapshots of a set's searches."""

from typing import TYPE_CHECKING

from _job import job

from deeprecon.atomic import replacing
from deeprecon.reconstruct.store import read_history
from deeprecon.report.search_plots import by_method, draw_snapshots, first_of_each, plot_losses
from deeprecon.report.style import save_figure

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    params, output = snakemake.params, snakemake.output
    note = "Simulated brain data." if params.simulated else ""
    histories = by_method(params.rows, [read_history(path) for path in snakemake.input.recon])
    save_figure(output.losses, plot_losses(histories, note), bbox_inches="tight")
    title = (
        f"{snakemake.wildcards.set}: up to 6 images, the same of every method, "
        f"after so many evaluations. {note}"
    )
    with replacing(output.snapshots) as temporary:
        draw_snapshots(first_of_each(histories), title).save(temporary)
