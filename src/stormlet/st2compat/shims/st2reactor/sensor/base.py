"""The classes that sensors derive from."""

import abc
import time

__all__ = ["PollingSensor", "Sensor"]


class BaseSensor(metaclass=abc.ABCMeta):
    """What both kinds of sensor have. Packs use the names with an underscore and those without."""

    def __init__(self, sensor_service, config=None):
        self.sensor_service = self._sensor_service = sensor_service
        self.config = self._config = config or {}

    @abc.abstractmethod
    def setup(self):
        """Get ready; called once, before anything else."""

    @abc.abstractmethod
    def run(self):
        """Watch, and dispatch triggers."""

    @abc.abstractmethod
    def cleanup(self):
        """Let go of what setup() took."""

    @abc.abstractmethod
    def add_trigger(self, trigger):
        """A rule asks for this trigger now."""

    @abc.abstractmethod
    def update_trigger(self, trigger):
        """A trigger that was asked for has changed."""

    @abc.abstractmethod
    def remove_trigger(self, trigger):
        """No rule asks for this trigger any more."""


class Sensor(BaseSensor):
    """A sensor that waits for events in its own run()."""

    @abc.abstractmethod
    def run(self):
        """Watch, and dispatch triggers, until the process ends."""


class PollingSensor(BaseSensor):
    """A sensor that looks for events every so many seconds."""

    def __init__(self, sensor_service, config=None, poll_interval=5):
        super().__init__(sensor_service=sensor_service, config=config)
        self._poll_interval = poll_interval

    @abc.abstractmethod
    def poll(self):
        """Look once."""

    def run(self):
        while True:
            self.poll()
            time.sleep(self._poll_interval)

    def get_poll_interval(self):
        return self._poll_interval

    def set_poll_interval(self, poll_interval):
        self._poll_interval = poll_interval
