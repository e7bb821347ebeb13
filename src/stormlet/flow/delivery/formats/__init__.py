"""Formats: one file for each way to send, `registry` the door."""
