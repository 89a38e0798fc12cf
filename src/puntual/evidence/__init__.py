"""Canonical bytes, digests, manifests, statements and their offline verification; bytes in, verdict out."""
