// Short-term plasticity (Tsodyks, Uziel & Markram 2000): a spike sends the weight times a factor
// that depends only on the source's earlier spikes. If all synapses share their parameters, the
// factor is kept by source; otherwise each synapse keeps its own.
#pragma once

#include "spikelet/network/plastic_store.hpp"

namespace spikelet {

template <class R>
class ScaledRows final : public PlasticStore<R> {
 public:
  ScaledRows(const Feed<R>& feed, const Plasticity& plasticity, double dt, std::size_t span);

  std::unique_ptr<PlasticStore<R>> clone() const override {
    return std::make_unique<ScaledRows>(*this);
  }
  PlasticLayout layout() const override { return PlasticLayout::scaled_rows; }
  void enqueue(Gid source, Step stamp, Step from) override;
  void enqueue_all(std::span<const Gid> sources, Step stamp, Step from) override;
  void deliver(Step step, Channels<R> input, bool early) override;
  void for_sources(const ForSource& visitor) const override;
  void visit(Gid source, const std::function<void(const SynapseRef<R>&)>& visitor) override;
  void finish(Step now) override;
  R trace(Readable which, std::uint32_t source, std::uint32_t target, std::uint64_t position,
          Step now) const override;
  void settle(Step now) override { clock_ = now; }
  void add_weights(std::span<double> sums) const override;
  void scale_weights(std::span<const R> factors) override;
  PlasticParts<R> parts() override;
  std::vector<std::pair<std::uint32_t, std::uint16_t>> rows() const override;
  std::vector<PostSpike<R>> posts() const override { return {}; }
  void set_posts(std::span<const PostSpike<R>>) override {}
  void for_each_sent(Step now, const std::function<void(Step, const Sent<R>&)>& visitor) override;
  Step clock() const override { return clock_; }
  void set_clock(Step clock) override { clock_ = clock; }
  void clear() override;
  void start(Step born) override { clock_ = born; }
  std::size_t bytes() const override {
    return weight_.size() * (sizeof(R) + sizeof(std::uint16_t)) +
           segments_.size() * sizeof(Segment) + own_bytes();
  }

 private:
  struct Segment {
    std::uint64_t first;
    std::uint32_t count, source;
    std::uint16_t delay;
  };
  struct Arrival {  // a copy of what is due: to look it up again would miss the cache
    std::uint64_t first;
    std::uint32_t count;
    R factor;
  };
  R factor(std::size_t source, Step stamp);
  void send_own(std::size_t source, Step stamp, Step from);
  bool varied() const { return this->plasticity_.varied != nullptr; }
  std::array<double, 4> parameters_of(std::uint64_t synapse) const;
  std::uint32_t number_of_target(std::uint64_t synapse) const {
    return this->targets_.of(this->feed_.post_begin + (target_[synapse] - this->feed_.local));
  }
  std::size_t own_bytes() const;
  void note_post(std::uint32_t, Step) override {}
  template <class Send>
  void send(const Arrival& arrival, Send&& to) const;

  std::vector<std::uint32_t> rows_;  // by row of the source: first segment
  Buffer<Segment> segments_;
  Buffer<R> weight_;
  Buffer<std::uint16_t> target_;   // local
  std::vector<double> x_, y_, u_;  // by row of the source, after its last spike
  // If parameters vary: the same by synapse, and the parameters that do, in the store's order.
  std::array<Buffer<R>, 3> own_;
  SynapseParameters own_parameters_;
  std::vector<Step> last_;
  Step clock_ = -1;  // spikes up to it are in
  Calendar<Arrival> calendar_;
};

}  // namespace spikelet
