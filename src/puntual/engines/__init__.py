"""SQL dialects and execution."""
