// One projection with pair STDP, all-to-all and additive, in one partition.
//
// Event-driven: a synapse is touched when a spike of its source arrives, which brings it up to date
// with the history of its target's spikes and delivers. What happens is dated at the source's stamp
// s, not at the arrival s + d: the weight that is delivered is the weight at s. With dendritic
// delay d, a target's spike of stamp t acts on the synapse at x = t + d. At a source's spike s the
// posts with x in (done, s - tie] potentiate, then those with x < s depress.
#pragma once

#include "spikelet/core/decay.hpp"
#include "spikelet/network/store.hpp"

namespace spikelet {

struct PairRule {
  double tau_plus = 20, tau_minus = 20;  // [ms]
  double A_plus = 0, A_minus = 0;        // in units of the weight
  double w_min = 0, w_max = 1;
  bool tie_potentiates =
      true;  // a pair with t_pre = t_post + d: potentiates after that spike, or is dropped (NEST)
};

template <class R>
class StdpStore final : public SynapseStore<R> {
 public:
  struct Trace {     // of one segment (source, delay)
    Step last = -1;  // last source stamp that was processed
    Step done = 0;   // posts with x <= done are in the weights
    R k_plus = 0;    // pre trace at `last`, that spike included
  };
  struct Post {  // one spike of a target
    Step stamp;
    R k_minus;  // post trace at `stamp`, that spike included
  };

  StdpStore(const Feed<R>& feed, const PairRule& rule, double dt, std::size_t span);

  void enqueue(Gid source, Step stamp, Step from) override;
  void deliver(Step step, const std::array<R*, max_channels>& input, bool early) override;
  void visit(Gid source, const std::function<void(const SynapseRef<R>&)>& visitor) override;

  // Spikes of the target population, by gid; those of other partitions are passed over.
  void note_posts(std::span<const Gid> gids, Gid post_gid, Step stamp);

  // The weight at `now`, with everything that has acted by then; `in_flight` are the source's
  // stamps in (now - d, now].
  R weight_now(const SynapseRef<R>& synapse, std::span<const Step> in_flight, Step now) const;

  // Brings all weights up to what no later arrival can change, which alters no bit of what follows.
  // Called before saving.
  void settle(Step step);

  // Visits each segment: source element, delay, trace.
  void for_each_segment(const std::function<void(std::uint32_t, std::uint16_t, Trace&)>& visitor);
  std::vector<Post>& history(std::uint32_t post_element) {
    return history_[post_element - feed_.post_begin];
  }
  // Before weights are set from outside at `now`: spikes in flight keep the weight they were sent
  // with, and pairs up to now count as done.
  void send_in_flight(Step now);

  // An event that waits with its weight.
  struct Sent {
    std::uint16_t target, channel;
    R value;
  };
  void for_each_sent(Step now, const std::function<void(Step, const Sent&)>& visitor);
  void add_sent(Step arrival, const Sent& sent) { sent_.at(arrival).push_back(sent); }
  void clear() override;
  std::size_t bytes() const override;

 private:
  struct Segment {
    std::uint64_t first;
    std::uint32_t count;
    std::uint16_t delay;
  };
  // Window of posts in (lo, hi] of t + d, as indices into a history.
  struct Window {
    std::size_t begin, end;
  };
  static Window window(const std::vector<Post>& history, Step lo, Step hi);
  R potentiate(R w, const std::vector<Post>& history, Window posts, Step delay,
               const Trace& trace) const;
  R depress(R w, const std::vector<Post>& history, Window posts, Step acting) const;
  void advance(Trace& trace, Step stamp) const;
  void settle_segment(std::size_t segment, Step upto);
  template <class Send>
  void process(std::uint32_t segment, Step arrival, Send&& send);

  Feed<R> feed_;
  R A_plus_, A_minus_, w_min_, w_max_;
  Step tie_;
  Decay<R> plus_, minus_;
  std::vector<std::uint32_t> rows_;  // by source of the population: first segment
  std::vector<Segment> segments_;
  std::vector<Trace> traces_;
  Buffer<R> weight_;
  Buffer<std::uint16_t> target_;
  std::vector<std::vector<Post>> history_;  // by target
  std::size_t posts_ = 0, posts_limit_ = 0;
  Step longest_delay_ = 1;
  Calendar<std::uint32_t> calendar_;
  Calendar<Sent> sent_;
  Step span_;
};

}  // namespace spikelet
