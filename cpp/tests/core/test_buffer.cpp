#include <doctest/doctest.h>

#include <cstdint>

#include "spikelet/core/buffer.hpp"
#include "spikelet/core/types.hpp"

namespace test_core_buffer {

using namespace spikelet;

namespace {

template <class T>
std::uintptr_t misalignment(const Buffer<T>& buffer, std::size_t unit) {
  return reinterpret_cast<std::uintptr_t>(buffer.data()) % unit;
}

}  // namespace

TEST_CASE("buffers start on cache lines, large ones on huge pages") {
  for (const std::size_t n : {1u, 3u, 64u, 1000u, 100000u}) {
    CHECK(misalignment(Buffer<double>(n), 64) == 0);
    CHECK(misalignment(Buffer<std::uint16_t>(n), 64) == 0);
  }
  constexpr std::size_t huge = PageAllocator<float>::huge;
  CHECK(misalignment(Buffer<float>(huge + 1), huge) == 0);
}

TEST_CASE("buffers grow, copy and start at zero as vectors do") {
  Buffer<int> buffer(5);
  CHECK(buffer == Buffer<int>(5, 0));
  for (int k = 0; k < 10000; ++k) {
    buffer.push_back(k);
  }
  const Buffer<int> copy = buffer;
  CHECK(copy == buffer);
  CHECK(copy[10004] == 9999);
  CHECK(Buffer<int>{}.empty());
}

}  // namespace test_core_buffer
