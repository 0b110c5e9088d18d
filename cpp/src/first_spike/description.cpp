// The rules of a description.
#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>

#include "first_spike/plan.hpp"

namespace spikelet::first_spike {
namespace {

void require(bool holds, const char* rule) {
  if (!holds) {
    throw std::invalid_argument(std::string("first-spike program: ") + rule);
  }
}

void check(const std::vector<Map>& maps, const Operation& operation) {
  const Map& out = maps[operation.output];
  if (const auto* sum = std::get_if<Sum>(&operation.what)) {
    require(!sum->terms.empty(), "a sum needs a term");
    require(sum->neurons.has_value() == (out.form != Form::sums), "neurons send spikes");
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
      const auto& [bias, unit, high, zero, table] = *sum->neurons;
      const std::size_t channels = out.shape.channels;
      require(bias.size() == channels && unit.size() == channels && zero.size() == channels,
              "neurons need a bias, a unit and a zero for each channel");
      require(high > 0 && high <= (out.form == Form::bytes && table.empty() ? 255 : 32767),
              "spikes must fit their form");
      require(out.form != Form::bytes || std::ranges::equal(zero, out.zero),
              "neurons and their map must have the same zeros");
      require(std::ranges::all_of(zero, [&](auto z) { return z >= 0 && z <= high; }),
              "zeros must lie within the range of the spikes");
      require(table.empty() || table.size() == channels * (static_cast<std::size_t>(high) + 1),
              "a table must have an entry for each channel and value");
      for (std::size_t i = 0; i < table.size() && out.form == Form::bytes; ++i) {
        const int stored = table[i] + zero[i / (static_cast<std::size_t>(high) + 1)];
        require(stored >= 0 && stored <= 255, "spikes of a table must fit their form");
      }
      for (const std::int32_t each : unit) {
        require(each > 0 && each <= std::numeric_limits<std::int32_t>::max() / (high + 2),
                "units must be positive, and the limit times them have 32 bits");
      }
    }
  } else if (const auto* pool = std::get_if<Pool>(&operation.what)) {
    const Map& in = maps[pool->map];
    require(in.shape.channels == out.shape.channels, "a pool keeps the channels");
    require(in.form == out.form && in.zero == out.zero, "a pool keeps the form");
    require(pool->window.size[0] > 0 && pool->window.size[1] > 0 && pool->window.stride[0] > 0 &&
                pool->window.stride[1] > 0,
            "a window must not be empty");
  } else if (const auto* mix = std::get_if<Mix>(&operation.what)) {
    const Shape &in = maps[mix->map].shape, &to = out.shape;
    require(in.channels == to.channels && out.form != Form::bytes, "a mix has sums of channels");
    for (std::size_t a = 0; a < 2; ++a) {
      const std::size_t end = a == 0 ? in.height : in.width, count = a == 0 ? to.height : to.width;
      require(mix->from[a].size() == mix->weights[a].size() && mix->from[a].size() % count == 0,
              "a mix needs weights for all places");
      require(std::ranges::all_of(mix->from[a], [&](auto at) { return at < end; }),
              "a mix must stay within its map");
    }
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
  if (const auto* mix = std::get_if<Mix>(&operation.what)) {
    return {mix->map};
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

}  // namespace

void check(const std::vector<Map>& maps, const std::vector<Input>& inputs,
           const std::vector<Operation>& operations) {
  std::vector<char> known(maps.size());
  for (const Map& map : maps) {
    require(map.shape.channels > 0 && map.shape.height > 0 && map.shape.width > 0,
            "a map must not be empty");
    require(map.zero.size() == (map.form == Form::bytes ? map.shape.channels : 0),
            "bytes have a zero for each channel");
  }
  for (const Input& input : inputs) {
    require(input.map < maps.size() && maps[input.map].form != Form::sums &&
                input.scale.size() == maps[input.map].shape.channels,
            "an input needs a map of spikes and a scale for each channel");
    known[input.map] = 1;
  }
  for (const Operation& operation : operations) {
    require(operation.output < maps.size(), "an output must be a map");
    for (const std::size_t m : inputs_of(operation)) {
      require(m < maps.size() && known[m], "operations must be in order");
    }
    check(maps, operation);
    known[operation.output] = 1;
  }
}

}  // namespace spikelet::first_spike
