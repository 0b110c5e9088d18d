// Plastic synapses that run the programs of a rule from text, in rows by source and delay. A row is
// updated when a spike of its source arrives at the targets: its synapses replay their targets'
// spikes since the last one, many synapses at once, then run the program of the source's spike and
// send their weights.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "network/event_lanes.hpp"
#include "network/propagator.hpp"
#include "spikelet/core/random.hpp"
#include "spikelet/network/plastic_store.hpp"

namespace spikelet {

template <class R>
class EventRows final : public PlasticStore<R> {
 public:
  EventRows(const Feed<R>& feed, const Plasticity& plasticity, double dt, std::size_t span);

  std::unique_ptr<PlasticStore<R>> clone() const override {
    return std::make_unique<EventRows>(*this);
  }
  PlasticLayout layout() const override { return PlasticLayout::programs; }
  void enqueue(Gid source, Step stamp, Step from) override;
  void deliver(Step step, Channels<R> input, bool early) override;
  void for_sources(const ForSource& visitor) const override;
  void visit(Gid source, const std::function<void(const SynapseRef<R>&)>& visitor) override;
  void finish(Step now) override;
  R trace(Readable which, std::uint32_t source, std::uint32_t target, std::uint64_t position,
          Step now) const override;
  void set_parameters(const std::vector<double>& parameters) override;
  void signal(double value, Step now) override;
  void bind_targets(const Population<R>& neurons, std::span<R* const> states) override {
    neurons_ = &neurons;
    states_ = states;
  }
  void add_weights(std::span<double> sums) const override;
  void scale_weights(std::span<const R> factors) override;
  void settle(Step step) override;
  PlasticParts<R> parts() override;
  std::vector<std::pair<std::uint32_t, std::uint16_t>> rows() const override;
  std::vector<PostSpike<R>> posts() const override;
  void set_posts(std::span<const PostSpike<R>> posts) override;
  Step clock() const override { return -1; }  // each row has its own
  void set_clock(Step) override {}
  void clear() override;
  void start(Step born) override;
  std::size_t bytes() const override;

 private:
  using Keeper = EventRule::Keeper;
  using Values = std::array<R, EventRule::most_of_target>;
  // The synapses of a source with one delay.
  struct Row {
    Step last, done;  // the last source spike that is in, up to when posts are in
    Step at;          // when the variables of the source had their values
    std::uint64_t first;
    std::uint32_t count, source;
    std::uint16_t delay, dendritic;
    std::uint32_t again;  // how many spikes came at the time of the last one, before it
  };
  // A spike of a target, with what its variables were before and after.
  struct Post {
    Step stamp;
    Values before, after;
  };
  // A part of a row that is brought up to `upto`, and then meets a spike of its source.
  struct Piece {
    const Row* row;
    std::uint64_t first;
    std::size_t n;
    Step upto;
    bool spikes;
    Step time;  // of that spike, at the synapses
  };
  // The latest spike of a target and the one before it, or -1.
  struct Newest {
    Step stamp = -1, before = -1;
  };
  // A lane with several spikes of its target to replay.
  struct Pending {
    std::uint32_t lane;
    const Post *next, *end;
  };

  const EventRule& rule() const { return *this->plasticity_.events; }
  std::span<R> weights() { return variables_[0]; }
  Step time_at(const Row& row, Step arrival) const { return arrival + 1 - row.dendritic; }
  EventLanes<R> lanes_of(EventRule::Event event) const;
  void make_lanes();
  void note_post(std::uint32_t target, Step stamp) override;
  Post after(std::uint32_t target, Step stamp, const Post* last);
  const Post* latest(std::uint32_t target, Step upto) const;
  void target_values(std::uint32_t target, Step upto, Step at, R* value, std::size_t stride) const;
  void source_values(const Row& row, Step at, R* value, std::size_t stride) const;
  void update(std::span<const std::uint32_t> rows, Step arrival);
  void settle_row(Row& row, Step upto);
  void replay(std::span<const Piece> pieces);
  void replay_posts(std::span<const Piece> pieces);
  void round(std::span<const Piece> pieces, std::size_t n);
  void set_newest(std::uint32_t target);
  std::uint64_t position(std::span<const Piece> pieces, std::size_t lane) const {
    const std::size_t p = piece_of_[lane];
    return pieces[p].first + (lane - first_lane_[p]);
  }
  void meet_spikes(std::span<const Piece> pieces, std::size_t n);
  void draw(EventLanes<R>& lanes, EventRule::Event event, std::size_t lane, std::uint64_t position,
            Step time, std::uint32_t again) const;
  void pass(std::span<const std::uint32_t> rows, Step arrival);
  void read_targets();

  std::vector<std::size_t> of_synapse_, of_source_, of_target_;  // variables by keeper
  Propagator<R> synapse_, source_, target_;
  std::vector<Row> segments_;
  std::vector<std::uint32_t> rows_;         // by row of the source: first segment
  std::vector<Buffer<R>> variables_;        // those of synapses: by synapse; the weight first
  std::vector<std::vector<R>> row_values_;  // those of sources: by row
  std::vector<Step> touched_;               // by synapse: when they had their values, if they move
  Buffer<std::uint16_t> target_of_;
  std::vector<std::uint32_t>
      canonical_;  // by synapse, if the rule draws numbers: in canonical order
  std::vector<std::vector<double>> varied_;  // by parameter of the rule: by synapse; or none
  std::vector<std::vector<Post>> posts_;     // by target, as all below, the oldest first
  // By target: its newest spike, and its variables before and after that, by variable.
  std::vector<Newest> newest_;
  std::array<std::vector<R>, EventRule::most_of_target> newest_before_, newest_after_;
  std::size_t post_count_ = 0, post_limit_ = 0;
  Step longest_ = 0;  // dendritic part of a delay
  Calendar<std::uint32_t> calendar_;
  // Of a run under way: the targets, and what is read of their states, by target.
  const Population<R>* neurons_ = nullptr;
  std::span<R* const> states_;
  std::vector<std::vector<R>> read_;
  // Programs. Those of synapses work on the lanes of on_pre, from which on_post takes some.
  std::vector<EventLanes<R>> lanes_;
  // Of an update under way.
  std::vector<Piece> pieces_;
  std::vector<std::uint16_t> piece_of_;  // by lane
  std::vector<std::size_t> first_lane_;  // by piece
  std::vector<Step> at_;                 // by lane: when its variables had their values
  std::vector<Step> steps_;              // by lane: by which some variables are advanced
  std::vector<Pending> pending_;
  std::vector<std::uint32_t> round_lane_;  // of a round of targets' spikes
  std::vector<Step> round_time_;           // the same: of the spike, at the synapse
  std::vector<R> sending_;
};

extern template class EventRows<float>;
extern template class EventRows<double>;

}  // namespace spikelet
