// Runs one sample after another through a planned network, on one thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "layers/plan.hpp"

namespace spikelet::layers {

template <class R>
class SampleRun {
 public:
  SampleRun(const typename Engine<R>::Plan& plan, std::size_t steps, std::size_t delay);

  // Sets an input of the next run from [c][y][x]; steps of a sequence are `stride` apart.
  void set_input(std::size_t node, const R* analog, std::size_t stride);
  void set_input(std::size_t node, const std::int8_t* spikes, std::size_t stride);
  void set_packed(std::size_t node, std::span<const std::uint8_t> bits);

  // Runs the steps until `to`, from where the last call ended: node by node, but loops step by
  // step. Calls keep_going after each node; if it returns false, results are incomplete.
  void advance(std::size_t to, const std::function<bool()>& keep_going);
  void restart() { from_ = to_ = 0; }
  // Adds the operations of all steps that were run.
  void count(std::span<NodeCounts> counts) const;

  // Results of a node.
  const R* dense(std::size_t node) const { return work_[node].dense.data(); }
  const R* at(std::size_t node, std::size_t step) const;  // value of a constant or a sequence
  const R* potential(std::size_t node, std::size_t step) const {
    return work_[node].potential.data() + step * plan_.nodes[node].layout.size();
  }
  // All spikes, which set_packed() takes.
  std::span<const std::uint8_t> packed(std::size_t node) const {
    return {work_[node].bits.data(), plan_.nodes[node].planes * plane_bytes(node)};
  }
  // The spike of one neuron, in amplitudes.
  R spike(std::size_t node, std::size_t step, std::size_t y, std::size_t x, std::size_t c) const;

 private:
  // A sequence has the values of the node's window, and then the value of all other steps.
  struct Work {
    Buffer<std::uint8_t> bits;
    Buffer<R> dense, sequence, potential;
    Buffer<R> base, v, sent, mean;  // of neurons that go on later
    bool is_timeless = false;       // a constant that no spike contributes to
  };

  // Computes what a node sends at the steps that are run now; and then its mean.
  void send(std::size_t i);
  void average(std::size_t i);
  void apply_to_means(std::size_t i);
  void neuron(std::size_t i);
  void arrive(std::size_t i, const Delay& delay);
  void accumulate(std::size_t i);
  void max_of_spikes(std::size_t i);
  void upsample_spikes(std::size_t i);
  void move_spikes(std::size_t i);
  void tally(std::size_t i);
  void mean_of_sequence(std::size_t i);
  void expand_spikes(std::size_t i);
  void apply_at_each_step(std::size_t i);
  void arrive_later(std::size_t i);
  // One dense operation from the inputs' arrays to `out`.
  void apply(std::size_t i, std::span<const R* const> inputs, R* out);
  void convolve(const DenseConv<R>& conv, const R* in, R* out);
  void convolve_volume(const DenseConv<R>& conv, const R* in, R* out);
  void convolve_depthwise(const DenseConv<R>& conv, const R* in, R* out);
  void evaluate(std::size_t i, std::span<const R* const> inputs, R* out);
  void evaluate_plain(std::size_t i, std::span<const R* const> inputs, R* out);
  void multiply(const MatMul& what, const R* a, const R* b, R* out);
  void send_graded(std::size_t i);
  const R* base_of(const Sum<R>& sum, const Layout& layout, std::size_t& stride);
  template <class C, class Row>
  void rows_of(std::size_t i, const Sum<R>& sum, std::size_t begin, std::size_t end, Row&& row);
  std::pair<std::size_t, std::size_t> steps_of(const NodePlan<R>& node, bool alike) const;
  void add_terms(const Sum<R>& sum, std::size_t i, std::size_t y, std::size_t first_channel,
                 std::size_t first, const Currents<R>& currents);
  void add_terms(const Sum<R>& sum, std::size_t i, std::size_t y, std::size_t first_channel,
                 std::size_t first, const Currents<Short>& currents);
  void add_sequence(std::size_t source, std::size_t y, std::size_t first_channel, std::size_t first,
                    bool add, const Currents<R>& currents);
  std::size_t see_rows(const Kernel& kernel, std::size_t source, std::size_t y, std::size_t first,
                       std::size_t offset, std::size_t at);
  template <class C>
  void add_spikes(const Term<C>& term, std::size_t y, std::size_t first_channel, std::size_t first,
                  bool add, const Currents<C>& currents);
  template <class C>
  void neuron_rows(std::size_t i, void (*kernel)(const NeuronRow<R>&, const Currents<C>&));
  bool resumes(std::size_t i) const;
  std::size_t plane_bytes(std::size_t node) const {
    return plan_.nodes[node].layout.plane_bytes(steps_);
  }
  // The steps in which a node may spike: the first, and the one after the last.
  std::pair<std::size_t, std::size_t> window_of(const NodePlan<R>& node) const {
    const std::size_t first = std::min(node.first, steps_);
    return {first, std::max(first, std::min(node.end, steps_))};
  }
  // Of these, the steps that were run.
  std::pair<std::size_t, std::size_t> run_of(const NodePlan<R>& node) const {
    const auto [begin, end] = window_of(node);
    return {std::min(begin, to_), std::min(end, to_)};
  }
  // Where a sequence has the value of a step.
  std::size_t place(std::size_t node, std::size_t step) const {
    const auto [begin, end] = window_of(plan_.nodes[node]);
    const std::size_t k = step >= begin && step < end ? step - begin : end - begin;
    return k * plan_.nodes[node].layout.size();
  }
  R* value(std::size_t node, std::size_t step) {
    return work_[node].sequence.data() + place(node, step);
  }
  // Of the spikes of a step, and the sum of those that means are over.
  R size_of(std::size_t step) const { return sizes_[step]; }
  R window() const;
  const std::uint8_t* row(std::size_t node, std::size_t y, std::size_t step) const {
    const Layout& l = plan_.nodes[node].layout;
    return work_[node].bits.data() + (y * steps_ + step) * l.row_bytes();
  }

  const typename Engine<R>::Plan& plan_;
  const LayerKernels<R>& kernels_;
  std::size_t steps_, delay_;
  std::size_t from_ = 0, to_ = 0;  // steps that are run now
  Buffer<R> sizes_;
  std::vector<Work> work_;
  Buffer<R> currents_, v_, v_init_, sent_, mean_, arrived_, base_, padded_, estimates_;
  Buffer<Short> short_currents_;
  Buffer<std::uint64_t> packed_;  // spikes, for a column walk
  Buffer<std::uint8_t> codes_;    // of several sizes
  std::vector<const std::uint8_t*> rows_;
  Buffer<std::uint8_t> nothing_;  // a row outside the input, for all steps
  Buffer<R> sums_;                // of a max pool
};

}  // namespace spikelet::layers
