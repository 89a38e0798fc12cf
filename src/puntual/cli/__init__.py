"""The commands; wiring alone chooses the adapters."""
