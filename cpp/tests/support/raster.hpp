// Rasters of spikes, as codes write them.
#pragma once

#include <cstdint>
#include <vector>

namespace test {

using Bytes = std::vector<std::uint8_t>;

// What a code writes into a raster that held something else.
template <class Code>
Bytes raster(std::size_t size, Code code) {
  Bytes bytes(size, 7);
  code(bytes);
  return bytes;
}

}  // namespace test
