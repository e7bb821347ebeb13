"""How many files and connections the process may have open at the same time.

Shells often start programs with a limit of 1024 for compatibility with select(); the hard limit, which we may go up to by
ourselves, is much higher.
"""

import resource


def allow_open_files(wanted: int) -> int:
    """Raise the soft limit to `wanted`, or to the hard limit where that is less; never lower it. Returns the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    reachable = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft < reachable:
        resource.setrlimit(resource.RLIMIT_NOFILE, (reachable, hard))
    return max(soft, reachable)
