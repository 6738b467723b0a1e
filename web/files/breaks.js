// The page of breaks: a table that is always as the API has it, one break with its steps, the ends of days.
//
// Invariant: every text goes into the page as text, never as markup; the token leaves the page in the header of requests to its own
// origin alone; a step carries one key until its answer is known, so that it is done once however often it is sent.
"use strict";

const VERBS = { explain: "Explain", adopt: "Adopt", dispute: "Dispute", close: "Close" };
const KEPT = "meridian-token", LEFT = -1, PAGE = 200, MOST = 1000, SILENCE_MS = 25000, AGAIN_MS = [500, 1000, 2000, 5000, 10000];
const $ = id => document.getElementById(id);
const state = { token: sessionStorage.getItem(KEPT), answer: null, at: 0, one: null, limit: PAGE, keys: new Map(),
                stream: null, tries: 0, loading: false, again: false };

function element(name, text, more = {}) {
  const made = document.createElement(name);
  if (text !== undefined && text !== null) made.textContent = text;
  for (const [key, value] of Object.entries(more)) made.setAttribute(key, value);
  return made;
}

// What is shown.

const number = value => Number(value).toLocaleString("en-US");
const moment = ns => new Date(Number(ns) / 1e6).toISOString().slice(0, 19).replace("T", " ");
const lots = count => `${number(count)} ${Math.abs(count) === 1 ? "lot" : "lots"}`;

function age(ns) {
  let left = Math.floor(ns / 1e9);
  const parts = [];
  for (const [unit, length] of [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]]) {
    parts.push([Math.floor(left / length), unit]);
    left %= length;
  }
  const first = Math.max(parts.findIndex(([count]) => count), 0);
  const told = parts.slice(first, first + 2).filter(([count]) => count);
  return told.length && parts.some(([count]) => count) ? told.map(([count, unit]) => `${count} ${unit}`).join(" ") : "0 s";
}

function difference(one) {
  const apart = `venue ${number(one.venue_lots)}, ours ${number(one.our_lots)} lots`;
  return one.amount === null ? apart : `${apart}; ${one.amount} ${one.currency}`;
}

const shownState = one => one.gone && one.open ? `${one.state}, gone` : one.state;
const place = one => `#${encodeURIComponent(one.region)}/${encodeURIComponent(one.id)}`;
const second = (one, verb) => verb === "adopt" || (verb === "close" && one.state === "disputed" && !one.gone);

// What is asked.

class Refused extends Error {
  constructor(status, sentences) { super(sentences.join(" ")); this.status = status; }
}

// Whoever has signed out, or in as somebody else, meanwhile gets no answer but LEFT.
async function ask(path, options = {}) {
  let answer;
  const token = state.token;
  try {
    const headers = { ...options.headers, Authorization: `Bearer ${token}` };
    answer = await fetch(path, { ...options, headers, cache: "no-store", redirect: "error" });
  } catch (error) {
    throw new Refused(token === state.token ? 0 : LEFT, ["The API does not answer."]);
  }
  const told = await answer.json().catch(() => ({}));
  if (answer.status === 401 && token === state.token) leave("This token is not in force.");
  if (token !== state.token) throw new Refused(LEFT, []);
  if (answer.ok) return told;
  throw new Refused(answer.status, (told.errors || []).map(one => one.sentence).concat(told.errors ? [] : [`HTTP ${answer.status}.`]));
}

function query() {
  const words = new URLSearchParams({ limit: state.limit });
  const chosen = $("state").value;
  if (chosen === "all") words.set("closed", "true");
  else if (chosen) words.set("state", chosen);
  for (const name of ["region", "venue"]) if ($(name).value) words.set(name, $(name).value);
  if ($("age").value !== "0") words.set("age_s", $("age").value);
  return words;
}

// Everything that is shown is read again when anything changed; changes meanwhile are one more reading.
async function load() {
  if (!state.token) return;
  if (state.loading) { state.again = true; return; }
  state.loading = true;
  try {
    do {
      state.again = false;
      const answer = await ask(`/v1/breaks?${query()}`);
      Object.assign(state, { answer, at: performance.now() });
      enter();
      drawList();
      await Promise.all([drawOne(), drawDays()]);
    } while (state.again && state.token);
    said("");
  } catch (error) {
    if (error.status === LEFT) state.again = true;
    else if (state.answer) said(error.message);
    else leave(error.message);
  } finally {
    state.loading = false;
  }
  if (state.again) load();
}

// The door.

function enter() {
  const came = !$("door").hidden;
  if (came) sessionStorage.setItem(KEPT, state.token);
  $("token").value = "";
  $("door").hidden = true;
  $("desk").hidden = $("who").hidden = false;
  if (came) $("list-title").focus();
  $("who").firstElementChild.textContent = `${state.answer.you.name}, role ${state.answer.you.role}`;
  if (!state.stream) listen();
}

function leave(why = "") {
  sessionStorage.removeItem(KEPT);
  if (state.stream) state.stream.abort();
  Object.assign(state, { token: null, answer: null, one: null, stream: null, limit: PAGE, tries: 0 });
  state.keys.clear();
  for (const id of ["reason", "token"]) $(id).value = "";
  for (const id of ["region", "venue"]) options(id, []);
  for (const body of document.querySelectorAll("tbody, #tiles, #about, #problems, #day ul")) body.replaceChildren();
  $("desk").hidden = $("who").hidden = $("one").hidden = $("day").hidden = true;
  $("door").hidden = false;
  $("door-wrong").textContent = why;
  $("token").focus();
}

// The list.

function cell(text, kind) {
  return element("td", text, kind ? { class: kind } : {});
}

function row(one) {
  const line = element("tr"), name = element("td"), link = element("a", one.id, { href: place(one) });
  line.dataset.key = place(one);
  line.dataset.age = one.age_ns;
  line.dataset.open = one.open ? "1" : "";
  if (location.hash === place(one)) { line.className = "chosen"; link.setAttribute("aria-current", "true"); }
  name.append(link);
  line.append(name, cell(age(one.age_ns), "age"), cell(one.region), cell(one.venue), cell(one.order || ""), cell(one.kind),
              cell(difference(one), "wide"), cell(shownState(one)), cell(one.next_step, "wide"));
  return line;
}

function keepFocus(draw) {
  const focused = document.activeElement, key = focused && focused.closest("tr[data-key]")?.dataset.key;
  draw();
  if (key && !document.contains(focused)) {
    [...document.querySelectorAll("tr[data-key]")].find(line => line.dataset.key === key)?.querySelector("a")?.focus();
  }
}

function options(id, names) {
  const list = $(id), chosen = list.value;
  if (names.join("\n") === [...list.options].slice(1).map(one => one.value).join("\n")) return;
  list.replaceChildren(list.options[0], ...names.map(name => element("option", name, { value: name })));
  list.value = names.includes(chosen) ? chosen : "";
}

function drawList() {
  const { breaks, counts, regions, venues, problems, next } = state.answer;
  keepFocus(() => $("list").tBodies[0].replaceChildren(...breaks.map(row)));
  $("none").hidden = breaks.length > 0;
  $("more").hidden = next === null || state.limit >= MOST;
  $("rest").hidden = next === null || state.limit < MOST;
  $("list-title").textContent = { "": "Open breaks", all: "All breaks", closed: "Closed breaks" }[$("state").value]
    || `Breaks that are ${$("state").value}`;
  options("region", regions.map(one => one.region));
  options("venue", venues);
  const tiles = ["open", "found", "explained", "disputed", "adopted", "closed"].map(name => {
    const tile = element("div", null, { class: "tile" });
    tile.append(element("b", number(counts[name]), { class: name === "open" && counts[name] ? "bad" : "" }), element("span", name));
    return tile;
  });
  $("tiles").replaceChildren(...tiles);
  const told = problems.map(text => element("p", `${text}.`, { class: "bad" }));
  if (told.length !== $("problems").childElementCount || told.some((one, at) => one.textContent !== $("problems").children[at].textContent))
    $("problems").replaceChildren(...told);
  $("problems").hidden = told.length === 0;
}

function tick() {
  if (!state.answer) return;
  const since = (performance.now() - state.at) * 1e6;
  for (const line of document.querySelectorAll("#list tr[data-open='1']")) {
    line.querySelector(".age").textContent = age(Number(line.dataset.age) + since);
  }
}

// One break.

function chosen() {
  const [region, ...rest] = location.hash.slice(1).split("/");
  try {
    return region && rest.length ? { region: decodeURIComponent(region), id: decodeURIComponent(rest.join("/")) } : null;
  } catch (error) {
    return null;
  }
}

const address = one => `/v1/breaks/${encodeURIComponent(one.region)}/${encodeURIComponent(one.id)}`;

async function drawOne(focus = false) {
  const wanted = chosen();
  if (!wanted) {
    state.one = null;
    $("one").hidden = true;
    return;
  }
  const other = !state.one || state.one.break.id !== wanted.id || state.one.break.region !== wanted.region;
  if (other) { $("wrong").textContent = ""; $("reason").value = ""; }
  try {
    const told = await ask(address(wanted)), now = chosen();
    if (now && now.id === wanted.id && now.region === wanted.region) showOne(told);
  } catch (error) {
    if (error.status === LEFT) return;
    state.one = null;
    $("one-title").textContent = wanted.id;
    for (const id of ["what", "next"]) $(id).textContent = "";
    $("about").replaceChildren();
    $("history").tBodies[0].replaceChildren();
    $("asks").hidden = true;
    $("wrong").textContent = error.message;
    $("one").hidden = false;
  }
  if (focus && !$("one").hidden) $("one-title").focus();
}

function showOne(told) {
  const before = state.one, one = told.break;
  state.one = told;
  $("one-title").textContent = `${one.id}: ${shownState(one)}`;
  $("what").textContent = one.what;
  const about = { Region: one.region, Run: one.run, Kind: one.kind, Venue: one.venue, Instrument: one.instrument, Order: one.order,
                  Execution: one.execution, Difference: difference(one), Price: one.price, "Found, UTC": moment(one.found_ns),
                  "Engine input": one.input || null, "Looked for by": one.scope };
  const rows = Object.entries(about).filter(([, text]) => text !== null && text !== "");
  $("about").replaceChildren(...rows.flatMap(([name, text]) => [element("dt", name), element("dd", text)]));
  const found = { at_ns: one.found_ns, step: "found", by: "", reason: "" };
  $("history").tBodies[0].replaceChildren(...(told.history.length ? told.history : [found]).map(entry => {
    const line = element("tr"), by = !entry.by ? "" : entry.signed_in ? entry.by : `${entry.by} (not signed in)`;
    line.append(cell(moment(entry.at_ns)), cell(entry.step), cell(by), cell(entry.reason, "wide"));
    return line;
  }));
  $("next").textContent = one.next_step ? `${one.next_step[0].toUpperCase()}${one.next_step.slice(1)}.` : "It is closed.";
  drawButtons(told);
  if (before && before.break.id === one.id && before.break.version !== one.version) said(`${one.id} is ${one.state} now`);
  $("one").hidden = false;
}

function drawButtons({ break: one, you }) {
  const focused = document.activeElement && document.activeElement.dataset.verb, left = [];
  $("asks").hidden = !one.open;
  const buttons = !you.may_step ? [] : Object.entries(VERBS).map(([verb, label]) => {
    const button = element("button", second(one, verb) ? `${label} (second person)` : label, { type: "submit", "data-verb": verb });
    if (!one.may.includes(verb)) {
      button.disabled = true;
      const why = one.may_not[verb] || "";
      // What the state does not allow is told by the next step; why this person may not is told in full.
      if (why.includes("did the step before")) left.push(element("li", `${label}: ${why.slice(why.indexOf(one.id) + one.id.length + 2)}.`));
    }
    return button;
  });
  $("buttons").replaceChildren(...buttons);
  if (!you.may_step) left.push(element("li", "Steps are done by people with role risk."));
  $("why-not").replaceChildren(...left);
  $("reason").disabled = !one.may.length;
  if (focused) buttons.find(button => button.dataset.verb === focused && !button.disabled)?.focus();
}

function random() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map(byte => byte.toString(16).padStart(2, "0")).join("");
}

async function step(verb) {
  const one = state.one.break, reason = $("reason").value.trim();
  if (!reason) {
    $("wrong").textContent = "reason is missing: allowed is readable words that say why, on one line, 1 to 500 characters.";
    $("reason").focus();
    return;
  }
  const name = JSON.stringify([place(one), verb, one.version, reason]);
  if (!state.keys.has(name)) state.keys.set(name, random());
  const headers = { "Content-Type": "application/json", "If-Match": `"${one.version}"`, "Idempotency-Key": state.keys.get(name) };
  for (const button of $("buttons").children) button.disabled = true;
  $("wrong").textContent = "";
  try {
    const told = await ask(`${address(one)}/${verb}`, { method: "POST", headers, body: JSON.stringify({ reason }) });
    state.keys.delete(name);
    $("reason").value = "";
    showOne(told);
    $("one-title").focus();
  } catch (error) {
    if (error.status === LEFT) return;
    // Without a certain answer the same step, sent again, is the same request.
    if (error.status >= 400 && error.status < 500 && error.status !== 429) state.keys.delete(name);
    drawButtons(state.one);
    $("wrong").textContent = error.message;
    $("reason").focus();
  }
  load();
}

// Ends of days.

async function drawDays() {
  const answer = await ask("/v1/end-of-day");
  const rows = answer.reports.map(one => {
    const line = element("tr"), name = element("td"), link = element("a", moment(one.checked_ns), { href: "#" });
    line.dataset.key = `${one.region} ${one.report}`;
    link.addEventListener("click", event => { event.preventDefault(); showDay(one); });
    name.append(link);
    const span = [one.since_ns ? `from ${moment(one.since_ns)}` : "", one.until_ns ? `to ${moment(one.until_ns)}` : ""].join(" ").trim();
    line.append(name, cell(one.region), cell(span || "all"), cell((one.files || []).join(", "), "wide"));
    line.append(element("td", `${one.agrees ? "✓" : "✗"} ${one.sentence}`, { class: `wide ${one.agrees ? "good" : "bad"}` }));
    return line;
  });
  rows.push(...answer.problems.map(text => {
    const line = element("tr");
    line.append(element("td", `${text}.`, { class: "wide bad", colspan: "5" }));
    return line;
  }));
  keepFocus(() => $("days").tBodies[0].replaceChildren(...rows));
  $("no-days").hidden = rows.length > 0;
}

async function showDay(one) {
  const list = $("day").querySelector("ul");
  $("day-title").textContent = `${one.region}, checked ${moment(one.checked_ns)}`;
  try {
    const { report } = await ask(`/v1/end-of-day/${encodeURIComponent(one.region)}/${one.report}`);
    const told = [report.sentence, ...report.differences.map(each => each.sentence), ...(report.unequal || [])];
    list.replaceChildren(...told.map(text => element("li", `${text}.`)));
  } catch (error) {
    if (error.status === LEFT) return;
    list.replaceChildren(element("li", error.message, { class: "bad" }));
  }
  $("day").hidden = false;
  $("day-title").focus();
}

// Changes as they are.

function said(text) {
  if (text) state.news = { text, until: performance.now() + 8000 };
  const news = state.news && performance.now() < state.news.until ? ` ${state.news.text}.` : "";
  const live = state.tries === 0 && state.stream;
  const shown = `${live ? "Live: changes show as they are made." : "Not live: the API does not answer; trying again."}${news}`;
  if ($("live").textContent !== shown) $("live").textContent = shown;
  $("live").className = live ? "good" : "bad";
}

async function listen() {
  const control = state.stream = new AbortController();
  let silence = 0;
  const alive = () => { clearTimeout(silence); silence = setTimeout(() => control.abort(), SILENCE_MS); };
  try {
    alive();
    const answer = await fetch("/v1/stream?kinds=breaks", { headers: { Authorization: `Bearer ${state.token}` }, signal: control.signal });
    if (answer.status === 401) return leave("This token is not in force.");
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let text = "";;) {
      const { done, value } = await reader.read();
      if (done) throw new Error("it ended");
      alive();
      text += value;
      const events = text.split("\n\n");
      text = events.pop();
      // What was missed while nothing was heard is read with the first event, `reset`.
      if (state.tries) { state.tries = 0; said(""); }
      if (events.some(event => /^event: (breaks|reset)$/m.test(event))) load();
    }
  } catch (error) {
    if (state.stream !== control) return;
    state.tries += 1;
    said("");
    setTimeout(() => { if (state.stream === control && state.token) listen(); }, AGAIN_MS[Math.min(state.tries, AGAIN_MS.length) - 1]);
  } finally {
    clearTimeout(silence);
  }
}

// What a person does.

function move(event) {
  const links = [...event.currentTarget.querySelectorAll("tbody a")], at = links.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: links.length - 1 }[event.key];
  if (at < 0 || to === undefined) return;
  event.preventDefault();
  links[Math.min(Math.max(to, 0), links.length - 1)].focus();
}

function back() {
  const key = location.hash;
  history.pushState(null, "", location.pathname);
  drawOne();
  drawList();
  const line = [...document.querySelectorAll("tr[data-key]")].find(one => one.dataset.key === key);
  (line ? line.querySelector("a") : $("state")).focus();
}

$("door").addEventListener("submit", event => {
  event.preventDefault();
  state.token = $("token").value.trim();
  $("door-wrong").textContent = "";
  load();
});
$("out").addEventListener("click", () => leave());
$("filters").addEventListener("change", () => { state.limit = PAGE; load(); });
$("filters").addEventListener("submit", event => event.preventDefault());
$("more").addEventListener("click", () => { state.limit = Math.min(state.limit + PAGE, MOST); load(); });
$("step").addEventListener("submit", event => { event.preventDefault(); if (event.submitter) step(event.submitter.dataset.verb); });
$("back").addEventListener("click", back);
for (const id of ["list", "days"]) $(id).addEventListener("keydown", move);
document.addEventListener("keydown", event => { if (event.key === "Escape" && !$("one").hidden && state.token) back(); });
window.addEventListener("hashchange", () => { if (state.answer) { drawList(); drawOne(true); } });
setInterval(() => { tick(); if (state.answer) said(""); }, 1000);
if (state.token) load(); else leave();
