"""Looking a large database over while the engine runs, after an engine that did not close it.

Small files are checked before anything is taken (opening.py). A check reads the whole file, so for large ones a start would take
seconds; they are checked beside the work, and damage that is found ends all writing.
"""

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

from stormlet.foundation.errors import StoreError
from stormlet.store.sqlite.failures import INTERRUPT, primary_code, translate
from stormlet.store.sqlite.opening import connect, require_whole


class BackgroundCheck:
    """One look at one file, in a thread of its own. `on_damage` is called from that thread."""

    def __init__(self, path: Path, on_damage: Callable[[StoreError], None]) -> None:
        self._path = path
        self._on_damage = on_damage
        # Connected here, so that `stop` always has something to interrupt.
        self._connection = connect(path, 1.0, check_same_thread=False)
        self._connection.execute("PRAGMA query_only = ON")
        self._thread = threading.Thread(target=self._look, name="stormlet-check", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the look, done or not, and disconnect. Returns within milliseconds."""
        while self._thread.is_alive():
            # Again and again: an interrupt is lost where the look has not begun yet.
            self._connection.interrupt()
            self._thread.join(0.01)
        self._connection.close()

    def _look(self) -> None:
        try:
            require_whole(self._connection, self._path)
        except StoreError as error:
            self._on_damage(error)
        except sqlite3.Error as error:
            seen = translate(error, self._path)
            if primary_code(error) != INTERRUPT and isinstance(seen, StoreError):
                self._on_damage(seen)
