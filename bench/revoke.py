"""Puts revocations into the ledger of a server that is stopped, and makes a CRL due for each shard: revoke.py FOLDER COUNT SHARDS.

The rows are of the real form: the rows that a revocation left are the templates.
"""
import json
import pathlib
import secrets
import sqlite3
import sys


def ledger(folder):
    """The database of the ledger, with the row of a shard and that of a revocation."""
    for path in sorted(pathlib.Path(folder).rglob("*.sqlite")):
        database = sqlite3.connect(path)
        try:
            find = "SELECT key, value, expires FROM kv WHERE key >= ? AND key < ? LIMIT 1"
            shard = database.execute(find, ("shard/", "shard0")).fetchone()
            revoked = database.execute(find, ("revoked/", "revoked0")).fetchone()
        except sqlite3.OperationalError:
            shard = revoked = None  # an object without a table of ours
        if shard and revoked:
            return database, shard, revoked
        database.close()
    sys.exit(f"no ledger with a revocation below {folder}")


def main():
    folder, count, shards = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    database, (_, shard, _), (key, revoked, expires) = ledger(folder)
    shard, digits = json.loads(shard), len(key.split("/")[2])
    shard["due"] = 1
    with database:
        for n in range(shards):
            value = json.dumps(shard, separators=(",", ":"))
            database.execute("INSERT OR REPLACE INTO kv (key, value) VALUES (?, ?)", (f"shard/{n}", value))
        rows = (
            # The first bit stands for the sign, and serial numbers are positive.
            (f"revoked/{n % shards}/{secrets.randbits(4 * digits - 8) | 1 << (4 * digits - 8):0{digits}x}", revoked, expires)
            for n in range(count)
        )
        database.executemany("INSERT INTO kv (key, value, expires) VALUES (?, ?, ?)", rows)
    database.close()


main()
