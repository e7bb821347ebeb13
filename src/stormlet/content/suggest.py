"""Did you mean …? The cure that most mistakes in content need."""

from collections.abc import Iterable
from difflib import get_close_matches

_MOST_LISTED = 12


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """Return `did you mean "equals"?`, or nothing where no candidate is near. Case and `-`/`_` hardly count."""
    known = {_flat(candidate): candidate for candidate in sorted(candidates, reverse=True)}
    near = get_close_matches(_flat(word), known, n=1, cutoff=0.6)
    return f'did you mean "{known[near[0]]}"?' if near else ""


def did_you_mean_or_list(word: str, candidates: Iterable[str]) -> str:
    """Return the nearest candidate, or all of them where none is near and they are few."""
    candidates = sorted(candidates)
    near = did_you_mean(word, candidates)
    if near or not candidates or len(candidates) > _MOST_LISTED:
        return near
    return f"known: {', '.join(candidates)}"


def _flat(word: str) -> str:
    return word.lower().replace("-", "_")
