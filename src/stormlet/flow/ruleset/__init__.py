"""The current content, compiled and indexed: swapped whole, never half.

`compiled.py` makes one immutable `Compiled` out of content; `holder.py` holds the current one, reloads it when files change
and takes what comes through the API.
"""

from stormlet.flow.ruleset.compiled import Compiled, trigger_of
from stormlet.flow.ruleset.holder import Ruleset

__all__ = ["Compiled", "Ruleset", "trigger_of"]
