#include "spikelet/events/filters.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <new>

namespace spikelet::events {
namespace {

struct Free {
  void operator()(void* p) const { std::free(p); }
};

// One zero for each pixel, with room for `border` more around them. The system provides memory as
// it is touched: a sensor may be much larger than what is in use.
class PixelMap {
 public:
  PixelMap(std::int64_t width, std::int64_t height, std::int64_t border)
      : pitch(width + 2 * border),
        rows(height + 2 * border),
        values(static_cast<std::int64_t*>(
            std::calloc(static_cast<std::size_t>(pitch * rows), sizeof(std::int64_t)))),
        sensor{width, height, 1, pitch, 0, border * pitch + border} {
    if (values == nullptr) {
      throw std::bad_alloc();
    }
  }

  void fill_border(std::int64_t value) {
    for (std::int64_t i = 0; i < pitch; ++i) {
      values.get()[i] = values.get()[(rows - 1) * pitch + i] = value;
    }
    for (std::int64_t i = 0; i < rows; ++i) {
      values.get()[i * pitch] = values.get()[(i + 1) * pitch - 1] = value;
    }
  }

  std::int64_t pitch, rows;
  std::unique_ptr<std::int64_t[], Free> values;
  Sensor sensor;
};

Events without_polarity(Events events) {
  events.p = Events{}.p;
  return events;
}

// Calls stays(t, value of the pixel) for each event.
template <class Stays>
void filter(const Events& events, PixelMap& map, std::span<std::uint8_t> keep, Stays stays) {
  for_events(
      without_polarity(events), map.sensor, 0, events.n,
      [&](std::size_t first, std::size_t n, const std::int64_t* t, const std::int32_t* cell) {
        for (std::size_t k = 0; k < n; ++k) {
          keep[first + k] = stays(t[k], map.values.get()[cell[k]], map.values.get() + cell[k]);
        }
      });
}

}  // namespace

void denoise(const Events& events, std::int64_t width, std::int64_t height, std::int64_t limit,
             std::span<std::uint8_t> keep) {
  PixelMap last(width, height, 1);
  last.fill_border(std::numeric_limits<std::int64_t>::min());
  filter(events, last, keep,
         [limit, pitch = last.pitch](std::int64_t t, std::int64_t& own, const std::int64_t* at) {
           own = t;
           const std::int64_t since = t - limit;
           return static_cast<std::uint8_t>((at[-1] > since) | (at[1] > since) |
                                            (at[-pitch] > since) | (at[pitch] > since));
         });
}

void refractory_filter(const Events& events, std::int64_t width, std::int64_t height,
                       std::int64_t limit, std::span<std::uint8_t> keep) {
  PixelMap next(width, height, 0);  // 1 + the last time; 0: never
  filter(events, next, keep, [limit](std::int64_t t, std::int64_t& own, const std::int64_t*) {
    const bool stays = own == 0 ? t > 0 : t - (own - 1) > limit;
    own = t + 1;
    return static_cast<std::uint8_t>(stays);
  });
}

void decimate(const Events& events, std::int64_t width, std::int64_t height, std::int64_t n,
              std::span<std::uint8_t> keep) {
  PixelMap count(width, height, 0);
  filter(events, count, keep, [n](std::int64_t, std::int64_t& own, const std::int64_t*) {
    const bool stays = ++own >= n;
    own = stays ? 0 : own;
    return static_cast<std::uint8_t>(stays);
  });
}

void drop_pixels(const Events& events, std::int64_t width, std::int64_t height,
                 std::span<const std::uint8_t> dropped, std::span<std::uint8_t> keep) {
  for_cells(without_polarity(events), {width, height, 1}, 0, events.n,
            [&](std::size_t first, std::size_t n, const std::int32_t* cell) {
              for (std::size_t k = 0; k < n; ++k) {
                keep[first + k] = dropped[static_cast<std::size_t>(cell[k])] == 0;
              }
            });
}

void within(const Column& column, double low, double high, bool inside,
            std::span<std::uint8_t> keep) {
  const double least = std::max(std::ceil(low), -0x1p63), most = std::floor(high);
  if (!(least <= most) || least >= 0x1p63) {  // no whole number lies between them
    std::ranges::fill(keep, static_cast<std::uint8_t>(!inside));
    return;
  }
  // One comparison of unsigned numbers makes two.
  const auto origin = static_cast<std::uint64_t>(static_cast<std::int64_t>(least)),
             width = static_cast<std::uint64_t>(most >= 0x1p63 ? INT64_MAX
                                                               : static_cast<std::int64_t>(most)) -
                     origin;
  typed(column.kind, [&]<class T>(T) {
    const std::byte* from = column.data;
    for (std::uint8_t& stays : keep) {
      T value;
      std::memcpy(&value, from, sizeof value);
      const auto above = static_cast<std::uint64_t>(static_cast<std::int64_t>(value)) - origin;
      stays = static_cast<std::uint8_t>((above <= width) == inside);
      from += column.stride;
    }
  });
}

}  // namespace spikelet::events
