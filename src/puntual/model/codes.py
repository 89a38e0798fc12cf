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

_C: tuple[Code, ...] = (
    Code(
        "C1000",
        "the project is wrong",
        "At least one file of the project has an error; nothing ran.",
        "Run `puntual check`: it lists every complaint with its file, line and column.",
    ),
    Code(
        "C1001",
        "a file is missing or cannot be read",
        "The project needs this file, and it is not there or may not be read.",
        "Create it, correct its name or its permissions; `-C` names the project's folder.",
    ),
    Code(
        "C1002",
        "a file is not UTF-8",
        "Every file of a project is text in UTF-8; this one holds a byte that is not.",
        "Save it as UTF-8. Source data may have any encoding; its contract names it.",
    ),
    Code(
        "C1003",
        "not YAML",
        "The file is not well-formed YAML 1.2.",
        "Look at the place of the caret; most often a quote, a colon or the indentation.",
    ),
    Code(
        "C1004",
        "YAML that surprises",
        "Aliases, anchors, tags, merge keys and directives are refused: a short file "
        "could unfold without end, or say something else than it shows.",
        "Write the value out; quote what is meant as text.",
    ),
    Code(
        "C1005",
        "a key stands twice",
        "One mapping has a key two times; which of them counts would be a guess.",
        "Remove one of the two.",
    ),
    Code(
        "C1006",
        "too large",
        "A file over 1 MiB, more than 32 levels deep, or a number of more than 60 characters.",
        "Divide the file; quote long digits that are text.",
    ),
    Code(
        "C1007",
        "several documents",
        "A YAML file of a project holds one document.",
        "Move what follows `---` to a file of its own.",
    ),
    Code(
        "C1008",
        "unknown key",
        "The project format has no such key here; it would have been ignored.",
        "Correct its name; `docs/reference/project.md` lists every key.",
    ),
    Code(
        "C1009",
        "a key is missing",
        "The project format needs this key.",
        "Add it; `docs/reference/project.md` says what it means.",
    ),
    Code(
        "C1010",
        "a value of another type",
        "Text, number, true/false, list or mapping: another one is expected here.",
        "Quote what is text; leave quotes away where a number or true/false is expected.",
    ),
    Code(
        "C1011",
        "a value that is not possible",
        "The value has the right type and is none of the possible ones.",
        "Choose one of the values in `docs/reference/project.md`.",
    ),
    Code(
        "C1012",
        "unknown name",
        "Nothing in the project has this name: a dataset, calendar, model, table or environment.",
        "Correct the spelling, or declare what is meant.",
    ),
    Code(
        "C1013",
        "a name that is not allowed",
        "Names are lower case letters, digits and underscore, at most 63 characters.",
        "Rename it.",
    ),
    Code(
        "C1014",
        "a source and a contract do not pair",
        "Each source has one contract whose dataset bears the source's name, and the "
        "other way round.",
        "Add what is missing, or correct one of the two names.",
    ),
    Code(
        "C1015",
        "unknown time zone",
        "The zone is not in the IANA time zone data of this machine.",
        "Write an IANA name such as America/Mexico_City; if it is right, install tzdata.",
    ),
    Code(
        "C1016",
        "a placeholder that is not known",
        "A text in braces is filled in at run time, and this one is not known here.",
        "Use the placeholders in `docs/reference/project.md`; write a literal brace twice.",
    ),
    Code(
        "C1017",
        "a reserved name",
        "puntual adds columns of this name itself: _object, _position, reference_date.",
        "Rename the column in the contract or the model.",
    ),
    Code(
        "C1018",
        "no report",
        "A project without a report delivers nothing.",
        "Add reports/<name>/ with report.yaml, report.sql and layout.yaml.",
    ),
    Code(
        "C1019",
        "outside the project",
        "The path leads out of the project's folder, or is not of the kind that may stand here.",
        "Move the file into the project and name it relative to it.",
    ),
    Code(
        "C1020",
        "a secret in the project",
        "A password stands in a file of the project.",
        "Write env:NAME and put the connection into that environment variable.",
    ),
    Code(
        "C1021",
        "a file that is not read",
        "The file lies in a folder of the project under a name that is not read.",
        "Correct its ending, or move it elsewhere.",
    ),
    Code(
        "C1101",
        "not the Open Data Contract Standard",
        "The contract departs from the standard's published JSON Schema.",
        "Correct the key; what the standard has no place for goes into customProperties.",
    ),
    Code(
        "C1102",
        "another version of the standard",
        "Contracts of ODCS 3.1 and 3.2 are read.",
        "Write apiVersion: v3.1.0 and bring the contract up to it.",
    ),
    Code(
        "C1103",
        "one dataset a contract",
        "A contract file holds exactly one entry in `schema`.",
        "Divide the contract, one file for each dataset.",
    ),
    Code(
        "C1104",
        "unknown or wrong puntual property",
        "A custom property begins with `puntual.` and is not known here, or its value is "
        "not possible.",
        "Correct it; `docs/reference/project.md` lists them.",
    ),
    Code(
        "C1105",
        "a number without its decimals",
        "A number is exact: how many digits and how many of them after the point must be said.",
        "Add physicalType: DECIMAL(18,2), with the digits that the source sends.",
    ),
    Code(
        "C1106",
        "a type that is not supported",
        "The column's type is none that puntual reads exactly.",
        "Use VARCHAR, BIGINT, DECIMAL(p,s), DATE, TIMESTAMP or BOOLEAN.",
    ),
    Code(
        "C1107",
        "an id with other characters",
        "Ids in a contract may only use A-Z a-z 0-9 _ and -; a dot is not allowed by the standard.",
        "Replace the other characters, for example by an underscore.",
    ),
    Code(
        "C1108",
        "a column that the contract does not have",
        "A property of the contract names a column that is not among its properties.",
        "Correct the name, or add the column.",
    ),
    Code(
        "C1109",
        "a column of another type",
        "A measure is an exact number; a day column and `fresh` need a date or timestamp.",
        "Correct the type in the contract, or cast the column in the model.",
    ),
    Code(
        "C1110",
        "the declared key is not clear",
        "Key columns need each their position and must be required.",
        "Number them by primaryKeyPosition from 1 and set required: true.",
    ),
    Code(
        "C1111",
        "a quality rule that is not run",
        "The contract declares quality; puntual does not run it, and says so rather than "
        "let it look done.",
        "Declare the same rule in checks/*.yaml.",
    ),
    Code(
        "C1112",
        "a part of the contract that is not acted upon",
        "The standard allows it and puntual does nothing with it.",
        "Declare a check, or leave it for other readers of the contract.",
    ),
    Code(
        "C1113",
        "a contract that does not fit its source",
        "A stream is JSON lines and needs a day column, a database is read as Parquet, "
        "files declare their form.",
        "Correct puntual.format or puntual.day, or the kind of the source.",
    ),
    Code(
        "C1114",
        "a pattern that is not RE2",
        "Patterns are RE2: no look-around, back reference or possessive quantifier, so "
        "that none takes for ever.",
        "Rewrite the pattern.",
    ),
    Code(
        "C1120",
        "the standard's schema is not installed",
        "The JSON Schema comes with the package open-data-contract-standard, which is not there.",
        "pip install open-data-contract-standard",
    ),
    Code(
        "C1201",
        "not SQL",
        "The file or key holds no SQL that can be read in DuckDB's dialect.",
        "Look at the place of the caret.",
    ),
    Code(
        "C1202",
        "not one read-only SELECT",
        "SQL in a project is one SELECT that changes nothing.",
        "Divide it, or remove what is not a SELECT.",
    ),
    Code(
        "C1203",
        "a function that is not allowed",
        "It reads a file, the network, the clock, the session or a random source, or is "
        "not known to give the same answer always.",
        "Use the data and :reference_date; read files through a source with a contract.",
    ),
    Code(
        "C1204",
        "a division without a scale",
        "A division makes a floating-point number, and rounds differently on another engine.",
        "Wrap it: CAST(a / b AS DECIMAL(18,6)) or round(a / b, 6).",
    ),
    Code(
        "C1205",
        "unknown parameter",
        "The only parameter is :reference_date.",
        "Write the value out, or use :reference_date.",
    ),
    Code(
        "C1206",
        "unknown table",
        "The SQL reads a table that it may not see: a model and a check read datasets, a "
        "report reads warehouse tables.",
        "Correct the name; for a report, add the dataset to warehouse.tables.",
    ),
    Code(
        "C1207",
        "models form a cycle",
        "Each model needs another one of the circle first.",
        "Divide one of them so that the circle opens.",
    ),
    Code(
        "C1208",
        "columns without a clear name",
        "A column of the result has no name, or two have the same, or two sides of a "
        "UNION differ in number.",
        "Name each with AS.",
    ),
    Code(
        "C1209",
        "unknown column",
        "No table in sight has this column.",
        "Correct the name, or add it where the table is made.",
    ),
    Code(
        "C1210",
        "a report without order",
        "The rows of a file have an order, and only ORDER BY gives the same one every time.",
        "Add an ORDER BY over columns that tell every row from the others.",
    ),
    Code(
        "C1211",
        "a number that is not exact",
        "A floating-point number cannot hold money exactly.",
        "Cast to DECIMAL(p,s).",
    ),
    Code(
        "C1212",
        "another answer another time",
        "LIMIT, first, last and any_value depend on the order of rows, which nothing fixes here.",
        "Add an ORDER BY.",
    ),
    Code(
        "C1301",
        "a check without one rule",
        "A check has exactly one rule.",
        "Keep one; write a second check for another.",
    ),
    Code(
        "C1302",
        "nothing to quarantine",
        "Quarantine needs rows that keep their origin in _object and _position.",
        "Select both in the model, or choose another on_fail.",
    ),
    Code(
        "C1303",
        "the same name twice",
        "Two things of one kind have the same name.",
        "Rename one of them.",
    ),
    Code(
        "C1304",
        "more than one number",
        "This SELECT must return one column with one number.",
        "Select the number alone.",
    ),
    Code(
        "C1305",
        "a check that is not used",
        "An SQL file in checks/ belongs to no check.",
        "Declare a check with `sql:` and this path, or remove the file.",
    ),
    Code(
        "C1401",
        "a field without width",
        "In a fixed-width file each field has its width.",
        "Add width.",
    ),
    Code(
        "C1402",
        "layout and report differ",
        "The layout's detail has one field for each column of report.sql, by name.",
        "Add, remove or rename the field.",
    ),
    Code(
        "C1403",
        "not a file name",
        "The file name of a layout is a name without a folder.",
        "Put the folder into `destinations`.",
    ),
    Code(
        "C1501",
        "a calendar that contradicts itself",
        "The period, the holidays and the weekend do not fit together.",
        "Compare with the published calendar.",
    ),
)

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
        "Run the day again; if it stays, the step that makes that side did not publish its totals.",
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
        "A value has more characters than its field in the fixed-width layout. Nothing is cut off.",
        "Widen the field as the regulator allows, or shorten the value in report.sql.",
    ),
    Code(
        "L3002",
        "a text would break the record",
        "A text contains the delimiter, the quote or a line end, and the layout cannot quote it.",
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
        "V3001",
        "a package that does not hold together",
        "A manifest that a delivery claims is missing, or its bytes are not those that its "
        "digest names, or two files of the package would have one name.",
        "Compare the package with the copy that was delivered; `puntual verify` says which "
        "file is concerned.",
    ),
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
