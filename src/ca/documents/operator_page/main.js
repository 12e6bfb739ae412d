// ---- coming and going

const VIEWS = {
  "": [viewOverview],
  certificates: [viewCertificates, viewCertificate],
  failures: [viewFailures, viewFailure],
  paused: [viewPaused],
  accounts: [viewAccounts, viewAccount],
  keys: [viewKeys, viewKey],
  policy: [viewPolicy],
  replacements: [viewReplacements],
  notices: [viewNotices],
  audit: [viewAudit],
  approvals: [viewApprovals],
  faults: [viewFaults],
  "test-cas": [viewTestCas],
};

const TITLES = {
  "": "overview",
  keys: "external account keys",
  audit: "audit record",
  paused: "paused names",
  faults: "test faults",
  "test-cas": "test CAs",
};

/** What the URL asks for: `#/view/object?filters`. */
function route() {
  const [path, filter] = location.hash.replace(/^#\/?/, "").split("?");
  const [view, ...object] = path.split("/");
  let wanted = object.join("/");
  try {
    wanted = decodeURIComponent(wanted);
  } catch {
    /* It is shown as it is. */
  }
  return { view: VIEWS[view] ? view : "", object: wanted, found: Object.fromEntries(new URLSearchParams(filter)) };
}

/** Shows what the URL asks for. `moved`: the focus follows. */
async function go(moved) {
  const { view, object, found } = route();
  const [all, one] = VIEWS[view];
  const root = el("div", { class: "view", "data-view": view || "overview" });
  id("view").replaceChildren(root);
  for (const a of document.querySelectorAll("#views a")) {
    if (a.hash.replace(/^#\//, "") === view || (view === "paused" && a.hash === "#/failures"))
      a.setAttribute("aria-current", "page");
    else a.removeAttribute("aria-current");
  }
  const current = document.querySelector("#views [aria-current]");
  if (current) current.closest("ul").scrollLeft = current.offsetLeft - 40;
  document.title = plain(
    `${id("name").textContent}: ${TITLES[view] ?? view}${object ? ` ${object.slice(0, 20)}` : ""}`,
  );
  await (object && one ? one(root, found, object) : all(root, found));
  if (!moved || !root.isConnected) return;
  scrollTo(0, 0);
  root.querySelector("h1")?.focus();
}

function complain(problem) {
  if (!(problem instanceof Refusal)) console.error(problem);
  id("error").replaceChildren(
    plain(problem.message),
    " ",
    problem.status === 401 || !problem.message
      ? ""
      : el("button", { type: "button", click: () => enter(false) }, "Try again"),
  );
}

/** Takes all that was shown away, and asks who is there. */
function leave(why) {
  token = me = null;
  sessionStorage.removeItem(TOKEN);
  for (const part of ["view", "who-text"]) id(part).replaceChildren();
  for (const part of ["view", "who", "views"]) id(part).hidden = true;
  id("sign-in").hidden = false;
  complain(new Refusal(why, 401));
  id("token").focus();
}

function signOut() {
  const byAccess = me?.by === "access";
  leave("");
  // Access would let the next one in as the same person.
  if (byAccess) location.assign("/cdn-cgi/access/logout");
}

/** Asks who this is, with one request: a wrong token is recorded once. Then for the role, and the overview beside it. */
async function whoIsThere() {
  const status = await api("status");
  first = api("overview").catch(() => null);
  const role = await api("me").catch((problem) => {
    // A version without roles: everybody may do everything.
    if (problem.status === 404) return { role: "owner", permissions: [] };
    throw problem;
  });
  return { name: status.who, by: status.by, ...role };
}

/** Tries the token that there is, or none: Cloudflare Access may have let us in. */
async function enter(moved) {
  const tried = token;
  id("error").replaceChildren();
  try {
    me = await whoIsThere();
  } catch (problem) {
    if (problem.status === 401) return leave(tried ? problem.message : "");
    id("sign-in").hidden = Boolean(tried);
    return complain(problem);
  }
  if (token) sessionStorage.setItem(TOKEN, token);
  id("token").value = "";
  id("who-text").textContent = plain(`${me.name}, ${me.role}${me.by === "access" ? ", by Access" : ""}`);
  id("approvals-link").hidden = !me.permissions.includes("approve");
  id("sign-in").hidden = true;
  for (const part of ["view", "who", "views"]) id(part).hidden = false;
  const it = await first;
  if (it) introduce(it);
  if (me) go(moved);
}

id("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  token = id("token").value.trim();
  if (/^[\x21-\x7e]+$/.test(token)) enter(true);
  else complain(new Refusal("A token is made of letters, digits and signs, without spaces.", 401));
});
id("sign-out").addEventListener("click", signOut);
addEventListener("hashchange", () => me && go(true));
enter(false);
