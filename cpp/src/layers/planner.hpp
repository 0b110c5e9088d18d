// Turns a graph into a plan, node by node; make_plan() is what others call.
#pragma once

#include <span>
#include <utility>
#include <vector>

#include "layers/plan.hpp"

namespace spikelet::layers {

// A convolution and the node of spikes that it reads.
struct Spec {
  Kernel kernel;
  std::size_t source;
};

// One value per channel or neuron, in the order in which samples are stored.
template <class R>
Buffer<R> laid_out(const std::vector<double>& values, const Layout& layout, R padding,
                   bool& everywhere);

template <class R>
class Planner {
 public:
  Planner(typename Engine<R>::Plan& plan, bool whole);

  // Keep the node's value, or mean, as an array; or its values at each step.
  void need_dense(std::size_t i);
  void need_sequence(std::size_t i);

 private:
  void describe(std::size_t i, NodePlan<R>& node);
  void describe_gather(std::size_t i, const Gather& gather, NodePlan<R>& node);
  void prepare(std::size_t i);
  bool is_graded(std::size_t i) const;
  void need_matrix(std::size_t i);

  // Whether a convolution of x is a sum of convolutions of spikes and constants.
  bool distributes(const Conv& conv, std::size_t x) const;
  // Those convolutions: part(kernel, source).
  template <class Part>
  void each_part(const Kernel& kernel, std::size_t x, Part&& part) const;
  Kernel kernel_of(std::size_t conv) const;
  void count_from(std::size_t i);
  void add(Sum<R>& sum, std::vector<Spec>& specs, std::size_t x);
  std::vector<Spec> collect(std::size_t x, Sum<R>& sum);
  static std::size_t block_for(const std::vector<Spec>& specs, std::size_t element_bytes);
  void finish(Sum<R>& sum, const std::vector<Spec>& specs, NodePlan<R>& receiver);
  Sum<R> sum_of(std::size_t x, NodePlan<R>& receiver);

  Buffer<R> whole_scale(const Neuron& neuron, const Sum<R>& sum, const std::vector<Spec>& specs,
                        const Layout& layout) const;
  void finish_whole(Sum<R>& sum, const std::vector<Spec>& specs, NodePlan<R>& node);
  void set_neuron(std::size_t i, const Neuron& neuron);
  void set_dynamics(NodePlan<R>& node, const Dynamics& dynamics) const;
  void set_window(std::size_t i);

  bool whole_;
  typename Engine<R>::Plan& plan_;
  const Graph& graph_;
};

}  // namespace spikelet::layers
