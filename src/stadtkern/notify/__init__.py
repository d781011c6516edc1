"""Telling subscribers what changed: from the change log to their endpoints."""
