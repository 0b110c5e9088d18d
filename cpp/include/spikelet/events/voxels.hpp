// Voxel grids: polarities spread over two neighbouring bins of time (Zhu et al. 2019, Unsupervised
// event-based learning of optical flow, depth, and egomotion, eq. 1-3).
#pragma once

#include "spikelet/events/columns.hpp"

namespace spikelet::events {

// With s = bins (t - t_first) / (t_last - t_first), bin floor(s) gets +-(1 - frac(s)) and the one
// after it +-frac(s); + for p = 1, - for p = 0. What falls beyond the last bin is left out. If all
// events are at one time, s = 0. out: zeros of float or double, [bins, height, width]. Events must
// be sorted, which is checked, and from 0 to 2^52; the grid has fewer than 2^31 elements. Each bin
// adds up in the order of the events, at any number of threads.
template <class T>
void voxel_grid(const Events& events, const Sensor& sensor, std::int64_t bins, T* out, int threads);

}  // namespace spikelet::events
