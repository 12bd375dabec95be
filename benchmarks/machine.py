"""Describe the machine of a benchmark, and write its table."""

import importlib.metadata
import platform
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("numpy", "scipy", "nibabel")


def machine(packages: Sequence[str] = (), threads: int = 1) -> str:
    """Date, processor, number of threads and versions, for the head of a result."""
    cpu = platform.processor() or "unknown processor"
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next((line.split(":")[1].strip() for line in lines if "model name" in line), cpu)
    versions = [f"Python {platform.python_version()}"]
    for package in (*PACKAGES, *packages):
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            versions.append(f"{package} not installed")
    count = "one thread" if threads == 1 else f"{threads} threads"
    return f"{date.today()}, {cpu}, {count}, a shared machine; {', '.join(versions)}."


def report(path: Path, title: str, where: str, rows: Iterable[str]) -> None:
    """Print the rows of a result as they are computed, and write them to a Markdown file."""
    lines = []
    for row in rows:
        print(row, flush=True)
        lines.append(row)
    path.parent.mkdir(parents=True, exist_ok=True)
    text = f"# {title}\n\n{where}\n\n" + "\n".join(lines) + "\n"
    path.write_text(text, encoding="utf-8")
