"""How does a run hear Ctrl-C, so that it ends with what it has done saved?"""

import signal
import threading
from typing import Any


class Stop:
    """Ctrl-C once: finish the epoch, save, stop; twice: stop at once. Only the main thread hears signals."""

    def __init__(self) -> None:
        self.asked = False
        heard = threading.current_thread() is threading.main_thread()
        self._before = signal.signal(signal.SIGINT, self._hear) if heard else None

    def _hear(self, number: int, frame: Any) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

    def restore(self) -> None:
        """Gives the signal back to whoever had it."""
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
