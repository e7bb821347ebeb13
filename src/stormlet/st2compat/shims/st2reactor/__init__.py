"""A lean stand-in for the parts of StackStorm's st2reactor that packs import. Written anew; the names are StackStorm's."""
