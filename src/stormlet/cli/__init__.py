"""The command line: a thin client of the HTTP API, and the commands that work without a server.

Nothing here holds a rule of the engine. A module is imported only when its command is called, so that `stormlet --help`
starts at once; none of the client's modules may import aiohttp or jinja2.
"""
