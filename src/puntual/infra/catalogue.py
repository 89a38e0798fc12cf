"""The Glue Data Catalog: a table for each contract and model, and Athena's workgroup."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_athena as athena
from aws_cdk import aws_glue as glue
from constructs import Construct

from puntual.infra.options import Options, database_name, slug
from puntual.infra.storage import Storage
from puntual.model.contract import Column, ColumnType, Kind
from puntual.model.project import Project
from puntual.model.source import DatabaseSource, FileSource, Source, StreamSource

_PARQUET = "org.apache.hadoop.hive.ql.io.parquet"
ORIGIN = (("_object", "string"), ("_position", "bigint"))
"""Where each curated row comes from (design 4.3)."""

RECORDS = (
    ("shard", "string"),
    ("sequence", "string"),
    ("arrived_at", "timestamp"),
    ("partition_key", "string"),
    ("payload", "binary"),
)
"""A stream's raw object (design 4.3)."""


class Catalogue(Construct):
    """
    Database, tables and workgroup.

    Partitions are registered, not projected: versions of a day lie beside each other, and the
    partition is pointed at one of them (design 4.1). The columns of a model are known when its
    first version is made; the catalog's port fills them in.
    """

    def __init__(
        self, scope: Construct, name: str, *, project: Project, storage: Storage, options: Options
    ) -> None:
        super().__init__(scope, name)
        self._place = f"s3://{storage.lake.ref}/{project.name}"
        self.database = glue.CfnDatabase(
            self,
            "Database",
            catalog_id=cdk.Aws.ACCOUNT_ID,
            database_input=glue.CfnDatabase.DatabaseInputProperty(
                name=database_name(project),
                description=f"{project.name}: raw and curated days; written by puntual alone",
            ),
        )
        for dataset, contract in sorted(project.contracts.items()):
            columns = [(c.name, hive(c.type)) for c in contract.columns]
            self._table(dataset, [*columns, *ORIGIN], f"curated/{dataset}")
            source = project.sources[dataset]
            self._table(f"raw_{dataset}", _raw(source, contract.columns), f"raw/{dataset}")
        for model in sorted(project.models):
            self._table(model, [], f"curated/{model}")
        self.workgroup = athena.CfnWorkGroup(
            self,
            "Athena",
            name=f"puntual-{slug(project)}",
            description="Plan B on raw, and questions; limited in what one query may read",
            recursive_delete_option=False,
            work_group_configuration=athena.CfnWorkGroup.WorkGroupConfigurationProperty(
                enforce_work_group_configuration=True,
                publish_cloud_watch_metrics_enabled=True,
                bytes_scanned_cutoff_per_query=options.scan_limit,
                engine_version=athena.CfnWorkGroup.EngineVersionProperty(
                    selected_engine_version="Athena engine version 3"
                ),
                result_configuration=athena.CfnWorkGroup.ResultConfigurationProperty(
                    output_location=f"{self._place}/athena/",
                    encryption_configuration=athena.CfnWorkGroup.EncryptionConfigurationProperty(
                        encryption_option="SSE_KMS", kms_key=storage.lake_key.attr_arn
                    ),
                ),
            ),
        )

    def _table(self, name: str, columns: Sequence[tuple[str, str]], folder: str) -> None:
        text = columns == LINES
        storage = glue.CfnTable.StorageDescriptorProperty(
            columns=[glue.CfnTable.ColumnProperty(name=c, type=t) for c, t in columns],
            location=f"{self._place}/{folder}/",
            input_format="org.apache.hadoop.mapred.TextInputFormat"
            if text
            else f"{_PARQUET}.MapredParquetInputFormat",
            output_format="org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
            if text
            else f"{_PARQUET}.MapredParquetOutputFormat",
            serde_info=glue.CfnTable.SerdeInfoProperty(
                serialization_library="org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
                if text
                else f"{_PARQUET}.serde.ParquetHiveSerDe",
                parameters={"field.delim": "\u0001"} if text else None,
            ),
        )
        glue.CfnTable(
            self,
            f"Table{name.title().replace('_', '')}",
            catalog_id=cdk.Aws.ACCOUNT_ID,
            database_name=self.database.ref,
            table_input=glue.CfnTable.TableInputProperty(
                name=name,
                table_type="EXTERNAL_TABLE",
                parameters={"classification": "text" if text else "parquet", "EXTERNAL": "TRUE"},
                partition_keys=[glue.CfnTable.ColumnProperty(name="reference_date", type="date")],
                storage_descriptor=storage,
            ),
        )


LINES = [("line", "string")]
"""A file's raw object is the file; Athena sees its physical lines."""


def hive(kind: ColumnType) -> str:
    """Return a column's type in the catalog's words."""
    match kind.kind:
        case Kind.TEXT:
            return "string"
        case Kind.INTEGER:
            return "bigint"
        case Kind.DECIMAL:
            return f"decimal({kind.precision},{kind.scale})"
        case Kind.DATE:
            return "date"
        case Kind.TIMESTAMP:
            return "timestamp"
        case Kind.BOOLEAN:
            return "boolean"


def _raw(source: Source, columns: Sequence[Column]) -> list[tuple[str, str]]:
    match source:
        case StreamSource():
            return list(RECORDS)
        case FileSource():
            return list(LINES)
        case DatabaseSource():
            return [(column.source_name, hive(column.type)) for column in columns]
