"""Fills the ledger of a server that is stopped: fill.py FOLDER COUNT.

The rows are of the real form: a row that an issuance left is the template.
"""
import base64
import json
import pathlib
import secrets
import sqlite3
import sys

AT_ONCE = 50_000


def ledger(folder):
    """The database of the ledger, with one of its rows."""
    for path in sorted(pathlib.Path(folder).rglob("*.sqlite")):
        database = sqlite3.connect(path)
        try:
            row = database.execute("SELECT key, value FROM sorted WHERE key >= 'serial/' AND key < 'serial0'").fetchone()
        except sqlite3.OperationalError:
            row = None  # an object without a table of ours
        if row:
            return database, row
        database.close()
    sys.exit(f"no ledger below {folder}")


def random_text(count):
    return base64.urlsafe_b64encode(secrets.token_bytes(count)).rstrip(b"=").decode()


def rows(template, first, count):
    key, value = template
    entry, digits = json.loads(value), len(key.split("/")[1])
    entry["account"] = random_text(16)
    for n in range(first, first + count):
        entry.update(order=random_text(16), tbs_digest=random_text(32), names=[f"n{n}.stored.test"])
        # The first bit stands for the sign, and serial numbers are positive.
        serial = f"{secrets.randbits(4 * digits - 1):0{digits}x}"
        yield f"serial/{serial}", json.dumps(entry, separators=(",", ":"))


def main():
    folder, count = sys.argv[1], int(sys.argv[2])
    database, template = ledger(folder)
    database.execute("PRAGMA cache_size = -1000000")
    database.execute("PRAGMA synchronous = OFF")
    for first in range(0, count, AT_ONCE):
        with database:
            some = rows(template, first, min(AT_ONCE, count - first))
            database.executemany("INSERT INTO sorted (key, value) VALUES (?, ?)", some)
    stored, = database.execute("SELECT count(*) FROM sorted WHERE key >= 'serial/' AND key < 'serial0'").fetchone()
    database.close()
    print(stored)


main()
