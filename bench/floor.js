// The floor of the benchmark: a bare request to a Worker, passed on to a Durable Object, which writes one row. The
// answer leaves when the row is on the disk. No signature, no parsing, nothing but what the platform itself costs.
import { DurableObject } from "cloudflare:workers";

export class Floor extends DurableObject {
  constructor(state, env) {
    super(state, env);
    this.sql = state.storage.sql;
    this.sql.exec("CREATE TABLE IF NOT EXISTS kv (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID");
    this.count = 0;
  }

  async fetch(request) {
    const body = await request.text();
    this.sql.exec("INSERT OR REPLACE INTO kv (key, value) VALUES (?, ?)", `row/${this.count++ % 1000}`, body);
    return new Response("{}", { headers: { "Content-Type": "application/json" } });
  }
}

export default {
  async fetch(request, env) {
    const name = new URL(request.url).pathname;
    const body = await request.text();
    return env.FLOOR.getByName(name).fetch("https://floor/", { method: "POST", body });
  },
};
