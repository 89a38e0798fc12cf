"""What tests of several rooms share: a small project, a real PostgreSQL."""
