// How fast does one thread read and copy memory at each level of the memory hierarchy? This is the
// yardstick for all other benchmarks. An element is a float; a copy moves 8 bytes per element, not
// counting the write-allocate traffic of DRAM, which makes it 16.
#include <benchmark/benchmark.h>

#include <cstring>
#include <numeric>

#include "spikelet/core/buffer.hpp"

void report(benchmark::State& state, double elements, double bytes);  // main.cpp

namespace {

using spikelet::Buffer;

// Whole-register loads in eight chains, as wide as 64-byte GNU vectors compile to.
typedef std::uint64_t Wide __attribute__((vector_size(64)));

#if defined(__x86_64__) && !defined(__clang__)
[[gnu::target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")]]
#endif
std::uint64_t read_all(const float* data, std::size_t n) {
  Wide sum[8]{};
  for (std::size_t i = 0; i < n; i += 128) {
    for (std::size_t k = 0; k < 8; ++k) {
      Wide x;
      __builtin_memcpy(&x, data + i + 16 * k, sizeof x);
      sum[k] ^= x;
    }
  }
  const Wide all = (sum[0] ^ sum[1]) ^ (sum[2] ^ sum[3]) ^ (sum[4] ^ sum[5]) ^ (sum[6] ^ sum[7]);
  return all[0] ^ all[1] ^ all[2] ^ all[3] ^ all[4] ^ all[5] ^ all[6] ^ all[7];
}

Buffer<float> numbers(std::size_t bytes) {
  Buffer<float> data(bytes / sizeof(float));
  std::iota(data.begin(), data.end(), 1.0f);
  return data;
}

void read(benchmark::State& state) {
  const Buffer<float> data = numbers(static_cast<std::size_t>(state.range(0)) << 10);
  for (auto _ : state) {
    benchmark::DoNotOptimize(read_all(data.data(), data.size()));
  }
  report(state, static_cast<double>(data.size()), sizeof(float));
}

void copy(benchmark::State& state) {
  const Buffer<float> data = numbers(static_cast<std::size_t>(state.range(0)) << 9);
  Buffer<float> to(data.size());
  for (auto _ : state) {
    std::memcpy(to.data(), data.data(), data.size() * sizeof(float));
    benchmark::ClobberMemory();
  }
  if (to != data) {
    state.SkipWithError("the copy differs");
  }
  report(state, static_cast<double>(data.size()), 2 * sizeof(float));
}

// Footprints in KB for the L1, L2, L3 and DRAM of common machines; both halves of a copy count.
BENCHMARK(read)->Name("bandwidth/read/KB")->Arg(16)->Arg(512)->Arg(8 << 10)->Arg(1 << 20);
BENCHMARK(copy)->Name("bandwidth/copy/KB")->Arg(16)->Arg(512)->Arg(8 << 10)->Arg(1 << 20);

}  // namespace
