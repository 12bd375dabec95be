"""Draw how searches went: losses, and some pictures as they emerged."""

from typing import TYPE_CHECKING

from _job import job

from deeprecon.atomic import replacing
from deeprecon.reconstruct.store import Course, read_course
from deeprecon.report.search_plots import plot_losses, strips

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    params, output, name = snakemake.params, snakemake.output, snakemake.wildcards.set
    courses = [read_course(path) for path in snakemake.input.recon]
    by_method: dict[str, dict[str, Course]] = {}
    for (label, method), course in zip(params.rows, courses, strict=True):
        by_method.setdefault(method, {})[label] = course
    note = "Simulated brain data." if params.simulated else ""
    with replacing(output.losses) as temporary:
        figure = plot_losses(by_method, note)
        figure.savefig(temporary, dpi=110, bbox_inches="tight", metadata={"Software": None})
    # Of each method the first subject and region, which is the same for all who look.
    first = [
        (f"{label}, {method}", course)
        for method, lines in by_method.items()
        for label, course in [list(lines.items())[-1 if len(lines) == 1 else 1]]
    ]
    title = f"{name}: up to 6 images, the same of every method, after so many evaluations. {note}"
    with replacing(output.strips) as temporary:
        strips(first, title).save(temporary)
