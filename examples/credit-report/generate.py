"""
Make Banco Ejemplo's data: core database, card stream, branch files, control records.

The same seed gives the same bytes. Amounts are whole cents; no float is ever money. Only the
standard library is used. What each day is made to show stands in README.md.
"""

from __future__ import annotations

import argparse
import calendar
import json
import random
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

FIRST, LAST = date(2026, 10, 1), date(2026, 11, 20)
HOLIDAYS = frozenset({date(2026, 11, 2), date(2026, 11, 16)})  # as in calendars/mx-example.yaml
UNREADABLE_LINES = date(2026, 11, 18)
SHORT_FILE = date(2026, 11, 19)
UNKNOWN_CLIENTS = date(2026, 11, 20)
ZONE = timezone(timedelta(hours=-6))  # central Mexico has kept UTC-6 all year since 2022-10-30
CUT_OFF = timedelta(hours=20)  # what a card does later belongs to the next business day
BRANCHES = ("001", "014", "032")
SHORT_BRANCH = "014"
# product: how many at the start, smallest and largest amount granted, in pesos
PRODUCTS = {
    "CARD": (700, 8_000, 90_000),
    "PERSONAL": (260, 10_000, 250_000),
    "PAYROLL": (180, 5_000, 120_000),
    "MORTGAGE": (60, 600_000, 4_500_000),
    "SME": (40, 200_000, 3_000_000),
}
NAMES = ("Íñigo", "María José", "Nuria", "Tomás", "Begoña", "Ramón", "Zoé", "Ángel")
SURNAMES = ("Muñoz", "Peña", "Ibáñez", "Núñez", "Gómez", "López", "Cárdenas", "Yáñez")
STATES = ("CMX", "JAL", "NLE", "YUC", "PUE", "QUE")
KINDS, WEIGHTS = ("CHARGE", "PAYMENT", "REFUND", "FEE"), (82, 10, 5, 3)
BRANCH_HEADER = "folio;fecha;sucursal;credito;cliente;tipo;importe;concepto"
MERCHANTS = (("5411", "Abarrotes La Niña"), ("5812", "Café Jacarandá"), ("5541", "Gasolinera 7"))


@dataclass(slots=True)
class Credit:
    """A credit as the core system holds it at one moment; amounts in cents."""

    id: str
    client: str
    product: str
    granted_on: date
    granted: int
    balance: int
    past_due: int = 0
    opening: int = 0
    disbursed: int = 0
    movement: int = 0
    late: int = 0
    closed_on: date | None = None

    def post(self, cents: int, *, pays: bool = False) -> None:
        """Book a movement of the day; a payment of an eighth of the debt ends the arrears."""
        if pays and -cents * 8 >= self.balance:
            self.past_due = 0
        self.balance += cents
        self.movement += cents

    def status(self) -> str:
        """Say how the core system reports it."""
        if self.closed_on is not None:
            return "CLOSED"
        return "ARREARS" if self.past_due else "CURRENT"


@dataclass(slots=True)
class Event:
    """One card event; `sends` says how often its producer put it on the stream."""

    credit: Credit
    line: str
    cents: int
    sends: int = 1
    late: bool = False


@dataclass(slots=True)
class Bank:
    """The bank and its one source of chance."""

    rng: random.Random
    clients: list[tuple[str, str, str, str, str, date]] = field(default_factory=list)
    credits: list[Credit] = field(default_factory=list)
    granted: int = 0


def money(cents: int, *, mark: str = ".", group: str = "") -> str:
    """Write cents as pesos: `-1234.56`, or with `mark=","` and `group="."` `-1.234,56`."""
    whole, rest = divmod(abs(cents), 100)
    text = f"{whole:,}".replace(",", group)
    return f"{'-' if cents < 0 else ''}{text}{mark}{rest:02d}"


def business_days() -> list[date]:
    """Return the days on which the bank is open, in order."""
    days = (FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1))
    return [d for d in days if d.weekday() < 5 and d not in HOLIDAYS]


def is_month_end(day: date) -> bool:
    """Say whether no business day of the month follows."""
    last = calendar.monthrange(day.year, day.month)[1]
    rest = (date(day.year, day.month, n) for n in range(day.day + 1, last + 1))
    return all(d.weekday() > 4 or d in HOLIDAYS for d in rest)


def is_payday(day: date) -> bool:
    """Say whether salaries arrive: the 15th or, if the bank is closed then, the day before."""
    return day.day == 15 or (day.weekday() == 4 and day.day in (13, 14)) or is_month_end(day)


def make_client(bank: Bank, registered: date) -> str:
    """Register a client with an invented name and tax number."""
    rng, number = bank.rng, len(bank.clients) + 1
    segment = rng.choices(("RETAIL", "PREFERRED", "SME"), (80, 14, 6))[0]
    name = f"{rng.choice(NAMES)} {rng.choice(SURNAMES)} {rng.choice(SURNAMES)}"
    born = f"{rng.randrange(50, 99)}{rng.randrange(1, 13):02d}{rng.randrange(1, 29):02d}"
    tax = f"EJEM{born}XX{number % 10}"
    bank.clients.append((f"C{number:06d}", name, tax, segment, rng.choice(STATES), registered))
    return bank.clients[-1][0]


def grant(bank: Bank, product: str, day: date) -> Credit:
    """Grant a credit to a client, who is new or known."""
    rng, (_, low, high) = bank.rng, PRODUCTS[product]
    known = bank.clients and rng.random() < 0.35
    client = rng.choice(bank.clients)[0] if known else make_client(bank, day)
    bank.granted += 1
    amount = rng.randrange(low, high) * 100
    credit = Credit(f"K{bank.granted:07d}", client, product, day, amount, 0)
    bank.credits.append(credit)
    return credit


def found(seed: int) -> Bank:
    """Make the bank as it stands before the first day."""
    bank = Bank(random.Random(seed))
    rng = bank.rng
    for product, (count, _, _) in PRODUCTS.items():
        for _ in range(count):
            credit = grant(bank, product, FIRST - timedelta(days=rng.randrange(20, 1500)))
            credit.balance = credit.granted * rng.randrange(15, 95) // 100
            credit.past_due = rng.randrange(1, 150) if rng.random() < 0.08 else 0
    return bank


def open_day(bank: Bank, day: date, previous: date) -> None:
    """Carry balances and arrears over from the business day before; grant new credits."""
    bank.credits = [c for c in bank.credits if c.closed_on is None]
    for credit in bank.credits:
        credit.opening, credit.disbursed, credit.movement, credit.late = credit.balance, 0, 0, 0
        if credit.past_due:
            credit.past_due += (day - previous).days
        elif credit.balance and bank.rng.random() < 0.004:
            credit.past_due = 1
    for _ in range(bank.rng.randrange(2, 7) + (6 if is_month_end(day) else 0)):
        product = bank.rng.choices(tuple(PRODUCTS), (5, 4, 4, 1, 1))[0]
        credit = grant(bank, product, day)
        credit.disbursed = 0 if product == "CARD" else credit.granted
        credit.balance = credit.disbursed


def card_amount(rng: random.Random, kind: str, balance: int) -> int:
    """Choose an amount in cents; what lowers the debt is negative and never exceeds it."""
    if kind == "PAYMENT":
        return -min(balance, rng.randrange(20_000, 900_000))
    if kind == "REFUND":
        return -min(balance, rng.randrange(1_500, 120_000))
    large = rng.random() < 0.04
    return rng.randrange(150_000, 1_500_000) if large else rng.randrange(1_500, 95_000)


def card_events(bank: Bank, day: date, previous: date) -> list[Event]:
    """Make the day's events, in the order in which they happened."""
    rng, cards = bank.rng, [c for c in bank.credits if c.product == "CARD"]
    opens = datetime.combine(previous, datetime.min.time(), ZONE) + CUT_OFF
    span = int((datetime.combine(day, datetime.min.time(), ZONE) + CUT_OFF - opens).total_seconds())
    count = rng.randrange(950, 1_150) + 180 * ((day - previous).days - 1)
    count = count * 8 // 5 if is_payday(day) else count
    moments = sorted(rng.randrange(span) for _ in range(count))
    interest = cards if is_month_end(day) else []
    plan = [(m, rng.choice(cards), rng.choices(KINDS, WEIGHTS)[0]) for m in moments]
    plan += [(span - 1, card, "INTEREST") for card in interest]
    events = []
    for number, (moment, card, drawn) in enumerate(plan, 1):
        kind = "CHARGE" if drawn in ("PAYMENT", "REFUND") and card.balance == 0 else drawn
        cents = card_amount(rng, kind, card.balance)
        cents = max(100, card.balance * 3 // 100) if kind == "INTEREST" else cents
        late = kind == "CHARGE" and day != LAST and rng.random() < 0.002
        sends = 2 if not late and rng.random() < 0.004 else 1
        if not late:
            card.post(cents, pays=kind == "PAYMENT")
        line = event_line(rng, day, number, opens + timedelta(seconds=moment), card, kind, cents)
        events.append(Event(card, line, cents, sends, late))
    return events


def event_line(
    rng: random.Random, day: date, number: int, at: datetime, card: Credit, kind: str, cents: int
) -> str:
    """Write one event as its producer does: JSON, amounts as text."""
    category, merchant = rng.choice(MERCHANTS)
    record = {
        "event_id": f"E{day:%Y%m%d}{number:06d}",
        "occurred_at": at.isoformat(),
        "posted_on": day.isoformat(),
        "client_id": card.client,
        "credit": {"id": card.id},
        "kind": kind,
        "amount": money(cents),
        "currency": "MXN",
        "merchant": {"category": category, "name": merchant},
    }
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"))


def unknown_clients(bank: Bank, day: date, events: list[Event]) -> list[Event]:
    """Add four events of clients whom the core does not know and so did not post."""
    cards = [c for c in bank.credits if c.product == "CARD"][:4]
    at = datetime.combine(day, datetime.min.time(), ZONE) + timedelta(hours=12)
    for number, card in enumerate(cards):
        ghost = Credit(card.id, f"C99900{number}", "CARD", card.granted_on, 0, 0)
        cents = 12_550 + 1_000 * number
        line = event_line(bank.rng, day, 900_001 + number, at, ghost, "CHARGE", cents)
        events.append(Event(ghost, line, cents))
    return events


def branch_lines(bank: Bank, day: date, branch: str) -> list[tuple[str, int | None]]:
    """Make the lines of one branch's file with their amounts; None where it has no amount."""
    rng, lines = bank.rng, list[tuple[str, int | None]]()
    others = [c for c in bank.credits if c.balance > 0]
    count = rng.randrange(35, 60) + (40 if is_payday(day) else 0)
    for _ in range(count):
        credit = rng.choice(others)
        kind = rng.choices(("PAGO", "CARGO", "DEVOLUCION"), (85, 9, 6))[0]
        cents = rng.randrange(15_000, 450_000)
        cents = cents if kind == "CARGO" else -min(credit.balance, cents)
        if cents == 0:
            continue
        credit.post(cents, pays=kind == "PAGO")
        lines.append(branch_line(day, branch, len(lines) + 1, credit, kind, cents))
    if closing := [c for c in others if c.product in ("PERSONAL", "PAYROLL") and c.balance > 0]:
        credit = rng.choice(closing)
        cents, credit.closed_on = -credit.balance, day
        credit.post(cents, pays=True)
        lines.append(branch_line(day, branch, len(lines) + 1, credit, "PAGO", cents))
    return lines


def branch_line(
    day: date, branch: str, number: int, credit: Credit, kind: str, cents: int
) -> tuple[str, int | None]:
    """Write one line as the branch's till does: `;`, dd/mm/yyyy, 1.234,56, in Spanish."""
    concept = {"PAGO": "Pago en ventanilla", "CARGO": "Comisión", "DEVOLUCION": "Devolución"}[kind]
    amount = money(cents, mark=",", group=".")
    folio = f"B{branch}{day:%Y%m%d}{number:04d}"
    text = f"{folio};{day:%d/%m/%Y};{branch};{credit.id};{credit.client};{kind};{amount};{concept}"
    return text, cents


def spoil(lines: list[tuple[str, int | None]], day: date) -> list[tuple[str, int | None]]:
    """Add three lines that no contract can read; the core did not post them either."""
    head = f"B{BRANCHES[0]}{day:%Y%m%d}"
    tail = f"{BRANCHES[0]};K0000001;C000001"
    return [
        *lines,
        (f"{head}9001;31/02/2026;{tail};PAGO;-250,00;Fecha que no existe", -25_000),
        (f"{head}9002;{day:%d/%m/%Y};{tail};PAGO;-1.2O0,00;Una letra O en el importe", None),
        (f"{head}9003;{day:%d/%m/%Y};{tail};ABONO;-75,50;Tipo que no existe", -7_550),
    ]


def write_branches(bank: Bank, day: date, into: Path) -> None:
    """Write the branch files with their markers, and one control record that names each."""
    sent: dict[str, tuple[int, int]] = {}
    for branch in BRANCHES:
        lines = branch_lines(bank, day, branch)
        if day == UNREADABLE_LINES and branch == BRANCHES[0]:
            lines = spoil(lines, day)
        name = f"branch_{day:%Y%m%d}_{branch}.csv"
        sent[name] = (len(lines), sum(cents or 0 for _, cents in lines))
        if day == SHORT_FILE and branch == SHORT_BRANCH:
            write_lines(into / "data/corrections" / name, [BRANCH_HEADER, *(t for t, _ in lines)])
            lines = lines[:-2]
        write_lines(into / "inbox" / name, [BRANCH_HEADER, *(text for text, _ in lines)])
        (into / "inbox" / f"{name}.ok").write_bytes(b"")
    count, cents = (sum(both) for both in zip(*sent.values(), strict=True))
    path = into / f"control/branch_{day:%Y%m%d}.json"
    write_control(path, "branch_movements", day, count, cents, parts=sent)


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write a branch file: Latin-1, CRLF."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(f"{line}\r\n" for line in lines).encode("latin-1"))


def totals(count: int, cents: int) -> dict[str, object]:
    """Return a count and a sum as a control record writes them: numbers in strings."""
    return {"count": str(count), "sums": {"amount": money(cents)}}


def write_control(
    path: Path,
    source: str,
    day: date,
    count: int,
    cents: int,
    *,
    parts: Mapping[str, tuple[int, int]] | None = None,
) -> None:
    """
    Write what the source itself says that it sent, repeats included.

    Args:
        path: Of the record.
        source: Who says it.
        day: The business day.
        count: Records of the day.
        cents: Their sum.
        parts: Records and sum of each file that was sent, by its name; None: it says no such thing.
    """
    record: dict[str, object] = {
        "source": source,
        "reference_date": day.isoformat(),
        **totals(count, cents),
    }
    if parts is not None:
        record["parts"] = {name: totals(*sent) for name, sent in parts.items()}
    path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def write_events(
    bank: Bank, day: date, previous: date, waiting: list[Event], into: Path
) -> list[Event]:
    """
    Write what arrives on the stream by the evening of the day, and its control record.

    Args:
        bank: Whose cards.
        day: The business day.
        previous: The business day before.
        waiting: Events of the day before that arrive only now.
        into: The project folder.

    Returns:
        Events of this day that arrive with the next.
    """
    events = card_events(bank, day, previous)
    if day == UNKNOWN_CLIENTS:
        events = unknown_clients(bank, day, events)
    for event in waiting:
        event.credit.balance += event.cents
        event.credit.late += event.cents
    sent = [e for e in events if not e.late for _ in range(e.sends)]
    path = into / f"data/card_events/{day.isoformat()}.jsonl"
    text = "".join(f"{e.line}\n" for e in [*waiting, *sent])
    path.write_bytes(text.encode())
    control = into / f"control/card_events_{day:%Y%m%d}.json"
    write_control(control, "card_events", day, len(sent), sum(e.cents for e in sent))
    return [e for e in events if e.late]


SCHEMA = """
CREATE TABLE clients (
  snapshot_date TEXT NOT NULL, client_id TEXT NOT NULL, name TEXT NOT NULL, tax_id TEXT NOT NULL,
  segment TEXT NOT NULL, state TEXT NOT NULL, registered_on TEXT NOT NULL,
  PRIMARY KEY (snapshot_date, client_id)) WITHOUT ROWID;
CREATE TABLE credits (
  snapshot_date TEXT NOT NULL, credit_id TEXT NOT NULL, client_id TEXT NOT NULL,
  product TEXT NOT NULL, granted_on TEXT NOT NULL, granted_amount TEXT NOT NULL,
  opening_balance TEXT NOT NULL, disbursed TEXT NOT NULL, day_movement TEXT NOT NULL,
  late_movement TEXT NOT NULL, balance TEXT NOT NULL, days_past_due INTEGER NOT NULL,
  status TEXT NOT NULL, closed_on TEXT, PRIMARY KEY (snapshot_date, credit_id)) WITHOUT ROWID;
CREATE TABLE ledger (
  snapshot_date TEXT NOT NULL, product TEXT NOT NULL, credits INTEGER NOT NULL,
  balance TEXT NOT NULL, PRIMARY KEY (snapshot_date, product)) WITHOUT ROWID;
"""


def snapshot(core: sqlite3.Connection, bank: Bank, day: date) -> None:
    """Write the core system's state at the close of the day."""
    iso = day.isoformat()
    clients = [(iso, *c[:5], c[5].isoformat()) for c in bank.clients]
    core.executemany("INSERT INTO clients VALUES (?, ?, ?, ?, ?, ?, ?)", clients)
    rows = []
    for c in bank.credits:
        c.past_due = c.past_due if c.balance else 0
        amounts = (c.granted, c.opening, c.disbursed, c.movement, c.late, c.balance)
        closed = c.closed_on.isoformat() if c.closed_on else None
        texts = tuple(money(a) for a in amounts)
        head = (iso, c.id, c.client, c.product, c.granted_on.isoformat())
        rows.append((*head, *texts, c.past_due, c.status(), closed))
    marks = ", ".join("?" * 14)
    core.executemany(f"INSERT INTO credits VALUES ({marks})", rows)
    for product in PRODUCTS:
        held = [c for c in bank.credits if c.product == product]
        total = money(sum(c.balance for c in held))
        core.execute("INSERT INTO ledger VALUES (?, ?, ?, ?)", (iso, product, len(held), total))


def generate(into: Path, seed: int = 42) -> list[date]:
    """
    Write the whole data set into a project folder.

    Args:
        into: The folder; `data/`, `inbox/` and `control/` are made in it.
        seed: Of the only source of chance.

    Returns:
        The business days, in order.
    """
    for folder in ("data/card_events", "data/corrections", "inbox", "control"):
        (into / folder).mkdir(parents=True, exist_ok=True)
    path = into / "data/core.db"
    path.unlink(missing_ok=True)
    core = sqlite3.connect(path, isolation_level=None)
    core.executescript("PRAGMA page_size = 4096; PRAGMA journal_mode = OFF;" + SCHEMA)
    core.execute("BEGIN")
    bank, days = found(seed), business_days()
    waiting: list[Event] = []
    for previous, day in zip([FIRST - timedelta(days=1), *days], days, strict=False):
        open_day(bank, day, previous)
        waiting = write_events(bank, day, previous, waiting, into)
        write_branches(bank, day, into)
        snapshot(core, bank, day)
    core.execute("COMMIT")
    core.close()
    return days


POSTGRESQL = """
DROP TABLE IF EXISTS clients, credits, ledger;
CREATE TABLE clients (
  snapshot_date date, client_id text COLLATE "C", name text NOT NULL, tax_id text NOT NULL,
  segment text NOT NULL, state text NOT NULL, registered_on date NOT NULL,
  PRIMARY KEY (snapshot_date, client_id));
CREATE TABLE credits (
  snapshot_date date, credit_id text COLLATE "C", client_id text NOT NULL, product text NOT NULL,
  granted_on date NOT NULL, granted_amount numeric(18,2) NOT NULL,
  opening_balance numeric(18,2) NOT NULL, disbursed numeric(18,2) NOT NULL,
  day_movement numeric(18,2) NOT NULL, late_movement numeric(18,2) NOT NULL,
  balance numeric(18,2) NOT NULL, days_past_due integer NOT NULL, status text NOT NULL,
  closed_on date, PRIMARY KEY (snapshot_date, credit_id));
CREATE TABLE ledger (
  snapshot_date date, product text COLLATE "C", credits integer NOT NULL,
  balance numeric(18,2) NOT NULL, PRIMARY KEY (snapshot_date, product));
"""


def load_postgresql(path: Path, connection: str) -> None:
    """
    Copy the core system into PostgreSQL, for what cannot read a file of this machine.

    Args:
        path: The SQLite file that `generate` has written.
        connection: `postgresql://…`; the tables are made anew in it.
    """
    import psycopg  # the only thing here that is not of the standard library

    core = sqlite3.connect(path)
    with psycopg.connect(connection) as server, server.cursor() as cursor:
        cursor.execute(POSTGRESQL)
        for table in ("clients", "credits", "ledger"):
            with cursor.copy(f"COPY {table} FROM STDIN") as copy:
                for row in core.execute(f"SELECT * FROM {table}"):
                    copy.write_row(row)
    core.close()


def main() -> None:
    """Read the command line and generate."""
    parser = argparse.ArgumentParser(description="Make Banco Ejemplo's data.")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--into", type=Path, default=Path(__file__).parent)
    parser.add_argument("--postgresql", metavar="URL", help="Copy the core system there as well.")
    options = parser.parse_args()
    days = generate(options.into, options.seed)
    if options.postgresql:
        load_postgresql(options.into / "data/core.db", options.postgresql)
    print(f"{len(days)} business days, {days[0]} to {days[-1]}, seed {options.seed}")


if __name__ == "__main__":
    main()
