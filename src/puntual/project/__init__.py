"""Reads a report project from its folder; refuses a wrong one with every complaint at once."""
