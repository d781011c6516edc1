"use strict";
// Shows what /v1/notifications tells, and asks again every few seconds. Whatever comes from the server is put into the
// page as text; credentials stay in this tab (sessionStorage) and are sent to this server alone.
(() => {
  const PAGE = 50;
  const PAUSE_MS = 5000;
  const find = (id) => document.getElementById(id);
  const { base, words: written } = find("notifications").dataset;
  const words = JSON.parse(written);
  const language = document.documentElement.lang;
  const numbers = new Intl.NumberFormat(language);
  const times = new Intl.DateTimeFormat(language, { dateStyle: "short", timeStyle: "medium" });
  const rows = new Map();
  let offset = 0;
  let asked = 0;
  let timer = 0;

  const say = (name, values = {}) => words[name].replace(/\{(\w+)\}/g, (_, key) => values[key]);
  const put = (element, text) => {
    if (element.textContent !== text) element.textContent = text;
  };
  const seconds = (value) =>
    value < 90 ? say("seconds", { n: numbers.format(Math.ceil(value)) })
      : value < 5400 ? say("minutes", { n: numbers.format(Math.round(value / 60)) })
        : say("hours", { n: numbers.format(Math.round(value / 3600)) });

  const remember = (name, value) => {
    try {
      if (value) sessionStorage.setItem(`stadtkern-${name}`, value);
      else sessionStorage.removeItem(`stadtkern-${name}`);
    } catch { /* a browser that keeps nothing: it is asked for again */ }
  };
  const recall = (name) => {
    try { return sessionStorage.getItem(`stadtkern-${name}`); } catch { return null; }
  };

  async function ask(method, path, timeoutMs) {
    const headers = { Accept: "application/json" };
    const token = find("token").value.trim();
    const tenant = find("tenant").value.trim();
    if (token) headers.Authorization = `Bearer ${token}`;
    if (tenant) headers["NGSILD-Tenant"] = tenant;
    const signal = AbortSignal.timeout(timeoutMs);
    let answer;
    let tree;
    try {
      answer = await fetch(base + path, { method, headers, signal, credentials: "omit", cache: "no-store" });
      tree = await answer.json();
    } catch {
      throw new Error(say(answer ? "unreadable" : "unreachable"));
    }
    if (!answer.ok) {
      const reason = tree.detail || tree.title || String(answer.status);
      throw new Error(answer.status === 401 ? `${reason}. ${say("credentials")}` : reason);
    }
    return tree;
  }

  function describe(one) {
    if (one.status !== "active") return say(one.status);
    if (one.endpoint === "urn:stadtkern:events") return say("stream");
    if (one.state === undefined) return say("elsewhere");
    if (one.state !== "waiting") return say(one.state);
    const left = seconds(Math.max(0, one.nextTryInSeconds || 0));
    if (!one.failuresInARow) return say("throttled", { left });
    return say("retrying", { left, n: numbers.format(one.failuresInARow) });
  }

  const isFailing = (one) =>
    one.status === "active" && one.lastFailure !== null && !(one.lastSuccess !== null && one.lastSuccess >= one.lastFailure);

  function describeWaiting(one) {
    if (one.waiting === undefined) return "–";
    const count = numbers.format(one.waiting);
    if (!one.waiting || one.oldestWaitingSeconds === null) return count;
    return say("waitingSince", { n: count, since: seconds(one.oldestWaitingSeconds) });
  }

  const showTime = (text) => (text === null ? "–" : times.format(new Date(text)));

  function makeRow(id) {
    const row = document.createElement("tr");
    row.setAttribute("role", "row");
    const cells = {};
    const head = row.appendChild(document.createElement("th"));
    head.scope = "row";
    head.setAttribute("role", "rowheader");
    cells.name = head.appendChild(document.createElement("span"));
    cells.id = head.appendChild(document.createElement("small"));
    for (const name of ["endpoint", "state", "waiting", "sent", "failed", "dropped", "success", "failure", "test"]) {
      const cell = row.appendChild(document.createElement("td"));
      cell.setAttribute("role", "cell");
      cell.dataset.label = words[`column_${name}`];
      if (["waiting", "sent", "failed", "dropped"].includes(name)) cell.className = "number";
      cells[name] = cell.appendChild(document.createElement("span"));
    }
    cells.error = cells.failure.parentElement.appendChild(document.createElement("small"));
    const button = document.createElement("button");
    const result = document.createElement("output");
    button.type = "button";
    put(button, say("test"));
    button.addEventListener("click", () => tryOut(id, button, result));
    cells.test.replaceWith(button, result);
    cells.button = button;
    return { row, cells };
  }

  function showRow(one) {
    if (!rows.has(one.id)) rows.set(one.id, makeRow(one.id));
    const { row, cells } = rows.get(one.id);
    put(cells.name, one.name || one.id);
    put(cells.id, one.name ? one.id : "");
    put(cells.endpoint, one.endpoint);
    put(cells.state, describe(one));
    put(cells.waiting, describeWaiting(one));
    put(cells.sent, numbers.format(one.timesSent));
    put(cells.failed, numbers.format(one.timesFailed));
    put(cells.dropped, numbers.format(one.dropped));
    put(cells.success, showTime(one.lastSuccess));
    put(cells.failure, showTime(one.lastFailure));
    put(cells.error, one.lastError || "");
    cells.state.className = isFailing(one) ? "bad" : "";
    cells.button.setAttribute("aria-label", say("testOf", { name: one.name || one.id }));
    cells.button.hidden = one.endpoint === "urn:stadtkern:events";
    return row;
  }

  function showPage(page) {
    const body = find("rows");
    const shown = page.notifications.map(showRow);
    for (const [id, { row }] of rows) {
      if (!shown.includes(row)) {
        row.remove();
        rows.delete(id);
      }
    }
    // rows that are in their place stay there: moving one takes the focus from its button
    shown.forEach((row, place) => {
      if (body.children[place] !== row) body.insertBefore(row, body.children[place] || null);
    });
    const failing = page.notifications.filter(isFailing).length;
    const n = numbers.format(page.total);
    const first = numbers.format(page.offset + 1);
    const last = numbers.format(page.offset + shown.length);
    const counted = page.total > shown.length ? say("some", { n, first, last }) : say("all", { n });
    put(find("summary"), `${counted} ${failing ? say("failing", { n: numbers.format(failing) }) : say("well")}`);
    find("previous").disabled = page.offset === 0;
    find("next").disabled = !page.more;
    find("pages").hidden = page.offset === 0 && !page.more;
    find("shown").hidden = false;
  }

  async function refresh() {
    clearTimeout(timer);
    const number = ++asked;
    try {
      const page = await ask("GET", `/v1/notifications?limit=${PAGE}&offset=${offset}`, 15000);
      if (number !== asked) return;
      showPage(page);
      find("problem").hidden = true;
    } catch (error) {
      if (number !== asked) return;
      put(find("problem"), error.message);
      find("problem").hidden = false;
    }
    put(find("at"), say("at", { time: times.format(new Date()) }));
    plan();
  }

  function plan() {
    clearTimeout(timer);
    if (find("refresh").checked && !document.hidden) timer = setTimeout(refresh, PAUSE_MS);
  }

  async function tryOut(id, button, result) {
    button.disabled = true;
    put(result, say("testing"));
    try {
      const trial = await ask("POST", `/v1/notifications/${encodeURIComponent(id)}/test`, 90000);
      const time = numbers.format(trial.milliseconds);
      put(result, trial.delivered ? say("delivered", { time }) : say("undelivered", { time, error: trial.error }));
    } catch (error) {
      put(result, error.message);
    }
    button.disabled = false;
    button.focus();
  }

  async function listTenants() {
    if (!find("token").value.trim()) return;
    try {
      const tenants = await ask("GET", "/v1/tenants", 15000);
      find("tenants").replaceChildren(...tenants.map((tenant) => {
        const option = document.createElement("option");
        option.value = tenant.name;
        return option;
      }));
    } catch { /* not for this token: the name is typed */ }
  }

  function start(event) {
    event?.preventDefault();
    remember("token", find("token").value.trim());
    remember("tenant", find("tenant").value.trim());
    rows.clear();
    find("rows").replaceChildren();
    find("shown").hidden = true;
    put(find("summary"), "");
    offset = 0;
    refresh();
    listTenants();
  }

  function turn(by) {
    offset = Math.max(0, offset + by);
    refresh();
  }

  find("access").addEventListener("submit", start);
  find("forget").addEventListener("click", () => {
    find("token").value = "";
    start();
    find("token").focus();
  });
  find("refresh").addEventListener("change", () => (find("refresh").checked ? refresh() : plan()));
  find("previous").addEventListener("click", () => turn(-PAGE));
  find("next").addEventListener("click", () => turn(PAGE));
  document.addEventListener("visibilitychange", () => (find("refresh").checked && !document.hidden ? refresh() : plan()));
  find("token").value = recall("token") || "";
  if (!find("tenant").value) find("tenant").value = recall("tenant") || "";
  find("access").hidden = false;
  start();
})();
