"""Carries a plan out through the ports: checkpoint, commit, route; decides nothing."""
