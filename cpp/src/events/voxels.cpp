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

// Calls body(n, at, parts) for blocks of events [from, to): event k adds parts[2 k] to element
// at[k] and parts[2 k + 1] to the same pixel of the next bin.
template <class T, class Body>
void for_parts(const Events& events, const Sensor& sensor, Scale scale, std::size_t from,
               std::size_t to, Body&& body) {
  const auto& levels = level_table();
  std::int32_t at[block];
  T parts[2 * block];
  const Spread<T> spread{scale.first, scale.per_bin, static_cast<std::int32_t>(sensor.plane), at,
                         parts};
  std::int64_t before = scale.first;
  for_events(events, sensor, from, to,
             [&](std::size_t, std::size_t n, const std::int64_t* t, const std::int32_t* cell) {
               if (!levels.ordered(t, n, before, scale.last)) {
                 not_sorted();
               }
               before = t[n - 1];
               levels.of<T>().spread(t, cell, spread, n);
               body(n, static_cast<const std::int32_t*>(at), static_cast<const T*>(parts));
             });
}

// Adds both values of each event. Not inlined, so that all it uses is in registers.
template <class T>
[[gnu::noinline]] void add_both(const std::int32_t* at, std::size_t n, std::int64_t pixels,
                                const T* parts, T* __restrict out) {
  for (std::size_t k = 0; k < n; ++k) {
    T* const early = out + at[k];
    early[0] += parts[2 * k];
    early[pixels] += parts[2 * k + 1];
  }
}

// Adds what events [from, to) give to the bins [low, high).
template <class T>
void add(const Events& events, const Sensor& sensor, Scale scale, std::size_t from, std::size_t to,
         std::int64_t low, std::int64_t high, T* out) {
  const std::int64_t pixels = sensor.plane, begin = low * pixels, end = high * pixels;
  for_parts<T>(events, sensor, scale, from, to,
               [&](std::size_t n, const std::int32_t* at, const T* parts) {
                 // As events are sorted, the first and last show whether all are inside.
                 if (at[0] >= begin + pixels && at[n - 1] + 2 * pixels < end) {
                   return add_both(at, n, pixels, parts, out);
                 }
                 for (std::size_t k = 0; k < n; ++k) {
                   if (at[k] >= begin && at[k] < end) {
                     out[at[k]] += parts[2 * k];
                   }
                   if (at[k] + pixels >= begin && at[k] + pixels < end) {
                     out[at[k] + pixels] += parts[2 * k + 1];
                   }
                 }
               });
}

// Adds the two values of each event to those of its pixel.
template <class T>
[[gnu::noinline]] void add_pairs(const std::int32_t* at, std::size_t n, std::int32_t first,
                                 const T* parts, T* __restrict pairs) {
  typedef T Pair __attribute__((vector_size(2 * sizeof(T)), aligned(alignof(T)), may_alias));
  for (std::size_t k = 0; k < n; ++k) {
    auto& sum = *reinterpret_cast<Pair*>(pairs + 2 * static_cast<std::size_t>(at[k] - first));
    sum += *reinterpret_cast<const Pair*>(parts + 2 * k);
  }
}

// The same sums where there are many events: as they are sorted, only two bins are open at a time.
// Both values of a pixel lie side by side, so that an event makes one addition of two lanes.
template <class T>
void add_dense(const Events& events, const Sensor& sensor, Scale scale, std::size_t from,
               std::size_t to, std::int64_t low, std::int64_t high, T* out) {
  const std::int64_t pixels = sensor.plane;
  std::vector<T> open(static_cast<std::size_t>(2 * pixels));
  std::int64_t bin = -1;
  const auto close = [&] {
    const bool own = bin >= low && bin < high;
    T* const row = own ? out + bin * pixels : nullptr;
    for (std::size_t k = 0; k < open.size(); k += 2) {
      if (own) {
        row[k / 2] = open[k];
      }
      open[k] = open[k + 1];
      open[k + 1] = 0;
    }
    ++bin;
  };
  for_parts<T>(
      events, sensor, scale, from, to, [&](std::size_t n, const std::int32_t* at, const T* parts) {
        for (std::size_t k = 0; k < n;) {
          const std::int64_t next = at[k] / pixels;
          bin = bin < 0 ? next : bin;
          while (bin < next) {
            close();
          }
          const std::int64_t first = bin * pixels, beyond = first + pixels;
          std::size_t last = n;
          if (at[n - 1] >= beyond) {
            last = static_cast<std::size_t>(
                std::find_if(at + k, at + n, [=](auto i) { return i >= beyond; }) - at);
          }
          add_pairs(at + k, last - k, static_cast<std::int32_t>(first), parts + 2 * k, open.data());
          k = last;
        }
      });
  close();
  close();
}

// Adds what events [from, to) give to the bins [low, high), which are 0.
template <class T>
void fill(const Events& events, const Sensor& sensor, Scale scale, std::size_t from, std::size_t to,
          std::int64_t low, std::int64_t high, T* out) {
  if (from < to) {
    const bool dense = static_cast<std::int64_t>(to - from) / 4 > (high - low) * sensor.plane;
    (dense ? add_dense<T> : add<T>)(events, sensor, scale, from, to, low, high, out);
  }
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
    return fill(events, sensor, scale, 0, events.n, 0, bins, out);
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
    fill(events, sensor, scale, from, to, bin_of(part), bin_of(part + 1), out);
  });
}

template void voxel_grid(const Events&, const Sensor&, std::int64_t, float*, int);
template void voxel_grid(const Events&, const Sensor&, std::int64_t, double*, int);

}  // namespace spikelet::events
