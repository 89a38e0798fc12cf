"""Reads `notices:` of `puntual.yaml`: who is told of what, and by which channel."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from puntual.model.check import Severity
from puntual.model.notice import Audience
from puntual.model.route import Channel, Console, Email, Route, TextFile, Webhook
from puntual.project.complaints import suggest
from puntual.project.section import Section, check_name
from puntual.project.sources import check_secret

_ADDRESS = re.compile(r"[^\s@<>,;\"\x00-\x1f\x7f]+@[^\s@<>,;\"\x00-\x1f\x7f]+")
_ASCII = "letters of ASCII only; a domain of other letters is written xn--…"
_ENV = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]{0,127}")
_URL = re.compile(r"https?://[^\s/@]+(/\S*)?")
_LONGEST_TIMEOUT = 60


def read_routes(sections: Mapping[str, Section]) -> tuple[Route, ...]:
    """
    Read the routes, in the order in which they stand.

    Args:
        sections: By name, as `puntual.yaml` has them under `notices`.
    """
    read = (_route(name, section) for name, section in sections.items())
    return tuple(route for route in read if route is not None)


def _route(name: str, section: Section) -> Route | None:
    if section.broken:
        return None
    check_name(section, name, section.node)
    severities = frozenset(map(Severity, _words(section, "severity", [s.value for s in Severity])))
    audiences = frozenset(map(Audience, _words(section, "audience", [a.value for a in Audience])))
    fallback = section.boolean("fallback", default=False)
    declared = [kind for kind in _KINDS if section.has(kind)]
    channels: tuple[Channel, ...] = ()
    if len(declared) != 1:
        message = f"{section.what} needs exactly one of {', '.join(_KINDS)}"
        section.complain("C1011", message)
    else:
        channels = _KINDS[declared[0]](section)
    section.done()
    return Route(
        name=name,
        channels=channels,
        severities=severities,
        audiences=audiences,
        fallback=fallback,
    )


def _words(section: Section, key: str, known: list[str]) -> tuple[str, ...]:
    found = section.names(key, tuple(known))
    for word, spot in zip(found, section.item_spots(key), strict=False):
        if word not in known:
            hint = suggest(word, known)
            section.complain("C1011", f"'{word}' is not a possible {key}", spot, hint=hint)
    if section.mapping.entry(key) and not found:
        section.complain("C1011", f"'{key}' is empty: nobody would be told", key)
    return tuple(word for word in found if word in known)


def _console(section: Section) -> tuple[Channel, ...]:
    if not section.boolean("console", default=True):
        section.complain("C1011", "'console' can only be true; leave the route away", "console")
    return (Console(),)


def _file(section: Section) -> tuple[Channel, ...]:
    return (TextFile(path=section.text("file")),)


def _email(section: Section) -> tuple[Channel, ...]:
    inner = section.section("email", "'email'")
    if inner is None or inner.broken:
        return ()
    host, sender = inner.text("host"), _address(inner, "from", inner.text("from"))
    port = inner.integer("port", 587, low=1, high=65535)
    starttls = inner.boolean("starttls", default=True)
    user, password = (_secret(inner, key) for key in ("user", "password"))
    timeout = inner.integer("timeout", 10, low=1, high=_LONGEST_TIMEOUT)
    receivers = inner.names("to")
    for receiver, spot in zip(receivers, inner.item_spots("to"), strict=False):
        if not _is_address(receiver):
            inner.complain("C1011", "not an address such as ops@bank.example", spot, hint=_ASCII)
    if inner.has("user") != inner.has("password"):
        inner.complain("C1011", "'email' needs both of user and password, or neither")
    if user and not starttls:
        message = "a password may not be sent over a connection without encryption"
        inner.complain("C1011", message, "starttls", hint="leave starttls away: it is the default")
    inner.done()
    return tuple(
        Email(
            host=host,
            port=port,
            sender=sender,
            to=receiver,
            starttls=starttls,
            user=user,
            password=password,
            timeout=timeout,
        )
        for receiver in receivers
    )


def _webhook(section: Section) -> tuple[Channel, ...]:
    inner = section.section("webhook", "'webhook'")
    if inner is None or inner.broken:
        return ()
    url = inner.text("url")
    if url and not check_secret(inner, "url", url) and not (_is_url(url) or _ENV.fullmatch(url)):
        inner.complain("C1011", "'url' must be https://…, http://… or env:NAME", "url")
    secret = _secret(inner, "secret")
    timeout = inner.integer("timeout", 10, low=1, high=_LONGEST_TIMEOUT)
    inner.done()
    return (Webhook(url=url, secret=secret, timeout=timeout),)


_KINDS: Mapping[str, Callable[[Section], tuple[Channel, ...]]] = {
    "console": _console,
    "file": _file,
    "email": _email,
    "webhook": _webhook,
}


def _address(section: Section, key: str, found: str) -> str:
    if found and not _is_address(found):
        message = "not an address such as puntual@bank.example"
        section.complain("C1011", message, key, hint=_ASCII)
    return found


def _is_address(found: str) -> bool:
    """Say whether every mail server takes an address: in ASCII (RFC 5321 section 4.1.2)."""
    return _ADDRESS.fullmatch(found) is not None and found.isascii()


def _is_url(found: str) -> bool:
    if not _URL.fullmatch(found):
        return False
    try:
        return urlsplit(found).port != 0
    except ValueError:
        return False


def _secret(section: Section, key: str) -> str:
    """Return a reference to a secret; the secret itself is refused, and its line is not shown."""
    found = section.text(key, "")
    if not found or _ENV.fullmatch(found):
        return found
    section.complaints.add(
        "C1020",
        f"'{key}' holds a secret; secrets are references: env:NAME",
        section.source,
        section.spot(key),
        hint="use env:NAME",
        secret=True,
    )
    return ""
