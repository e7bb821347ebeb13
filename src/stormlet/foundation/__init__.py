"""What everything else stands on. It knows nothing of rules."""
