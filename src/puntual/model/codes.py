"""
Every message code: what it means and how to repair it, for `puntual explain CODE`.

Families: C project and contract, S source and landing, Q quality, R reconciliation, P policy
and decision, L layout, D delivery, V evidence, T technical. A code is never reused.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """A stable code with its title, its meaning and its repair, each in plain sentences."""

    code: str
    title: str
    meaning: str
    repair: str


# C: project and contract

_C: tuple[Code, ...] = ()

# S: source and landing

_S: tuple[Code, ...] = ()

# Q: quality

_Q: tuple[Code, ...] = (
    Code(
        "Q2001",
        "a check's answer",
        "The rule was measured. The verdict says whether rows offend; the count, their sums "
        "and the first places stand beside it.",
        "Look at the rows with `puntual exceptions`, repair them at the source or correct the"
        " rule, then run the day again.",
    ),
    Code(
        "Q2002",
        "a check was not measured",
        "The rule has no answer: its measurement failed, or it speaks about the values of a "
        "day (`fresh`, `sum_equals`) that has no rows. Not measured is not passed.",
        "See why it could not be measured in `puntual status`; when an empty day is right, "
        "use a rule about rows instead.",
    ),
)

# R: reconciliation

_R: tuple[Code, ...] = (
    Code(
        "R1001",
        "source against raw",
        "What the source says it sent was compared with what was landed, in records and exact"
        " sums. A residual means that records were lost, added or changed before landing.",
        "Ask the source for the missing records or for a corrected control record, then run "
        "the day again.",
    ),
    Code(
        "R1002",
        "a source cannot be compared",
        "The source sent no control record, or nothing was landed, so the first hop has no "
        "two sides. Unknown is not equal.",
        "Have the source send a control record, or declare its absence and accept that the "
        "day is unverified.",
    ),
    Code(
        "R2001",
        "one hop against the next",
        "Two neighbouring hops were compared: what came in, less what quarantine, duplicates "
        "and late rows explain, less what came out. The residual should be zero.",
        "`puntual reconcile` names the first hop that broke; look at the rows that are on one"
        " side only.",
    ),
    Code(
        "R2002",
        "keys differ though counts and sums agree",
        "Both sides have as many records and the same sums, but the digests of their keys and"
        " measures differ: rows were exchanged or errors offset each other.",
        "`puntual reconcile` lists the keys that stand on one side only; the warehouse was "
        "changed outside puntual, or a key is not what the contract says.",
    ),
    Code(
        "R2003",
        "a hop was not compared",
        "The totals of one side of a hop are missing, or no hop was measured for a dataset. "
        "Unknown is not equal.",
        "Run the day again; if it stays, the step that makes that side did not publish its "
        "totals.",
    ),
    Code(
        "R3001",
        "a declared control's answer",
        "The two SELECTs of a control were compared exactly, within the declared tolerance.",
        "Look at both sides with `puntual query`; correct the data at its source, or the "
        "control when it is wrong.",
    ),
    Code(
        "R3002",
        "a declared control has no answer",
        "One side of a control is null or gave no row, or the control was not measured. A "
        "null equals nothing, not even another null.",
        "Make each side return one number (`coalesce` where an empty day means zero), then "
        "run the day again.",
    ),
)

# P: policy and decision

_P: tuple[Code, ...] = (
    Code(
        "P1001",
        "the calendar does not cover a date",
        "Business days outside `valid_from`..`valid_until` are not guessed: a due date may "
        "lie past the days that the legal source has published.",
        "Add the published days to the calendar's file, with their source, and extend "
        "`valid_until`.",
    ),
    Code(
        "P1002",
        "no such report",
        "A report was asked for that the project does not declare.",
        "Use one of the names that the message lists.",
    ),
    Code(
        "P2001",
        "a source was not sealed",
        "The day of a source has no verdict, so nothing vouches for its completeness.",
        "Run the day again; the land step seals every source.",
    ),
    Code(
        "P2002",
        "a source is absent",
        "The source sent nothing and no control record says that nothing was to be sent. "
        "Silence is not a zero.",
        "Ask the source to send its day, or a control record of 0; then run the day again.",
    ),
    Code(
        "P2003",
        "a source does not match its control record",
        "Count, sums or digest of what was landed differ from what the source says it sent.",
        "The differences stand in the message. Have the source send the day again or correct "
        "its control record.",
    ),
    Code(
        "P2004",
        "a source could not be verified",
        "Records came, but no control record to compare them with.",
        "Have the source send its control record; a source that never sends one cannot be "
        "part of a full delivery.",
    ),
    Code(
        "P2011",
        "too many rows in quarantine",
        "More rows were set aside than the contract's `quarantineLimit` allows (default 0).",
        "Repair the rows at the source and land them again, or have the limit changed in the "
        "contract by those who own it.",
    ),
    Code(
        "P2012",
        "too much money in quarantine",
        "The rows that were set aside carry more of the contract's first measure than its "
        "`quarantineLimit` allows (default 0). Signs do not cancel.",
        "Repair the rows at the source and land them again, or have the limit changed in the "
        "contract by those who own it.",
    ),
    Code(
        "P2101",
        "rows in quarantine",
        "Rows were set aside with their reason and place, within what the contract allows. "
        "They are not in the report.",
        "`puntual exceptions` lists them; repair them at the source.",
    ),
    Code(
        "P2102",
        "duplicates removed",
        "Several records had the same declared key; the contract says which one stays. The "
        "others are counted and kept in raw.",
        "None is needed; ask the source when there are more than usual.",
    ),
    Code(
        "P2103",
        "late rows",
        "Records of an earlier day arrived with this one. They are kept and counted and never"
        " enter a sealed day.",
        "They are offered as the next version of the earlier day's delivery.",
    ),
)

# L: layout

_L: tuple[Code, ...] = (
    Code(
        "L3001",
        "a value is too wide",
        "A value has more characters than its field in the fixed-width layout. Nothing is cut"
        " off.",
        "Widen the field as the regulator allows, or shorten the value in report.sql.",
    ),
    Code(
        "L3002",
        "a text would break the record",
        "A text contains the delimiter, the quote or a line end, and the layout cannot quote "
        "it.",
        "Declare a `quote` in layout.yaml, or replace the character in report.sql.",
    ),
    Code(
        "L3003",
        "a character cannot be encoded",
        "The layout's encoding has no bytes for a character of the text.",
        "Choose another `encoding` if the regulator accepts it, or replace the character in "
        "report.sql.",
    ),
    Code(
        "L3004",
        "decimals would be lost",
        "A number has more decimals than its field's `scale`. Nothing is rounded silently.",
        "Round in report.sql, where it is seen and reviewed, or raise `scale`.",
    ),
    Code(
        "L3005",
        "a null cannot be told from a value",
        "A null would be written as characters that read back as a value, such as a zero-"
        "filled number.",
        "Give the layout a `null_text`, or `coalesce` in report.sql.",
    ),
    Code(
        "L3006",
        "an unknown placeholder",
        "Header, trailer or file name uses a placeholder that does not exist, or sums a "
        "column that is no number of the report.",
        "Use {records}, {sum:COLUMN}, {report}, {institution}, {version} or "
        "{reference_date:FORMAT}.",
    ),
    Code(
        "L3007",
        "a column has no exact form",
        "The report's SELECT gives a column as floating point, or as a type that no field can"
        " show.",
        "Cast it in report.sql to DECIMAL, VARCHAR, DATE, TIMESTAMP, BIGINT or BOOLEAN.",
    ),
    Code(
        "L3008",
        "columns and fields differ",
        "The report's SELECT and the layout's detail fields do not name the same columns, or "
        "a name stands twice.",
        "Give each column of report.sql exactly one field in layout.yaml.",
    ),
    Code(
        "L3009",
        "the file does not read back",
        "The file's bytes were read back and differ from the rows that were written, or from "
        "the totals in its header or trailer.",
        "The layout is ambiguous: look at the named field (fill characters, date formats, "
        "null text), or report a defect.",
    ),
)

# D: delivery

_D: tuple[Code, ...] = ()

# V: evidence

_V: tuple[Code, ...] = (
    Code(
        "V2001",
        "not canonical",
        "Bytes that should be canonical JSON (RFC 8785) are not, or a value has no exact "
        "canonical form: a float, an integer beyond 2^53, a key that is not ASCII, a key "
        "twice.",
        "A file that was read was altered or re-encoded: compare it with the copy that was "
        "delivered. A value that is written must be text.",
    ),
    Code(
        "V2002",
        "another shape",
        "A document of the evidence lacks a field, has one too many, or a field does not have"
        " its form.",
        "The file was altered or was written by another format's version: compare it with the"
        " copy that was delivered.",
    ),
)

# T: technical

_T: tuple[Code, ...] = ()


CODES: dict[str, Code] = {c.code: c for c in _C + _S + _Q + _R + _P + _L + _D + _V + _T}
