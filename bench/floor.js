// What the platform itself costs: bare requests to a Worker, and to a Durable Object behind it, each of which does one
// thing of what an issuance is made of. No parsing, no decisions, no module.
import { connect } from "cloudflare:sockets";
import { DurableObject } from "cloudflare:workers";

const ECDSA = { name: "ECDSA", hash: "SHA-256" };
// A and AAAA queries are as long; RFC 1035 §4: header, n1.c1.test, type A, class IN.
const QUERY = Uint8Array.from([
  0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 2, 110, 49, 2, 99, 49, 4, 116, 101, 115, 116, 0, 0, 1, 0, 1,
]);
const JSON_TYPE = { headers: { "Content-Type": "application/json" } };

export class Floor extends DurableObject {
  constructor(state, env) {
    super(state, env);
    this.sql = state.storage.sql;
    this.sql.exec("CREATE TABLE IF NOT EXISTS kv (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID");
    this.count = 0;
  }

  async fetch(request) {
    const body = await request.text();
    if (request.url.endsWith("/write")) {
      this.sql.exec("INSERT OR REPLACE INTO kv (key, value) VALUES (?, ?)", `row/${this.count++ % 1000}`, body);
    }
    return new Response("{}", JSON_TYPE);
  }
}

let signed;
async function sign(bytes) {
  signed ??= await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign", "verify"]);
  return crypto.subtle.sign(ECDSA, signed.privateKey, bytes);
}

let known;
const parts = {
  bare: async () => {},
  sign: async (body) => {
    await sign(body);
  },
  verify: async (body) => {
    known ??= { body, signature: await sign(body) };
    if (!(await crypto.subtle.verify(ECDSA, signed.publicKey, known.signature, known.body))) throw new Error("signature");
  },
  query: async (_body, env) => {
    const headers = { "Content-Type": "application/dns-message", Accept: "application/dns-message" };
    const answer = await fetch(env.RESOLVER, { method: "POST", headers, body: QUERY });
    if (answer.status !== 200) throw new Error(`the resolver answers ${answer.status}`);
    await answer.arrayBuffer();
  },
  // As http-01 is looked at: a socket, a request, and all that comes back until the host closes.
  connection: async (_body, env) => {
    const socket = connect(env.HOST, { allowHalfOpen: true, secureTransport: "off" });
    await socket.opened;
    const writer = socket.writable.getWriter();
    await writer.write(new TextEncoder().encode("GET /.well-known/acme-challenge/x HTTP/1.1\r\nHost: n1.c0.test\r\n\r\n"));
    const reader = socket.readable.getReader();
    let length = 0;
    for (let next; !(next = await reader.read()).done; ) length += next.value.length;
    await socket.close();
    if (!length) throw new Error("nothing came");
  },
};

export default {
  async fetch(request, env) {
    const [, part, name] = new URL(request.url).pathname.split("/");
    const body = await request.bytes();
    if (part === "hop" || part === "write") {
      return env.FLOOR.getByName(name).fetch(`https://floor/${part}`, { method: "POST", body });
    }
    await parts[part](body, env);
    return new Response("{}", JSON_TYPE);
  },
};
