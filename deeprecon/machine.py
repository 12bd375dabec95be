"""What the workflow needs to know of the machine it runs on; nothing scientific."""

import os
from pathlib import Path


def local_gpus() -> int:
    """1 if this machine has an NVIDIA GPU, else 0, without loading torch."""
    return int(Path("/dev/nvidia0").exists())


def has_cuda() -> bool:
    """Whether torch can use a GPU here; torch, slow to import, is not asked where there is none."""
    if not local_gpus():
        return False
    import torch

    return torch.cuda.is_available()


def prepare_jobs(folder: str) -> None:
    """Set what jobs inherit: where the library is, that waiting threads sleep, cuBLAS's memory.

    Jobs in environments of their own (conda, a cluster node) find the library in `folder` too.
    Threads that spin while they wait made iterations on a busy machine several times slower.
    With memory of a fixed size cuBLAS gives the same bits each time.
    """
    known = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [folder, known]))
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
