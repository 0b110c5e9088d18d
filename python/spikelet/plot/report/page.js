// What all reports share: data, plotly.js, colours that follow the scheme, tables that sort.
"use strict";

const report = { kinds: {}, drawn: [] };

report.bytes = async (id) => {
  const text = atob(document.getElementById(id).textContent.trim());
  const packed = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) packed[i] = text.charCodeAt(i);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
};

report.library = async () => {
  const script = document.createElement("script");
  script.textContent = new TextDecoder().decode(await report.bytes("plotly"));
  document.head.append(script);
};

report.theme = () => {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(name).trim();
  const axis = { gridcolor: of("--line"), linecolor: of("--soft"), zerolinecolor: of("--line"), tickcolor: of("--soft") };
  return { ink: of("--ink"), paper: of("--paper"), soft: of("--soft"), line: of("--line"), card: of("--card"), axis };
};

report.layout = (own) => {
  const theme = report.theme();
  const layout = {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: theme.ink, size: 12 },
    margin: { l: 64, r: 16, t: own.title ? 36 : 32, b: 44 }, hovermode: "closest", showlegend: false,
    hoverlabel: { bgcolor: theme.card, bordercolor: theme.soft, font: { color: theme.ink } },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: theme.soft, activecolor: theme.ink },
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 }, ...own,
  };
  for (const name of ["xaxis", "yaxis"]) layout[name] = { automargin: true, ...theme.axis, ...own[name] };
  return layout;
};

report.draw = async (target, data, own, config = {}) => {
  const options = {
    responsive: true, displaylogo: false, displayModeBar: true,
    modeBarButtons: [["toImage"], ["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]], ...config,
  };
  await Plotly.newPlot(target, data, report.layout(own), options);
  report.drawn.push(target);
};

report.recolor = () => {
  const theme = report.theme();
  for (const target of report.drawn) {
    const change = { "font.color": theme.ink, "modebar.color": theme.soft, "modebar.activecolor": theme.ink, "hoverlabel.bgcolor": theme.card, "hoverlabel.font.color": theme.ink };
    for (const axis of ["xaxis", "yaxis"])
      for (const [name, value] of Object.entries(theme.axis)) change[`${axis}.${name}`] = value;
    Plotly.relayout(target, change);
  }
};

report.kinds.plot = (spec, target) => report.draw(target, spec.data, spec.layout);

report.sortable = (table) => {
  const rows = [...table.tBodies[0].rows];
  const value = (row, k) => {
    const text = row.cells[k].dataset.value ?? row.cells[k].textContent;
    return text.trim() === "" || isNaN(Number(text)) ? text : Number(text);
  };
  [...table.tHead.rows[0].cells].forEach((head, k) => {
    const button = document.createElement("button");
    button.textContent = head.textContent;
    button.title = "sort";
    head.replaceChildren(button);
    let up = false;
    button.addEventListener("click", () => {
      up = !up;
      const order = [...rows].sort((a, b) => {
        const [x, y] = [value(a, k), value(b, k)];
        const way = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y));
        return up ? way : -way;
      });
      table.tBodies[0].replaceChildren(...order);
    });
  });
};

report.start = async () => {
  document.querySelectorAll("table.sortable").forEach(report.sortable);
  const specs = JSON.parse(document.getElementById("figures").textContent);
  if (specs.length) await report.library();
  for (const spec of specs) {
    const target = document.getElementById(spec.id);
    try {
      await report.kinds[spec.kind](spec, target);
      target.closest("figure").querySelector("picture")?.remove();
    } catch (error) {
      const note = document.createElement("p");
      note.className = "note";
      note.textContent = `This figure could not be drawn: ${error.message}`;
      target.closest("figure").append(note); // the plot itself may be hidden until it is drawn
    }
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", report.recolor);
  document.documentElement.dataset.ready = performance.now().toFixed(0); // ms since navigation starts
};
addEventListener("DOMContentLoaded", report.start);
