"""What is said where a key is missing, does not count, or may not be ended."""

from __future__ import annotations

from puntual.errors import PermanentError, ProjectError
from puntual.evidence.trust import Trust, TrustedKey


def no_key(role: str, observed: str) -> PermanentError:
    """Say that there is no key to sign with (V5001)."""
    return PermanentError(
        "V5001",
        f"there is no key to sign as {role}",
        expected=f"a private key of {role} that counts now",
        observed=observed,
        next_step="puntual key list; puntual key create, or --root-key FILE where the root is "
        "away. A key made after a delivery was attested counts once that is attested anew: "
        "puntual run -d DATE --from attest:REPORT",
    )


def taken(name: str) -> ProjectError:
    """Say that a name of a key is taken, or is none (C1901)."""
    return ProjectError(
        "C1901",
        f"no key can be called {name!r}",
        expected="a name of letters, digits, . _ @ - that no key has or had",
        observed=name,
        next_step="puntual key list",
    )


def last_of_log(name: str) -> ProjectError:
    """Say that the last key of the log is not just ended (C1906)."""
    return ProjectError(
        "C1906",
        f"{name} is the only key of the log here: without it nothing can be put on record",
        expected="another key of the log that counts from then on",
        observed=name,
        next_step=f"`puntual key rotate {name}` replaces it; what it signed before goes on "
        f"counting. If that must not: `puntual key create NAME --role log` first, then revoke "
        f"{name} with --since",
    )


def too_late(key: TrustedKey, position: int) -> ProjectError:
    """Say that a key was made after what it is to sign was attested (C1907)."""
    return ProjectError(
        "C1907",
        f"the key of {key.name} does not count for this delivery, which was attested before",
        expected=f"a delivery that was attested at entry {key.since:,} of the ledger or later",
        observed=f"entry {position:,}",
        next_step="attest it anew: puntual run -d DATE --from attest:REPORT; then sign again",
    )


def unknown(name: str, known: Trust) -> ProjectError:
    """Say that no such key counts (C1902)."""
    names = sorted(k.name for k in known.keys if k.until is None)
    return ProjectError(
        "C1902",
        f"no key called {name!r} counts for this",
        expected=", ".join(names),
        observed=name,
        next_step="puntual key list",
    )
