#include "spikelet/events/columns.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>

namespace spikelet::events {
namespace {

template <class T>
T value(const std::byte* p) {
  T v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

const std::byte* at(const Column& column, std::size_t k) {
  return column.data + static_cast<std::ptrdiff_t>(k) * column.stride;
}

[[noreturn]] void outside(const char* field, std::int64_t value, std::int64_t limit,
                          std::size_t event) {
  throw std::invalid_argument(std::string("events: ") + field + " must lie in 0 .. " +
                              std::to_string(limit - 1) + " (sensor_size), got " +
                              std::to_string(value) + " at event " + std::to_string(event));
}

// Finds the event that does not fit; there is one.
[[noreturn]] void report(const Events& events, const Sensor& sensor, std::size_t first,
                         std::size_t count) {
  for (std::size_t k = first; k < first + count; ++k) {
    std::int64_t x, y, p;
    load(events.x, k, {&x, 1});
    load(events.y, k, {&y, 1});
    load(events.p, k, {&p, 1});
    if (x < 0 || x >= sensor.width) {
      outside("x", x, sensor.width, k);
    }
    if (y < 0 || y >= sensor.height) {
      outside("y", y, sensor.height, k);
    }
    if (p < 0 || p >= sensor.polarities) {
      outside("p", p, sensor.polarities, k);
    }
  }
  throw std::invalid_argument("events: they were changed by another thread");
}

// The usual types, in one loop without intermediate buffers. Returns whether all fit.
template <class P>
bool short_cells(const Events& events, const Sensor& sensor, std::size_t first,
                 std::span<std::int32_t> out) {
  const std::byte *px = at(events.x, first), *py = at(events.y, first), *pp = at(events.p, first);
  const auto width = static_cast<std::uint32_t>(std::min<std::int64_t>(sensor.width, 1 << 16)),
             height = static_cast<std::uint32_t>(std::min<std::int64_t>(sensor.height, 1 << 16)),
             polarities =
                 static_cast<std::uint32_t>(std::min<std::int64_t>(sensor.polarities, 256));
  const auto pitch = static_cast<std::int32_t>(sensor.pitch),
             plane = static_cast<std::int32_t>(sensor.plane),
             offset = static_cast<std::int32_t>(sensor.offset);
  bool bad = false;
  for (std::int32_t& cell : out) {
    const auto x = static_cast<std::int32_t>(value<std::int16_t>(px)),
               y = static_cast<std::int32_t>(value<std::int16_t>(py)),
               p = static_cast<std::int32_t>(value<P>(pp));
    bad |= (static_cast<std::uint32_t>(x) >= width) | (static_cast<std::uint32_t>(y) >= height) |
           (static_cast<std::uint32_t>(p) >= polarities);
    // Unsigned: what does not fit may overflow.
    cell = static_cast<std::int32_t>(
        static_cast<std::uint32_t>(p) * static_cast<std::uint32_t>(plane) +
        static_cast<std::uint32_t>(y) * static_cast<std::uint32_t>(pitch) +
        static_cast<std::uint32_t>(x + offset));
    px += events.x.stride;
    py += events.y.stride;
    pp += events.p.stride;
  }
  return !bad;
}

bool any_cells(const Events& events, const Sensor& sensor, std::size_t first,
               std::span<std::int32_t> out) {
  std::int64_t x[block], y[block], p[block];
  const std::size_t count = out.size();
  load(events.x, first, {x, count});
  load(events.y, first, {y, count});
  load(events.p, first, {p, count});
  bool bad = false;
  for (std::size_t i = 0; i < count; ++i) {
    const bool fits = x[i] >= 0 && x[i] < sensor.width && y[i] >= 0 && y[i] < sensor.height &&
                      p[i] >= 0 && p[i] < sensor.polarities;
    bad |= !fits;
    out[i] = fits ? static_cast<std::int32_t>(p[i] * sensor.plane + y[i] * sensor.pitch + x[i] +
                                              sensor.offset)
                  : 0;
  }
  return !bad;
}

}  // namespace

void load(const Column& column, std::size_t first, std::span<std::int64_t> out) {
  typed(column.kind, [&]<class T>(T) {
    const std::byte* p = at(column, first);
    for (std::int64_t& v : out) {
      v = static_cast<std::int64_t>(value<T>(p));
      p += column.stride;
    }
  });
}

void cells(const Events& events, const Sensor& sensor, std::size_t first,
           std::span<std::int32_t> out) {
  const bool shorts = events.x.kind == Kind::i16 && events.y.kind == Kind::i16;
  const bool fit =
      shorts && events.p.kind == Kind::u8   ? short_cells<std::uint8_t>(events, sensor, first, out)
      : shorts && events.p.kind == Kind::i8 ? short_cells<std::int8_t>(events, sensor, first, out)
                                            : any_cells(events, sensor, first, out);
  if (!fit) {
    report(events, sensor, first, out.size());
  }
}

Range range(const Column& column, std::size_t n) {
  Range found{INT64_MAX, INT64_MIN};
  std::int64_t values[block];
  for (std::size_t k = 0; k < n; k += block) {
    const std::size_t count = std::min(block, n - k);
    load(column, k, {values, count});
    for (std::size_t i = 0; i < count; ++i) {
      found.low = std::min(found.low, values[i]);
      found.high = std::max(found.high, values[i]);
    }
  }
  return found;
}

std::size_t first_unsorted(const Events& events) {
  std::int64_t values[block], before = INT64_MIN;
  for (std::size_t k = 0; k < events.n; k += block) {
    const std::size_t count = std::min(block, events.n - k);
    load(events.t, k, {values, count});
    bool bad = values[0] < before;
    for (std::size_t i = 1; i < count; ++i) {
      bad |= values[i] < values[i - 1];
    }
    if (bad) {
      for (std::size_t i = 0; i < count; ++i) {
        if (values[i] < before) {
          return k + i;
        }
        before = values[i];
      }
    }
    before = values[count - 1];
  }
  return events.n;
}

void search(const Events& events, std::span<const double> times, std::span<std::int64_t> out) {
  for (std::size_t i = 0; i < times.size(); ++i) {
    std::size_t low = 0, high = events.n;
    while (low < high) {
      const std::size_t middle = low + (high - low) / 2;
      std::int64_t t;
      load(events.t, middle, {&t, 1});
      if (static_cast<double>(t) < times[i]) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    out[i] = static_cast<std::int64_t>(low);
  }
}

}  // namespace spikelet::events
