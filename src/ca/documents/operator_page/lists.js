// ---- lists: tables that grow page by page, and their filters

/** A table; on narrow screens each row is a card with the columns' names. */
function table(caption, columns, rows = []) {
  const head = el(
    "tr",
    { role: "row" },
    columns.map((name) => el("th", { scope: "col", role: "columnheader" }, name)),
  );
  const body = el("tbody", { role: "rowgroup" }, rows);
  const made = el(
    "table",
    { role: "table", class: "list" },
    el("caption", { class: "unseen" }, caption),
    el("thead", { role: "rowgroup" }, head),
    body,
  );
  return { body, node: el("div", { class: "wide", role: "group", "aria-label": caption, tabindex: 0 }, made) };
}

function row(columns, ...cells) {
  return el(
    "tr",
    { role: "row" },
    cells.map((cell, at) =>
      el(
        at ? "td" : "th",
        { role: at ? "cell" : "rowheader", scope: at ? null : "row", "data-name": columns[at] },
        el("span", { class: "cell" }, cell ?? "–"),
      ),
    ),
  );
}

/**
 * A list of the API: `path`, `asked`, `member` with the entries, `columns`, and `make`, which makes a row. `take` may
 * make rows of a whole page. A search that stopped early goes on by itself some times, as long as nothing is found.
 */
function listed({
  path,
  asked = {},
  member,
  what,
  many = `${what}s`,
  caption,
  columns,
  make,
  take,
  size = 50,
  empty,
  most = Infinity,
  all,
}) {
  const { body, node } = table(caption, columns);
  const said = el("p", { class: "quiet", role: "status" });
  const more = el("button", { type: "button", hidden: true, click: () => go() }, "Show more");
  const root = el("div", { class: "listed" }, node, el("p", { class: "row" }, said, more));
  let next = null;
  let steps = 0;
  const rows = (page) => (take ? take(page[member]) : page[member].map(make));
  async function go() {
    more.disabled = true;
    said.textContent = "Loading…";
    root.querySelector(".wrong")?.remove();
    try {
      const page = await api(`${path}?${query({ limit: size, ...asked, cursor: next })}`);
      body.append(...rows(page));
      next = page.next ?? null;
      summarize(page.complete === false);
      steps += 1;
      if (next && page.complete === false && !body.rows.length && steps < 25 && root.isConnected) return go();
      steps = 0;
    } catch (problem) {
      if (problem.status === 401) return leave(problem.message);
      said.textContent = "";
      root.append(trouble(problem, go));
    } finally {
      more.disabled = false;
    }
  }
  function summarize(stopped) {
    const found = count(body.rows.length, what, many);
    node.hidden = !body.rows.length;
    if (most !== Infinity) said.replaceChildren(...(body.rows.length ? [all] : [empty]));
    else if (!next) said.textContent = body.rows.length ? `${found}.` : (empty ?? "Nothing found.");
    else if (stopped)
      said.textContent = `${body.rows.length ? found : "Nothing"} so far; the search can go on from there.`;
    else said.textContent = `${found} shown; there are more.`;
    more.textContent = stopped ? "Go on searching" : "Show more";
    more.hidden = !next || most !== Infinity;
  }
  go();
  return root;
}

/** A form whose fields are in the URL. `fields`: name, label, and `options` or an input's type. */
function filters(view, asked, fields, label) {
  const made = fields.map((field) => {
    const name = `filter-${field.name}`;
    const input = field.options
      ? el(
          "select",
          { id: name, name: field.name },
          field.options.map(([value, text]) =>
            el("option", { value, selected: (asked[field.name] ?? "") === value }, text),
          ),
        )
      : el("input", {
          id: name,
          name: field.name,
          type: field.type ?? "search",
          value: asked[field.name] ?? "",
          maxlength: 100,
          min: 1,
          max: 36500,
        });
    if (field.options) input.addEventListener("change", () => form.requestSubmit());
    return el("div", {}, el("label", { for: name }, field.label), input);
  });
  const send = (event) => {
    event.preventDefault();
    location.hash = link(view, Object.fromEntries(new FormData(form)));
  };
  const others = Object.keys(asked).filter((name) => !fields.some((field) => field.name === name));
  const form = el(
    "form",
    { class: "filters", role: "search", "aria-label": label, submit: send },
    made,
    others.map((name) => el("input", { type: "hidden", name, value: asked[name] })),
    el(
      "div",
      {},
      el("button", { class: "first" }, "Search"),
      " ",
      Object.keys(asked).length ? to(link(view), "Clear") : null,
    ),
    others.length
      ? el(
          "p",
          { class: "quiet whole" },
          "Only ",
          others.map((name, at) => [at ? ", " : "", `${name.replace("_", " ")} `, code(asked[name])]),
        )
      : null,
  );
  return form;
}
