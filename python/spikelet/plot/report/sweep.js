// Results of a sweep against its parameters: pick a result, a parameter for the axis, and one for the colours.
"use strict";

report.kinds.sweep = async (spec, target) => {
  const controls = target.closest("figure").querySelector(".controls");
  const pick = (title, names, first) => {
    const label = document.createElement("label"), select = document.createElement("select");
    select.name = title;
    for (const name of names) select.add(new Option(name, name));
    select.value = first ?? names[0];
    select.addEventListener("change", () => draw());
    label.append(title, select);
    controls.append(label);
    return select;
  };
  const parameters = Object.keys(spec.parameters), results = Object.keys(spec.results);
  const y = pick("result", results), x = pick("against", parameters);
  const by = pick("colours by", ["(none)", ...parameters], parameters[1]);
  const numeric = (values) => values.every((v) => v === null || typeof v === "number");
  const draw = async () => {
    const across = spec.parameters[x.value], found = spec.results[y.value];
    const groups = new Map();
    found.forEach((value, k) => {
      if (value === null) return;
      const group = by.value === "(none)" ? "" : String(spec.parameters[by.value][k]);
      if (!groups.has(group)) groups.set(group, []);
      groups.get(group).push([across[k], value]);
    });
    const data = [];
    [...groups].forEach(([name, points], k) => {
      const color = spec.colors[k % spec.colors.length];
      const means = new Map();
      for (const [at, value] of points) means.set(at, [...(means.get(at) ?? []), value]);
      const order = [...means.keys()].sort((a, b) => (numeric(across) ? a - b : 0));
      const own = { name: name === "" ? y.value : `${by.value} = ${name}`, legendgroup: name };
      data.push({ ...own, type: "scatter", mode: "markers", x: points.map((p) => p[0]), y: points.map((p) => p[1]), marker: { color, size: 6, opacity: 0.55 }, showlegend: false });
      data.push({ ...own, type: "scatter", mode: "lines", x: order, y: order.map((at) => means.get(at).reduce((a, b) => a + b, 0) / means.get(at).length), line: { color, width: 2 }, hovertemplate: "mean %{y:.6g}<extra>%{fullData.name}</extra>" });
    });
    const layout = {
      height: 440, showlegend: groups.size > 1, margin: { l: 72, r: 16, t: groups.size > 1 ? 60 : 32, b: 48 },
      xaxis: { title: { text: x.value }, type: numeric(across) ? "linear" : "category" }, yaxis: { title: { text: y.value } },
    };
    if (report.drawn.includes(target)) await Plotly.react(target, data, report.layout(layout));
    else await report.draw(target, data, layout);
  };
  await draw();
};
