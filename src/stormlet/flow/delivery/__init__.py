"""Delivery: messages of ours, signed, to endpoints, until they have arrived or a schedule ends."""
