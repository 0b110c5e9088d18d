// The terms of a sum: convolutions of spikes and of constants, merged with the pools, sums and
// concatenations that they distribute over.
#include <algorithm>

#include "layers/planner.hpp"

namespace spikelet::layers {
namespace {

// The part of a convolution that reads the channels [first, first + n) of its input.
Kernel slice_of(const Kernel& k, std::size_t first, std::size_t n) {
  Kernel slice = k;
  slice.in.channels = n;
  std::vector<double> weights;
  const std::size_t size = k.conv.kernel_height * k.conv.kernel_width;
  for (std::size_t o = 0; o < k.out.channels; ++o) {
    const double* from = k.conv.weights.data() + (o * k.in.channels + first) * size;
    weights.insert(weights.end(), from, from + n * size);
  }
  slice.conv.weights = std::move(weights);
  if (!k.conv.uses.empty()) {
    const std::size_t pixels = k.in.height * k.in.width;
    const std::uint32_t* uses = k.conv.uses.data() + first * pixels;
    slice.conv.uses.assign(uses, uses + n * pixels);
  }
  return slice;
}

// The size of equal windows that tile their input, else 0. Such a mean pool and the convolution
// after it are one convolution.
std::size_t tile(const Windows& w, std::size_t n) {
  const std::size_t size = w.end[0] - w.begin[0];
  if (w.step != 1) {
    return 0;
  }
  for (std::size_t i = 0; i < w.begin.size(); ++i) {
    if (w.begin[i] != i * size || w.end[i] != (i + 1) * size || w.divisor[i] != w.divisor[0]) {
      return 0;
    }
  }
  return w.end.back() == n ? size : 0;
}

bool tiles(const AveragePool& pool, const Extent& in) {
  return tile(pool.rows, in.height) != 0 && tile(pool.columns, in.width) != 0;
}

Kernel with_pool(const Kernel& k, const AveragePool& pool, const Extent& in) {
  const std::size_t y = tile(pool.rows, in.height), x = tile(pool.columns, in.width);
  const Conv& c = k.conv;
  Kernel all = k;
  all.in = in;
  all.conv.kernel_height = y * c.kernel_height;
  all.conv.kernel_width = x * c.kernel_width;
  all.conv.stride_y = y * c.stride_y;
  all.conv.stride_x = x * c.stride_x;
  all.conv.top = y * c.top;
  all.conv.left = x * c.left;
  const double divisor = pool.rows.divisor[0] * pool.columns.divisor[0];
  const std::size_t channels = c.weights.size() / (c.kernel_height * c.kernel_width);
  std::vector<double> weights;
  for (std::size_t i = 0; i < channels; ++i) {
    for (std::size_t ky = 0; ky < all.conv.kernel_height; ++ky) {
      for (std::size_t kx = 0; kx < all.conv.kernel_width; ++kx) {
        weights.push_back(c.weights[(i * c.kernel_height + ky / y) * c.kernel_width + kx / x] /
                          divisor);
      }
    }
  }
  all.conv.weights = std::move(weights);
  all.conv.uses.clear();
  for (std::size_t i = 0; !c.uses.empty() && i < in.size(); ++i) {
    const std::size_t row = i / in.width;  // windows tile the rows of all channels
    all.conv.uses.push_back(c.uses[row / y * k.in.width + i % in.width / x]);
  }
  return all;
}

}  // namespace

// Whether a convolution of x is a sum of convolutions of spikes and constants.
template <class R>
bool Planner<R>::distributes(const Conv& conv, std::size_t x) const {
  const Node& node = graph_[x];
  switch (plan_.nodes[x].form) {
    case Form::spikes:
    case Form::constant:
      return true;
    case Form::sequence:
      return false;
    case Form::current:
      break;
  }
  const auto all = [&] {
    return std::ranges::all_of(node.inputs,
                               [&](std::size_t from) { return distributes(conv, from); });
  };
  if (std::holds_alternative<Add>(node.kind)) {
    return all();
  }
  if (std::holds_alternative<Concat>(node.kind)) {
    return conv.groups == 1 && all();
  }
  const auto* pool = std::get_if<AveragePool>(&node.kind);
  return pool != nullptr && conv.is_flat() && conv.dilation_x == 1 && conv.dilation_y == 1 &&
         plan_.nodes[node.inputs[0]].form == Form::spikes &&
         tiles(*pool, graph_[node.inputs[0]].shape);
}

// The convolutions that a convolution of x is a sum of, each of spikes or of a constant:
// part(kernel, source).
template <class R>
template <class Part>
void Planner<R>::each_part(const Kernel& kernel, std::size_t x, Part&& part) const {
  const Node& node = graph_[x];
  if (plan_.nodes[x].form != Form::current) {
    part(kernel, x);
  } else if (const auto* pool = std::get_if<AveragePool>(&node.kind)) {
    part(with_pool(kernel, *pool, graph_[node.inputs[0]].shape), node.inputs[0]);
  } else {
    std::size_t first = 0;
    for (const std::size_t from : node.inputs) {
      if (std::holds_alternative<Concat>(node.kind)) {
        const std::size_t n = graph_[from].shape.channels;
        each_part(slice_of(kernel, first, n), from, part);
        first += n;
      } else {
        each_part(kernel, from, part);
      }
    }
  }
}

template <class R>
Kernel Planner<R>::kernel_of(std::size_t conv) const {
  return {std::get<Conv>(graph_[conv].kind), graph_[graph_[conv].inputs[0]].shape,
          graph_[conv].shape};
}

template <class R>
void Planner<R>::count_from(std::size_t i) {
  if (std::holds_alternative<Delayed>(graph_[i].kind)) {
    const std::size_t source = graph_[i].inputs[0];
    const Extent& in = graph_[source].shape;
    plan_.nodes[i].counted.push_back(
        {{std::vector<std::uint32_t>(in.height, 1), std::vector<std::uint32_t>(in.width, 1),
          graph_[i].shape.channels},
         source});
  }
  const auto* conv = std::get_if<Conv>(&graph_[i].kind);
  if (conv == nullptr) {
    return;
  }
  const std::size_t from = graph_[i].inputs[0];
  const auto count = [&](const Kernel& kernel, std::size_t source) {
    plan_.nodes[i].counted.push_back({fan_out(kernel), source});
  };
  if (distributes(*conv, from)) {
    each_part(kernel_of(i), from, count);
  } else {
    count(kernel_of(i), from);
  }
}

template <class R>
void Planner<R>::add(Sum<R>& sum, std::vector<Spec>& specs, std::size_t x) {
  NodePlan<R>& node = plan_.nodes[x];
  if (node.form == Form::constant) {
    need_dense(x);
    sum.constants.push_back(x);
    return;
  }
  if (node.form == Form::spikes) {
    sum.terms.push_back({Term<R>::Kind::copy, x, nullptr, node.amplitude});
    return;
  }
  const auto* conv = std::get_if<Conv>(&graph_[x].kind);
  if (conv != nullptr && node.form == Form::current && distributes(*conv, graph_[x].inputs[0])) {
    each_part(kernel_of(x), graph_[x].inputs[0], [&](const Kernel& kernel, std::size_t source) {
      if (plan_.nodes[source].form == Form::spikes) {
        specs.push_back({kernel, source});
      } else {
        need_dense(source);
        sum.folded.emplace_back(dense_conv<R>(kernel), source);
      }
    });
    sum.bias.resize(node.layout.pixel);
    for (std::size_t c = 0; c < conv->bias.size(); ++c) {
      sum.bias[c] += static_cast<R>(conv->bias[c]);
    }
  } else if (std::holds_alternative<Add>(graph_[x].kind)) {
    for (const std::size_t from : graph_[x].inputs) {
      add(sum, specs, from);
    }
  } else {
    need_sequence(x);
    sum.terms.push_back({Term<R>::Kind::sequence, x, nullptr, {}});
  }
}

template <class R>
std::vector<Spec> Planner<R>::collect(std::size_t x, Sum<R>& sum) {
  std::vector<Spec> specs;
  add(sum, specs, x);
  return specs;
}

template <class R>
std::size_t Planner<R>::block_for(const std::vector<Spec>& specs, std::size_t element_bytes) {
  std::size_t block = channel_unit, most = 0;
  for (const Spec& spec : specs) {
    if (spec.kernel.conv.weights.size() > most) {
      most = spec.kernel.conv.weights.size();
      block = best_block(spec.kernel, element_bytes);
    }
  }
  return block;
}

template <class R>
void Planner<R>::finish(Sum<R>& sum, const std::vector<Spec>& specs, NodePlan<R>& receiver) {
  receiver.block = block_for(specs, sizeof(R));
  for (const Spec& spec : specs) {
    const std::span<const R> amplitude(plan_.nodes[spec.source].amplitude);
    sum.terms.push_back(
        {Term<R>::Kind::events,
         spec.source,
         std::make_unique<EventConv<R>>(event_conv<R, R>(spec.kernel, amplitude, receiver.block)),
         {}});
  }
}

template <class R>
Sum<R> Planner<R>::sum_of(std::size_t x, NodePlan<R>& receiver) {
  Sum<R> sum;
  finish(sum, collect(x, sum), receiver);
  return sum;
}

#define SPIKELET_PLAN_SUMS(R)                                                        \
  template bool Planner<R>::distributes(const Conv&, std::size_t) const;             \
  template Kernel Planner<R>::kernel_of(std::size_t) const;                          \
  template void Planner<R>::count_from(std::size_t);                                 \
  template std::vector<Spec> Planner<R>::collect(std::size_t, Sum<R>&);              \
  template std::size_t Planner<R>::block_for(const std::vector<Spec>&, std::size_t); \
  template void Planner<R>::finish(Sum<R>&, const std::vector<Spec>&, NodePlan<R>&); \
  template Sum<R> Planner<R>::sum_of(std::size_t, NodePlan<R>&);
SPIKELET_PLAN_SUMS(float)
SPIKELET_PLAN_SUMS(double)
#undef SPIKELET_PLAN_SUMS

}  // namespace spikelet::layers
