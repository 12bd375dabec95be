"""Observers of a search, notified after each step: history, snapshots, progress, checkpoints."""

import logging
import os
import pickle
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from deeprecon.atomic import replacing
from deeprecon.reconstruct.optimise import Optimiser

logger = logging.getLogger(__name__)

BAR = 20  # characters
LINE_EVERY = 10.0  # s
SAVE_EVERY = 60.0  # s


class Observer(Protocol):
    """Notified after each step of a search."""

    def after_step(self, optimiser: Optimiser, losses: Tensor) -> None:
        """Process the optimiser's state and the losses (n,) of its last evaluation."""
        ...


class LossHistory:
    """Records the losses of all images at each evaluation.

    Attributes
    ----------
    values : (n,) losses of each evaluation
    """

    def __init__(self) -> None:
        self.values: list[Tensor] = []

    def after_step(self, optimiser: Optimiser, losses: Tensor) -> None:
        """Record the losses."""
        self.values.append(losses.float().cpu())


class Snapshots:
    """Records some of the images after 1, 2, 4, 8 ... evaluations.

    Parameters
    ----------
    images : parameters (n, d) -> images (n, size, size, 3)
    rows : rows of the images to take snapshots of

    Attributes
    ----------
    taken : snapshots (n_rows, size, size, 3); empty if there are no rows
    evaluation : number of evaluations before each snapshot
    n_evaluations : number of evaluations so far
    """

    def __init__(self, images: Callable[[Tensor], Tensor], rows: list[int]) -> None:
        self.images, self.rows, self.n_evaluations = images, rows, 0
        self.taken: list[Tensor] = []
        self.evaluation: list[int] = []

    def after_step(self, optimiser: Optimiser, losses: Tensor) -> None:
        """Take a snapshot if the number of evaluations is a power of two."""
        self.n_evaluations += 1
        if self.n_evaluations & (self.n_evaluations - 1) == 0:
            self.take(optimiser)

    def take(self, optimiser: Optimiser) -> None:
        """Take a snapshot now."""
        best = optimiser.best[self.rows]
        self.taken.append(self.images(best) if self.rows else torch.zeros(0))
        self.evaluation.append(self.n_evaluations)


class Progress:
    """Logs a progress line every few seconds: a bar, the mean loss and the time left.

    Parameters
    ----------
    what : text before the bar
    total : number of iterations
    done : iterations done before an interruption
    """

    def __init__(self, what: str, total: int, done: int = 0) -> None:
        self.what, self.total, self.first = what, total, done
        self.started = self.shown = time.monotonic()

    def after_step(self, optimiser: Optimiser, losses: Tensor) -> None:
        """Report the iteration and the mean loss."""
        self.report(optimiser.iteration, losses.mean().item(), optimiser.finished)

    def report(self, done: int, loss: float, finished: bool) -> None:
        """Log the line if it is due or the last one."""
        now = time.monotonic()
        if not finished and now - self.shown < LINE_EVERY:
            return
        self.shown = now
        spent = now - self.started
        left = spent / max(done - self.first, 1) * (self.total - done)
        bar = "#" * (BAR * done // self.total)
        logger.info(
            "%s |%-*s| iteration %d of %d, mean loss %.5g, %s",
            self.what, BAR, bar, done, self.total, loss,
            f"done in {_clock(spent)}" if finished else f"{_clock(left)} left",
        )  # fmt: skip


def _clock(seconds: float) -> str:
    """Minutes and seconds, such as 1:05."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


class Checkpoint:
    """A folder from which an interrupted job resumes.

    Parameters
    ----------
    folder : folder for the files; `clear` removes it
    key : identifies what is computed; files with another key are ignored
    every : seconds between saved states of a search
    """

    def __init__(self, folder: str | os.PathLike[str], key: str, every: float = SAVE_EVERY) -> None:
        self.folder, self.key, self.every = Path(folder), key, every
        self.saved = time.monotonic()

    def read(self, name: str) -> Any:
        """Read the last state written under a name; None if there is none with this key."""
        path = self.folder / f"{name}.pt"
        if not path.is_file():
            return None
        try:
            found = torch.load(path, map_location="cpu", weights_only=True)
            return found["state"] if found["key"] == self.key else None
        except (OSError, RuntimeError, EOFError, KeyError, pickle.UnpicklingError) as error:
            logger.warning("%s: not readable, starting again (%s)", path, error)
            return None

    def write(self, name: str, state: Any) -> None:
        """Replace the state saved under a name."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with replacing(self.folder / f"{name}.pt") as temporary:
            torch.save({"key": self.key, "state": state}, temporary)
        self.saved = time.monotonic()

    @property
    def due(self) -> bool:
        """Whether it is time to save the next state."""
        return time.monotonic() - self.saved >= self.every

    def clear(self) -> None:
        """Remove the folder; called once the results are written."""
        shutil.rmtree(self.folder, ignore_errors=True)


class Saver:
    """Saves the state of a search whenever its checkpoint is due.

    Parameters
    ----------
    checkpoint : Checkpoint
    name : name of the search in the checkpoint
    history, snapshots : saved with the state of the optimiser
    """

    def __init__(
        self, checkpoint: Checkpoint, name: str, history: LossHistory, snapshots: Snapshots
    ) -> None:
        self.checkpoint, self.name = checkpoint, name
        self.history, self.snapshots = history, snapshots

    def after_step(self, optimiser: Optimiser, losses: Tensor) -> None:
        """Save the state if it is due."""
        if self.checkpoint.due:
            state = {
                "losses": self.history.values,
                "taken": self.snapshots.taken,
                "evaluation": self.snapshots.evaluation,
                "optimiser": optimiser.state_dict(),
            }
            self.checkpoint.write(self.name, state)
