"""A deterministic simulator of puntual: one seed, one thread at a time, one simulated clock."""
