// ---- failures: from what a client saw to its cause

const FAILURES = ["Last (UTC)", "Names", "Failure", "Account, key", "Times"];
const STEPS = [
  "new-account",
  "new-order",
  "new-authz",
  "challenge",
  "validation",
  "finalize",
  "issuance",
  "certificate",
  "revoke-cert",
  "key-change",
];
const PROBLEMS = [
  "unauthorized",
  "dns",
  "connection",
  "tls",
  "caa",
  "rejectedIdentifier",
  "rateLimited",
  "badCSR",
  "badPublicKey",
  "malformed",
  "orderNotReady",
  "externalAccountRequired",
  "userActionRequired",
  "serverInternal",
];

const owner = (it) =>
  it.account || it.external_account
    ? el(
        "span",
        { class: "line" },
        it.account && to(link(`accounts/${it.account}`), code(it.account.slice(0, 8)), "…"),
        it.account && it.external_account ? " " : null,
        it.external_account && to(link(`keys/${part(it.external_account)}`), it.external_account),
      )
    : (it.address ?? "–");

function failureRow(it) {
  const cause = el(
    "span",
    { class: "cause" },
    chip(it.problem === "serverInternal" ? "bad" : "warn", it.problem),
    " ",
    small(it.step),
    el("br"),
    el("span", { class: "short" }, it.detail),
  );
  return row(
    FAILURES,
    el("span", { class: "line" }, to(link(`failures/${part(it.id)}`), time(it.last)), " ", small(relative(it.last))),
    it.names.length ? few(it) : "–",
    cause,
    owner(it),
    number(it.count),
  );
}

const failuresListed = (asked, more = {}) =>
  listed({
    path: "failures",
    asked,
    member: "failures",
    what: "kind of failure",
    many: "kinds of failure",
    caption: "Failures, the latest first",
    columns: FAILURES,
    make: failureRow,
    ...more,
  });

async function viewFailures(root, found) {
  const all = (list) => [["", "All"], ...list.map((one) => [one, one])];
  root.append(
    el("h1", { tabindex: -1 }, "Failures"),
    el(
      "p",
      {},
      "What clients asked for and did not get, in the last 30 days; equal failures are one row. ",
      to("#/paused", "Paused names"),
    ),
    filters(
      "failures",
      found,
      [
        { name: "q", label: "Part of a name, or the id of a request" },
        { name: "problem", label: "Error type", options: all(PROBLEMS) },
        { name: "step", label: "Step", options: all(STEPS) },
      ],
      "Failures",
    ),
    failuresListed(found),
  );
}

/** The failure with this id: the API has lists only, of some hundred at most. */
async function failureOf(wanted) {
  let cursor;
  do {
    const page = await api(`failures?${query({ limit: 200, cursor })}`);
    const one = page.failures.find((found) => found.id === wanted);
    if (one) return one;
    cursor = page.next;
  } while (cursor);
  throw new Refusal(
    "There is no such failure any more: it is kept for 30 days after the last of its kind, within bounds.",
    404,
  );
}

async function viewFailure(root, found, wanted) {
  await load(root, async () => {
    const it = await failureOf(wanted);
    const paused = it.account ? await api(`paused?${query({ account: it.account, limit: 200 })}`) : { paused: [] };
    const stopped = paused.paused.filter((one) => it.names.includes(one.name));
    return [
      el("p", { class: "trail" }, to("#/failures", "Failures"), " / "),
      el(
        "h1",
        { tabindex: -1 },
        chip(it.problem === "serverInternal" ? "bad" : "warn", it.problem),
        " at ",
        it.step,
        it.names.length ? [": ", el("bdi", {}, names(it)[0])] : null,
      ),
      el(
        "section",
        { class: "card" },
        el("h2", {}, "What the client got"),
        el("p", { class: "cause" }, it.detail),
        it.subproblems.length
          ? el(
              "ul",
              {},
              it.subproblems.map((sub) =>
                el("li", {}, el("bdi", {}, sub.name), ": ", chip("warn", sub.problem), " ", sub.detail),
              ),
            )
          : null,
        it.cause && [el("h2", {}, "The cause, which the client did not get"), el("p", { class: "cause" }, it.cause)],
      ),
      el(
        "div",
        { class: "card" },
        facts([
          [
            "Names",
            it.names.length
              ? [
                  el(
                    "ul",
                    { class: "names" },
                    names(it).map((one) => el("li", {}, el("bdi", {}, one))),
                  ),
                  it.names_count > it.names.length && small(`of ${number(it.names_count)}`),
                ]
              : "none",
          ],
          ["Last", when(it.last)],
          ["First", when(it.first)],
          ["Times", number(it.count)],
          ["Status", String(it.status)],
          it.limit && ["Limit", it.limit],
          [
            "Account",
            it.account
              ? el(
                  "span",
                  {},
                  to(link(`accounts/${it.account}`), code(it.account)),
                  it.signed ? null : small(" not signed by it: anybody can have sent this"),
                )
              : "none",
          ],
          [
            "External account key",
            it.external_account ? to(link(`keys/${part(it.external_account)}`), it.external_account) : "none",
          ],
          it.address && ["Client address", it.address],
          it.request && ["Request", copied(it.request, "id of the request")],
        ]),
      ),
      actions(
        stopped.map((one) => resume(one, () => viewFailure(root, found, wanted))),
        it.names[0] &&
          to(link("policy", { name: it.names[0], key: it.external_account }), `What would happen to ${it.names[0]}?`),
        it.names[0] && to(link("certificates", { name: it.names[0], status: "all" }), "Its certificates"),
      ),
      el(
        "section",
        { class: "card" },
        el("h2", {}, "Failures of ", it.account ? "this account" : "the same name"),
        failuresListed(it.account ? { account: it.account } : { q: it.names[0] }, {
          size: 10,
          most: 10,
          all: to(link("failures", it.account ? { account: it.account } : { q: it.names[0] }), "All of them"),
          empty: "None.",
        }),
      ),
    ];
  });
}

function resume(one, then) {
  return action({
    label: `Resume ${one.unicode_name}`,
    permission: "accounts",
    question: `The account may order ${one.unicode_name} again. Its ${count(one.failures, "failure")} in a row are forgotten.`,
    run: async () => {
      await api(`accounts/${part(one.account)}/resume`, { body: { name: one.name } });
      then();
      return `${one.unicode_name} is resumed.`;
    },
  });
}

const PAUSED = ["Name", "Since (UTC)", "Failures in a row", "Account, key", "Actions"];

const pausedListed = (asked, again, more = {}) =>
  listed({
    path: "paused",
    asked,
    member: "paused",
    what: "paused name",
    caption: "Paused names",
    columns: PAUSED,
    make: (it) =>
      row(
        PAUSED,
        few({ names: [it.name], unicode_names: [it.unicode_name] }),
        when(it.since),
        number(it.failures),
        owner(it),
        resume(it, again),
      ),
    ...more,
  });

async function viewPaused(root, found) {
  root.append(
    el("p", { class: "trail" }, to("#/failures", "Failures"), " / "),
    el("h1", { tabindex: -1 }, "Paused names"),
    el(
      "p",
      {},
      "Names that an account could not prove over and over. It may not order them until somebody resumes them.",
    ),
    filters("paused", found, [{ name: "q", label: "Part of a name" }], "Paused names"),
    pausedListed(found, () => go()),
  );
}
