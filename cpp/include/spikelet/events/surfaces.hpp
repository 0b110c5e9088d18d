// Time surfaces: how long ago each pixel had its last event, as a decaying exponential (Lagorce et
// al. 2016, HOTS), and averages of local ones (Sironi et al. 2018, HATS).
#pragma once

#include <cstdint>
#include <span>

#include "spikelet/events/columns.hpp"

namespace spikelet::events {

// Surface i is exp(-(end + i stride - t) / tau), t being the last of events [0, last[i]) at the
// pixel; 0 without one. last must not decrease. out: float or double, [surfaces, polarities,
// height, width]. Threads share the pixels. All events
// must be sorted, which is checked, and from 0 to 2^52.
struct SurfaceTimes {
  std::span<const std::int64_t> last;
  double end, stride, tau;
};
template <class T>
void time_surface(const Events& events, const Sensor& sensor, const SurfaceTimes& times, T* out,
                  int threads);

// The sensor falls into square cells. Each event of a cell and polarity makes a surface of the
// events before it there, within its surface x surface neighbourhood and `window`; surfaces of a
// cell are averaged. out: [cells, polarities, surface, surface].
struct AveragedSurfaces {
  std::int64_t cell, surface;
  double window, tau;
  bool linear;  // 1 - age / (3 tau), else exp(-age / tau)
};
void averaged_time_surface(const Events& events, const Sensor& sensor,
                           const AveragedSurfaces& shape, float* out, int threads);

}  // namespace spikelet::events
