#include "spikelet/events/downsampling.hpp"

#include <algorithm>

namespace spikelet::events {
namespace {

// Where each of `from` columns or rows lies among `to`.
std::vector<std::int32_t> scaled(std::int64_t from, std::int64_t to) {
  std::vector<std::int32_t> out(static_cast<std::size_t>(from));
  const double factor = static_cast<double>(to) / static_cast<double>(from);
  for (std::int64_t k = 0; k < from; ++k) {
    const auto at = static_cast<std::int64_t>(static_cast<double>(k) * factor);
    out[static_cast<std::size_t>(k)] = static_cast<std::int32_t>(std::min(at, to - 1));
  }
  return out;
}

}  // namespace

Emitted integrate(const Events& events, const Sensor& sensor, std::int64_t width,
                  std::int64_t height, std::span<const std::int64_t> first,
                  std::span<const std::int64_t> last, std::int64_t threshold) {
  const std::vector<std::int32_t> column = scaled(sensor.width, width),
                                  row = scaled(sensor.height, height);
  std::vector<std::int64_t> sum(static_cast<std::size_t>(width * height));
  std::vector<std::uint8_t> fires(sum.size());
  Emitted out;
  const auto emit = [&](std::size_t frame, std::uint8_t p) {
    for (std::size_t k = 0; k < sum.size(); ++k) {
      if (fires[k] & (1 + p)) {
        out.frame.push_back(static_cast<std::int64_t>(frame));
        out.pixel.push_back(static_cast<std::int32_t>(k));
        out.p.push_back(p);
      }
    }
  };
  for (std::size_t i = 0; i < first.size(); ++i) {
    for_cells(events, sensor, static_cast<std::size_t>(first[i]), static_cast<std::size_t>(last[i]),
              [&](std::size_t, std::size_t n, const std::int32_t* cell) {
                for (std::size_t k = 0; k < n; ++k) {
                  const std::int64_t on = cell[k] / sensor.plane, pixel = cell[k] % sensor.plane;
                  const auto x = column[static_cast<std::size_t>(pixel % sensor.width)],
                             y = row[static_cast<std::size_t>(pixel / sensor.width)];
                  sum[static_cast<std::size_t>(y * width + x)] += on ? 1 : -1;
                }
              });
    std::uint8_t any = 0;
    for (std::size_t k = 0; k < sum.size(); ++k) {
      fires[k] =
          static_cast<std::uint8_t>((sum[k] >= threshold ? 2 : 0) + (-sum[k] >= threshold ? 1 : 0));
      any |= fires[k];
      sum[k] = fires[k] ? 0 : sum[k];
    }
    if (any) {
      emit(i, 1);
      emit(i, 0);
    }
  }
  return out;
}

}  // namespace spikelet::events
