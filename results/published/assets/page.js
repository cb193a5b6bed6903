"use strict";
// The page is whole without this. It sorts tables, filters the findings, and draws curves whose points name their runs.
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const make = (tag, parent, properties = {}) => parent.appendChild(Object.assign(document.createElement(tag), properties));
const text = (row, column) => row.cells[column].textContent;

function sortable(table) {
  const heads = all("th", table), body = table.tBodies[0];
  const value = (row, column) => parseFloat(text(row, column).replaceAll(",", ""));
  heads.forEach((head, column) => {
    head.className = "sorts";
    head.tabIndex = 0;
    head.onclick = () => {
      const sign = head.ariaSort === "ascending" ? -1 : 1, rows = [...body.rows];
      const numeric = rows.every(row => ["", "–"].includes(text(row, column)) || !isNaN(value(row, column)));
      rows.sort((a, b) => sign * (numeric ? (isNaN(value(a, column)) - isNaN(value(b, column)) || value(a, column) - value(b, column))
        : text(a, column).localeCompare(text(b, column))));
      heads.forEach(other => other.removeAttribute("aria-sort"));
      head.ariaSort = sign > 0 ? "ascending" : "descending";
      body.append(...rows);
    };
    head.onkeydown = event => { if (event.key === "Enter") head.onclick(); };
  });
}

function filterable(table) {
  const heads = all("th", table).map(head => head.textContent), rows = [...table.tBodies[0].rows];
  const form = make("form", table.closest("section"), {className: "filter"}), fields = {};
  table.closest("figure").before(form);
  for (const name of ["kind", "paper", "size", "verdict", "framework", "study"]) {
    const column = heads.indexOf(name), values = new Set(rows.flatMap(row => text(row, column).split(", ")));
    const select = fields[name] = make("select", make("label", form, {textContent: name}), {name});
    select.add(new Option("all", ""));
    [...values].filter(Boolean).sort().forEach(value => select.add(new Option(value)));
  }
  const words = make("input", make("label", form, {textContent: "text"}), {type: "search", name: "text"});
  make("button", form, {type: "reset", textContent: "all"});
  const shown = make("output", form, {name: "shown"});
  const apply = () => {
    const wanted = Object.entries(fields).filter(([, select]) => select.value);
    const searched = words.value.toLowerCase().split(" ").filter(Boolean);
    let count = 0;
    for (const row of rows) {
      const found = wanted.every(([name, select]) => text(row, heads.indexOf(name)).split(", ").includes(select.value))
        && (!searched.length || searched.every(word => row.textContent.toLowerCase().includes(word)));
      row.hidden = !found;
      count += found;
    }
    shown.textContent = `${count} of ${rows.length} findings`;
  };
  form.oninput = apply;
  form.onsubmit = event => event.preventDefault();
  form.onreset = () => setTimeout(apply);
  const choose = query => {
    const chosen = new URLSearchParams(query);
    Object.entries(fields).forEach(([name, select]) => { select.value = chosen.get(name) ?? ""; });
    words.value = "";
    apply();
  };
  all("a[data-chosen]").forEach(link => link.addEventListener("click", () => choose(link.dataset.chosen)));
  choose(location.search);
}

const MEASURES = {test_accuracy: "test accuracy (%)", train_accuracy: "training accuracy (%)",
  train_loss: "training loss (nats)", fit: "epochs to fit"};
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#888888", "#8c564b", "#9467bd", "#bcbd22"];

function overEpochs(lines, measure, examples) {
  return lines.flatMap(([line, runs], place) => runs.map(run => RUNS[run]).filter(run => run[measure]?.length).map(run => (
    {line, place, points: run.epoch.map((epoch, at) => [epoch * run.n / examples, run[measure][at], run])})));
}

function overCorruption(lines, measure) {
  const last = run => measure === "fit" ? run.fit : run[measure].at(-1);
  return lines.flatMap(([line, runs], place) => {
    const bySeed = Map.groupBy(runs.map(run => RUNS[run]), run => run.of);
    return [...bySeed.values()].map(seed => ({line, place, points: seed.map(run => [run.at, last(run), run]).sort((a, b) => a[0] - b[0])}));
  });
}

function chart(figure) {
  const data = JSON.parse(figure.dataset.chart), bar = make("form", figure, {className: "filter"});
  const choice = (name, entries) => {
    const select = make("select", make("label", bar, {textContent: name}), {name});
    entries.forEach(([value, label]) => select.add(new Option(label, value)));
    return select;
  };
  make("figcaption", figure, {textContent: figure.getAttribute("aria-label")});
  figure.prepend(figure.lastChild);
  const views = Object.keys(data).filter(view => Object.keys(data[view]).length);
  const panel = choice("network", Object.keys(data.epochs).map(name => [name, name]));
  const view = choice("over", views.map(name => [name, name]));
  const measure = choice("measure", Object.entries(MEASURES));
  const box = make("div", figure), tip = make("div", figure, {className: "tip"}), keys = make("div", figure, {className: "keys"});
  let plot;
  const draw = () => {
    const corruption = view.value === "corruption", lines = Object.entries(data[view.value][panel.value] ?? {});
    measure.options[3].hidden = !corruption;
    if (!corruption && measure.value === "fit") measure.value = "test_accuracy";
    const examples = Math.max(...lines.flatMap(([, runs]) => runs.map(run => RUNS[run].n)));
    const curves = (corruption ? overCorruption : overEpochs)(lines, measure.value, examples);
    const x = [...new Set(curves.flatMap(curve => curve.points.map(point => point[0])))].sort((a, b) => a - b);
    const at = curves.map(curve => new Map(curve.points.map(point => [point[0], point])));
    const css = getComputedStyle(document.body), axis = {stroke: css.color, grid: {stroke: css.getPropertyValue("--line"), width: 1}};
    const colour = curve => COLOURS[curve.place % COLOURS.length];
    keys.replaceChildren();
    lines.forEach(([line], place) => make("span", keys, {textContent: line}).prepend(
      Object.assign(document.createElement("i"), {style: `background:${COLOURS[place % COLOURS.length]}`})));
    box.replaceChildren();
    tip.textContent = "Point at a curve: its run is named here; a click opens the run's record. Dashed: Keras.";
    let near = null;
    const name = plot => {
      const place = plot.cursor.idxs?.[focused], point = focused && place != null ? at[focused - 1].get(x[place]) : null;
      if (point) {
        near = point[2];
        tip.textContent = `${curves[focused - 1].line}: ${point[1]} at ${point[0]}${corruption ? " %" : ""}; ${near.of}; ${near.id}`;
      }
    };
    let focused = null;
    plot = new uPlot({
      width: box.clientWidth, height: 320, legend: {show: false}, scales: {x: {time: false}}, focus: {alpha: .25},
      cursor: {focus: {prox: 30}, points: {size: 7}, drag: {setScale: false}},
      axes: [{...axis, label: corruption ? "corrupted labels (%)" : `epochs of ${examples.toLocaleString("en")} examples`}, {...axis, label: measure.selectedOptions[0].text, size: 55}],
      series: [{}, ...curves.map(curve => ({stroke: colour(curve), width: 1.25, spanGaps: true, points: {show: corruption, size: 6},
        dash: curve.points[0]?.[2].of.startsWith("Keras") ? [5, 4] : []}))],
      hooks: {setSeries: [(plot, place) => { focused = place; name(plot); }], setCursor: [name]},
    }, [x, ...at.map(points => x.map(value => points.get(value)?.[1] ?? null))], box);
    plot.over.onclick = () => { if (near) window.open(`runs/${near.id}/run.json`); };
  };
  bar.onchange = draw;
  draw();
  new ResizeObserver(() => plot.setSize({width: box.clientWidth, height: 320})).observe(box);
}

all("table").forEach(table => { if (!table.classList.contains("matrix")) sortable(table); });
all("table.findings").forEach(filterable);
addEventListener("hashchange", () => document.getElementById(location.hash.slice(1))?.closest("details")?.setAttribute("open", ""));
addEventListener("DOMContentLoaded", () => {  // once the chart library is there
  if (!window.uPlot) return;
  const seen = new IntersectionObserver(entries => entries.filter(entry => entry.isIntersecting).forEach(entry => {
    seen.unobserve(entry.target);
    chart(entry.target);
  }), {rootMargin: "300px"});
  all("figure.chart").forEach(figure => seen.observe(figure));
});
