"use strict";

const figures = JSON.parse(document.getElementById("figures").textContent);
const charts = [...document.querySelectorAll(".chart")];
const PRINTED = { "--ink": "#1f2933", "--quiet": "#5b6672", "--line": "#dde3e9", "--card": "#ffffff" };

/* The page's colours; those of paper while it is printed. */
function colours(printed) {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => (printed ? PRINTED[name] : style.getPropertyValue(name).trim());
  const axis = { gridcolor: of("--line"), zerolinecolor: of("--line"), linecolor: of("--line") };
  const flat = {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", "font.color": of("--ink"), "font.size": 12,
    "modebar.bgcolor": "rgba(0,0,0,0)", "modebar.color": of("--quiet"), "modebar.activecolor": of("--ink"),
    "hoverlabel.bgcolor": of("--card"), "hoverlabel.bordercolor": of("--line"), "hoverlabel.font.color": of("--ink"),
  };
  for (const which of ["xaxis", "yaxis"])
    for (const [name, value] of Object.entries(axis)) flat[`${which}.${name}`] = value;
  return flat;
}

const settings = { responsive: true, displaylogo: false, displayModeBar: "hover", modeBarButtons: [["toImage", "resetScale2d"]] };
const drawn = charts.map((chart) => {
  const figure = figures[Number(chart.dataset.figure)];
  return Plotly.newPlot(chart, figure.data, figure.layout, settings).then(() => Plotly.relayout(chart, colours(false)));
});

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const chart of charts) Plotly.relayout(chart, colours(false));
});
addEventListener("beforeprint", () => {
  for (const chart of charts) Plotly.relayout(chart, { ...colours(true), width: 660 });
});
addEventListener("afterprint", () => {
  for (const chart of charts) Plotly.relayout(chart, { ...colours(false), width: null, autosize: true });
});

/* A network that is pointed at in one chart gets a ring in all of them. */
const ring = { x: [], y: [], mode: "markers", hoverinfo: "skip", showlegend: false, cliponaxis: false,
  marker: { symbol: "circle-open", size: 17, color: "#d11a6b", line: { width: 2.5 } } };
function mark(number) {
  for (const chart of linked) {
    const last = chart.data.length - 1;
    const at = chart.data.find((trace, i) => i < last && (trace.customdata || []).includes(number));
    const place = at ? at.customdata.indexOf(number) : -1;
    Plotly.restyle(chart, { x: [at ? [at.x[place]] : []], y: [at ? [at.y[place]] : []] }, [last]);
  }
}
const linked = charts.filter((chart) => (chart.closest("#front, #progress")));
Promise.all(drawn).then(() => Promise.all(linked.map((chart) => Plotly.addTraces(chart, ring)))).then(() => {
  for (const chart of linked) {
    chart.on("plotly_hover", (event) => mark(event.points[0].customdata));
    chart.on("plotly_unhover", () => mark(null));
  }
  document.body.dataset.drawn = charts.length;
});

for (const button of document.querySelectorAll(".copy"))
  button.addEventListener("click", async () => {
    const text = button.nextElementSibling;
    try {
      await navigator.clipboard.writeText(text.textContent);
      button.textContent = "Copied";
    } catch {
      // Some browsers give a page from a file no clipboard: it is selected, ready for Ctrl-C.
      getSelection().selectAllChildren(text);
      button.textContent = "Ctrl-C";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });

const large = document.getElementById("large");
for (const picture of document.querySelectorAll(".picture"))
  picture.addEventListener("click", () => {
    large.firstElementChild.src = picture.firstElementChild.src;
    large.showModal();
  });
large.addEventListener("click", () => large.close());
