// Convolutions and neurons of all SIMD levels against plain loops.
#include <doctest/doctest.h>

#include <cstring>
#include <random>
#include <vector>

#include "first_spike/kernels.hpp"
#include "spikelet/core/cpu.hpp"

namespace spikelet::first_spike::test_kernels {

std::vector<const Kernels*> all_kernels() {
  std::vector<const Kernels*> found;
  for (const SimdLevel level : available_simd_levels()) {
    found.push_back(&level_table(level));
#if defined(SPIKELET_X86_LEVELS)
    if (level == SimdLevel::v4 && __builtin_cpu_supports("avx512vnni") != 0) {
      found.push_back(&v4::vnni_kernels);
    }
#endif
  }
  return found;
}

TEST_CASE("first-spike kernels: products of extreme bytes and words do not saturate") {
  std::mt19937 random(3);
  constexpr std::size_t width = 37, lanes = 3, kernel = 2;
  for (const bool of_bytes : {true, false}) {
    std::vector<std::uint8_t> map((kernel + 1) * (width + kernel) * lanes * 4, 255);
    std::vector<std::uint8_t> weights(kernel * kernel * lanes * block * 4, 127);
    for (std::size_t i = 0; i < map.size(); ++i) {
      map[i] = i % 3 == 0 ? static_cast<std::uint8_t>(random()) : map[i];
    }
    for (std::size_t i = 0; i < weights.size(); ++i) {
      weights[i] = i % 2 == 0 ? static_cast<std::uint8_t>(random()) : weights[i];
      if (!of_bytes && i % 2 == 1) {  // sums have 30 bits: weights of up to 1024, of either sign
        weights[i] = random() % 2 == 0 ? 3 : 252;
      }
    }
    const std::size_t pixel = lanes * 4, row_bytes = (width + kernel) * pixel;
    const RowOfSums row{map.data(), weights.data(), kernel, kernel, row_bytes,
                        pixel,      pixel,          lanes,  width};
    std::vector<std::int32_t> expected(width * block, 5);
    for (std::size_t x = 0; x < width; ++x) {
      for (std::size_t o = 0; o < block; ++o) {
        for (std::size_t tap = 0; tap < kernel * kernel; ++tap) {
          const std::uint8_t* at = &map[tap / kernel * row_bytes + (x + tap % kernel) * pixel];
          for (std::size_t l = 0; l < lanes; ++l) {
            const std::uint8_t* w = &weights[((tap * lanes + l) * block + o) * 4];
            if (of_bytes) {
              for (std::size_t k = 0; k < 4; ++k) {
                expected[x * block + o] += at[l * 4 + k] * static_cast<std::int8_t>(w[k]);
              }
            } else {
              for (std::size_t k = 0; k < 4; k += 2) {
                std::int16_t a = 0, b = 0;
                std::memcpy(&a, at + l * 4 + k, 2);
                std::memcpy(&b, w + k, 2);
                expected[x * block + o] += a * b;
              }
            }
          }
        }
      }
    }
    for (const Kernels* kernels : all_kernels()) {
      std::vector<std::int32_t> sums(width * block, 5);
      (of_bytes ? kernels->bytes : kernels->words)(row, sums.data());
      CHECK(sums == expected);
    }
  }
}

TEST_CASE("first-spike kernels: neurons fire at the exact quotient, also next to a threshold") {
  std::vector<std::int32_t> sums, bias(block), unit(block);
  std::vector<float> inverse(block);
  for (std::size_t c = 0; c < block; ++c) {
    unit[c] = static_cast<std::int32_t>(1 + c * c * c * 2001);
    inverse[c] = 1.0F / static_cast<float>(unit[c]);
    bias[c] = static_cast<std::int32_t>(c);
  }
  constexpr std::int32_t high = 255;
  for (std::int32_t k = -3; k < 260; ++k) {
    for (const std::int32_t beside : {-1, 0, 1}) {
      for (std::size_t c = 0; c < block; ++c) {
        sums.push_back(k * unit[c] + beside - bias[c]);
      }
    }
  }
  const std::size_t width = sums.size() / block;
  const std::vector<std::int32_t> shift(block);
  std::vector<std::int16_t> table(block * (high + 1));
  for (std::size_t i = 0; i < table.size(); ++i) {
    table[i] = static_cast<std::int16_t>(i * 37 % 251);
  }
  RowOfNeurons row{sums.data(),    width, bias.data(),  unit.data(),
                   inverse.data(), high,  shift.data(), nullptr};
  for (const Kernels* kernels : all_kernels()) {
    std::vector<std::uint8_t> bytes(sums.size());
    std::vector<std::int16_t> words(sums.size());
    kernels->fire_bytes(row, bytes.data(), block);
    kernels->fire_words(row, words.data(), block);
    for (std::size_t i = 0; i < sums.size(); ++i) {
      const std::int64_t v = sums[i] + bias[i % block];
      const std::int64_t quotient = v < 0 ? 0 : v / unit[i % block];
      const std::int64_t expected = quotient > high ? high : quotient;
      REQUIRE(bytes[i] == expected);
      REQUIRE(words[i] == expected);
    }
    row.table = table.data();
    std::vector<std::int16_t> found(sums.size());
    kernels->fire_words(row, found.data(), block);
    for (std::size_t i = 0; i < sums.size(); ++i) {
      const auto k = static_cast<std::size_t>(words[i]);
      REQUIRE(found[i] == table[i % block * (high + 1) + k]);
    }
    row.table = nullptr;
  }
}

}  // namespace spikelet::first_spike::test_kernels
