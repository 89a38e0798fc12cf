"""Redshift Serverless: namespaces and workgroups as names, in CloudFormation and by call."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ministack import app
from ministack.core import router
from ministack.core.responses import (
    error_response_json,
    get_account_id,
    get_region,
    json_response,
)
from ministack.services.cloudformation import provisioners

from puntual.aws.stage.plugin.redshift import Warehouse

Data = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]
KINDS = ("namespace", "workgroup")


class Serverless:
    """What the template made of namespaces and workgroups."""

    def __init__(self, warehouse: Warehouse, file: Path) -> None:
        self._warehouse = warehouse
        self._file = file
        self._held: dict[str, dict[str, Data]] = {kind: {} for kind in KINDS}
        if file.exists():
            self._held = json.loads(file.read_text(encoding="utf-8"))

    def install(self) -> None:
        """Let the template make them and callers ask for them."""
        app.SERVICE_HANDLERS["redshift-serverless"] = self.handle
        router.SERVICE_PATTERNS["redshift-serverless"] = {"target_prefixes": ["RedshiftServerless"]}
        for kind in KINDS:
            name = f"AWS::RedshiftServerless::{kind.capitalize()}"
            provisioners._RESOURCE_HANDLERS[name] = self._handlers(kind)

    def _written(self) -> None:
        self._file.write_text(json.dumps(self._held), encoding="utf-8")

    def _handlers(self, kind: str) -> Data:
        def create(logical_id: str, properties: Data, stack: str) -> tuple[str, Data]:
            name = properties[f"{kind.capitalize()}Name"]
            arn = f"arn:aws:redshift-serverless:{get_region()}:{get_account_id()}:{kind}/{name}"
            said = {f"{kind}Name": name, f"{kind}Arn": arn, "status": "AVAILABLE"}
            if kind == "namespace":
                said["dbName"] = properties.get("DbName", "dev")
                self._warehouse.make(said["dbName"])
            else:
                said["namespaceName"] = properties.get("NamespaceName", "")
            self._held[kind][name] = said
            self._written()
            title = kind.capitalize()
            return name, {f"{title}.{title}Arn": arn, f"{title}.{title}Name": name}

        def delete(physical_id: str, *args: Any, **kwargs: Any) -> None:
            self._held[kind].pop(physical_id, None)
            self._written()

        def update(physical_id: str, *args: Any, **kwargs: Any) -> tuple[str, Data]:
            said = self._held[kind].get(physical_id, {})
            title = kind.capitalize()
            return physical_id, {f"{title}.{title}Arn": said.get(f"{kind}Arn", "")}

        return {"create": create, "delete": delete, "update": update}

    async def handle(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, query: object
    ) -> Answer:
        """Answer GetNamespace, GetWorkgroup and their lists."""
        operation = headers.get("x-amz-target", "").rpartition(".")[2]
        given = json.loads(body or b"{}")
        for kind in KINDS:
            if operation == f"Get{kind.capitalize()}":
                said = self._held[kind].get(given.get(f"{kind}Name", ""))
                if said is None:
                    return _refused("ResourceNotFoundException", f"no {kind} of that name")
                found: Answer = json_response({kind: said})
                return found
            if operation == f"List{kind.capitalize()}s":
                listed: Answer = json_response({f"{kind}s": list(self._held[kind].values())})
                return listed
        return _refused("UnknownOperationException", f"{operation} is not played on this stage")


def _refused(name: str, message: str) -> Answer:
    answer: Answer = error_response_json(name, message, 400)
    return answer
