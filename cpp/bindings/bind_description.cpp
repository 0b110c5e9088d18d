#include <pybind11/stl.h>

#include <utility>
#include <variant>

#include "array.hpp"
#include "describe.hpp"
#include "enums.hpp"

namespace spikelet::layers {
namespace {

namespace py = pybind11;

py::tuple shape_of(const Extent& e) { return py::make_tuple(e.channels, e.height, e.width); }

py::array_t<double> array_of(std::vector<double> values, std::vector<py::ssize_t> shape = {}) {
  return to_array(std::move(values), std::move(shape));
}

py::array_t<double> array_of(const Weights& values, std::vector<py::ssize_t> shape = {}) {
  return array_of(std::vector<double>(values.begin(), values.end()), std::move(shape));
}

py::dict conv_of(const Conv& c, const Extent& in, const Extent& out) {
  py::dict d;
  const auto n = [](std::size_t size) { return static_cast<py::ssize_t>(size); };
  d["weight"] = array_of(c.weights, {n(out.channels), n(in.channels / c.groups), n(c.kernel_height),
                                     n(c.kernel_width)});
  d["bias"] = array_of(c.bias);
  d["stride"] = py::make_tuple(c.stride_y, c.stride_x);
  d["dilation"] = py::make_tuple(c.dilation_y, c.dilation_x);
  d["padding"] = py::make_tuple(c.top, c.left);
  d["groups"] = c.groups;
  // Of volumes, whose rows are (z, y).
  d["kernel_depth"] = c.kernel_depth;
  d["stride_z"] = c.stride_z;
  d["dilation_z"] = c.dilation_z;
  d["front"] = c.front;
  d["in_depth"] = c.in_depth;
  d["out_depth"] = c.out_depth;
  d["in"] = shape_of(in);
  d["out"] = shape_of(out);
  return d;
}

py::dict part_of(const PartDescription& p) {
  py::dict d;
  switch (p.kind) {
    case PartDescription::Kind::copy:
      d["kind"] = "copy";
      d["weight"] = array_of(p.conv.weights);
      break;
    case PartDescription::Kind::events:
      d = conv_of(p.conv, p.in, p.out);
      d["kind"] = "events";
      d["walked"] = p.walked;
      break;
    case PartDescription::Kind::values:
      if (!p.conv.weights.empty()) {
        d = conv_of(p.conv, p.in, p.out);
      }
      d["kind"] = "values";
      break;
  }
  d["source"] = p.source;
  return d;
}

py::list parts_of(const std::vector<PartDescription>& parts) {
  py::list all;
  for (const PartDescription& p : parts) {
    all.append(part_of(p));
  }
  return all;
}

py::dict windows_of(const Windows& w) {
  py::dict d;
  d["begin"] = w.begin;
  d["end"] = w.end;
  d["divisor"] = w.divisor;
  d["step"] = w.step;
  return d;
}

struct Kinds {
  const Graph& graph;
  const Node& node;
  py::dict d{};

  void named(const char* kind) { d["kind"] = kind; }

  void operator()(const Input& i) {
    named("input");
    d["form"] = i.form;
  }
  void operator()(const Conv& c) {
    d = conv_of(c, graph[node.inputs[0]].shape, node.shape);
    named("conv");
  }
  void operator()(const Delayed& l) {
    named("delayed");
    d["weights"] = array_of(std::vector<double>(l.weights.begin(), l.weights.end()));
    d["delays"] = to_array(std::vector(l.delays));
    d["bias"] = array_of(l.bias);
  }
  template <class Pool>
  void pool(const char* kind, const Pool& p) {
    named(kind);
    d["rows"] = windows_of(p.rows);
    d["columns"] = windows_of(p.columns);
  }
  void operator()(const Delay& l) {
    named("delay");
    d["steps"] = to_array(std::vector(l.steps));
  }
  void operator()(const AveragePool& p) { pool("average", p); }
  void operator()(const MaxPool& p) {
    pool("maximum", p);
    d["of_counts"] = p.of_counts;
  }
  void operator()(const Add&) { named("add"); }
  void operator()(const Concat&) { named("concat"); }
  void operator()(const Upsample& u) {
    named("upsample");
    d["factor"] = py::make_tuple(u.y, u.x);
  }
  void operator()(const Affine& a) {
    named("affine");
    d["scale"] = array_of(a.scale);
    d["shift"] = array_of(a.shift);
  }
  void operator()(const Relu& r) {
    named("relu");
    d["upper"] = array_of(r.upper);
    d["levels"] = r.levels;
  }
  void operator()(const Gather& g) {
    named("gather");
    d["index"] = to_array(std::vector(g.index));
  }
  void operator()(const Mix& m) {
    named("mix");
    d["begin"] = to_array(std::vector(m.begin));
    d["from"] = to_array(std::vector(m.from));
    d["weight"] = array_of(m.weight);
  }
  void operator()(const Constant& c) {
    named("constant");
    d["values"] = array_of(c.values);
  }
  void operator()(const Activation& a) {
    named("activation");
    d["function"] = a.function;
    d["alpha"] = array_of(a.alpha);
    d["beta"] = array_of(a.beta);
  }
  void operator()(const Binary& b) {
    named("binary");
    d["function"] = b.kind;
    d["first"] = to_array(std::vector(b.places[0]));
    d["second"] = to_array(std::vector(b.places[1]));
  }
  void operator()(const MatMul& m) {
    named("matmul");
    d["sizes"] = py::make_tuple(m.rows, m.inner, m.columns);
    d["first"] = to_array(std::vector(m.first));
    d["second"] = to_array(std::vector(m.second));
  }
  void along(const char* kind, const Axis& axis) {
    named(kind);
    d["axis"] = py::make_tuple(axis.outer, axis.n, axis.inner);
  }
  void operator()(const Softmax& s) {
    along("softmax", s.axis);
    d["logarithm"] = s.logarithm;
  }
  void operator()(const Normalise& n) {
    along("normalize", n.axis);
    d["centered"] = n.centred;
    d["eps"] = n.eps;
  }
  void operator()(const LocalResponse& r) {
    along("local_response", r.axis);
    d["size"] = r.size;
    d["alpha"] = r.alpha;
    d["beta"] = r.beta;
    d["k"] = r.k;
  }
  void operator()(const Reduce& r) {
    along("reduce", r.axis);
    d["function"] = r.kind;
  }
  void operator()(const Foreign&) { named("foreign"); }
  void operator()(const Neuron& n) {
    named("neuron");
    d["hard"] = n.hard;
    d["later"] = n.dynamics && n.dynamics->later;
    d["strict"] = n.dynamics && n.dynamics->strict;
    d["v_reset"] = n.v_reset;
    d["decay"] = n.decay;
    d["gain"] = n.gain;
    d["is_signed"] = n.is_signed;
    d["levels"] = n.levels;
    d["predictive"] = !n.pace.empty();
    d["reset"] = py::none();
    if (n.dynamics) {
      d["reset"] = n.dynamics->reset;
    }
    d["activation"] = py::none();
    if (n.activation) {
      d["activation"] = n.activation->function;
    }
  }
};

}  // namespace

py::list described(const Graph& graph, const std::vector<NodeDescription>& nodes) {
  constexpr const char* forms[] = {"constant", "sequence", "spikes", "current"};
  py::list all;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const NodeDescription& n = nodes[i];
    Kinds kinds{graph, graph[i]};
    std::visit(kinds, graph[i].kind);
    py::dict d;
    d["kind"] = kinds.d["kind"];
    d["about"] = kinds.d;
    d["inputs"] = graph[i].inputs;
    d["shape"] = shape_of(graph[i].shape);
    d["form"] = forms[static_cast<std::size_t>(n.form)];
    d["planes"] = n.planes;
    d["gains"] = array_of(n.gains);
    d["differential"] = n.differential;
    d["amplitude"] = array_of(n.amplitude);
    d["mean"] = n.mean;
    d["steps"] = n.steps;
    d["summed"] = n.summed;
    d["whole"] = n.whole;
    d["parts"] = parts_of(n.parts);
    d["constants"] = n.constants;
    d["folded"] = parts_of(n.folded);
    d["bias"] = array_of(n.bias);
    d["scale"] = array_of(n.scale);
    d["threshold"] = array_of(n.threshold);
    d["v_init"] = array_of(n.v_init);
    py::list dynamics;
    for (const std::vector<double>& values : n.dynamics) {
      dynamics.append(array_of(values));
    }
    d["dynamics"] = dynamics;
    d["pace"] = array_of(n.pace);
    d["limit"] = array_of(n.limit);
    d["ceiling"] = array_of(n.ceiling);
    d["offset"] = array_of(n.offset);
    d["per_value"] = array_of(n.per_value);
    d["alpha"] = array_of(n.alpha);
    d["beta"] = array_of(n.beta);
    all.append(d);
  }
  return all;
}

}  // namespace spikelet::layers
