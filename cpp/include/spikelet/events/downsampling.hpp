// Downsampling by integration (Ghosh et al. 2023, Insect-inspired spatio-temporal downsampling of
// event-based input): pixels of a smaller sensor add up ON minus OFF events.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "spikelet/events/columns.hpp"

namespace spikelet::events {

struct Emitted {
  std::vector<std::int64_t> frame;
  std::vector<std::int32_t> pixel;  // y * width + x
  std::vector<std::uint8_t> p;
};

// Frame i adds events [first[i], last[i]) to the sums of their pixels: x * width / sensor.width and
// y * height / sensor.height, truncated. Then, in the order of pixels, those at or above the
// threshold emit an event with p = 1; then those at or below minus the threshold, one with p = 0.
// Both start again at 0.
Emitted integrate(const Events& events, const Sensor& sensor, std::int64_t width,
                  std::int64_t height, std::span<const std::int64_t> first,
                  std::span<const std::int64_t> last, std::int64_t threshold);

}  // namespace spikelet::events
