#include "spikelet/events/columns.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>

#include "events/kernels.hpp"

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
  throw std::invalid_argument(
      "events: another thread changed them during the call; copy them first");
}

bool is_missing(const Column& column) {
  return column.stride == 0 && column.data == reinterpret_cast<const std::byte*>(&no_value);
}

// The usual types: x and y of 16 bits, p of 8.
bool usual(const Events& events) {
  return events.x.kind == Kind::i16 && events.y.kind == Kind::i16 &&
         (events.p.kind == Kind::u8 || events.p.kind == Kind::i8) &&
         std::endian::native == std::endian::little;
}

// Events of the usual types that lie within 16 bytes each, as in most files.
struct Records {
  const std::byte* data;
  std::ptrdiff_t stride;
  RecordPlaces places;
  std::size_t n;  // of which 16 bytes may be read
};

std::optional<Records> records(const Events& events, bool with_times) {
  const std::ptrdiff_t stride = events.x.stride;
  if (stride <= 0 || (with_times && events.t.kind != Kind::i64)) {
    return std::nullopt;
  }
  struct Field {
    const Column* column;
    std::ptrdiff_t size;
    std::uint8_t RecordPlaces::* place;
  };
  const Field fields[]{{&events.x, 2, &RecordPlaces::x},
                       {&events.y, 2, &RecordPlaces::y},
                       {&events.p, 1, &RecordPlaces::p},
                       {&events.t, 8, &RecordPlaces::t}};
  const std::span<const Field> read(fields, with_times ? 4 : 3);
  Records found{events.x.data, stride, {no_field, no_field, no_field, no_field}, 0};
  for (const Field& field : read) {
    if (!is_missing(*field.column)) {
      if (field.column->stride != stride) {
        return std::nullopt;
      }
      found.data = std::min(found.data, field.column->data, std::less<>());
    }
  }
  std::ptrdiff_t length = 0;
  for (const Field& field : read) {
    if (!is_missing(*field.column)) {
      const std::ptrdiff_t place = field.column->data - found.data;
      if (place + field.size > 16) {
        return std::nullopt;
      }
      found.places.*field.place = static_cast<std::uint8_t>(place);
      length = std::max(length, place + field.size);
    }
  }
  const auto short_of = static_cast<std::size_t>((16 - length + stride - 1) / stride);
  found.n = events.n - std::min(events.n, short_of);
  return found;
}

// Makes words of the usual types, from which a kernel makes cells.
void words_of(const Events& events, std::size_t first, std::span<std::uint64_t> out) {
  const std::byte *px = at(events.x, first), *py = at(events.y, first), *pp = at(events.p, first);
  for (std::uint64_t& word : out) {
    word = value<std::uint16_t>(px) | std::uint64_t{value<std::uint16_t>(py)} << 16 |
           std::uint64_t{value<std::uint8_t>(pp)} << 32;
    px += events.x.stride;
    py += events.y.stride;
    pp += events.p.stride;
  }
}

bool short_cells(const Events& events, const Sensor& sensor, std::span<const std::uint64_t> words,
                 std::int32_t* out) {
  const auto limit = [](std::int64_t length, std::int64_t most) {
    return static_cast<std::uint32_t>(std::min(length, most));
  };
  // What is negative has a high bit, which is beyond these limits.
  const CellPlaces places{limit(sensor.width, 1 << 15),
                          limit(sensor.height, 1 << 15),
                          limit(sensor.polarities, events.p.kind == Kind::i8 ? 1 << 7 : 1 << 8),
                          static_cast<std::uint32_t>(sensor.pitch),
                          static_cast<std::uint32_t>(sensor.plane),
                          static_cast<std::uint32_t>(sensor.offset)};
  return level_table().cells(words.data(), words.size(), places, out);
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

Reader::Reader(const Events& events, const Sensor& sensor, bool with_times)
    : events_(events), sensor_(sensor), with_times_(with_times) {
  if (usual(events)) {
    if (const auto found = records(events, with_times)) {
      records_ = found->data;
      stride_ = found->stride;
      places_ = {found->places.t, found->places.x, found->places.y, found->places.p};
      whole_ = found->n;
    }
  }
}

void Reader::read(std::size_t first, std::size_t n, std::int64_t* t, std::int32_t* cell) const {
  bool fit;
  if (usual(events_)) {
    std::uint64_t words[block];
    const std::size_t whole = std::min(n, whole_ - std::min(whole_, first));
    if (whole > 0) {
      const auto [pt, px, py, pp] = places_;
      level_table().split(records_ + static_cast<std::ptrdiff_t>(first) * stride_, stride_, whole,
                          {pt, px, py, pp}, t, words);
    }
    words_of(events_, first + whole, {words + whole, n - whole});
    if (with_times_ && whole < n) {
      load(events_.t, first + whole, {t + whole, n - whole});
    }
    fit = short_cells(events_, sensor_, {words, n}, cell);
  } else {
    if (with_times_) {
      load(events_.t, first, {t, n});
    }
    fit = any_cells(events_, sensor_, first, {cell, n});
  }
  if (!fit) {
    report(events_, sensor_, first, n);
  }
}

Range range(const Column& column, std::size_t n) {
  Range found{INT64_MAX, INT64_MIN};
  std::int64_t values[block];
  for (std::size_t k = 0; k < n; k += block) {
    const std::size_t count = std::min(block, n - k);
    load(column, k, {values, count});
    level_table().extend(values, count, found.low, found.high);
  }
  return found;
}

void not_sorted() {
  throw std::invalid_argument(
      "events must be sorted by t (np.sort(events, order=\"t\", kind=\"stable\"))");
}

std::size_t first_unsorted(const Events& events) {
  std::int64_t values[block], before = INT64_MIN;
  for (std::size_t k = 0; k < events.n; k += block) {
    const std::size_t count = std::min(block, events.n - k);
    load(events.t, k, {values, count});
    if (!level_table().ordered(values, count, before, INT64_MAX)) {
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
