// Runs the benchmarks of this folder and prints for each the ns and bytes per element and the
// resulting bandwidth, to compare with the machine's own (bandwidth/...). Benchmarks of
// roofline/... also give their ratio to a loop with the least possible work, run in turn with them.
// --benchmark_filter=REGEX selects benchmarks, --benchmark_repetitions=5 adds medians,
// --benchmark_out=FILE.json saves everything.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <functional>
#include <vector>

#include "spikelet/core/cpu.hpp"

void report(benchmark::State& state, double elements, double bytes) {
  using benchmark::Counter;
  state.counters["ns"] =
      Counter(elements * 1e-9, Counter::kIsIterationInvariantRate | Counter::kInvert);
  state.counters["bytes"] = Counter(bytes);
}

// For benchmarks with UseManualTime(): runs `bare` and `work` in turn and reports the ratio of
// their medians.
void beside(benchmark::State& state, double elements, double bytes,
            const std::function<void()>& work, const std::function<void()>& bare) {
  const auto seconds = [](const std::function<void()>& run) {  // CPU time, as in Google Benchmark
    const std::clock_t start = std::clock();
    run();
    return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  };
  const auto median = [](std::vector<double>& x) {
    const auto middle = x.begin() + static_cast<std::ptrdiff_t>(x.size() / 2);
    std::nth_element(x.begin(), middle, x.end());
    return *middle;
  };
  std::vector<double> of_work, of_bare;
  for (auto _ : state) {
    of_bare.push_back(seconds(bare));
    of_work.push_back(seconds(work));
    state.SetIterationTime(of_work.back());
  }
  report(state, elements, bytes);
  state.counters["ratio"] = median(of_work) / median(of_bare);
}

namespace {

class Table : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context& context) override {
    std::printf("%d cores at %.0f MHz", context.cpu_info.num_cpus,
                context.cpu_info.cycles_per_second / 1e6);
    for (const auto& cache : context.cpu_info.caches) {
      std::printf(", L%d %s %d KB", cache.level, cache.type.c_str(), cache.size / 1024);
    }
    std::printf("; kernels at level %s unless named\n",
                spikelet::to_string(spikelet::simd_level()).data());
    std::printf("%-56s %12s %9s %7s %7s\n", "benchmark", "ns an elem.", "bytes", "GB/s", "x bare");
    return true;
  }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      const auto ns = run.counters.find("ns"), bytes = run.counters.find("bytes"),
                 ratio = run.counters.find("ratio");
      if (ns == run.counters.end() || bytes == run.counters.end()) {
        std::printf("%-56s failed: %s\n", run.benchmark_name().c_str(), run.report_label.c_str());
      } else if (run.aggregate_name == "cv") {
        std::printf("%-56s %11.1f%%\n", run.benchmark_name().c_str(), 100 * ns->second.value);
      } else {
        std::printf("%-56s %12.3f %9.2f %7.1f", run.benchmark_name().c_str(), ns->second.value,
                    bytes->second.value, bytes->second.value / ns->second.value);
        if (ratio != run.counters.end()) {
          std::printf(" %7.2f", ratio->second.value);
        }
        std::printf("\n");
      }
    }
    std::fflush(stdout);
  }
};

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) {
    return 1;
  }
  Table table;
  benchmark::RunSpecifiedBenchmarks(&table);
  benchmark::Shutdown();
  return 0;
}
