"""The runners that ship with the engine, one file each."""
