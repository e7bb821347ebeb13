"""All filters of StackStorm, and `quote`. Jinja's own are there besides."""

from collections.abc import Mapping

from stormlet.foundation.templates.filters.data import DATA_FILTERS, NONE_MARKER, make_decrypt_filter
from stormlet.foundation.templates.filters.filter import Example, Filter
from stormlet.foundation.templates.filters.regexes import REGEX_FILTERS, make_regex_filters
from stormlet.foundation.templates.filters.versions import VERSION_FILTERS
from stormlet.foundation.templates.filters.words import WORD_FILTERS

FILTERS: Mapping[str, Filter] = {
    each.name: each for each in (*DATA_FILTERS, *REGEX_FILTERS, *VERSION_FILTERS, *WORD_FILTERS)
}

__all__ = ["FILTERS", "NONE_MARKER", "Example", "Filter", "make_decrypt_filter", "make_regex_filters"]
