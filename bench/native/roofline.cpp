// How close is a store's whole delivery (lists, calendar, headers) to the additions alone? Two
// versions run on the same synapses and spikes, with rows in DRAM:
//   bare   a plain loop over a prepared flat list of the same cache lines in the same order, each
//          with 10 weights and 10 targets, fetched 64 lines ahead
//   store  prefetch and enqueue for each spike, then deliver, as in the step loop
// An element is a real synapse, not a line's padding; bytes are those of the lines or the store.
// The last column is the store's time divided by the bare loop's; the limit is 1.5. lif_step.cpp
// and poisson.cpp have such comparisons for the other parts of a step.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <vector>

#include "spikelet/core/buffer.hpp"
#include "spikelet/core/random.hpp"
#include "spikelet/network/static_store.hpp"

void report(benchmark::State& state, double elements, double bytes);  // main.cpp
void beside(benchmark::State& state, double elements, double bytes,
            const std::function<void()>& work, const std::function<void()>& bare);

namespace {

using namespace spikelet;

constexpr Step cycle = 1024;  // steps until the spikes repeat

// Four of five sources are excitatory, with weights of 1; the others have -4. Sums are therefore
// whole numbers and do not depend on the order of additions.
struct Shape {
  std::uint32_t targets, sources, row, spikes;      // of a partition; spikes per step
  double delay_ex, spread_ex, delay_in, spread_in;  // normal, in steps
  bool early;                                       // delta synapses: a single input
  std::uint32_t excitatory() const { return sources / 5 * 4; }
  double synapses() const { return 1.0 * cycle * spikes * row; }  // delivered per cycle
};
// One of two partitions of the cortical microcircuit of Potjans & Diesmann 2014, but with half of
// the 77 169 sources: 75 million synapses are far larger than the caches, and faster to build.
constexpr Shape microcircuit{38592, 38584, 1937, 25, 15, 7.5, 7.5, 3.75, false};
// The whole network of Brunel 2000 at 40 Hz.
constexpr Shape brunel{12500, 12500, 1250, 50, 15, 0, 15, 0, true};

SynapseTable<float> make_table(const Shape& shape, bool excitatory) {
  const std::uint32_t begin = excitatory ? 0 : shape.excitatory(),
                      end = excitatory ? shape.excitatory() : shape.sources;
  const double mean = excitatory ? shape.delay_ex : shape.delay_in,
               spread = excitatory ? shape.spread_ex : shape.spread_in;
  std::vector<std::uint16_t> delay(4096);  // at equal quantiles of the distribution
  for (std::size_t k = 0; k < delay.size(); ++k) {
    const double steps =
        mean + spread * normal_quantile((static_cast<double>(k) + 0.5) / 4096) + 0.5;
    delay[k] = static_cast<std::uint16_t>(std::max(1.0, steps));
  }
  SynapseTable<float> table;
  const std::size_t n = std::size_t{end - begin} * shape.row;
  table.weight.assign(n, excitatory ? 1.0f : -4.0f);  // equal, but stored per synapse
  table.post.resize(n);
  table.delay.resize(n);
  const std::uint32_t gap = shape.targets / shape.row;
  table.row.push_back(0);
  for (std::size_t at = 0; at < n;) {
    for (std::uint32_t k = 0; k < shape.row; ++k, ++at) {  // ascending, irregular
      const Words noise = Stream(3, Purpose::values, excitatory).words(at, 0);
      table.post[at] = k * gap + noise[0] % gap;
      table.delay[at] = delay[noise[1] % 4096];
    }
    table.row.push_back(at);
  }
  return table;
}

using Input = std::array<std::vector<float>, max_channels>;
Input make_input(const Shape& shape) {
  Input input;
  input.fill(std::vector<float>(shape.targets + spare));
  return input;
}

// The same lines as in the store, and for each step of the cycle the lines due, in order.
class Bare {
 public:
  Bare(const Shape& shape, const std::array<SynapseTable<float>, 2>& tables,
       const std::vector<Gid>& spikes)
      : input(make_input(shape)), targets_(shape.targets), early_(shape.early) {
    for (const auto& table : tables) {
      for (std::size_t i = 0; i + 1 < table.row.size(); ++i) {
        add_row(table, table.row[i], table.row[i + 1]);
      }
    }
    std::array<std::vector<std::vector<std::uint32_t>>, 2> due;
    due.fill(std::vector<std::vector<std::uint32_t>>(cycle));
    for (Step stamp = 1 - cycle; stamp <= cycle; ++stamp) {
      const auto at = static_cast<std::size_t>((stamp + cycle - 1) % cycle) * shape.spikes;
      for (std::size_t k = at; k < at + shape.spikes; ++k) {
        for (std::uint32_t line = row_[spikes[k]]; line < row_[spikes[k] + 1]; ++line) {
          const Step arrival = stamp + delay_[line];
          if (arrival >= 1 && arrival <= cycle) {
            const bool second = !early_ && spikes[k] >= shape.excitatory();
            due[second][static_cast<std::size_t>(arrival - 1)].push_back(line);
          }
        }
      }
    }
    delay_ = {};
    for (std::size_t c = 0; c < 2; ++c) {
      end_[c].push_back(0);
      for (const auto& lines : due[c]) {
        list_[c].insert(list_[c].end(), lines.begin(), lines.end());
        end_[c].push_back(list_[c].size());
      }
      list_[c].resize(list_[c].size() + ahead);
    }
  }
  void run_cycle() {
    for (std::size_t step = 0; step < cycle; ++step) {
      for (std::size_t c = 0; c < 2; ++c) {
        scatter(list_[c].data() + end_[c][step], end_[c][step + 1] - end_[c][step],
                input[early_ ? std::size_t{early_channel} : c].data());
      }
    }
  }
  double lines_a_cycle() const { return static_cast<double>(end_[0].back() + end_[1].back()); }

  Input input;

 private:
  static constexpr int size = 5;
  static constexpr std::size_t ahead = 64;
  struct alignas(32) Line {
    float weight[size];
    std::uint16_t target[size];
  };

  void add_row(const SynapseTable<float>& table, std::uint64_t begin, std::uint64_t end) {
    std::vector<std::uint64_t> order;
    for (std::uint64_t k = begin; k < end; ++k) {
      order.push_back(k);
    }
    std::stable_sort(order.begin(), order.end(),
                     [&](auto a, auto b) { return table.delay_of(a) < table.delay_of(b); });
    int filled = size;
    for (const std::uint64_t k : order) {
      if (filled == size || table.delay_of(k) != delay_.back()) {
        Line& line = lines_.emplace_back();
        for (int l = 0; l < size; ++l) {  // padding adds zeros to spare elements
          line.target[l] = static_cast<std::uint16_t>(targets_ + static_cast<std::uint32_t>(l));
        }
        delay_.push_back(table.delay_of(k));
        filled = 0;
      }
      lines_.back().weight[filled] = table.weight_of(k);
      lines_.back().target[filled++] = static_cast<std::uint16_t>(table.post[k]);
    }
    row_.push_back(static_cast<std::uint32_t>(lines_.size()));
  }
  void scatter(const std::uint32_t* list, std::size_t n, float* to) const {
    const Line* lines = lines_.data();
    for (std::size_t i = 0; i < std::min(n, ahead); ++i) {
      __builtin_prefetch(lines + list[i]);
    }
    for (std::size_t i = 0; i < n; ++i) {
      __builtin_prefetch(lines + list[i + ahead]);
      const Line& line = lines[list[i]];
#pragma GCC unroll 16
      for (int l = 0; l < size; ++l) {
        to[line.target[l]] += line.weight[l];
      }
    }
  }

  std::uint32_t targets_;
  bool early_;
  Buffer<Line> lines_;
  std::vector<std::uint16_t> delay_;  // of each line
  std::vector<std::uint32_t> row_{0};
  std::array<std::vector<std::uint32_t>, 2> list_;
  std::array<std::vector<std::size_t>, 2> end_;
};

class Both {
 public:
  explicit Both(const Shape& shape)
      : shape_(shape),
        spikes_(make_spikes(shape)),
        tables_{make_table(shape, true), make_table(shape, false)},
        bare_(shape, tables_, spikes_),
        store_(feeds(), 128, shape.targets),
        input_(make_input(shape)) {
    tables_ = {};
  }
  void run_cycle() {
    const std::array<float*, max_channels> input{input_[0].data(), input_[1].data(),
                                                 input_[2].data()};
    for (std::size_t at = 0; at < spikes_.size(); at += shape_.spikes) {
      store_.enqueue_all({spikes_.data() + at, shape_.spikes}, now_ + 1, now_ + 1);
      ++now_;
      store_.deliver(now_, input, true);
      store_.deliver(now_, input, false);
    }
  }
  // All cycles deliver the same events, except the first, which lacks those sent before it.
  bool agree() {
    run_cycle();
    input_ = make_input(shape_);
    run_cycle();
    bare_.run_cycle();
    for (std::size_t c = 0; c < max_channels; ++c) {
      if (!std::equal(input_[c].begin(), input_[c].begin() + shape_.targets,
                      bare_.input[c].begin())) {
        return false;
      }
    }
    double sum = 0;  // weights are 1 and -4
    for (const auto& input : bare_.input) {
      for (const float x : input) {
        sum += x;
      }
    }
    double sent = 0;
    for (const Gid source : spikes_) {
      sent += source < shape_.excitatory() ? shape_.row : -4.0 * shape_.row;
    }
    return sum == sent;
  }
  Bare& bare() { return bare_; }
  double store_bytes() const {
    return static_cast<double>(store_.bytes()) / (1.0 * shape_.sources * shape_.row);
  }

 private:
  static std::vector<Gid> make_spikes(const Shape& shape) {
    std::vector<Gid> spikes;
    const Stream stream(4, Purpose::values, 0);
    for (std::uint32_t k = 0; k < cycle * shape.spikes; ++k) {
      spikes.push_back(stream.words(k, 0)[0] % shape.sources);
    }
    for (auto at = spikes.begin(); at != spikes.end(); at += shape.spikes) {
      std::sort(at, at + shape.spikes);
    }
    return spikes;
  }
  std::vector<Feed<float>> feeds() const {
    std::vector<Feed<float>> feeds(2);
    for (std::size_t k = 0; k < 2; ++k) {
      feeds[k].table = &tables_[k];
      feeds[k].pre_gid = k == 0 ? 0 : shape_.excitatory();
      feeds[k].sources = static_cast<std::uint32_t>(tables_[k].row.size() - 1);
      feeds[k].post_end = shape_.targets;
      if (shape_.early) {
        feeds[k].ends = {early_channel, early_channel};
      }
    }
    return feeds;
  }

  Shape shape_;
  std::vector<Gid> spikes_;
  std::array<SynapseTable<float>, 2> tables_;
  Bare bare_;
  StaticStore<float> store_;
  Input input_;
  Step now_ = 0;
};

// Built once for all calls of a benchmark; null if the two loops do not add the same.
Both* built(const Shape& shape) {
  static const Shape* of = nullptr;
  static std::unique_ptr<Both> held;
  if (of != &shape) {
    of = &shape;
    held.reset();
    held = std::make_unique<Both>(shape);
    if (!held->agree()) {
      held.reset();
    }
  }
  return held.get();
}

void bare(benchmark::State& state, const Shape& shape) {
  Both* both = built(shape);
  if (both == nullptr) {
    state.SkipWithError("the two loops do not add the same");
    return;
  }
  for (auto _ : state) {
    both->bare().run_cycle();
  }
  report(state, shape.synapses(), 64 * both->bare().lines_a_cycle() / shape.synapses());
}

void store(benchmark::State& state, const Shape& shape) {
  Both* both = built(shape);
  if (both == nullptr) {
    state.SkipWithError("the two loops do not add the same");
    return;
  }
  beside(
      state, shape.synapses(), both->store_bytes(), [&] { both->run_cycle(); },
      [&] { both->bare().run_cycle(); });
}

BENCHMARK_CAPTURE(bare, _, microcircuit)->Name("roofline/delivery/microcircuit/bare");
BENCHMARK_CAPTURE(store, _, microcircuit)
    ->Name("roofline/delivery/microcircuit/store")
    ->UseManualTime();
BENCHMARK_CAPTURE(bare, _, brunel)->Name("roofline/delivery/brunel/bare");
BENCHMARK_CAPTURE(store, _, brunel)->Name("roofline/delivery/brunel/store")->UseManualTime();

}  // namespace
