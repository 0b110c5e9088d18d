#include "spikelet/layers/graph.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "spikelet/layers/graded.hpp"

namespace spikelet::layers {
namespace {

constexpr std::size_t longest = std::size_t{1} << 31;  // of an axis
constexpr double most = 0x1p40;                        // values of a node, with margins

struct Checker {
  const Graph& graph;
  const Node& node;

  [[noreturn]] void refuse(const std::string& what) const {
    throw std::invalid_argument("node " + std::to_string(graph.size()) + ": " + what);
  }
  void require(bool holds, const char* what) const {
    if (!holds) {
      refuse(what);
    }
  }

  const Extent& from(std::size_t k = 0) const { return graph[node.inputs[k]].shape; }

  void extent(const Extent& e) const {
    for (const std::size_t n : {e.channels, e.height, e.width}) {
      require(n > 0 && n < longest, "sizes must be at least 1 and less than 2^31");
    }
    require(static_cast<double>(e.channels) * static_cast<double>(e.height) *
                    static_cast<double>(e.width) <=
                most,
            "must have at most 2^40 values");
  }

  // One value, one for each channel, or (where allowed) one for each neuron.
  void values(const std::vector<double>& given, bool each_neuron, const char* what) const {
    values(given.size(), each_neuron, what);
  }
  void values(std::size_t n, bool each_neuron, const char* what) const {
    require(n == 1 || n == node.shape.channels || (each_neuron && n == node.shape.size()), what);
  }

  void windows(const Windows& w, std::size_t in, std::size_t out, bool divided) const {
    require(w.step > 0 && w.step < longest, "steps of windows must lie in 1 .. 2^31 - 1");
    require(w.begin.size() == out && w.end.size() == out && (!divided || w.divisor.size() == out),
            "must have one window for each row and column");
    for (std::size_t k = 0; k < out; ++k) {
      require(w.begin[k] < w.end[k] && w.end[k] <= in, "windows must lie within the input");
    }
  }

  void same_shape() const {
    for (std::size_t k = 0; k < node.inputs.size(); ++k) {
      require(from(k) == node.shape, "must have the shape of its inputs");
    }
  }

  // What Input and Neuron have in common: the code of their spikes.
  template <class Sender>
  void sender(const Sender& s) const {
    values(s.amplitude, false, "amplitude must be one value, or one for each channel");
    require(s.levels > 0 && s.levels <= 30, "levels must lie in 1 .. 30");
    require(s.level_ratio > 0 && s.level_ratio < 1, "level_ratio must lie between 0 and 1");
    require(s.is_signed || (!s.differential && s.levels == 1),
            "only signed spikes may have levels or be differential");
  }

  void operator()(const Input& input) const { sender(input); }

  void operator()(const Conv& c) const {
    const Extent &in = from(), &out = node.shape;
    require(c.groups > 0 && in.channels % c.groups == 0 && out.channels % c.groups == 0,
            "groups must divide the channels of the input and of the output");
    double places = static_cast<double>(in.channels + 16);
    const auto axis = [&](std::size_t kernel, std::size_t stride, std::size_t dilation,
                          std::size_t before, std::size_t size) {
      require(kernel > 0 && stride > 0 && dilation > 0,
              "kernel, stride and dilation must be at least 1");
      require(std::max({kernel, stride, dilation, before}) < longest,
              "kernel, stride, dilation and padding must be less than 2^31");
      places *= static_cast<double>(size) * static_cast<double>(stride) +
                static_cast<double>(kernel) * static_cast<double>(dilation) +
                static_cast<double>(before);
    };
    const std::size_t in_depth = c.in_depth, out_depth = c.out_depth;
    require(c.kernel_depth > 0 && in_depth > 0 && out_depth > 0 &&
                c.kernel_height % c.kernel_depth == 0 && in.height % in_depth == 0 &&
                out.height % out_depth == 0,
            "depths must divide the rows of kernel, input and output");
    axis(c.kernel_depth, c.stride_z, c.dilation_z, c.front, out_depth);
    axis(c.kernel_height / c.kernel_depth, c.stride_y, c.dilation_y, c.top, out.height / out_depth);
    axis(c.kernel_width, c.stride_x, c.dilation_x, c.left, out.width);
    require(places <= most, "an image with its margins must have at most 2^40 values");
    std::size_t left = c.weights.size();
    for (const std::size_t n :
         {out.channels, in.channels / c.groups, c.kernel_height, c.kernel_width}) {
      require(left % n == 0, "weights must be [out, in / groups, kernel height, kernel width]");
      left /= n;
    }
    require(left == 1, "weights must be [out, in / groups, kernel height, kernel width]");
    require(c.bias.empty() || c.bias.size() == out.channels,
            "bias must be empty or have a value for each channel");
    require(c.uses.empty() || c.uses.size() == in.size(),
            "uses must be empty or have a number for each input");
  }

  void operator()(const Delayed& d) const {
    const std::size_t in = from().size();
    addressable();
    require(node.shape.height == 1 && node.shape.width == 1, "must give a vector");
    require(static_cast<double>(in) * static_cast<double>(node.shape.channels) <= most &&
                d.weights.size() == in * node.shape.channels && d.delays.size() == d.weights.size(),
            "must have a weight and a delay for each output and input");
    require(std::ranges::all_of(d.delays, [](std::uint32_t k) { return k < longest; }),
            "delays must be less than 2^31");
    require(d.bias.empty() || d.bias.size() == node.shape.channels,
            "bias must be empty or have a value for each output");
  }

  template <class Pool>
  void pool(const Pool& p, bool divided) const {
    require(from().channels == node.shape.channels, "must have the channels of its input");
    windows(p.rows, from().height, node.shape.height, divided);
    windows(p.columns, from().width, node.shape.width, divided);
  }
  void operator()(const AveragePool& p) const { pool(p, true); }
  void operator()(const MaxPool& p) const { pool(p, false); }

  void operator()(const Add&) const { same_shape(); }

  void operator()(const Concat&) const {
    std::size_t channels = 0;
    for (std::size_t k = 0; k < node.inputs.size(); ++k) {
      require(from(k).height == node.shape.height && from(k).width == node.shape.width,
              "must have the height and width of its inputs");
      channels += from(k).channels;
    }
    require(channels == node.shape.channels, "must have the channels of all its inputs");
  }

  void operator()(const Upsample& u) const {
    require(u.y > 0 && u.x > 0 && u.y < longest && u.x < longest &&
                node.shape == Extent{from().channels, from().height * u.y, from().width * u.x},
            "must have the shape of its input times the factors");
  }

  void operator()(const Affine& a) const {
    same_shape();
    const auto fits = [&](std::size_t n) {
      return n == node.shape.channels || n == node.shape.size();
    };
    require(fits(a.scale.size()) && (a.shift.empty() || fits(a.shift.size())),
            "scale and shift must have a value for each channel, or for each value");
  }

  void operator()(const Relu& r) const {
    same_shape();
    require(r.levels >= 0, "levels must be at least 0");
    if (!r.upper.empty()) {
      values(r.upper, false, "upper must be empty, one value, or one for each channel");
    }
  }

  void operator()(const Neuron& n) const {
    same_shape();
    const char* each = "threshold and v_init must be one value, or one for each channel or neuron";
    if (!n.dynamics || !n.threshold.empty()) {
      values(n.threshold, true, each);
    }
    values(n.v_init, true, each);
    if (n.dynamics) {
      dynamics(n, *n.dynamics);
    }
    sender(n);
    require(n.pace.size() == n.limit.size() && n.pace.size() % node.shape.channels == 0,
            "pace and limit must have values for each step and channel");
    require(n.ceiling.empty() || n.ceiling.size() == n.pace.size(),
            "ceiling must be empty or have the size of pace");
    require(n.pace.empty() || !n.differential, "predictive neurons must not be differential");
    require(!n.pace.empty() || n.level_ratio == 0.5,
            "level_ratio must be 0.5 unless neurons are predictive");
    require(n.offset.size() == (n.is_signed ? n.pace.size() : 0),
            "offset must have the size of pace for pairs, else be empty");
    if (n.activation) {
      require(n.is_signed && !n.pace.empty() && n.ceiling.empty(),
              "neurons with an activation must be pairs, and have a pace and no ceiling");
      values(n.scale, false, "scale must be one value, or one for each channel");
      (*this)(*n.activation);
    }
  }

  void dynamics(const Neuron& n, const Dynamics& d) const {
    using enum Dynamics::Parameter;
    require(n.pace.empty() && !n.is_signed, "neurons with dynamics must be binary, without a pace");
    for (int p = 0; p < parameters; ++p) {
      if (!d.values[p].empty()) {
        values(d.values[p], true,
               "coefficients must be one value, or one for each channel or neuron");
      }
    }
    const auto has = [&](Dynamics::Parameter p) { return !d.values[p].empty(); };
    require(has(decay) && has(gain) && has(drive) && has(v_reset),
            "dynamics must have decay, gain, drive and v_reset");
    require(has(syn_decay) == has(syn_gain) && (has(syn_decay) || !has(pull)),
            "a synapse must have syn_decay and syn_gain, and only a synapse may have pull");
    require(has(adapt_decay) == has(boost), "an adaptation must have adapt_decay and boost");
    require(!d.later || (d.reset == Dynamics::Reset::subtract && !has(boost)),
            "only a reset by subtraction, without an adaptation, may come later");
  }

  void operator()(const Delay& d) const {
    values(d.steps.size(), true, "steps must be one number, or one for each channel or value");
    require(std::ranges::all_of(d.steps, [](std::uint32_t k) { return k < longest; }),
            "delays must be less than 2^31");
  }

  // Places are stored in 32 bits, with channels rounded up to a multiple of 16.
  void addressable(const Extent& e) const {
    require(static_cast<double>(e.channels + 15) * static_cast<double>(e.height) *
                    static_cast<double>(e.width) <
                0x1p31,
            "values that are moved must be less than 2^31");
  }
  void addressable() const {
    addressable(node.shape);
    for (std::size_t k = 0; k < node.inputs.size(); ++k) {
      addressable(from(k));
    }
  }

  void operator()(const Gather& g) const {
    addressable();
    std::size_t total = 0;
    for (std::size_t k = 0; k < node.inputs.size(); ++k) {
      total += from(k).size();
    }
    require(total < longest, "values that are moved must be less than 2^31");
    require(g.index.size() == node.shape.size(), "must have an index for each value");
    require(std::ranges::all_of(
                g.index, [&](std::int32_t k) { return k < static_cast<std::int64_t>(total); }),
            "indices must lie within the inputs");
  }

  void operator()(const Mix& m) const {
    addressable();
    const std::size_t pixels = node.shape.height * node.shape.width;
    require(from().channels == node.shape.channels, "must have the channels of its input");
    require(m.begin.size() == pixels + 1 && m.begin.front() == 0 &&
                m.begin.back() == m.from.size() && m.from.size() == m.weight.size() &&
                std::ranges::is_sorted(m.begin),
            "must have a range of terms for each pixel");
    const std::size_t inputs = from().height * from().width;
    require(std::ranges::all_of(m.from, [&](std::uint32_t k) { return k < inputs; }),
            "terms must lie within the input");
  }

  void operator()(const Constant& c) const {
    require(c.values.size() == node.shape.size(), "must have all its values");
  }

  void operator()(const Activation& a) const {
    same_shape();
    for (const auto& given : {a.alpha, a.beta}) {
      require(given.empty() || given.size() == 1 || given.size() == node.shape.channels,
              "parameters must be empty, one value, or one for each channel");
    }
    require(a.alpha.empty() == !uses_alpha(a.function) && a.beta.empty() == !uses_beta(a.function),
            "must have the parameters of its function, and no others");
  }

  void operator()(const Binary& b) const {
    addressable();
    for (std::size_t k = 0; k < 2; ++k) {
      const auto& places = b.places[k];
      require(places.empty() ? from(k) == node.shape : places.size() == node.shape.size(),
              "must have a place in each input for each value");
      require(std::ranges::all_of(places, [&](std::uint32_t p) { return p < from(k).size(); }),
              "places must lie within the inputs");
    }
  }

  void operator()(const MatMul& m) const {
    addressable();
    for (const std::size_t n : {m.rows, m.inner, m.columns}) {
      require(n > 0 && n < longest, "sizes must be at least 1 and less than 2^31");
    }
    const auto matrices = [&](const Extent& e, std::size_t rows, std::size_t columns) {
      require(e.size() % rows == 0 && e.size() / rows % columns == 0,
              "inputs and output must consist of matrices");
      return e.size() / rows / columns;
    };
    const std::size_t a = matrices(from(0), m.rows, m.inner);
    const std::size_t b = matrices(from(1), m.inner, m.columns);
    require(m.first.size() == matrices(node.shape, m.rows, m.columns) &&
                m.second.size() == m.first.size(),
            "must have two matrices for each product");
    require(std::ranges::all_of(m.first, [&](std::uint32_t k) { return k < a; }) &&
                std::ranges::all_of(m.second, [&](std::uint32_t k) { return k < b; }),
            "matrices must lie within the inputs");
  }

  // [outer][n][inner] of the input.
  void axis(const Axis& a) const {
    addressable();
    for (const std::size_t n : {a.outer, a.n, a.inner}) {
      require(n > 0 && n < longest, "sizes must be at least 1 and less than 2^31");
    }
    const std::size_t size = from().size();
    require(size % a.outer == 0 && size / a.outer % a.n == 0 && size / a.outer / a.n == a.inner,
            "the axis must be one of the input");
  }
  void operator()(const Softmax& s) const {
    same_shape();
    axis(s.axis);
  }
  void operator()(const Normalise& n) const {
    same_shape();
    axis(n.axis);
    require(n.eps >= 0, "eps must be at least 0");
  }
  void operator()(const LocalResponse& l) const {
    same_shape();
    axis(l.axis);
    require(l.size > 0 && l.size < longest, "size must lie in 1 .. 2^31 - 1");
  }
  void operator()(const Reduce& r) const {
    axis(r.axis);
    require(node.shape.size() == r.axis.outer * r.axis.inner, "must have a value for each sum");
  }

  void operator()(const Foreign& f) const {
    require(static_cast<bool>(f.function), "must have a function");
  }
};

// Number of inputs, or 0 for one or more.
std::size_t inputs_of(const Node& node) {
  const auto is = [&]<class... Kinds>() {
    return (std::holds_alternative<Kinds>(node.kind) || ...);
  };
  if (is.template operator()<Add, Concat, Gather, Foreign>()) {
    return 0;
  }
  return is.template operator()<Binary, MatMul>() ? 2 : 1;
}

}  // namespace

void check(const Graph& graph, const Node& node) {
  const Checker checker{graph, node};
  const bool input = std::holds_alternative<Input>(node.kind);
  checker.require(!graph.empty() || input, "the first node must be an input");
  checker.require(!input || graph.empty() || std::holds_alternative<Input>(graph.back().kind),
                  "inputs must come before all other nodes");
  checker.extent(node.shape);
  const bool open = std::holds_alternative<Delay>(node.kind) && node.inputs.empty();
  const bool none = input || open || std::holds_alternative<Constant>(node.kind);
  const std::size_t n = node.inputs.size(), wanted = inputs_of(node);
  checker.require(none ? n == 0 : (wanted == 0 ? n > 0 : n == wanted),
                  "must have as many inputs as its kind takes");
  checker.require(std::ranges::all_of(node.inputs, [&](auto k) { return k < graph.size(); }),
                  "inputs must be earlier nodes");
  std::visit(checker, node.kind);
}

void check(const Graph& graph) {
  if (graph.empty()) {
    throw std::invalid_argument("a graph must have at least one node");
  }
  Graph so_far;
  for (const Node& node : graph) {
    Node& open = so_far.emplace_back(node);
    if (std::holds_alternative<Delay>(node.kind)) {
      open.inputs.clear();
    }
    const Node last = std::move(open);
    so_far.pop_back();
    check(so_far, last);
    so_far.push_back(last);
  }
  for (std::size_t i = 0; i < graph.size(); ++i) {
    const auto* delay = std::get_if<Delay>(&graph[i].kind);
    if (delay == nullptr) {
      continue;
    }
    const auto& inputs = graph[i].inputs;
    if (inputs.size() != 1 || inputs[0] >= graph.size() ||
        graph[inputs[0]].shape != graph[i].shape) {
      throw std::invalid_argument("a delay must have one input, of its own shape");
    }
    if (inputs[0] >= i && std::ranges::min(delay->steps) == 0) {
      throw std::invalid_argument("a delay of a later node must be at least one step");
    }
  }
}

std::vector<std::pair<std::size_t, std::size_t>> loops_of(const Graph& graph) {
  std::vector<std::pair<std::size_t, std::size_t>> loops;
  for (std::size_t i = 0; i < graph.size(); ++i) {
    if (!std::holds_alternative<Delay>(graph[i].kind) || graph[i].inputs[0] < i) {
      continue;
    }
    const std::size_t end = graph[i].inputs[0] + 1;
    if (loops.empty() || i >= loops.back().second) {
      loops.emplace_back(i, end);
    } else {
      loops.back().second = std::max(loops.back().second, end);
    }
  }
  return loops;
}

}  // namespace spikelet::layers
