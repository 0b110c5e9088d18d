#include "spikelet/core/draws16.hpp"

#include <array>
#include <bit>
#include <type_traits>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#elif defined(__aarch64__) && \
    (defined(__ARM_FEATURE_AES) || (defined(__linux__) && !defined(__clang__)))
#define SPIKELET_ARM_AES
#if !defined(__ARM_FEATURE_AES)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif
#include <arm_neon.h>
#endif

namespace spikelet {
namespace {

// Product in the field of AES, modulo x^8 + x^4 + x^3 + x + 1.
constexpr std::uint8_t times(std::uint8_t a, std::uint8_t b) {
  std::uint8_t product = 0;
  for (; b != 0; b >>= 1) {
    product = static_cast<std::uint8_t>(product ^ ((b & 1) != 0 ? a : 0));
    a = static_cast<std::uint8_t>(a << 1 ^ (a >> 7) * 0x1b);
  }
  return product;
}

// FIPS 197, 5.1.1: the inverse, x^254, and an affine map of its bits.
constexpr std::array<std::uint8_t, 256> substitutes() {
  std::array<std::uint8_t, 256> box{};
  for (int x = 0; x < 256; ++x) {
    std::uint8_t inverse = 1, power = static_cast<std::uint8_t>(x);
    for (int bit = 1; bit < 8; ++bit) {
      power = times(power, power);
      inverse = times(inverse, power);
    }
    std::uint8_t sum = 0x63;
    for (int turn = 0; turn < 5; ++turn) {
      sum = static_cast<std::uint8_t>(sum ^ std::rotl(inverse, turn));
    }
    box[static_cast<std::size_t>(x)] = sum;
  }
  return box;
}

constexpr auto substitute = substitutes();

// What a byte in row 0 adds to its column (substituted, then 5.1.3); in row r, rotated by r bytes.
constexpr std::array<std::uint32_t, 256> columns() {
  std::array<std::uint32_t, 256> table{};
  for (std::size_t x = 0; x < 256; ++x) {
    const std::uint32_t s = substitute[x], twice = times(substitute[x], 2);
    table[x] = twice | s << 8 | s << 16 | (twice ^ s) << 24;
  }
  return table;
}

constexpr auto column_of = columns();

constexpr std::uint32_t byte_of(std::uint32_t word, int n) { return word >> (8 * n) & 0xff; }

Words aes_round(const Words& v) {
  Words out{};
  for (std::size_t c = 0; c < 4; ++c) {
    for (std::size_t r = 0; r < 4; ++r) {
      const int row = static_cast<int>(r);
      out[c] ^= std::rotl(column_of[byte_of(v[(c + r) % 4], row)], 8 * row);
    }
  }
  return out;
}

Words last_aes_round(const Words& v) {
  Words out{};
  for (std::size_t c = 0; c < 4; ++c) {
    for (std::size_t r = 0; r < 4; ++r) {
      const int row = static_cast<int>(r);
      out[c] |= std::uint32_t{substitute[byte_of(v[(c + r) % 4], row)]} << (8 * row);
    }
  }
  return out;
}

std::uint64_t seed_of(const Stream& stream) {
  return stream.key0() | std::uint64_t{stream.key1()} << 32;
}

void draw16_portable(const Stream& stream, std::uint32_t block, Step step, int blocks,
                     std::uint16_t* out) {
  const Words key{stream.key0(), stream.key1(), 0, 0};
  const auto low = static_cast<std::uint32_t>(step), high = static_cast<std::uint32_t>(step >> 32);
  for (std::uint32_t k = 8 * block; blocks > 0; --blocks) {
    for (const std::uint32_t end = k + 8; k < end; ++k) {
      for (const std::uint32_t two : ars({k, low, high, stream.word()}, key)) {
        *out++ = static_cast<std::uint16_t>(two);
        *out++ = static_cast<std::uint16_t>(two >> 16);
      }
    }
  }
}

#if defined(__x86_64__)
[[gnu::target("aes")]] void draw16_aes(const Stream& stream, std::uint32_t block, Step step,
                                       int blocks, std::uint16_t* out) {
  __m128i key[ars_rounds + 1];
  key[0] = _mm_set_epi64x(0, static_cast<long long>(seed_of(stream)));
  for (int k = 0; k < ars_rounds; ++k) {
    key[k + 1] = _mm_add_epi64(key[k], _mm_set_epi64x(static_cast<long long>(ars_shift[1]),
                                                      static_cast<long long>(ars_shift[0])));
  }
  const auto low = static_cast<int>(step), high = static_cast<int>(step >> 32);
  for (auto first = static_cast<int>(8 * block); blocks > 0; --blocks, first += 8, out += 64) {
    __m128i v[8];
#pragma GCC unroll 8
    for (int k = 0; k < 8; ++k) {
      v[k] = _mm_xor_si128(key[0],
                           _mm_set_epi32(static_cast<int>(stream.word()), high, low, first + k));
    }
#pragma GCC unroll 6
    for (int round = 1; round < ars_rounds; ++round) {
#pragma GCC unroll 8
      for (int k = 0; k < 8; ++k) {
        v[k] = _mm_aesenc_si128(v[k], key[round]);
      }
    }
#pragma GCC unroll 8
    for (int k = 0; k < 8; ++k) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(out) + k,
                       _mm_aesenclast_si128(v[k], key[ars_rounds]));
    }
  }
}

// count: blocks in flight, two vectors each: a round has a latency of several cycles.
template <int count>
[[gnu::target("avx512f,vaes"), gnu::always_inline]] inline void draw16_wide(
    const __m512i (&key)[ars_rounds + 1], __m512i counter, std::uint16_t* out) {
  __m512i v[2 * count];
#pragma GCC unroll 8
  for (int k = 0; k < 2 * count; ++k) {
    const __m512i element = _mm512_set1_epi32(4 * k);
    v[k] = _mm512_xor_si512(_mm512_mask_add_epi32(counter, 0x1111, counter, element), key[0]);
  }
#pragma GCC unroll 6
  for (int round = 1; round < ars_rounds; ++round) {
#pragma GCC unroll 8
    for (int k = 0; k < 2 * count; ++k) {
      v[k] = _mm512_aesenc_epi128(v[k], key[round]);
    }
  }
#pragma GCC unroll 8
  for (int k = 0; k < 2 * count; ++k) {
    _mm512_storeu_si512(out + 32 * k, _mm512_aesenclast_epi128(v[k], key[ars_rounds]));
  }
}

[[gnu::target("avx512f,vaes")]] void draw16_vaes(const Stream& stream, std::uint32_t block,
                                                 Step step, int blocks, std::uint16_t* out) {
  const auto low = static_cast<long long>(ars_shift[0]),
             high = static_cast<long long>(ars_shift[1]);
  const __m512i shift = _mm512_set_epi64(high, low, high, low, high, low, high, low);
  __m512i key[ars_rounds + 1];
  key[0] = _mm512_maskz_set1_epi64(0x55, static_cast<long long>(seed_of(stream)));
  for (int k = 0; k < ars_rounds; ++k) {
    key[k + 1] = _mm512_add_epi64(key[k], shift);
  }
  // Four counters: the elements first, first + 1, ... in the lowest of their words.
  __m512i counter = _mm512_maskz_set1_epi32(0x8888, static_cast<int>(stream.word()));
  counter = _mm512_mask_set1_epi32(counter, 0x4444, static_cast<int>(step >> 32));
  counter = _mm512_mask_set1_epi32(counter, 0x2222, static_cast<int>(step));
  counter =
      _mm512_or_si512(counter, _mm512_set_epi32(0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0));
  const auto some = [&](auto count) __attribute__((always_inline, target("avx512f,vaes"))) {
    for (; blocks >= count; blocks -= count) {
      const __m512i first = _mm512_set1_epi32(static_cast<int>(8 * block));
      draw16_wide<count>(key, _mm512_mask_add_epi32(counter, 0x1111, counter, first), out);
      block += static_cast<std::uint32_t>(count);
      out += 64 * count;
    }
  };
  some(std::integral_constant<int, 4>{});
  some(std::integral_constant<int, 2>{});
  some(std::integral_constant<int, 1>{});
}

// clang 14 does not know this feature by name.
bool has_vaes() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (c & bit_VAES) != 0;
}
#endif

#if defined(SPIKELET_ARM_AES)
#if defined(__ARM_FEATURE_AES)
#define SPIKELET_TARGET_AES
#else
#define SPIKELET_TARGET_AES [[gnu::target("+crypto")]]
#endif
SPIKELET_TARGET_AES void draw16_arm(const Stream& stream, std::uint32_t block, Step step,
                                    int blocks, std::uint16_t* out) {
  const uint64x2_t shift = vld1q_u64(ars_shift);
  uint64x2_t sum = vsetq_lane_u64(seed_of(stream), vdupq_n_u64(0), 0);
  uint8x16_t key[ars_rounds + 1];
  for (uint8x16_t& one : key) {
    one = vreinterpretq_u8_u64(sum);
    sum = vaddq_u64(sum, shift);
  }
  const uint8x16_t none = vdupq_n_u8(0);
  Words counter{8 * block, static_cast<std::uint32_t>(step), static_cast<std::uint32_t>(step >> 32),
                stream.word()};
  for (; blocks > 0; --blocks, out += 64) {
    uint8x16_t v[8];
    for (uint8x16_t& one : v) {
      one = veorq_u8(vreinterpretq_u8_u32(vld1q_u32(counter.data())), key[0]);
      ++counter[0];
    }
    // Here the instruction adds the key first: of zero, and then the round's own.
    for (int round = 1; round < ars_rounds; ++round) {
      for (uint8x16_t& one : v) {
        one = veorq_u8(vaesmcq_u8(vaeseq_u8(one, none)), key[round]);
      }
    }
    for (std::size_t k = 0; k < 8; ++k) {
      vst1q_u16(out + 8 * k,
                vreinterpretq_u16_u8(veorq_u8(vaeseq_u8(v[k], none), key[ars_rounds])));
    }
  }
}
#endif

}  // namespace

Words ars(const Words& counter, const Words& key, int rounds) {
  Words v = counter;
  std::uint64_t low = key[0] | std::uint64_t{key[1]} << 32;
  std::uint64_t high = key[2] | std::uint64_t{key[3]} << 32;
  for (int round = 0; round <= rounds; ++round) {
    if (round > 0) {
      v = round < rounds ? aes_round(v) : last_aes_round(v);
    }
    v[0] ^= static_cast<std::uint32_t>(low);
    v[1] ^= static_cast<std::uint32_t>(low >> 32);
    v[2] ^= static_cast<std::uint32_t>(high);
    v[3] ^= static_cast<std::uint32_t>(high >> 32);
    low += ars_shift[0];
    high += ars_shift[1];
  }
  return v;
}

std::vector<Draw16> available_draw16() {
  std::vector<Draw16> all{draw16_portable};
#if defined(__x86_64__)
  __builtin_cpu_init();  // this runs when the library is loaded
  if (__builtin_cpu_supports("aes")) {
    all.push_back(draw16_aes);
  }
  if (has_vaes() && __builtin_cpu_supports("avx512f")) {
    all.push_back(draw16_vaes);
  }
#elif defined(SPIKELET_ARM_AES)
#if defined(__ARM_FEATURE_AES)
  all.push_back(draw16_arm);
#else
  if ((getauxval(AT_HWCAP) & HWCAP_AES) != 0) {
    all.push_back(draw16_arm);
  }
#endif
#endif
  return all;
}

const Draw16 draw16 = available_draw16().back();

}  // namespace spikelet
