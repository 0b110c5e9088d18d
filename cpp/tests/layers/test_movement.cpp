#include <doctest/doctest.h>

#include <random>
#include <vector>

#include "layers/movement.hpp"

namespace test_layers_movement {

using namespace spikelet::layers;

TEST_CASE("plain and stored order hold the same values") {
  const Layout layout({3, 2, 2});
  std::vector<float> plain(12), back(12), kept(layout.size());
  for (std::size_t k = 0; k < plain.size(); ++k) {
    plain[k] = static_cast<float>(k + 1);
  }
  to_stored(layout, plain.data(), kept.data());
  CHECK(kept[stored(layout, 4)] == 5);  // channel 1, first pixel
  CHECK(kept[layout.pixel + 2] == 10);  // second pixel, channel 2
  to_plain(layout, kept.data(), back.data());
  CHECK(back == plain);
}

TEST_CASE("moves join what lies together, and cross no row") {
  const Layout wide({16, 2, 3});  // pixels without padding
  Gather all;
  for (std::int32_t k = 0; k < 96; ++k) {
    all.index.push_back(k);
  }
  const std::vector<Layout> one{wide};
  const auto rows = moves_of(all, one, wide);
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].length == 48);
  CHECK(rows[1].to == 48);
  const Layout few({2, 1, 2});
  const std::vector<Layout> two{few, few};
  // Channels 1 of both inputs, a zero, and channel 0 of the first.
  const auto moves = moves_of(Gather{{2, 3, 6, 7, -1, -1, 0, 1}}, two, Layout({4, 1, 2}));
  std::vector<float> a(few.size()), b(few.size()), out(2 * 16, 9);
  for (std::size_t p = 0; p < 2; ++p) {
    a[p * 16] = static_cast<float>(p + 1);
    a[p * 16 + 1] = static_cast<float>(p + 10);
    b[p * 16 + 1] = static_cast<float>(p + 20);
  }
  const std::vector<const float*> inputs{a.data(), b.data()};
  move_values<float>(moves, inputs, out.data(), out.size());
  CHECK(std::vector<float>(out.begin(), out.begin() + 5) == std::vector<float>{10, 20, 0, 1, 0});
  CHECK(std::vector<float>(out.begin() + 16, out.begin() + 20) == std::vector<float>{11, 21, 0, 2});
}

TEST_CASE("bits move from and to any place") {
  std::mt19937 random(1);
  std::vector<std::uint8_t> from(40);
  for (auto& byte : from) {
    byte = static_cast<std::uint8_t>(random());
  }
  const auto bit = [](const std::vector<std::uint8_t>& bytes, std::size_t k) {
    return bytes[k / 8] >> (k % 8) & 1;
  };
  for (const std::size_t first : {0, 3, 8, 13}) {
    for (const std::size_t begin : {0, 5, 8, 15}) {
      for (const std::size_t n : {1, 2, 7, 8, 16, 61, 200}) {
        std::vector<std::uint8_t> to(40);
        copy_bits(from.data(), first, to.data(), begin, n);
        bool same = true;
        for (std::size_t k = 0; k < 8 * to.size(); ++k) {
          const bool moved = k >= begin && k < begin + n;
          same = same && bit(to, k) == (moved ? bit(from, first + k - begin) : 0);
        }
        CAPTURE(first);
        CAPTURE(begin);
        CAPTURE(n);
        CHECK(same);
      }
    }
  }
}

}  // namespace test_layers_movement
