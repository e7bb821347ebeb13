"""A lean stand-in for the parts of StackStorm's st2common that packs import. Written anew; the names are StackStorm's."""

__version__ = "3.9.0"
