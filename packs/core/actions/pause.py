"""core.pause: wait, and say for how long."""

import random as chance
import time

from st2common.runners.base_action import Action


class PauseAction(Action):
    """Waits for max_pause seconds, or for a random part of them."""

    def run(self, max_pause, random=False):
        # Chance spreads load here and guards no secret.
        seconds = chance.randint(1, max(1, int(max_pause))) if random else max_pause  # noqa: S311
        time.sleep(seconds)
        return seconds
