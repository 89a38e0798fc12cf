"""A real proxy before PostgreSQL that loses the answer to the first COMMIT."""

from __future__ import annotations

import socket
import tempfile
import threading
from pathlib import Path
from types import TracebackType

from psycopg.conninfo import conninfo_to_dict, make_conninfo

_COMMIT = b"COMMIT\0"
_SOCKET = ".s.PGSQL.5432"


class LossyProxy:
    """Forwards everything; the first COMMIT reaches the server, its answer reaches nobody."""

    def __init__(self, dsn: str) -> None:
        facts = conninfo_to_dict(dsn)
        self._server = (str(facts["host"]), int(facts.get("port") or 5432))
        self._folder = tempfile.TemporaryDirectory()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(Path(self._folder.name) / _SOCKET))
        self._listener.listen()
        self.dsn = make_conninfo(
            dsn, host=self._folder.name, port=5432, sslmode="disable", gssencmode="disable"
        )
        self.cut = 0

    def __enter__(self) -> LossyProxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listener.close()
        self._folder.cleanup()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = self._connect()
            lost = threading.Event()
            for pump in (self._up, self._down):
                threading.Thread(target=pump, args=(client, server, lost), daemon=True).start()

    def _connect(self) -> socket.socket:
        host, port = self._server
        if not host.startswith("/"):
            return socket.create_connection((host, port))
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{host}/.s.PGSQL.{port}")
        return server

    def _up(self, client: socket.socket, server: socket.socket, lost: threading.Event) -> None:
        while data := _receive(client):
            if _COMMIT in data and not self.cut:
                self.cut += 1
                lost.set()
            server.sendall(data)
        server.close()

    def _down(self, client: socket.socket, server: socket.socket, lost: threading.Event) -> None:
        while data := _receive(server):
            if lost.is_set():
                break
            client.sendall(data)
        client.shutdown(socket.SHUT_RDWR)
        client.close()


def _receive(end: socket.socket) -> bytes:
    try:
        return end.recv(1 << 16)
    except OSError:
        return b""
