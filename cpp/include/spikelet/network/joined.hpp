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
class JoinedDraws;

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
  // Whether these are the networks, whatever they have by now.
  bool joins(std::span<Parts* const> networks) const;
  // Whether these are the networks, with the synapses and recorders that they had.
  bool fits(std::span<Parts* const> networks) const;
  // Prefetches what a run needs, in stages 1 to 4, when the first of them is fetched.
  void fetch(const Parts& network, int stage) const;
  // Advances them, as they are now, to the step `end`; true: `poll` stopped it earlier. untouched:
  // none of them has changed since it was given back what the last run changed.
  bool run(Step end, const Poll& poll, bool untouched);
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
    std::vector<std::uint32_t> first{};  // by node: where its elements begin
    std::vector<std::size_t> columns{};  // by recorder of states: where its samples begin
  };
  struct Spike {
    std::size_t member;
    Step stamp;
    std::uint32_t element;  // or gid, in its own network
  };
  // Spikes of all members, those of each behind each other.
  struct Parted {
    GrowingArray<Step> stamps;
    GrowingArray<std::uint32_t> elements;
    std::vector<std::size_t> ends;  // of each member, and one more

    std::size_t begin(std::size_t m) const { return m == 0 ? 0 : ends[m - 1]; }
    std::span<const Step> stamps_of(std::size_t m) const {
      return std::span(stamps).subspan(begin(m), ends[m] - begin(m));
    }
    std::span<const std::uint32_t> elements_of(std::size_t m) const {
      return std::span(elements).subspan(begin(m), ends[m] - begin(m));
    }
  };
  void join_nodes();
  void join_synapses();
  void join_recorders();
  // Takes over what may change between runs.
  void renew(bool untouched);
  void renew_node(std::size_t node);
  void renew_inputs(std::size_t node);
  void renew_flight();
  // spike(s) is one of n spikes, in order of time.
  template <class Get>
  void part(std::size_t n, Parted& parted, Get&& spike) const;
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
  std::vector<const JoinedDraws<R>*> draws_;  // among the inputs
  std::vector<Parted> spikes_;                // of the run, by recorder
  Parted in_flight_;                          // after it
  bool whole_ = false;                        // the last run has not failed: it can go on
};

extern template class Joined<float>;
extern template class Joined<double>;

}  // namespace spikelet
