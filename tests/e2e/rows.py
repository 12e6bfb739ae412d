"""Reads the databases below a folder and prints, as JSON, what is in them: whether each is whole, how many rows of each kind
there are and how long they are, and the records of the kinds that are asked for."""

import json, pathlib, sqlite3, sys

folder, check, wanted = sys.argv[1], sys.argv[2] == "check", set(sys.argv[3:])
found = {"files": 0, "damaged": [], "kinds": {}, "rows": []}
for path in sorted(pathlib.Path(folder).rglob("*.sqlite")):
    found["files"] += 1
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=60)
    if check:
        verdict = database.execute("PRAGMA integrity_check").fetchall()
        if verdict != [("ok",)]:
            found["damaged"].append([path.name, verdict])
    if database.execute("SELECT 1 FROM sqlite_master WHERE name = 'kv'").fetchone():
        tables = database.execute("SELECT name FROM sqlite_master WHERE name IN ('kv', 'kept', 'sorted')").fetchall()
        rows = " UNION ALL ".join(f"SELECT key, value FROM {table}" for (table,) in tables)
        for key, value in database.execute(rows):
            kind = key.split("/")[0]
            count = found["kinds"].setdefault(kind, [0, 0])
            count[0] += 1
            count[1] += len(key) + len(value)
            shared = json.loads(value).get("records")
            records = [(key, value)] if shared is None else [(k, json.dumps(r["record"])) for k, r in shared.items()]
            for key, value in records:
                if key.split("/")[0] in wanted:
                    found["rows"].append([path.name, key, value])
    database.close()
json.dump(found, sys.stdout)
