// Plastic synapses of a learning layer: every source to every target, as a matrix. A source's spike
// updates its row, a target's spike its column; weights without an active trace are only read.
#pragma once

#include "spikelet/network/trace_store.hpp"

namespace spikelet {

template <class R>
class DenseBlock final : public TraceStore<R> {
 public:
  DenseBlock(const Feed<R>& feed, const Plasticity& plasticity, double dt, std::size_t span);

  std::unique_ptr<PlasticStore<R>> clone() const override {
    return std::make_unique<DenseBlock>(*this);
  }
  PlasticLayout layout() const override { return PlasticLayout::dense_block; }
  void for_sources(const ForSource& visitor) const override;
  void visit(Gid source, const std::function<void(const SynapseRef<R>&)>& visitor) override;
  void add_weights(std::span<double> sums) const override;
  void scale_weights(std::span<const R> factors) override;
  PlasticParts<R> parts() override;
  std::size_t bytes() const override { return weight_.size() * sizeof(R); }
  void clear() override;

 private:
  void on_pre(std::uint32_t row, R down, R* input) override;
  R pre_trace(std::uint32_t row) const override { return pre_[row]; }
  void on_post(std::uint32_t target, R up) override;
  void on_epoch() override { this->scale(pre_, trace_pre); }
  void flush() override {}

  std::size_t columns_ = 0, stride_ = 0;
  Buffer<R> weight_;
  std::vector<R> pre_;
};

}  // namespace spikelet
