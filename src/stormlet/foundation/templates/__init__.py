"""Templates in a sandbox with bounds: Jinja2 with StackStorm's settings and filters.

What the rest of the house uses of it is named here; how it is bounded is said in `budget`, `growth` and `sandbox`.
"""

from stormlet.foundation.templates.budget import TemplateLimits
from stormlet.foundation.templates.engine import Template, Templates, is_syntax_error, is_template
from stormlet.foundation.templates.filters import FILTERS, NONE_MARKER, Example, Filter
from stormlet.foundation.templates.keyvalues import KeyValueLookup

__all__ = [
    "FILTERS",
    "NONE_MARKER",
    "Example",
    "Filter",
    "KeyValueLookup",
    "Template",
    "TemplateLimits",
    "Templates",
    "is_syntax_error",
    "is_template",
]
