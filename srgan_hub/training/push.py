"""A run's result to the Hub while the run goes on: in the background, tried again, and never at the run's cost."""

from __future__ import annotations

import logging
import shutil
import tempfile
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from srgan_hub.hub.push import FILES, check_push, push

logger = logging.getLogger(__name__)

TRIES, WAIT = 3, 5.0  # attempts, and seconds before the second one; before the third twice as many


class Pusher:
    """Uploads the result folder as it is at the moment of the call; a push that is still under way is not overtaken."""

    def __init__(self, repo_id: str, folder: Path, private: bool = False):
        self.repo_id, self.folder, self.private = repo_id, folder, private
        self.pool = ThreadPoolExecutor(1)
        self.running: Future | None = None

    def check(self) -> None:
        """Make the repository, before hours of training; ValueError says why it cannot be made."""
        try:
            check_push(self.repo_id, self.private)
        except ValueError as error:
            raise ValueError(f"--push_to_hub {self.repo_id}: {error}") from error

    def start(self, step: int) -> None:
        """Push in the background, unless the last push is still running: the next one has newer weights anyway."""
        if self.running and not self.running.done():
            return
        try:
            copy = Path(tempfile.mkdtemp(prefix="srgan_hub-push-"))
            for name in FILES:
                if (self.folder / name).exists():
                    shutil.copy(self.folder / name, copy / name)
        except OSError as error:  # a full disk, say
            logger.warning("push of update %d to %s failed: %s", step, self.repo_id, _first_line(error))
            self.running = Future()
            self.running.set_result(False)
            return
        self.running = self.pool.submit(self._push, copy, step)

    def finish(self, step: int) -> bool:
        """Wait for what is under way, then push the final state; whether that worked."""
        if self.running:
            self.running.result()
        self.start(step)
        return self.running.result()

    def _push(self, copy: Path, step: int) -> bool:
        try:
            for attempt in range(1, TRIES + 1):
                try:
                    push(copy, self.repo_id, private=self.private, commit_message=f"Update {step} of the training")
                    return True
                except Exception as error:  # whatever it is, the run goes on
                    logger.warning("push of update %d to %s failed (%d of %d): %s", step, self.repo_id, attempt, TRIES,
                                   _first_line(error))  # fmt: skip
                    if attempt < TRIES:
                        time.sleep(WAIT * attempt)
            return False
        finally:
            shutil.rmtree(copy, ignore_errors=True)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
