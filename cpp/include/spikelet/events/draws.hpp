// Random numbers for changes of recordings: number k of a purpose is a pure function of (seed,
// purpose, k). Philox, as everywhere.
#pragma once

#include <cstdint>
#include <span>

namespace spikelet::events {

// Uniform in (0, 1), or standard normal.
void uniforms(std::uint64_t seed, std::uint32_t purpose, std::span<double> out);
void normals(std::uint64_t seed, std::uint32_t purpose, std::span<double> out);

// Clears keep[k] for `dropped` different k, every set of them being equally likely, and sets the
// others to 1.
void drop(std::uint64_t seed, std::size_t dropped, std::span<std::uint8_t> keep);

}  // namespace spikelet::events
