// ---- certificates: list, one, revocation

const STATES = [
  ["", "Not expired"],
  ["valid", "Valid"],
  ["unrenewed", "Ending, unrenewed"],
  ["revoked", "Revoked"],
  ["expired", "Expired"],
  ["all", "All"],
];

/** The mood and the word for a certificate: what ends soon is never green. */
function standing(it) {
  const [now, from, until] = [Date.now(), Date.parse(it.not_before), Date.parse(it.not_after)];
  if (it.status === "expired" || until < now) return ["idle", "expired"];
  if (it.status === "revoked") return ["bad", "revoked"];
  if (it.renewed) return ["idle", "renewed"];
  const [left, whole] = [until - now, until - from];
  if (left < Math.max(whole / 30, DAY / 24)) return ["bad", "ending"];
  if (left < whole / 6) return ["warn", "ending"];
  return ["good", "valid"];
}

function state(it) {
  return el("span", { class: "line" }, chip(...standing(it)), it.replace_now && [" ", chip("warn", "to be replaced")]);
}

const CERTIFICATES = ["Names", "Status", "Ends (UTC)", "Life", "Issued (UTC)", "Account, key"];

const ORIGINS = [
  ["", "All"],
  ["issued", "Issued here"],
  ["imported", "Imported"],
  ["foreign", "Of other CAs"],
];

/** Who has the certificate: an account, or another program. */
const holder = (it, shown) =>
  it.account ? shown() : it.imported?.foreign ? `of ${it.imported.foreign}` : "imported";

function certificateRow(it) {
  return row(
    CERTIFICATES,
    to(link(`certificates/${it.serial}`), few(it)),
    state(it),
    when(it.not_after),
    life(it, standing(it)[0]),
    time(it.issued),
    el(
      "span",
      { class: "line" },
      holder(it, () => [to(link(`accounts/${it.account}`), code(it.account.slice(0, 8)), "…")]),
      it.external_account && [" ", to(link(`keys/${part(it.external_account)}`), it.external_account)],
    ),
  );
}

const certificatesListed = (asked, more = {}) =>
  listed({
    path: "certificates",
    asked,
    member: "certificates",
    what: "certificate",
    caption: "Certificates, the one that ends first at the top",
    columns: CERTIFICATES,
    make: certificateRow,
    ...more,
  });

/** The filters of the URL, as the API has them: days become times. */
function asked(found) {
  const { days, day, ...rest } = found;
  const n = Number(days);
  const now = Date.now();
  if (!(n > 0)) return rest;
  const span = rest.status === "expired" ? [now - n * DAY, now] : [now, now + n * DAY];
  return { ...rest, ends_after: second(span[0]), ends_before: second(span[1]) };
}

async function viewCertificates(root, found) {
  root.append(
    el("h1", { tabindex: -1 }, "Certificates"),
    filters(
      "certificates",
      found,
      [
        { name: "q", label: "Part of a name, serial number or account" },
        { name: "status", label: "Status", options: STATES },
        { name: "origin", label: "Origin", options: ORIGINS },
        { name: "profile", label: "Profile", options: [["", "All"], ...profiles.map((one) => [one, one])] },
        { name: "days", label: "Ends (or ended) within days", type: "number" },
      ],
      "Certificates",
    ),
    el(
      "p",
      { class: "row" },
      el("button", { type: "button", click: () => table_of(found) }, "Download this page as CSV"),
    ),
    certificatesListed(asked(found)),
  );
}

async function table_of(found) {
  try {
    save(
      await api(`certificates?${query({ limit: 200, ...asked(found), format: "csv" })}`, { text: true }),
      "certificates.csv",
      "text/csv",
    );
  } catch (problem) {
    say(problem.message);
  }
}

function revoked(it) {
  const { at, reason, by } = it.revoked;
  return el("span", {}, when(at), `, ${REASONS[reason ?? 0] ?? `reason ${reason}`}, by ${by}`);
}

function allNames(it) {
  const all = names(it).map((one) => el("li", {}, el("bdi", {}, one)));
  const listOf = (some) => el("ul", { class: "names" }, some);
  return all.length > 6
    ? [
        listOf(all.slice(0, 5)),
        el("details", {}, el("summary", {}, `${number(all.length - 5)} more`), listOf(all.slice(5))),
      ]
    : listOf(all);
}

async function viewCertificate(root, found, serial) {
  await load(root, async () => {
    const it = await api(`certificates/${part(serial)}`);
    const again = () => viewCertificate(root, found, serial);
    const pem = async () =>
      save(
        await api(`certificates/${part(serial)}/pem`, { text: true }),
        `${it.names[0] ?? serial}.pem`,
        "application/x-pem-file",
      );
    return [
      el("p", { class: "trail" }, to("#/certificates", "Certificates"), " / "),
      el("h1", { tabindex: -1 }, el("bdi", {}, title(it)), " ", state(it)),
      life(it, standing(it)[0]),
      el(
        "div",
        { class: "card" },
        facts([
          ["Names", allNames(it)],
          it.revoked && ["Revoked", revoked(it)],
          ["Ends", when(it.not_after)],
          ["Valid from", time(it.not_before)],
          ["Issued", when(it.issued)],
          ["To be renewed", el("span", {}, time(it.renewal?.start), " to ", time(it.renewal?.end))],
          ["Renewed", it.renewed ? "yes: there is one with the same names that ends later" : "no"],
          it.replace_now && ["To be replaced", "yes, at once: an operator asked for it"],
          it.imported && [
            "Imported",
            el(
              "span",
              {},
              when(it.imported.at),
              it.imported.foreign
                ? `; issued by ${it.imported.foreign}, which alone can revoke it`
                : "; signed by this issuer with another program",
            ),
          ],
          it.account && [
            "Account",
            el("span", {}, to(link(`accounts/${it.account}`), code(it.account)), " ", copy(it.account, "account")),
          ],
          it.account && [
            "External account key",
            it.external_account ? to(link(`keys/${part(it.external_account)}`), it.external_account) : "none",
          ],
          ["Profile", it.profile ?? "not noted"],
          [
            "Key",
            it.key_type
              ? el("span", {}, it.key_type, " ", small("SHA-256 "), copied(it.key_digest, "digest of the key"))
              : "not known: it is being issued",
          ],
          ["Serial number", copied(it.serial, "serial number", hex(it.serial))],
          ["SHA-256 fingerprint", it.fingerprint ? copied(hex(it.fingerprint), "fingerprint") : "–"],
          !it.imported?.foreign && ["Issuer", code(it.issuer)],
          it.order && ["Order", code(it.order)],
        ]),
      ),
      actions(
        el(
          "button",
          { type: "button", click: () => pem().catch((problem) => say(problem.message)) },
          "Download as PEM",
        ),
        it.status === "valid" &&
          !it.renewed &&
          !it.imported &&
          action({
            label: "Have it renewed now",
            permission: "replace",
            question: `Clients that ask for renewal information are told to renew certificates for ${names(it)[0]} now. They stay valid until then.`,
            run: async () => {
              await api("replacements", { body: { name: it.names[0], reason: "from the certificate's page" } });
              again();
              return "Clients are told to renew at their next look.";
            },
          }),
        it.status === "valid" &&
          !it.imported?.foreign &&
          action({
            label: "Revoke",
            permission: "revoke",
            danger: true,
            confirm: `Revoke ${title(it)}`,
            question: `Revoke the certificate with serial number ${it.serial} for ${names(it).slice(0, 5).join(", ")}${it.names.length > 5 ? " and others" : ""}? This cannot be undone.`,
            fields: [
              {
                name: "reason",
                label: "Reason",
                value: "0",
                options: [
                  ["0", "Not said"],
                  ["4", "Superseded by another certificate"],
                  ["5", "Not used any more"],
                  ["3", "Its names belong to somebody else now"],
                  ["1", "Its key is compromised: the key is refused from now on"],
                ],
              },
            ],
            run: async ({ reason }) => {
              await api(`certificates/${part(serial)}/revoke`, { body: { reason: Number(reason) } });
              again();
              return `The certificate for ${title(it)} is revoked.`;
            },
          }),
      ),
      el(
        "section",
        { class: "card" },
        el("h2", {}, "Failures about its first name"),
        failuresListed(
          { name: it.names[0] },
          {
            size: 5,
            most: 5,
            all: to(link("failures", { name: it.names[0] }), "All of them"),
            empty: "None is recorded.",
          },
        ),
      ),
    ];
  });
}
