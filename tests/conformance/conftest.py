"""A lake of its own for each test of an adapter on S3."""

from __future__ import annotations

from support.s3 import injected, lake, s3

__all__ = ["injected", "lake", "s3"]
