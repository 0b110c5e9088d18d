// Changes of recordings: affine maps of a field, and events chosen or left out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "spikelet/events/columns.hpp"

namespace spikelet::events {

// out[k] = value * factor + offset, cut towards 0; a std::range_error names the first event whose
// value `field` cannot hold. The output has the type and number of values of the input.
void affine(const char* field, const Column& in, std::size_t n, double factor, double offset,
            std::byte* out, std::ptrdiff_t stride);

// out[k] = value + shift, rounded to the nearest integer, if that lies in [low, high); otherwise
// keep[k] becomes 0. The error as above.
void shift(const char* field, std::span<const double> shifts, double low, double high,
           const Column& in, std::byte* out, std::ptrdiff_t stride, std::span<std::uint8_t> keep);

// How many flags are not 0.
std::size_t number_kept(std::span<const std::uint8_t> keep);

// Copies the items of `size` bytes whose keep is not 0, one after the other. `out` has room for
// `room` of them; returns how many there were.
std::size_t take(const std::byte* items, std::ptrdiff_t stride, std::size_t size,
                 std::span<const std::uint8_t> keep, std::byte* out, std::size_t room);

}  // namespace spikelet::events
