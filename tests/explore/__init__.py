"""Every interleaving of a few writers that lease, commit and seal: explored, not sampled."""
