// Where the maps lie in memory, and how the weights of each operation are packed.
#include "first_spike/plan.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace spikelet::first_spike {
namespace {

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

Window window_of(const Kernel& k) { return {{k.height, k.width}, k.stride, k.dilation, k.before}; }

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

FanOut fan_out(const Mix& mix, const Shape& in) {
  FanOut seen{std::vector<std::uint64_t>(in.height), std::vector<std::uint64_t>(in.width)};
  for (std::size_t a = 0; a < 2; ++a) {
    for (std::size_t i = 0; i < mix.from[a].size(); ++i) {
      (a == 0 ? seen.rows : seen.columns)[mix.from[a][i]] += mix.weights[a][i] != 0;
    }
  }
  return seen;
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

std::vector<Program::Plan> plans_of(const std::vector<Map>& maps,
                                    const std::vector<Operation>& operations) {
  std::vector<Place> places(maps.size());
  for (const Operation& operation : operations) {
    if (const auto* sum = std::get_if<Sum>(&operation.what)) {
      for (const Term& term : sum->terms) {
        if (const auto* kernel = std::get_if<Kernel>(&term.weights)) {
          reserve(places[term.map], maps[term.map].shape, window_of(*kernel),
                  maps[operation.output].shape);
        }
      }
    } else if (const auto* pool = std::get_if<Pool>(&operation.what)) {
      reserve(places[pool->map], maps[pool->map].shape, pool->window, maps[operation.output].shape);
    }
  }
  std::size_t total = 0;
  for (std::size_t m = 0; m < maps.size(); ++m) {
    Place& p = places[m];
    const Shape& shape = maps[m].shape;
    p.pixel = padded(shape.channels) * value_bytes(maps[m].form);
    p.row = (p.before[1] + shape.width + p.after[1]) * p.pixel;
    p.begin = total + p.before[0] * p.row + p.before[1] * p.pixel;
    p.bytes = (p.before[0] + shape.height + p.after[0]) * p.row;
    total += (p.bytes + 63) / 64 * 64;
  }
  std::vector<Program::Plan> plans(std::max<std::size_t>(operations.size(), 1));
  plans[0].initial.resize(total);
  for (std::size_t m = 0; m < maps.size(); ++m) {
    if (maps[m].form == Form::bytes) {
      const auto zero = filled_up(maps[m].zero, std::uint8_t{0});
      const Place& p = places[m];
      std::uint8_t* at =
          plans[0].initial.data() + p.begin - p.before[0] * p.row - p.before[1] * p.pixel;
      for (std::size_t i = 0; i < p.bytes; i += p.pixel) {
        std::copy(zero.begin(), zero.end(), at + i);
      }
    }
  }
  for (std::size_t n = 0; n < operations.size(); ++n) {
    const Operation& operation = operations[n];
    const Map& out = maps[operation.output];
    Program::Plan& plan = plans[n];
    if (const auto* sum = std::get_if<Sum>(&operation.what)) {
      for (const Term& term : sum->terms) {
        const Map& in = maps[term.map];
        const auto* kernel = std::get_if<Kernel>(&term.weights);
        plan.sum.packed.push_back(kernel ? pack(*kernel, in.shape, out.shape, in.form) : Packed());
        plan.sum.fans.push_back(kernel ? fan_out(window_of(*kernel), in.shape, out.shape)
                                       : FanOut());
        plan.sum.gains.push_back(kernel ? Sums() : filled_up(std::get<Sums>(term.weights), 0));
      }
      if (sum->neurons) {
        plan.sum.bias = filled_up(sum->neurons->bias, 0);
        plan.sum.unit = filled_up(sum->neurons->unit, 1);
        plan.sum.shift = filled_up(sum->neurons->zero, 0);
        plan.sum.table = sum->neurons->table;
        const auto entries = static_cast<std::size_t>(sum->neurons->high) + 1;
        for (std::size_t i = 0; i < plan.sum.table.size() && out.form == Form::bytes; ++i) {
          plan.sum.table[i] =
              static_cast<std::int16_t>(plan.sum.table[i] + sum->neurons->zero[i / entries]);
        }
        if (!plan.sum.table.empty()) {
          plan.sum.table.resize(padded(out.shape.channels) * entries);
        }
        if (out.form == Form::bytes) {  // which are stored with their zero
          std::ranges::fill(plan.sum.shift, 0);
        }
        for (const std::int32_t unit : plan.sum.unit) {
          plan.sum.inverse.push_back(1.0F / static_cast<float>(unit));
        }
      }
    } else if (const auto* mix = std::get_if<Mix>(&operation.what)) {
      plan.sum.fans.push_back(fan_out(*mix, maps[mix->map].shape));
    } else if (const auto* move = std::get_if<Move>(&operation.what)) {
      const std::size_t bytes = value_bytes(out.form);
      const std::vector<std::size_t> own{operation.output};
      for (std::size_t i = 0; i < move->from.size(); ++i) {
        if (move->from[i] < 0) {
          continue;  // zero from the beginning
        }
        const std::size_t from =
            byte_of(maps, places, move->maps, static_cast<std::size_t>(move->from[i]));
        const std::size_t to = byte_of(maps, places, own, i);
        if (!plan.runs.empty() && plan.runs.back().from + plan.runs.back().length == from &&
            plan.runs.back().to + plan.runs.back().length == to) {
          plan.runs.back().length += bytes;
        } else {
          plan.runs.push_back({from, to, bytes});
        }
      }
    }
  }
  plans[0].places = std::move(places);
  return plans;
}

}  // namespace spikelet::first_spike
