// ---- test CAs below the main CA

const TEST_CAS = ["Directory", "Made by", "Made (UTC)", "Ends (UTC)", ""];

/** What a maker needs, shown once: the token is not stored. */
const newTestCa = (it) =>
  facts([
    ["Directory", copied(it.directory, "directory's URL")],
    ["Root", copied(it.root_url, "root's URL")],
    ["Token of its operators", copied(it.token, "token")],
    ["Ends", when(it.ends)],
  ]);

/** Ends a test CA. Access is before the main CA only, so those that came by it get the command. */
const endTestCa = (it, again) =>
  me.by === "access"
    ? copied(`selvedge ca end ${it.id}`, "command", "selvedge ca end")
    : action({
        label: "End",
        permission: "test-cas",
        danger: true,
        question: "Its accounts, certificates and keys are deleted.",
        run: async () => {
          await api("end", { body: {}, below: new URL(it.url).pathname });
          again();
          return "The test CA has ended.";
        },
      });

async function viewTestCas(root) {
  await load(root, async () => {
    const { test_cas: all } = await api("test-cas");
    const again = () => viewTestCas(root);
    const rows = all.map((it) =>
      row(
        TEST_CAS,
        copied(it.directory, "directory's URL", `…/${it.id}`),
        it.owner,
        time(it.made),
        when(it.ends),
        endTestCa(it, again),
      ),
    );
    return [
      el("h1", { tabindex: -1 }, "Test CAs"),
      el("p", {}, "Each is a whole CA for tests, with a root of its own. It ends by itself."),
      actions(
        action({
          label: "Make a test CA",
          permission: "test-cas",
          fields: [
            { name: "ttl", label: "How long it lives", value: "2h", hint: "As 30m, 2h or 7d." },
            { name: "always_valid", label: "Every validation succeeds", type: "checkbox" },
          ],
          run: async ({ ttl, always_valid: valid }) =>
            newTestCa(await api("test-cas", { body: { ...(ttl && { ttl }), always_valid: Boolean(valid) } })),
        }),
      ),
      rows.length ? table("Test CAs", TEST_CAS, rows).node : el("p", { class: "quiet" }, "There is none."),
    ];
  });
}
