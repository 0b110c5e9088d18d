// What does a plastic synapse cost when a spike of its source passes: bringing it up to date with
// the posts since the last one, and delivering? Rows of 1000, 3 million synapses, sources and
// targets firing at 5 or 30 Hz (dt 0.1 ms). An element is a pre spike and synapse; posts are
// included in its time.
#include <benchmark/benchmark.h>

#include <cmath>
#include <memory>
#include <vector>

#include "spikelet/core/random.hpp"
#include "spikelet/network/stdp_store.hpp"

void report(benchmark::State& state, double elements, double bytes);  // main.cpp

namespace {

using namespace spikelet;

constexpr std::uint32_t sources = 3000, targets = 6000, row = 1000;

template <class R>
class Plastic {
 public:
  explicit Plastic(double hertz)
      : p_(hertz * 1e-4), table_(make_table()), store_(feed(), rule(), 0.1, 64) {}

  // One step; the number of synapses that were touched.
  std::size_t step() {
    std::vector<Gid> posts;
    draw(targets, 0, posts);
    store_.note_posts(posts, 0, now_ + 1);
    const std::array<R*, max_channels> input{input_.data(), nullptr, nullptr};
    store_.deliver(now_, input, false);
    std::vector<Gid> pres;
    draw(sources, 1, pres);
    for (const Gid source : pres) {
      store_.enqueue(source, now_ + 1, now_ + 1);
    }
    ++now_;
    return pres.size() * row;
  }
  // Weights moved, and stayed within their bounds.
  bool plausible() {
    std::size_t moved = 0, outside = 0;
    for (Gid source = 0; source < sources; ++source) {
      store_.visit(source, [&](const SynapseRef<R>& synapse) {
        moved += *synapse.weight != R(0.5) ? 1 : 0;
        outside += *synapse.weight < 0 || *synapse.weight > 1 ? 1 : 0;
      });
    }
    return outside == 0 && moved > sources * row / 10;
  }
  double bytes() const { return static_cast<double>(store_.bytes()) / (1.0 * sources * row); }

 private:
  // Each element with probability p: by gaps, cheaply.
  void draw(std::uint32_t n, std::uint32_t what, std::vector<Gid>& out) {
    const Stream stream(3, Purpose::values, what);
    std::uint32_t k = 0;
    for (double i = -1;;) {
      i += 1 + std::floor(std::log(uniform(stream.at(k++, now_)[0])) / std::log1p(-p_));
      if (i >= n) {
        return;
      }
      out.push_back(static_cast<Gid>(i));
    }
  }
  static PairRule rule() {
    PairRule rule;
    rule.A_plus = 0.010;
    rule.A_minus = 0.0105;
    return rule;
  }
  static SynapseTable<R> make_table() {
    const Stream stream(4, Purpose::values, 0);
    std::vector<std::uint32_t> pre, post;
    for (std::uint32_t i = 0; i < sources; ++i) {
      for (std::uint32_t k = 0; k < row; ++k) {
        pre.push_back(i);
        post.push_back(stream.words(pre.size(), 0)[0] % targets);
      }
    }
    const std::vector<R> weight{R(0.5)};
    const std::vector<std::uint16_t> delay{15};
    return SynapseTable<R>::from_lists(sources, pre, post, weight, delay);
  }
  Feed<R> feed() const {
    Feed<R> feed;
    feed.table = &table_;
    feed.post_end = targets;
    return feed;
  }

  double p_;
  SynapseTable<R> table_;
  StdpStore<R> store_;
  Step now_ = 0;
  std::vector<R> input_ = std::vector<R>(targets);
};

// Built and brought into a steady state once for all the times that a benchmark is called.
template <class R>
Plastic<R>& built(double hertz) {
  static double of = 0;
  static std::unique_ptr<Plastic<R>> held;
  if (of != hertz) {
    of = hertz;
    held = std::make_unique<Plastic<R>>(hertz);
    for (int k = 0; k < 5000; ++k) {
      held->step();
    }
  }
  return *held;
}

template <class R>
void stdp(benchmark::State& state) {
  Plastic<R>& plastic = built<R>(static_cast<double>(state.range(0)));
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

BENCHMARK(stdp<float>)->Name("stdp/float/Hz")->Arg(5)->Arg(30);
BENCHMARK(stdp<double>)->Name("stdp/double/Hz")->Arg(5)->Arg(30);

}  // namespace
