// The inventory, over the operations API. What the API says goes in as text nodes only, never as markup.

const TOKEN = "selvedge-admin-token";
const REASONS = { 0: "not said", 1: "key compromise", 3: "affiliation changed", 4: "superseded", 5: "cessation of operation" };
const DAY = 86_400_000;
const id = (name) => document.getElementById(name);

let token = sessionStorage.getItem(TOKEN);
let who = null; // what the API said of us, while we are signed in
let shown = null; // the certificate in the dialog
const rows = new Map(); // its table row, by serial number

// ---- the API

class Refusal extends Error {
  constructor(detail, status) {
    super(detail);
    this.status = status;
  }
}

async function api(path, { body, text = false } = {}) {
  const headers = new Headers({ Accept: text ? "*/*" : "application/json" });
  if (token) headers.set("Authorization", `Bearer ${token}`);
  if (body) headers.set("Content-Type", "application/json");
  const request = { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body), cache: "no-store" };
  let response;
  try {
    // A redirect is Cloudflare Access asking to sign in once more, which only a page can do.
    response = await fetch(`/admin/v1/${path}`, { ...request, redirect: "error" });
  } catch {
    throw new Refusal("The authority did not answer. If you came by Cloudflare Access, load this page again.", 0);
  }
  if (response.ok) return text ? response.text() : response.json();
  const problem = await response.json().catch(() => null);
  throw new Refusal(problem?.detail ?? `The authority answered with status ${response.status}.`, response.status);
}

// ---- building blocks

function el(tag, props, ...children) {
  const node = Object.assign(document.createElement(tag), props);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** "in 12 days", "3 hours ago". */
function relative(iso, now = Date.now()) {
  const away = Date.parse(iso) - now;
  const units = [["day", DAY, 2], ["hour", DAY / 24, 1], ["minute", 60_000, 0]];
  const [unit, size] = units.find(([, size, least]) => Math.abs(away) >= size * least);
  return new Intl.RelativeTimeFormat("en").format(Math.trunc(away / size), unit);
}

function time(iso) {
  if (!iso) return "–";
  return el("time", { dateTime: iso, title: iso }, iso.slice(0, 16).replace("T", " "), " UTC");
}

function ends(iso) {
  return el("time", { dateTime: iso, title: iso }, iso.slice(0, 10), el("small", {}, relative(iso)));
}

function state(status, ...more) {
  const mood = { valid: "good", usable: "good", done: "good", attempted: "", used: "quiet", expired: "quiet" }[status] ?? "bad";
  return el("span", {}, el("span", { className: mood }, status), ...more.map((text) => el("small", {}, text)));
}

function act(it) {
  return it ? el("span", {}, time(it.at), ` by ${it.by}`) : "–";
}

function row(first, ...cells) {
  return el("tr", {}, el("th", { scope: "row" }, first), ...cells.map((cell) => el("td", {}, cell)));
}

function list(target, entries) {
  target.replaceChildren(...entries.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
}

/** The names as people read them, each with what stands in the certificate behind it where that differs. */
const names = (it) => it.names.map((name, at) => (it.unicode_names[at] === name ? name : `${it.unicode_names[at]} (${name})`));

const title = (it) => names(it)[0] + (it.names.length > 1 ? ` and ${it.names.length - 1} more` : "");

// ---- the lists

function filter() {
  const asked = { status: id("status").value };
  if (id("q").value.trim()) asked.q = id("q").value.trim();
  const days = id("days").valueAsNumber;
  if (days > 0) {
    const at = (ms) => new Date(ms).toISOString().replace(/\.\d+/, "");
    const now = Date.now();
    const span = asked.status === "expired" ? [now - days * DAY, now] : [now, now + days * DAY];
    [asked.ends_after, asked.ends_before] = span.map(at);
  }
  return asked;
}

function certificate(it) {
  const open = el("button", { type: "button" }, names(it).join(", "));
  open.addEventListener("click", () => openDetail(it));
  const marks = [it.renewed && "renewed", it.replace_now && "to be replaced"].filter(Boolean);
  const made = row(open, state(it.status, ...marks), ends(it.not_after), time(it.issued), it.profile ?? "–", it.account);
  rows.set(it.serial, made);
  return made;
}

const account = (it) => row(it.id, state(it.status), it.contact.join(", ") || "–", it.external_account ?? "–", time(it.created));

const key = (it) =>
  row(it.kid, state(it.status, ...it.warnings), it.note ?? "–", it.uses, String(it.accounts.length), act(it.created),
    time(it.expires), it.source);

const entry = (it) =>
  row(String(it.number), time(it.at), `${it.who} (${it.by})`, it.what, it.target ?? "–",
    state(it.outcome, ...(it.of ? [`of number ${it.of}`] : [])), it.detail ?? "–", it.address ?? "–");

const views = {
  certificates: { path: "certificates", member: "certificates", what: "certificate", make: certificate, query: filter },
  accounts: { path: "accounts", member: "accounts", what: "account", make: account },
  keys: { path: "external-accounts", member: "external_accounts", what: "key", make: key },
  audit: { path: "audit", member: "entries", what: "entry", many: "entries", make: entry },
};
for (const [name, view] of Object.entries(views)) {
  const section = document.querySelector(`[data-view="${name}"]`);
  const part = (selector) => section.querySelector(selector);
  Object.assign(view, { section, heading: part("h2"), body: part("tbody"), said: part(".said"), more: part(".more"), run: 0 });
  view.more.addEventListener("click", () => load(view, true));
}

/** Loads a list, or its next page; what comes after a newer question was asked is dropped. */
async function load(view, further = false) {
  const run = ++view.run;
  const asked = further ? view.asked : new URLSearchParams({ limit: 50, ...view.query?.() });
  const question = new URLSearchParams(asked);
  if (further) question.set("cursor", view.next);
  view.more.disabled = true;
  view.said.textContent = "Loading…";
  say("");
  try {
    const page = await api(`${view.path}?${question}`);
    if (run !== view.run) return;
    if (!further) view.body.replaceChildren();
    view.body.append(...page[view.member].map(view.make));
    Object.assign(view, { asked, next: page.next });
    summarize(view, page.complete === false);
    if (further && view.more.hidden) view.said.focus();
  } catch (problem) {
    if (run !== view.run) return;
    view.said.textContent = "";
    fail(problem);
  } finally {
    if (run === view.run) view.more.disabled = false;
  }
}

function summarize(view, stopped) {
  const count = view.body.rows.length;
  const found = count === 1 ? `1 ${view.what}` : `${count} ${view.many ?? `${view.what}s`}`;
  const early = "the search stopped early and can go on from there.";
  if (!view.next) view.said.textContent = count ? `${found}.` : "Nothing found.";
  else if (count) view.said.textContent = stopped ? `${found} so far; ${early}` : `${found} shown; there are more.`;
  else view.said.textContent = stopped ? `Nothing found so far; ${early}` : "Nothing found on this page; there are more.";
  view.more.textContent = stopped ? "Go on searching" : "Show more";
  view.more.hidden = !view.next;
}

function show(moved) {
  const view = views[location.hash.slice(1)] ?? views.certificates;
  for (const other of Object.values(views)) other.section.hidden = other !== view;
  for (const link of document.querySelectorAll("nav a")) {
    if (views[link.hash.slice(1)] === view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (moved) view.heading.focus();
  load(view);
}

// ---- one certificate

function openDetail(it) {
  describe(it);
  id("detail-error").textContent = "";
  id("detail-said").textContent = "";
  id("detail").showModal();
  id("detail-title").focus();
}

function describe(it) {
  shown = it;
  id("detail-title").textContent = title(it);
  const revoked = it.revoked;
  const why = revoked && `, ${REASONS[revoked.reason ?? 0] ?? `reason ${revoked.reason}`}, by ${revoked.by}`;
  list(id("fields"), [
    ["Names", names(it).join("\n")],
    ["Status", it.status],
    ["Revoked", revoked ? el("span", {}, time(revoked.at), why) : "no"],
    ["Ends", el("span", {}, time(it.not_after), `, ${relative(it.not_after)}`)],
    ["Valid from", time(it.not_before)],
    ["Issued", time(it.issued)],
    ["Profile", it.profile ?? "not noted"],
    ["Serial number", it.serial],
    ["Issuer", it.issuer],
    ["Account", it.account],
    ["External account key", it.external_account ?? "none"],
    ["Order", it.order],
    ["Renewed", it.renewed ? "yes: there is one with the same names that ends later" : "no"],
    ["To be renewed", el("span", {}, time(it.renewal?.start), " to ", time(it.renewal?.end))],
    ["To be replaced", it.replace_now ? "yes, at once: an operator asked for it" : "no"],
  ]);
  id("revoke").hidden = true;
  id("revoke-ask").hidden = it.status !== "valid";
}

function askRevocation() {
  id("question").textContent =
    `Revoke the certificate with serial number ${shown.serial} for ${names(shown).join(", ")}? This cannot be undone.`;
  id("revoke-yes").textContent = `Revoke ${title(shown)}`;
  // Not what was chosen for another one.
  id("reason").value = "0";
  id("revoke").hidden = false;
  id("revoke-ask").hidden = true;
  id("reason").focus();
}

function keep() {
  id("revoke").hidden = true;
  id("revoke-ask").hidden = false;
  id("revoke-ask").focus();
}

/** Does something for the dialog, with `button` out of reach meanwhile. */
async function working(button, work) {
  const about = shown;
  button.disabled = true;
  id("detail-error").textContent = "";
  try {
    await work();
  } catch (problem) {
    if (problem.status === 401) fail(problem);
    else if (id("detail").open && shown?.serial === about.serial) id("detail-error").textContent = problem.message;
    else say(`${title(about)}: ${problem.message}`);
  } finally {
    button.disabled = false;
  }
}

async function revoke(event) {
  event.preventDefault();
  const { serial } = shown;
  await working(id("revoke-yes"), async () => {
    const body = { reason: Number(id("reason").value) };
    const now = await api(`certificates/${encodeURIComponent(serial)}/revoke`, { body });
    rows.get(serial)?.replaceWith(certificate(now));
    if (shown?.serial !== serial) return;
    describe(now);
    id("detail-said").textContent = `The certificate for ${title(now)} is revoked.`;
    id("detail-title").focus();
  });
}

async function download() {
  const { serial, names } = shown;
  await working(id("download"), async () => {
    const pem = await api(`certificates/${encodeURIComponent(serial)}/pem`, { text: true });
    const href = URL.createObjectURL(new Blob([pem], { type: "application/x-pem-file" }));
    const name = (names[0] ?? serial).replace("*", "_").replace(/[^\w.-]/g, "_");
    el("a", { href, download: `${name}.pem` }).click();
    // The download has begun by then.
    setTimeout(() => URL.revokeObjectURL(href), 60_000);
  });
}

// ---- coming and going

function say(error) {
  id("error").textContent = error;
}

function fail(problem) {
  if (!(problem instanceof Refusal)) console.error(problem);
  if (problem.status === 401) leave(problem.message);
  else say(problem.message);
}

/** Takes all that was shown away, and asks who is there. */
function leave(why) {
  token = who = shown = null;
  sessionStorage.removeItem(TOKEN);
  rows.clear();
  id("detail").close();
  for (const name of ["who-text", "overview", "fields", "detail-title", "detail-said", "question"]) id(name).replaceChildren();
  for (const view of Object.values(views)) {
    view.run += 1;
    view.body.replaceChildren();
    view.said.textContent = "";
    view.more.hidden = true;
  }
  for (const name of ["inside", "who"]) id(name).hidden = true;
  id("sign-in").hidden = false;
  say(why);
  id("token").focus();
}

function signOut() {
  const byAccess = who?.by === "access";
  leave("");
  // Access would let the next one in as the same person.
  if (byAccess) location.assign("/cdn-cgi/access/logout");
}

function describeAuthority(it) {
  const { policy, webhook, audit } = it;
  id("who-text").textContent = `Signed in as ${it.who} (by ${it.by})`;
  list(id("overview"), [
    ["Directory", it.directory],
    ["Policy", el("span", {}, `version ${policy.version}`, policy.made ? ", " : ", as configured", policy.made ? act(policy.made) : "")],
    ["Shadow policy", policy.shadow ? "yes" : "none"],
    ["Accounts", it.external_account_required ? "need an external account key" : "need no external account key"],
    ["Webhook", webhook.configured ? `${webhook.waiting} waiting, ${webhook.given_up} given up` : "none"],
    ["Audit record", `${audit.entries} ${audit.entries === 1 ? "entry" : "entries"}`],
    ["Selvedge", it.version],
  ]);
}

/** Tries the token that there is, or none: Cloudflare Access may have let us in. */
async function enter(moved) {
  const tried = token;
  say("");
  try {
    who = await api("status");
    describeAuthority(who);
  } catch (problem) {
    if (problem.status === 401) return leave(tried ? problem.message : "");
    id("sign-in").hidden = false;
    return fail(problem);
  }
  if (token) sessionStorage.setItem(TOKEN, token);
  id("token").value = "";
  id("sign-in").hidden = true;
  for (const name of ["inside", "who"]) id(name).hidden = false;
  show(moved);
}

id("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  token = id("token").value.trim();
  if (/^[\x21-\x7e]+$/.test(token)) enter(true);
  else say("A token is made of letters, digits and signs, without spaces.");
});
id("sign-out").addEventListener("click", signOut);
id("filter").addEventListener("submit", (event) => {
  event.preventDefault();
  load(views.certificates);
});
id("status").addEventListener("change", () => load(views.certificates));
id("revoke").addEventListener("submit", revoke);
id("revoke-ask").addEventListener("click", askRevocation);
id("revoke-no").addEventListener("click", keep);
id("download").addEventListener("click", download);
id("close").addEventListener("click", () => id("detail").close());
// The row may have been made anew meanwhile, so that the browser has nothing to give the focus back to.
id("detail").addEventListener("close", () => rows.get(shown?.serial)?.querySelector("button").focus());
addEventListener("hashchange", () => who && show(true));
enter(false);
