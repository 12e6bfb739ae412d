// ---- the audit record, replacements, notices, faults of a test CA

const AUDIT = ["Number", "When (UTC)", "Who", "Action", "Object", "Outcome", "Detail"];
const OUTCOMES = { done: "good", refused: "warn", failed: "bad", attempted: "bad" };
const ACTIONS = [
  "certificate",
  "certificates",
  "external-account",
  "account",
  "name",
  "policy",
  "notice",
  "calendar",
  "backup",
  "restore",
  "sign-in",
  "fault",
];

/** One row for each action: the entry before it is shown only where its outcome is missing. */
function auditRows() {
  const known = new Set();
  return (entries) =>
    entries.flatMap((it) => {
      if (it.of) known.add(it.of);
      if (it.outcome === "attempted" && known.has(it.number)) return [];
      const open = it.outcome === "attempted" ? "no outcome" : it.outcome;
      return [
        row(
          AUDIT,
          String(it.number),
          when(it.at),
          el("span", { class: "line" }, it.who, " ", small(it.by), it.address ? small(` ${it.address}`) : null),
          el("span", { class: "line" }, it.what),
          el("span", { class: "short" }, it.target ?? "–"),
          chip(OUTCOMES[it.outcome], open),
          el("span", { class: "short" }, it.detail ?? "–"),
        ),
      ];
    });
}

async function viewAudit(root, found) {
  root.append(
    el("h1", { tabindex: -1 }, "Audit record"),
    el(
      "p",
      {},
      "Every action of operators, the newest first, one row each. ",
      code("selvedge audit verify"),
      " checks that none is missing or changed.",
    ),
    filters(
      "audit",
      found,
      [
        { name: "q", label: "Part of the object or the detail" },
        { name: "who", label: "Operator" },
        { name: "what", label: "Action", options: [["", "All"], ...ACTIONS.map((one) => [one, one])] },
        {
          name: "outcome",
          label: "Outcome",
          options: [
            ["", "All"],
            ["done", "Done"],
            ["refused", "Refused"],
            ["failed", "Failed"],
          ],
        },
      ],
      "Audit record",
    ),
    listed({
      path: "audit",
      asked: found,
      member: "entries",
      what: "action",
      caption: "Audit record, the newest first",
      columns: AUDIT,
      take: auditRows(),
      size: 100,
      empty: "Nothing found.",
    }),
  );
}

const REPLACEMENTS = ["Certificates", "Asked", "Reason", "State", "Actions"];

const selected = (it) =>
  Object.entries(it)
    .filter(([, value]) => value)
    .map(([name, value]) => (name === "name" && value === "*" ? "all" : `${name.replace("_", " ")} ${value}`))
    .join(", ");

async function viewReplacements(root) {
  await load(root, async () => {
    const { replacements } = await api("replacements");
    const again = () => viewReplacements(root);
    const rows = replacements.map((it) =>
      row(
        REPLACEMENTS,
        el("span", { class: "short" }, selected(it.selection)),
        act(it.made),
        el("span", { class: "short" }, it.reason ?? "–"),
        it.withdrawn ? el("span", {}, chip("idle", "withdrawn"), " ", act(it.withdrawn)) : chip("warn", "active"),
        !it.withdrawn &&
          action({
            label: "Withdraw",
            permission: "replace",
            question: "Certificates that are not renewed yet keep their usual renewal time.",
            run: async () => {
              await api(`replacements/${part(it.id)}/withdraw`, { body: {} });
              again();
              return "The replacement is withdrawn.";
            },
          }),
      ),
    );
    return [
      el("h1", { tabindex: -1 }, "Replacements"),
      el(
        "p",
        {},
        "Clients that ask for renewal information are told to renew certificates at once. Nothing is revoked.",
      ),
      actions(
        action({
          label: "Have certificates renewed",
          permission: "replace",
          question: "All that is filled in has to match.",
          fields: [
            {
              name: "name",
              label: "Names",
              hint: "A pattern: www.example.org, *.corp.example, 10.0.0.0/8; * for all.",
            },
            { name: "external_account", label: "External account key" },
            { name: "account", label: "Account" },
            { name: "profile", label: "Profile", options: [["", "All"], ...profiles.map((one) => [one, one])] },
            { name: "reason", label: "Reason", most: 200 },
            { name: "explanation", label: "Page that clients show", type: "url" },
          ],
          run: async (values) => {
            await api("replacements", { body: values });
            again();
            return "Clients are told to renew at their next look.";
          },
        }),
      ),
      rows.length
        ? table("Replacements, the latest first", REPLACEMENTS, rows).node
        : el("p", { class: "quiet" }, "There is none."),
    ];
  });
}

const APPROVALS = ["Action", "Asked", "State", "Actions"];
const DECISIONS = { pending: "warn", confirmed: "good", rejected: "bad", ended: "idle" };

async function viewApprovals(root) {
  await load(root, async () => {
    const { approvals } = await api("approvals");
    const decide = (it, verb, said) => async () => {
      await api(`approvals/${part(it.id)}/${verb}`, { body: {} });
      viewApprovals(root);
      return said;
    };
    const rows = approvals.map((it) =>
      row(
        APPROVALS,
        el("span", {}, it.action, " ", el("span", { class: "short" }, code(it.path))),
        el("span", {}, act(it.asked), " ", small(it.role)),
        el(
          "span",
          {},
          chip(DECISIONS[it.state], it.state),
          " ",
          it.decided ? act(it.decided) : small("until ", time(it.until)),
        ),
        it.state === "pending" && [
          details(it),
          it.asked.by !== me.name &&
            action({
              label: "Confirm",
              permission: "approve",
              question: `${it.action} runs at once.`,
              run: decide(it, "confirm", "It is confirmed."),
            }),
          action({
            label: it.asked.by === me.name ? "Withdraw" : "Reject",
            permission: "approve",
            question: "It does not run.",
            run: decide(it, "reject", "It does not run."),
          }),
        ],
      ),
    );
    return [
      el("h1", { tabindex: -1 }, "Approvals"),
      el("p", {}, "Actions that one person asked for and another has to confirm."),
      rows.length
        ? table("Approvals, the latest first", APPROVALS, rows).node
        : el("p", { class: "quiet" }, "There is none."),
    ];
  });
}

/** The request that waits, loaded when it is opened. */
function details(it) {
  const shown = el("div", {});
  const show = () =>
    load(shown, async () => el("pre", {}, JSON.stringify((await api(`approvals/${part(it.id)}`)).body, null, 2)));
  return el("details", { toggle: (event) => event.target.open && show() }, el("summary", {}, "Request"), shown);
}

const NOTICES = ["When (UTC)", "Notice", "About", "Delivery"];
const DELIVERY = {
  none: ["idle", "no webhook"],
  waiting: ["warn", "waiting"],
  delivered: ["good", "delivered"],
  given_up: ["bad", "given up"],
};

function about({ kind, data }) {
  if (data.serial && data.names) return to(link(`certificates/${data.serial}`), few(data));
  return data.name ?? (kind === "test" ? "a test" : "–");
}

async function viewNotices(root) {
  await load(root, async () => {
    const [{ notices }, now] = await Promise.all([api("notices"), api("status")]);
    const rows = notices.map((it) =>
      row(
        NOTICES,
        when(it.at),
        it.kind,
        about(it),
        el(
          "span",
          {},
          chip(...DELIVERY[it.delivery.state]),
          " ",
          it.delivery.attempts ? small(count(it.delivery.attempts, "attempt")) : null,
          it.delivery.error ? el("span", { class: "short" }, it.delivery.error) : null,
          it.delivery.next ? small(" next ", time(it.delivery.next)) : null,
        ),
      ),
    );
    const { configured, waiting, given_up: lost } = now.webhook;
    return [
      el("h1", { tabindex: -1 }, "Notices"),
      el(
        "p",
        {},
        configured
          ? `The webhook is configured: ${number(waiting)} waiting, ${number(lost)} given up.`
          : "No webhook is configured, so nobody is sent these: set WEBHOOK_URL.",
      ),
      configured &&
        actions(
          action({
            label: "Send a test",
            permission: "notices",
            run: async () => {
              const sent = await api("notices/test", { body: {} });
              viewNotices(root);
              return `The test is ${DELIVERY[sent.delivery.state][1]}.`;
            },
          }),
        ),
      rows.length
        ? table("Notices of the last 90 days, the newest first", NOTICES, rows).node
        : el("p", { class: "quiet" }, "There is no notice of the last 90 days."),
    ];
  });
}

const FAULTS = ["Number", "Fault", "Acted", "Left", "Until (UTC)"];
const FAULT_KINDS = [
  "429",
  "503",
  "500",
  "empty",
  "cut",
  "slow",
  "processing",
  "badNonce",
  "malformedJson",
  "failedValidation",
  "chainOrder",
  "expiredIntermediate",
];

async function viewFaults(root) {
  await load(root, async () => {
    const { faults } = await api("faults");
    const again = () => viewFaults(root);
    const rows = faults.map((it) =>
      row(
        FAULTS,
        String(it.number),
        it.text,
        number(it.acted),
        it.left === null ? "no limit" : number(it.left),
        time(it.until),
      ),
    );
    return [
      el("h1", { tabindex: -1 }, "Test faults"),
      el("p", {}, "This is a test CA: it does wrong on purpose, so that clients meet it."),
      actions(
        action({
          label: "Add a fault",
          permission: "faults",
          fields: [
            { name: "fault", label: "Fault", options: FAULT_KINDS.map((one) => [one, one]) },
            { name: "name", label: "Only for names", hint: "A pattern." },
            { name: "account", label: "Only for the account" },
            { name: "count", label: "How often", type: "number" },
            { name: "rate", label: "Percent of requests", type: "number" },
          ],
          run: async ({ count: often, rate, ...others }) => {
            await api("faults", {
              body: { ...others, ...(often && { count: Number(often) }), ...(rate && { rate: Number(rate) }) },
            });
            again();
            return "The fault is on.";
          },
        }),
        rows.length > 0 &&
          action({
            label: "End all faults",
            permission: "faults",
            run: async () => {
              await api("faults/clear", { body: {} });
              again();
              return "All faults have ended.";
            },
          }),
      ),
      rows.length
        ? table("Faults, in the order in which they act", FAULTS, rows).node
        : el("p", { class: "quiet" }, "There is none."),
    ];
  });
}
