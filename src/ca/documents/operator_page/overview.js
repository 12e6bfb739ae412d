// ---- overview: what is wrong, how much there is, what comes

const SEVERITY = { wrong: ["bad", "wrong"], due: ["warn", "due"], note: ["quiet", "note"] };

/** Where a finding is mended. */
const PLACES = {
  "certificates-unrenewed": "#/certificates?status=unrenewed",
  failures: "#/failures",
  "failures-internal": "#/failures?problem=serverInternal",
  "names-paused": "#/paused",
  "notices-undelivered": "#/notices",
  "registration-open": "#/keys",
};

function healthLine(health) {
  const grave = health.findings.filter((one) => one.severity !== "note").length;
  const [mood, words] = {
    ok: ["good", "Nothing needs action"],
    due: ["warn", `${count(grave, "thing")} ${grave === 1 ? "needs" : "need"} action`],
    wrong: ["bad", `${count(grave, "thing")} ${grave === 1 ? "needs" : "need"} action now`],
  }[health.status];
  const shown = health.findings.map((one) =>
    el(
      "li",
      {},
      chip(...SEVERITY[one.severity]),
      " ",
      PLACES[one.id] ? to(PLACES[one.id], one.what) : el("strong", {}, one.what),
      " ",
      small(prose(one.todo)),
    ),
  );
  return el(
    "section",
    { class: `card health ${mood}`, "aria-labelledby": "health-title" },
    el("h1", { id: "health-title", tabindex: -1 }, words, " ", small("as of ", time(health.at))),
    shown.length
      ? el("ul", { class: "findings" }, shown.slice(0, 6))
      : el("p", {}, "No findings: certificates are renewed, lists are signed, nothing is late."),
    shown.length > 6 &&
      el(
        "details",
        {},
        el("summary", {}, `${number(shown.length - 6)} more`),
        el("ul", { class: "findings" }, shown.slice(6)),
      ),
  );
}

function tile(href, value, label, mood, hint) {
  return el(
    "li",
    {},
    el("a", { class: `tile ${mood ?? ""}`, href }, el("strong", {}, value), el("span", {}, label), hint && small(hint)),
  );
}

function tiles({ health, accounts, external_accounts: keys }) {
  const { valid, unrenewed, revoked, counted } = health.certificates;
  const of = (n) => (counted ? number(n) : "…");
  const some = (it) => `${number(it.count)}${it.more ? "+" : ""}`;
  const failed = sum(Object.values(health.failures.problems)) + health.failures.registrations;
  return el(
    "ul",
    { class: "tiles", "aria-label": "Counts" },
    tile(link("certificates", { status: "valid" }), of(valid), "valid"),
    tile(
      link("certificates", { status: "unrenewed" }),
      of(unrenewed),
      "ending",
      unrenewed ? "warn" : "",
      "unrenewed, last sixth",
    ),
    tile("#/failures", number(failed), "failed", failed ? "warn" : "", "kinds, in a day"),
    tile(link("certificates", { status: "revoked" }), of(revoked), "revoked"),
    tile("#/accounts", some(accounts), "accounts"),
    tile("#/keys", some(keys), "keys", "", "external account keys"),
  );
}

/** The most frequent error types, and all others. */
function reasons(days) {
  const totals = new Map();
  for (const [name, n] of days.flatMap((day) => Object.entries(day.problems)))
    totals.set(name, (totals.get(name) ?? 0) + n);
  const sorted = [...totals.keys()].sort((a, b) => totals.get(b) - totals.get(a));
  const common = sorted
    .slice(0, 4)
    .map((name, at) => ({ name, colour: `reason-${at}`, of: (day) => day.problems[name] ?? 0 }));
  const rest = sorted.slice(4);
  return rest.length
    ? [...common, { name: "others", colour: "reason-4", of: (day) => sum(rest.map((name) => day.problems[name] ?? 0)) }]
    : common;
}

function charts(it) {
  const { counted } = it.health.certificates;
  const note = counted ? `As counted at ${stamp(counted)} UTC.` : "The first count is not complete yet.";
  const ends = [
    { name: "unrenewed", colour: "unrenewed", of: (day) => day.unrenewed },
    { name: "renewed", colour: "renewed", of: (day) => day.renewed },
  ];
  const failures = reasons(it.failed);
  return el(
    "div",
    { class: "charts" },
    bars("Certificates that end, by day", it.ending, ends, {
      note,
      empty: "No valid certificate ends in the next 90 days.",
    }),
    bars("Issued, by day", it.issued, [{ name: "issued", colour: "issued", of: (day) => day.count }], {
      note,
      empty: "No certificate was issued in the last 30 days.",
    }),
    bars(
      "Failures, by day and reason",
      it.failed,
      failures.length ? failures : [{ name: "failures", colour: "reason-0", of: () => 0 }],
      { empty: "Nothing failed in the last 30 days." },
    ),
  );
}

function hierarchy(it, { issuers }) {
  const at = Date.parse;
  const begin = Math.min(...issuers.map((one) => at(one.not_before)), Date.now());
  const mood = (iso, days) => (at(iso) - Date.now() < days * DAY ? (at(iso) < Date.now() ? "bad" : "warn") : "good");
  const rows = issuers.map((one) => ({
    name: one.name,
    from: at(one.not_before),
    until: at(one.not_after),
    mood: one.active ? mood(one.not_after, 90) : "idle",
    marks: one.revoked
      ? chip("bad", "revoked")
      : one.active
        ? chip("good", "active")
        : one.takes_over && at(one.takes_over) > Date.now()
          ? chip("quiet", `from ${one.takes_over.slice(0, 10)}`)
          : chip("quiet", "inactive"),
    said: el("span", {}, "ends ", when(one.not_after)),
  }));
  if (it.root)
    rows.unshift({
      name: it.root.name,
      from: begin,
      until: at(it.root.not_after),
      mood: mood(it.root.not_after, 365),
      marks: chip("quiet", "root"),
      said: el("span", {}, "ends ", when(it.root.not_after)),
    });
  return spans("Root and issuers", rows);
}

function lists({ issuers }) {
  const at = Date.parse;
  const all = issuers.flatMap((one) =>
    one.crls.filter((crl) => crl.next_update).map((crl) => ({ ...crl, issuer: one.name })),
  );
  if (!all.length)
    return el(
      "figure",
      { class: "card chart" },
      el("h2", {}, "Revocation lists"),
      el("p", { class: "quiet" }, "No list is signed yet: the first certificate brings it."),
    );
  all.sort((a, b) => at(a.next_update) - at(b.next_update));
  const rows = all.slice(0, 6).map((crl) => {
    const late = crl.due && at(crl.due) < Date.now() - 60_000;
    const ended = at(crl.next_update) < Date.now();
    return {
      name: (crl.url ?? crl.urls?.[0] ?? crl.issuer).replace(/^.*\/crl\//, ""),
      from: at(crl.signed ?? crl.next_update),
      until: at(crl.next_update),
      mood: ended ? "bad" : late ? "warn" : "good",
      marks: ended ? chip("bad", "expired") : late ? chip("warn", "late") : null,
      said: el("span", {}, "valid until ", when(crl.next_update)),
    };
  });
  return spans(
    "Revocation lists",
    rows,
    all.length > 6 ? `And ${count(all.length - 6, "list")} that end later.` : null,
  );
}

async function issuersShown() {
  const response = await answered("/issuers", {});
  if (!response.ok) throw new Refusal(`The authority answered with status ${response.status}.`, response.status);
  return response.json();
}

async function viewOverview(root) {
  await load(root, async () => {
    const it = (await first) ?? (await api("overview"));
    first = null;
    introduce(it);
    if (it.health.counting) setTimeout(() => root.isConnected && viewOverview(root), 1_500);
    return [
      healthLine(it.health),
      tiles(it),
      el(
        "section",
        { class: "card" },
        el("h2", {}, "Latest failures"),
        failuresListed(
          {},
          { size: 5, most: 5, all: to("#/failures", "All failures"), empty: "Nothing failed in the last 30 days." },
        ),
      ),
      charts(it),
      later(
        async () => {
          const issuers = await issuersShown();
          return [hierarchy(it, issuers), lists(issuers)];
        },
        { class: "charts two" },
      ),
      logs(it.health),
      backups(it.health),
      el(
        "section",
        { class: "card" },
        el("h2", {}, "Certificates, the one that ends first at the top"),
        certificatesListed(
          { status: "valid" },
          {
            size: 10,
            most: 10,
            all: to("#/certificates", "All certificates"),
            empty: "No certificate is valid. The page for users has lines for clients.",
          },
        ),
      ),
    ];
  });
}

/** Notes what an overview says of the CA: its name, its profiles, whether it is a test CA, and whether it has some. */
function introduce(it) {
  profiles = it.profiles;
  id("name").textContent = plain(it.name);
  id("faults-link").hidden = !it.test;
  id("test-cas-link").hidden = !it.test_cas;
}
