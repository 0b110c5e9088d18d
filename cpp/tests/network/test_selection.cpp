#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "spikelet/network/selection.hpp"

namespace test_network_selection {

using namespace spikelet;

TEST_CASE("a selection finds the first position of an element, whatever its order") {
  for (std::vector<std::uint32_t> elements :
       {std::vector<std::uint32_t>{1, 4, 4, 9}, {9, 4, 1, 4}, {7}, {}}) {
    Selection selection{12, elements, false};
    selection.sort();
    CHECK(selection.elements == elements);
    for (std::uint32_t element = 0; element < 14; ++element) {
      const auto at = std::ranges::find(elements, element);
      CHECK(selection.find(element) == static_cast<std::size_t>(at - elements.begin()));
    }
  }
  Selection whole{12, {}, true};
  whole.sort();
  CHECK(whole.find(5) == 5);
  CHECK(whole.find(12) == whole.size());
}

}  // namespace test_network_selection
