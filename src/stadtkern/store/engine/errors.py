"""What an engine may say that only the write path understands."""


class TryAgain(Exception):
    """The database undid the transaction for a reason that passes: deadlock, serialization, lock timeout."""
