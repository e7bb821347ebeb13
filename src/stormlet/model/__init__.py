"""The words of the house: frozen types and no I/O."""
