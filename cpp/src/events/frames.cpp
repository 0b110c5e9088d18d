#include "spikelet/events/frames.hpp"

#include <cmath>
#include <limits>

#include "spikelet/core/parallel.hpp"

namespace spikelet::events {
namespace {

template <class T>
void count(T& n) {
  if constexpr (std::numeric_limits<T>::is_integer) {
    n = static_cast<T>(n + (n != std::numeric_limits<T>::max()));
  } else {
    n += 1;
  }
}

}  // namespace

template <class T>
void count_frames(const Events& events, const Sensor& sensor, std::span<const std::int64_t> first,
                  std::span<const std::int64_t> last, T* out, int threads) {
  const std::size_t size = sensor.cells();
  parallel_for(threads, first.size(), [&](std::size_t i) {
    T* const frame = out + i * size;
    for_cells(events, sensor, static_cast<std::size_t>(first[i]), static_cast<std::size_t>(last[i]),
              [&](std::size_t, std::size_t n, const std::int32_t* cell) {
                for (std::size_t k = 0; k < n; ++k) {
                  count(frame[cell[k]]);
                }
              });
  });
}

template <class T>
void count_bins(const Events& events, const Sensor& sensor, double start, double width,
                std::int64_t bins, T* out) {
  const std::size_t size = sensor.cells();
  const auto limit = static_cast<double>(bins);
  for_events(
      events, sensor, 0, events.n,
      [&](std::size_t, std::size_t n, const std::int64_t* t, const std::int32_t* cell) {
        for (std::size_t k = 0; k < n; ++k) {
          const double bin = std::floor((static_cast<double>(t[k]) - start) / width);
          if (bin >= 0 && bin < limit) {
            count(out[static_cast<std::size_t>(bin) * size + static_cast<std::size_t>(cell[k])]);
          }
        }
      });
}

#define SPIKELET_COUNTS(T)                                                                \
  template void count_frames(const Events&, const Sensor&, std::span<const std::int64_t>, \
                             std::span<const std::int64_t>, T*, int);                     \
  template void count_bins(const Events&, const Sensor&, double, double, std::int64_t, T*);
SPIKELET_COUNTS(std::uint8_t)
SPIKELET_COUNTS(std::int16_t)
SPIKELET_COUNTS(std::int32_t)
SPIKELET_COUNTS(float)
#undef SPIKELET_COUNTS

}  // namespace spikelet::events
