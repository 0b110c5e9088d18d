#include "spikelet/events/surfaces.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "events/kernels.hpp"
#include "spikelet/core/buffer.hpp"
#include "spikelet/core/parallel.hpp"

namespace spikelet::events {
namespace {

// Pixels [low, high) of all surfaces. The plane holds values relative to the time of surface
// `origin`: one product a surface makes the older ones decay, and rounding does not add up.
template <class T>
void surfaces(const Events& events, const Sensor& sensor, const SurfaceTimes& times, T* out,
              std::size_t low, std::size_t high) {
  constexpr double far = 20;  // values relative to the origin stay below exp(far)
  const auto& kernels = level_table().of<T>();
  const std::size_t size = sensor.cells();
  Buffer<T> plane(high - low);
  T value[block];
  double since = 0;  // the origin, in tau
  std::size_t next = 0;
  std::int64_t before = 0;
  const auto check = [&](const std::int64_t* t, std::size_t n) {
    if (!level_table().ordered(t, n, before, most_time - 1)) {
      not_sorted();
    }
    before = t[n - 1];
  };
  for (std::size_t i = 0; i < times.last.size(); ++i) {
    const double now = times.end + static_cast<double>(i) * times.stride;
    if (since > far) {
      kernels.scaled(plane.data(), static_cast<T>(std::exp(-since)), plane.data(), plane.size());
      since = 0;
    }
    const auto grow = static_cast<T>(std::exp(since));
    const auto last = std::max(next, static_cast<std::size_t>(times.last[i]));
    for_events(events, sensor, next, last,
               [&](std::size_t, std::size_t n, std::int64_t* t, const std::int32_t* cell) {
                 check(t, n);
                 const std::size_t whole = (n + 15) / 16 * 16;
                 std::fill(t + n, t + whole, 0);
                 kernels.aged(t, now, 1 / times.tau, grow, value, whole);
                 if (plane.size() == size) {
                   for (std::size_t k = 0; k < n; ++k) {
                     plane[static_cast<std::size_t>(cell[k])] = value[k];
                   }
                   return;
                 }
                 for (std::size_t k = 0; k < n; ++k) {
                   const auto at = static_cast<std::size_t>(cell[k]) - low;  // wraps below low
                   if (at < plane.size()) {
                     plane[at] = value[k];
                   }
                 }
               });
    next = last;
    kernels.scaled(plane.data(), static_cast<T>(std::exp(-since)), out + i * size + low,
                   plane.size());
    since += times.stride / times.tau;
  }
  for (std::int64_t t[block]; next < events.n; next += block) {
    const std::size_t n = std::min(block, events.n - next);
    load(events.t, next, {t, n});
    check(t, n);
  }
}

}  // namespace

template <class T>
void time_surface(const Events& events, const Sensor& sensor, const SurfaceTimes& times, T* out,
                  int threads) {
  const std::size_t size = sensor.cells();
  const auto parts = std::min<std::size_t>(static_cast<std::size_t>(threads), size);
  parallel_for(threads, parts, [&](std::size_t part) {
    surfaces(events, sensor, times, out, size * part / parts, size * (part + 1) / parts);
  });
}

template void time_surface(const Events&, const Sensor&, const SurfaceTimes&, float*, int);
template void time_surface(const Events&, const Sensor&, const SurfaceTimes&, double*, int);

void averaged_time_surface(const Events& events, const Sensor& sensor,
                           const AveragedSurfaces& shape, float* out, int threads) {
  struct Local {
    std::int64_t t;
    std::int32_t x, y;
  };
  const auto rounded_up = [&](std::int64_t n) { return (n + shape.cell - 1) / shape.cell; };
  const std::int64_t wide = rounded_up(sensor.width);
  const auto groups =
      static_cast<std::size_t>(wide * rounded_up(sensor.height) * sensor.polarities);
  const auto each = [&](auto&& body) {
    for_events(events, sensor, 0, events.n,
               [&](std::size_t, std::size_t n, const std::int64_t* t, const std::int32_t* at) {
                 for (std::size_t k = 0; k < n; ++k) {
                   const std::int64_t p = at[k] / sensor.plane, pixel = at[k] % sensor.plane,
                                      x = pixel % sensor.width, y = pixel / sensor.width,
                                      cell = y / shape.cell * wide + x / shape.cell;
                   body(static_cast<std::size_t>(cell * sensor.polarities + p),
                        Local{t[k], static_cast<std::int32_t>(x), static_cast<std::int32_t>(y)});
                 }
               });
  };
  std::vector<std::size_t> start(groups + 1);
  each([&](std::size_t group, const Local&) { ++start[group + 1]; });
  for (std::size_t g = 0; g < groups; ++g) {
    start[g + 1] += start[g];
  }
  std::vector<Local> sorted(events.n);
  std::vector<std::size_t> next(start.begin(), start.end() - 1);
  each([&](std::size_t group, const Local& local) {
    if (next[group] < start[group + 1]) {  // unless another thread changes the events
      sorted[next[group]++] = local;
    }
  });
  const std::int64_t radius = shape.surface / 2;
  const auto area = static_cast<std::size_t>(shape.surface * shape.surface);
  parallel_for(threads, groups, [&](std::size_t g) {
    std::vector<double> sum(area);
    std::size_t oldest = start[g];
    for (std::size_t i = start[g]; i < start[g + 1]; ++i) {
      const Local& own = sorted[i];
      const double since = static_cast<double>(own.t) - shape.window;
      while (static_cast<double>(sorted[oldest].t) < since) {
        ++oldest;
      }
      for (std::size_t j = oldest; j < i; ++j) {
        const std::int64_t x = sorted[j].x - own.x, y = sorted[j].y - own.y;
        if (std::abs(x) <= radius && std::abs(y) <= radius) {
          const double age = static_cast<double>(own.t - sorted[j].t);
          sum[static_cast<std::size_t>((y + radius) * shape.surface + x + radius)] +=
              shape.linear ? 1 - age / (3 * shape.tau) : std::exp(-age / shape.tau);
        }
      }
      sum[area / 2] += 1;
    }
    const auto number = static_cast<double>(std::max<std::size_t>(start[g + 1] - start[g], 1));
    std::ranges::transform(sum, out + g * area,
                           [&](double s) { return static_cast<float>(s / number); });
  });
}

}  // namespace spikelet::events
