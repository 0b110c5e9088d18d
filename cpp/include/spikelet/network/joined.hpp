// Small networks that run as one: their populations lie behind each other, so a step of all of them
// is one call of a kernel and one list of spikes, where a network by itself pays for branches that
// cannot be predicted. Each neuron gets the same additions in the same order and the same random
// numbers as in its own network, so no bit changes. The networks stay as they are until they take
// back what has changed. Their synapses are laid out once, for all runs until they change.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "spikelet/network/simulator_parts.hpp"

namespace spikelet {

template <class R>
class Joined {
 public:
  using Parts = SimulatorParts<R>;

  // Whether a network can run as a part; and whether two can be parts of one.
  static bool suits(const Parts& network);
  static bool alike(const Parts& a, const Parts& b);

  // The networks, which suit and are alike. They must outlive every run.
  explicit Joined(std::span<Parts* const> networks);
  Joined(const Joined&) = delete;
  Joined& operator=(const Joined&) = delete;

  // Whether it has this network, with the synapses that it had.
  bool has(const Parts& network) const;
  // Whether these are the networks, with the synapses and recorders that they had.
  bool fits(std::span<Parts* const> networks) const;
  // Prefetches what a run needs, in stages 1 to 4, when the first of them is fetched.
  void fetch(const Parts& network, int stage) const {
    if (&network == members_[0].parts) {
      layout_.fetch(stage);
    }
  }
  // Advances them, as they are now, to the step `end`; true: `poll` stopped it earlier.
  bool run(Step end, const Poll& poll);
  Step now() const { return network_.now; }
  // Network k, whose recorders have room for the samples, becomes what it would be had it run by
  // itself.
  void give_back(std::size_t k);
  // Frees what only they needed.
  void forget_run();

 private:
  struct Member {
    Parts* parts;
    std::size_t edition;
    std::vector<std::uint32_t> first{};        // by node: where its elements begin
    SpikesInFlight flight{};                   // after a run
    std::vector<SpikeRecorder::Log> spikes{};  // of the run, by recorder of `recorders_`
  };
  void join_nodes();
  void join_synapses();
  void join_recorders();
  // Takes over what may change between runs.
  void renew();
  void renew_node(std::size_t node);
  void renew_inputs(std::size_t node);
  void renew_flight();
  void part_spikes();
  // Which member an element of a node belongs to.
  std::size_t owner(std::size_t node, std::uint32_t element) const {
    return owner_[node][element / block_size];
  }

  std::vector<Member> members_;
  std::vector<std::vector<std::uint32_t>> owner_;  // by node and block
  std::vector<std::size_t> recorded_;              // by node: its spike recorder, or none
  Network<R> network_;
  Layout<R> layout_;
  Recorders<R> recorders_;
  SpikesInFlight flight_;
  StepLoop<R> loop_;
  bool whole_ = false;  // the last run has not failed: it can go on
};

extern template class Joined<float>;
extern template class Joined<double>;

}  // namespace spikelet
