// The operators' page, over the operations API. What the API says goes in as text nodes only, never as markup.
// ---- basics: the API, elements, texts

const TOKEN = "selvedge-admin-token";
const REASONS = {
  0: "not said",
  1: "key compromise",
  3: "affiliation changed",
  4: "superseded",
  5: "cessation of operation",
};
const DAY = 86_400_000;
const PATIENCE = 30_000;
const id = (name) => document.getElementById(name);

let token = sessionStorage.getItem(TOKEN);
let me = null; // who is signed in: name, role, permissions
let profiles = []; // those of the active issuer
let first = null; // the overview that is asked for at the beginning

class Refusal extends Error {
  constructor(detail, status, request) {
    super(detail);
    Object.assign(this, { status, request });
  }
}

async function answered(path, request) {
  try {
    // A redirect is Cloudflare Access asking to sign in once more, which only a page can do.
    return await fetch(path, {
      ...request,
      cache: "no-store",
      redirect: "error",
      signal: AbortSignal.timeout(PATIENCE),
    });
  } catch (problem) {
    if (problem.name === "TimeoutError")
      throw new Refusal(`The authority did not answer within ${PATIENCE / 1000} seconds.`, 0);
    throw new Refusal("The authority did not answer. If you came by Cloudflare Access, load this page again.", 0);
  }
}

/** Asks the API, that of a test CA with the path `below`. `body` is sent as JSON, `raw` as it is. */
async function api(path, { body, raw, below = "", text = false } = {}) {
  const headers = new Headers({ Accept: text ? "*/*" : "application/json" });
  const sent = raw ?? (body && JSON.stringify(body));
  if (token) headers.set("Authorization", `Bearer ${token}`);
  if (sent !== undefined) headers.set("Content-Type", "application/json");
  const response = await answered(`${below}/admin/v1/${path}`, {
    method: sent === undefined ? "GET" : "POST",
    headers,
    body: sent,
  });
  if (response.status === 202) throw new Refusal(waiting(await response.json()), 202);
  if (response.ok) return text ? response.text() : response.json();
  const problem = await response.json().catch(() => null);
  throw new Refusal(
    problem?.detail ?? `The authority answered with status ${response.status}.`,
    response.status,
    problem?.request,
  );
}

/** What is said of an action that a second person has to confirm. */
const waiting = ({ approval }) =>
  `Another person has to confirm this until ${stamp(approval.until)} UTC; it is ${approval.id} among the approvals.`;

const query = (asked) =>
  new URLSearchParams(Object.entries(asked).filter(([, value]) => value || value === 0)).toString();
const link = (path, asked = {}) => `#/${path}${query(asked) && `?${query(asked)}`}`;
const part = encodeURIComponent;

/** Whether the role of whoever is signed in includes an action. The API decides in the end. */
const may = (permission) => !permission || me?.role === "owner" || Boolean(me?.permissions?.includes(permission));

// ---- elements

const escape = (c) => `\\u{${c.codePointAt(0).toString(16)}}`;

// Letters of these scripts look like Latin ones.
const ALIKE = /[\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Armenian}\p{Script=Cherokee}]/gu;

/**
 * A text in which characters that are not seen, or that turn others around, are escapes; and so are letters that look
 * like Latin ones in a word with Latin ones. Line ends stay.
 */
const plain = (text) =>
  String(text)
    .replace(/[^\P{C}\n]|[\u2028\u2029]/gu, escape)
    .replace(/[\p{L}\p{M}\p{N}-]+/gu, (word) => (/[a-z]/i.test(word) ? word.replace(ALIKE, escape) : word));

function fill(node, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === "function") node.addEventListener(name, value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child instanceof Node ? child : plain(child));
  }
  return node;
}

const el = (tag, props, ...children) => fill(document.createElement(tag), props, children);
const svg = (tag, props, ...children) =>
  fill(document.createElementNS(id("picture").namespaceURI, tag), props, children);
const small = (...children) => el("small", { class: "quiet" }, children);
const code = (text) => el("code", {}, text);
const to = (href, ...children) => el("a", { href }, children);
const chip = (mood, text) => el("span", { class: `chip ${mood}` }, text);
const count = (n, one, many = `${one}s`) => `${number(n)} ${n === 1 ? one : many}`;
const number = (n) => n.toLocaleString("en");

/** A sentence with commands between backticks. */
const prose = (text) => text.split("`").map((piece, at) => (at % 2 ? code(piece) : piece));

// ---- times

/** "in 12 days", "3 hours ago". */
function relative(iso, now = Date.now()) {
  const away = Date.parse(iso) - now;
  if (Math.abs(away) < 60_000) return "now";
  const units = [
    ["year", 365 * DAY, 2],
    ["day", DAY, 2],
    ["hour", DAY / 24, 1],
    ["minute", 60_000, 0],
  ];
  const [unit, size] = units.find(([, size, least]) => Math.abs(away) >= size * least);
  return new Intl.RelativeTimeFormat("en").format(Math.trunc(away / size), unit);
}

const stamp = (iso) => iso.slice(0, 16).replace("T", " ");
const time = (iso) => (iso ? el("time", { datetime: iso, title: `${iso}, ${relative(iso)}` }, stamp(iso)) : "–");
const when = (iso) => (iso ? el("span", { class: "line" }, time(iso), " ", small(relative(iso))) : "–");
const act = (it) => (it ? el("span", {}, when(it.at), " by ", it.by) : "–");
const second = (ms) => new Date(ms).toISOString().replace(/\.\d+/, "");

// ---- texts

/** Names as people read them, each with what stands in the certificate behind it where that differs. */
function names(it) {
  const forms = it.unicode_names ?? it.names;
  return it.names.map((name, at) => (forms[at] === name ? name : `${forms[at]} (${name})`));
}

/** Two names and how many more there are. */
function few(it) {
  const [first, next] = names(it);
  const more = (it.names_count ?? it.names.length) - Math.min(2, it.names.length);
  const shown = [first, next].filter(Boolean);
  return el(
    "span",
    { class: "few" },
    shown.map((name, at) =>
      el(
        "span",
        {},
        el("bdi", { title: plain(name) }, name),
        more > 0 && at + 1 === shown.length && small(`and ${number(more)} more`),
      ),
    ),
  );
}

const title = (it) => names(it)[0] + (it.names.length > 1 ? ` and ${it.names.length - 1} more` : "");
const hex = (text, size = 2) =>
  (text ?? "")
    .match(new RegExp(`.{1,${size}}`, "g"))
    ?.join(":")
    .toUpperCase() ?? "";

function say(text) {
  id("said").textContent = "";
  id("said").textContent = plain(text);
  clearTimeout(say.later);
  say.later = setTimeout(() => {
    id("said").textContent = "";
  }, 8_000);
}

function copy(text, what) {
  const put = async () => {
    try {
      await navigator.clipboard.writeText(text);
      say(`Copied: ${what}.`);
    } catch {
      say(`The browser does not allow copying; select the ${what} instead.`);
    }
  };
  return el(
    "button",
    { type: "button", class: "copy", "aria-label": `Copy the ${what}`, title: `Copy the ${what}`, click: put },
    "Copy",
  );
}

const copied = (text, what, shown = text) => el("span", { class: "copied" }, code(shown), " ", copy(text, what));

/** A list of terms with their values. */
const facts = (entries) =>
  el(
    "dl",
    { class: "facts" },
    entries.filter(Boolean).map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value ?? "–"))),
  );

function save(text, name, type) {
  const href = URL.createObjectURL(new Blob([text], { type }));
  el("a", { href, download: name.replace("*", "_").replace(/[^\w.-]/g, "_") }).click();
  // The download has begun by then.
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
}

// ---- loading

/** A problem with a way to try again. */
function trouble(problem, again) {
  if (!(problem instanceof Refusal)) console.error(problem);
  return el(
    "div",
    { class: "card wrong", role: "alert" },
    el("p", {}, problem.message),
    problem.request && el("p", { class: "quiet" }, "Request ", code(problem.request)),
    again && el("p", {}, el("button", { type: "button", click: again }, "Try again")),
  );
}

/** Shows what `work` comes to in `root`; meanwhile what was there, and words when it takes long. */
async function load(root, work) {
  root.setAttribute("aria-busy", "true");
  const slow = setTimeout(
    () => root.firstChild ?? root.append(el("p", { class: "quiet", role: "status" }, "Loading…")),
    300,
  );
  try {
    const made = await work();
    root.replaceChildren(...[made].flat(Infinity).filter(Boolean));
  } catch (problem) {
    if (problem.status === 401) return leave(problem.message);
    const heading = root.classList.contains("view") && el("h1", { tabindex: -1 }, "This could not be shown");
    root.replaceChildren(...[heading, trouble(problem, () => load(root, work))].filter(Boolean));
  } finally {
    clearTimeout(slow);
    root.removeAttribute("aria-busy");
  }
}

/** A part that is loaded by itself. */
function later(work, props = {}) {
  const root = el("div", props);
  load(root, work);
  return root;
}
