"""stormlet: verified events in, YAML rules, actions, signed webhooks out."""

__version__ = "0.1.0.dev0"
