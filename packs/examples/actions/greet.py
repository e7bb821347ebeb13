"""examples.greet: what an action in Python looks like."""

from st2common.runners.base_action import Action


class Greet(Action):
    """Each parameter of greet.yaml is an argument of run(); what run() returns is the result."""

    def run(self, name, greeting="Hello"):
        self.logger.info("greeting %s", name)  # goes to stderr, and into the execution's output
        if not name.strip():
            return False, "nobody to greet"  # (succeeded, result)
        return {"greeting": f"{greeting}, {name}!"}
