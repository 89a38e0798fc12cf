"""Compiles a report project into a state machine and the resources around it."""
