// How long does it take to deliver one synaptic event of a static projection, including the lists?
// Long rows are stored as lines, and the synapses of short ones are queued; the rows of the spiking
// sources are in L2 or in DRAM. An element is a synaptic event; its bytes are those of the store
// (weight, target, padding, row headers).
#include <benchmark/benchmark.h>

#include <memory>
#include <numeric>
#include <vector>

#include "spikelet/core/random.hpp"
#include "spikelet/network/static_store.hpp"

void report(benchmark::State& state, double elements, double bytes);  // main.cpp

namespace {

using namespace spikelet;

using Form = StaticStore<float>::Form;
constexpr std::uint32_t targets = 12000, spikes_a_step = 25;

struct Shape {
  std::uint32_t sources, row, delays;  // synapses per row, and delays over which they are spread
};
// One delay, as in Brunel's network; many delays, as in the cortical microcircuit; short rows, as
// in CUBA.
constexpr Shape long_rows_l2{160, 1000, 1}, long_rows_dram{70000, 1000, 1};
constexpr Shape segments_l2{80, 1900, 40}, segments_dram{36000, 1900, 40};
constexpr Shape short_rows_l2{1600, 80, 16}, short_rows_dram{700000, 80, 16};

template <class R>
SynapseTable<R> make_table(const Shape& shape, bool one_weight) {
  SynapseTable<R> table;
  const std::size_t n = std::size_t{shape.sources} * shape.row;
  table.weight.assign(one_weight ? 1 : n, R(1));
  table.post.resize(n);
  table.delay.resize(n);
  for (std::uint32_t i = 0; i <= shape.sources; ++i) {
    table.row.push_back(std::uint64_t{i} * shape.row);
  }
  const std::uint32_t gap = targets / shape.row;
  for (std::uint32_t i = 0; i < shape.sources; ++i) {
    for (std::uint32_t k = 0; k < shape.row; ++k) {  // ascending, irregular
      const std::size_t at = std::size_t{i} * shape.row + k;
      const std::uint32_t noise = static_cast<std::uint32_t>((at + 1) * 2654435761u) >> 8;
      table.post[at] = k * gap + noise % gap;
      table.delay[at] = static_cast<std::uint16_t>(1 + (noise >> 12) % shape.delays);
    }
  }
  return table;
}

template <class R>
class Delivery {
 public:
  Delivery(const Shape& shape, bool one_weight)
      : shape_(shape),
        table_(make_table<R>(shape, one_weight)),
        store_(feeds(), shape.delays + 32, targets) {
    table_ = {};
    const Stream stream(2, Purpose::values, 0);
    for (std::uint32_t k = 0; k < 1u << 16; ++k) {
      order_.push_back(stream.words(k, 0)[0] % shape.sources);
    }
  }
  void step(bool spikes) {
    for (std::uint32_t k = 0; spikes && k < spikes_a_step; ++k) {
      store_.enqueue(order_[next_++ & 0xffff], now_ + 1, now_ + 1);
    }
    ++now_;
    const std::array<R*, max_channels> input{input_.data(), nullptr, nullptr};
    store_.deliver(now_, input, true);
    store_.deliver(now_, input, false);
  }
  // Weights are 1, so the sum of all inputs counts the events.
  bool counts_right(int steps) {
    for (int k = 0; k < steps + static_cast<int>(shape_.delays); ++k) {
      step(k < steps);
    }
    const double sum = std::accumulate(input_.begin(), input_.begin() + targets, 0.0);
    return sum == 1.0 * steps * spikes_a_step * shape_.row;
  }
  auto form() const { return store_.form(excitatory_channel); }
  double bytes() const {
    return static_cast<double>(store_.bytes()) / (1.0 * shape_.sources * shape_.row);
  }

 private:
  std::vector<Feed<R>> feeds() const {
    Feed<R> feed;
    feed.table = &table_;
    feed.sources = shape_.sources;
    feed.post_end = targets;
    return {feed};
  }
  Shape shape_;
  SynapseTable<R> table_;
  StaticStore<R> store_;
  std::vector<Gid> order_;
  std::uint32_t next_ = 0;
  Step now_ = 0;
  std::vector<R> input_ = std::vector<R>(targets + spare);
};

// Built once for all calls of a benchmark; null if the form or the delivered events are wrong.
template <class R>
Delivery<R>* built(const Shape& shape, Form form) {
  static const Shape* of = nullptr;
  static Form as = Form::lines;
  static std::unique_ptr<Delivery<R>> held;
  if (of != &shape || as != form) {
    of = &shape;
    as = form;
    held.reset();
    held = std::make_unique<Delivery<R>>(shape, form == Form::one_weight);
    if (static_cast<int>(held->form()) != static_cast<int>(form) || !held->counts_right(100)) {
      held.reset();
    }
  }
  return held.get();
}

template <class R>
void delivery(benchmark::State& state, const Shape& shape, Form form) {
  Delivery<R>* delivery = built<R>(shape, form);
  if (delivery == nullptr) {
    state.SkipWithError("rows have another form, or events are missing");
    return;
  }
  for (std::uint32_t k = 0; k < shape.delays; ++k) {
    delivery->step(true);
  }
  for (auto _ : state) {
    delivery->step(true);
  }
  report(state, 1.0 * spikes_a_step * shape.row, delivery->bytes());
}

BENCHMARK_CAPTURE(delivery<float>, _, long_rows_l2, Form::lines)
    ->Name("delivery/float/lines_rows_of_1000/L2");
BENCHMARK_CAPTURE(delivery<float>, _, long_rows_dram, Form::lines)
    ->Name("delivery/float/lines_rows_of_1000/DRAM");
BENCHMARK_CAPTURE(delivery<float>, _, long_rows_l2, Form::one_weight)
    ->Name("delivery/float/one_weight_rows_of_1000/L2");
BENCHMARK_CAPTURE(delivery<float>, _, long_rows_dram, Form::one_weight)
    ->Name("delivery/float/one_weight_rows_of_1000/DRAM");
BENCHMARK_CAPTURE(delivery<float>, _, segments_l2, Form::lines)
    ->Name("delivery/float/lines_segments_of_48/L2");
BENCHMARK_CAPTURE(delivery<float>, _, segments_dram, Form::lines)
    ->Name("delivery/float/lines_segments_of_48/DRAM");
BENCHMARK_CAPTURE(delivery<float>, _, short_rows_l2, Form::queued)
    ->Name("delivery/float/queued_segments_of_5/L2");
BENCHMARK_CAPTURE(delivery<float>, _, short_rows_dram, Form::queued)
    ->Name("delivery/float/queued_segments_of_5/DRAM");
BENCHMARK_CAPTURE(delivery<double>, _, long_rows_l2, Form::lines)
    ->Name("delivery/double/lines_rows_of_1000/L2");
BENCHMARK_CAPTURE(delivery<double>, _, long_rows_dram, Form::lines)
    ->Name("delivery/double/lines_rows_of_1000/DRAM");

}  // namespace
