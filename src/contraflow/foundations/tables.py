"""The user's tables: CSV files in UTF-8, whose lines can be named."""

import csv
from pathlib import Path

from contraflow.foundations.errors import UserError


def read_table(file: Path, *, must: str, rows: str) -> tuple[list[str], list[list[str]], list[int]]:
    """The names of the columns, the rows, and the line in which each row ends; empty lines are no rows.

    Args:
        must: What the file must be, as in `data.table must be a CSV file inside of data.path`.
        rows: What they are, as in `images`.

    Raises:
        UserError: there is no such file, it is no CSV file in UTF-8, its lines have not as many fields as the first,
            or it has no rows.
    """
    try:
        with file.open(newline="", encoding="utf-8-sig") as opened:
            reader = csv.reader(opened, strict=True)
            header = [name.strip() for name in next(reader, [])]
            numbered = [(row, reader.line_num) for row in reader if row]
    except OSError as error:
        raise UserError(f"{must}, {file}: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{file} is not a CSV file in UTF-8 ({error})") from None
    uneven = [line for row, line in numbered if len(row) != len(header)]
    if uneven:
        raise UserError(
            f"{file}: every line must have {len(header)} fields as the first has, but line {uneven[0]} has not"
        )
    if not numbered:
        raise UserError(f"{file} lists no {rows}: it needs a line of column names and then one for each of them")
    return header, [row for row, _ in numbered], [line for _, line in numbered]
