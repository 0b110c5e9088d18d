// Filters: which events of a recording stay. Each writes keep[k] = 1 or 0 for event k, in one pass
// in the order of the array, and stores one number for each pixel.
#pragma once

#include <cstdint>
#include <span>

#include "spikelet/events/columns.hpp"

namespace spikelet::events {

// Background activity filter (Delbruck 2008): an event stays if one of the four pixels beside it,
// within width x height, had its last event less than `limit` ago. Every pixel starts as if its
// last event had been at time 0.
void denoise(const Events& events, std::int64_t width, std::int64_t height, std::int64_t limit,
             std::span<std::uint8_t> keep);

// An event stays if the one before it at its pixel, kept or not, was more than `limit` ago; the
// first stays if its time is after 0.
void refractory_filter(const Events& events, std::int64_t width, std::int64_t height,
                       std::int64_t limit, std::span<std::uint8_t> keep);

// Every n-th event of a pixel stays.
void decimate(const Events& events, std::int64_t width, std::int64_t height, std::int64_t n,
              std::span<std::uint8_t> keep);

// Events at pixels [height, width] that are not 0 in `dropped` do not stay.
void drop_pixels(const Events& events, std::int64_t width, std::int64_t height,
                 std::span<const std::uint8_t> dropped, std::span<std::uint8_t> keep);

// Events stay whose value is in [low, high], or with inside = false, those whose value is not.
void within(const Column& column, double low, double high, bool inside,
            std::span<std::uint8_t> keep);

}  // namespace spikelet::events
