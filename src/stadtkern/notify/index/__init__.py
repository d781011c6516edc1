"""An index of what subscriptions need: from an event to those whose needs it may fill."""
