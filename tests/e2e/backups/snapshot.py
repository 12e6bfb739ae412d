"""Reads the databases below a folder and prints, as JSON, each partition's records and its alarm in milliseconds.

A Durable Object's file is named after a MAC of its name: names are made of what the records say, and of those given. A database
whose name is not found has its file's."""

import hashlib, hmac, json, pathlib, sqlite3, sys

folder, given = sys.argv[1], sys.argv[2:]
databases, names = {}, set(given)
for kind, count in (("roster", 4), ("nonce", 8), ("metrics", 8)):
    names.update(f"{kind}/{n}" for n in range(count))
names.update(("operations/ca", "compromised/keys", "failures/ca", "faults/ca", "backups/ca", "testca/main", "testcas/all"))
for path in sorted(pathlib.Path(folder).rglob("*.sqlite")):
    if path.name.startswith("metadata"):
        continue  # The platform's own, of all alarms.
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=60)
    tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    records, alarm = {}, None
    for table in tables & {"kv", "kept", "sorted"}:
        for key, value in database.execute(f"SELECT key, value FROM {table}"):
            read = json.loads(value)
            shared = read.get("records")
            records.update({key: value} if shared is None else {k: json.dumps(r["record"]) for k, r in shared.items()})
            for kind, member in (("account", "account"), ("account", "id"), ("key", "thumbprint"), ("eab", "kid")):
                if isinstance(read.get(member), str):
                    names.add(f"{kind}/{read[member]}")
    if "_cf_METADATA" in tables:
        for (value,) in database.execute("SELECT value FROM _cf_METADATA WHERE key = 1"):
            alarm = value and value // 1_000_000
    database.close()
    if records:
        databases[path] = (records, alarm)


def file_of(unique, name):
    key = hashlib.sha256(unique.encode()).digest()
    half = lambda what: hmac.new(key, what, hashlib.sha256).digest()[:16]
    return (half(name.encode()) + half(half(name.encode()))).hex()


known = {}
found = {}
for path, (records, alarm) in databases.items():
    unique = path.parent.name
    if unique not in known:
        known[unique] = {file_of(unique, name): name for name in names}
    found[known[unique].get(path.stem, path.stem)] = {"records": records, "alarm": alarm}
json.dump(found, sys.stdout)
