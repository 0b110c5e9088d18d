// How long does a plastic synapse take when its source spikes, for the weight update and delivery?
// The rule is additive STDP in the three layouts, dt 0.1 ms. An element is one synapse of one spike
// of a source; its time includes everything else, such as target spikes and time steps. Sparse
// networks have 3 million synapses and as many target spikes as source spikes. Learning layers have
// sources at 20 Hz and one target spike for every hundred source spikes.
#include <benchmark/benchmark.h>

#include <array>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "spikelet/core/random.hpp"
#include "spikelet/network/plastic_store.hpp"

void report(benchmark::State& state, double elements, double bytes);  // main.cpp

namespace {

using namespace spikelet;

struct Shape {
  PlasticLayout layout;
  std::uint32_t sources, targets, row;
  double hertz;    // rate of the sources
  double per_pre;  // target spikes per source spike
  bool operator==(const Shape&) const = default;
};

class Plastic {
 public:
  explicit Plastic(const Shape& shape) : shape_(shape), input_(shape.targets) {
    const auto table = make_table();
    Feed<float> feed;
    feed.table = &table;
    feed.post_end = shape.targets;
    feed.one_channel = 0;
    const Plasticity rule{find_plasticity("STDP.additive"), {20, 20, 0.010, 0.0105, 0, 1}};
    store_ = make_plastic_store<float>(shape.layout, feed, rule, 0.1, 64, -1, nullptr);
  }

  // Runs one step; returns the number of synapses touched.
  std::size_t step() {
    const double p = shape_.hertz * 1e-4;
    draw(shape_.targets, p * shape_.per_pre * shape_.sources / shape_.targets, 0);
    store_->note_posts(spikes_, 0, now_ + 1);
    const std::array<float*, max_channels> input{input_.data()};
    store_->deliver(now_, input, false);
    draw(shape_.sources, p, 1);
    for (const Gid source : spikes_) {
      store_->enqueue(source, now_ + 1, now_ + 1);
    }
    ++now_;
    return spikes_.size() * shape_.row;
  }
  // Whether weights moved and stayed within their bounds.
  bool plausible() {
    std::size_t moved = 0, outside = 0;
    for (Gid source = 0; source < shape_.sources; ++source) {
      store_->visit(source, [&](const SynapseRef<float>& synapse) {
        moved += *synapse.weight != 0.5f ? 1 : 0;
        outside += *synapse.weight < 0 || *synapse.weight > 1 ? 1 : 0;
      });
    }
    return outside == 0 && moved > synapses() / 20;
  }
  std::size_t synapses() const { return std::size_t{shape_.sources} * shape_.row; }
  double bytes() const {
    return static_cast<double>(store_->bytes()) / static_cast<double>(synapses());
  }
  const Shape& shape() const { return shape_; }

 private:
  // Draws each element with probability p, cheaply, by the gaps between them.
  void draw(std::uint32_t n, double p, std::uint32_t what) {
    const Stream stream(3, Purpose::values, what);
    spikes_.clear();
    std::uint32_t k = 0;
    for (double i = -1;;) {
      i += 1 + std::floor(std::log(uniform(stream.at(k++, now_)[0])) / std::log1p(-p));
      if (i >= n) {
        return;
      }
      spikes_.push_back(static_cast<Gid>(i));
    }
  }
  SynapseTable<float> make_table() const {
    const Stream stream(4, Purpose::values, 0);
    const bool full = shape_.row == shape_.targets;
    std::vector<std::uint32_t> pre, post;
    for (std::uint32_t i = 0; i < shape_.sources; ++i) {
      for (std::uint32_t k = 0; k < shape_.row; ++k) {
        pre.push_back(i);
        post.push_back(full ? k : stream.words(pre.size(), 0)[0] % shape_.targets);
      }
    }
    const std::vector<float> weight{0.5f};
    const std::vector<std::uint16_t> delay{15};
    return SynapseTable<float>::from_lists(shape_.sources, pre, post, weight, delay);
  }

  Shape shape_;
  std::unique_ptr<PlasticStore<float>> store_;
  Step now_ = 0;
  std::vector<float> input_;
  std::vector<Gid> spikes_;
};

// Built and brought into a steady state once for all calls of a benchmark.
Plastic& built(const Shape& shape) {
  static std::unique_ptr<Plastic> held;
  if (!held || held->shape() != shape) {
    held.reset();
    held = std::make_unique<Plastic>(shape);
    const int steps = shape.per_pre < 0.1 ? 80000 : 8000;  // with few target spikes it takes longer
    for (int k = 0; k < steps; ++k) {
      held->step();
    }
  }
  return *held;
}

void stdp(benchmark::State& state, const Shape& shape) {
  Plastic& plastic = built(shape);
  if (!plastic.plausible()) {
    state.SkipWithError("weights did not move, or left their bounds");
    return;
  }
  std::size_t touched = 0;
  for (auto _ : state) {
    touched += plastic.step();
  }
  report(state, static_cast<double>(touched) / static_cast<double>(state.iterations()),
         plastic.bytes());
}

[[maybe_unused]] const int registered = [] {
  const auto add = [](const std::string& name, const Shape& shape) {
    benchmark::RegisterBenchmark(("stdp/" + name).c_str(), stdp, shape);
  };
  constexpr std::uint32_t synapses = 3000000, targets = 10000;
  for (const auto& [layout, name] : {std::pair(PlasticLayout::history, "history"),
                                     std::pair(PlasticLayout::closed_rows, "closed_rows")}) {
    for (const std::uint32_t row : {100u, 1000u}) {
      for (const int hertz : {5, 32}) {
        add(std::string(name) + "/row:" + std::to_string(row) + "/Hz:" + std::to_string(hertz),
            {layout, synapses / row, targets, row, static_cast<double>(hertz), 1});
      }
    }
  }
  for (const std::uint32_t row : {400u, 6400u}) {
    add("dense_block/784x" + std::to_string(row),
        {PlasticLayout::dense_block, 784, row, row, 20, 0.01});
  }
  for (const std::uint32_t row : {100u, 1000u}) {
    add("dense_block/row:" + std::to_string(row) + "/one_post_a_pre",
        {PlasticLayout::dense_block, synapses / row, row, row, 20, 1});
  }
  return 0;
}();

}  // namespace
