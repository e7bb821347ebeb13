"""Signing and verifying requests over the bytes received.

Pure: no network, no file, no clock of its own; the caller hands in the moment and, for AWS SNS, the certificate.
`registry.verify` and `registry.sign` are the doors; nothing in here answers a request or stores anything.
"""
