"""Nouns of the field: frozen values and their invariants; no verb lives here."""
