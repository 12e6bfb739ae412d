// ---- accounts, and external account keys

const ACCOUNTS = ["Account", "Status", "Contacts", "External account key", "Made (UTC)"];
const STATUS = {
  valid: "good",
  usable: "good",
  used: "idle",
  expired: "idle",
  disabled: "bad",
  deactivated: "idle",
  revoked: "bad",
  unusable: "bad",
};
const status = (it) => chip(STATUS[it] ?? "warn", it);
const keyLink = (kid) => to(link(`keys/${part(kid)}`), kid);

async function viewAccounts(root) {
  root.append(
    el("h1", { tabindex: -1 }, "Accounts"),
    listed({
      path: "accounts",
      member: "accounts",
      what: "account",
      caption: "Accounts, the oldest first",
      columns: ACCOUNTS,
      empty: "There is no account yet: a client makes one when it first asks.",
      make: (it) =>
        row(
          ACCOUNTS,
          to(link(`accounts/${it.id}`), code(it.id)),
          status(it.status),
          el("span", { class: "short" }, it.contact.join(", ") || "–"),
          it.external_account ? keyLink(it.external_account) : "–",
          time(it.created),
        ),
    }),
  );
}

async function viewAccount(root, found, account) {
  await load(root, async () => {
    const it = await api(`accounts/${part(account)}`);
    const again = () => viewAccount(root, found, account);
    return [
      el("p", { class: "trail" }, to("#/accounts", "Accounts"), " / "),
      el("h1", { tabindex: -1 }, "Account ", code(it.id.slice(0, 8)), "… ", status(it.status)),
      el(
        "div",
        { class: "card" },
        facts([
          ["Id", copied(it.id, "id of the account")],
          ["URL", copied(it.url, "URL of the account")],
          ["Contacts", it.contact.join(", ") || "none"],
          ["External account key", it.external_account ? keyLink(it.external_account) : "none"],
          ["Made", when(it.created)],
          ["Thumbprint of its key", copied(it.thumbprint, "thumbprint")],
        ]),
      ),
      actions(
        it.status === "valid" &&
          action({
            label: "Deactivate",
            permission: "accounts",
            danger: true,
            confirm: "Deactivate the account",
            question:
              "The account gets nothing any more, for good; its client has to register again. Its certificates stay valid.",
            run: async () => {
              await api(`accounts/${part(it.id)}/deactivate`, { body: {} });
              again();
              return "The account is deactivated.";
            },
          }),
        action({
          label: "Have its certificates renewed now",
          permission: "replace",
          question: "Clients that ask for renewal information are told to renew all certificates of this account now.",
          run: async () => {
            await api("replacements", { body: { account: it.id, reason: "from the account's page" } });
            return "Clients are told to renew at their next look.";
          },
        }),
        action({
          label: "Revoke its certificates",
          permission: "revoke",
          danger: true,
          confirm: "Revoke all its certificates",
          question: "All valid certificates of this account are revoked. This cannot be undone.",
          run: async () => {
            const n = await revokeAll({ account: it.id });
            again();
            return `${count(n, "certificate")} revoked.`;
          },
        }),
      ),
      el(
        "section",
        { class: "card" },
        el("h2", {}, "Certificates"),
        certificatesListed({ account: it.id, status: "all" }, { size: 20, empty: "None." }),
      ),
      el(
        "section",
        { class: "card" },
        el("h2", {}, "Failures"),
        failuresListed({ account: it.id }, { size: 20, empty: "None is recorded." }),
      ),
      el(
        "section",
        { class: "card" },
        el("h2", {}, "Paused names"),
        pausedListed({ account: it.id }, again, { empty: "None." }),
      ),
    ];
  });
}

/** Revokes what is selected, step by step. */
async function revokeAll(selection) {
  let [cursor, before, n] = [null, null, 0];
  do {
    const done = await api("revocations", {
      body: { ...selection, ...(before && { issued_before: before }), ...(cursor && { cursor }) },
    });
    n += done.revoked.length;
    [cursor, before] = [done.next, done.issued_before];
    say(`${count(n, "certificate")} revoked so far.`);
  } while (cursor);
  return n;
}

const KEYS = ["Key identifier", "Status", "Note", "Uses", "Accounts", "Made (UTC)", "Expires (UTC)"];

function keyRow(it) {
  return row(
    KEYS,
    keyLink(it.kid),
    el("span", { class: "line" }, status(it.status), it.warnings.length ? [" ", chip("warn", "warning")] : null),
    el("span", { class: "short" }, it.note ?? "–"),
    it.uses,
    number(it.accounts.length),
    it.created ? time(it.created.at) : it.source === "secret" ? "EAB_KEYS" : "–",
    time(it.expires),
  );
}

/** The fields of a key's policy. */
const LIMITS = (policy) => [
  {
    name: "preauthorized",
    label: "Names that need no proof",
    hint: "Patterns, as *.corp.example or 10.0.0.0/8, divided by spaces.",
    value: policy?.preauthorized?.join(" "),
  },
  {
    name: "allow",
    label: "Names that it may have",
    hint: "Empty: all that the policy of this CA allows.",
    value: policy?.allow?.join(" "),
  },
  { name: "other", label: "Other members of its policy, as JSON", rows: 2, value: policy && rest(policy) },
];

function rest({ preauthorized, allow, ...others }) {
  return Object.keys(others).length ? JSON.stringify(others) : "";
}

function limits({ preauthorized, allow, other }) {
  const policy = {
    ...(other && documentOf(other)),
    ...(preauthorized && { preauthorized: manyNames(preauthorized) }),
    ...(allow && { allow: manyNames(allow) }),
  };
  return Object.keys(policy).length ? policy : null;
}

async function createKey(values) {
  const { kid, note, uses, days } = values;
  const policy = limits(values);
  const made = await api("external-accounts", {
    body: {
      ...(kid && { kid }),
      ...(note && { note }),
      uses,
      ...(policy && { policy }),
      ...(days && { expires: second(Date.now() + days * DAY) }),
    },
  });
  const lines = `certbot certonly --server ${made.directory} --eab-kid ${made.kid} --eab-hmac-key ${made.key}`;
  return el(
    "div",
    { class: "card once" },
    el(
      "p",
      {},
      el("strong", {}, "The key is shown only this once."),
      " Its identifier is ",
      to(link(`keys/${part(made.kid)}`), made.kid),
      ".",
    ),
    facts([
      ["KID", copied(made.kid, "key identifier")],
      ["KEY", copied(made.key, "key")],
      ["certbot", copied(lines, "line for certbot")],
    ]),
    made.warnings.length
      ? el(
          "ul",
          { class: "bad" },
          made.warnings.map((one) => el("li", {}, one)),
        )
      : null,
  );
}

async function viewKeys(root) {
  root.append(
    el("h1", { tabindex: -1 }, "External account keys"),
    el("p", {}, "An account is bound to such a key when it is made; the key says what its accounts may have."),
    actions(
      action({
        label: "Create a key",
        permission: "keys",
        fields: [
          {
            name: "kid",
            label: "Key identifier",
            hint: "Letters, digits, dots, hyphens and underscores. Empty: a random one.",
            most: 64,
          },
          { name: "note", label: "Note", most: 200 },
          {
            name: "uses",
            label: "Uses",
            value: "once",
            options: [
              ["once", "One account"],
              ["many", "Many accounts"],
            ],
          },
          { name: "days", label: "Expires in days", type: "number" },
          ...LIMITS(),
        ],
        run: createKey,
      }),
    ),
    listed({
      path: "external-accounts",
      member: "external_accounts",
      what: "key",
      caption: "External account keys",
      columns: KEYS,
      make: keyRow,
      empty: "There is no key yet.",
    }),
  );
}

async function viewKey(root, found, kid) {
  await load(root, async () => {
    const it = await api(`external-accounts/${part(kid)}`);
    const again = () => viewKey(root, found, kid);
    const change = async (body, said) => {
      await api(`external-accounts/${part(kid)}`, { body });
      again();
      return said;
    };
    const own = it.source === "api";
    return [
      el("p", { class: "trail" }, to("#/keys", "External account keys"), " / "),
      el("h1", { tabindex: -1 }, "Key ", el("bdi", {}, it.kid), " ", status(it.status)),
      it.warnings.length
        ? el(
            "ul",
            { class: "card warn" },
            it.warnings.map((one) => el("li", {}, one)),
          )
        : null,
      el(
        "div",
        { class: "card" },
        facts([
          ["Key identifier", copied(it.kid, "key identifier")],
          ["Note", it.note ?? "none"],
          ["Uses", it.uses === "once" ? "one account" : "many accounts"],
          ["Made", it.created ? act(it.created) : "in the setting EAB_KEYS"],
          ["Expires", it.expires ? when(it.expires) : "never"],
          it.disabled && ["Disabled", act(it.disabled)],
          ["Policy", it.policy ? el("pre", {}, JSON.stringify(it.policy, null, 2)) : "none: that of the CA applies"],
          [
            "Accounts",
            it.accounts.length
              ? el(
                  "ul",
                  { class: "names" },
                  it.accounts
                    .slice(0, 50)
                    .map((url) => url.split("/").at(-1))
                    .map((one) => el("li", {}, to(link(`accounts/${one}`), code(one)))),
                )
              : "none",
          ],
        ]),
      ),
      own
        ? actions(
            action({
              label: "Limit",
              permission: "keys",
              question: "It applies to orders from now on, also of its present accounts.",
              fields: LIMITS(it.policy),
              confirm: "Put these limits in force",
              run: (values) => change({ policy: limits(values) }, "The limits are in force."),
            }),
            action({
              label: "Note",
              permission: "keys",
              fields: [{ name: "note", label: "Note", value: it.note ?? "", most: 200 }],
              confirm: "Keep this note",
              run: ({ note }) => change({ note: note ?? "" }, "The note is kept."),
            }),
            it.disabled
              ? action({
                  label: "Enable",
                  permission: "keys",
                  question: "New accounts can be bound with it again, and its accounts can order.",
                  run: () => change({ disabled: false }, "The key is enabled."),
                })
              : action({
                  label: "Disable",
                  permission: "keys",
                  danger: true,
                  question:
                    "No account can be bound with it, and its accounts get no certificates. Certificates stay valid.",
                  confirm: `Disable ${it.kid}`,
                  run: () => change({ disabled: true }, "The key is disabled."),
                }),
          )
        : el("p", { class: "quiet" }, "This key is in the setting EAB_KEYS; it is changed there."),
      el("p", {}, to(link("policy", { key: it.kid }), "What would happen to a name under this key?")),
      el(
        "section",
        { class: "card" },
        el("h2", {}, "Certificates"),
        certificatesListed({ external_account: it.kid, status: "all" }, { size: 20, empty: "None." }),
      ),
      el(
        "section",
        { class: "card" },
        el("h2", {}, "Failures"),
        failuresListed({ external_account: it.kid }, { size: 20, empty: "None is recorded." }),
      ),
    ];
  });
}
