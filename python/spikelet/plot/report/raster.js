// A raster of spikes with rates below it: zoom, hover and pick populations.
"use strict";

// Spikes come as ascending keys, step * rows + row, of which the differences are stored, 7 bits a byte.
report.unpack = (bytes, count, rows) => {
  const steps = new Float64Array(count), row = new Float32Array(count);
  let key = 0;
  for (let i = 0, at = 0; i < count; i++) {
    let delta = 0, scale = 1, byte;
    do {
      byte = bytes[at++];
      delta += (byte & 127) * scale;
      scale *= 128;
    } while (byte > 127);
    key += delta;
    const step = Math.floor(key / rows);
    steps[i] = step;
    row[i] = key - step * rows;
  }
  return { steps, row };
};

report.round = (x) => {
  const power = 10 ** Math.floor(Math.log10(x));
  return power * [1, 2, 5, 10].find((m) => m * power >= x * 0.9999);
};

report.kinds.raster = async (spec, target) => {
  const gl = document.createElement("canvas").getContext("webgl");
  if (!gl) throw new Error("the browser has no WebGL");
  const dt = spec.dt, start = spec.start, length = spec.stop - spec.start;
  const number = (x, digits) => x.toLocaleString("en", { maximumFractionDigits: digits }).replaceAll(",", "\u202f");
  const populations = [];
  for (const given of spec.populations) {
    const { steps, row } = report.unpack(await report.bytes(given.data), given.spikes, given.rows);
    const times = new Float64Array(steps.length), y = new Float32Array(steps.length), counts = new Uint32Array(given.rows);
    for (let i = 0; i < steps.length; i++) {
      times[i] = start + steps[i] * dt;
      y[i] = given.top + row[i];
      counts[row[i]]++;
    }
    const [from, to] = [given.start, given.stop].map((t) => Math.round((t - start) / dt)); // observed [steps]
    populations.push({ ...given, from, to, steps, row, times, y, counts, shown: true });
  }
  const total = populations.reduce((n, p) => n + p.spikes, 0), height = populations.reduce((n, p) => n + p.rows, 0);
  const id = (p, row) => (p.elements ? p.elements[row] : row);

  const figure = target.closest("figure");
  const [below, table, readout] = ["rates", "view", "neuron"].map((name) => figure.querySelector(`.${name}`));
  const controls = figure.querySelector(".controls");
  const size = Math.max(1.6, Math.min(5, 900 / Math.sqrt(total + 1) ** 1.2));
  const data = populations.map((p) => ({
    type: "scattergl", mode: "markers", name: p.name, x: p.times, y: p.y, hoverinfo: "none",
    marker: { size, color: p.color, line: { width: 0 } },
  }));
  // The position in time, and rows: the first population is on top.
  const view = { x: [start, start + length], y: [height - 0.5, -0.5] };
  const home = { x: [...view.x], y: [...view.y] };

  const ticks = () => {
    const [low, high] = [Math.min(...view.y), Math.max(...view.y)];
    const values = [], texts = [];
    for (const p of populations) {
      const first = Math.max(low, p.top), last = Math.min(high, p.top + p.rows - 1);
      if (last < first) continue;
      const share = (last - first) / (high - low);
      const some = Math.floor(share * 12);
      if (p.rows < 2 || some < 2 || high - low >= height) {
        values.push((first + last) / 2);
        texts.push(p.name);
        continue;
      }
      const step = Math.max(1, report.round((last - first) / some));
      for (let row = Math.ceil((first - p.top) / step) * step; row + p.top <= last; row += step) {
        values.push(p.top + row);
        texts.push(`${p.name} ${id(p, row)}`);
      }
    }
    return { "yaxis.tickvals": values, "yaxis.ticktext": texts };
  };

  const margin = { l: 96, r: 16, t: 32, b: 28 };
  await report.draw(target, data, {
    height: 460, margin, dragmode: "zoom", hoverdistance: 12,
    xaxis: { range: view.x, showgrid: false, zeroline: false, automargin: false },
    yaxis: { range: view.y, showgrid: false, zeroline: false, automargin: false, tickvals: [], ticktext: [] },
  });
  await report.draw(below, [], {
    height: 180, margin: { ...margin, t: 8, b: 44 },
    xaxis: { range: view.x, title: { text: "time (ms)" }, automargin: false },
    yaxis: { title: { text: "rate (Hz)" }, rangemode: "tozero", automargin: false },
  }, { displayModeBar: false });

  // What is in view, counted from the spikes themselves.
  const count = () => {
    const first = Math.round((view.x[0] - start) / dt), last = Math.round((view.x[1] - start) / dt);
    const width = Math.max(1, Math.round(report.round(Math.max(last - first, 1) * dt / 150) / dt));
    const bins = Math.max(1, Math.floor((last - first) / width));
    const [low, high] = [Math.min(...view.y), Math.max(...view.y)];
    const lines = [], cells = [];
    for (const p of populations) {
      if (!p.shown) continue;
      const least = Math.max(0, Math.ceil(low - p.top)), most = Math.min(p.rows - 1, Math.floor(high - p.top));
      const rows = Math.max(0, most - least + 1), sums = new Float64Array(bins);
      let spikes = 0;
      for (let i = 0; i < p.steps.length; i++) {
        const step = p.steps[i];
        if ((step <= first && first > 0) || step > last || p.row[i] < least || p.row[i] > most) continue;
        spikes++;
        const bin = Math.max(0, Math.ceil((step - first) / width) - 1);
        if (bin < bins) sums[bin]++;
      }
      // How long the population was observed, of what is between two steps.
      const seconds = (low, high) => Math.max(0, Math.min(high, p.to) - Math.max(low, p.from)) * dt / 1000;
      const all = seconds(first, last);
      cells.push([p.name, number(rows), number(spikes), all ? (rows ? spikes / rows / all : 0).toFixed(2) : ""]);
      if (!rows) continue;
      const x = Array.from({ length: bins + 1 }, (_, k) => start + (first + k * width) * dt); // edges
      const rates = Array.from(sums, (n, k) => {
        const part = seconds(first + k * width, first + (k + 1) * width);
        return part ? n / rows / part : null;
      });
      const y = x.map((_, k) => rates[k] ?? rates[k - 1] ?? null); // up to the right edge of the last bin
      lines.push({
        type: "scatter", mode: "lines", name: p.name, x, y,
        line: { color: p.color, width: 1.2, shape: "hv" }, hovertemplate: `${p.name}: %{y:.1f} Hz at %{x} ms<extra></extra>`,
      });
    }
    Plotly.react(below, lines, { ...below.layout, xaxis: { ...below.layout.xaxis, range: [...view.x], autorange: false } });
    table.tBodies[0].replaceChildren(...cells.map((texts) => {
      const row = document.createElement("tr");
      for (const text of texts) row.append(Object.assign(document.createElement("td"), { textContent: text }));
      return row;
    }));
    const span = figure.querySelector(".span");
    span.textContent = `In view: ${number(view.x[0], 2)} to ${number(view.x[1], 2)} ms; bins of ${number(width * dt, 3)} ms`;
  };

  let busy = false;
  const moved = async (change, from) => {
    if (busy) return;
    if (change["xaxis.autorange"] || change["yaxis.autorange"]) {
      view.x = [...home.x];
      view.y = [...home.y];
    }
    if ("xaxis.range[0]" in change) {
      view.x = [Math.max(start, change["xaxis.range[0]"]), Math.min(start + length, change["xaxis.range[1]"])];
    }
    if (from === target && "yaxis.range[0]" in change) view.y = [change["yaxis.range[0]"], change["yaxis.range[1]"]];
    if (!Object.keys(change).some((name) => /axis\.(range|autorange)/.test(name))) return;
    busy = true;
    await Plotly.relayout(target, { "xaxis.range": [...view.x], "yaxis.range": [...view.y], ...ticks() });
    count();
    busy = false;
  };
  target.on("plotly_relayout", (change) => moved(change, target));
  below.on("plotly_relayout", (change) => {
    const own = Object.fromEntries(Object.entries(change).filter(([name]) => name.startsWith("xaxis")));
    moved(own, below);
  });

  target.on("plotly_hover", (event) => {
    const point = event.points[0], p = populations[point.curveNumber], row = p.row[point.pointNumber];
    const spikes = p.counts[row], rate = spikes / ((p.stop - p.start) / 1000);
    readout.textContent = `${p.name} ${id(p, row)} at ${number(point.x, 4)} ms; ${number(spikes)} spikes in all, ${rate.toFixed(2)} Hz`;
    const line = { type: "line", xref: "paper", x0: 0, x1: 1, y0: point.y, y1: point.y, line: { color: p.color, width: 1 }, opacity: 0.6 };
    Plotly.relayout(target, { shapes: [line] });
  });

  populations.forEach((p, k) => {
    const label = document.createElement("label"), box = document.createElement("input"), dot = document.createElement("i");
    Object.assign(box, { type: "checkbox", checked: true, name: p.name });
    dot.style.background = p.color;
    label.append(box, dot, `${p.name}`);
    box.addEventListener("change", async () => {
      p.shown = box.checked;
      await Plotly.restyle(target, { visible: p.shown }, [k]);
      count();
    });
    controls.append(label);
  });
  figure.querySelector(".interactive").hidden = false;
  Plotly.Plots.resize(target);
  Plotly.Plots.resize(below);
  await Plotly.relayout(target, ticks());
  count();
};
