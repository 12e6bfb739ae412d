// ---- backups into a bucket

/** "12.3 MB". */
function octets(n) {
  const [unit, size] = [
    ["GB", 1e9],
    ["MB", 1e6],
    ["kB", 1e3],
  ].find(([, size]) => n >= size) ?? ["bytes", 1];
  return `${(n / size).toLocaleString("en", { maximumFractionDigits: size > 1 ? 1 : 0 })} ${unit}`;
}

function backups({ backups: it }) {
  const shown = it
    ? facts([
        [
          "Newest",
          it.last
            ? el("span", {}, chip("good", "whole"), " ", code(it.last.name), " ", when(it.last.ended), " ", octets(it.last.octets))
            : small("none yet"),
        ],
        it.failed && ["Given up", el("span", {}, chip("bad", "failed"), " ", when(it.failed.at), " ", it.failed.why)],
        it.running && ["Under way", el("span", {}, "since ", when(it.running))],
        ["Next", when(it.due)],
      ])
    : el(
        "p",
        { class: "quiet" },
        "No backup is due: they are made where ",
        code("BACKUP_SCHEDULE"),
        " is set and a bucket is bound.",
      );
  return el("section", { class: "card backups" }, el("h2", {}, "Backups in the bucket"), shown);
}
