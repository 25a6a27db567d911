// What the page does: switches regimes, unpacks the samples, filters them and shows a group. Follows text.js.
const PAGE = 40; // hits listed at once
const ALL = -1;
const $ = (id) => document.getElementById(id);
const state = { regime: null, chosen: {}, text: "", page: 0, sample: null };
let data, facets, regimes, hits = [], alike;

// ---- unpacking ----------------------------------------------------------------------------------------------------------
async function unpack() {
  const letters = atob($("packed").textContent);
  $("packed").remove();
  const bytes = new Uint8Array(letters.length);
  for (let k = 0; k < letters.length; k++) bytes[k] = letters.charCodeAt(k);
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
}

const string = (number) => data.strings[number] ?? null;
const methodName = (method) => data.methods[method]?.[0] ?? method;
const languageName = (code) => data.languages[code]?.[0] ?? code;

// What one can filter by: for each sample a number, and what the numbers are called.
function makeFacets() {
  const { groups, samples, names } = data;
  const ofGroup = (key, call) => ({ codes: samples.group.map((g) => groups[key][g]), names: names[key].map(call) });
  const code = (value) => (value === null || value === undefined ? 2 : value >= 0.5 ? 0 : 1);
  const yesNo = (term, yes, no) => ({ codes: samples.group.map((_, k) => code(samples[term]?.[k])), names: [yes, no, "not scored"] });
  const steps = [...new Set(groups.step)].sort((a, b) => a - b);
  const stepCode = new Map(steps.map((step, code) => [step, code]));
  const known = { training: "training groups", evaluation: "evaluation answers", pairs: "preference pairs" };
  regimes = ofGroup("regime", String);
  return [
    { id: "kind", label: "what", ...ofGroup("kind", (kind) => known[kind]) },
    { id: "method", label: "method", ...ofGroup("method", methodName) },
    { id: "lang", label: "language", ...ofGroup("lang", languageName) },
    { id: "step", label: "step", codes: samples.group.map((g) => stepCode.get(groups.step[g])), names: steps.map((s) => s ?? "none") },
    { id: "right", label: "answer", ...yesNo("accuracy", "right", "wrong") },
    { id: "faithful", label: "language kept", ...yesNo("fidelity", "faithful", "unfaithful") },
  ];
}

function buildFilters() {
  const form = $("filters");
  for (const facet of facets) {
    facet.select = make("select");
    facet.select.id = "by-" + facet.id;
    facet.select.append(new Option("all", ALL), ...facet.names.map((name, code) => new Option(name, code)));
    facet.select.addEventListener("change", () => {
      state.chosen[facet.id] = Number(facet.select.value);
      refresh();
    });
    form.append(make("label", "", facet.label, facet.select));
  }
  const search = make("input");
  search.type = "search";
  search.id = "by-text";
  search.placeholder = "part of the text";
  let waiting;
  search.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => refresh(undefined, search.value), 150);
  });
  const clear = makeButton("", "clear", () => {
    state.chosen = {};
    refresh(undefined, (search.value = ""));
  });
  form.append(make("label", "", "contains", search), clear);
  form.addEventListener("submit", (event) => event.preventDefault());
}

// ---- filtering ----------------------------------------------------------------------------------------------------------
// Sets `hits`, and beside each choice how many there would be: a sample that fails one filter only counts there. Returns how
// many samples the regime has.
function filter() {
  const { text } = data.samples;
  const wanted = facets.map((facet) => state.chosen[facet.id] ?? ALL);
  const counts = facets.map((facet) => new Uint32Array(facet.names.length));
  const regime = data.names.regime.indexOf(state.regime);
  const holds = state.text ? data.strings.map((string) => string.includes(state.text)) : null;
  let inRegime = 0;
  hits = [];
  for (let k = 0; k < text.length; k++) {
    if (regimes.codes[k] !== regime) continue;
    inRegime++;
    if (holds && !holds[text[k]]) continue;
    let failed = ALL, failures = 0;
    for (let f = 0; f < facets.length && failures < 2; f++) {
      if (wanted[f] !== ALL && facets[f].codes[k] !== wanted[f]) { failures++; failed = f; }
    }
    if (failures === 0) {
      hits.push(k);
      for (let f = 0; f < facets.length; f++) counts[f][facets[f].codes[k]]++;
    } else if (failures === 1) counts[failed][facets[failed].codes[k]]++;
  }
  facets.forEach((facet, f) => {
    facet.select.value = wanted[f];
    facet.names.forEach((name, code) => {
      const option = facet.select.options[code + 1];
      option.text = `${name} (${counts[f][code].toLocaleString("en")})`;
      option.hidden = counts[f][code] === 0 && code !== wanted[f];
    });
  });
  return inRegime;
}

// Filters anew and shows the first hit, or `sample`.
function refresh(sample, text = state.text) {
  state.text = text;
  const inRegime = filter();
  const total = `${inRegime.toLocaleString("en")} samples of regime ${state.regime}`;
  $("count").textContent = hits.length ? `${hits.length.toLocaleString("en")} of ${total}` : `None of ${total} is like this.`;
  state.sample = hits.includes(sample) ? sample : hits[0] ?? null;
  state.page = Math.max(0, Math.floor(hits.indexOf(state.sample) / PAGE));
  list(state.page);
  if (state.sample === null) $("group").replaceChildren();
  else showGroup(data.samples.group[state.sample], state.sample);
}

function list(page) {
  state.page = page;
  const pages = Math.max(1, Math.ceil(hits.length / PAGE));
  $("page").textContent = `${state.page + 1} of ${pages.toLocaleString("en")}`;
  $("before").disabled = state.page === 0;
  $("after").disabled = state.page >= pages - 1;
  $("hits").replaceChildren(...hits.slice(state.page * PAGE, (state.page + 1) * PAGE).map(hit));
}

function hit(sample) {
  const { groups, samples, names } = data;
  const group = samples.group[sample];
  const method = names.method[groups.method[group]];
  const line = makeButton("", null, () => choose(sample));
  line.dataset.sample = sample;
  const step = groups.step[group] === null ? "" : ` · step ${groups.step[group]}`;
  line.append(dot(method), `${methodName(method)} · ${languageName(names.lang[groups.lang[group]])}${step} `);
  const label = string(samples.label[sample]);
  if (label) line.append(make("span", "tag", label), " ");
  line.append(...tags(sample));
  const text = string(samples.text[sample]);
  line.append(show(make("span"), text.slice(0, 120).replace(/\s+/g, " "), null));
  line.setAttribute("aria-current", sample === state.sample);
  return make("li", "", null, line);
}

function dot(method) {
  const part = (tag, values) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(values)) made.setAttribute(name, value);
    return made;
  };
  const svg = part("svg", { width: 10, height: 10, class: "dot" });
  svg.append(part("circle", { cx: 5, cy: 5, r: 4.5, fill: data.methods[method]?.[1] ?? "#7f7f7f" }));
  return svg;
}

function tags(sample) {
  const made = [];
  for (const [term, yes, no] of [["accuracy", "right", "wrong"], ["fidelity", "faithful", "unfaithful"]]) {
    const value = data.samples[term]?.[sample] ?? null;
    if (value !== null) made.push(make("span", value >= 0.5 ? "tag good" : "tag bad", value >= 0.5 ? yes : no), " ");
  }
  return made;
}

function choose(sample) {
  state.sample = sample;
  for (const line of $("hits").querySelectorAll("button")) line.setAttribute("aria-current", Number(line.dataset.sample) === sample);
  showGroup(data.samples.group[sample], sample);
}

// ---- one group ----------------------------------------------------------------------------------------------------------
function membersOf(group) {
  const { group: of } = data.samples;
  let low = 0, high = of.length;
  while (low < high) { const middle = (low + high) >> 1; if (of[middle] < group) low = middle + 1; else high = middle; }
  const found = [];
  while (low < of.length && of[low] === group) found.push(low++);
  return found;
}

function showGroup(group, sample) {
  const { groups, names } = data;
  const get = (key) => names[key][groups[key][group]];
  const lang = get("lang"), members = membersOf(group), kind = get("kind");
  const native = data.languages[lang]?.[1];
  const title = make("h3", "", null, dot(get("method")), ` ${methodName(get("method"))}: ${languageName(lang)}`);
  if (native && native !== languageName(lang)) title.append(" (", make("bdi", "", native), ")");
  const what = { training: `training, step ${groups.step[group]}`, evaluation: "evaluation", pairs: "preference pair" }[kind];
  const seed = groups.seed[group] < 0 ? "" : ` · seed ${groups.seed[group]}`;
  const partner = string(groups.partner[group]);
  const about = make("p", "about", `${what}${seed} · problem `);
  about.append(make("bdi", "", get("problem") ?? "unnamed"), partner ? ` · chosen by its likeness to ${languageName(partner)}` : "");
  const texts = make("div", "texts");
  const asked = string(groups.prompt[group]), question = string(groups.question[group]), gold = string(groups.gold[group]);
  const box = (head, text, of) => text !== null && texts.append(make("div", "", null, make("h4", "", head), show(make("div"), text, of)));
  box(`Prompt (${languageName(lang)})`, asked, lang);
  if (question !== asked) box("Question in English", question, "en");
  box("English reference" + (gold === null ? "" : `, answer ${gold}`), string(groups.reference[group]), "en");
  const cards = make("div", members.length === 2 ? "cards two" : "cards");
  cards.append(...members.map((member, place) => card(member, place, lang, member === sample)));
  $("group").replaceChildren(title, about, ...sameQuestion(group), texts, cards, ...verdicts(group, members));
  remember();
}

function card(sample, place, lang, here) {
  const { samples, terms } = data;
  const label = string(samples.label[sample]);
  const head = make("header", "", null, make("b", "", place + 1), ...(label ? [make("span", "tag", label)] : []), ...tags(sample));
  const text = show(make("div"), string(samples.text[sample]), (samples.fidelity?.[sample] ?? 1) >= 0.5 ? lang : null);
  const values = make("dl");
  for (const term of terms) {
    const value = samples[term][sample];
    if (value !== null) values.append(make("dt", "", term.replaceAll("_", " ")), make("dd", "", value));
  }
  const said = string(samples.said[sample]);
  const reply = said === null ? [] : [make("details", "reply", null, make("summary", "", "what the judge wrote"), show(make("div"), said, "en"))];
  return make("div", here ? "card here" : "card", null, head, text, values, ...reply);
}

// Buttons to the groups of the same problem, language and kind: other methods, seeds or steps.
function sameQuestion(group) {
  const { groups, names } = data;
  const keyOf = (g) => [groups.kind[g], groups.regime[g], groups.problem[g], groups.lang[g]].join();
  if (!alike) {
    alike = new Map();
    groups.kind.forEach((_, g) => { const key = keyOf(g); alike.has(key) ? alike.get(key).push(g) : alike.set(key, [g]); });
  }
  let others = alike.get(keyOf(group));
  if (others.length > 12) { // of one seed, and what has none
    const seed = groups.seed[group] >= 0 ? groups.seed[group] : Math.min(...others.map((g) => groups.seed[g]).filter((s) => s >= 0));
    others = others.filter((g) => groups.seed[g] === seed || groups.seed[g] < 0).slice(0, 24);
  }
  if (others.length < 2) return [];
  const one = new Set(others.map((g) => groups.seed[g])).size < 2;
  const line = make("p", "same", "The same question:");
  for (const other of others) {
    const step = groups.step[other] === null ? "" : `, step ${groups.step[other]}`;
    const seed = one || groups.seed[other] < 0 ? "" : `, seed ${groups.seed[other]}`;
    const name = methodName(names.method[groups.method[other]]);
    line.append(makeButton("", name + step + seed, () => showGroup(other, null)));
    line.lastChild.setAttribute("aria-current", other === group);
  }
  return [line];
}

// Who beat whom: a cell says how often the row's response was preferred to the column's; a click on it, why.
function verdicts(group, members) {
  const { group: of, a, b, preference, why } = data.verdicts;
  const found = [];
  for (let k = of ? of.indexOf(group) : -1; k >= 0 && of[k] === group; k++) found.push(k);
  if (!found.length) return [];
  const between = (i, j) => found.filter((k) => (a[k] === i && b[k] === j) || (a[k] === j && b[k] === i));
  const said = make("div", "said-of");
  const explain = (i, j) => said.replaceChildren(...between(i, j).flatMap((k) => {
    const p = preference[k], better = `${(p > 0.5 ? a[k] : b[k]) + 1} is better (preference ${Math.max(p, 1 - p).toFixed(2)})`;
    const head = `${a[k] + 1} shown first, ${b[k] + 1} second: ${p === null ? "no verdict" : p === 0.5 ? "a tie" : better}`;
    const alone = [a[k], b[k]].filter((place) => string(data.samples.said[members[place]]) !== null);
    const none = alone.length ? `It was asked about each answer alone: see under ${alone.map((place) => place + 1).join(" and ")}.` : "The judge gave no reason.";
    const reason = string(why[k]);
    return [make("h4", "", head), reason ? show(make("div"), reason, "en") : make("p", "small", none)];
  }));
  const cell = (i, j) => {
    const asked = between(i, j), given = asked.filter((k) => preference[k] !== null);
    if (!asked.length) return make("td");
    const mean = given.reduce((sum, k) => sum + (a[k] === i ? preference[k] : 1 - preference[k]), 0) / given.length;
    const look = mean > 0.5 ? "win" : mean < 0.5 ? "loss" : "";
    const button = makeButton(look, !given.length ? "?" : mean === 0.5 ? "=" : Number(mean.toFixed(2)), () => {
      for (const other of table.querySelectorAll("button")) other.setAttribute("aria-pressed", other === button);
      explain(i, j);
    });
    button.title = given.length ? `${i + 1} against ${j + 1}: ${mean.toFixed(2)}` : "no verdict";
    return make("td", "", null, button);
  };
  const heads = members.map((_, j) => make("th", "", j + 1));
  const rows = members.map((_, i) => make("tr", "", null, make("th", "", i + 1), ...members.map((_, j) => cell(i, j))));
  const table = make("table", "", null, make("caption", "", "Who beat whom: row against column; click a cell for why"));
  table.append(make("tr", "", null, make("th"), ...heads), ...rows);
  return [make("div", "verdicts", null, table, said)];
}

// ---- regimes, addresses, start -------------------------------------------------------------------------------------------
// What is shown stands in the address, so that a view can be found again and handed on.
function remember() {
  const kept = new URLSearchParams({ regime: state.regime });
  for (const { id, names } of facets) if ((state.chosen[id] ?? ALL) !== ALL) kept.set(id, names[state.chosen[id]]);
  if (state.text) kept.set("text", state.text);
  if (state.sample !== null) kept.set("sample", state.sample);
  history.replaceState(null, "", "#" + kept);
}

function pickRegime(name) {
  state.regime = name;
  for (const part of document.querySelectorAll("[data-regime]")) part.hidden = part.dataset.regime !== name;
  for (const button of document.querySelectorAll("[data-pick]")) button.setAttribute("aria-pressed", button.dataset.pick === name);
  if (data) refresh();
}

async function start() {
  const asked = new URLSearchParams(location.hash.includes("=") ? location.hash.slice(1) : "");
  const names = [...new Set([...document.querySelectorAll("[data-regime]")].map((part) => part.dataset.regime))];
  if (names.length) pickRegime(names.includes(asked.get("regime")) ? asked.get("regime") : names[0]);
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-pick], [data-method]");
    if (button && button.dataset.pick) pickRegime(button.dataset.pick);
    if (button && button.dataset.method && data) {
      state.chosen = { method: data.names.method.indexOf(button.dataset.method) };
      refresh();
      $("samples").scrollIntoView();
    }
  });
  if (!$("packed")) return;
  if (!("DecompressionStream" in window)) {
    $("count").textContent = "This browser cannot unpack the samples; one from 2023 or later can.";
    return;
  }
  data = await unpack();
  facets = makeFacets();
  buildFilters();
  for (const facet of facets) {
    const code = facet.names.map(String).indexOf(asked.get(facet.id));
    if (code >= 0) state.chosen[facet.id] = code;
  }
  state.text = $("by-text").value = asked.get("text") ?? "";
  for (const [id, by] of [["before", -1], ["after", 1]]) $(id).addEventListener("click", () => list(state.page + by));
  $("browser").hidden = false;
  refresh(asked.has("sample") ? Number(asked.get("sample")) : undefined);
}

start();
