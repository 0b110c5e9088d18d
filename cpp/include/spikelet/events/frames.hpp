// Events counted into dense arrays of T: std::uint8_t, std::int16_t, std::int32_t or float. Integer
// counts saturate. Counts do not depend on the number of threads.
#pragma once

#include <cstdint>
#include <span>

#include "spikelet/events/columns.hpp"

namespace spikelet::events {

// Frame i counts events [first[i], last[i]). out: zeros, [frames, polarities, height, width]. The
// caller guarantees 0 <= first[i], last[i] <= events.n; a frame whose end is not after its start is
// empty.
template <class T>
void count_frames(const Events& events, const Sensor& sensor, std::span<const std::int64_t> first,
                  std::span<const std::int64_t> last, T* out, int threads);

// Bin k counts the events with start + k width <= t < start + (k + 1) width, in any order; others
// are left out. out: zeros, [bins, polarities, height, width].
template <class T>
void count_bins(const Events& events, const Sensor& sensor, double start, double width,
                std::int64_t bins, T* out);

}  // namespace spikelet::events
