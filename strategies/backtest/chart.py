"""The script of a backtest's page: the chart of price and fills, with zoom; the search of the blotter.

Invariant: it reads what stands in the page and nothing else, and writes text as text.
"""

__all__ = ["SCRIPT", "STYLE"]

STYLE = """
.chart { height: 320px; cursor: crosshair; touch-action: none; outline: none; }
.chart svg { height: 100%; }
.chart .middle { fill: none; stroke: var(--one); stroke-width: 1.2; }
.chart .grid { stroke: var(--line); } .chart text { fill: var(--muted); font-size: 11px; }
.chart .buy { fill: var(--buy); } .chart .sell { fill: var(--sell); }
.find { width: 100%; padding: 9px 12px; margin: 0 0 12px; border-radius: 8px; border: 1px solid var(--line);
  background: var(--card); color: var(--ink); font: inherit; }
.search .card { max-height: 420px; overflow: auto; }
"""

SCRIPT = """
"use strict";
const holder = document.createElement("div");
holder.innerHTML = "<svg></svg>";
const SPACE = holder.firstChild.namespaceURI;
function element(name, attributes, text) {
  const made = document.createElementNS(SPACE, name);
  for (const key in attributes) made.setAttribute(key, attributes[key]);
  if (text !== undefined) made.textContent = text;
  return made;
}
function steps(low, high, count) {
  const raw = (high - low) / count, size = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map(each => each * size).find(each => each >= raw);
  const places = Math.max(0, -Math.floor(Math.log10(step) + 1e-9)), found = [];
  for (let at = Math.ceil(low / step) * step; at <= high + step * 1e-6; at += step) found.push([at, at.toFixed(places)]);
  return found;
}
function chart(place, data) {
  const all = [...data.middle, ...data.buys, ...data.sells].map(each => each[0]);
  const width = 1080, height = 320, left = 70, foot = 24;
  const begin = all.reduce((a, b) => Math.min(a, b)), end = all.reduce((a, b) => Math.max(a, b));
  const spare = (end - begin) * 0.01 + 1e-6, least = begin - spare, most = end + spare;
  let low = least, high = most, from = null;
  const svg = element("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", preserveAspectRatio: "none" });
  place.append(svg);
  const inside = points => points.filter(each => each[0] >= low && each[0] <= high);
  function draw() {
    const first = data.middle.findIndex(each => each[0] >= low), line = data.middle.slice(Math.max(first - 1, 0));
    const last = line.findIndex(each => each[0] > high), path = last < 0 ? line : line.slice(0, last + 1);
    const buys = inside(data.buys), sells = inside(data.sells);
    const prices = [...path, ...buys, ...sells].map(each => each[1]);
    let bottom = Math.min(...prices), top = Math.max(...prices);
    const room = Math.max((top - bottom) * 0.08, Math.abs(top) * 1e-6); bottom -= room; top += room;
    const x = at => left + (at - low) / (high - low) * (width - left - 10);
    const y = price => (height - foot) - (price - bottom) / (top - bottom) * (height - foot - 8);
    svg.replaceChildren();
    for (const [at, words] of steps(bottom, top, 6)) {
      svg.append(element("line", { class: "grid", x1: left, x2: width, y1: y(at), y2: y(at) }));
      svg.append(element("text", { x: left - 6, y: y(at) + 4, "text-anchor": "end" }, words));
    }
    for (const [at, words] of steps(low, high, 8)) {
      svg.append(element("text", { x: x(at), y: height - 6, "text-anchor": "middle" }, words + " s"));
    }
    const bounded = element("svg", { x: left, y: 0, width: width - left, height: height - foot + 4,
      viewBox: `${left} 0 ${width - left} ${height - foot + 4}` });
    const way = path.map((each, at) => (at ? "H" + x(each[0]) + "V" : "M" + x(each[0]) + " ") + y(each[1])).join("");
    bounded.append(element("path", { class: "middle", d: way }));
    for (const [kind, marks, sign] of [["buy", buys, 1], ["sell", sells, -1]]) for (const each of marks) {
      const a = x(each[0]), b = y(each[1]);
      const mark = element("path", { class: kind, d: `M${a} ${b}l-5 ${9 * sign}h10z` });
      mark.append(element("title", {}, `${kind} ${each[2]} at ${each[1]}, ${each[0]} s, ${each[3] ? "maker" : "taker"}`));
      bounded.append(mark);
    }
    svg.append(bounded);
    place.dataset.span = high - low;
  }
  const at = event => {
    const box = svg.getBoundingClientRect(), share = (event.clientX - box.left) / box.width * width;
    return low + (share - left) / (width - left - 10) * (high - low);
  };
  function show(one, other) {
    const span = Math.min(Math.max(other - one, (most - least) * 1e-5), most - least);
    low = Math.min(Math.max(one, least), most - span); high = low + span; draw();
  }
  place.addEventListener("wheel", event => {
    event.preventDefault();
    const here = at(event), scale = event.deltaY > 0 ? 1.25 : 0.8;
    show(here - (here - low) * scale, here + (high - here) * scale);
  }, { passive: false });
  place.addEventListener("pointerdown", event => { from = at(event); place.setPointerCapture(event.pointerId); });
  place.addEventListener("pointermove", event => {
    if (from !== null) { const by = from - at(event); show(low + by, high + by); }
  });
  place.addEventListener("pointerup", () => { from = null; });
  place.addEventListener("dblclick", () => show(least, most));
  draw();
}
const held = document.getElementById("charts");
if (held) {
  const charts = JSON.parse(held.textContent);
  for (const place of document.querySelectorAll(".chart")) chart(place, charts[place.dataset.chart]);
}
for (const box of document.querySelectorAll(".find")) box.addEventListener("input", () => {
  const words = box.value.toLowerCase().split(/\\s+/).filter(Boolean);
  for (const row of document.querySelectorAll(".search tr")) {
    const text = row.textContent.toLowerCase();
    row.hidden = !!row.querySelector("td") && !words.every(word => text.includes(word));
  }
});
"""
