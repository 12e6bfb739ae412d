// ---- pictures: life bars, bars by day, time lines. Each has its text, and a table where it has several values.

const clamp = (value) => Math.max(0, Math.min(100, value));
const rect = (x, width, name, y = 0, height = 10) =>
  svg("rect", { x: clamp(x), y, width: Math.max(0, clamp(x + width) - clamp(x)), height, class: name });

function picture(label, props, ...children) {
  return svg(
    "svg",
    { role: "img", "aria-label": plain(label), preserveAspectRatio: "none", ...props },
    svg("title", {}, label),
    children,
  );
}

/** How much of a certificate's life is over, and where its renewal is due. */
function life(it, mood) {
  const [from, until] = [Date.parse(it.not_before), Date.parse(it.not_after)];
  const place = (iso) => ((Date.parse(iso) - from) / (until - from)) * 100;
  const over = clamp(((Date.now() - from) / (until - from)) * 100);
  const label = `${Math.floor(over)} % of its life is over`;
  const due =
    it.renewal && rect(place(it.renewal.start), Math.max(2, place(it.renewal.end) - place(it.renewal.start)), "window");
  return picture(
    label,
    { class: "life", viewBox: "0 0 100 10" },
    rect(0, 100, "track"),
    rect(0, over, `done ${mood}`),
    due,
  );
}

const sum = (values) => values.reduce((all, one) => all + one, 0);

/** Bars by day. `series`: name, class of the colour, and the value of a day. */
function bars(heading, days, series, { note, empty }) {
  const most = Math.max(1, ...days.map((day) => sum(series.map((one) => one.of(day)))));
  const total = sum(days.flatMap((day) => series.map((one) => one.of(day))));
  const words = (day) =>
    series
      .filter((one) => one.of(day))
      .map((one) => `${number(one.of(day))} ${one.name}`)
      .join(", ");
  const step = 100 / days.length;
  const columns = days.map((day, at) => {
    let top = 100;
    const parts = series.map((one) => {
      const height = (one.of(day) / most) * 100;
      top -= height;
      return height
        ? svg("rect", { x: at * step + step * 0.12, y: top, width: step * 0.76, height, class: one.colour })
        : null;
    });
    return svg(
      "g",
      {},
      svg("title", {}, `${day.day}: ${words(day) || "none"}`),
      svg("rect", { x: at * step, y: 0, width: step, height: 100, class: "blank" }),
      parts,
    );
  });
  const described = `${heading}, ${days[0].day} to ${days.at(-1).day}: ${series.map((one) => `${number(sum(days.map(one.of)))} ${one.name}`).join(", ")}`;
  const filled = days.filter((day) => words(day));
  const rows = filled.map((day) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, day.day),
      series.map((one) => el("td", {}, number(one.of(day)))),
    ),
  );
  const table = el(
    "table",
    { class: "plain" },
    el("caption", { class: "unseen" }, heading),
    el(
      "thead",
      {},
      el(
        "tr",
        {},
        el("th", { scope: "col" }, "Day"),
        series.map((one) => el("th", { scope: "col" }, one.name)),
      ),
    ),
    el("tbody", {}, rows),
  );
  return el(
    "figure",
    { class: "card chart" },
    el(
      "figcaption",
      {},
      el("h2", {}, heading),
      el(
        "p",
        { class: "legend" },
        series.map((one) =>
          el("span", {}, el("i", { class: `key ${one.colour}` }), `${one.name}: ${number(sum(days.map(one.of)))}`),
        ),
      ),
    ),
    total
      ? [
          el(
            "div",
            { class: "plot" },
            el("span", { class: "most quiet", "aria-hidden": "true" }, number(most)),
            picture(described, { class: "bars", viewBox: "0 0 100 100" }, columns),
          ),
          el(
            "p",
            { class: "axis quiet", "aria-hidden": "true" },
            el("span", {}, days[0].day),
            el("span", {}, days.at(-1).day),
          ),
          el(
            "details",
            {},
            el("summary", {}, "As a table"),
            el("div", { class: "wide", role: "group", "aria-label": `${heading}, as a table`, tabindex: 0 }, table),
          ),
        ]
      : el("p", { class: "quiet" }, empty),
    note && el("p", { class: "quiet note" }, note),
  );
}

/** Spans of time on one scale. `rows`: name, from, until, mood, said; now is marked. */
function spans(heading, rows, note) {
  const from = Math.min(...rows.map((row) => row.from), Date.now());
  const until = Math.max(...rows.map((row) => row.until), Date.now() + 1);
  const place = (at) => ((at - from) / (until - from)) * 100;
  const lines = rows.map((row) => {
    const label = `${row.name}: ${stamp(second(row.from))} to ${stamp(second(row.until))}`;
    const bar = picture(
      label,
      { class: "span", viewBox: "0 0 100 10" },
      rect(0, 100, "track"),
      rect(place(row.from), Math.max(0.8, place(row.until) - place(row.from)), `done ${row.mood}`),
      rect(place(Date.now()) - 0.2, 0.4, "now"),
    );
    return el("div", { class: "span-row" }, el("span", {}, row.name, " ", row.marks), bar, el("span", {}, row.said));
  });
  return el(
    "figure",
    { class: "card chart" },
    el("figcaption", {}, el("h2", {}, heading)),
    lines,
    el(
      "p",
      { class: "axis quiet", "aria-hidden": "true" },
      el("span", {}, second(from).slice(0, 10)),
      el("span", {}, second(until).slice(0, 10)),
    ),
    note && el("p", { class: "quiet note" }, note),
  );
}
