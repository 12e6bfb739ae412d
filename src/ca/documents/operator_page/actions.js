// ---- actions: a form beside its object, which asks before it acts

let fieldNumber = 0;

function field({ name, label, hint, options, type, value, rows, required, most }) {
  fieldNumber += 1;
  const own = `field-${fieldNumber}`;
  const common = { id: own, name, required, maxlength: most, "aria-describedby": hint && `${own}-hint` };
  if (type === "checkbox")
    return el(
      "p",
      { class: "check" },
      el("input", { ...common, type, checked: value }),
      " ",
      el("label", { for: own }, label),
    );
  const input = options
    ? el(
        "select",
        common,
        options.map(([key, text]) => el("option", { value: key, selected: key === value }, text)),
      )
    : rows
      ? el("textarea", { ...common, rows, spellcheck: "false" }, value)
      : el("input", { ...common, type: type ?? "text", value: value ?? "", autocomplete: "off" });
  return el(
    "div",
    { class: "field" },
    el("label", { for: own }, label),
    input,
    hint && el("p", { id: `${own}-hint`, class: "quiet" }, hint),
  );
}

/** The values of a form, without empty ones. */
function valuesOf(form) {
  const all = [...new FormData(form)].map(([name, value]) => [name, value.trim()]);
  return Object.fromEntries(all.filter(([, value]) => value !== ""));
}

/**
 * A button that opens a form. `question` says what will happen, of the values; `run` does it, and gives what to say, or
 * an element to show. `permission`: see `may`.
 */
function action({ label, permission, danger, fields = [], question, confirm, run, open }) {
  if (!may(permission))
    return el(
      "button",
      { type: "button", disabled: true, title: `Your role, ${me.role}, does not include this.` },
      label,
    );
  const problem = el("p", { class: "bad", role: "alert" });
  const result = el("div", { role: "status" });
  const send = el("button", { class: danger ? "danger" : "first" }, confirm ?? label);
  const submit = async (event) => {
    event.preventDefault();
    problem.textContent = "";
    send.disabled = true;
    try {
      const done = await run(valuesOf(form), form);
      if (done instanceof Node) {
        form.hidden = true;
        const over = el("button", { type: "button", click: () => go(true) }, "Done");
        result.replaceChildren(done, el("p", {}, over));
        over.focus();
      } else {
        box.open = false;
        if (done) say(done);
      }
    } catch (refusal) {
      if (refusal.status === 401) return leave(refusal.message);
      if (!(refusal instanceof Refusal)) console.error(refusal);
      problem.textContent = plain(refusal.message);
    } finally {
      send.disabled = false;
    }
  };
  const form = el(
    "form",
    { submit },
    fields.map(field),
    question && el("p", {}, question),
    problem,
    el(
      "p",
      { class: "row" },
      send,
      " ",
      el(
        "button",
        {
          type: "button",
          click: () => {
            box.open = false;
            box.firstChild.focus();
          },
        },
        "Cancel",
      ),
    ),
  );
  const box = el(
    "details",
    { class: "action", open },
    el("summary", { class: danger ? "danger" : "" }, `${label}…`),
    form,
    result,
  );
  return box;
}

const actions = (...all) => el("div", { class: "actions" }, all);

/** Names in a field, divided by spaces, commas or lines. */
const manyNames = (text) => (text ?? "").split(/[\s,]+/).filter(Boolean);

/** A policy document of a field: an object, or why it is none. */
function documentOf(text) {
  try {
    return JSON.parse(text);
  } catch (problem) {
    throw new Refusal(`The document is not JSON: ${problem.message}.`, 400);
  }
}
