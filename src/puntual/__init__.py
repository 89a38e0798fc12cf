"""puntual: regulatory reports, on time and provably right."""

__version__ = "0.1.0"
