// ---- transparency logs and their witnesses

const LOGS = ["Log", "Entries", "Checkpoint", "Quorum", "Witnesses"];

const WITNESS_MOOD = { forked: "bad", wrong: "warn", refused: "warn", silent: "warn" };

/** How many entries are not covered. */
const behind = (n) => small(n > 0 ? `${number(n)} behind` : "all entries");

/** Whether the checkpoint that witnesses are asked for has a quorum, and which one has it. */
function quorumOf({ size, cosigning }) {
  if (!cosigning) return el("span", {}, chip("quiet", "no witnesses"));
  const { quorum, met, target, witnessed, missing } = cosigning;
  const [mood, word] = met
    ? ["good", "met"]
    : missing
      ? ["bad", "missing"]
      : target
        ? ["warn", "not yet met"]
        : ["quiet", "not asked yet"];
  return el(
    "span",
    {},
    chip(mood, word),
    " ",
    quorum,
    witnessed && [el("br"), when(witnessed.at), " ", behind(size - witnessed.size)],
    missing && [el("br"), small("missing since ", time(missing))],
  );
}

function witness(it) {
  const [mood, word] = it.fault
    ? [WITNESS_MOOD[it.fault.kind], it.fault.kind]
    : it.cosigned
      ? ["good", "cosigned"]
      : ["quiet", "waiting"];
  return el(
    "li",
    {},
    chip(mood, word),
    " ",
    el("bdi", {}, it.name),
    " ",
    it.last ? [when(it.last), " ", behind(it.behind)] : small("never cosigned"),
  );
}

/** Closed, since each fault is among the findings. */
function witnessesOf({ cosigning }) {
  if (!cosigning) return "–";
  const all = cosigning.witnesses;
  const cosigned = all.filter((it) => it.cosigned).length;
  const faulty = all.filter((it) => it.fault).length;
  if (!all.length) return small("none is asked");
  return el(
    "details",
    {},
    el(
      "summary",
      {},
      `${number(cosigned)} of ${number(all.length)} cosigned`,
      faulty > 0 && [" ", chip("warn", `${number(faulty)} faulty`)],
    ),
    el("ul", { class: "witnesses" }, all.map(witness)),
  );
}

function logs({ logs: all }) {
  const rows = all.map((log) =>
    row(
      LOGS,
      code(log.origin),
      number(log.size),
      log.checkpoint
        ? el("span", {}, when(log.checkpoint.at), " ", behind(log.size - log.checkpoint.size))
        : small("not signed yet"),
      quorumOf(log),
      witnessesOf(log),
    ),
  );
  return el(
    "section",
    { class: "card logs" },
    el("h2", {}, "Transparency logs"),
    rows.length
      ? table("Transparency logs", LOGS, rows).node
      : el(
          "p",
          { class: "quiet" },
          "No log is open: it begins with the first certificate, where ",
          code("LOG_KEY"),
          " is set.",
        ),
  );
}
