"""`puntual calendar`: show business days, pin a shipped calendar, propose what is missing."""

from __future__ import annotations

from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import click

from puntual.cli import places, text
from puntual.cli.options import as_of_option, json_option, parse_day, project_option, root_of
from puntual.errors import ProjectError
from puntual.local.disk import translated
from puntual.model.report import Calendar
from puntual.project.calendars import SHIPPED, parse_calendar, shipped

if TYPE_CHECKING:
    from puntual.project.proposal import Citation, Proposal

MARKETS = {"mx-cnbv": "XMEX", "es": "ES", "us-fed": "XFED"}
"""Which list of the package `holidays` comes nearest to a shipped calendar."""


@click.group(name="calendar", help="Show, pin and refresh the calendars of business days.")
def command() -> None:
    """Hold the calendars' own commands."""


@command.command(name="show", help="Show a calendar: its source, how long it is valid, its days.")
@project_option
@click.argument("name")
@click.option("--year", type=int, default=None, help="Only the holidays of this year.")
@json_option
@click.pass_context
def show(
    ctx: click.Context, project: Path | None, name: str, year: int | None, as_json: bool
) -> None:
    """Show the project's calendar, or the shipped one when the project has none of the name."""
    root = root_of(ctx, project)
    calendar, _, pinned = _find(root, name)
    days = [(d, n) for d, n in calendar.holidays if year in (None, d.year)]
    if as_json:
        text.envelope("calendar-show", _json(calendar, days, pinned=pinned))
        return
    where = f"calendars/{name}.yaml" if pinned else "shipped; puntual calendar add pins it"
    text.say(f" {name}   {where}")
    text.say(f"  source     {calendar.source}")
    text.say(f"  published  {calendar.published.isoformat()}")
    text.say(
        f"  valid      {calendar.valid_from.isoformat()} to {calendar.valid_until.isoformat()}"
    )
    if calendar.notes:
        text.say(f"  notes      {calendar.notes}")
    for day, title in days:
        off = "   (weekend)" if day.isoweekday() in calendar.weekend else ""
        text.say(f"  {day.isoformat()}  {day:%a}  {title}{off}")


@command.command(name="add", help="Pin a shipped calendar: copy it into calendars/.")
@project_option
@click.argument("name")
@json_option
@click.pass_context
def add(ctx: click.Context, project: Path | None, name: str, as_json: bool) -> None:
    """Copy a shipped calendar into the project; one that is there is left alone."""
    root = root_of(ctx, project)
    if name not in SHIPPED:
        raise _none(name)
    path = _path(root, name)
    if path.exists():
        raise ProjectError(
            "C1503",
            f"the project has a calendar '{name}' already",
            where=f"calendars/{name}.yaml",
            expected="no such file",
            observed="a file, perhaps with days of your own",
            next_step=f"puntual calendar refresh {name}",
        )
    places.make_folder(path.parent)
    with translated(str(path)):
        path.write_text(shipped(name), encoding="utf-8")
    calendar, _, _ = _find(root, name)
    if as_json:
        text.envelope("calendar-add", _json(calendar, list(calendar.holidays), pinned=True))
        return
    text.say(f" ● calendars/{name}.yaml  valid until {calendar.valid_until.isoformat()}")
    text.say("   next: read its notes, compare it with its source, name it in report.yaml")


@command.command(name="refresh", help="Propose days from the package `holidays`; never decides.")
@project_option
@click.argument("name")
@click.option(
    "--market",
    default=None,
    help="The package's code of a market or country, such as XMEX or ES; known for shipped ones.",
)
@click.option("--year", type=int, default=None, help="Last year (default: that after the last).")
@click.option("--accept", is_flag=True, default=False, help="Write the file that was proposed.")
@click.option("--source", default=None, help="With --accept: the legal source of all its days.")
@click.option("--published", default=None, help="With --accept: when that was published.")
@json_option
@click.pass_context
def refresh(
    ctx: click.Context,
    project: Path | None,
    name: str,
    market: str | None,
    year: int | None,
    accept: bool,
    source: str | None,
    published: str | None,
    as_json: bool,
) -> None:
    """Show the difference as a unified diff; exits 1 while there is one that nobody accepted."""
    from puntual.project.proposal import propose

    root = root_of(ctx, project)
    calendar, content, pinned = _find(root, name)
    last = year or calendar.valid_until.year + 1
    if last < calendar.valid_from.year:
        raise click.BadParameter(f"{name} begins after {last}", param_hint="--year")
    days, said = _proposed(market or _market(name), calendar.valid_from.year, last)
    cited = _cited(source, published)
    until = date(last, 12, 31)
    found = propose(calendar, content, days, until, cited=cited)
    written = False
    if accept and found.diff:
        _accepting(calendar, found, cited, pinned=pinned)
        with translated(name):
            _path(root, name).write_text(found.text, encoding="utf-8")
        written = True
    if as_json:
        data: dict[str, object] = {
            "calendar": name,
            "proposed_by": said,
            "missing": [_day_json(d, n) for d, n in found.missing],
            "surplus": [_day_json(d, n) for d, n in found.surplus],
            "diff": list(found.diff),
            "written": written,
        }
        text.envelope("calendar-refresh", data, ok=written or not found.diff)
    else:
        _say(name, said, found, written=written)
    ctx.exit(0 if written or not found.diff else 1)


@command.command(name="check", help="Are the calendars valid until the reports are due next?")
@project_option
@as_of_option
@json_option
@click.pass_context
def check(ctx: click.Context, project: Path | None, as_of: datetime | None, as_json: bool) -> None:
    """Say of each report when it is due next and until when that is known; exit 2 if it is not."""
    from puntual.planner.obligation import last_known, next_owed
    from puntual.project.due import read_owed
    from puntual.project.zones import zone

    now = as_of or datetime.now(UTC)
    read = read_owed(root_of(ctx, project))
    answers: list[dict[str, object]] = []
    for terms in read.terms:
        calendar = read.calendars[terms.calendar]
        answer: dict[str, object] = {"report": terms.report, "calendar": calendar.name}
        answer["known_until"] = last_known(terms, calendar).isoformat()
        try:
            owed = next_owed(terms, calendar, now, zone(terms.time_zone))
            answer["reference_date"] = owed.obligation.reference_date.isoformat()
            answer["due_at"] = owed.due_at.isoformat()
        except ProjectError as error:
            answer |= {"code": error.code, "sentence": error.message, "next": error.next_step}
        answers.append(answer)
    wrong = any("code" in answer for answer in answers)
    if as_json:
        text.envelope("calendar-check", {"reports": answers}, ok=not wrong, at=now)
    else:
        for answer in answers:
            text.say(_answer_line(answer))
    ctx.exit(2 if wrong else 0)


def _answer_line(answer: dict[str, object]) -> str:
    about = f"{answer['report']}   {answer['calendar']}"
    if "code" in answer:
        return f" ✕ {about}  {answer['code']}  {answer['sentence']}        next: {answer['next']}"
    due = f"of {answer['reference_date']} due {answer['due_at']}"
    return f" ● {about}  {due}; known up to {answer['known_until']}"


def _path(root: Path, name: str) -> Path:
    return root / "calendars" / f"{name}.yaml"


def _find(root: Path, name: str) -> tuple[Calendar, str, bool]:
    """
    Return a calendar, its text, and whether it is the project's own.

    Raises:
        ProjectError: C1503 there is none; C1000 the file is wrong.
    """
    path = _path(root, name)
    pinned = name.isidentifier() or all(c.isalnum() or c in "-_." for c in name)
    pinned = pinned and path.is_file()
    if not pinned and name not in SHIPPED:
        raise _none(name)
    with translated(str(path)):
        content = path.read_text(encoding="utf-8", errors="replace") if pinned else shipped(name)
    calendar, complaints = parse_calendar(name, content)
    if calendar is None or complaints.errors:
        raise ProjectError(
            "C1000",
            f"the calendar '{name}' cannot be read",
            complaints=complaints.sorted(),
            where=f"calendars/{name}.yaml",
            next_step="puntual check",
        )
    return calendar, content, pinned


def _none(name: str) -> ProjectError:
    return ProjectError(
        "C1503",
        f"no calendar is called '{name}'",
        expected=f"calendars/{name}.yaml, or a shipped one: {', '.join(SHIPPED)}",
        observed="neither",
        next_step="write calendars/NAME.yaml from its legal source, or add a shipped one",
    )


def _market(name: str) -> str:
    if name in MARKETS:
        return MARKETS[name]
    raise ProjectError(
        "C1503",
        f"which list of `holidays` is nearest to '{name}' is not known",
        expected="--market CODE",
        observed="no market",
        next_step=f"puntual calendar refresh {name} --market XMEX, or ES, XECB, XFED, …",
    )


def _proposed(market: str, first: int, last: int) -> tuple[dict[date, str], str]:
    """
    Return the days that the package lists, and what it calls itself.

    Raises:
        ProjectError: C1503 the package is not installed, or has no such list.
    """
    try:
        import holidays
    except ModuleNotFoundError as exc:
        raise ProjectError(
            "C1503",
            "days are proposed from the package `holidays`, which is not installed",
            expected="the extra `calendars`",
            observed="no package holidays",
            next_step="pip install 'puntual[calendars]', or add the days by hand",
        ) from exc
    years = range(first, last + 1)
    is_market = market in holidays.list_supported_financial()
    make = holidays.financial_holidays if is_market else holidays.country_holidays
    try:
        language = make(market).default_language  # not this machine's: the same on every one
        days = dict(make(market, years=years, language=language))
    except NotImplementedError as exc:
        raise ProjectError(
            "C1503",
            f"the package `holidays` has no list '{market}'",
            expected="the code of a market (XMEX) or a country (ES)",
            observed=market,
            next_step="name another with --market",
        ) from exc
    return days, f"holidays {version('holidays')}, {market}"


def _cited(source: str | None, published: str | None) -> Citation | None:
    from puntual.project.proposal import Citation

    if (source is None) != (published is None):
        raise click.BadParameter("--source and --published go together", param_hint="--source")
    if source is None or published is None:
        return None
    return Citation(source=source, published=parse_day(published, param="--published"))


def _accepting(
    calendar: Calendar, found: Proposal, cited: Citation | None, *, pinned: bool
) -> None:
    """
    Make sure that a person who accepts days says where the law has them.

    Raises:
        ProjectError: C1503 the calendar is not pinned, or its days are extended without source.
    """
    name = calendar.name
    if not pinned:
        raise ProjectError(
            "C1503",
            f"the project has no calendar '{name}' that could be changed",
            expected=f"calendars/{name}.yaml",
            observed="the shipped one",
            next_step=f"puntual calendar add {name}",
        )
    if found.valid_until > calendar.valid_until and cited is None:
        raise ProjectError(
            "C1503",
            "new days need their legal source: what the package computes is not the law",
            where=f"calendars/{name}.yaml",
            expected="--source TEXT --published DATE",
            observed=f"an extension to {found.valid_until.isoformat()} without either",
            next_step="compare with the published list, then accept with its citation; "
            f"or --year {calendar.valid_until.year} for the years that are there",
        )


def _say(name: str, said: str, found: Proposal, *, written: bool) -> None:
    if not found.diff:
        text.say(f" ● {name}: {said} lists the same business days")
        return
    for line in found.diff:
        text.say(line)
    text.say()
    text.say(f" proposed by {said}: computed by rule, which is not what the law published")
    if written:
        text.say(f" ● calendars/{name}.yaml was changed; next: puntual check")
    else:
        text.say(" nothing was written; compare with the legal source, then")
        text.say(f"   puntual calendar refresh {name} --accept --source TEXT --published DATE")


def _json(calendar: Calendar, days: list[tuple[date, str]], *, pinned: bool) -> dict[str, object]:
    return {
        "calendar": calendar.name,
        "pinned": pinned,
        "source": calendar.source,
        "published": calendar.published.isoformat(),
        "valid_from": calendar.valid_from.isoformat(),
        "valid_until": calendar.valid_until.isoformat(),
        "weekend": list(calendar.weekend),
        "notes": calendar.notes,
        "holidays": [_day_json(d, n) for d, n in days],
    }


def _day_json(day: date, name: str) -> dict[str, object]:
    return {"date": day.isoformat(), "name": name}
