// The run of a program.
#include "spikelet/first_spike/program.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "first_spike/plan.hpp"
#include "spikelet/core/parallel.hpp"

namespace spikelet::first_spike {
namespace {

std::size_t blocks_of(const Map& map) { return padded(map.shape.channels) / block; }

const Kernels& kernels_in_use() {
#if defined(SPIKELET_X86_LEVELS)
  static const bool vnni =
      simd_level() == SimdLevel::v4 && __builtin_cpu_supports("avx512vnni") != 0;
  if (vnni) {
    return v4::vnni_kernels;
  }
#endif
  return level_table();
}

// How many of n bytes differ.
std::uint64_t differing(const std::uint8_t* a, const std::uint8_t* b, std::size_t n) {
  using Bytes [[gnu::vector_size(16)]] = std::uint8_t;
  std::uint64_t found = 0;
  std::size_t i = 0;
  while (i + sizeof(Bytes) <= n) {
    Bytes counts{};
    for (const std::size_t end = std::min(n, i + 240); i + sizeof(Bytes) <= end; i += 16) {
      Bytes x, y;
      std::memcpy(&x, a + i, sizeof x);
      std::memcpy(&y, b + i, sizeof y);
      counts -= static_cast<Bytes>(x != y);  // true is -1
    }
    std::array<std::uint64_t, 2> halves;
    std::memcpy(&halves, &counts, sizeof halves);
    found += (halves[0] + halves[1]) * 0x0101010101010101 >> 56;  // the sum of eight bytes
  }
  for (; i < n; ++i) {
    found += a[i] != b[i];
  }
  return found;
}

// The work on one sample.
class Sample {
 public:
  Sample(const std::vector<Map>& maps, const std::vector<Place>& places,
         const std::vector<std::uint8_t>& initial)
      : maps_(maps),
        places_(places),
        kernels_(kernels_in_use()),
        memory_(initial.begin(), initial.end()) {
    std::size_t width = 0;
    for (const Map& map : maps) {
      width = std::max({width, map.shape.width, blocks_of(map)});
    }
    sums_.resize(width * block);
  }

  void take(const Input& input, const float* x) {
    const Map& map = maps_[input.map];
    const Place& place = places_[input.map];
    const auto low = static_cast<float>(input.low), high = static_cast<float>(input.high);
    for (std::size_t c = 0; c < map.shape.channels; ++c) {
      const std::int32_t zero = map.form == Form::bytes ? map.zero[c] : 0;
      for (std::size_t y = 0; y < map.shape.height; ++y) {
        std::uint8_t* to = memory_.data() + place.begin + y * place.row + c * value_bytes(map.form);
        for (std::size_t i = 0; i < map.shape.width; ++i, ++x, to += place.pixel) {
          const float k = std::floor(*x * input.scale[c] + 0.5F);
          const auto value =
              static_cast<std::int32_t>(k > low ? (k < high ? k : high) : low) + zero;
          if (map.form == Form::bytes) {
            *to = static_cast<std::uint8_t>(value);
          } else {
            const auto word = static_cast<std::int16_t>(value);
            std::memcpy(to, &word, sizeof word);
          }
        }
      }
    }
  }

  void run(const Operation& operation, const SumPlan& plan, const std::vector<Run>& runs) {
    if (const auto* sum = std::get_if<Sum>(&operation.what)) {
      add(*sum, plan, operation.output);
    } else if (const auto* pool = std::get_if<Pool>(&operation.what)) {
      pool_map(*pool, operation.output);
    } else if (const auto* mix = std::get_if<Mix>(&operation.what)) {
      mix_map(*mix, operation.output);
    } else {
      for (const Run& run : runs) {
        std::memcpy(memory_.data() + run.to, memory_.data() + run.from, run.length);
      }
    }
  }

  // Counts what an operation did.
  void count(const Operation& operation, const SumPlan& plan, Work& work) const {
    if (const auto* mix = std::get_if<Mix>(&operation.what)) {
      work.operations.resize(1);
      work.operations[0] += synapses(mix->map, plan.fans[0]);
    }
    const auto* sum = std::get_if<Sum>(&operation.what);
    if (sum == nullptr) {
      return;
    }
    const std::size_t channels = maps_[operation.output].shape.channels;
    work.operations.resize(sum->terms.size());
    for (std::size_t t = 0; t < sum->terms.size(); ++t) {
      const std::size_t map = sum->terms[t].map;
      const auto* kernel = std::get_if<Kernel>(&sum->terms[t].weights);
      work.operations[t] +=
          kernel ? synapses(map, plan.fans[t]) * (channels / kernel->groups) : active(map);
    }
    work.spikes += sum->neurons ? active(operation.output) : 0;
  }

  void give(std::size_t map, std::int32_t* out) const {
    const Shape& shape = maps_[map].shape;
    for (std::size_t c = 0; c < shape.channels; ++c) {
      for (std::size_t y = 0; y < shape.height; ++y) {
        for (std::size_t x = 0; x < shape.width; ++x) {
          *out++ = value(map, y, x, c);
        }
      }
    }
  }

 private:
  const std::uint8_t* pixel(std::size_t map, std::ptrdiff_t y, std::ptrdiff_t x) const {
    const Place& place = places_[map];
    return memory_.data() + static_cast<std::ptrdiff_t>(place.begin) +
           y * static_cast<std::ptrdiff_t>(place.row) +
           x * static_cast<std::ptrdiff_t>(place.pixel);
  }

  // The number of pairs of a value that is not zero and a window that sees it.
  std::uint64_t synapses(std::size_t map, const FanOut& fan) const {
    std::uint64_t found = 0;
    for (std::size_t y = 0; y < maps_[map].shape.height; ++y) {
      for (std::size_t x = 0; x < maps_[map].shape.width; ++x) {
        found += active(map, y, x) * fan.rows[y] * fan.columns[x];
      }
    }
    return found;
  }

  std::uint64_t active(std::size_t map) const {
    std::uint64_t found = 0;
    for (std::size_t y = 0; y < maps_[map].shape.height; ++y) {
      for (std::size_t x = 0; x < maps_[map].shape.width; ++x) {
        found += active(map, y, x);
      }
    }
    return found;
  }

  // The number of values that are not zero at a pixel.
  std::uint64_t active(std::size_t map, std::size_t y, std::size_t x) const {
    const Map& m = maps_[map];
    const std::uint8_t* at =
        pixel(map, static_cast<std::ptrdiff_t>(y), static_cast<std::ptrdiff_t>(x));
    std::uint64_t found = 0;
    if (m.form == Form::bytes) {
      found = differing(at, m.zero.data(), m.shape.channels);
    } else {
      for (std::size_t c = 0; c < m.shape.channels; ++c) {
        found += value(map, y, x, c) != 0;
      }
    }
    return found;
  }

  template <class T>
  T loaded(const std::uint8_t* at) const {
    T value;
    std::memcpy(&value, at, sizeof value);
    return value;
  }

  std::int32_t value(std::size_t map, std::size_t y, std::size_t x, std::size_t c) const {
    const std::uint8_t* at =
        pixel(map, static_cast<std::ptrdiff_t>(y), static_cast<std::ptrdiff_t>(x));
    switch (maps_[map].form) {
      case Form::bytes:
        return at[c] - maps_[map].zero[c];
      case Form::words:
        return loaded<std::int16_t>(at + 2 * c);
      default:
        return loaded<std::int32_t>(at + 4 * c);
    }
  }

  void add(const Sum& sum, const SumPlan& plan, std::size_t output) {
    const Map& out = maps_[output];
    const Place& to = places_[output];
    const std::size_t width = out.shape.width;
    for (std::size_t y = 0; y < out.shape.height; ++y) {
      for (std::size_t b = 0; b < blocks_of(out); ++b) {
        std::fill_n(sums_.begin(), width * block, 0);
        for (std::size_t t = 0; t < sum.terms.size(); ++t) {
          add_term(sum.terms[t], plan, t, y, b, width);
        }
        std::uint8_t* at =
            memory_.data() + to.begin + y * to.row + b * block * value_bytes(out.form);
        if (sum.neurons) {
          fire(plan, sum.neurons->high, b, out.form, at, to.pixel, width);
        } else {
          for (std::size_t x = 0; x < width; ++x) {
            std::memcpy(at + x * to.pixel, &sums_[x * block], block * sizeof(std::int32_t));
          }
        }
      }
    }
  }

  void add_term(const Term& term, const SumPlan& plan, std::size_t t, std::size_t y, std::size_t b,
                std::size_t width) {
    const Place& place = places_[term.map];
    const Form form = maps_[term.map].form;
    if (const auto* kernel = std::get_if<Kernel>(&term.weights)) {
      const Packed& packed = plan.packed[t];
      const RowOfSums row{pixel(term.map,
                                static_cast<std::ptrdiff_t>(y * kernel->stride[0]) -
                                    static_cast<std::ptrdiff_t>(kernel->before[0]),
                                -static_cast<std::ptrdiff_t>(kernel->before[1])) +
                              packed.first[b],
                          packed.weights[b].data(),
                          kernel->height,
                          kernel->width,
                          kernel->dilation[0] * place.row,
                          kernel->dilation[1] * place.pixel,
                          kernel->stride[1] * place.pixel,
                          packed.lanes[b],
                          width};
      (form == Form::bytes ? kernels_.bytes : kernels_.words)(row, sums_.data());
      return;
    }
    const std::uint8_t* at = pixel(term.map, static_cast<std::ptrdiff_t>(y), 0);
    const std::int32_t* gain = plan.gains[t].data() + b * block;
    switch (form) {
      case Form::bytes:
        kernels_.add_bytes(at + b * block, place.pixel, width, gain, sums_.data());
        break;
      case Form::words:
        kernels_.add_words(reinterpret_cast<const std::int16_t*>(at) + b * block, place.pixel / 2,
                           width, gain, sums_.data());
        break;
      default:
        kernels_.add_sums(reinterpret_cast<const std::int32_t*>(at) + b * block, place.pixel / 4,
                          width, gain, sums_.data());
    }
  }

  void fire(const SumPlan& plan, std::int32_t high, std::size_t b, Form form, std::uint8_t* at,
            std::size_t pixel_bytes, std::size_t width) {
    const std::size_t c = b * block;
    const RowOfNeurons row{sums_.data(),
                           width,
                           plan.bias.data() + c,
                           plan.unit.data() + c,
                           plan.inverse.data() + c,
                           high,
                           plan.shift.data() + c,
                           plan.table.empty()
                               ? nullptr
                               : plan.table.data() + c * (static_cast<std::size_t>(high) + 1)};
    if (form == Form::bytes) {
      kernels_.fire_bytes(row, at, pixel_bytes);
    } else {
      kernels_.fire_words(row, reinterpret_cast<std::int16_t*>(at), pixel_bytes / 2);
    }
  }

  template <class T>
  void pool_values(const Pool& pool, std::size_t output) {
    const Shape& shape = maps_[output].shape;
    const Place& to = places_[output];
    const Place& from = places_[pool.map];
    const std::size_t channels = padded(shape.channels);
    const Window& w = pool.window;
    std::vector<T> largest(channels);
    for (std::size_t y = 0; y < shape.height; ++y) {
      for (std::size_t x = 0; x < shape.width; ++x) {
        const std::uint8_t* corner = pixel(
            pool.map,
            static_cast<std::ptrdiff_t>(y * w.stride[0]) - static_cast<std::ptrdiff_t>(w.before[0]),
            static_cast<std::ptrdiff_t>(x * w.stride[1]) -
                static_cast<std::ptrdiff_t>(w.before[1]));
        for (std::size_t i = 0; i < w.size[0]; ++i) {
          for (std::size_t j = 0; j < w.size[1]; ++j) {
            const auto* values = reinterpret_cast<const T*>(corner + i * w.dilation[0] * from.row +
                                                            j * w.dilation[1] * from.pixel);
            if (i + j == 0) {
              std::copy_n(values, channels, largest.begin());
            } else {
              for (std::size_t c = 0; c < channels; ++c) {
                largest[c] = std::max(largest[c], values[c]);
              }
            }
          }
        }
        std::memcpy(memory_.data() + to.begin + y * to.row + x * to.pixel, largest.data(),
                    channels * sizeof(T));
      }
    }
  }

  void pool_map(const Pool& pool, std::size_t output) {
    switch (maps_[pool.map].form) {
      case Form::bytes:
        return pool_values<std::uint8_t>(pool, output);
      case Form::words:
        return pool_values<std::int16_t>(pool, output);
      default:
        return pool_values<std::int32_t>(pool, output);
    }
  }

  void mix_map(const Mix& mix, std::size_t output) {
    const Map &in = maps_[mix.map], &out = maps_[output];
    const Place& to = places_[output];
    const std::size_t channels = padded(out.shape.channels);
    const std::array<std::size_t, 2> taps{mix.from[0].size() / out.shape.height,
                                          mix.from[1].size() / out.shape.width};
    for (std::size_t y = 0; y < out.shape.height; ++y) {
      for (std::size_t x = 0; x < out.shape.width; ++x) {
        std::fill_n(sums_.begin(), channels, 0);
        std::int32_t total = 0;
        for (std::size_t i = y * taps[0]; i < (y + 1) * taps[0]; ++i) {
          for (std::size_t j = x * taps[1]; j < (x + 1) * taps[1]; ++j) {
            const std::int32_t weight = mix.weights[0][i] * mix.weights[1][j];
            total += weight;
            if (weight != 0) {
              add_pixel(mix.map, mix.from[0][i], mix.from[1][j], weight);
            }
          }
        }
        for (std::size_t c = 0; c < in.zero.size(); ++c) {
          sums_[c] -= total * in.zero[c];
        }
        std::uint8_t* at = memory_.data() + to.begin + y * to.row + x * to.pixel;
        if (out.form == Form::words) {
          std::transform(sums_.begin(), sums_.begin() + static_cast<std::ptrdiff_t>(channels),
                         reinterpret_cast<std::int16_t*>(at),
                         [](std::int32_t v) { return static_cast<std::int16_t>(v); });
        } else {
          std::memcpy(at, sums_.data(), channels * sizeof(std::int32_t));
        }
      }
    }
  }

  // Adds all channels of a pixel: the kernels take its blocks for the places of a row.
  void add_pixel(std::size_t map, std::size_t y, std::size_t x, std::int32_t weight) {
    const std::uint8_t* at =
        pixel(map, static_cast<std::ptrdiff_t>(y), static_cast<std::ptrdiff_t>(x));
    std::array<std::int32_t, block> gain;
    gain.fill(weight);
    const std::size_t blocks = blocks_of(maps_[map]);
    switch (maps_[map].form) {
      case Form::bytes:
        return kernels_.add_bytes(at, block, blocks, gain.data(), sums_.data());
      case Form::words:
        return kernels_.add_words(reinterpret_cast<const std::int16_t*>(at), block, blocks,
                                  gain.data(), sums_.data());
      default:
        return kernels_.add_sums(reinterpret_cast<const std::int32_t*>(at), block, blocks,
                                 gain.data(), sums_.data());
    }
  }

  const std::vector<Map>& maps_;
  const std::vector<Place>& places_;
  const Kernels& kernels_;
  Buffer<std::uint8_t> memory_;
  Buffer<std::int32_t> sums_;
};

}  // namespace

Program::~Program() = default;
Program::Program(Program&&) noexcept = default;

Program::Program(std::vector<Map> maps, std::vector<Input> inputs,
                 std::vector<Operation> operations)
    : maps_(std::move(maps)), inputs_(std::move(inputs)), operations_(std::move(operations)) {
  check(maps_, inputs_, operations_);
  plans_ = plans_of(maps_, operations_);
}

std::vector<Work> Program::run(std::span<const float* const> inputs, std::size_t count, int threads,
                               std::span<const std::size_t> wanted,
                               std::span<std::int32_t* const> out) const {
  std::vector<Work> total(operations_.size());
  std::atomic<std::size_t> next{0};
  std::exception_ptr error;
  std::mutex mutex;
  const auto members = static_cast<int>(
      std::clamp<std::size_t>(count, 1, static_cast<std::size_t>(std::max(threads, 1))));
  run_team(members, [&](int, int) {
    try {
      Sample sample(maps_, plans_[0].places, plans_[0].initial);
      std::vector<Work> work(operations_.size());
      for (std::size_t n = next++; n < count; n = next++) {
        for (std::size_t i = 0; i < inputs_.size(); ++i) {
          sample.take(inputs_[i], inputs[i] + n * maps_[inputs_[i].map].shape.size());
        }
        for (std::size_t o = 0; o < operations_.size(); ++o) {
          sample.run(operations_[o], plans_[o].sum, plans_[o].runs);
          sample.count(operations_[o], plans_[o].sum, work[o]);
        }
        for (std::size_t w = 0; w < wanted.size(); ++w) {
          sample.give(wanted[w], out[w] + n * maps_[wanted[w]].shape.size());
        }
      }
      const std::lock_guard lock(mutex);
      for (std::size_t o = 0; o < total.size(); ++o) {
        total[o].operations.resize(std::max(total[o].operations.size(), work[o].operations.size()));
        for (std::size_t t = 0; t < work[o].operations.size(); ++t) {
          total[o].operations[t] += work[o].operations[t];
        }
        total[o].spikes += work[o].spikes;
      }
    } catch (...) {
      const std::lock_guard lock(mutex);
      error = error ? error : std::current_exception();
    }
  });
  if (error) {
    std::rethrow_exception(error);
  }
  return total;
}

}  // namespace spikelet::first_spike
