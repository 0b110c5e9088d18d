// Kernels of layered networks against plain loops, at every SIMD level, bit for bit.
#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "layers/kernels.hpp"
#include "layers/plan.hpp"
#include "spikelet/core/cpu.hpp"
#include "support/convolutions.hpp"

namespace test_layers_kernels {

using namespace spikelet;
using namespace spikelet::layers;
using test::Case;
using test::cases;
using test::draw;
using test::kernel_of;

namespace {

std::vector<std::uint8_t> spikes_of(const Layout& l, std::size_t steps) {
  std::vector<std::uint8_t> bits(l.height * steps * l.row_bytes() + 8);
  for (std::size_t k = 0; k < l.height * steps * l.width; ++k) {
    for (std::size_t c = 0; c < l.channels; ++c) {
      if (draw(k * l.channels + c, 2) < 0.3) {
        bits[k * l.pixel_bytes() + c / 8] |= static_cast<std::uint8_t>(1 << (c % 8));
      }
    }
  }
  return bits;
}

// What the kernels promise: sums by input column, then kernel row, then channel; by kernel row,
// kernel column, column and channel where spikes are scattered.
template <class C>
std::vector<C> plain(const Kernel& k, const EventConv<C>& conv, const std::vector<C>& weights,
                     const std::vector<std::uint8_t>& bits, std::size_t steps, std::size_t y) {
  const Layout in(k.in), out(k.out);
  const Conv& c = k.conv;
  std::vector<C> sums(steps * out.width * out.pixel);
  const std::size_t per_group = k.in.channels / c.groups, group_out = k.out.channels / c.groups;
  const auto add = [&](std::size_t t, std::size_t ky, std::size_t x, std::size_t i) {
    const std::size_t iy = y * c.stride_y + ky * c.dilation_y;
    if (iy < c.top || iy - c.top >= in.height) {
      return;
    }
    const std::uint8_t byte =
        bits[((iy - c.top) * steps + t) * in.row_bytes() + x * in.pixel_bytes() + i / 8];
    if ((byte >> (i % 8) & 1) == 0) {
      return;
    }
    for (std::size_t kx = 0; kx < c.kernel_width; ++kx) {
      const std::size_t at = x + c.left - kx * c.dilation_x;
      if (x + c.left < kx * c.dilation_x || at % c.stride_x != 0 || at / c.stride_x >= out.width) {
        continue;
      }
      for (std::size_t o = 0; o < k.out.channels; ++o) {
        if (o / group_out == i / per_group) {
          C& sum = sums[(t * out.width + at / c.stride_x) * out.pixel + o];
          sum = static_cast<C>(
              sum +
              weights[((o * per_group + i % per_group) * c.kernel_height + ky) * c.kernel_width +
                      kx]);
        }
      }
    }
  };
  for (std::size_t t = 0; t < steps; ++t) {
    if (conv.walked) {
      for (std::size_t x = 0; x < in.width; ++x) {
        for (std::size_t ky = 0; ky < c.kernel_height; ++ky) {
          for (std::size_t i = 0; i < k.in.channels; ++i) {
            add(t, ky, x, i);
          }
        }
      }
    } else {
      for (std::size_t ky = 0; ky < c.kernel_height; ++ky) {
        for (std::size_t x = 0; x < in.width; ++x) {
          for (std::size_t i = 0; i < k.in.channels; ++i) {
            add(t, ky, x, i);
          }
        }
      }
    }
  }
  return sums;
}

template <class C, class R>
void check_events(const Case& given) {
  const Kernel k = kernel_of(given);
  const Layout in(k.in), out(k.out);
  const std::vector<R> ones(in.pixel, R{1}), scales(out.pixel, R{100});
  const std::size_t block = best_block(k, sizeof(C));
  const bool whole = sizeof(C) == 2;
  const EventConv<C> conv =
      event_conv<C, R>(k, std::span<const R>(ones), block,
                       whole ? std::span<const R>(scales) : std::span<const R>{});
  if (whole && !conv.walked) {
    return;  // the plan keeps these in floating point
  }
  std::vector<C> weights;
  for (const double w : k.conv.weights) {
    const R rounded = static_cast<R>(w);
    weights.push_back(static_cast<C>(whole ? std::nearbyint(rounded * R{100}) : rounded));
  }
  const auto bits = spikes_of(in, given.steps);
  const std::vector<std::uint8_t> nothing(given.steps * in.row_bytes() + 8);
  for (const SimdLevel level : available_simd_levels()) {
    for (std::size_t y = 0; y < out.height; ++y) {
      const auto expected = plain(k, conv, weights, bits, given.steps, y);
      std::vector<const std::uint8_t*> rows(k.conv.kernel_height + 3, nothing.data());
      for (std::size_t ky = 0; ky < k.conv.kernel_height; ++ky) {
        const std::size_t iy = y * k.conv.stride_y + ky * k.conv.dilation_y;
        if (iy >= k.conv.top && iy - k.conv.top < in.height) {
          rows[ky] = bits.data() + (iy - k.conv.top) * given.steps * in.row_bytes();
        }
      }
      for (std::size_t first = 0; first < out.pixel; first += block) {
        std::vector<C> sums(given.steps * out.width * block, C{7});
        const SpikeRows seen{rows.data(), in.row_bytes(), in.pixel_bytes(), in.width, in.channels};
        const Currents<C> to{sums.data(), given.steps, out.width, block, block};
        const C* from = conv.weights.data() + first / block * conv.block_size;
        std::vector<std::uint64_t> packed(given.steps * conv.walk.words * in.width);
        const auto run = [&](bool add) {
          ColumnWalk<C> walk = conv.walk;
          walk.weights = from;
          walk.packed = packed.data();
          if constexpr (sizeof(C) == 2) {
            level_table(level).layers32.whole.walk(walk, seen, 1, add, to);
          } else {
            const LayerKernels<C>* kernels;
            if constexpr (sizeof(C) == 4) {
              kernels = &level_table(level).layers32;
            } else {
              kernels = &level_table(level).layers64;
            }
            if (conv.walked) {
              kernels->real.walk(walk, seen, C{1}, add, to);
            } else {
              Scatter<C> scatter = conv.scatter;
              scatter.weights = from;
              scatter.first_out = first;
              kernels->scatter(scatter, seen, C{1}, add, to);
            }
          }
        };
        const auto compare = [&](C before) {
          for (std::size_t p = 0; p < given.steps * out.width; ++p) {
            for (std::size_t c = 0; c < block && first + c < out.channels; ++c) {
              const C sum = expected[p * out.pixel + first + c];
              REQUIRE(sums[p * block + c] == static_cast<C>(before == C{} ? sum : before + sum));
            }
          }
        };
        run(false);
        compare(C{});
        if (conv.walked) {  // scattered ones are added one by one
          std::ranges::fill(sums, C{3});
          run(true);
          compare(C{3});
        }
      }
    }
  }
}

}  // namespace

TEST_CASE("convolutions of spikes are sums in the order promised, at every level") {
  for (const Case& given : cases) {
    CAPTURE(given.in);
    CAPTURE(given.out);
    check_events<float, float>(given);
    check_events<double, double>(given);
    check_events<Short, float>(given);
  }
}

TEST_CASE("neurons of layers step as plain loops do, at every level") {
  constexpr std::size_t width = 7, block = 32, steps = 9, n = width * block;
  std::vector<float> currents(steps * n), threshold(block), base(n), pace(steps * block),
      limit(steps * block);
  std::vector<Short> shorts(steps * n);
  for (std::size_t k = 0; k < currents.size(); ++k) {
    shorts[k] = static_cast<Short>(1000 * (draw(k, 3) - 0.45));
    currents[k] = shorts[k];
  }
  for (std::size_t c = 0; c < block; ++c) {
    threshold[c] = static_cast<float>(200 + 300 * draw(c, 4));
  }
  for (std::size_t k = 0; k < n; ++k) {
    base[k] = static_cast<float>(100 * draw(k, 5));
  }
  for (std::size_t k = 0; k < pace.size(); ++k) {
    pace[k] = static_cast<float>(draw(k, 6) / 300);
    limit[k] = static_cast<float>(0.3 + draw(k, 7));
  }
  std::vector<float> sizes(steps), ceiling(steps * block);
  for (std::size_t t = 0; t < steps; ++t) {
    sizes[t] = static_cast<float>(1.5 - 0.1 * static_cast<double>(t));
  }
  for (std::size_t k = 0; k < ceiling.size(); ++k) {
    ceiling[k] = static_cast<float>(1.5 * draw(k, 8));
  }
  std::vector<float> offset(steps * block), alpha(block), scale(block);
  for (std::size_t k = 0; k < offset.size(); ++k) {
    offset[k] = static_cast<float>(draw(k, 9) - 0.5);
  }
  for (std::size_t c = 0; c < block; ++c) {
    alpha[c] = static_cast<float>(draw(c, 10));
    scale[c] = static_cast<float>(0.5 + draw(c, 11));
  }
  std::size_t held_back = 0, took_back = 0;
  enum class Kind {
    subtract,
    zero,
    predictive,
    sized,
    bounded,
    pair,
    bounded_pair,
    following_pair
  };
  for (const Kind kind : {Kind::subtract, Kind::zero, Kind::predictive, Kind::sized, Kind::bounded,
                          Kind::pair, Kind::bounded_pair, Kind::following_pair}) {
    const bool predicts = kind >= Kind::predictive, sized = kind >= Kind::sized;
    const bool pair =
        kind == Kind::pair || kind == Kind::bounded_pair || kind == Kind::following_pair;
    const bool follows = kind == Kind::following_pair;
    std::vector<float> v(n, 50.0f), sent(n);
    const std::size_t plane = steps * n / 8;
    std::vector<std::uint8_t> expected(pair ? 2 * plane : plane);
    for (std::size_t k = 0; k < n; ++k) {
      const std::size_t c = k % block;
      for (std::size_t t = 0; t < steps; ++t) {
        const float size = sized ? sizes[t] : 1.0f;
        const float current = currents[t * n + k] + base[k];
        const float weighted = current * size;
        v[k] += weighted;
        float estimate = v[k] * pace[t * block + c];
        if (pair) {
          estimate += offset[t * block + c];
        }
        if (follows) {
          estimate = (estimate > 0 ? estimate : alpha[c] * estimate) * scale[c];
        } else if (pair) {
          const float most = kind == Kind::bounded_pair ? ceiling[t * block + c] : 1e9f;
          estimate = std::min(std::max(estimate, 0.0f), most);
        }
        const float u = predicts ? estimate - sent[k] : v[k];
        const float bound = predicts ? limit[t * block + c] : threshold[c];
        const auto bit = static_cast<std::uint8_t>(1 << (k % 8));
        if (u >= bound && kind == Kind::bounded && sent[k] > ceiling[t * block + c]) {
          ++held_back;
        } else if (u >= bound) {
          expected[t * n / 8 + k / 8] |= bit;
          sent[k] += size;
          v[k] = predicts ? v[k] : kind == Kind::zero ? -10.0f : v[k] - bound;
        } else if (pair && -u >= bound) {
          expected[plane + t * n / 8 + k / 8] |= bit;
          sent[k] -= size;
          ++took_back;
        }
      }
    }
    for (const SimdLevel level : available_simd_levels()) {
      const auto& kernels = level_table(level).layers32;
      for (const bool whole : {false, true}) {
        std::vector<float> state(n, 50.0f), count(n), estimates(steps * n);
        std::vector<std::uint8_t> bits(expected.size());
        NeuronRow<float> row{};
        row.decay = row.gain = 1;
        row.v_reset = -10;
        row.threshold = threshold.data();
        row.base = base.data();
        row.base_stride = block;
        row.v = state.data();
        row.sent = count.data();
        row.bits = bits.data();
        row.row_bytes = n / 8;
        row.pixel_bytes = block / 8;
        row.plane_bytes = plane;
        row.pace = pace.data();
        row.limit = limit.data();
        row.pace_step = block;
        row.sizes = sizes.data();
        row.offset = offset.data();
        row.function = Function::leaky_relu;
        row.alpha = alpha.data();
        row.scale = scale.data();
        row.estimates = estimates.data();
        const bool bounded = kind == Kind::bounded || kind == Kind::bounded_pair;
        row.ceiling = bounded ? ceiling.data() : nullptr;
        const auto step = [&](const auto& of) {
          return kind == Kind::subtract ? of.subtract
                 : kind == Kind::zero   ? of.zero
                 : follows              ? of.following
                 : pair                 ? of.pair
                 : sized                ? of.sized
                                        : of.predictive;
        };
        if (whole) {
          step(kernels.whole)(row, {shorts.data(), steps, width, block, block});
        } else {
          step(kernels.real)(row, {currents.data(), steps, width, block, block});
        }
        CHECK(bits == expected);
        CHECK(state == v);
        if (predicts) {
          CHECK(count == sent);
        }
      }
    }
  }
  CHECK(held_back > 50);
  CHECK(took_back > 50);
}

TEST_CASE("neurons with dynamics step as plain loops do, at every level") {
  using D = Dynamics;
  constexpr std::size_t width = 3, block = 32, steps = 40, n = width * block;
  std::vector<double> currents(steps * n), threshold(block);
  std::vector<Short> shorts(steps * n);
  for (std::size_t k = 0; k < currents.size(); ++k) {
    shorts[k] = static_cast<Short>(8 * (draw(k, 3) - 0.3));
    currents[k] = shorts[k];
  }
  // Odd parameters have a value for each neuron.
  std::array<std::vector<double>, D::parameters> values;
  for (std::size_t p = 0; p < values.size(); ++p) {
    values[p].resize(p % 2 == 1 ? n : block);
    for (std::size_t k = 0; k < values[p].size(); ++k) {
      values[p][k] = 0.3 + 0.6 * draw(k, 20 + p);
    }
  }
  for (std::size_t c = 0; c < block; ++c) {
    threshold[c] = 1 + draw(c, 4);
  }
  const auto at = [&](D::Parameter p, std::size_t k) { return values[p][k % values[p].size()]; };
  std::size_t sent = 0;
  for (int kind = 0; kind < 32; ++kind) {
    const bool synapse = kind % 2 == 1, pulls = synapse && kind % 4 == 3,
               adapts = kind / 4 % 2 == 1;
    const bool strict = kind / 8 % 2 == 1, spikes = kind < 28;
    const bool later = !adapts && kind / 16 == 1;
    const auto reset = later ? D::Reset::subtract : static_cast<D::Reset>(kind % 3);
    std::vector<double> v(n, 0.2), i(n), a(n), potentials(steps * n);
    std::vector<std::uint8_t> expected(steps * n / 8);
    for (std::size_t k = 0; k < n; ++k) {
      for (std::size_t t = 0; t < steps; ++t) {
        double x = currents[t * n + k], u = at(D::decay, k) * v[k];
        if (synapse) {
          u += pulls ? at(D::pull, k) * i[k] : 0;
          i[k] = at(D::syn_decay, k) * i[k] + at(D::syn_gain, k) * x;
          x = pulls ? x : i[k];
        }
        u = u + at(D::gain, k) * x + at(D::drive, k);
        const double limit = threshold[k % block];
        const auto above = [&](double what, double bound) {
          return strict ? what > bound : what >= bound;
        };
        if (spikes && later && above(v[k], limit)) {
          u -= limit;
        }
        if (spikes && above(u, adapts ? limit + at(D::boost, k) * a[k] : limit)) {
          expected[t * n / 8 + k / 8] |= static_cast<std::uint8_t>(1 << (k % 8));
          u = later || reset == D::Reset::none ? u
              : reset == D::Reset::value       ? at(D::v_reset, k)
                                               : u - limit;
          a[k] = adapts ? at(D::adapt_decay, k) * a[k] + 1 : 0;
          ++sent;
        } else {
          a[k] *= adapts ? at(D::adapt_decay, k) : 1;
        }
        v[k] = potentials[t * n + k] = u;
      }
    }
    for (const SimdLevel level : available_simd_levels()) {
      for (const bool whole : {false, true}) {
        std::vector<double> state(n, 0.2), current(n), adaptation(n), recorded(steps * n);
        std::vector<std::uint8_t> bits(expected.size());
        NeuronRow<double> row{};
        row.threshold = threshold.data();
        row.v = state.data();
        row.sent = current.data();
        row.mean = adaptation.data();
        row.recorded = recorded.data();
        row.recorded_step = n;
        row.recorded_pixel = block;
        row.bits = spikes ? bits.data() : nullptr;
        row.row_bytes = n / 8;
        row.pixel_bytes = block / 8;
        row.dynamics.reset = reset;
        row.dynamics.strict = strict;
        row.dynamics.later = later;
        for (std::size_t p = 0; p < values.size(); ++p) {
          const bool missing = p == D::pull                            ? !pulls
                               : p == D::syn_decay || p == D::syn_gain ? !synapse
                               : p == D::adapt_decay || p == D::boost  ? !adapts
                                                                       : false;
          row.dynamics.values[p] = missing ? nullptr : values[p].data();
          row.dynamics.strides[p] = p % 2 == 1 ? block : 0;
        }
        const auto& kernels = level_table(level).layers64;
        if (whole) {
          kernels.whole.dynamic(row, {shorts.data(), steps, width, block, block});
        } else {
          kernels.real.dynamic(row, {currents.data(), steps, width, block, block});
        }
        CHECK(recorded == potentials);
        CHECK(bits == (spikes ? expected : std::vector<std::uint8_t>(bits.size())));
        CHECK(current == i);
      }
    }
  }
  CHECK(sent > 1000);
}

TEST_CASE("max pools follow the greatest sum of sizes of their windows, at every level") {
  constexpr std::size_t width = 9, channels = 32, steps = 21, rows = 4;
  constexpr std::size_t pixel_bytes = channels / 8, row_bytes = width * pixel_bytes;
  constexpr std::size_t plane_bytes = rows * steps * row_bytes;
  struct Shape {
    std::size_t rows, columns, step;
  };
  for (const std::size_t kind : {1, 2, 3, 4}) {
    const std::size_t planes = kind == 4 ? 6 : kind == 2 ? 2 : 1;
    const bool alternating = kind == 3;
    std::vector<float> gains{1.0f, -1.0f};
    if (kind == 4) {
      gains = {1.0f, 0.7f, 0.49f, -1.0f, -0.7f, -0.49f};
    }
    for (const Shape shape : {Shape{2, 2, 1}, {3, 3, 1}, {2, 3, 2}, {4, 5, 1}, {1, 1, 1}}) {
      std::vector<std::uint8_t> spikes(planes * plane_bytes);
      for (std::size_t k = 0; k < spikes.size(); ++k) {
        // Few are negative, and none where a positive one is.
        const auto byte = [&](std::size_t seed) {
          return static_cast<unsigned>(256 * draw(k % plane_bytes, seed));
        };
        const unsigned positive = byte(1) & byte(2);
        const unsigned others = byte(2 + k / plane_bytes) & ~positive;
        spikes[k] = static_cast<std::uint8_t>(k < plane_bytes ? positive : others);
      }
      std::vector<float> sizes(steps);
      for (std::size_t t = 0; t < steps; ++t) {
        sizes[t] = static_cast<float>((alternating && t % 3 == 2 ? -1 : 1) *
                                      (2 - 0.08 * static_cast<double>(t)));
      }
      const std::size_t outputs = 3, span = (shape.columns - 1) * shape.step + 1;
      std::vector<std::size_t> begin(outputs), end(outputs);
      for (std::size_t x = 0; x < outputs; ++x) {
        begin[x] = std::min(2 * x, width - 1);
        end[x] = std::min(begin[x] + span, width);  // the last window is smaller
      }
      const std::size_t out_row = outputs * pixel_bytes, out_plane = steps * out_row;
      std::vector<std::uint8_t> expected(planes * out_plane);
      std::size_t sent_negative = 0;
      for (std::size_t x = 0; x < outputs; ++x) {
        for (std::size_t c = 0; c < channels; ++c) {
          std::vector<float> sums(shape.rows * width);
          float sent = 0;
          for (std::size_t t = 0; t < steps; ++t) {
            float greatest = -1e9f;
            for (std::size_t r = 0; r < shape.rows; ++r) {
              for (std::size_t ix = begin[x]; ix < end[x]; ix += shape.step) {
                const std::size_t at = (r * steps + t) * row_bytes + ix * pixel_bytes + c / 8;
                float& sum = sums[r * width + ix];
                for (std::size_t plane = 0; plane < planes; ++plane) {
                  if ((spikes[plane * plane_bytes + at] >> (c % 8) & 1) != 0) {
                    sum += sizes[t] * gains[plane];
                  }
                }
                greatest = std::max(greatest, sum);
              }
            }
            const float sign = sizes[t] < 0 ? -1.0f : 1.0f, half = sign * sizes[t] / 2;
            const bool up = sign * (greatest - sent) >= half;
            const bool down = planes == 2 && sign * (greatest - sent) <= -half;
            const std::size_t to = t * out_row + x * pixel_bytes + c / 8;
            if (planes > 2) {  // the size that is nearest
              const std::size_t levels = planes / 2;
              for (std::size_t k = 0; k < levels; ++k) {
                const float own = sizes[t] * gains[k];
                const float next = k + 1 < levels ? sizes[t] * gains[k + 1] : -own;
                const float least =
                    std::max(sizes[t] * 0.5f * gains[levels - 1], 0.5f * (own + next));
                if (std::abs(greatest - sent) >= least) {
                  const bool is_off = greatest < sent;
                  sent_negative += is_off;
                  sent += is_off ? -own : own;
                  expected[(k + (is_off ? levels : 0)) * out_plane + to] |=
                      static_cast<std::uint8_t>(1 << (c % 8));
                  break;
                }
              }
              continue;
            }
            if (up) {
              expected[to] |= static_cast<std::uint8_t>(1 << (c % 8));
              sent += sizes[t];
            } else if (down) {
              ++sent_negative;
              sent -= sizes[t];
              expected[out_plane + to] |= static_cast<std::uint8_t>(1 << (c % 8));
            }
          }
        }
      }
      CHECK((sent_negative > 0) == (planes > 1));
      for (const SimdLevel level : available_simd_levels()) {
        std::vector<const std::uint8_t*> at;
        for (std::size_t r = 0; r < shape.rows; ++r) {
          at.push_back(spikes.data() + r * steps * row_bytes);
        }
        std::vector<std::uint8_t> found(planes * out_plane);
        std::vector<float> scratch(shape.rows * span * channel_unit);
        level_table(level).layers32.max_counts(
            {at.data(), shape.rows, row_bytes, pixel_bytes, plane_bytes, planes, begin.data(),
             end.data(), shape.step, outputs, channels, steps, sizes.data(), gains.data(),
             found.data(), out_row, out_plane, scratch.data()});
        CHECK(found == expected);
      }
    }
  }
}

TEST_CASE("bits are counted, and spikes copied and tallied, at every level") {
  constexpr std::size_t width = 5, channels = 48, steps = 3;
  const Layout l(Extent{channels, 1, width});
  const auto bits = spikes_of(l, steps);
  std::size_t set = 0;
  for (std::size_t k = 0; k < steps * l.row_bytes(); ++k) {
    set += static_cast<std::size_t>(std::popcount(bits[k]));
  }
  std::vector<double> weight(channels);
  for (std::size_t c = 0; c < channels; ++c) {
    weight[c] = draw(c, 8);
  }
  for (const SimdLevel level : available_simd_levels()) {
    const auto& kernels = level_table(level).layers64;
    CHECK(kernels.population(bits.data(), steps * l.row_bytes(), 0, 1) == set);
    std::uint64_t by_pixel = 0;
    for (std::size_t x = 0; x < width; ++x) {
      by_pixel += kernels.population(bits.data() + x * l.pixel_bytes(), l.pixel_bytes(),
                                     l.row_bytes(), steps);
    }
    CHECK(by_pixel == set);
    const std::uint8_t* rows[]{bits.data()};
    const SpikeRows in{rows, l.row_bytes(), l.pixel_bytes(), width, channels};
    std::vector<double> copied(steps * width * channels), sums(width * channels);
    kernels.real.copy(weight.data(), in, -2.0, false,
                      {copied.data(), steps, width, channels, channels});
    kernels.tally(in, steps, 0.5, sums.data(), channels);
    for (std::size_t p = 0; p < width * channels; ++p) {
      double sum = 0;
      for (std::size_t t = 0; t < steps; ++t) {
        const std::size_t c = p % channels;
        const bool spike =
            (bits[t * l.row_bytes() + p / channels * l.pixel_bytes() + c / 8] >> (c % 8) & 1) != 0;
        CHECK(copied[t * width * channels + p] == (spike ? -2.0 * weight[c] : 0.0));
        sum += spike ? 0.5 : 0.0;
      }
      CHECK(sums[p] == sum);
    }
  }
}

}  // namespace test_layers_kernels
