"""A time stamp authority of one's own: `openssl ts` behind HTTP on the loopback interface."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_CONFIG = """\
[tsa]
default_tsa = mine
[mine]
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/tsa.pem
{chain}signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ordering = yes
tsa_name = no
ess_cert_id_chain = no
ess_cert_id_alg = sha256
[leaf]
basicConstraints = CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[root]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[req]
distinguished_name = dn
[dn]
"""


@dataclass
class Authority:
    """
    An authority in a folder.

    Attributes:
        folder: Its keys and certificates; `ca.pem` is what a verifier is given.
        mood: `good`, `refuses`, `garbage`, `short`, `silent`, `drips`, or `other` (it stamps
            other bytes than were asked for).
        asked: Requests so far.
    """

    folder: Path
    mood: str = "good"
    asked: list[bytes] = field(default_factory=list)
    url: str = ""

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    def answer(self, request: bytes) -> bytes:
        """Return a time stamp response, by `openssl ts -reply`."""
        if self.mood in ("garbage", "short"):
            return b"0" if self.mood == "short" else b"\x30\x03no!" * 9
        if self.mood == "refuses":
            request = request[:-1]
        query, reply = self.folder / "query", self.folder / "reply"
        query.write_bytes(request)
        if self.mood == "other":
            _openssl(self.folder, "ts", "-query", "-digest", "11" * 32, "-cert", "-out", str(query))
        config = str(self.folder / "openssl.cnf")
        asked = ("ts", "-reply", "-config", config, "-queryfile", str(query), "-out", str(reply))
        _openssl(self.folder, *asked)
        return reply.read_bytes()


def _openssl(folder: Path, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


def made(folder: Path, name: str = "authority", *, chain: bool = False) -> Authority:
    """
    Make an authority: a root, and a certificate for time stamps under it.

    With `chain` it sends the root too, in an order that is not always DER's.
    """
    folder.mkdir(parents=True)
    config, also = folder / "openssl.cnf", f"certs = {folder}/ca.pem\n" if chain else ""
    config.write_text(_CONFIG.format(folder=folder, chain=also))
    (folder / "serial").write_text("01\n")
    new = ("req", "-config", "openssl.cnf", "-newkey", "rsa:2048", "-nodes")
    root = ("-x509", "-days", "3650", "-extensions", "root", "-subj", f"/CN={name} root")
    _openssl(folder, *new, *root, "-keyout", "ca.key", "-out", "ca.pem")
    _openssl(folder, *new, "-subj", f"/CN={name}", "-keyout", "tsa.key", "-out", "tsa.csr")
    by = ("-CA", "ca.pem", "-CAkey", "ca.key", "-set_serial", "2", "-days", "3650")
    ext = ("-extfile", "openssl.cnf", "-extensions", "leaf")
    _openssl(folder, "x509", "-req", "-in", "tsa.csr", *by, *ext, "-out", "tsa.pem")
    return Authority(folder)


@contextmanager
def serving(authority: Authority) -> Iterator[Authority]:
    """Serve an authority by HTTP (RFC 3161 §3.4) until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers["Content-Length"]))
            authority.asked.append(asked)
            if authority.mood == "silent":
                time.sleep(3)
                return
            data = authority.answer(asked)
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            for i in range(len(data)) if authority.mood == "drips" else ():
                self.wfile.write(data[i : i + 1])
                time.sleep(0.05)
            if authority.mood != "drips":
                self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

        def handle(self) -> None:
            try:
                super().handle()
            except OSError:
                return  # the other side has given up

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        authority.url = f"http://127.0.0.1:{server.server_address[1]}/"
        try:
            yield authority
        finally:
            server.shutdown()
            thread.join()
