#include "spikelet/events/changes.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <string>

namespace spikelet::events {
namespace {

template <class T>
bool holds(double value) {
  // Both limits are exact: max + 1 is a power of two.
  constexpr double low = static_cast<double>(std::numeric_limits<T>::min()),
                   above = 2.0 * static_cast<double>(std::numeric_limits<T>::max() / 2 + 1);
  return value > low - 1 && value < above && (value >= low || sizeof(T) < 8);
}

// Writes change(value, k) to each value.
template <class Change>
void changed(const char* field, const Column& in, std::size_t n, std::byte* out,
             std::ptrdiff_t stride, Change change) {
  typed(in.kind, [&]<class T>(T) {
    const std::byte* from = in.data;
    for (std::size_t k = 0; k < n; ++k) {
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

template <std::size_t size>
std::size_t take_fixed(const std::byte* items, std::ptrdiff_t stride,
                       std::span<const std::uint8_t> keep, std::byte* out, std::size_t room) {
  std::size_t number = 0;
  for (const std::uint8_t stays : keep) {
    if (number == room) {
      break;
    }
    std::memcpy(out, items, size);  // overwritten by the next if it does not stay
    out += stays ? size : 0;
    number += stays != 0;
    items += stride;
  }
  return number;
}

}  // namespace

void affine(const char* field, const Column& in, std::size_t n, double factor, double offset,
            std::byte* out, std::ptrdiff_t stride) {
  changed(field, in, n, out, stride,
          [=](double value, std::size_t) { return value * factor + offset; });
}

void shift(const char* field, std::span<const double> shifts, double low, double high,
           const Column& in, std::byte* out, std::ptrdiff_t stride, std::span<std::uint8_t> keep) {
  changed(field, in, shifts.size(), out, stride, [=](double value, std::size_t k) {
    const double next = value + std::nearbyint(shifts[k]);
    if (next >= low && next < high) {
      return next;
    }
    keep[k] = 0;
    return value;
  });
}

std::size_t number_kept(std::span<const std::uint8_t> keep) {
  return keep.size() - static_cast<std::size_t>(std::ranges::count(keep, std::uint8_t{0}));
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
