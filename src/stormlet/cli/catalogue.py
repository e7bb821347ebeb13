"""Every command by name: where it lives and its one line of help, known without importing it.

tests/unit/cli/test_catalogue.py compares the lines here with those of the commands themselves.
"""

from typing import NamedTuple


class Entry(NamedTuple):
    """One command: its name, the module in this package, and what `stormlet --help` says of it."""

    name: str
    module: str
    help: str


class Section(NamedTuple):
    """A heading of `stormlet --help` and the commands under it."""

    title: str
    entries: tuple[Entry, ...]


SECTIONS: tuple[Section, ...] = (
    Section(
        "Start here",
        (
            Entry("init", "init", "Make a directory with a first rule, places for packs and sources, and settings."),
            Entry("serve", "serve", "Serve webhooks, rules and the API until stopped."),
            Entry("check", "check", "Find every problem in rules, sources and packs, without a server."),
            Entry("send", "send", "Send an event to a webhook or a trigger."),
            Entry("why", "why", "Tell why rules did or did not match an event."),
            Entry("doctor", "doctor", "Find what is wrong with this installation, and its cure."),
        ),
    ),
    Section(
        "Events and what came of them",
        (
            Entry("webhook", "webhook", "Webhook URLs that rules have registered."),
            Entry("trigger", "trigger", "Trigger types: the kinds of events that rules can ask for."),
            Entry("trigger-instance", "trigger_instance", "Events that have happened."),
            Entry("rule-enforcement", "rule_enforcement", "Rules that matched, and what came of it."),
            Entry("execution", "execution", "Runs of actions: status, output, cancel, run again."),
            Entry("run", "run", "Run an action and wait for its result."),
        ),
    ),
    Section(
        "Content and access",
        (
            Entry("rule", "rule", "Rules: list, look, create, switch on and off, delete."),
            Entry("action", "action", "Actions that rules can run."),
            Entry("pack", "pack", "Packs that are loaded."),
            Entry("key", "key", "The datastore: values that rules and actions read."),
            Entry("source", "source", "Sources: guarded webhook URLs, their secrets, and why requests were refused."),
            Entry("endpoint", "endpoint", "Endpoints: where messages go, in which format, and what signs them."),
            Entry(
                "delivery", "delivery", "Deliveries: what was sent to whom, what came back, and sending it once more."
            ),
            Entry("signature", "signature", "Sign and verify requests as webhook senders do."),
            Entry("apikey", "apikey", "API keys: create, list, switch on and off, delete."),
        ),
    ),
    Section(
        "Reference",
        (
            Entry("explain", "explain", "Explain operators, filters, settings or a problem code."),
            Entry("schema", "schema", "Print the JSON Schema of a kind of content file, for editors."),
            Entry("completion", "completion", "Print the completion script of a shell."),
            Entry("version", "version", "Print the version."),
        ),
    ),
)

ENTRIES: dict[str, Entry] = {entry.name: entry for section in SECTIONS for entry in section.entries}
