#include "spikelet/events/changes.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

namespace spikelet::events {
namespace {

template <class T>
bool holds(double value) {
  // Both limits are exact: max + 1 is a power of two.
  constexpr double low = static_cast<double>(std::numeric_limits<T>::min()),
                   above = 2.0 * static_cast<double>(std::numeric_limits<T>::max() / 2 + 1);
  return value > low - 1 && value < above && (value >= low || sizeof(T) < 8);
}

// The nearest whole number, the even one of two, without a call into the system's library.
double rounded(double x) {
  constexpr double last_bit = 0x1.8p52;  // a sum with it has no bits after the point
  return std::abs(x) < 0x1p51 ? (x + last_bit) - last_bit : std::nearbyint(x);
}

// Writes change(value, k) to each value from the first on.
template <class Change>
void changed(const char* field, const Column& in, std::size_t n, std::byte* out,
             std::ptrdiff_t stride, std::size_t first, Change change) {
  typed(in.kind, [&]<class T>(T) {
    const std::byte* from = in.data + static_cast<std::ptrdiff_t>(first) * in.stride;
    out += static_cast<std::ptrdiff_t>(first) * stride;
    for (std::size_t k = first; k < n; ++k) {
      T value;
      std::memcpy(&value, from, sizeof value);
      const double next = change(static_cast<double>(value), k);
      if (!holds<T>(next)) {
        throw std::range_error(std::string("the field ") + field + " cannot hold " +
                               std::to_string(next) + " of event " + std::to_string(k));
      }
      value = static_cast<T>(next);
      std::memcpy(out, &value, sizeof value);
      from += in.stride;
      out += stride;
    }
  });
}

// A shift or a reflection by whole numbers, which needs no doubles. Returns how many values are
// done: all before the first that a double would round or that the type cannot hold.
std::size_t in_integers(const Column& in, std::size_t n, double factor, double offset,
                        std::byte* out, std::ptrdiff_t stride) {
  constexpr std::int64_t exact = std::int64_t{1} << 52;
  if (std::abs(factor) != 1 || !(std::abs(offset) < 0x1p52) || offset != std::nearbyint(offset)) {
    return 0;
  }
  const auto sign = static_cast<std::int64_t>(factor), added = static_cast<std::int64_t>(offset);
  return typed(in.kind, [&]<class T>(T) {
    const std::byte* from = in.data;
    std::byte* to = out;
    std::size_t k = 0;
    for (; k < n; ++k) {
      T value;
      std::memcpy(&value, from, sizeof value);
      if (std::cmp_less_equal(value, -exact) || std::cmp_greater_equal(value, exact)) {
        break;
      }
      const std::int64_t next = static_cast<std::int64_t>(value) * sign + added;
      if (!std::in_range<T>(next)) {
        break;
      }
      value = static_cast<T>(next);
      std::memcpy(to, &value, sizeof value);
      from += in.stride;
      to += stride;
    }
    return k;
  });
}

template <std::size_t size>
std::size_t take_fixed(const std::byte* items, std::ptrdiff_t stride,
                       std::span<const std::uint8_t> keep, std::byte* out, std::size_t room) {
  std::size_t number = 0, k = 0;
  const auto copy = [&](std::size_t bytes) {
    std::memcpy(out, items, bytes);  // overwritten by the next if it does not stay
    const std::size_t stays = keep[k++] != 0;
    out += stays * size;
    number += stays;
    items += stride;
  };
  // Where another item follows in memory, one copy of 16 bytes.
  if (std::abs(stride) >= static_cast<std::ptrdiff_t>(size)) {
    if (stride < 0 && !keep.empty() && room > 0) {
      copy(size);
    }
    while (k + 1 < keep.size() && number + 1 < room) {
      copy(16);
    }
  }
  while (k < keep.size() && number < room) {
    copy(size);
  }
  return number;
}

}  // namespace

void affine(const char* field, const Column& in, std::size_t n, double factor, double offset,
            std::byte* out, std::ptrdiff_t stride) {
  const std::size_t first = in_integers(in, n, factor, offset, out, stride);
  changed(field, in, n, out, stride, first,
          [=](double value, std::size_t) { return value * factor + offset; });
}

void shift(const char* field, std::span<const double> shifts, double low, double high,
           const Column& in, std::byte* out, std::ptrdiff_t stride, std::span<std::uint8_t> keep) {
  changed(field, in, shifts.size(), out, stride, 0, [=](double value, std::size_t k) {
    const double next = value + rounded(shifts[k]);
    if (next >= low && next < high) {
      return next;
    }
    keep[k] = 0;
    return value;
  });
}

std::size_t number_kept(std::span<const std::uint8_t> keep) {
  std::size_t number = 0;
  for (std::size_t k = 0; k < keep.size();) {
    std::uint8_t sum = 0;  // a vector of bytes cannot overflow in so few
    for (const std::size_t end = std::min(keep.size(), k + 255); k < end; ++k) {
      sum = static_cast<std::uint8_t>(sum + (keep[k] != 0));
    }
    number += sum;
  }
  return number;
}

std::size_t take(const std::byte* items, std::ptrdiff_t stride, std::size_t size,
                 std::span<const std::uint8_t> keep, std::byte* out, std::size_t room) {
  switch (size) {
    case 13:
      return take_fixed<13>(items, stride, keep, out, room);
    case 16:
      return take_fixed<16>(items, stride, keep, out, room);
    default:
      break;
  }
  std::size_t number = 0;
  for (std::size_t k = 0; k < keep.size() && number < room; ++k) {
    if (keep[k]) {
      std::memcpy(out + number * size, items + static_cast<std::ptrdiff_t>(k) * stride, size);
      ++number;
    }
  }
  return number;
}

}  // namespace spikelet::events
