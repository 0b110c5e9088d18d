// Deterministic codes of values into spikes. Each fills a raster [steps, n] of 0 and 1, row k being
// step k. The caller guarantees x in [0, 1] (delta: finite) and the limits given with each code;
// values and sizes with which a spike would leave the raster are a std::invalid_argument. Serial,
// O(steps * n).
#pragma once

#include <cstdint>
#include <span>

#include "spikelet/core/types.hpp"

namespace spikelet::coding {

// One spike for x > threshold, none otherwise; with last = steps - 1 it is in the row nearest to
//   tau = infinity: last * (1 - x);   else: -tau * log(x + (1 - x) * exp(-last / tau)),
// which falls from last at x = 0 to 0 at x = 1; tau > 0 in steps.
void latency(std::span<const double> x, Step steps, double tau, double threshold,
             std::span<std::uint8_t> raster);

// Row k has bit k mod bits of floor(x * 2^bits), the most significant first; x = 1 has all bits
// set. 1 <= bits <= 32.
void phase(std::span<const double> x, Step steps, int bits, std::span<std::uint8_t> raster);

// ceil(n_max * x) spikes, the first in row 0, ceil(isi_max - (isi_max - isi_min) * x) rows apart.
// 1 <= isi_min <= isi_max, (n_max - 1) * isi_max < steps.
void burst(std::span<const double> x, std::int64_t n_max, Step isi_min, Step isi_max,
           std::span<std::uint8_t> raster);

// Series x [steps, n] into raster [steps, n, 2], ON and OFF: a spike whenever x is a threshold > 0
// above or below a reference, which starts at the first value and moves by one threshold towards x
// with each spike.
void delta(std::span<const double> x, Step steps, double threshold, std::span<std::uint8_t> raster);

}  // namespace spikelet::coding
