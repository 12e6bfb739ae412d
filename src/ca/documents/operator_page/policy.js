// ---- policy: what would happen to a name, versions, shadow

function verdicts(answer) {
  const shown = answer.identifiers.map((one) =>
    el(
      "li",
      {},
      chip(one.allowed ? "good" : "bad", one.allowed ? (one.preauthorized ? "without proof" : "allowed") : "refused"),
      " ",
      el("bdi", {}, one.identifier),
      one.challenges.length ? small(` by ${one.challenges.join(", ")}`) : null,
      el("br"),
      one.rule,
    ),
  );
  return el(
    "div",
    {},
    el("ul", { class: "findings" }, shown),
    answer.profile &&
      el(
        "p",
        {},
        chip(answer.profile.allowed ? "good" : "bad", `profile ${answer.profile.name}`),
        " ",
        answer.profile.rule,
      ),
    answer.max_lifetime &&
      el("p", {}, `Certificates end after ${count(Math.round(answer.max_lifetime / 86_400), "day")} at most.`),
    answer.warnings.length
      ? el(
          "ul",
          { class: "bad" },
          answer.warnings.map((one) => el("li", {}, one)),
        )
      : null,
  );
}

function question(found, draft) {
  const fields = [
    { name: "names", label: "Names and addresses", hint: "Divided by spaces.", value: found.name, required: true },
    { name: "key", label: "External account key", hint: "Empty: an account without one.", value: found.key },
    { name: "profile", label: "Profile", options: [["", "Any"], ...profiles.map((one) => [one, one])] },
  ];
  const answer = el("div", { role: "status" });
  const problem = el("p", { class: "bad", role: "alert" });
  const ask = async () => {
    problem.textContent = "";
    const { names: asked, key, profile, document } = valuesOf(form);
    try {
      answer.replaceChildren(
        verdicts(
          await api("policy/check", {
            body: {
              identifiers: manyNames(asked),
              ...(key && { external_account: key }),
              ...(profile && { profile }),
              ...(document && { document: documentOf(document) }),
            },
          }),
        ),
      );
    } catch (refusal) {
      if (refusal.status === 401) return leave(refusal.message);
      answer.replaceChildren();
      problem.textContent = plain(refusal.message);
    }
  };
  const form = el(
    "form",
    {
      submit: (event) => {
        event.preventDefault();
        ask();
      },
    },
    el("div", { class: "filters" }, fields.map(field)),
    el(
      "details",
      {},
      el("summary", {}, "Under another policy than the one in force"),
      field({ name: "document", label: "Policy document, as JSON", rows: 8, value: draft }),
    ),
    problem,
    el("p", {}, el("button", { class: "first" }, "What would happen?")),
    answer,
  );
  if (!draft) form.querySelector("textarea").textContent = "";
  if (found.name) ask();
  return form;
}

const VERSIONS = ["Version", "Put in force", "Note", "Actions"];

function versions(all, inForce, again) {
  const { node } = table(
    "Versions of the policy, the latest first",
    VERSIONS,
    all.map((it) =>
      row(
        VERSIONS,
        [String(it.version), it.version === inForce ? [" ", chip("good", "in force")] : null],
        act(it.made),
        it.restores === null ? (it.note ?? "–") : `restores version ${it.restores}`,
        [
          el("details", {}, el("summary", {}, "Document"), el("pre", {}, JSON.stringify(it.document, null, 2))),
          it.version !== inForce &&
            action({
              label: `Restore version ${it.version}`,
              permission: "policy",
              question: `The document of version ${it.version} is in force again at once.`,
              run: async () => {
                await api("policy/restore", { body: { version: it.version } });
                again();
                return `Version ${it.version} is restored.`;
              },
            }),
        ],
      ),
    ),
  );
  return node;
}

async function viewPolicy(root, found) {
  await load(root, async () => {
    const [it, { findings }] = await Promise.all([api("policy"), api("policy/shadow")]);
    const again = () => viewPolicy(root, {});
    const document = JSON.stringify(it.in_force.document, null, 2);
    return [
      el("h1", { tabindex: -1 }, "Policy"),
      el("section", { class: "card" }, el("h2", {}, "What would happen to a name?"), question(found)),
      el(
        "section",
        { class: "card" },
        el(
          "h2",
          {},
          "In force: version ",
          String(it.in_force.version),
          it.in_force.made ? [", ", small(act(it.in_force.made))] : small(" as configured"),
        ),
        it.in_force.warnings.length
          ? el(
              "ul",
              { class: "bad" },
              it.in_force.warnings.map((one) => el("li", {}, one)),
            )
          : null,
        el("pre", { tabindex: 0, "aria-label": "The policy in force" }, document),
        copy(document, "policy"),
        actions(
          action({
            label: "Change",
            permission: "policy",
            confirm: "Put this in force",
            question: "It is in force at once. Try it above first, or as the shadow policy, which refuses nothing.",
            fields: [
              {
                name: "document",
                label: "Policy document, as JSON or TOML",
                rows: 12,
                value: document,
                required: true,
              },
              { name: "note", label: "Note", most: 200 },
            ],
            run: async ({ document: changed, note }) => {
              const made = await api(`policy?${query({ note })}`, { raw: changed });
              again();
              return `Version ${made.version} is in force.`;
            },
          }),
        ),
      ),
      el(
        "section",
        { class: "card" },
        el("h2", {}, "Shadow policy"),
        el(
          "p",
          {},
          "A document that is tried on every order and refuses none: it shows whom a stricter policy would refuse.",
        ),
        it.shadow
          ? [
              el("p", {}, act(it.shadow.made)),
              el(
                "pre",
                { tabindex: 0, "aria-label": "The shadow policy" },
                JSON.stringify(it.shadow.document, null, 2),
              ),
              shadowFindings(findings),
            ]
          : el("p", { class: "quiet" }, "There is none."),
        actions(
          action({
            label: it.shadow ? "Change the shadow policy" : "Set a shadow policy",
            permission: "shadow",
            fields: [
              {
                name: "document",
                label: "Policy document, as JSON or TOML",
                rows: 8,
                value: it.shadow ? JSON.stringify(it.shadow.document, null, 2) : document,
                required: true,
              },
            ],
            run: async ({ document: changed }) => {
              await api("policy/shadow", { raw: changed });
              again();
              return "The shadow policy is set.";
            },
          }),
          it.shadow &&
            action({
              label: "End the shadow policy",
              permission: "shadow",
              question: "Its findings are removed too.",
              run: async () => {
                await api("policy/shadow", { raw: "null" });
                again();
                return "The shadow policy is ended.";
              },
            }),
        ),
      ),
      it.versions.length
        ? el("section", { class: "card" }, el("h2", {}, "Versions"), versions(it.versions, it.in_force.version, again))
        : null,
    ];
  });
}

function shadowFindings(findings) {
  const columns = ["Name", "Rule", "Account", "Orders", "Last (UTC)"];
  if (!findings.length) return el("p", { class: "quiet" }, "It would have refused nothing so far.");
  return table(
    "What the shadow policy would have refused",
    columns,
    findings.map((it) =>
      row(
        columns,
        few({ names: [it.identifier] }),
        el("span", { class: "short" }, it.rule),
        to(link(`accounts/${it.account}`), code(it.account.slice(0, 8)), "…"),
        number(it.count),
        when(it.last),
      ),
    ),
  ).node;
}
