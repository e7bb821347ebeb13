"""The way of the data: accept, decide, carry out. One member per arrow; `pipeline.py` is the table of contents."""
