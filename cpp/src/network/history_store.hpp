// Rows of plastic synapses that replay their target's spikes, for one rule. A synapse is touched
// when a spike of its source arrives, which brings it up to date with the history of its target's
// spikes and sends. With an eligibility trace (reward) each synapse also remembers when it was last
// touched.
#pragma once

#include "network/history_rows.hpp"

namespace spikelet {

template <class R>
std::unique_ptr<PlasticStore<R>> make_history_store(const Feed<R>& feed,
                                                    const Plasticity& plasticity, double dt,
                                                    std::size_t span, const RewardSignal* reward);

template <class R, template <class> class Rule>
class HistoryStore final : public HistoryRows<R> {
 public:
  HistoryStore(const Feed<R>& feed, const Plasticity& plasticity, double dt, std::size_t span,
               const RewardSignal* reward)
      : HistoryRows<R>(feed, plasticity, dt, span, reward), rule_(plasticity.parameters.data()) {}

  std::unique_ptr<PlasticStore<R>> clone() const override {
    return std::make_unique<HistoryStore>(*this);
  }
  void deliver(Step step, Channels<R> input, bool early) override;
  void set_parameters(const std::vector<double>& parameters) override {
    PlasticStore<R>::set_parameters(parameters);
    rule_ = Rule<R>(parameters.data());
  }

 private:
  using Base = HistoryRows<R>;
  using Base::advance;
  using Base::calendar_;
  using Base::centered_;
  using Base::done_;
  using Base::first_only_;
  using Base::history_of;
  using Base::integrate;
  using Base::last_;
  using Base::own_;
  using Base::post_decay_;
  using Base::pre_;
  using Base::pre_2_;
  using Base::pre_2_decay_;
  using Base::pre_decay_;
  using Base::segments_;
  using Base::target_;
  using Base::tie_;
  using Base::weight_;
  using Base::window;
  using typename Base::History;
  using typename Base::Post;
  using typename Base::Segment;
  using typename Base::Window;

  // One synapse with what it needs of its row.
  struct Synapse {
    std::uint64_t k;
    const History& history;
    const Segment& segment;
    std::size_t row;
  };
  void potentiate(const Synapse& synapse, Window posts);
  void depress(const Synapse& synapse, Window posts, Step time, R factor);
  template <class Send>
  void process(std::uint32_t row, Step arrival, Send&& send);
  void send_later(std::uint32_t row, Step arrival) override;
  void settle_row(std::size_t row, Step upto) override;

  Rule<R> rule_;
};

}  // namespace spikelet
