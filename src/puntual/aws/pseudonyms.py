"""The secret of pseudonyms of a deployed project: derived by a key that never leaves KMS."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from puntual.aws.faults import KEY, translated

_WHAT = b"puntual pseudonyms 1"


def secret_of(client: Callable[[], Any], key: str) -> Callable[[], bytes] | None:
    """
    Return what gives the secret, 32 bytes; None where no key is for it.

    It is the HMAC of a fixed text (FIPS 198-1), so it is the same in every process and is
    nowhere kept. Whoever may ask KMS for it can try values; a delivery does not hold it.

    Args:
        client: Gives a client of `kms`, when it is needed.
        key: ARN of a key of kind `HMAC_256`.

    Raises:
        PermanentError: T5004 the permission `kms:GenerateMac` is missing; T5005 the key is
            disabled or to be deleted; T5007, T5008.
        TransientError: T5001, T5002.
    """
    if not key:
        return None

    @cache
    def secret() -> bytes:
        with translated(f"KMS key {key}", service="kms", also={"NotFoundException": KEY}):
            told = client().generate_mac(KeyId=key, Message=_WHAT, MacAlgorithm="HMAC_SHA_256")
        return bytes(told["Mac"])

    return secret
