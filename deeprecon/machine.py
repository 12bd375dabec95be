"""Properties of the machine that runs the workflow; nothing scientific."""

import os
from pathlib import Path


def local_gpus() -> int:
    """Return 1 if this machine has an NVIDIA GPU, otherwise 0, without importing torch."""
    return int(Path("/dev/nvidia0").exists())


def has_cuda() -> bool:
    """Whether torch can use a GPU; torch is imported, which is slow, only if there is one."""
    if not local_gpus():
        return False
    import torch

    return torch.cuda.is_available()


def limit_torch_threads(n: int) -> None:
    """Restrict torch to the number of cores of a job."""
    import torch

    torch.set_num_threads(n)


def prepare_jobs(folder: str) -> None:
    """Set the environment variables that all jobs inherit.

    Jobs in other environments (conda, a cluster node) find the library in `folder`. Waiting threads
    sleep, because spinning threads made iterations several times slower on a busy machine. cuBLAS
    gets a workspace of fixed size, which makes its results reproducible.
    """
    known = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [folder, known]))
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
