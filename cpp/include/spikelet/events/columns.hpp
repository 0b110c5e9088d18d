// Events of a camera or a cochlea as strided columns t, x, y, p of any integer type, read in place:
// a structured numpy array, packed or memory-mapped, is not copied. Loops read blocks of events
// into small buffers; what does not fit the sensor is a std::invalid_argument that names the event.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace spikelet::events {

enum class Kind : std::uint8_t { i8, i16, i32, i64, u8, u16, u32, u64 };

// Calls body with a T{} of the kind.
template <class Body>
auto typed(Kind kind, Body&& body) {
  switch (kind) {
    case Kind::i8:
      return body(std::int8_t{});
    case Kind::i16:
      return body(std::int16_t{});
    case Kind::i32:
      return body(std::int32_t{});
    case Kind::i64:
      return body(std::int64_t{});
    case Kind::u8:
      return body(std::uint8_t{});
    case Kind::u16:
      return body(std::uint16_t{});
    case Kind::u32:
      return body(std::uint32_t{});
    case Kind::u64:
      break;
  }
  return body(std::uint64_t{});
}

inline constexpr std::int64_t no_value = 0;

// One field; values need not be aligned. By default all are 0: sounds have no y.
struct Column {
  const std::byte* data = reinterpret_cast<const std::byte*>(&no_value);
  std::ptrdiff_t stride = 0;
  Kind kind = Kind::i16;
};

struct Events {
  std::size_t n = 0;
  Column t, x, y, p{.kind = Kind::u8};
};

// Loops take this many events at a time.
inline constexpr std::size_t block = 512;

// Values [first, first + out.size()). An unsigned value of 2^63 or more becomes negative.
void load(const Column& column, std::size_t first, std::span<std::int64_t> out);

// Width, height, polarities, and where an event's cell lies: at p * plane + y * pitch + x + offset.
struct Sensor {
  std::int64_t width, height, polarities;
  std::int64_t pitch = width, plane = width * height, offset = 0;

  // Cells of a frame: [polarities, height, width]. The caller guarantees that they fit 31 bits.
  std::size_t cells() const { return static_cast<std::size_t>(plane * polarities); }
};

// Reads blocks of events: their times and cells.
class Reader {
 public:
  Reader(const Events& events, const Sensor& sensor, bool with_times);

  // Events [first, first + n), n <= block. What is in `t` is of use only with times.
  void read(std::size_t first, std::size_t n, std::int64_t* t, std::int32_t* cell) const;

 private:
  const Events& events_;
  const Sensor& sensor_;
  bool with_times_;
  const std::byte* records_ = nullptr;  // if all fields of an event lie close together
  std::ptrdiff_t stride_ = 0;
  std::array<std::uint8_t, 4> places_{};
  std::size_t whole_ = 0;  // how many of them may be read as records
};

// Calls body(k, count, times, cells) for blocks of events [first, last), k being the first of the
// block. Times may be changed.
template <class Body>
void for_events(const Events& events, const Sensor& sensor, std::size_t first, std::size_t last,
                Body&& body, bool with_times = true) {
  const Reader reader(events, sensor, with_times);
  std::int64_t t[block];
  std::int32_t cell[block];
  for (std::size_t k = first; k < last; k += block) {
    const std::size_t count = last - k < block ? last - k : block;
    reader.read(k, count, t, cell);
    body(k, count, static_cast<std::int64_t*>(t), static_cast<const std::int32_t*>(cell));
  }
}

// As above, body(k, count, cells).
template <class Body>
void for_cells(const Events& events, const Sensor& sensor, std::size_t first, std::size_t last,
               Body&& body) {
  for_events(
      events, sensor, first, last,
      [&](std::size_t k, std::size_t n, const std::int64_t*, const std::int32_t* cell) {
        body(k, n, cell);
      },
      false);
}

struct Range {
  std::int64_t low, high;
};
// Least and greatest value; there must be at least one.
Range range(const Column& column, std::size_t n);

// Throws the std::invalid_argument of kernels that check the order as they read.
[[noreturn]] void not_sorted();

// The first event that is earlier than the one before it, or n.
std::size_t first_unsorted(const Events& events);

// For each time, the number of events before it; the events must be sorted.
void search(const Events& events, std::span<const double> times, std::span<std::int64_t> out);

}  // namespace spikelet::events
