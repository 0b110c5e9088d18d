// Runs the benchmarks of this folder and prints for each: ns and bytes an element, and the
// bandwidth that follows, to be read beside the machine's own (bandwidth/...).
// --benchmark_filter=REGEX chooses, --benchmark_repetitions=5 adds medians,
// --benchmark_out=FILE.json keeps everything.
#include <benchmark/benchmark.h>

#include <cstdio>

#include "spikelet/core/cpu.hpp"

void report(benchmark::State& state, double elements, double bytes) {
  using benchmark::Counter;
  state.counters["ns"] =
      Counter(elements * 1e-9, Counter::kIsIterationInvariantRate | Counter::kInvert);
  state.counters["bytes"] = Counter(bytes);
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
    std::printf("%-56s %12s %9s %7s\n", "benchmark", "ns an elem.", "bytes", "GB/s");
    return true;
  }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      const auto ns = run.counters.find("ns"), bytes = run.counters.find("bytes");
      if (ns == run.counters.end() || bytes == run.counters.end()) {
        std::printf("%-56s failed: %s\n", run.benchmark_name().c_str(), run.report_label.c_str());
      } else if (run.aggregate_name == "cv") {
        std::printf("%-56s %11.1f%%\n", run.benchmark_name().c_str(), 100 * ns->second.value);
      } else {
        std::printf("%-56s %12.3f %9.2f %7.1f\n", run.benchmark_name().c_str(), ns->second.value,
                    bytes->second.value, bytes->second.value / ns->second.value);
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
