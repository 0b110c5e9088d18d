#include "spikelet/layers/graded.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "layers/kernels.hpp"

namespace spikelet::layers {

bool uses_alpha(Function function) {
  switch (function) {
    case Function::celu:
    case Function::clip:
    case Function::elu:
    case Function::hardshrink:
    case Function::hardsigmoid:
    case Function::hardswish:
    case Function::leaky_relu:
    case Function::pow:
    case Function::selu:
    case Function::silu:
    case Function::softplus:
    case Function::softshrink:
    case Function::threshold:
      return true;
    default:
      return false;
  }
}

bool uses_beta(Function function) {
  switch (function) {
    case Function::clip:
    case Function::hardsigmoid:
    case Function::hardswish:
    case Function::selu:
    case Function::softplus:
    case Function::threshold:
      return true;
    default:
      return false;
  }
}

template <class R>
void activate(Function function, const R* alpha, const R* beta, const R* x, R* y,
              std::size_t pixels, std::size_t pixel, std::size_t channels) {
  layer_kernels<R>().activate(function, alpha, beta, x, y, pixels, pixel, channels);
}

namespace {

// Calls f(first, lane) for each run along an axis: element k is at first + k * inner.
template <class F>
void each_run(const Axis& axis, F&& f) {
  for (std::size_t o = 0; o < axis.outer; ++o) {
    for (std::size_t i = 0; i < axis.inner; ++i) {
      f(o * axis.n * axis.inner + i, o * axis.inner + i);
    }
  }
}

}  // namespace

template <class R>
void softmax(const Softmax& what, const R* x, R* y) {
  const std::size_t n = what.axis.n, step = what.axis.inner;
  each_run(what.axis, [&](std::size_t first, std::size_t) {
    const R* from = x + first;
    R* to = y + first;
    R most = from[0];
    for (std::size_t k = 1; k < n; ++k) {
      most = std::max(most, from[k * step]);
    }
    double sum = 0;
    for (std::size_t k = 0; k < n; ++k) {
      const R power = std::exp(from[k * step] - most);
      sum += static_cast<double>(power);
      to[k * step] = what.logarithm ? from[k * step] - most : power;
    }
    if (what.logarithm) {
      const R less = static_cast<R>(std::log(sum));
      for (std::size_t k = 0; k < n; ++k) {
        to[k * step] -= less;
      }
    } else {
      const R divisor = static_cast<R>(sum);
      for (std::size_t k = 0; k < n; ++k) {
        to[k * step] /= divisor;
      }
    }
  });
}

template <class R>
void normalise(const Normalise& what, const R* x, R* y) {
  const std::size_t n = what.axis.n, step = what.axis.inner;
  const auto count = static_cast<double>(n);
  each_run(what.axis, [&](std::size_t first, std::size_t) {
    const R* from = x + first;
    double mean = 0;
    for (std::size_t k = 0; what.centred && k < n; ++k) {
      mean += static_cast<double>(from[k * step]);
    }
    mean /= count;
    double squares = 0;
    for (std::size_t k = 0; k < n; ++k) {
      const double d = static_cast<double>(from[k * step]) - mean;
      squares += d * d;
    }
    const double scale = 1 / std::sqrt(squares / count + what.eps);
    for (std::size_t k = 0; k < n; ++k) {
      y[first + k * step] = static_cast<R>((static_cast<double>(from[k * step]) - mean) * scale);
    }
  });
}

template <class R>
void local_response(const LocalResponse& what, const R* x, R* y) {
  const std::size_t n = what.axis.n, step = what.axis.inner;
  const std::size_t before = what.size / 2, after = (what.size - 1) / 2;
  const double alpha = what.alpha / static_cast<double>(what.size);
  each_run(what.axis, [&](std::size_t first, std::size_t) {
    for (std::size_t k = 0; k < n; ++k) {
      double squares = 0;
      for (std::size_t j = k - std::min(k, before); j < std::min(n, k + after + 1); ++j) {
        const double v = static_cast<double>(x[first + j * step]);
        squares += v * v;
      }
      y[first + k * step] = static_cast<R>(static_cast<double>(x[first + k * step]) /
                                           std::pow(what.k + alpha * squares, what.beta));
    }
  });
}

template <class R>
void reduce(const Reduce& what, const R* x, R* y) {
  using Kind = Reduce::Kind;
  const std::size_t n = what.axis.n, step = what.axis.inner;
  // Starts from the first value.
  const auto fold = [&](auto value, auto join, auto finish) {
    each_run(what.axis, [&](std::size_t first, std::size_t out) {
      double all = value(static_cast<double>(x[first]));
      for (std::size_t k = 1; k < n; ++k) {
        all = join(all, value(static_cast<double>(x[first + k * step])));
      }
      y[out] = static_cast<R>(finish(all));
    });
  };
  const auto same = [](double v) { return v; };
  const auto sum = [](double a, double b) { return a + b; };
  switch (what.kind) {
    case Kind::mean:
      return fold(same, sum, [n](double v) { return v / static_cast<double>(n); });
    case Kind::sum:
      return fold(same, sum, same);
    case Kind::max:
      return fold(same, [](double a, double b) { return b > a ? b : a; }, same);
    case Kind::min:
      return fold(same, [](double a, double b) { return b < a ? b : a; }, same);
    case Kind::prod:
      return fold(same, [](double a, double b) { return a * b; }, same);
    case Kind::l1:
      return fold([](double v) { return std::abs(v); }, sum, same);
    case Kind::l2:
      return fold([](double v) { return v * v; }, sum, [](double v) { return std::sqrt(v); });
  }
}

std::uint64_t products_of(const Graph& graph, std::size_t node) {
  const Node& what = graph.at(node);
  const std::uint64_t size = what.shape.size();
  const auto count = [&]<class Kind>(const Kind& kind) -> std::uint64_t {
    if constexpr (std::is_same_v<Kind, Mix>) {
      return kind.from.size() * what.shape.channels;
    } else if constexpr (std::is_same_v<Kind, Activation> || std::is_same_v<Kind, Binary>) {
      return size;
    } else if constexpr (std::is_same_v<Kind, Neuron>) {
      return kind.activation ? size : 0;
    } else if constexpr (std::is_same_v<Kind, MatMul>) {
      return size * kind.inner;
    } else if constexpr (std::is_same_v<Kind, Softmax> || std::is_same_v<Kind, Normalise>) {
      return 2 * size;  // a power and a division; a square and a scale
    } else if constexpr (std::is_same_v<Kind, LocalResponse>) {
      return 3 * size;  // a square, a power and a division
    } else if constexpr (std::is_same_v<Kind, Reduce>) {
      const bool products = kind.kind == Reduce::Kind::prod || kind.kind == Reduce::Kind::l2;
      return products ? size * kind.axis.n : 0;
    } else {
      return 0;
    }
  };
  return std::visit(count, what.kind);
}

#define SPIKELET_GRADED(R)                                                                     \
  template void activate(Function, const R*, const R*, const R*, R*, std::size_t, std::size_t, \
                         std::size_t);                                                         \
  template void softmax(const Softmax&, const R*, R*);                                         \
  template void normalise(const Normalise&, const R*, R*);                                     \
  template void local_response(const LocalResponse&, const R*, R*);                            \
  template void reduce(const Reduce&, const R*, R*);
SPIKELET_GRADED(float)
SPIKELET_GRADED(double)
#undef SPIKELET_GRADED

}  // namespace spikelet::layers
