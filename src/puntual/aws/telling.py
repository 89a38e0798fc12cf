"""
Tells people on AWS: what is open, and later that it is over, each once to its topic.

A message is published first and then noted as told, so a function that dies between the two
publishes it again: at least once, with an id by which a receiver drops a repeat (`failures.md`
72, 73). Who is told is who subscribes to the topic of a severity.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime, tzinfo

from puntual.aws.bucket import Bucket
from puntual.evidence.facts import from_json, to_json
from puntual.model.notice import Notice, Obligation, Phase
from puntual.model.route import Console
from puntual.planner.alert import message
from puntual.ports.channels import Channels
from puntual.ports.notices import Notices


class Teller:
    """
    What is told of a project's notices.

    Args:
        bucket: Where it is noted, one object for each message.
        notices: What is open.
        channels: Topics.
        project: The project's name.
        zones: Report → the zone in which people read its times; UTC where it is not known.
    """

    def __init__(
        self,
        bucket: Bucket,
        notices: Notices,
        channels: Channels,
        project: str,
        *,
        zones: Mapping[str, tzinfo] | None = None,
    ) -> None:
        self._bucket, self._notices = bucket, notices
        self._channels, self._project = channels, project
        self._zones = zones or {}

    def tell(self, obligations: Collection[Obligation], at: datetime) -> int:
        """
        Publish what is open and was not told, and what was told and is over.

        Args:
            obligations: Whose notices.
            at: The instant at which those that are over are said to be, UTC.

        Returns:
            How many messages were published.

        Raises:
            TransientError: D2001, T5001, T5002 a topic does not answer; call it again.
            PermanentError: D2002, T5004-T5008.
        """
        told = 0
        for obligation in obligations:
            open_ones = self._notices.open_ones(obligation)
            for notice in open_ones:
                told += self._send(notice, Phase.OPENED)
            standing = {(n.cause, n.opened_at) for n in open_ones}
            for notice in self._told(obligation):
                if (notice.cause, notice.opened_at) not in standing:
                    told += self._send(replace(notice, resolved_at=at), Phase.RESOLVED)
        return told

    def _send(self, notice: Notice, phase: Phase) -> bool:
        zone = self._zones.get(notice.obligation.report, UTC)
        made = message(self._project, notice, phase, zone)
        name = f"{_folder(notice.obligation, phase)}{made.id}.json"
        if self._bucket.head(name) is not None:
            return False
        receipt = self._channels.send(Console(), made)
        said = {"notice": to_json(notice), "receipt": receipt}
        self._bucket.create(name, json.dumps(said, ensure_ascii=False, sort_keys=True).encode())
        return True

    def _told(self, obligation: Obligation) -> list[Notice]:
        """Return the notices of which an opening was published."""
        names = [one.name for one in self._bucket.listed(_folder(obligation, Phase.OPENED))]
        read = [one for one in self._bucket.read_many(names) if one is not None]
        return [from_json(Notice, json.loads(one.data)["notice"]) for one in read]


def _folder(obligation: Obligation, phase: Phase) -> str:
    day = obligation.reference_date.isoformat()
    return f"{obligation.report}/{day}/{phase.value}/"
