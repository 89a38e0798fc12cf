"""Canonical bytes, digests, manifests, statements, offline verification; bytes in, verdict out."""
