// Recordings for tests of event kernels: packed records, as numpy lays them out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "spikelet/events/columns.hpp"

namespace spikelet::test {

struct Event {
  std::int64_t t;
  std::int16_t x, y;
  std::int8_t p;
};

class Recording {
 public:
  explicit Recording(const std::vector<Event>& events) : bytes_(events.size() * item) {
    for (std::size_t k = 0; k < events.size(); ++k) {
      std::byte* const at = bytes_.data() + k * item;
      std::memcpy(at, &events[k].t, 8);
      std::memcpy(at + 8, &events[k].x, 2);
      std::memcpy(at + 10, &events[k].y, 2);
      std::memcpy(at + 12, &events[k].p, 1);
    }
  }

  std::size_t size() const { return bytes_.size() / item; }
  const std::vector<std::byte>& bytes() const { return bytes_; }

  events::Events events() const {
    using events::Kind;
    const std::byte* const at = bytes_.data();
    return {size(),
            {at, item, Kind::i64},
            {at + 8, item, Kind::i16},
            {at + 10, item, Kind::i16},
            {at + 12, item, Kind::i8}};
  }

  static constexpr std::ptrdiff_t item = 13;

 private:
  std::vector<std::byte> bytes_;
};

// Events sorted by t.
inline std::vector<Event> random_events(std::size_t n, std::int16_t width, std::int16_t height,
                                        std::int64_t gap = 20, unsigned seed = 1) {
  std::mt19937 random(seed);
  const auto below = [&](std::int64_t limit) {
    return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(limit));
  };
  std::vector<Event> out(n);
  std::int64_t t = 1;
  for (Event& event : out) {
    t += below(gap);
    event = {t, static_cast<std::int16_t>(below(width)), static_cast<std::int16_t>(below(height)),
             static_cast<std::int8_t>(below(2))};
  }
  return out;
}

}  // namespace spikelet::test
