"""Which functions a project's SQL may call: those that give the same answer on any day."""

from __future__ import annotations

import re

from sqlglot import exp

# Nodes of sqlglot that read a clock, a file, a random source, a session or a sequence. By the
# form of their names, so that one that a later sqlglot learns is refused as well.
_REFUSED_NODE = re.compile(
    "Current|Local(time|timestamp)|Sys|Utc|Now|Today|Rand|Uuid|Read|Session|Seq[0-9]|NextVal"
    "|Version$|Sleep|Load|GetVariable|Setting|AIAgg|AI[A-Z]|ML[A-Z]|Generate(Embedding|Text)"
)

_CLOCK_WORDS = frozenset({"now", "today", "tomorrow", "yesterday"})

# Functions of DuckDB that sqlglot has no node for. What is not here is refused: DuckDB's own
# list marks these as consistent, and none reads a file, a clock, a session or a random source.
_ALLOWED = frozenset(
    """
    abs acos add asin atan atan2 avg bar bin bit_count bit_length bool_and bool_or cbrt ceil
    ceiling century char_length character_length chr concat concat_ws contains cos cot count
    count_if countif covar_pop covar_samp damerau_levenshtein date_diff date_part date_sub
    date_trunc datediff datepart datesub datetrunc day dayname dayofmonth dayofweek
    dayofyear days_in_month decade degrees divide editdist3 ends_with epoch epoch_ms
    epoch_us era even exp factorial fdiv filter flatten floor fmod format from_base64
    from_hex gcd generate_series greatest greatest_common_divisor hamming hex histogram hour
    instr isfinite isinf isnan isodow isoyear jaccard jaro_similarity
    jaro_winkler_similarity json_array_length json_contains json_exists json_extract
    json_extract_path json_extract_path_text json_extract_string json_keys json_type
    json_valid json_value julian last_day lcase lcm least least_common_multiple left
    left_grapheme len length length_grapheme levenshtein list_aggregate list_avg list_cat
    list_concat list_contains list_count list_distinct list_element list_extract list_filter
    list_first list_has list_has_all list_has_any list_indexof list_intersect list_last
    list_max list_median list_min list_position list_reduce list_resize list_reverse
    list_reverse_sort list_select list_slice list_sort list_string_agg list_sum
    list_transform list_unique list_value list_where list_zip array_length array_contains
    array_distinct array_position array_slice array_sort array_to_string array_transform
    array_unique array_value ln log log10 log2 lower lpad ltrim make_date make_time
    make_timestamp map map_contains map_entries map_extract map_keys map_values max max_by
    md5 mean median microsecond millennium millisecond min min_by minute mismatches mod mode
    month monthname multiply nfc_normalize nullif octet_length ord overlay pi position pow
    power prefix printf product quantile quantile_cont quantile_disc quarter radians range
    regexp_escape regexp_extract regexp_extract_all regexp_full_match regexp_matches
    regexp_replace regexp_split_to_array repeat replace reverse right right_grapheme round
    round_even row roundbankers rpad rtrim second sha1 sha256 sign signbit sin split
    split_part sqrt starts_with stddev stddev_pop stddev_samp strftime string_agg
    string_split string_split_regex string_to_array strip_accents strlen strpos strptime
    struct_extract struct_pack substr substring substring_grapheme subtract suffix sum tan
    time_bucket timezone to_base to_base64 to_days to_hex to_hours to_microseconds
    to_milliseconds to_minutes to_months to_quarters to_seconds to_timestamp to_weeks
    to_years translate trim trunc try_strptime typeof ucase unhex unicode unnest upper
    url_decode url_encode var_pop var_samp variance week weekday weekofyear xor year
    yearweek
    """.split()  # noqa: SIM905 — a list of 250 lines is read by nobody
)
ALLOWED = tuple(sorted(_ALLOWED))
TABLE_FUNCTIONS = (exp.GenerateSeries, exp.Unnest)
"""What may stand where a table stands."""


def refused(node: exp.Func) -> str:
    """Return why a function may not be called, with `{name}` for its name; "" if it may."""
    name = called(node)
    if isinstance(node, exp.Anonymous):
        if name == "age" and len(node.expressions) == 2:
            return ""
        return "" if name in _ALLOWED else "the function {name}() is not allowed in a project"
    if _REFUSED_NODE.match(type(node).__name__):
        return "{name} is not allowed: it gives another answer on another day or machine"
    word = node.this if isinstance(node, exp.Cast) else None
    if isinstance(word, exp.Literal) and word.is_string and word.this.lower() in _CLOCK_WORDS:
        return f"'{word.this}' reads the clock; use :reference_date"
    return ""


def called(node: exp.Func) -> str:
    """Return a function's name, in lower case."""
    if isinstance(node, exp.Anonymous):
        return str(node.name).lower()
    return str(node.sql_name()).lower()
