// Movements, weights between pixels, and graded units of one sample.
#include <algorithm>
#include <cmath>

#include "layers/movement.hpp"
#include "layers/sample_run.hpp"
#include "spikelet/layers/graded.hpp"

namespace spikelet::layers {
namespace {

constexpr double least_count = 0.5;  // of sizes, for a running mean

template <class R>
void mix(const Mix& what, const Layout& to, const R* in, R* out) {
  const std::size_t pixels = to.height * to.width;
  for (std::size_t p = 0; p < pixels; ++p) {
    R* at = out + p * to.pixel;
    std::fill_n(at, to.pixel, R{});
    for (std::size_t j = what.begin[p]; j < what.begin[p + 1]; ++j) {
      const R* from = in + what.from[j] * to.pixel;
      const R weight = static_cast<R>(what.weight[j]);
      for (std::size_t c = 0; c < to.pixel; ++c) {
        at[c] += weight * from[c];
      }
    }
  }
}

template <class R>
void combine(Binary::Kind kind, const NodePlan<R>& node, const R* a, const R* b, R* out) {
  const Layout& l = node.layout;
  const std::uint32_t* first = node.places[0].empty() ? nullptr : node.places[0].data();
  const std::uint32_t* second = node.places[1].empty() ? nullptr : node.places[1].data();
  const auto each = [&](auto f) {
    for (std::size_t k = 0; k < l.size(); k += l.pixel) {
      for (std::size_t j = k; j < k + l.channels; ++j) {
        out[j] = f(a[first == nullptr ? j : first[j]], b[second == nullptr ? j : second[j]]);
      }
    }
  };
  switch (kind) {
    case Binary::Kind::multiply:
      return each([](R x, R y) { return x * y; });
    case Binary::Kind::divide:
      return each([](R x, R y) { return x / y; });
    case Binary::Kind::maximum:
      return each([](R x, R y) { return y > x ? y : x; });
    case Binary::Kind::minimum:
      return each([](R x, R y) { return y < x ? y : x; });
  }
}

}  // namespace

// The product of two matrices is a convolution of kernel size 1: rows of the first are pixels, and
// the second holds the weights of 16 outputs at a time.
template <class R>
void SampleRun<R>::multiply(const MatMul& what, const R* a, const R* b, R* out) {
  const std::size_t blocks = round_up(what.columns, 16) / 16, wide = 16 * blocks;
  Buffer<R> weights(blocks * what.inner * 16), rows(what.rows * wide);
  for (std::size_t k = 0; k < what.first.size(); ++k) {
    const R* second = b + what.second[k] * what.inner * what.columns;
    for (std::size_t block = 0; block < blocks; ++block) {
      for (std::size_t i = 0; i < what.inner; ++i) {
        const std::size_t first = 16 * block;
        std::copy_n(second + i * what.columns + first,
                    std::min<std::size_t>(16, what.columns - first),
                    weights.data() + (block * what.inner + i) * 16);
      }
    }
    const R* pixels = a + what.first[k] * what.rows * what.inner;
    DenseRow<R> row{nullptr, pixels,   what.rows * what.inner, what.inner, what.inner, 1, 1, 1, 1,
                    1,       what.rows};
    for (std::size_t block = 0; block < blocks; ++block) {
      row.weights = weights.data() + block * what.inner * 16;
      kernels_.dense(row, rows.data() + 16 * block, wide);
    }
    for (std::size_t r = 0; r < what.rows; ++r) {
      std::copy_n(rows.data() + r * wide, what.columns, out + (k * what.rows + r) * what.columns);
    }
  }
}

// Nodes that are computed in the plain order.
template <class R>
void SampleRun<R>::evaluate(std::size_t i, std::span<const R* const> inputs, R* out) {
  const Node& node = plan_.graph[i];
  const NodePlan<R>& plan = plan_.nodes[i];
  const Layout& to = plan.layout;
  std::visit(
      Overloaded{[&](const Gather&) { move_values<R>(plan.moves, inputs, out, to.size()); },
                 [&](const Mix& what) { mix(what, to, inputs[0], out); },
                 [&](const Constant&) { std::ranges::copy(plan.alpha, out); },
                 [&](const Activation& what) {
                   activate(what.function, plan.alpha.data(), plan.beta.data(), inputs[0], out,
                            to.height * to.width, to.pixel, to.channels);
                 },
                 [&](const Binary& what) { combine(what.kind, plan, inputs[0], inputs[1], out); },
                 [&](const auto&) { evaluate_plain(i, inputs, out); }},
      node.kind);
}

template <class R>
void SampleRun<R>::evaluate_plain(std::size_t i, std::span<const R* const> inputs, R* out) {
  const Node& node = plan_.graph[i];
  const Layout& to = plan_.nodes[i].layout;
  std::vector<Buffer<R>> given;
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    const Layout& from = plan_.nodes[node.inputs[k]].layout;
    to_plain(from, inputs[k], given.emplace_back(plan_.graph[node.inputs[k]].shape.size()).data());
  }
  Buffer<R> result(node.shape.size());
  std::visit(
      Overloaded{
          [&](const MatMul& what) {
            multiply(what, given[0].data(), given[1].data(), result.data());
          },
          [&](const Softmax& what) { softmax(what, given[0].data(), result.data()); },
          [&](const Normalise& what) { normalise(what, given[0].data(), result.data()); },
          [&](const LocalResponse& what) { local_response(what, given[0].data(), result.data()); },
          [&](const Reduce& what) { reduce(what, given[0].data(), result.data()); },
          [&](const Foreign& what) {
            std::vector<std::vector<double>> arrays;
            for (const Buffer<R>& values : given) {
              arrays.emplace_back(values.begin(), values.end());
            }
            std::vector<double> answer(result.size());
            what.function(arrays, answer);
            std::ranges::transform(answer, result.begin(),
                                   [](double v) { return static_cast<R>(v); });
          },
          [](const auto&) {}},
      node.kind);
  to_stored(to, result.data(), out);
}

// y(t) = (t + 1) Y(t) - t Y(t - 1), where Y is the function of the running means. They start anew
// where the means of results do, so that the mean of y is then the function of the mean inputs.
// With sizes, the sum of those so far takes the place of t.
template <class R>
void SampleRun<R>::send_graded(std::size_t i) {
  const Node& node = plan_.graph[i];
  const std::size_t size = plan_.nodes[i].layout.size();
  std::vector<Buffer<R>> sums(node.inputs.size()), means(node.inputs.size());
  std::vector<const R*> inputs(node.inputs.size());
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    if (plan_.nodes[node.inputs[k]].form == Form::constant) {
      inputs[k] = work_[node.inputs[k]].dense.data();
      continue;
    }
    sums[k].resize(plan_.nodes[node.inputs[k]].layout.size());
    means[k].resize(sums[k].size());
    inputs[k] = means[k].data();
  }
  Buffer<R> now(size), before(size);
  R count = 0;  // the sum of sizes so far
  for (std::size_t t = 0; t < to_; ++t) {
    if (t == delay_) {
      count = 0;
      for (Buffer<R>& sum : sums) {
        std::ranges::fill(sum, R{});
      }
    }
    const R size_now = size_of(t), less = count;
    count += size_now;
    R* out = value(i, t);
    // Negative sizes may leave too little to divide by: the function keeps its value, but not at
    // the end, so that its mean is that of the mean input.
    const bool little = std::abs(count) < static_cast<R>(least_count);
    const bool keeps = little && t > (t < delay_ ? 0 : delay_) && t + 1 < steps_;
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      if (sums[k].empty()) {
        continue;
      }
      const R* from = at(node.inputs[k], t);
      for (std::size_t j = 0; j < sums[k].size(); ++j) {
        sums[k][j] += size_now * from[j];
        means[k][j] = sums[k][j] / count;
      }
    }
    if (keeps) {
      std::ranges::copy(before, out);
      continue;
    }
    apply(i, inputs, now.data());
    if (less == 0) {
      std::ranges::copy(now, out);
    } else {
      for (std::size_t j = 0; j < size; ++j) {
        out[j] = (count * now[j] - less * before[j]) / size_now;
      }
    }
    std::swap(now, before);
  }
}

template <class R>
void SampleRun<R>::move_spikes(std::size_t i) {
  const NodePlan<R>& node = plan_.nodes[i];
  const Layout& to = node.layout;
  if (from_ == 0) {
    std::ranges::fill(work_[i].bits, std::uint8_t{0});
  }
  for (const Move& move : node.moves) {
    const std::size_t from = plan_.graph[i].inputs[move.source];
    const Layout& l = plan_.nodes[from].layout;
    const std::size_t first = move.from % l.row(), begin = move.to % to.row();
    for (std::size_t plane = 0; plane < node.planes; ++plane) {
      const std::uint8_t* in = row(from, move.from / l.row(), from_) + plane * plane_bytes(from);
      std::uint8_t* out = work_[i].bits.data() + plane * plane_bytes(i) +
                          (move.to / to.row() * steps_ + from_) * to.row_bytes();
      for (std::size_t t = from_; t < to_; ++t, in += l.row_bytes(), out += to.row_bytes()) {
        copy_bits(in, first, out, begin, move.length);
      }
    }
  }
}

#define SPIKELET_SAMPLE_RUN_GRADED(R)                                               \
  template void SampleRun<R>::evaluate(std::size_t, std::span<const R* const>, R*); \
  template void SampleRun<R>::send_graded(std::size_t);                             \
  template void SampleRun<R>::move_spikes(std::size_t);
SPIKELET_SAMPLE_RUN_GRADED(float)
SPIKELET_SAMPLE_RUN_GRADED(double)
#undef SPIKELET_SAMPLE_RUN_GRADED

}  // namespace spikelet::layers
