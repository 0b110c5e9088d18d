#include "spikelet/first_spike/program.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

#include "first_spike/kernels.hpp"
#include "spikelet/core/parallel.hpp"

namespace spikelet::first_spike {
namespace {

using Sums = std::vector<std::int32_t>;

std::size_t padded(std::size_t channels) { return (channels + block - 1) / block * block; }
std::size_t value_bytes(Form form) { return form == Form::bytes ? 1 : form == Form::words ? 2 : 4; }
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

void require(bool holds, const char* rule) {
  if (!holds) {
    throw std::invalid_argument(std::string("first-spike program: ") + rule);
  }
}

// Where the values of a map lie in the memory of a sample.
struct Place {
  std::size_t begin = 0;                         // of the first value within the border
  std::size_t pixel = 0, row = 0, bytes = 0;     // [bytes], all of them
  std::array<std::size_t, 2> before{}, after{};  // borders, vertical and horizontal
};

void widen(std::size_t& border, std::ptrdiff_t needed) {
  border = std::max(border, static_cast<std::size_t>(std::max<std::ptrdiff_t>(needed, 0)));
}

// Makes the border wide enough for windows at `places`.
void reserve(Place& place, const Shape& shape, const Window& w, const Shape& places) {
  const std::array<std::size_t, 2> size{shape.height, shape.width};
  const std::array<std::size_t, 2> count{places.height, places.width};
  for (std::size_t a = 0; a < 2; ++a) {
    const auto before = static_cast<std::ptrdiff_t>(w.before[a]);
    const auto end = static_cast<std::ptrdiff_t>((count[a] - 1) * w.stride[a] +
                                                 (w.size[a] - 1) * w.dilation[a]) -
                     before + 1;
    widen(place.before[a], before);
    widen(place.after[a], end - static_cast<std::ptrdiff_t>(size[a]));
  }
}

Window window_of(const Kernel& k) {
  return {{k.height, k.width}, k.stride, k.dilation, k.before, false};
}

// The weights of a kernel by block of outputs: [kernel row][column][lane][16 outputs] lanes of 4
// bytes or 2 words, of the lanes of input channels that these outputs see.
struct Packed {
  std::vector<std::vector<std::uint8_t>> weights;
  std::vector<std::size_t> first, lanes;  // by block
};

Packed pack(const Kernel& kernel, const Shape& in, const Shape& out, Form form) {
  const std::size_t each = form == Form::bytes ? 4 : 2;  // values of a lane
  const std::size_t group_in = in.channels / kernel.groups;
  const std::size_t group_out = out.channels / kernel.groups;
  Packed packed;
  for (std::size_t b = 0; b * block < out.channels; ++b) {
    const std::size_t last = std::min((b + 1) * block, out.channels) - 1;
    const std::size_t begin = b * block / group_out * group_in / each;
    const std::size_t end = ((last / group_out + 1) * group_in + each - 1) / each;
    const std::size_t lanes = end - begin;
    std::vector<std::uint8_t> bytes(kernel.height * kernel.width * lanes * block * 4);
    for (std::size_t o = b * block; o <= last; ++o) {
      for (std::size_t i = 0; i < group_in; ++i) {
        const std::size_t channel = o / group_out * group_in + i;
        for (std::size_t tap = 0; tap < kernel.height * kernel.width; ++tap) {
          const std::int16_t w =
              kernel.weights[(o * group_in + i) * kernel.height * kernel.width + tap];
          const std::size_t lane = (tap * lanes + channel / each - begin) * block + o % block;
          std::uint8_t* at = &bytes[lane * 4 + channel % each * (4 / each)];
          if (form == Form::bytes) {
            *at = static_cast<std::uint8_t>(static_cast<std::int8_t>(w));
          } else {
            std::memcpy(at, &w, sizeof w);
          }
        }
      }
    }
    packed.weights.push_back(std::move(bytes));
    packed.first.push_back(begin * 4);
    packed.lanes.push_back(lanes);
  }
  return packed;
}

template <class T>
std::vector<T> filled_up(const std::vector<T>& values, T rest) {
  std::vector<T> all(values);
  all.resize(padded(values.size()), rest);
  return all;
}

// Copies of `length` bytes.
struct Run {
  std::size_t from, to, length;
};

// How many windows see each row and each column of a map.
struct FanOut {
  std::vector<std::uint64_t> rows, columns;
};

FanOut fan_out(const Window& w, const Shape& in, const Shape& places) {
  const std::array<std::size_t, 2> size{in.height, in.width}, count{places.height, places.width};
  std::array<std::vector<std::uint64_t>, 2> seen;
  for (std::size_t a = 0; a < 2; ++a) {
    seen[a].resize(size[a]);
    for (std::size_t i = 0; i < count[a]; ++i) {
      for (std::size_t k = 0; k < w.size[a]; ++k) {
        const std::size_t at = i * w.stride[a] + k * w.dilation[a] - w.before[a];
        if (at < size[a]) {  // unsigned: neither before it
          ++seen[a][at];
        }
      }
    }
  }
  return {seen[0], seen[1]};
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

struct SumPlan {
  std::vector<Packed> packed;  // of each term, empty if it is no convolution
  std::vector<FanOut> fans;
  std::vector<Sums> gains;
  Sums bias, unit;
  std::vector<float> inverse;
};

}  // namespace

struct Program::Plan {
  std::vector<Place> places;          // of all maps, in the first plan only
  std::vector<std::uint8_t> initial;  // the memory of a sample, in the first plan only
  SumPlan sum;
  std::vector<Run> runs;
};

namespace {

void check(const std::vector<Map>& maps, const Operation& operation) {
  const Map& out = maps[operation.output];
  if (const auto* sum = std::get_if<Sum>(&operation.what)) {
    require(!sum->terms.empty(), "a sum needs a term");
    require(sum->neurons.has_value() == (out.form != Form::sums), "neurons send spikes");
    require(std::ranges::all_of(out.zero, [](auto z) { return z == 0; }), "spikes count from 0");
    for (const Term& term : sum->terms) {
      const Map& in = maps[term.map];
      if (const auto* kernel = std::get_if<Kernel>(&term.weights)) {
        require(in.form != Form::sums, "a convolution takes spikes");
        require(kernel->groups > 0 && in.shape.channels % kernel->groups == 0 &&
                    out.shape.channels % kernel->groups == 0,
                "groups must divide the channels");
        require(kernel->height > 0 && kernel->width > 0 && kernel->stride[0] > 0 &&
                    kernel->stride[1] > 0 && kernel->dilation[0] > 0 && kernel->dilation[1] > 0,
                "a kernel must not be empty");
        require(kernel->weights.size() == out.shape.channels * in.shape.channels / kernel->groups *
                                              kernel->height * kernel->width,
                "weights must be [out][in][height][width]");
        if (in.form == Form::bytes) {
          const auto [least, most] =
              std::minmax_element(kernel->weights.begin(), kernel->weights.end());
          require(*least >= -128 && *most <= 127, "weights of bytes must have 8 bits");
        }
      } else {
        const auto& gain = std::get<std::vector<std::int32_t>>(term.weights);
        require(gain.size() == out.shape.channels && in.shape.channels == gain.size() &&
                    in.shape.height == out.shape.height && in.shape.width == out.shape.width,
                "a map that is added must have the shape of the output");
      }
    }
    if (sum->neurons) {
      const auto& [bias, unit, high] = *sum->neurons;
      require(bias.size() == out.shape.channels && unit.size() == out.shape.channels,
              "neurons need a bias and a unit for each channel");
      require(high > 0 && high <= (out.form == Form::bytes ? 255 : 32767),
              "spikes must fit their form");
      for (const std::int32_t each : unit) {
        require(each > 0 && each <= std::numeric_limits<std::int32_t>::max() / (high + 2),
                "units must be positive, and the limit times them have 32 bits");
      }
    }
  } else if (const auto* pool = std::get_if<Pool>(&operation.what)) {
    const Map& in = maps[pool->map];
    require(in.shape.channels == out.shape.channels, "a pool keeps the channels");
    require(
        pool->window.largest ? in.form == out.form && in.zero == out.zero : out.form != Form::bytes,
        "the form of a pool does not fit");
    require(pool->window.size[0] > 0 && pool->window.size[1] > 0 && pool->window.stride[0] > 0 &&
                pool->window.stride[1] > 0,
            "a window must not be empty");
  } else {
    const auto& move = std::get<Move>(operation.what);
    require(!move.maps.empty() && move.from.size() == out.shape.size(),
            "a move must fit its output");
    std::int64_t total = 0;
    for (const std::size_t map : move.maps) {
      require(maps[map].form == out.form, "a move keeps the form");
      total += static_cast<std::int64_t>(maps[map].shape.size());
    }
    require(std::ranges::all_of(move.from, [&](std::int64_t i) { return i < total; }),
            "a move must stay within its maps");
  }
}

std::vector<std::size_t> inputs_of(const Operation& operation) {
  if (const auto* pool = std::get_if<Pool>(&operation.what)) {
    return {pool->map};
  }
  if (const auto* move = std::get_if<Move>(&operation.what)) {
    return move->maps;
  }
  std::vector<std::size_t> found;
  for (const Term& term : std::get<Sum>(operation.what).terms) {
    found.push_back(term.map);
  }
  return found;
}

// Where value i of maps after each other lies.
std::size_t byte_of(const std::vector<Map>& maps, const std::vector<Place>& places,
                    const std::vector<std::size_t>& from, std::size_t i) {
  for (const std::size_t m : from) {
    const Shape& shape = maps[m].shape;
    if (i < shape.size()) {
      const std::size_t c = i % shape.channels, x = i / shape.channels % shape.width;
      const std::size_t y = i / shape.channels / shape.width;
      const Place& place = places[m];
      return place.begin + y * place.row + x * place.pixel + c * value_bytes(maps[m].form);
    }
    i -= shape.size();
  }
  return 0;
}

}  // namespace

Program::~Program() = default;
Program::Program(Program&&) noexcept = default;

Program::Program(std::vector<Map> maps, std::vector<Input> inputs,
                 std::vector<Operation> operations)
    : maps_(std::move(maps)), inputs_(std::move(inputs)), operations_(std::move(operations)) {
  std::vector<char> known(maps_.size());
  for (const Map& map : maps_) {
    require(map.shape.channels > 0 && map.shape.height > 0 && map.shape.width > 0,
            "a map must not be empty");
    require(map.zero.size() == (map.form == Form::bytes ? map.shape.channels : 0),
            "bytes have a zero for each channel");
  }
  for (const Input& input : inputs_) {
    require(input.map < maps_.size() && maps_[input.map].form != Form::sums &&
                input.scale.size() == maps_[input.map].shape.channels,
            "an input needs a map of spikes and a scale for each channel");
    known[input.map] = 1;
  }
  std::vector<Place> places(maps_.size());
  for (const Operation& operation : operations_) {
    require(operation.output < maps_.size(), "an output must be a map");
    for (const std::size_t m : inputs_of(operation)) {
      require(m < maps_.size() && known[m], "operations must be in order");
    }
    check(maps_, operation);
    known[operation.output] = 1;
    if (const auto* sum = std::get_if<Sum>(&operation.what)) {
      for (const Term& term : sum->terms) {
        if (const auto* kernel = std::get_if<Kernel>(&term.weights)) {
          reserve(places[term.map], maps_[term.map].shape, window_of(*kernel),
                  maps_[operation.output].shape);
        }
      }
    } else if (const auto* pool = std::get_if<Pool>(&operation.what)) {
      reserve(places[pool->map], maps_[pool->map].shape, pool->window,
              maps_[operation.output].shape);
    }
  }
  std::size_t total = 0;
  for (std::size_t m = 0; m < maps_.size(); ++m) {
    Place& p = places[m];
    const Shape& shape = maps_[m].shape;
    p.pixel = padded(shape.channels) * value_bytes(maps_[m].form);
    p.row = (p.before[1] + shape.width + p.after[1]) * p.pixel;
    p.begin = total + p.before[0] * p.row + p.before[1] * p.pixel;
    p.bytes = (p.before[0] + shape.height + p.after[0]) * p.row;
    total += (p.bytes + 63) / 64 * 64;
  }
  plans_.resize(std::max<std::size_t>(operations_.size(), 1));
  plans_[0].initial.resize(total);
  for (std::size_t m = 0; m < maps_.size(); ++m) {
    if (maps_[m].form == Form::bytes) {
      const auto zero = filled_up(maps_[m].zero, std::uint8_t{0});
      const Place& p = places[m];
      std::uint8_t* at =
          plans_[0].initial.data() + p.begin - p.before[0] * p.row - p.before[1] * p.pixel;
      for (std::size_t i = 0; i < p.bytes; i += p.pixel) {
        std::copy(zero.begin(), zero.end(), at + i);
      }
    }
  }
  for (std::size_t n = 0; n < operations_.size(); ++n) {
    const Operation& operation = operations_[n];
    const Map& out = maps_[operation.output];
    Plan& plan = plans_[n];
    if (const auto* sum = std::get_if<Sum>(&operation.what)) {
      for (const Term& term : sum->terms) {
        const Map& in = maps_[term.map];
        const auto* kernel = std::get_if<Kernel>(&term.weights);
        plan.sum.packed.push_back(kernel ? pack(*kernel, in.shape, out.shape, in.form) : Packed());
        plan.sum.fans.push_back(kernel ? fan_out(window_of(*kernel), in.shape, out.shape)
                                       : FanOut());
        plan.sum.gains.push_back(kernel ? Sums() : filled_up(std::get<Sums>(term.weights), 0));
      }
      if (sum->neurons) {
        plan.sum.bias = filled_up(sum->neurons->bias, 0);
        plan.sum.unit = filled_up(sum->neurons->unit, 1);
        for (const std::int32_t unit : plan.sum.unit) {
          plan.sum.inverse.push_back(1.0F / static_cast<float>(unit));
        }
      }
    } else if (const auto* pool = std::get_if<Pool>(&operation.what)) {
      plan.sum.fans.push_back(fan_out(pool->window, maps_[pool->map].shape, out.shape));
    } else if (const auto* move = std::get_if<Move>(&operation.what)) {
      const std::size_t bytes = value_bytes(out.form);
      const std::vector<std::size_t> own{operation.output};
      for (std::size_t i = 0; i < move->from.size(); ++i) {
        if (move->from[i] < 0) {
          continue;  // zero from the beginning
        }
        const std::size_t from =
            byte_of(maps_, places, move->maps, static_cast<std::size_t>(move->from[i]));
        const std::size_t to = byte_of(maps_, places, own, i);
        if (!plan.runs.empty() && plan.runs.back().from + plan.runs.back().length == from &&
            plan.runs.back().to + plan.runs.back().length == to) {
          plan.runs.back().length += bytes;
        } else {
          plan.runs.push_back({from, to, bytes});
        }
      }
    }
  }
  plans_[0].places = std::move(places);
}

namespace {

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
      width = std::max(width, map.shape.width);
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
    } else {
      for (const Run& run : runs) {
        std::memcpy(memory_.data() + run.to, memory_.data() + run.from, run.length);
      }
    }
  }

  // Counts what an operation did.
  void count(const Operation& operation, const SumPlan& plan, Work& work) const {
    if (const auto* pool = std::get_if<Pool>(&operation.what)) {
      work.operations.resize(1);
      work.operations[0] += pool->window.largest ? 0 : synapses(pool->map, plan.fans[0]);
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
    const RowOfNeurons row{
        sums_.data(), width, plan.bias.data() + c, plan.unit.data() + c, plan.inverse.data() + c,
        high};
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
    Sums total(channels);
    for (std::size_t y = 0; y < shape.height; ++y) {
      for (std::size_t x = 0; x < shape.width; ++x) {
        const std::uint8_t* corner = pixel(
            pool.map,
            static_cast<std::ptrdiff_t>(y * w.stride[0]) - static_cast<std::ptrdiff_t>(w.before[0]),
            static_cast<std::ptrdiff_t>(x * w.stride[1]) -
                static_cast<std::ptrdiff_t>(w.before[1]));
        std::uint8_t* at = memory_.data() + to.begin + y * to.row + x * to.pixel;
        std::fill(total.begin(), total.end(), 0);
        for (std::size_t i = 0; i < w.size[0]; ++i) {
          for (std::size_t j = 0; j < w.size[1]; ++j) {
            const auto* values = reinterpret_cast<const T*>(corner + i * w.dilation[0] * from.row +
                                                            j * w.dilation[1] * from.pixel);
            if (!w.largest) {
              for (std::size_t c = 0; c < channels; ++c) {
                total[c] += values[c];
              }
            } else if (i + j == 0) {
              std::copy_n(values, channels, largest.begin());
            } else {
              for (std::size_t c = 0; c < channels; ++c) {
                largest[c] = std::max(largest[c], values[c]);
              }
            }
          }
        }
        if (w.largest) {
          std::memcpy(at, largest.data(), channels * sizeof(T));
        } else if (maps_[output].form == Form::words) {
          auto* words = reinterpret_cast<std::int16_t*>(at);
          std::transform(total.begin(), total.end(), words,
                         [](std::int32_t v) { return static_cast<std::int16_t>(v); });
        } else {
          std::memcpy(at, total.data(), channels * sizeof(std::int32_t));
        }
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

  const std::vector<Map>& maps_;
  const std::vector<Place>& places_;
  const Kernels& kernels_;
  Buffer<std::uint8_t> memory_;
  Buffer<std::int32_t> sums_;
};

}  // namespace

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
