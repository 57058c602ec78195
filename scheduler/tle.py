"""The two-line element format, column by column.

Sources: T. S. Kelso, "FAQ: Two-Line Element Set Format", CelesTrak; Vallado, Crawford, Hujsak, Kelso,
"Revisiting Spacetrack Report #3", AIAA 2006-6753, appendix B; alpha-5: Space-Track, "Alpha-5 Satellite
Catalog Number Format". Columns below count from 1, as the documents do.

    line 1   3-7 number  8 class  10-17 designator  19-20 year  21-32 day  34-43 first derivative / 2
             45-52 second derivative / 6  54-61 B*  63 ephemeris type  65-68 set number  69 checksum
    line 2   3-7 number  9-16 inclination  18-25 node  27-33 eccentricity  35-42 perigee  44-51 anomaly
             53-63 mean motion  64-68 revolution  69 checksum
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from scheduler.errors import ElementsError

LINE_LENGTH = 69
_ALPHA5_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"  # without I and O
MOST_IN_ALPHA5 = 339_999
FIRST_YEAR = 1957  # the years of two digits end 99 years later
_LINE = {number: re.compile(rf"^{number} [ 0-9A-HJ-NP-Z][ 0-9]{{4}}") for number in (1, 2)}


def is_line(text: str, number: int) -> bool:
    """Whether `text` begins as line 1 or 2 of a set does; nothing else is checked."""
    return bool(_LINE[number].match(text))


def checksum(line: str) -> int:
    """Sum of the digits of columns 1-68, a minus counting 1, modulo 10."""
    columns = line[: LINE_LENGTH - 1]
    return (sum(digit * columns.count(str(digit)) for digit in range(1, 10)) + columns.count("-")) % 10


def parse(line1: str, line2: str) -> dict[str, object]:
    """The fields of one set by the names that `Elements` gives them.

    Raises:
        ElementsError: a line is cut, its checksum is wrong, or a column holds what does not belong there.
    """
    line1, line2 = (_checked(line, number) for number, line in ((1, line1), (2, line2)))
    if line1[2:7] != line2[2:7]:
        raise ElementsError(
            f"line 1 is of satellite {line1[2:7].strip()!r}, line 2 of {line2[2:7].strip()!r}; "
            "take both lines from one set"
        )
    return {
        "norad_id": from_alpha5(line1[2:7]),
        "classification": line1[7].strip() or "U",
        "object_id": _long_designator(line1[9:17].strip()),
        "epoch": _epoch(line1[18:32]),
        "mean_motion_dot": _number(line1[33:43], "first derivative of mean motion"),
        "mean_motion_ddot": _assumed_point(line1[44:52], "second derivative of mean motion"),
        "bstar": _assumed_point(line1[53:61], "B*"),
        "ephemeris_type": int(_digits(line1[62], "ephemeris type")),
        "element_set": int(_digits(line1[64:68], "element set number")),
        "inclination_deg": _number(line2[8:16], "inclination"),
        "raan_deg": _number(line2[17:25], "right ascension of the node"),
        "eccentricity": float("0." + _digits(line2[26:33], "eccentricity").rjust(7, "0")),
        "argument_of_perigee_deg": _number(line2[34:42], "argument of perigee"),
        "mean_anomaly_deg": _number(line2[43:51], "mean anomaly"),
        "mean_motion_rev_per_day": _number(line2[52:63], "mean motion"),
        "revolution": int(_digits(line2[63:68], "revolution number")),
    }


def to_alpha5(norad_id: int) -> str:
    """Five columns for a catalogue number up to 339999."""
    if not 0 <= norad_id <= MOST_IN_ALPHA5:
        raise ElementsError(
            f"catalogue number {norad_id} does not fit into a two-line set "
            f"({MOST_IN_ALPHA5} at most); use OMM"
        )
    lead, rest = divmod(norad_id, 10_000)
    return f"{norad_id:05d}" if lead < 10 else f"{_ALPHA5_LETTERS[lead - 10]}{rest:04d}"


def from_alpha5(text: str) -> int:
    """Catalogue number from five columns, the first of which may be a letter."""
    text = text.strip()
    if not re.fullmatch(r"[0-9]{1,5}|[A-HJ-NP-Z][0-9]{4}", text):
        raise ElementsError(
            f"{text!r} is no catalogue number; five digits or alpha-5 (A0000-Z9999) are allowed"
        )
    if text[0] in _ALPHA5_LETTERS:
        return (_ALPHA5_LETTERS.index(text[0]) + 10) * 10_000 + int(text[1:])
    return int(text)


def with_checksum(line: str) -> str:
    """A line of 68 columns with its checksum behind."""
    if len(line) != LINE_LENGTH - 1 or not (line.isascii() and line.isprintable()):
        raise ElementsError(f"a value does not fit its columns in {line!r}; use OMM")
    return f"{line}{checksum(line)}"


def format_assumed_point(value: float) -> str:
    """Eight columns such as ` 13483-3` for 0.13483e-3."""
    if value == 0:
        return " 00000+0"
    mantissa, exponent = f"{abs(value):.4e}".split("e")
    power = int(exponent) + 1
    sign = "-" if value < 0 else " "
    if power > 9:
        return "overflow!"
    if power < -9:  # what is smaller still has fewer digits, down to none
        return f"{sign}{round(abs(value) * 1e14):05d}-9"
    return f"{sign}{mantissa.replace('.', '')}{'-' if power < 0 else '+'}{abs(power)}"


def _checked(line: str, number: int) -> str:
    if not is_line(line, number):
        raise ElementsError(f"{line[:24]!r} does not begin as line {number} of a two-line set")
    if len(line) < LINE_LENGTH or not line.isascii():
        raise ElementsError(
            f"line {number} of a two-line set has {LINE_LENGTH} ASCII columns, "
            f"this has {len(line)}; was it cut?"
        )
    if not line[:LINE_LENGTH].isprintable():
        raise ElementsError(
            f"line {number} of a two-line set holds control characters; fetch the elements again"
        )
    if line[LINE_LENGTH - 1] != str(checksum(line)):
        raise ElementsError(
            f"line {number} of satellite {line[2:7].strip()} has checksum {line[LINE_LENGTH - 1]!r} "
            f"where its digits give {checksum(line)}; fetch the elements again"
        )
    return line


def _number(text: str, what: str) -> float:
    if not re.fullmatch(r" *[-+]? *[0-9]*\.[0-9]+ *", text):
        raise ElementsError(f"{what} is {text!r}; a decimal number is expected")
    return float(text.replace(" ", ""))


def _digits(text: str, what: str) -> str:
    if not re.fullmatch(r"[ 0-9]*", text):
        raise ElementsError(f"{what} is {text!r}; digits are expected")
    return text.strip().replace(" ", "0") or "0"


def _assumed_point(text: str, what: str) -> float:
    match = re.fullmatch(r"([-+ ])([0-9 ]{5})([-+ ])([0-9])", text)
    if not match:
        raise ElementsError(f"{what} is {text!r}; digits and exponent such as ' 13483-3' are expected")
    sign, digits, power_sign, power = match.groups()
    value = float(f"0.{digits.strip().replace(' ', '0') or '0'}e{'-' if power_sign == '-' else ''}{power}")
    return -value if sign == "-" else value


def _epoch(text: str) -> datetime:
    """`YYDDD.DDDDDDDD`; years 57-99 belong to the 1900s."""
    match = re.fullmatch(r"([ 0-9]{2})([ 0-9]{3}\.[0-9 ]{8})", text)
    if not match:
        raise ElementsError(
            f"epoch is {text!r}; year, day and fraction such as '24198.89352404' are expected"
        )
    year, day = int(match[1].replace(" ", "0")), float(match[2].replace(" ", "0"))
    start = datetime(_long_year(year), 1, 1, tzinfo=UTC)
    epoch = start + timedelta(days=day - 1)
    if epoch.year != start.year:
        raise ElementsError(f"epoch {text!r} names day {day:.0f} of the year {start.year}")
    return epoch


def _long_designator(short: str) -> str:
    """`24039A` as `2024-039A`, the form of OMM."""
    if not re.fullmatch(r"[0-9]{5}[A-Z]{0,3}", short):
        return short
    return f"{_long_year(int(short[:2]))}-{short[2:]}"


def _long_year(year: int) -> int:
    return FIRST_YEAR + (year - FIRST_YEAR) % 100
