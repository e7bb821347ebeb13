"""Every problem code, with what it means and how to mend it. docs/reference/problems.md is generated from here.

A code is stable: scripts and editors may rely on it. A new check adds its line here first.
"""

CODES: dict[str, str] = {
    # Files
    "file-unreadable": "The file cannot be read (permissions, a directory, not UTF-8).",
    "file-too-large": "The file is larger than `content.max_file_bytes`.",
    "yaml-syntax": "The file is not valid YAML or JSON.",
    "yaml-alias": "Aliases expand to more nodes than any honest file has (an alias bomb).",
    "yaml-depth": "The document is nested deeper than any honest file is.",
    "yaml-tag": "A tag such as `!!python/object` is not allowed in content.",
    "duplicate-key": "A key stands twice in one mapping; the last one wins, as in StackStorm.",
    "bare-boolean": "A bare `yes`, `no`, `on` or `off` is a boolean in YAML 1.1 and a string in YAML 1.2.",
    # Shapes
    "missing-key": "A required key is missing.",
    "unknown-key": "The key is not one that this kind of file has.",
    "wrong-type": "The value has another type than this key takes.",
    "bad-value": "The value is not one of those allowed.",
    "bad-name": "A name or ref has characters that names may not have.",
    "pack-mismatch": "`pack:` names another pack than the one the file lies in.",
    "duplicate-name": "Two things of one kind have the same ref; neither of the later ones is used.",
    "bad-schema": "A JSON Schema in the file is not valid.",
    # Rules
    "missing-operator": "A criterion has no `type`.",
    "unknown-operator": "A criterion's `type` is not an operator.",
    "missing-pattern": "A criterion has no `pattern`.",
    "bad-condition": "A `search` criterion has no `condition`, or one that does not exist.",
    "bad-path": "A criterion's key is not a path that can be looked up.",
    "bad-regex": "A pattern is not a valid regular expression.",
    "slow-regex": "A pattern has nested quantifiers and may backtrack for ever on hostile input; it is cut off by time.",
    "bad-template": "A Jinja template has a syntax error, or uses a filter or test that does not exist.",
    "bad-pattern": "A pattern cannot work with its operator, such as `timediff_lt` with a word.",
    "unknown-trigger": "The trigger type does not exist in a pack that is loaded.",
    "implied-trigger": "No loaded pack declares the trigger type; it is taken as one without a schema.",
    "trigger-parameters": "The trigger's parameters break the trigger type's schema.",
    "unknown-action": "The rule's action does not exist.",
    "disabled-action": "The rule's action is disabled.",
    "unknown-parameter": "The action does not take this parameter.",
    "missing-parameter": "The action requires a parameter that the rule does not give.",
    "immutable-parameter": "The action does not let this parameter be overridden.",
    "webhook-body-spelling": "A criterion on the generic webhook says `trigger.body.payload.x`; `trigger.x` is st2's own form.",
    "raw-template-in-shell": "A command line contains event text that is not quoted for the shell.",
    # Actions and packs
    "unknown-runner": "The action's `runner_type` does not exist.",
    "missing-entry-point": "The action's `entry_point` file does not exist.",
    "bad-position": "Two parameters have the same `position`, or one is not a whole number.",
    "config-schema": "The pack's config breaks its config schema.",
}
