"""core.uuid: make a UUID."""

import uuid

from st2common.runners.base_action import Action


class GenerateUUID(Action):
    """Returns the UUID as text."""

    def run(self, uuid_type="uuid4"):
        makers = {"uuid1": uuid.uuid1, "uuid4": uuid.uuid4}
        if uuid_type not in makers:
            raise ValueError(f"uuid_type must be uuid1 or uuid4, not {uuid_type!r}")
        return str(makers[uuid_type]())
