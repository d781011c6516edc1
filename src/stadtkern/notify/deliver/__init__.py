"""The ways a notification can take, one module a protocol."""
