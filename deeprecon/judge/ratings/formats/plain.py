"""Plain tables of choices, such as papers publish: one answer per row, without trials of ours."""

from deeprecon.judge.ratings.sheets import Answer, Rows, Sheet, grouped


def read(rows: Rows) -> list[Sheet]:
    """One sheet per rater."""
    return [
        Sheet("plain", rater, [Answer(n, rt_ms=row.get("rt_ms", ""), other=row) for n, row in part])
        for (rater,), part in grouped(rows, "rater").items()
    ]
