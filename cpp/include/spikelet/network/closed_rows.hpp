// Plastic synapses of sparse networks that need neither columns nor spike histories. They are for
// rules that allow several potentiations to be summed before the weight is limited. Between two
// spikes of its source, a synapse then gains the source's trace times the growth of a sum that the
// target keeps. Each synapse remembers that sum as of its row's last update, so a target's spike
// costs one addition.
//
// Sums belong to an epoch. Those of the last few epochs are kept; rows that stay silent longer are
// brought up to date.
#pragma once

#include "spikelet/network/trace_store.hpp"

namespace spikelet {

inline constexpr Step closed_epochs = 8;  // whose sums are kept

template <class R>
class ClosedRows final : public TraceStore<R> {
 public:
  ClosedRows(const Feed<R>& feed, const Plasticity& plasticity, double dt, std::size_t span);

  std::unique_ptr<PlasticStore<R>> clone() const override {
    return std::make_unique<ClosedRows>(*this);
  }
  PlasticLayout layout() const override { return PlasticLayout::closed_rows; }
  void for_sources(const ForSource& visitor) const override;
  void visit(Gid source, const std::function<void(const SynapseRef<R>&)>& visitor) override;
  void add_weights(std::span<double> sums) const override;
  void scale_weights(std::span<const R> factors) override;
  PlasticParts<R> parts() override;
  std::size_t bytes() const override {
    return weight_.size() * (2 * sizeof(R) + sizeof(std::uint16_t)) +
           row_.size() * (sizeof(row_[0]) + sizeof(R) + sizeof(Step));
  }
  void fetch_ahead() const override;
  void clear() override;
  void start(Step born) override;

 private:
  static constexpr Step kept = closed_epochs;

  void on_pre(std::uint32_t row, R down, R* input) override;
  std::span<const std::uint16_t> targets_of(std::uint32_t row) const override {
    return {target_.data() + row_[row], row_[row + 1] - row_[row]};
  }
  R pre_trace(std::uint32_t row) const override { return pre_[row]; }
  void fetch_rows(std::span<const std::uint32_t> rows) override;
  void on_post(std::uint32_t target, R up) override {
    grown_[target] += up;
    at_[target].grown = grown_[target];
  }
  void on_mark(std::uint32_t target) override { at_[target].k_minus = this->post_[target]; }
  void on_epoch() override;
  void flush() override;
  void update(std::uint32_t row, Step now, R down, R* input);
  void update_all(std::span<const std::uint32_t> rows, Step now);
  void copy_targets(Step epoch);

  std::vector<std::uint64_t> row_;
  Buffer<R> weight_, seen_;
  Buffer<std::uint16_t> target_;
  std::vector<R> pre_;         // by row, of the epoch of its last update
  std::vector<Step> updated_;  // that epoch
  std::vector<R> grown_;       // by target, in the current epoch
  std::array<std::vector<R>, kept> ended_;
  // By target: copies of its trace and of two sums, as rows look them up.
  Buffer<ClosedTarget<R>> at_;
  // Of the updates under way.
  std::vector<typename RowsAhead<R>::Row> rows_;
  RowsAhead<R> ahead_;
  bool stale_ = false;               // they are to be copied again
  std::array<R, kept + 1> decay_{};  // over that many epochs
};

}  // namespace spikelet
