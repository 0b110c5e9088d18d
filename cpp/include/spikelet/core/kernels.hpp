// The core's compiled kernels: the same source at each SIMD level, chosen once. Kernels are serial;
// their callers own the threads.
#pragma once

#include <cstdint>

#include "spikelet/core/line.hpp"
#include "spikelet/core/model.hpp"
#include "spikelet/core/plasticity.hpp"
#include "spikelet/core/poisson.hpp"
#include "spikelet/core/poisson_rates.hpp"
#include "spikelet/core/program_run.hpp"
#include "spikelet/core/random.hpp"
#include "spikelet/core/sine.hpp"
#include "spikelet/core/weight_grid.hpp"

namespace spikelet {

// What runs programs.
template <class R>
struct ProgramKernels {
  // An operation with the operands of `single` (bit k: operand k) as single values, or null if
  // there is no such one.
  Operation<R> (*operation)(Opcode opcode, unsigned single);
  // A sum of sum_forms. singles: 0; 1: the second operand of each product; 2: all terms, too.
  Operation<R> (*sum)(std::uint16_t form, int singles, bool hold);
  // The test for spikes: LT, LE or NOT (any mask), or the opposite. Null as above.
  Operation<R> (*spikes)(Opcode opcode, bool opposite, unsigned single);
  StepFunction<R> step;
};

struct KernelTable {
  const StepFunctions<float>& (*step32)(std::size_t model);
  const StepFunctions<double>& (*step64)(std::size_t model);

  // The four words of n counters from (index, first) on, n a multiple of 16: low[k] holds words 0
  // (lower half) and 1 of counter first + k, high[k] words 2 and 3.
  void (*words)(const Stream&, std::uint64_t index, std::uint32_t first, std::size_t n,
                std::uint64_t* low, std::uint64_t* high);

  // For the block of 64 elements from `first` on, a double in (0, 1) from words 0 and 1 of each
  // element's counter at `step`: uniform(w[0], w[1]) of w = Stream::at(element, step). And its
  // normal_quantile.
  void (*uniforms)(const Stream&, std::uint32_t first, Step step, double* out);
  void (*normals)(const Stream&, std::uint32_t first, Step step, double* out);

  // The same for any elements, n of them, a multiple of 16; and a second double from words 2 and 3.
  void (*uniform_pairs)(const Stream&, const std::uint64_t* elements, std::size_t n, Step step,
                        double* first, double* second);

  // sine() of each of n angles, a multiple of 8.
  void (*sines)(const Angle* angles, std::size_t n, double* out);

  // input[i] += weight * (Poisson count of element i) for whole blocks [begin, end) of elements.
  void (*poisson32)(const PoissonTable&, const Stream&, const Stream& tie, Step, std::size_t begin,
                    std::size_t end, const float* weight, std::size_t weight_mask, float* input);
  void (*poisson64)(const PoissonTable&, const Stream&, const Stream& tie, Step, std::size_t begin,
                    std::size_t end, const double* weight, std::size_t weight_mask, double* input);

  // The same for many parts, of which each is short: what it waits for hides behind the others.
  void (*poisson_parts32)(std::span<const PoissonPart<float>> parts, Step);
  void (*poisson_parts64)(std::span<const PoissonPart<double>> parts, Step);

  // The same where each element has its own mean: `rates` from block `at` on belong to `begin`.
  void (*rates32)(const PoissonRates& rates, std::size_t at, const Stream&, const Stream& tie, Step,
                  std::size_t begin, std::size_t end, const float* weight, std::size_t weight_mask,
                  float* input);
  void (*rates64)(const PoissonRates& rates, std::size_t at, const Stream&, const Stream& tie, Step,
                  std::size_t begin, std::size_t end, const double* weight, std::size_t weight_mask,
                  double* input);
  // The counts themselves, of the 64 elements of block `block`.
  void (*rate_counts)(const PoissonRates& rates, std::size_t at, const Stream&, const Stream& tie,
                      std::uint32_t block, Step, std::uint32_t* counts);

  // Lists the lines that are due; returns the end. May write up to list_slack numbers beyond it.
  std::uint32_t* (*list_lines)(const DueLines* begin, const DueLines* end, std::uint32_t* out);
  // The same in parts: moves the end of each. May write up to most_part_lines numbers beyond it.
  void (*list_parts)(const DueLines* begin, const DueLines* end, std::uint32_t** ends);

  // input[target] += weight for all synapses of the n listed lines. The list must continue for
  // list_slack valid numbers. Targets from `dummies` on are padding, which may be left out.
  template <class R, class L>
  using Scatter = void (*)(const L*, const std::uint32_t* list, std::size_t n,
                           std::uint32_t dummies, R* input);
  Scatter<float, Line<float>> scatter32[2];  // narrow, wide
  Scatter<double, Line<double>> scatter64[2];
  Scatter<float, SharedLine<float>> scatter_shared32;
  Scatter<double, SharedLine<double>> scatter_shared64;

  // sums[target] += magnitude << shift, or -= if negative, for all synapses of the n listed lines.
  // shift <= most_sum_shift.
  void (*scatter_integers)(const IntegerLine*, const std::uint32_t* list, std::size_t n, int shift,
                           bool negative, const SumsAt* sums);
  // input[i] += step * sum[first + i], a signed number, and the sum = 0, for n elements in whole
  // blocks.
  void (*add_sums32)(const SumsAt& sums, std::size_t first, std::size_t n, float step,
                     float* input);
  void (*add_sums64)(const SumsAt& sums, std::size_t first, std::size_t n, double step,
                     double* input);

  // Bit i: the draw of element i of block `block` is below its threshold, whose 16 high bits are
  // high[i]; a tie is settled by 32 more bits and low[i].
  std::uint64_t (*below)(const Stream&, const Stream& tie, std::uint32_t block, Step,
                         const std::uint16_t* high, const std::uint32_t* low);

  const PlasticKernels<float>* plastic32;  // by rule
  const PlasticKernels<double>* plastic64;

  ProgramKernels<float> program32;
  ProgramKernels<double> program64;

  template <class R>
  const ProgramKernels<R>& program() const {
    if constexpr (sizeof(R) == 4) {
      return program32;
    } else {
      return program64;
    }
  }
  template <class R>
  const StepFunctions<R>& step(std::size_t model) const {
    if constexpr (sizeof(R) == 4) {
      return step32(model);
    } else {
      return step64(model);
    }
  }
  template <class R>
  const PlasticKernels<R>& plastic(std::size_t rule) const {
    if constexpr (sizeof(R) == 4) {
      return plastic32[rule];
    } else {
      return plastic64[rule];
    }
  }
  // wide: targets may have more than 16 bits.
  auto scatter(const Line<float>*, bool wide) const { return scatter32[wide]; }
  auto scatter(const Line<double>*, bool wide) const { return scatter64[wide]; }
  auto scatter(const SharedLine<float>*, bool) const { return scatter_shared32; }
  auto scatter(const SharedLine<double>*, bool) const { return scatter_shared64; }
  template <class R>
  auto add_sums() const {
    if constexpr (sizeof(R) == 4) {
      return add_sums32;
    } else {
      return add_sums64;
    }
  }
  template <class R>
  auto poisson() const {
    if constexpr (sizeof(R) == 4) {
      return poisson32;
    } else {
      return poisson64;
    }
  }
  template <class R>
  auto poisson_parts() const {
    if constexpr (sizeof(R) == 4) {
      return poisson_parts32;
    } else {
      return poisson_parts64;
    }
  }
  template <class R>
  auto rates() const {
    if constexpr (sizeof(R) == 4) {
      return rates32;
    } else {
      return rates64;
    }
  }
};

// The table of the level in use.
const KernelTable& kernels();

// The table of a given level, which must be available (tests compare them).
enum class SimdLevel;
const KernelTable& kernels(SimdLevel level);

}  // namespace spikelet
