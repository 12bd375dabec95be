"""How a search is going: lines for the log and the screen, and a file to go on from."""

import logging
import os
import pickle
import shutil
import time
from pathlib import Path
from typing import Any

import torch

from deeprecon.atomic import replacing

logger = logging.getLogger(__name__)

BAR = 20  # characters
LINE_EVERY = 10.0  # s
SAVE_EVERY = 60.0  # s


class Progress:
    """A bar, the loss and the time left, in a line every few seconds.

    Parameters
    ----------
    what : words before the bar
    total : iterations
    done : iterations of an earlier run
    """

    def __init__(self, what: str, total: int, done: int = 0) -> None:
        self.what, self.total, self.first = what, total, done
        self.started = self.shown = time.monotonic()

    def report(self, done: int, loss: float, finished: bool) -> None:
        """Write the line, if it is time or the last."""
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
    """A folder from which a killed job goes on.

    Parameters
    ----------
    folder : written into, and removed by `clear`
    key : of what is computed; what another key wrote there is not used
    every : seconds between two states of a search
    """

    def __init__(self, folder: str | os.PathLike[str], key: str, every: float = SAVE_EVERY) -> None:
        self.folder, self.key, self.every = Path(folder), key, every
        self.saved = time.monotonic()

    def read(self, name: str) -> Any:
        """What was last written under a name; None, if nothing was, or by another key."""
        path = self.folder / f"{name}.pt"
        if not path.is_file():
            return None
        try:
            found = torch.load(path, map_location="cpu", weights_only=True)
            return found["state"] if found["key"] == self.key else None
        except (OSError, RuntimeError, EOFError, KeyError, pickle.UnpicklingError) as error:
            logger.warning("%s: not readable, starting anew (%s)", path, error)
            return None

    def write(self, name: str, state: Any) -> None:
        """Keep something under a name, instead of what was there."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with replacing(self.folder / f"{name}.pt") as temporary:
            torch.save({"key": self.key, "state": state}, temporary)
        self.saved = time.monotonic()

    @property
    def due(self) -> bool:
        """Whether a search has gone on long enough since the last state."""
        return time.monotonic() - self.saved >= self.every

    def clear(self) -> None:
        """Remove the folder: the results are written."""
        shutil.rmtree(self.folder, ignore_errors=True)
