"""S3: answers that a fault asks for, before the store is reached; and the stand-in's view of it."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

import botocore.session
from botocore.exceptions import ClientError
from ministack import app

from puntual.aws.stage.plugin.faults import Fault, Faults
from puntual.aws.stage.plugin.redshift_copy import LoadError
from puntual.aws.stage.plugin.settings import Settings

Answer = tuple[int, dict[str, str], bytes]
WHO = "/_puntual/stage"
"""Answers which stage this is: another one may have taken the port of one that died."""
CODES = {409: "ConditionalRequestConflict", 500: "InternalError", 503: "SlowDown"}


def install(settings: Settings, faults: Faults) -> None:
    """
    Put the faults in front of S3, which is asked for every path that nobody else knows.

    A fault is for `bucket/key` (a pattern) and may name an `operation` (the HTTP method). It has
    `status` (default 503), `seconds` (the answer comes that late) or both; with `"after": true`
    the call is carried out before its answer is lost.
    """
    handle = app.SERVICE_HANDLERS["s3"]
    me = {"folder": str(settings.folder), "pid": os.getpid()}

    async def with_faults(
        method: str, path: str, headers: Mapping[str, str], body: bytes, query: Any
    ) -> Any:
        if path == WHO:
            return 200, {"Content-Type": "application/json"}, json.dumps(me).encode()
        fault = faults.next("s3", path.lstrip("/"), operation=method)
        if fault is None:
            return await handle(method, path, headers, body, query)
        await asyncio.sleep(float(fault.get("seconds", 0)))
        if "status" not in fault:
            return await handle(method, path, headers, body, query)
        if fault.get("after"):
            await handle(method, path, headers, body, query)
        return _said(fault, path)

    app.SERVICE_HANDLERS["s3"] = with_faults


def _said(fault: Fault, path: str) -> Answer:
    status = int(fault["status"])
    code = fault.get("code", CODES.get(status, "InternalError"))
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{escape(code)}</Code><Message>a fault of the stage</Message>"
        f"<Resource>{escape(path)}</Resource></Error>"
    )
    return status, {"Content-Type": "application/xml"}, body.encode()


class StageObjects:
    """S3 as the Redshift stand-in sees it: the stage's own, by the same endpoint as everybody."""

    def __init__(self, settings: Settings) -> None:
        self._client = botocore.session.get_session().create_client(
            "s3",
            endpoint_url=settings.endpoint,
            region_name=settings.region,
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 - what every caller of the stage says
        )

    def get(self, bucket: str, key: str) -> bytes | None:
        """Return an object; None if there is none."""
        try:
            return bytes(self._client.get_object(Bucket=bucket, Key=key)["Body"].read())
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                return None
            raise LoadError(str(error)) from error

    def keys(self, bucket: str, prefix: str) -> list[str]:
        """Return every key below a prefix, sorted."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        try:
            return sorted(each["Key"] for page in pages for each in page.get("Contents", []))
        except ClientError as error:
            raise LoadError(str(error)) from error

    def put(self, bucket: str, key: str, body: bytes) -> None:
        """Write an object."""
        try:
            self._client.put_object(Bucket=bucket, Key=key, Body=body)
        except ClientError as error:
            raise LoadError(str(error)) from error
