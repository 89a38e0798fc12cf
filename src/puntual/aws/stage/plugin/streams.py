"""
Kinesis: entries and calls that are refused, and shards that are split and merged.

No emulator throttles (L26). As it comes, ministack forgets a parent shard and its records when
it is split or merged (L25); here the parent stays, closed, readable to its end, and names its
children there (aws.md K9).
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from ministack.core.responses import error_response_json, json_response
from ministack.services import kinesis

from puntual.aws.stage.plugin.faults import Faults
from puntual.aws.stage.plugin.shards import KEYS, ranges, split_at

TOO_FAST = "ProvisionedThroughputExceededException"
THROTTLED = {"ErrorCode": TOO_FAST, "ErrorMessage": "Rate exceeded for shard"}
ENDED = "ending_sequence_number"

Data = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]
Call = Callable[[Data], Answer]


def _name(data: Data) -> str:
    named = data.get("StreamName") or str(data.get("StreamARN", "")).rpartition("/")[2]
    return str(named)


def _refused() -> Answer:
    refused: Answer = error_response_json(TOO_FAST, "Rate exceeded for shard", 400)
    return refused


def _faults(faults: Faults) -> None:
    put, put_one, get = kinesis._put_records, kinesis._put_record, kinesis._get_records

    def put_records(data: Data) -> Answer:
        fault = faults.next("kinesis", _name(data))
        records = data.get("Records", [])
        share = float(fault.get("share", 1.0)) if fault else 0.0
        refused = {at for at in range(len(records)) if random.random() < share}  # noqa: S311
        if not refused:
            stored: Answer = put(data)
            return stored
        kept = [each for at, each in enumerate(records) if at not in refused]
        answer: Data = {"Records": []}
        if kept:
            status, headers, body = put({**data, "Records": kept})
            if status >= 400:
                return status, headers, body
            answer = json.loads(body)
        told = iter(answer["Records"])
        answer["Records"] = [
            THROTTLED if at in refused else next(told) for at in range(len(records))
        ]
        answer["FailedRecordCount"] = len(refused)
        partly: Answer = json_response(answer)
        return partly

    def put_record(data: Data) -> Answer:
        answer: Answer = _refused() if faults.next("kinesis-put", _name(data)) else put_one(data)
        return answer

    def get_records(data: Data) -> Answer:
        state = kinesis._shard_iterators.get(data.get("ShardIterator")) or {}
        if faults.next("kinesis-read", str(state.get("stream", ""))):
            return _refused()
        answer: Answer = get(data)
        return answer

    kinesis._put_records, kinesis._put_record = put_records, put_record
    kinesis._get_records = get_records


def _open(stream: Data) -> dict[str, Data]:
    return {name: shard for name, shard in stream["shards"].items() if ENDED not in shard}


def _close(stream: Data, parents: dict[str, Data]) -> None:
    """Put shards that were removed back as closed, before their children."""
    for shard in parents.values():
        shard[ENDED] = kinesis._next_sequence_number()
    stream["shards"] = dict(sorted({**parents, **stream["shards"]}.items()))


def _resharding() -> None:
    shown, read = kinesis._shard_out, kinesis._get_records
    describe = kinesis._describe_stream_summary

    def route(key: int, stream: Data) -> str:
        for name, shard in _open(stream).items():
            if int(shard["starting_hash_key"]) <= key <= int(shard["ending_hash_key"]):
                return name
        raise LookupError(f"no open shard for {key}")

    def shard_out(name: str, shard: Data) -> Data:
        out: Data = shown(name, shard)
        if ENDED in shard:
            out["SequenceNumberRange"]["EndingSequenceNumber"] = shard[ENDED]
        return out

    def keeping(change: Call, fields: tuple[str, ...]) -> Call:
        def changed(data: Data) -> Answer:
            _, stream = kinesis._resolve_stream(data)
            named = [str(data.get(field)) for field in fields]
            parents = {n: stream["shards"][n] for n in named if stream and n in stream["shards"]}
            if any(ENDED in shard for shard in parents.values()):
                said = f"{', '.join(named)}: not every shard is open"
                refused: Answer = error_response_json("ResourceInUseException", said, 400)
                return refused
            answer: Answer = change(data)
            if answer[0] < 400:
                _close(stream, parents)
            return answer

        return changed

    def update_shard_count(data: Data) -> Answer:
        name, stream = kinesis._resolve_stream(data)
        current = _open(stream) if stream else {}
        target = int(data.get("TargetShardCount") or 0)
        if not current or not len(current) / 2 <= target <= 2 * len(current):
            said = f"TargetShardCount {target} is not between half and double of {len(current)}"
            refused: Answer = error_response_json("LimitExceededException", said, 400)
            return refused
        _scale(stream, current, target)
        done: Answer = json_response(
            {
                "StreamName": name or stream["StreamName"],
                "CurrentShardCount": len(current),
                "TargetShardCount": target,
                "StreamARN": stream["StreamARN"],
            }
        )
        return done

    def get_records(data: Data) -> Answer:
        state = kinesis._shard_iterators.get(data.get("ShardIterator")) or {}
        answer: Answer = read(data)
        stream = kinesis._streams.get(state.get("stream")) if answer[0] < 400 else None
        shard = stream["shards"].get(state["shard_id"], {}) if stream else {}
        if stream is None or ENDED not in shard:
            return answer
        said = json.loads(answer[2])
        following = kinesis._shard_iterators.get(said["NextShardIterator"])
        if following and following["position"] < len(shard["records"]):
            return answer
        del said["NextShardIterator"]
        said["ChildShards"] = _children(stream, state["shard_id"])
        ended: Answer = json_response(said)
        return ended

    def describe_stream_summary(data: Data) -> Answer:
        answer: Answer = describe(data)
        _, stream = kinesis._resolve_stream(data)
        if answer[0] >= 400 or not stream:
            return answer
        said = json.loads(answer[2])
        said["StreamDescriptionSummary"]["OpenShardCount"] = len(_open(stream))
        counted: Answer = json_response(said)
        return counted

    kinesis._route_to_shard, kinesis._shard_out = route, shard_out
    kinesis._split_shard = keeping(kinesis._split_shard, ("ShardToSplit",))
    kinesis._merge_shards = keeping(kinesis._merge_shards, ("ShardToMerge", "AdjacentShardToMerge"))
    kinesis._update_shard_count, kinesis._get_records = update_shard_count, get_records
    kinesis._describe_stream_summary = describe_stream_summary


def _scale(stream: Data, parents: dict[str, Data], target: int) -> None:
    first = kinesis._max_shard_index(stream) + 1
    bounds = {
        n: (int(s["starting_hash_key"]), int(s["ending_hash_key"])) for n, s in parents.items()
    }
    for at, (low, high) in enumerate(ranges(target, KEYS)):
        over = split_at(bounds, low, high)
        stream["shards"][f"shardId-{first + at:012d}"] = {
            "records": [],
            "starting_hash_key": str(low),
            "ending_hash_key": str(high),
            "starting_sequence_number": kinesis._next_sequence_number(),
            "parent_shard_id": over[0],
            "adjacent_parent_shard_id": over[1] if len(over) > 1 else None,
        }
    _close(stream, parents)


def _children(stream: Data, parent: str) -> list[Data]:
    found = []
    for name, shard in stream["shards"].items():
        parents = [shard.get("parent_shard_id"), shard.get("adjacent_parent_shard_id")]
        if parent in parents:
            found.append(
                {
                    "ShardId": name,
                    "ParentShards": [each for each in parents if each],
                    "HashKeyRange": {
                        "StartingHashKey": shard["starting_hash_key"],
                        "EndingHashKey": shard["ending_hash_key"],
                    },
                }
            )
    return found


def install(faults: Faults) -> None:
    """Replace resharding, then put the faults in front of it."""
    _resharding()
    _faults(faults)
