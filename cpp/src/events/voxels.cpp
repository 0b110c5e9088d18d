#include "spikelet/events/voxels.hpp"

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "events/kernels.hpp"
#include "spikelet/core/parallel.hpp"

namespace spikelet::events {
namespace {

struct Scale {
  std::int64_t first, last;
  double per_bin;
};

[[noreturn]] void not_sorted() {
  throw std::invalid_argument(
      "events must be sorted by t (np.sort(events, order=\"t\", kind=\"stable\"))");
}

// Adds what events [from, to) give to the bins [low, high).
template <class T>
void add(const Events& events, const Sensor& sensor, Scale scale, std::size_t from, std::size_t to,
         std::int64_t low, std::int64_t high, T* out) {
  const auto pixels = static_cast<std::int32_t>(sensor.plane);
  const std::int64_t begin = low * pixels, end = high * pixels;
  const auto& levels = level_table();
  std::int64_t t[block];
  std::int32_t at[block];
  T early[block], late[block];
  const Spread<T> parts{scale.first, scale.per_bin, pixels, at, early, late};
  std::int64_t before = scale.first;
  for_cells(events, sensor, from, to,
            [&](std::size_t first, std::size_t n, const std::int32_t* cell) {
              load(events.t, first, {t, n});
              if (!levels.ordered(t, n, before, scale.last)) {
                not_sorted();
              }
              before = t[n - 1];
              levels.of<T>().spread(t, cell, parts, n);
              // As the events are sorted, the first and last tell whether all are inside.
              if (at[0] >= begin + pixels && at[n - 1] + 2 * std::int64_t{pixels} < end) {
                for (std::size_t k = 0; k < n; ++k) {
                  T* const to_early = out + at[k];
                  to_early[0] += early[k];
                  to_early[pixels] += late[k];
                }
                return;
              }
              for (std::size_t k = 0; k < n; ++k) {
                if (at[k] >= begin && at[k] < end) {
                  out[at[k]] += early[k];
                }
                if (at[k] + pixels >= begin && at[k] + std::int64_t{pixels} < end) {
                  out[at[k] + pixels] += late[k];
                }
              }
            });
}

}  // namespace

template <class T>
void voxel_grid(const Events& events, const Sensor& sensor, std::int64_t bins, T* out,
                int threads) {
  if (events.n == 0) {
    return;
  }
  std::int64_t first, last;
  load(events.t, 0, {&first, 1});
  load(events.t, events.n - 1, {&last, 1});
  if (first < 0 || last >= most_time) {
    throw std::invalid_argument("events must have times from 0 to 2^52 us");
  }
  if (last < first) {
    not_sorted();
  }
  const auto span = static_cast<double>(last - first);
  const Scale scale{first, last, span > 0 ? static_cast<double>(bins) / span : 0.0};
  const auto parts = static_cast<std::size_t>(std::clamp<std::int64_t>(threads, 1, bins));
  if (parts == 1) {
    return add(events, sensor, scale, 0, events.n, 0, bins, out);
  }
  // Each part owns some bins. It takes the events up to its end, from those on that reach its first
  // bin: all that there are between its predecessor's end and its own, so that all pairs are
  // checked for their order. A microsecond more on both sides is room for rounding.
  const auto bin_of = [&](std::size_t part) {
    return bins * static_cast<std::int64_t>(part) / static_cast<std::int64_t>(parts);
  };
  std::vector<double> times;
  for (std::size_t part = 0; part <= parts; ++part) {
    const double width = span / static_cast<double>(bins),
                 start = static_cast<double>(first) + static_cast<double>(bin_of(part)) * width;
    times.insert(times.end(), {start - width - 1, start + 1});
  }
  std::vector<std::int64_t> found(times.size());
  search(events, times, found);
  found[0] = found[1] = 0;
  found.back() = static_cast<std::int64_t>(events.n);
  for (std::size_t part = 1; part <= parts; ++part) {
    found[2 * part + 1] = std::max(found[2 * part + 1], found[2 * part - 1]);
    found[2 * part] = std::min(found[2 * part], std::max<std::int64_t>(found[2 * part + 1] - 1, 0));
  }
  parallel_for(threads, parts, [&](std::size_t part) {
    const auto from = static_cast<std::size_t>(found[2 * part]),
               to = static_cast<std::size_t>(found[2 * part + 3]);
    if (from < to) {
      add(events, sensor, scale, from, to, bin_of(part), bin_of(part + 1), out);
    }
  });
}

template void voxel_grid(const Events&, const Sensor&, std::int64_t, float*, int);
template void voxel_grid(const Events&, const Sensor&, std::int64_t, double*, int);

}  // namespace spikelet::events
