"""What runs inside the child process of a Python action. Shipped as data: the engine never imports it.

It may be run by a pack's own interpreter, so it keeps to Python 3.8 and the standard library, and imports late: what it
imports is time before the action's first line.
"""
