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
        "A file over 1 MiB, more than 32 levels deep, with more than 20,000 keys and values, or "
        "with a number of more than 60 characters.",
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
        "The file lies in a folder of the project under a name that is not read, or in a folder "
        "below it, or in one whose name is nearly that of one that is read. Where it is named as "
        "rules are (`.yaml`, `.yml`, `.sql`), that is an error: what it declares would hold "
        "nothing.",
        "Correct its ending or its folder, or move it elsewhere.",
    ),
    Code(
        "C1091",
        "a failpoint that is not there",
        "PUNTUAL_FAILPOINTS is for tests of puntual itself; it names no point or no fault.",
        "Unset it. The points stand in the reference page on fault testing.",
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
        "let it look done. A `method` that is nearly `reconciliation` is an error: the control "
        "that it means would be lost.",
        "Declare the same rule in checks/*.yaml, or write method: reconciliation.",
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
        "C1115",
        "a reconciliation of the contract that is not understood",
        "ODCS says of `method: reconciliation` only its name. puntual reads `library` with the"
        " metric rowCount and `sql`, both with `mustBe`, and `custom` with the engine puntual;"
        " what else such a rule says would be passed over.",
        "Write it in one of these forms, or declare a control in controls/*.yaml.",
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
        "The file or key holds no SQL that can be read in DuckDB's dialect, or more of it than "
        "a parser reads in bounded time: 200 brackets, or 8 JOINs before their ON, inside one "
        "another, 50,000 words and signs.",
        "Look at the place of the caret; divide what is too much.",
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
        "LIMIT, DISTINCT ON, first, last, any_value, string_agg, array_agg and functions of a "
        "row's place (row_number, rank, lag …) depend on an order of rows that nothing fixes here. "
        "Whether an ORDER BY tells every row from the others cannot be seen from the text.",
        "Add an ORDER BY over columns that tell the rows apart; take min() of values that are all "
        "the same.",
    ),
    Code(
        "C1213",
        "not the same on another engine",
        "The project has an environment of kind aws, where models and checks are run by Spark. "
        "What this construct gives there is not exactly what it gives here, or has never been "
        "compared.",
        "Write it with sums, products, comparisons and CASE on exact values, cast explicitly.",
    ),
    Code(
        "C1214",
        "SQL that the engine cannot run",
        "`puntual check` binds the project's SQL in DuckDB, over tables without rows that have the "
        "types of the contracts. DuckDB refused this piece: a column that is not grouped, a "
        "function that is not there, types that do not go together. The run would stop at it.",
        "Correct what DuckDB names, or the type in the contract.",
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
        "C1306",
        "set aside, and counted all the same",
        "Rows that this check sets aside leave their source and the models that carry it, but a "
        "model that mixes or aggregates them was built with them.",
        "Choose flag or hold, or aggregate in report.sql, which reads the warehouse.",
    ),
    Code(
        "C1307",
        "a model that nothing compares with what it is made from",
        "The model is loaded, or what is loaded is made from it. It carries no source one for "
        "one, so no hop reaches it, and no control, reconciliation of a contract or tie has one "
        "side on it (or on a table or report made from it) and another on what it is made from, or "
        "on a model that carries that. Rows and money lost in it would not be seen. A warning.",
        "Declare `carries` where its rows are a source's, else a control of two sides: its sum and "
        "count against those of what it is made from (docs/how-to/reconcile.md).",
    ),
    Code(
        "C1308",
        "two sides that cannot be compared",
        "The sides of a control differ in type or unit, or one of them cannot give what is"
        " measured. Nothing is cast or converted to make them comparable.",
        "Correct the side that is named; cast or convert a column in its model.",
    ),
    Code(
        "C1309",
        "an explanation that cannot occur",
        "Between these two sides nothing is set aside, removed or left out for this cause, so it"
        " would explain nothing, or it cannot be taken away from this measure.",
        "Remove it, or choose other sides; the hint lists what can occur between these.",
    ),
    Code(
        "C1310",
        "a tolerance without a unit",
        "A tolerance says how much of what may differ; without a unit nobody can approve it.",
        "Write `unit` beside it, such as MXN or rows.",
    ),
    Code(
        "C1311",
        "a control that cannot fail",
        "Both sides are the same, or neither reads a row of the day, so whatever was lost the "
        "control would agree.",
        "Compare with another place: a stage before it, the source's control record, the report's "
        "file, a database.",
    ),
    Code(
        "C1312",
        "a tolerance that nothing is measured against",
        "Digests, dates and instants are the same or are not, and of a classified column only "
        "pseudonyms are compared: a tolerance beside them would be passed over.",
        "Remove it, or write it beside the sums that it is meant for.",
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
        "C1404",
        "a report without a tie",
        "No control total of the file is compared with the warehouse, by a tie or by a control "
        "with a side on the file, so rows lost in report.sql would not be seen. A warning.",
        'Declare ties in report.yaml, for the money and for the rows (`column: "*"`).',
    ),
    Code(
        "C1405",
        "a count of rows that is no whole number",
        "A tie of `*` says how many rows the file has; its SELECT returns a decimal, and cut to a "
        "whole number it would agree with a file that it does not count.",
        "Select count(*), or a sum of integers.",
    ),
    Code(
        "C1501",
        "a calendar that contradicts itself",
        "The period, the holidays and the weekend do not fit together.",
        "Compare with the published calendar.",
    ),
    Code(
        "C1502",
        "a calendar that has ended",
        "The next due date of a report lies past the calendar's `valid_until`. Days that its "
        "legal source has not published are not guessed, so nobody knows what is owed then.",
        "Add the days that the legal source has published, cite it in `source` and `published`, "
        "and extend `valid_until`. `puntual calendar refresh NAME` proposes days, which a person "
        "compares with the source; it never decides.",
    ),
    Code(
        "C1503",
        "a calendar that cannot be proposed",
        "`puntual calendar` was asked for a calendar that is neither in the project nor shipped, "
        "would write over one that is there, or has no counterpart in the package `holidays` "
        "(which an optional extra installs).",
        "The message says which. The extra: pip install 'puntual[calendars]'.",
    ),
    Code(
        "C1601",
        "the worst case ends after the deadline",
        "If every step takes as long as it may, as often as it may be tried again, the run ends "
        "after the due time less the margin, on at least one date of the calendar. It was not "
        "that slow; it could be, within its own limits.",
        "Take the retry budget or the timeout that the message says fits (`run.steps` in "
        "puntual.yaml), start earlier (`run.starts`), or shorten the margin. `puntual plan` "
        "shows each step's share.",
    ),
    Code(
        "C1602",
        "a start time that does not exist on some day",
        "On a day on which the clocks go forward, `run.starts` falls into the hour that is "
        "skipped. A warning: the run starts at the first instant after the gap.",
        "Choose an hour that exists on every day.",
    ),
    Code(
        "C1603",
        "times too short for a Glue job",
        "On AWS the steps of one Glue job share one run of it, with the time of all of them. A "
        "run needs about a minute to start, and what it ended by is read by a function after it; "
        "what is left of these steps' times is too little. On one machine they are enough.",
        "Give these steps a longer `timeout` (`run.steps` in puntual.yaml); `puntual plan` shows "
        "what each takes at worst.",
    ),
    Code(
        "C1604",
        "what is to be deployed is not installed here",
        "A template is made with Node.js and the extra `infra`, and names the versions of what "
        "functions and jobs need: those that are installed here. One of them is missing.",
        "`pip install 'puntual[aws,infra,postgres]'`; Node.js 22 or newer on the PATH.",
    ),
    Code(
        "C1605",
        "the dependencies do not fit into a layer",
        "Functions get what they need as a Lambda layer of at most 250 MiB unpacked; what was "
        "fetched is larger, or could not be fetched.",
        "Look at what the message names; `--layer` takes a folder that was made elsewhere.",
    ),
    Code(
        "C1606",
        "prices that cannot be read",
        "`puntual plan --cost` multiplies with the prices of a file; this one is missing, is no "
        "YAML, or lacks an amount.",
        "Copy the file that comes with puntual (infra/prices-2026-11.yaml), correct the amounts, "
        "and give it with `--prices`.",
    ),
    Code(
        "C1607",
        "a run that starts before its day is over",
        "By `due` and `run.starts` the run of a reference date starts while that day still goes "
        "on, in the project's zone. What comes later in it is late data, never in the report. A "
        "warning: a report of a day with a cut-off is right so.",
        "Write `business_days_after: 1`, or start the run after the cut-off (`run.starts`).",
    ),
    Code(
        "C1701",
        "a policy that contradicts itself",
        "Two parts of a policy, or of two policies, cannot both hold: a clause that can never "
        "apply, two clauses for one case, a period that ends before it begins, signatures that "
        "nobody could give.",
        "The message names both sides; keep the one that is meant.",
    ),
    Code(
        "C1702",
        "unknown role",
        "A policy asks for somebody in a role that `roles` in puntual.yaml does not declare.",
        "Declare the role with the people who hold it, or correct its spelling.",
    ),
    Code(
        "C1703",
        "a partial delivery without the regulator's acceptance",
        "A policy lets a partial delivery leave by itself, and names no written acceptance of "
        "the regulator's (reference and dates).",
        "Add `acceptance`, or have each partial delivery signed: `delivery: {mode: signed}`.",
    ),
    Code(
        "C1704",
        "plan B without emergency.sql",
        "A clause says plan B, or a report.yaml describes it, and the report has no "
        "`emergency.sql`.",
        "Write `reports/<report>/emergency.sql`, a SELECT on raw alone, or choose another "
        "substitute.",
    ),
    Code(
        "C1705",
        "plan B returns other columns",
        "`emergency.sql` is laid out and compared like the full report, so it returns the same "
        "columns in the same order.",
        "Give it the columns of `report.sql`; what raw does not hold is null or zero, cast to "
        "the same type.",
    ),
    Code(
        "C1706",
        "a policy that ends before the next due day",
        "By the next day on which its report is due, the policy or the acceptance that it rests "
        "on has ended. A day that is not full would be held.",
        "Have it prolonged and approved again, or remove it.",
    ),
    Code(
        "C1707",
        "one person alone lets a partial delivery leave",
        "What is not full is agreed to by two different people at least: a policy is approved by "
        "two, and with `delivery: {mode: signed}` two sign each delivery under it. The "
        "regulator's acceptance changes neither.",
        "Write `approval: {roles: […], people: 2}`, and in `delivery: {mode: signed, …}` "
        "`people: 2`.",
    ),
    Code(
        "C1708",
        "a clause without a limit",
        "A policy says what may be missing and by how much. Of a source that is `short` or "
        "`quarantined` the amount is measured, and this clause would let any amount pass.",
        "Write `limits: {rows: N}`, `limits: {share: …}` (percent of the money), or both.",
    ),
    Code(
        "C1901",
        "a name that no key can have",
        "A key's name has letters, digits, . _ @ and -, and is never given again.",
        "`puntual key list` shows the names that were given.",
    ),
    Code(
        "C1902",
        "no such key",
        "No key of that name counts (any more) for what was asked.",
        "`puntual key list` shows which keys count, in which role and since when.",
    ),
    Code(
        "C1903",
        "what is asked of the ledger is not there",
        "There is no ledger yet, or it has no such entry.",
        "`puntual ledger show` tells how many entries there are.",
    ),
    Code(
        "C1904",
        "a time stamp cannot be examined here",
        "Neither rfc3161-client nor the program openssl is on this machine.",
        "pip install 'puntual[timestamp]'.",
    ),
    Code(
        "C1905",
        "classified values are not for this person",
        "`roles` in puntual.yaml declares the role `reveal`, and this user does not hold it.",
        "Ask somebody who does, or look without `--unmask`.",
    ),
    Code(
        "C1906",
        "the last key of the log",
        "Every change of keys is put on record, and what is put on record is signed by a key of "
        "the log. Without one nothing could be recorded or delivered any more.",
        "`puntual key rotate NAME` replaces it. Where what it signed must not count, make another "
        "one first: `puntual key create NAME --role log`.",
    ),
    Code(
        "C1907",
        "a key that does not count for this delivery",
        "An approver's key counts for what is attested after it was made, by the entry of the "
        "ledger. This delivery was attested before.",
        "Attest it anew: `puntual run -d DATE --from attest:REPORT`. That is a new entry, for "
        "which the key counts. Then sign again.",
    ),
    Code(
        "C1908",
        "no address of a time stamp authority",
        "RFC 3161 is asked over HTTP. Another scheme, such as `file:`, would read something else.",
        "Name an address that begins with `https://` or `http://`.",
    ),
    Code(
        "C1911",
        "a state was given something else than it is made for",
        "A function or job of the day's state machine got an input that it cannot read: the "
        "machine and what it calls were deployed from two versions, or somebody started it by "
        "hand with another input.",
        "puntual deploy, then puntual run --env ENV -d DATE, which starts it as it is meant.",
    ),
    Code(
        "C1912",
        "the project is not deployed in this environment",
        "The account, or the local stack, that the environment of this command leads to has no "
        "stack of this project.",
        "puntual deploy --env ENV; for the local stack, puntual aws local up before it.",
    ),
    Code(
        "C1913",
        "an option that means something on one machine only",
        "In an environment of kind aws the machine that is deployed carries the day out, for "
        "every report that is owed.",
        "Leave the option away.",
    ),
)

# S: source and landing

_S: tuple[Code, ...] = (
    Code(
        "S1101",
        "no such stream",
        "The source names a stream, or a shard, that does not exist where puntual looks for it.",
        "Make it with `puntual stream create`, or correct `stream:` in puntual.yaml.",
    ),
    Code(
        "S1102",
        "the stream does not answer",
        "The stream gave no answer, or no records though some remain. It may pass by waiting.",
        "Run again; when it lasts, see whether the stream is up.",
    ),
    Code(
        "S1103",
        "records were removed before they were read",
        "Retention removed records that had not been landed. The range of sequence numbers is"
        " named; a day that was not sealed before is not matched any more.",
        "Have the source send them again, lengthen the retention, and land more often than it.",
    ),
    Code(
        "S1104",
        "records of a day still to come",
        "Records name a day that is more than one day after they arrived. They are kept under"
        " that day and counted when it is landed; most often their date is wrong.",
        "Ask the source about these records.",
    ),
    Code(
        "S1105",
        "the stream exists with another shape",
        "A stream of this name was made with other shards or another retention.",
        "Use it as it is, or choose another name.",
    ),
    Code(
        "S1106",
        "a record is too large for the stream",
        "A record of more than 1 MiB was refused; the other records of the call were put.",
        "Make the record smaller, or send it as a file.",
    ),
    Code(
        "S1107",
        "no partition key",
        "A record's partition key is empty, longer than 256 characters or not Unicode; the "
        "other records of the call were put.",
        "Give the record a key of 1 to 256 characters.",
    ),
    Code(
        "S1108",
        "no such stream can be made",
        "The name, the number of shards or the retention is out of bounds.",
        "Name: letters, digits, `_`, `.`, `-`; 1 to 4096 shards; 1 to 365 days.",
    ),
    Code(
        "S1109",
        "no such position in the stream",
        "What was landed last lies beyond the end of the stream: it was made anew, or "
        "restored from an older copy.",
        "Restore the newer stream file, or land the new stream under another source.",
    ),
    Code(
        "S1110",
        "another stream under one source",
        "The source's `stream:` was changed for a day that was landed from the stream before. "
        "How far it was read means nothing in another stream, so that neither is read.",
        "Put the name back, and declare the new stream as a source of its own.",
    ),
    Code(
        "S1201",
        "the database does not answer",
        "The source's database could not be reached, the connection was lost, or it was "
        "locked for too long.",
        "Run again; when it lasts, see whether the database is up.",
    ),
    Code(
        "S1202",
        "the database refuses the query",
        "The source's query is not one that this database can run in a read-only transaction.",
        "Correct `query:` of the source; run it by hand with the same user.",
    ),
    Code(
        "S1203",
        "the database refuses this user",
        "Authentication failed, or the user may not read what the query names.",
        "Correct the user, its password or its grants.",
    ),
    Code(
        "S1204",
        "a column is not in the result",
        "The query does not return every column of the contract.",
        "Correct the query, or the contract's `physicalName`.",
    ),
    Code(
        "S1205",
        "text that is not of its encoding",
        "The database holds text that cannot be written as UTF-8.",
        "Convert the column in the source's query.",
    ),
    Code(
        "S1206",
        "the connection cannot be used here",
        "The environment variable that holds it is not set, its kind is not known, or its "
        "driver is not installed.",
        "Set the variable, or `pip install 'puntual[postgres]'`.",
    ),
    Code(
        "S1207",
        "a number of the database is a float",
        "The query gives a column of type real or double precision where the contract declares a "
        "number, or where a control adds it up or groups by it. A float is not exact, "
        "whatever it shows: a real of 250,000,007.99 is kept and written as 250,000,000.",
        "CAST the column to numeric(p, s) in the query, of a scale that you choose; an average of "
        "floats too. A column that is no amount may be declared as a text.",
    ),
    Code(
        "S1301",
        "the drop may not be read",
        "The folder or a file in it may not be read by this user.",
        "Correct owner or mode, then run again.",
    ),
    Code(
        "S1302",
        "too large for what it should be",
        "A control record of more than 8 MiB is not read.",
        "See whether data stands where the control record should.",
    ),
    Code(
        "S1303",
        "no regular file where the control record should be",
        "A symbolic link, a folder, a pipe or a device lies under the name of the control record. "
        "It is not followed and not waited for: the day cannot be verified.",
        "Have the source put a file there.",
    ),
    Code(
        "S1401",
        "a placeholder that is not known",
        "A path or pattern holds something in braces other than `{reference_date}`.",
        "Write `{reference_date}` or `{reference_date:%Y%m%d}`.",
    ),
    Code(
        "S1501",
        "the source gave no answer in time",
        "Its landing ran longer than its timeout and was killed, and the time to wait for the "
        "source is over: the day is sealed without asking it again, and a policy may go on.",
        "Find out what the source waits for (a lock, a slow query), or give its landing more time "
        "in `run:` of puntual.yaml. What comes later makes the next version.",
    ),
    Code(
        "S2001",
        "a file is still being written",
        "The file has no marker yet, changed a moment ago, or changed while it was read. It "
        "is not landed, and the day is not complete.",
        "Nothing, it is landed by the next run once it is whole; else ask the source for the "
        "marker.",
    ),
    Code(
        "S2002",
        "a file ends in the middle of a line",
        "The last line has no line end and is no whole record. The file is landed; the line "
        "is quarantined with its position.",
        "Ask the source for the whole file.",
    ),
    Code(
        "S2003",
        "a file is not what was declared",
        "Where data was declared, the file is an error page, an archive, another form, or one "
        "that unfolds to more than 1,000 times its size. It is kept, and refused.",
        "Ask the source for the data; see what answered in its place.",
    ),
    Code(
        "S2004",
        "the same file twice",
        "The file has the same bytes as another of this day or as one of an earlier day. It "
        "is kept, and refused.",
        "Ask the source for the right file; a repeated copy needs nothing.",
    ),
    Code(
        "S2005",
        "the file of another day",
        "Most records of the file that can be read name another day than the reference date. It "
        "is kept, and refused.",
        "Ask the source for the file of this day, under the same name or another.",
    ),
    Code(
        "S2006",
        "other columns than the contract",
        "The header differs from the contract. With a column missing or named twice the file "
        "is refused; a column more is noticed and not read.",
        "Correct the source, or make a new version of the contract.",
    ),
    Code(
        "S2007",
        "a file came again with other bytes",
        "A file of a day that is not sealed was replaced. The newest counts; the earlier one "
        "is kept.",
        "Nothing, unless the source did not mean to.",
    ),
    Code(
        "S2008",
        "a file after the seal",
        "A new file, or a known one with other bytes, came after its day was sealed. It is "
        "kept under `late/`, counted, and does not enter the day.",
        "Nothing for the version that was delivered; it is kept for the next one.",
    ),
    Code(
        "S2009",
        "an empty file",
        "A file of 0 bytes came, and the day does not agree with its control record.",
        "Ask the source whether there was nothing to send.",
    ),
    Code(
        "S2010",
        "the day is not over",
        "The stream's day has not ended in the contract's zone, so that it cannot be sealed.",
        "Run again after the end of the day.",
    ),
    Code(
        "S2011",
        "records after the seal",
        "Records came for a day that was sealed as matched. They are kept under `late/`, "
        "counted, and do not enter the day.",
        "Nothing for the version that was delivered; they are kept for the next one.",
    ),
    Code(
        "S2012",
        "another encoding than declared",
        "The file begins with the byte order mark of another encoding than the contract "
        "declares. It is kept, and refused.",
        "Correct `encoding` in the contract, or ask the source for the right encoding.",
    ),
    Code(
        "S2013",
        "no control record yet",
        "Records came, and the source's control record did not. The day cannot be verified.",
        "Ask the source for its control record, then run again.",
    ),
    Code(
        "S2014",
        "a source without a control record",
        "The project declares that this source gives no control record. Its days cannot be "
        "verified, and are never matched.",
        "Agree on a control record with the source.",
    ),
    Code(
        "S2015",
        "the query returned no row",
        "The database answered with no row for the day. A snapshot that was not taken looks the "
        "same as a day without rows, and the database vouches for either: the day is held, and "
        "asked for again by the next run.",
        "See whether the source has written the day. Where a day without rows is right, say "
        "`may_be_empty: true` in the source.",
    ),
    Code(
        "S2016",
        "the control record does not agree",
        "Count, sums or digest that the source gives differ from what was landed. Both sides "
        "are shown; neither is adjusted.",
        "Ask the source which side is right: for the missing records, or for a new control record. "
        "A file that was landed by mistake is withdrawn by the right file under the same name (or "
        "one with the header alone): the newest counts, the earlier one is kept. A record with "
        "`parts` must name that file as well, with 0 records where it is empty.",
    ),
    Code(
        "S2017",
        "nothing came",
        "No record came for the day, and no control record says that none was to come. "
        "Silence is not a zero.",
        "See whether the source has sent; a day without records needs a control record of 0.",
    ),
    Code(
        "S2018",
        "a control total that is not measured",
        "The control record has a sum of a column that the contract does not list as a "
        "measure, or lacks the sum of one that it lists, of the day or of a file. Not measured "
        "is not matched.",
        "Add the column to `puntual.measures` in the contract, or have the source give the sum "
        "under the name that the contract has.",
    ),
    Code(
        "S2019",
        "something that is no file",
        "A symbolic link, a folder, a pipe or a device lies under a name that the source's "
        "pattern matches. It was not read, and nothing was followed.",
        "Remove it, or have the source put the file itself there.",
    ),
    Code(
        "S2020",
        "a control record that cannot be read",
        "The control record is not of its form. It is kept as it came and is not used; "
        "nothing in it is guessed.",
        "Ask the source for a control record in the form of the project reference.",
    ),
    Code(
        "S2021",
        "a control record of another day or source",
        "The control record names another source or reference date than the one it lies "
        "under. It is not used.",
        "Ask the source for the control record of this day.",
    ),
    Code(
        "S2022",
        "a control record after the seal",
        "A control record came, or was replaced by another, after its day was sealed. It is "
        "kept under `late/`; the seal stays as it is.",
        "Ask the source which of its records is right; the new one is kept for the next version.",
    ),
    Code(
        "S2023",
        "other rows than when the day was sealed",
        "Count or sums that the database gives for the day are not those of the sealed "
        "extract. Its rows as they are now are kept under `late/` and do not enter the day. "
        "Rows that changed under the same count and sums are not seen.",
        "Ask the source what changed; the new rows are kept for the next version.",
    ),
    Code(
        "S2024",
        "a source that was not looked at",
        "A day that is sealed was run again, and this source did not answer or may not be "
        "read. Whether something came late is not known; the delivery stands.",
        "Nothing for the delivery; run the day again when the source answers.",
    ),
    Code(
        "S2025",
        "landed when the source was declared otherwise",
        "The source's path, query or connection, or its contract, was changed after a day that "
        "is not delivered was landed. The day was landed anew; what was landed before is kept, "
        "named, and does not count.",
        "Nothing, if the change was meant; else put the definition back and run again.",
    ),
    Code(
        "S2030",
        "two runs land one source",
        "Another run published what it landed while this one was landing. Nothing was lost or"
        " landed twice.",
        "Run again: it continues from what is committed.",
    ),
)

# Q: quality

_Q: tuple[Code, ...] = (
    Code(
        "Q1001",
        "the SQL of the project failed",
        "A SELECT of a model, check, control or report could not be run: it is not one SELECT, "
        "names something that is not there, reaches for a file or the network, or a value did "
        "not convert. The message names the file; values are never shown.",
        "Run `puntual check`, then try the SELECT with `puntual query`.",
    ),
    Code(
        "Q1002",
        "a number is too large",
        "A sum or a calculation has more digits than its type holds (38). Nothing was rounded.",
        "Give the column fewer decimals or a wider type, or correct the record that holds an "
        "impossible amount.",
    ),
    Code(
        "Q1003",
        "SQL without an exact counterpart",
        "A SELECT holds something that another engine does not have, or that gives a float or "
        "an estimate there: an unknown function, a division, an average, a float type.",
        "Write it with sums, products, comparisons and CASE on exact decimals.",
    ),
    Code(
        "Q1004",
        "a payload of the wrong form",
        "The contract of a stream says that its records are Parquet; a payload is one record, "
        "as JSON or delimited text.",
        "Declare `puntual.format` of type jsonl or csv in the contract.",
    ),
    Code(
        "Q1005",
        "a comparison that is not exact",
        "A sum was to be compared with a float or a text. A float is not exact, whatever it shows.",
        "Cast the query's result to a DECIMAL, or sum a decimal column.",
    ),
    Code(
        "Q1006",
        "a query would read more than is allowed",
        "Athena stopped the query when it had read as many bytes as its workgroup allows. Nothing "
        "was answered.",
        "Ask for fewer days or columns; the limit stands in the workgroup that was deployed.",
    ),
    Code(
        "Q1007",
        "a question that took too long",
        "A question on the curated data had no answer when its time was over, and was "
        "interrupted. Nothing was changed.",
        "Ask for less: fewer days, or a condition on `reference_date`; or allow more time with "
        "`--timeout`.",
    ),
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
    Code(
        "Q2005",
        "rows that cannot be set aside",
        "A check that quarantines found rows whose places (_object, _position) are missing or "
        "belong to no row, so they would stay in the report. It counts as not measured and holds.",
        "Return the places of the offending rows as they stand in the dataset.",
    ),
    Code(
        "Q2004",
        "one key, several contents",
        "Records of one declared key differ in content. One of them stays, by the contract's "
        "keep and orderBy; the others are set aside as duplicates and counted.",
        "Ask the source which content is right; say in the contract which record is to stay.",
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
        " side only. A table that was altered after it was loaded is loaded anew: "
        "`puntual run --from load:TABLE -d DATE`.",
    ),
    Code(
        "R2002",
        "keys or rows differ though counts and sums agree",
        "Both sides have as many records and the same sums, but the digests of their rows differ: "
        "of places, keys and measures of a model, of every column of a loaded table. Values were "
        "altered or exchanged, or errors offset each other.",
        "`puntual reconcile --rows` names the rows: a model exchanged values or put a zero for a "
        "null (give a column that is not the source's another name), the warehouse was changed "
        "outside puntual (`puntual run --from load:TABLE` loads it anew), or a key is not what the "
        "contract says.",
    ),
    Code(
        "R2003",
        "a hop was not compared",
        "The totals of one side of a hop are missing, or no hop was measured for a dataset. Or a "
        "tie has no answer: its SELECT answered no number, or the column that it sums agrees and "
        "holds nulls, each of which may be any number. Unknown is not equal.",
        "Of a tie: let its SELECT return one number (`coalesce(sum(x), 0)` where an empty day is "
        "zero), and report.sql no null in the column: mend the join that failed, or `coalesce` "
        "where there is no amount. Of another hop: run the day again; if it stays, the step that "
        "makes that side did not publish its totals.",
    ),
    Code(
        "R3001",
        "a declared control's answer",
        "Both sides of a control were compared exactly, within the declared tolerance.",
        "Run both queries of the result with `puntual query`; correct the data at its source, "
        "or the control when it is wrong. The next run asks a source database again.",
    ),
    Code(
        "R3002",
        "a declared control has no answer",
        "One side of a control cannot be read, is null or gave no row, or was not measured. A "
        "null equals nothing, not even another null, and sums that agree have no answer where a "
        "null stands in what was added up: the answer says how many, and on which side.",
        "Make each side return one number (`coalesce` where an empty day means zero), then "
        "run the day again. Where a null means that there is no amount, say so: "
        '`where: "amount IS NOT NULL"` on that side.',
    ),
    Code(
        "R3003",
        "a control that cannot be verified",
        "There is nothing to compare with: the source gave no control record, or the day before"
        " is not in the warehouse. It is never taken for agreement.",
        "Ask for the control record, or run the day before; `first_day` says where a"
        " roll-forward begins.",
    ),
    Code(
        "R3004",
        "a control that compared nothing",
        "A side of the control has no row, or one of the parts that are added up to it, or the "
        "yesterday of a roll-forward: that was not compared. Nothing equals nothing only where "
        "somebody says so.",
        "See why it is empty; where that is right, declare `may_be_empty: true`, or by "
        "`first_day` that a roll-forward begins.",
    ),
    Code(
        "R3005",
        "a tie that is not due",
        "One of the reports that a tie reads is not owed on this reference date, or has not been "
        "sent yet while a version of the other that was sent is replaced. Nothing was compared, "
        "and nothing waits for it.",
        "Nothing is to be done: the tie is judged on the dates on which its reports are owed, "
        "when the one that is sent last is made.",
    ),
    Code(
        "R4001",
        "the warehouse does not hold what was loaded",
        "Inside the transaction of a load, the count or a sum of the day in the table "
        "differs from what the manifest says. The transaction was rolled back.",
        "Rows were lost, doubled or rounded on the way into the warehouse: compare the "
        "types of its columns with the contract, and report a defect if they agree.",
    ),
    Code(
        "R5001",
        "no comparison sees a planted fault",
        "Each run plants known faults in a copy of a few of the day's rows (a lost row, a doubled "
        "row, a changed cent, a flipped sign, a swapped pair, a null for an empty text) and takes "
        "the day's own measures with and without them. None of the hops and controls of this "
        "dataset's way moved under this fault: it could stand in the report unseen.",
        "Declare the key and the measures of the dataset's model, or a control that sums or "
        "digests the column that is named.",
    ),
    Code(
        "R5002",
        "a control is blind to what it measures",
        "A planted fault changed a column that the control says it measures, and its difference "
        "did not move; or no fault that changes what it reads moves its difference beyond its "
        "tolerance, and it sees nothing; or its two queries agreed on zero throughout, and no "
        "fault changes either. A green answer of this control proves less than it says.",
        "Look at both its queries in `puntual reconcile --json`; a measure of the wrong column, or "
        "two sides that read the same rows, cannot differ, and a tolerance above every amount "
        "never will. Of zero against zero: correct a condition that no row meets, use `equal` of "
        "tables, which counts their rows, or declare `may_be_empty: true` where nothing is right.",
    ),
    Code(
        "R5003",
        "no such row, dataset, hop or control",
        "What `puntual reconcile` was asked to show is not in that day.",
        "`puntual reconcile -d DATE` names hops and controls; `--rows` names rows by key and by "
        "raw object and position.",
    ),
    Code(
        "R5004",
        "columns that a hop did not compare",
        "A model carries a source, and a column of the key, or a measure, is not in the digest of "
        "their rows: its types have no exact value in common, a text does not read as the number "
        "that the other side has, the source does not call it a measure, or no column of the "
        "source's key is in the model. Rows, sums and places were compared; this column may have "
        "been exchanged between rows unseen.",
        "Let the model keep the source's column under its name and type (beside the new one), or "
        "declare it a measure in the contract; a column that is another thing needs another name.",
    ),
    Code(
        "R5005",
        "a model that nothing compared",
        "The model reached the warehouse, and no hop, control or tie has one side on it (or on "
        "what is made from it) and another on what it is made from, or on a model that carries "
        "that. What it lost is lost on both sides of every comparison that follows, and those "
        "agree.",
        "Declare `carries` where its rows are a source's, else a control of two sides: its sum and "
        "count against those of what it is made from.",
    ),
    Code(
        "R5006",
        "a report that nothing compared",
        "The report was made, and no tie and no control compares its file with what it is made "
        "from. What its SELECT loses is missing in the file, and every hop agrees.",
        'Declare ties in report.yaml, for the money and for the rows (`column: "*"`), or a control '
        "with a side on the file.",
    ),
    Code(
        "R6001",
        "two columns that cannot be compared exactly",
        "The rows of two sides are compared as the types that are declared. This column is of "
        "another type on one side and cannot be read as the declared one without a guess: a "
        "float, a text for a number, a day for an instant, a text padded with blanks.",
        "CAST the column in that side's query to what is declared, or declare what it is. Floats "
        "are never compared: cast them to a decimal of a scale that you choose.",
    ),
    Code(
        "R6002",
        "a column is on one side only",
        "The comparison names a column that one of the two sides does not have.",
        "Correct its name, or give it that name in the side's query (`... AS name`).",
    ),
    Code(
        "R6003",
        "a side changed while it was read",
        "The rows that were fetched are not those that the scan before had counted and summed, so "
        "that what is said of them could be wrong. The comparison is unknown.",
        "Compare again when nobody writes to that side, or compare a snapshot of it.",
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
        "P1003",
        "no delivery is owed",
        "By the report's cadence and calendar nothing is due for the reference date (a weekend "
        "day, a holiday, a day within the week or month); nothing ran.",
        "Name a day that is owed, or correct the cadence or the calendar.",
    ),
    Code(
        "P1004",
        "no such step",
        "`puntual run --from` names a step that the day's plan does not have.",
        "`puntual plan -d DATE` shows the steps; their ids are such as load:movements.",
    ),
    Code(
        "P1005",
        "a step before is not committed",
        "`puntual run --from STEP` does STEP and all after it anew, on what is committed before "
        "it; something that STEP needs is not.",
        "Start at the step that is named, or run without --from.",
    ),
    Code(
        "P1006",
        "the day was sent",
        "`puntual run --from` would make anew what was delivered. What was sent stays as it is; "
        "a correction is the next version of the delivery.",
        "Name a report that was not sent with -r; a next version is not made by `run`.",
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
        "its control record; a file that came by mistake gives way to another of the same name.",
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
    Code(
        "P3001",
        "waits until the decision time",
        "Something is missing that the approved policy would let be left out. Until the "
        "decision time it may still come, so nothing is decided.",
        "Nothing, or repair the source. The run after the decision time delivers what the policy "
        "allows.",
    ),
    Code(
        "P3002",
        "the policy is not approved",
        "A policy was laid down for this report, and not everybody who must approve it has "
        "signed its file as it stands. A byte that changed voids every signature.",
        "`puntual sign policy NAME --as PERSON --role ROLE`, by each of them.",
    ),
    Code(
        "P3003",
        "the policy does not hold on the due day",
        "The policy, or the regulator's acceptance that it rests on, begins later or has ended.",
        "Have it prolonged and approved again; until then the delivery is held.",
    ),
    Code(
        "P3004",
        "the policy is silent on the case",
        "No clause of the policy speaks of what stands in the way. What is not allowed "
        "beforehand is held.",
        "Repair what is named, or have a clause added and approved.",
    ),
    Code(
        "P3005",
        "more is missing than the policy allows",
        "A clause speaks of the case, and its limit of rows, money or age is passed.",
        "Repair the source; the limits stand in the policy's file.",
    ),
    Code(
        "P3006",
        "the minimum content is not there",
        "The policy names sources that every delivery must hold, and one of them is missing.",
        "Repair the source; without it nothing is delivered.",
    ),
    Code(
        "P3007",
        "how much is missing cannot be measured",
        "A clause has a limit, and nobody knows how much is missing, or nothing can stand in. "
        "Not measured is not within a limit.",
        "Have the source send its control record, or repair it.",
    ),
    Code(
        "P3011",
        "waits for signatures",
        "The delivery is made, and the policy wants it signed by people before it is sent.",
        "`puntual sign delivery REPORT -d DATE --as PERSON --role ROLE`, then `puntual deliver`.",
    ),
    Code(
        "P3012",
        "fewer rows than the policy's minimum",
        "The report that was made holds fewer rows than every delivery must have.",
        "See what is missing: `puntual exceptions -d DATE`.",
    ),
    Code(
        "P3013",
        "waits for a person",
        "The next version is made and shown; it is sent when a person says so.",
        "`puntual amend -d DATE --reason TEXT --yes`.",
    ),
    Code(
        "P3020",
        "the full report could not be made",
        "A technical fault was left after its retries, so what was found out about the day is "
        "not complete. A clause about a fault lets plan B be delivered.",
        "Repair the fault that the sentence names, then run again.",
    ),
    Code(
        "P3021",
        "plan B could not be made",
        "The rehearsal of the emergency report failed, or its own checks do not hold. The full "
        "delivery is not touched by it.",
        "Correct `emergency.sql` before it is needed.",
    ),
    Code(
        "P3031",
        "nothing to amend",
        "The next version would be the same: neither data, rules, layout nor program have "
        "changed what the delivery says.",
        "`puntual exceptions -d DATE` shows what came late; nothing is sent twice.",
    ),
    Code(
        "P3032",
        "no such delivery",
        "A version was named that was not sent, or there are no two versions to compare.",
        "`puntual status --all` lists the deliveries.",
    ),
    Code(
        "P3033",
        "a correction needs its reason",
        "What was delivered is replaced only with a reason, which the receiver reads.",
        "Add `--reason TEXT`.",
    ),
    Code(
        "P3034",
        "nobody is named who makes the next version",
        "What is signed is signed by somebody else than who made it; `puntual amend` sends no "
        "such version without the name of who asks for it.",
        "`puntual amend … --by PERSON --yes`.",
    ),
    Code(
        "P3041",
        "not in that role",
        "Who signs must hold the role that is asked for, as `roles` in puntual.yaml declares.",
        "Name the role that the person holds, or have the roles corrected.",
    ),
    Code(
        "P3042",
        "signed already",
        "One person counts once, whatever the role.",
        "Somebody else must sign.",
    ),
    Code(
        "P3043",
        "maker and checker are the same",
        "Who wrote a policy, or asked for a correction, does not approve it.",
        "Somebody else must sign.",
    ),
    Code(
        "P3044",
        "nothing to sign",
        "No such policy, or no delivery that waits for signatures.",
        "`puntual status` lists what waits; `puntual policy` lists the policies.",
    ),
    Code(
        "P3045",
        "an approval was altered",
        "A kept approval has other bytes than its name says.",
        "Find out who changed it; have it signed again.",
    ),
    Code(
        "P3046",
        "the policy of the delivery is no longer the one that was approved",
        "A delivery was made under a policy whose file has been changed or removed since, or "
        "whose approval does not count any more. It would not be sent, whoever signs it.",
        "Have the policy approved as it stands, or put the approved one back; then "
        "`puntual run -d DATE` decides again, and what it makes is signed.",
    ),
    Code(
        "P3047",
        "the next version is not any more the one that was shown",
        "Between showing a version and sending it another run has made or sent one of the same "
        "report and day. What nobody has seen is not sent. A run of a deployed project can come "
        "between, for each part of `puntual amend` is an execution of its own.",
        "`puntual amend` again: what would be sent now is shown first.",
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

_D: tuple[Code, ...] = (
    Code(
        "D1001",
        "the destination cannot be written",
        "A file could not be placed in the destination folder: it is missing, full, read-"
        "only, or something else has its name.",
        "Correct the destination, then run again: the same bytes are sent.",
    ),
    Code(
        "D1002",
        "another file has that name",
        "A file with other bytes lies at the destination under the name of the delivery, or"
        " what was read back is not what was written. A delivery is never overwritten.",
        "Find out who wrote that file, move it away, then run again. A corrected report is "
        "a new version with a new name.",
    ),
    Code(
        "D1003",
        "a delivered file is missing or altered",
        "The destination no longer holds the bytes that were delivered under this name: the "
        "file is gone, or somebody changed it.",
        "Find out who moved or changed it. The delivered bytes lie in the evidence package; "
        "copy them back, and run `puntual verify`.",
    ),
    Code(
        "D1004",
        "no link is made",
        "A link that anybody may use is made only where the policy turns it on, to an object "
        "that was delivered, for ten minutes at most.",
        "Let the receiver fetch the file by an account of its own, or allow links for this "
        "destination.",
    ),
    Code(
        "D1005",
        "a link would end sooner than it says",
        "The credentials that would sign it end before it does, and so would it.",
        "Ask again when the role's credentials were renewed, or for less time.",
    ),
    Code(
        "D2001",
        "a receiver of notices does not answer",
        "A mail server or webhook could not be reached in time, or asked to come again. The "
        "notice waits in the outbox and is tried again, at the latest every hour.",
        "Nothing is lost. `puntual notices` shows what waits and why; repair the receiver.",
    ),
    Code(
        "D2002",
        "a receiver of notices refuses",
        "A mail server, webhook or file did not take a notice and says that it will not: a wrong "
        "address, wrong credentials, a certificate that is not trusted, a redirection.",
        "Correct the route under `notices` in puntual.yaml; what waits is then sent.",
    ),
    Code(
        "D2003",
        "a secret of a route is not set",
        "A route of notices names an environment variable that does not hold anything where "
        "puntual runs.",
        "Set it in the service's environment; what waits is then sent.",
    ),
    Code(
        "D2004",
        "a channel of notices failed as nobody expected",
        "A bug in one channel, or an answer that it does not understand. The other receivers "
        "were told; this one is tried again, at the latest every hour.",
        "Report it with the place that the message names; another route tells meanwhile.",
    ),
    Code(
        "D2005",
        "a receiver of lineage events does not answer",
        "The address that `puntual export openlineage --to` names could not be reached in time, or "
        "asked to come again. Runs and deliveries do not know of it.",
        "Nothing is lost: run the command again. What the receiver has taken is not sent again.",
    ),
    Code(
        "D2006",
        "a receiver of lineage events refuses",
        "The address that `puntual export openlineage --to` names did not take an event and says "
        "that it will not: a wrong address, a certificate that is not trusted, a redirection.",
        "Correct the address or the receiver and run the command again. What it has taken is not "
        "sent again.",
    ),
    Code(
        "D2007",
        "a receiver of notices is not reached",
        "No connection to a mail server or webhook was made: it is refused, or its name is not "
        "known. The receiver knows of nothing; the notice waits in the outbox and is tried again, "
        "at the latest every hour.",
        "Nothing is lost. `puntual notices` shows what waits and why; repair the receiver.",
    ),
    Code(
        "D3001",
        "nothing was sent that could be answered",
        "An acknowledgement belongs to a delivery that was sent; the proof of an attempt to a "
        "report that was made. There is none here.",
        "Name the report and the reference date as `puntual status` shows them.",
    ),
    Code(
        "D3002",
        "an answer is recorded with other facts",
        "The receiver's identifier stands in the records already, with another time or another "
        "file. A record is evidence and is never changed.",
        "Look at what is recorded: `puntual ack REPORT -d DATE`; a further answer has its own "
        "identifier.",
    ),
    Code(
        "D3003",
        "an answer at a time at which nobody can have answered",
        "The time lies before the delivery was sent (of an attempt: before the report was made) "
        "or in the future, by more than the 5 minutes that the receiver's clock may be off. A "
        "record is evidence and is never changed, so it is not written.",
        "Give `--at` as the receipt shows it, with its offset; look at `--as-of`, if you gave one.",
    ),
)

# V: evidence

_V: tuple[Code, ...] = (
    Code(
        "V1001",
        "an object is missing or has another size",
        "An object that a manifest or pointer names does not lie in the store, or not with "
        "the size that was recorded.",
        "Restore it from a copy. What was derived can be made again from raw.",
    ),
    Code(
        "V1002",
        "an object has other bytes",
        "The SHA-256 of an object is not the one that was recorded: it was damaged or altered.",
        "Stop, keep the object for inspection and restore it from a copy. What was derived "
        "can be made again from raw.",
    ),
    Code(
        "V1003",
        "the commit log is not what was recorded",
        "A record of `.puntual/state.commits` is missing or altered, or the state file was made "
        "from another history: an older copy of one of them was put back, or somebody changed "
        "it. What is published cannot be vouched for.",
        "Restore the folder of commits from a copy, together with the state file of the same "
        "moment. A state file alone may be deleted: it is made again from the log.",
    ),
    Code(
        "V1004",
        "a run was begun before, to do something else",
        "Each run has a number of its own, which its lease gives it, and lays down once what it "
        "is to do. Under that number something else lies in the lake.",
        "Somebody has written into the state of the lake, or put back an older copy of it; see "
        "who may.",
    ),
    Code(
        "V1005",
        "the archive of the project is not what was deployed",
        "What a function or job was to unpack is no archive, is far too large for a report "
        "project, or names a place outside of its folder.",
        "Deploy the project again; see who may write to the bucket of assets.",
    ),
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
    Code(
        "V2003",
        "recorded facts cannot be read back",
        "What a step handed on in its manifest has another shape than this program gives it.",
        "puntual verify names what was altered; otherwise run the step again from raw.",
    ),
    Code(
        "V3003",
        "a package that would not verify",
        "Before anything was delivered the package was verified as a receiver would, and does "
        "not hold together: a step was made from other bytes than the statement names, or a "
        "file of it is another. Nothing was sent.",
        "Run the day again: steps whose inputs have changed are done anew. If it stays, report "
        "it with the sentence that does not hold.",
    ),
    Code(
        "V3002",
        "no plain file in a package",
        "A file of the evidence package is a link, a folder, missing, or larger than 64 MiB.",
        "Compare the package with the copy that was delivered.",
    ),
    Code(
        "V4001",
        "no checkpoint",
        "What should be a signed checkpoint of the ledger (c2sp.org/tlog-checkpoint) is none.",
        "Compare it with the copy that was delivered; a project's own lies in .puntual/ledger.",
    ),
    Code(
        "V4002",
        "no proof of inclusion",
        "A file that should be a proof (c2sp.org/tlog-proof@v1) is none.",
        "Compare it with the copy that was delivered.",
    ),
    Code(
        "V4003",
        "rollback of the ledger",
        "The ledger does not hold what was shown of it before: it was restored from an older "
        "backup, or replaced. `ledger.checkpoint` in the project's folder is the last that was "
        "shown, and the newest packages in `evidence` show others. Where that file is gone nobody "
        "can say. Nothing is written, since two histories of one size would be signed.",
        "Restore the newest backup of .puntual. If what is missing is lost for good, "
        "`puntual ledger anchor --reason TEXT` goes on from here, and receivers will see it. If "
        "only `ledger.checkpoint` is gone, put its copy back, or name the newest package that a "
        "receiver holds: `puntual ledger anchor --seen PACKAGE --reason TEXT`.",
    ),
    Code(
        "V4004",
        "an entry of the ledger is missing or altered",
        "The entries of the ledger do not give the root that was signed.",
        "Restore .puntual/ledger from a copy; `puntual ledger check` reads all of it.",
    ),
    Code(
        "V4005",
        "a statement is not on record",
        "A delivery was attested and the ledger does not tell of it.",
        "Run the day again from that step: `puntual run -d DATE --from attest:REPORT`.",
    ),
    Code(
        "V5001",
        "no key to sign with",
        "The trust file names keys for this role, and none of their private halves is here; or "
        "there is no trust file yet. Or the delivery was attested before they were made.",
        "`puntual key list` shows them; `puntual key create NAME --role ROLE` makes one. Where "
        "the root key is kept away, name its file by --root-key.",
    ),
    Code(
        "V5002",
        "a private key cannot be opened",
        "It is encrypted, and the environment variable that its .passphrase file names is not "
        "set or has another passphrase.",
        "Export that variable for this command.",
    ),
    Code(
        "V5003",
        "others may read a private key",
        "A private key must have mode 0600.",
        "If nobody has read it: chmod 600. If somebody may have: `puntual key rotate NAME`.",
    ),
    Code(
        "V5004",
        "not signed by enough people",
        "The trust file asks for the signatures of more approvers than have signed this statement.",
        "Each of them: `puntual key sign -d DATE --name NAME`; then run again.",
    ),
    Code(
        "V5005",
        "the secret of the pseudonyms is not whole",
        "The file from which pseudonyms of classified values are made was cut or altered.",
        "Restore it from a backup. With a new one (remove the file) days of before are no longer "
        "made again byte for byte.",
    ),
    Code(
        "V5006",
        "a signature that does not verify",
        "The key service gave bytes that are no signature by the key that was asked for.",
        "Nothing was published. Compare the key's public half with the trust file before anything "
        "is signed again.",
    ),
    Code(
        "V5007",
        "the trust file was set back",
        "The last entry of the ledger was written under a later trust file than the one that is "
        "here: it was removed, or restored from an older copy. Keys that were revoked since would "
        "sign again.",
        "Restore the newest trust file (`.puntual/keys/trust.VERSION.json`; on AWS `keys/` in the "
        "evidence bucket). Nothing is signed meanwhile.",
    ),
    Code(
        "V5008",
        "the keys are gone",
        "Something was signed or delivered here before, and there is no trust file any more. A "
        "new root key and a new ledger would look like a history that was begun anew.",
        "Restore `.puntual/keys` and `.puntual/ledger` from a copy. If they are lost for good, "
        "move `.puntual/ledger` away and begin anew by `puntual ledger anchor --reason TEXT`; "
        "receivers must be told the new root key.",
    ),
    Code(
        "V7001",
        "there is no such column",
        "A report, a model or a line of a file has no column of this name.",
        "The message lists the columns; header and trailer are `header.NAME` and "
        "`trailer.NAME`, or `--row header` and `--row trailer` with the field's own name.",
    ),
    Code(
        "V7002",
        "SQL that cannot be followed row by row",
        "A number is followed by rewriting the SQL that made it, so that every row says which "
        "rows it was made of. A window, a LIMIT, a DISTINCT ON, a recursive or correlated query "
        "or another aggregate than sum, count, min and max cannot be rewritten exactly, and "
        "nothing is answered approximately.",
        "`puntual lineage REPORT` shows what its columns are made of, and `puntual query` asks "
        "the tables themselves.",
    ),
    Code(
        "V7003",
        "a report that reads other days",
        "A number is followed through the files of one reference date. The report's SQL does not "
        "hold every table to `:reference_date`, so that rows of other days may be in it.",
        "Add `reference_date = :reference_date` where only the day is meant; a report that looks "
        "back on purpose is asked day by day with `puntual query`.",
    ),
    Code(
        "V7004",
        "nothing was made that could be followed",
        "There is neither a delivery nor a report of this name for this reference date.",
        "Name a day that was run; `puntual status` shows them.",
    ),
    Code(
        "V7005",
        "the project is not the delivery's",
        "The contracts, models or the report have been changed since this delivery was made; its "
        "manifests record other digests. Today's SQL would explain another number.",
        "Check the project out as it was on that day, with the same `.puntual`, and ask there.",
    ),
    Code(
        "V7006",
        "the row does not name one line",
        "A row is named by what stands in the delivered file, and no line or several have it; or "
        "several rows of the report are alike in every column, so that no line is one of them.",
        "Name more columns, or the line by its number (`--row line:7`).",
    ),
    Code(
        "V7007",
        "the files of a delivery do not give its row",
        "The report's SQL over the files that the delivery's manifests name gives no row like the "
        "line of the delivered file. One of them is not what was used.",
        "Run `puntual verify` for the package and `puntual replay` for the day: they name what "
        "differs.",
    ),
)

# T: technical

_T: tuple[Code, ...] = (
    Code(
        "T1001",
        "the disk is full",
        "A file could not be written because its disk has no space left, or a quota is used"
        " up. Nothing half written is visible.",
        "Free space on that disk, then run again: it continues where it stopped.",
    ),
    Code(
        "T1002",
        "not permitted",
        "The operating system does not let this user read or write a file or folder that "
        "puntual needs.",
        "Correct owner or mode of what the message names, then run again.",
    ),
    Code(
        "T1003",
        "input/output error",
        "The operating system could not read or write a file for another reason: a failing "
        "disk, a folder where a file should be, a network disk that went away.",
        "Look at the disk (`dmesg`, `smartctl`) and at what the message names before "
        "anything is run again.",
    ),
    Code(
        "T1004",
        "too little disk space for a day",
        "Before the run began, less space was free than the largest of the last days took, so "
        "it could not have ended. Nothing was written.",
        "Free space on that disk; `puntual doctor --collect` removes what dead runs have left.",
    ),
    Code(
        "T1005",
        "the clock was set back",
        "The machine's clock is behind the moment at which its own state files were last "
        "written. Deadlines, and what is still open at which hour, depend on it.",
        "Set the clock (`timedatectl`), then run again.",
    ),
    Code(
        "T2001",
        "the lease was lost",
        "A later run has published with a higher epoch, so this one may not publish any "
        "more. Nothing was changed by it.",
        "Let the later run end; `puntual status` shows it.",
    ),
    Code(
        "T2002",
        "a state file is busy",
        "Another process held a state file for longer than puntual waits.",
        "Run again. If it stays, look for a program that keeps the file open.",
    ),
    Code(
        "T2003",
        "already running",
        "Another living process holds the lease, or one on another machine of which it "
        "cannot be known whether it lives.",
        "Wait for it to end. When that machine is gone for good, release the lease by hand.",
    ),
    Code(
        "T2004",
        "a state file is damaged",
        "A state file is no SQLite database any more, or its pages contradict each other.",
        "Run `puntual status`: a damaged state.db, journal.db or catalog.db is kept under another "
        "name and made again. An embedded stream (stream.db) must be restored from a copy.",
    ),
    Code(
        "T2005",
        "SQLite is not durable here",
        "SQLite does not promise that a commit is on the disk when it returns, so nothing "
        "could be vouched for.",
        "Put the state folder on a local disk; network disks are not supported.",
    ),
    Code(
        "T3001",
        "out of memory or temporary space",
        "The engine reached its memory limit and could not put the rest on the disk, or its "
        "temporary files reached theirs. Nothing was published.",
        "Free disk space beside the state folder, or raise the limit, then run again.",
    ),
    Code(
        "T3002",
        "the engine cannot read its input",
        "A raw or curated object is not the Parquet or text that it should be, or is gone, or "
        "an expression of the contract (a pattern, a date form) is none that the engine knows.",
        "Check the objects with `puntual verify`; correct the pattern or form in the contract "
        "that the message names.",
    ),
    Code(
        "T4001",
        "a later load has been there",
        "The warehouse's load log holds a higher epoch for this table and day: this run has"
        " lost its lease. Nothing was changed.",
        "Let the later run end; `puntual status` shows it.",
    ),
    Code(
        "T4002",
        "the warehouse refuses",
        "A file of the load is missing, a column changed its type or is not of an exact "
        "type, or the warehouse refuses the statement. Nothing was changed.",
        "Correct what the message names. A column whose type must change needs a new name, "
        "or its table made anew.",
    ),
    Code(
        "T4003",
        "the warehouse did not answer",
        "No connection, a connection that was lost, a lock that was not given in time, or "
        "another process that holds the file. The load log says whether a load was done.",
        "Run again; look at the server, or close programs that hold the warehouse open.",
    ),
    Code(
        "T2006",
        "another run published first",
        "Between the start of a step and its commit another run committed the same step.",
        "puntual run again: it continues from what is committed.",
    ),
    Code(
        "T2007",
        "what was in work was taken away",
        "A later run took this one for dead, swept its scratch files and goes on in its place. "
        "Nothing that was committed is touched.",
        "Let the later run end; `puntual status` shows it.",
    ),
    Code(
        "T2008",
        "a reveal that cannot be put on record",
        "Classified values are shown only once the ledger tells of it, and the ledger has one "
        "writer: a run that goes on kept its lease longer than a reveal waits. Nothing was shown.",
        "Ask again when the run has ended; `puntual status` shows it.",
    ),
    Code(
        "T5001",
        "a service of AWS did not answer",
        "No connection, no answer in time, or an answer that says that the service itself is at "
        "fault. What was asked for may have happened; it is looked up before it is done again.",
        "Run again. If it stays, look at the service's health page and at the network between.",
    ),
    Code(
        "T5002",
        "a service of AWS asks to slow down",
        "A limit of the account was reached, or another request was at work on the same thing.",
        "Run again. If it stays, raise the limit that is named, or let less run at once.",
    ),
    Code(
        "T5003",
        "bytes did not arrive as they were sent",
        "The service's checksum of what arrived, or ours of what came back, is another one. "
        "Nothing was stored or used.",
        "Run again. If it stays, suspect the machine's memory or what stands between.",
    ),
    Code(
        "T5004",
        "not permitted on AWS",
        "The role does not have the permission that the message names, or a policy denies it.",
        "Give the permission to the step's role, then run again.",
    ),
    Code(
        "T5005",
        "a key of AWS cannot be used",
        "The KMS key is disabled, is to be deleted, or does not let this role use it.",
        "Enable the key or correct its policy, then run again.",
    ),
    Code(
        "T5006",
        "a resource of AWS is not there",
        "A bucket, stream, job or table that the project names does not exist in this account "
        "and region.",
        "Deploy the project again, or correct the name in its environment.",
    ),
    Code(
        "T5007",
        "no usable credentials for AWS",
        "There are none, they have expired, or no region is set.",
        "Sign in (or give the machine its role) and set the region, then run again.",
    ),
    Code(
        "T5008",
        "a service of AWS refuses",
        "The service answered with a code that puntual does not know, so it does not know "
        "whether waiting would help.",
        "Look up the service's code, correct what it means, then run again.",
    ),
    Code(
        "T5009",
        "the environment does not say what is needed",
        "A function or job was started without a variable that names one of its resources.",
        "Deploy the project again; at a desk, set the variables that are named.",
    ),
    Code(
        "T5010",
        "the objects of one step do not fit on the local disk",
        "A step that runs as a function needs local copies of objects that are larger together "
        "than what may be kept.",
        "Raise PUNTUAL_CACHE_BYTES and the function's ephemeral storage with it, or let that step "
        "run as a job.",
    ),
    Code(
        "T5021",
        "a stack is not ready in time",
        "CloudFormation is still at work after the longest time that a stack should take.",
        "`puntual deploy` again: it goes on waiting and changes nothing twice.",
    ),
    Code(
        "T5022",
        "a stack could not be made",
        "CloudFormation gave up; the reasons that it names are in the message. A new stack is "
        "rolled back, an old one stands as it was before.",
        "Repair what the reasons name. A stack in ROLLBACK_COMPLETE is deleted before the next "
        "try; its buckets and keys stay.",
    ),
    Code(
        "T5023",
        "a stack that is complete lacks a resource",
        "CloudFormation says that everything was made, and the resource's own service does not "
        "know it. Nothing may run on a deployment that is only said to exist.",
        "Look at the stack's events; on a stage, at what its log says of this type of resource.",
    ),
    Code(
        "T5091",
        "the stage's environment cannot be made",
        "`puntual aws local up` installs the stage's own packages, locked by hash, into a folder "
        "of the user's cache; it could not.",
        "Let pip reach your package index and run again, or set PUNTUAL_STAGE_PYTHON to an "
        "interpreter that has them.",
    ),
    Code(
        "T5092",
        "the stage is not the one that its corrections were written for",
        "The stage corrects what ministack gets wrong by replacing names that are not public. The "
        "version differs, or a name is gone: without its correction the stage would say that "
        "things happened that did not.",
        "Remove the folder of the stage's environment and run `puntual aws local up` again.",
    ),
    Code(
        "T5093",
        "the stage did not come up",
        "Its process ended, or did not answer in time. Nothing of it is left running.",
        "Read the log that is named; choose another port with `--port` if it is taken.",
    ),
    Code(
        "T5094",
        "the stage could not be stopped",
        "A process of it still runs after it was ended twice: another user's, or one that waits "
        "for the kernel.",
        "End the processes that are named by hand, then run `puntual aws local down` again.",
    ),
    Code(
        "T5095",
        "another command starts or stops this stage",
        "Each folder has one stage, and one command at a time may start or stop it.",
        "Wait for the other one; use `--folder` for a stage of your own.",
    ),
    Code(
        "T6001",
        "a step did not end in time",
        "A step ran longer than its timeout and its process was killed. What it had not "
        "committed does not count; what it had begun is removed.",
        "Find out what it waits for (a source, a lock, a slow disk), or give it more time in "
        "`run:` of puntual.yaml.",
    ),
    Code(
        "T6002",
        "the process of a step died",
        "The process that does the steps ended without an answer: killed from outside, out of "
        "memory, or by a fault of a library. The run itself goes on and tries again.",
        "Look into the kernel's log for `Out of memory`, give the machine more memory, and run "
        "again.",
    ),
    Code(
        "T6003",
        "a bug stopped the run",
        "Something was raised that nobody expected. Nothing was taken for right that was not "
        "proven, and what was committed stays.",
        "Report it with the traceback that the run printed; then run again.",
    ),
    Code(
        "T6004",
        "the program was changed while it ran",
        "A run ends on the program it began with. A new process of the same run would have "
        "read files of another version.",
        "Run again: it continues from what is committed, with the new program.",
    ),
    Code(
        "T6005",
        "a job cannot be started",
        "The state machine may not start the job, or there is none of its name.",
        "Deploy the project again; look at the role of the state machine.",
    ),
    Code(
        "T6006",
        "an execution did not come to its end",
        "The state machine's execution failed, was stopped, or ran out of its time. What was "
        "committed stands.",
        "Look at what the message names; then run again: it continues from what is committed.",
    ),
    Code(
        "T6007",
        "another execution works on this day",
        "An execution of this reference date runs with another input. Two of them are never of "
        "use: the lease keeps the second from working.",
        "Let it end, or stop it; `puntual run --env ENV -d DATE` without --from follows it.",
    ),
    Code(
        "T7001",
        "a process that replayed died",
        "One of the processes of `puntual replay` ended without an answer: most often the "
        "machine had no memory left and it was killed. Nothing of the real state was touched.",
        "Replay with fewer processes (`--jobs 1`), or on a machine with more memory.",
    ),
    Code(
        "T8001",
        "a drill could not go on",
        "A command that prepares the stage of a drill, or the watch on it, did not end well.",
        "Play it again with `--keep` and look at the folder; nothing real was touched.",
    ),
    Code(
        "T9001",
        "a fault was injected",
        "PUNTUAL_FAILPOINTS asked for this fault at this point; nothing is wrong with the day.",
        "Unset PUNTUAL_FAILPOINTS and run again.",
    ),
)


CODES: dict[str, Code] = {c.code: c for c in _C + _S + _Q + _R + _P + _L + _D + _V + _T}
