"""`puntual exceptions`: what is missing, set aside or wrong on a day, and its effect."""

from __future__ import annotations

from pathlib import Path

import click

from puntual.cli import text
from puntual.cli.archive import open_archive
from puntual.cli.options import (
    date_option,
    json_option,
    parse_day,
    project_option,
    report_option,
    root_of,
)
