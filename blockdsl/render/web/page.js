"use strict";
const network = JSON.parse(document.getElementById("network").textContent);
const { boxes, arrows, outputs, spans, sources } = network;
const svg = document.getElementById("graph");
const tip = document.getElementById("tip");
const opened = new Set(network.open);
let selected = null;
let matches = [];
let at = { x: 0, y: 0, scale: 1 };
/** How the drawing is kept in the window: `fit` all of it, `start` at its top; null once it was moved. */
let kept = "start";

// --- small helpers

function make(name, attributes, parent, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const key in attributes) made.setAttribute(key, attributes[key]);
  if (text !== undefined) made.textContent = text;
  if (parent) parent.appendChild(made);
  return made;
}

const ruler = document.createElement("canvas").getContext("2d");
function width(text, font) {
  ruler.font = font + " Helvetica, Arial, sans-serif";
  return ruler.measureText(text).width;
}

function around(index) {
  const chain = [];
  for (let box = boxes[index].parent; box !== null; box = boxes[box].parent) chain.push(box);
  return chain;
}

/** The box that shows another one: the outermost closed block around it, or itself. */
function shownAs(index) {
  return around(index).reverse().find((box) => !opened.has(box)) ?? index;
}

// --- layout: dagre places what is visible, open blocks are its clusters

const STYLES = [["label", "9px"], ["above", "10px"], ["head", "bold 12px"], ["below", "10px"]];
const HEIGHTS = { label: 11, above: 12, head: 15, below: 12 };

function linesOf(words) {
  return STYLES.filter(([name]) => words[name]);
}

/** How large a box is that holds these words. */
function sizeOf(words) {
  const lines = linesOf(words);
  const widest = Math.max(...lines.map(([name, font]) => width(words[name], font)));
  return { width: widest + 24, height: lines.reduce((sum, [name]) => sum + HEIGHTS[name], 12) };
}

function layout() {
  const graph = new dagre.graphlib.Graph({ compound: true, multigraph: true });
  graph.setGraph({ rankdir: "TB", nodesep: 22, ranksep: 26, edgesep: 12, marginx: 12, marginy: 12 });
  boxes.forEach((box, index) => {
    if (shownAs(index) !== index) return;
    if (opened.has(index)) {
      graph.setNode(index, { open: true });
    } else {
      graph.setNode(index, sizeOf(box.block ? { ...box.words, head: "+ " + box.words.head } : box.words));
    }
    if (box.parent !== null) graph.setParent(index, box.parent);
  });
  for (const [from, to, shape, tensor, input] of arrows) {
    const [source, target] = [shownAs(from), shownAs(to)];
    if (source === target) continue;
    const label = { shape, width: width(shape, "9px") + 6, height: 11, labelpos: "c", training: boxes[to].training };
    // A node has an arrow for each of its inputs; a closed block one for each tensor it reads.
    graph.setEdge(source, target, label, boxes[target].block ? tensor : `${tensor} ${input}`);
  }
  outputs.forEach(([from, shape, name, training], number) => {
    const words = { label: name && !training ? "output" : "", head: name || "output", below: shape };
    graph.setNode("out" + number, { words, ...sizeOf(words) });
    graph.setEdge(shownAs(from), "out" + number, { shape: "", width: 0, height: 0, training });
  });
  dagre.layout(graph);
  return graph;
}

// --- drawing

function draw() {
  const graph = layout();
  svg.replaceChildren();
  const defs = make("defs", {}, svg);
  const head = make("marker", { id: "head", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" }, defs);
  make("path", { d: "M0,1 L8,4 L0,7 z" }, head);
  const world = make("g", { id: "world" }, svg);
  const depth = (name) => (boxes[name] ? around(Number(name)).length : 0);
  const names = graph.nodes().sort((a, b) => depth(a) - depth(b));
  const frames = names.filter((name) => graph.node(name).open);
  frames.reverse().forEach((name) => makeRoom(graph, name));
  frames.reverse().forEach((name) => drawFrame(world, Number(name), graph.node(name)));
  graph.edges().forEach((edge) => drawArrow(world, graph.edge(edge)));
  names.filter((name) => !graph.node(name).open).forEach((name) => drawBox(world, name, graph.node(name)));
  place();
  mark();
}

/** Raise the top of a frame by a line for its title, above the frames that begin inside at its top. */
function makeRoom(graph, name) {
  const frame = graph.node(name);
  const top = frame.y - frame.height / 2;
  const inner = graph.children(name).map((child) => graph.node(child)).filter((node) => node.open);
  const highest = Math.min(top, ...inner.map((node) => node.y - node.height / 2 - 4));
  const raised = top - highest + 13;
  frame.height += raised;
  frame.y -= raised / 2;
}

function drawFrame(world, index, { x, y, width: w, height: h }) {
  const box = boxes[index];
  const group = make("g", { class: "frame" + (box.choice ? " choice" : ""), "data-box": index }, world);
  make("rect", { x: x - w / 2, y: y - h / 2, width: w, height: h, rx: 8 }, group);
  make("text", { class: "title", x: x - w / 2 + 7, y: y - h / 2 + 13 }, group, "− " + box.words.head);
}

function drawBox(world, name, { x, y, width: w, height: h, words }) {
  const box = boxes[name];
  const group = make("g", { class: box && box.training ? "box training" : "box", transform: `translate(${x - w / 2},${y - h / 2})` }, world);
  if (box) group.setAttribute("data-box", name);
  const look = { width: w, height: h, rx: 8 };
  if (box) group.setAttribute("style", `--light: ${box.fill}; --dark: ${box.dark}; --edge: ${box.line}`);
  if (box && box.block && box.times > 1) make("rect", { ...look, x: 4, y: 4, class: "behind" }, group);
  make("rect", look, group);
  let top = 6;
  for (const [line] of linesOf(words || box.words)) {
    top += HEIGHTS[line];
    const text = (words || box.words)[line];
    make("text", { class: line === "above" || line === "below" ? "small" : line, x: w / 2, y: top - 3 }, group,
      line === "head" && box && box.block ? "+ " + text : text);
  }
}

function drawArrow(world, { points, x, y, shape, training }) {
  const group = make("g", { class: training ? "arrow training" : "arrow" }, world);
  let path = `M${points[0].x},${points[0].y}`;
  for (let i = 1; i < points.length - 1; i++) {
    const next = i < points.length - 2 ? { x: (points[i].x + points[i + 1].x) / 2, y: (points[i].y + points[i + 1].y) / 2 } : points[i + 1];
    path += ` Q${points[i].x},${points[i].y} ${next.x},${next.y}`;
  }
  make("path", { d: path, "marker-end": "url(#head)" }, group);
  if (shape) make("text", { class: "shape", x, y: y + 3 }, group, shape);
}

// --- pan and zoom

function place() {
  const world = document.getElementById("world");
  if (world) world.setAttribute("transform", `translate(${at.x},${at.y}) scale(${at.scale})`);
}

const MARGIN = 8;

/** Show the whole drawing, however small it becomes. */
function fit() {
  show((whole) => whole);
  kept = "fit";
}

/** Show the top of a drawing that would be too small to read, in its whole width. */
function start() {
  show((whole, across) => Math.max(whole, Math.min(0.8, across)));
  kept = "start";
}

function show(scaleOf) {
  const view = svg.getBoundingClientRect();
  const drawn = document.getElementById("world").getBBox();
  const across = (view.width - 2 * MARGIN) / drawn.width;
  const whole = Math.min(across, (view.height - 2 * MARGIN) / drawn.height);
  const scale = Math.min(1.4, scaleOf(whole, across));
  at = {
    x: (view.width - drawn.width * scale) / 2 - drawn.x * scale,
    y: Math.max(MARGIN, (view.height - drawn.height * scale) / 2) - drawn.y * scale,
    scale,
  };
  place();
}

/** Keep what was asked for when the window, or what is open, becomes another. */
function keep() {
  if (kept === "fit") fit();
  else if (kept === "start") start();
}

new ResizeObserver(() => { hideTip(); keep(); }).observe(svg);

svg.addEventListener("wheel", (event) => {
  event.preventDefault();
  const view = svg.getBoundingClientRect();
  zoom(event.clientX - view.left, event.clientY - view.top, Math.exp(-event.deltaY * 0.0015));
}, { passive: false });

/** Zoom around a point of the view, which moves to another one meanwhile where a hand does. */
function zoom(x, y, factor, to = { x, y }) {
  at = { x: to.x - (x - at.x) * factor, y: to.y - (y - at.y) * factor, scale: at.scale * factor };
  kept = null;
  hideTip();
  place();
}

let drag = null;
let moved = false;
const fingers = new Map();
svg.addEventListener("pointerdown", (event) => {
  fingers.set(event.pointerId, event);
  drag = { x: event.clientX - at.x, y: event.clientY - at.y };
  moved = false;
});
for (const end of ["pointerup", "pointercancel"]) {
  window.addEventListener(end, (event) => {
    fingers.delete(event.pointerId);
    const [left] = fingers.values();
    drag = left ? { x: left.clientX - at.x, y: left.clientY - at.y } : null;
    if (!left) svg.classList.remove("dragged");
  });
}
window.addEventListener("pointermove", (event) => {
  if (fingers.size === 2 && fingers.has(event.pointerId)) {
    pinch(event);
    return;
  }
  if (!drag || !fingers.has(event.pointerId)) return;
  fingers.set(event.pointerId, event);
  const next = { x: event.clientX - drag.x, y: event.clientY - drag.y };
  moved = moved || Math.abs(next.x - at.x) + Math.abs(next.y - at.y) > 3;
  if (!moved) return;
  svg.classList.add("dragged");
  at = { ...next, scale: at.scale };
  kept = null;
  hideTip();
  place();
});

/** Two fingers zoom and pan: each keeps what is under it. */
function pinch(event) {
  const [other] = [...fingers.values()].filter((finger) => finger.pointerId !== event.pointerId);
  const before = fingers.get(event.pointerId);
  const view = svg.getBoundingClientRect();
  const apart = (one) => Math.max(1, Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY));
  const between = (one) => (
    { x: (one.clientX + other.clientX) / 2 - view.left, y: (one.clientY + other.clientY) / 2 - view.top }
  );
  const { x, y } = between(before);
  zoom(x, y, apart(event) / apart(before), between(event));
  fingers.set(event.pointerId, event);
  drag = null;
  moved = true;
}

// --- opening, closing, selecting

function boxOf(event) {
  const group = event.target.closest("[data-box]");
  return group ? Number(group.dataset.box) : null;
}

/** Draw anew: all of it where all was asked for, or else with a box staying where it is on the screen. */
function redraw(index) {
  const where = () => document.querySelector(`[data-box="${index}"]`)?.getBoundingClientRect();
  const before = where();
  draw();
  if (kept === "fit") {
    fit();
    return;
  }
  const after = where();
  if (before && after) {
    at.x += before.left + before.width / 2 - after.left - after.width / 2;
    at.y += before.top - after.top;
    kept = null;
    place();
  }
}

svg.addEventListener("click", (event) => {
  const index = boxOf(event);
  if (moved) return;
  if (index === null) {
    hideTip();
    return;
  }
  select(index);
  if (boxes[index].block) {
    opened.has(index) ? opened.delete(index) : opened.add(index);
    redraw(index);
  }
  showTip(index);
});

function select(index) {
  selected = index;
  mark();
  const [here] = boxes[index].spans;
  document.querySelector(`.text [data-spans~="${here}"]`)?.scrollIntoView({ block: "center", behavior: "smooth" });
}

function mark() {
  const [here, ...calls] = selected === null ? [] : boxes[selected].spans;
  document.querySelectorAll("[data-spans]").forEach((piece) => {
    const covering = piece.dataset.spans.split(" ").map(Number);
    piece.classList.toggle("here", covering.includes(here));
    piece.classList.toggle("around", !covering.includes(here) && calls.some((call) => covering.includes(call)));
  });
  document.querySelectorAll("[data-box]").forEach((group) => {
    const index = Number(group.dataset.box);
    group.classList.toggle("selected", selected !== null && boxes[index].spans[0] === here);
    group.classList.toggle("match", matches.some((match) => shownAs(match) === index));
  });
}

// --- the source beside it

function showSources() {
  const aside = document.getElementById("sources");
  sources.forEach(({ name, text }, number) => {
    const title = aside.appendChild(document.createElement("h2"));
    title.textContent = name;
    const file = aside.appendChild(document.createElement("div"));
    file.className = "file";
    const lines = file.appendChild(document.createElement("pre"));
    lines.className = "lines";
    lines.textContent = text.split("\n").map((_, line) => line + 1).join("\n");
    const body = file.appendChild(document.createElement("pre"));
    body.className = "text";
    const own = spans.map((span, index) => ({ index, span })).filter(({ span }) => span[0] === number);
    // Offsets count characters as Python does, not the halves of UTF-16.
    const characters = Array.from(text);
    const cuts = new Set([0, characters.length]);
    own.forEach(({ span }) => { cuts.add(span[1]); cuts.add(span[2]); });
    const places = [...cuts].sort((a, b) => a - b);
    for (let i = 0; i + 1 < places.length; i++) {
      const piece = body.appendChild(document.createElement("span"));
      piece.textContent = characters.slice(places[i], places[i + 1]).join("");
      const covering = own.filter(({ span }) => span[1] <= places[i] && places[i + 1] <= span[2]);
      covering.sort((a, b) => a.span[2] - a.span[1] - (b.span[2] - b.span[1]));
      if (covering.length) piece.dataset.spans = covering.map(({ index }) => index).join(" ");
    }
  });
}

document.getElementById("sources").addEventListener("click", (event) => {
  const piece = event.target.closest("[data-spans]");
  if (!piece) return;
  for (const span of piece.dataset.spans.split(" ").map(Number)) {
    const index = boxes.findIndex((box) => box.spans[0] === span);
    if (index < 0) continue;
    reveal(index);
    return;
  }
});

/** Open what is around a box, select it, and bring it into sight. */
function reveal(index) {
  around(index).forEach((box) => opened.add(box));
  select(index);
  draw();
  const group = document.querySelector(`[data-box="${index}"]`).getBoundingClientRect();
  const view = svg.getBoundingClientRect();
  at.x += view.left + view.width / 2 - group.left - group.width / 2;
  at.y += view.top + view.height / 2 - group.top - Math.min(group.height, view.height) / 2;
  kept = null;
  hideTip();
  place();
}

// --- hover and search

function memory(bytes) {
  return bytes < 1e6 ? (bytes / 1e3).toFixed(1) + " kB" : (bytes / 1e6).toFixed(1) + " MB";
}

function lineOf([source, start]) {
  return Array.from(sources[source].text).slice(0, start).filter((c) => c === "\n").length + 1;
}

svg.addEventListener("pointermove", (event) => {
  if (event.pointerType !== "mouse" || drag !== null) return;
  const index = boxOf(event);
  if (index === null) hideTip();
  else showTip(index);
});
svg.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") hideTip(); });

function hideTip() {
  tip.hidden = true;
  tip.removeAttribute("data-about");
}

/** Tell the facts of a box: on a touch screen after a tap, with a mouse also while it is pointed at. */
function showTip(index) {
  const group = document.querySelector(`[data-box="${index}"]`);
  if (!group) {
    hideTip();
    return;
  }
  if (tip.dataset.about !== String(index)) tellFacts(boxes[index]);
  tip.dataset.about = index;
  tip.hidden = false;
  const view = svg.getBoundingClientRect();
  const box = group.querySelector("rect").getBoundingClientRect();
  const [left, top] = besides({
    left: Math.max(box.left, view.left), right: Math.min(box.right, view.right),
    top: Math.max(box.top, view.top), bottom: Math.min(box.bottom, view.bottom),
  }, tip.offsetWidth, tip.offsetHeight);
  tip.style.left = left + "px";
  tip.style.top = top + "px";
}

/** Where a tip of width w and height h fits in the window beside, under or over a box; else over the sources. */
function besides(box, w, h) {
  const gap = 8;
  const [across, down] = [window.innerWidth - w - gap, window.innerHeight - h - gap];
  const level = Math.max(gap, Math.min(box.top, down));
  const flush = Math.max(gap, Math.min(box.left, across));
  const places = [
    [box.right + gap, level], [box.left - gap - w, level], [flush, box.bottom + gap], [flush, box.top - gap - h],
  ];
  const free = places.find(([x, y]) => x >= gap && x <= across && y >= gap && y <= down);
  if (free) return free;
  const sources = document.getElementById("sources").getBoundingClientRect();
  return [Math.max(gap, Math.min(sources.left + gap, across)), Math.max(gap, down)];
}

function tellFacts(box) {
  const span = spans[box.spans[0]];
  const instances = box.instances > 1 ? ` (all ${box.instances})` : "";
  const rows = [
    ["output", box.shape], ["parameters" + instances, box.borrowed ? "those of " + box.borrowed : box.params.toLocaleString("en")],
    ["MACs" + instances, box.macs.toLocaleString("en")], ["memory" + instances, memory(box.memory)],
    ["receptive field", box.field], ["source", `${sources[span[0]].name}, line ${lineOf(span)}`],
  ];
  const title = document.createElement("b");
  title.textContent = box.name;
  const text = document.createElement("code");
  text.textContent = box.text;
  const table = document.createElement("table");
  for (const row of rows) {
    const line = table.insertRow();
    row.forEach((cell) => { line.insertCell().textContent = cell; });
  }
  tip.replaceChildren(title, document.createElement("br"), text, table);
}

const search = document.getElementById("search");
let turn = -1;
search.addEventListener("input", () => {
  const wanted = search.value.trim().toLowerCase();
  const says = (box) => [box.name, box.text, ...Object.values(box.words)].join(" ").toLowerCase();
  matches = wanted ? boxes.map((box, i) => (says(box).includes(wanted) ? i : -1)).filter((i) => i >= 0) : [];
  turn = -1;
  document.getElementById("found").textContent = wanted ? `${matches.length} found` : "";
  mark();
});
search.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && matches.length) reveal(matches[(turn = (turn + 1) % matches.length)]);
});
window.addEventListener("keydown", (event) => {
  if (event.key === "/" && document.activeElement !== search) { event.preventDefault(); search.focus(); }
});

/** Open or close everything, and show it anew. */
function openOnly(indices) {
  opened.clear();
  indices.forEach((index) => opened.add(index));
  hideTip();
  draw();
  if (kept === "fit") fit();
  else start();
}

document.getElementById("open-all").onclick = () => openOnly([...boxes.keys()].filter((index) => boxes[index].block));
document.getElementById("close-all").onclick = () => openOnly([]);
document.getElementById("fit").onclick = () => { hideTip(); fit(); };
document.getElementById("notes").textContent = network.notes.join("; ");
document.getElementById("divider").addEventListener("pointerdown", () => {
  const aside = document.getElementById("sources");
  const stacked = getComputedStyle(document.querySelector("main")).flexDirection === "column";
  const resize = (event) => {
    if (stacked) aside.style.flex = `0 0 ${Math.max(0, window.innerHeight - event.clientY)}px`;
    else Object.assign(aside.style, { flex: "", width: window.innerWidth - event.clientX + "px" });
  };
  window.addEventListener("pointermove", resize);
  window.addEventListener("pointerup", () => window.removeEventListener("pointermove", resize), { once: true });
});

showSources();
draw();
start();
