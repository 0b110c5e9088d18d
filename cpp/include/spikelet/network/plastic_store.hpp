// The plastic synapses of one projection in one partition: what a store of them does in addition to
// delivering.
//
// Everything happens in the synapse's time. With delay d, of which d_a is axonal and d_d dendritic,
// a source's spike of stamp s arrives at s + d_a, a target's spike of stamp t at t + d_d. When a
// source's spike arrives, the target's spikes since the last one potentiate, then those before it
// depress, then the weight is sent. Rules themselves are in core/plasticity.hpp.
#pragma once

#include <cstddef>
#include <memory>
#include <numeric>
#include <string_view>

#include "spikelet/core/plasticity.hpp"
#include "spikelet/network/reward.hpp"
#include "spikelet/network/source_index.hpp"
#include "spikelet/network/store.hpp"
#include "spikelet/network/target_numbers.hpp"

namespace spikelet {

template <class R>
class Population;

// How the synapses of a projection are stored. Chosen once, for all its partitions.
enum class PlasticLayout : int {
  history,      // rows by source and delay; a synapse replays its target's recent spikes
  closed_rows,  // rows; the sum of the target's potentiations so far replaces the replay
  dense_block,  // a matrix; a source's spike updates a row, a target's spike a column
  scaled_rows,  // short-term plasticity: rows, a factor for each spike of a source
  queued,       // as history, but rows by source, updated when it spikes; the same state
  programs      // rows by source and delay that run a rule from text at spikes
};
std::string_view layout_name(PlasticLayout layout);
// few_by_delay: sources have few synapses for each delay; longest: delay [steps].
PlasticLayout choose_layout(const Plasticity& plasticity, bool one_delay, bool full_rows,
                            bool one_channel, bool few_by_delay, std::uint16_t longest);

// The part of a delay [steps] after which a target's spike arrives at the synapse.
inline Step dendritic_part(std::uint16_t delay, double axonal_fraction) {
  return delay - static_cast<Step>(axonal_fraction * delay + 0.5);
}

// Notes when the rows from `begin` to `end`, of one source, get its spike, if they have not had it.
template <class Rows>
void push_arrivals(const Rows& rows, std::uint32_t begin, std::uint32_t end, Step stamp, Step from,
                   Calendar<std::uint32_t>& calendar) {
  for (std::uint32_t r = begin; r < end; ++r) {
    const auto& row = rows[r];
    const Step arrival = stamp + row.delay - 1, time = stamp + (row.delay - row.dendritic);
    if (arrival >= from && time > row.last) {
      calendar.push(arrival, r);
    }
  }
}

// What users can read of a projection besides weights, with names of NEST: traces of the source's
// and the target's spikes, the eligibility, the resources of short-term plasticity.
// Variables of a rule from text count from `variable` on.
enum class Readable : int { pre, post, pre_2, post_2, eligibility, x, y, u, variable };
std::vector<std::pair<std::string_view, Readable>> readable(const Plasticity& plasticity);

// The values of an array, or of one field in an array of structs.
template <class T>
class Strided {
 public:
  Strided(std::vector<T>& values)  // NOLINT: converts
      : Strided(values.data(), values.size(), sizeof(T)) {}
  Strided(T* first, std::size_t size, std::size_t stride)
      : first_(first), size_(size), stride_(stride) {}
  std::size_t size() const { return size_; }
  T& operator[](std::size_t k) const {
    return *reinterpret_cast<T*>(reinterpret_cast<std::byte*>(first_) + k * stride_);
  }

 private:
  T* first_;
  std::size_t size_, stride_;  // the stride in bytes
};

// Everything that a store must not lose, as views into its memory.
template <class R>
struct PlasticParts {
  std::vector<std::span<R>> synapse;  // in the store's order; weights first
  std::vector<std::span<Step>> synapse_step;
  std::vector<Strided<R>> row;  // one entry a row (source, delay)
  std::vector<std::span<double>> row_double;
  std::vector<Strided<Step>> row_step;
  std::vector<std::span<R>> target;  // one entry a number
};

template <class R>
struct PostSpike {  // a spike of a target that is still needed
  Step stamp;
  std::uint32_t target;  // its number in the store
  std::array<R, 3> value;
};

// An event that waits with the weight it was sent with.
template <class R>
struct Sent {
  std::uint16_t target, channel;  // local
  R value;
};

template <class R>
class PlasticStore : public SynapseStore<R> {
 public:
  PlasticStore(const Feed<R>& feed, const Plasticity& plasticity, double dt, std::size_t span);

  virtual std::unique_ptr<PlasticStore> clone() const = 0;
  virtual PlasticLayout layout() const = 0;

  // Spikes of the target population, by gid, all of this partition.
  void note_posts(std::span<const Gid> gids, Gid post_gid, Step stamp);

  // Brings the weights up to `now`: every spike that has arrived at the synapse by then counts.
  // Spikes of sources that have passed it wait with the weight they were sent with.
  virtual void finish(Step now) = 0;
  // A trace of one synapse, after finish(now), with the spikes that are at the synapse by then.
  // source, target: elements of the populations.
  virtual R trace(Readable which, std::uint32_t source, std::uint32_t target,
                  std::uint64_t position, Step now) const = 0;
  // Other amplitudes, after finish(); time constants and bounds must be the same.
  virtual void set_parameters(const std::vector<double>& parameters) {
    plasticity_.parameters = parameters;
  }
  // Rules that have a program for signals run it, after finish(now).
  virtual void signal(double value, Step now) {
    static_cast<void>(value);
    static_cast<void>(now);
  }
  // Where the targets' states are during a run: by number, indexed from element 0 on.
  virtual void bind_targets(const Population<R>& neurons, std::span<R* const> states) {
    static_cast<void>(neurons);
    static_cast<void>(states);
  }
  // Adds up the magnitudes of each target's weights; scales and limits them. By number.
  virtual void add_weights(std::span<double> sums) const = 0;
  virtual void scale_weights(std::span<const R> factors) = 0;
  const TargetNumbers& targets() const { return targets_; }

  // For an exact copy, in this order. Call settle() first; it changes no bit of what follows.
  virtual void settle(Step now) { static_cast<void>(now); }
  virtual PlasticParts<R> parts() = 0;
  // Source and delay. A row without synapses has no source: it need not be up to date.
  static constexpr std::uint32_t no_source = 0xffffffffu;
  virtual std::vector<std::pair<std::uint32_t, std::uint16_t>> rows() const = 0;
  virtual std::vector<PostSpike<R>> posts() const = 0;
  virtual void set_posts(std::span<const PostSpike<R>> posts) = 0;
  virtual Step clock() const = 0;  // source spikes up to here have been processed
  virtual void set_clock(Step clock) = 0;
  virtual void for_each_sent(Step now, const std::function<void(Step, const Sent<R>&)>& visitor);
  void add_sent(Step arrival, const Sent<R>& sent) { sent_.push(arrival, sent); }
  // Spikes of each target, by number; they wrap.
  std::vector<std::uint32_t>& counts() { return counts_; }

  GidRange sources() const override {
    const Gid first = index_.first();
    return index_.span() == 0 ? GidRange::none()
                              : GidRange{first, first + static_cast<Gid>(index_.span() - 1)};
  }
  bool waits() const override { return true; }
  void clear() override;
  virtual void start(Step born) = 0;  // spikes up to that stamp do not count

 protected:
  PlasticStore(const PlasticStore&) = default;
  virtual void note_post(std::uint32_t target, Step stamp) = 0;
  virtual void fetch_post(std::uint32_t /*target*/) const {}  // it is noted soon
  void deliver_sent(Step step, Channels<R> input);
  std::array<R, 2> limits() const { return {low_, high_}; }
  R limited(R w) const { return w > high_ ? high_ : w < low_ ? low_ : w; }

  // Of a target, in the partition's buffers.
  std::uint32_t local(std::uint32_t number) const {
    return feed_.local + (targets_.element(number) - feed_.post_begin);
  }
  // Where the targets begin there, unless they are scattered.
  std::uint32_t first_local() const { return targets_.size() == 0 ? feed_.local : local(0); }
  // What is kept of sources is kept by row.
  std::uint32_t row_of(Gid source) const { return index_.row(source); }
  std::uint32_t row_of_element(std::uint32_t i) const { return row_of(feed_.pre_gid + i); }
  std::vector<std::uint32_t> elements_of_rows() const {
    std::vector<std::uint32_t> elements;
    index_.for_each([&](Gid source) { elements.push_back(source - feed_.pre_gid); });
    return elements;
  }
  // Calls f(row, synapse) for the synapses of the table that are the store's, and returns where
  // each row begins among these, and the end.
  template <class F>
  std::vector<std::uint64_t> for_synapses(const SynapseTable<R>& table, F&& f) const {
    std::vector<std::uint64_t> begin(index_.rows() + 1);
    table.row.for_each([&](std::uint32_t i, std::uint64_t first, std::uint64_t end) {
      const std::uint32_t row = row_of_element(i);
      std::uint64_t own = 0;
      for (std::uint64_t k = first; row != SourceIndex::none && k < end; ++k) {
        if (table.post[k] >= feed_.post_begin && table.post[k] < feed_.post_end) {
          ++own;
          f(row, k);
        }
      }
      if (own > 0) {
        begin[row + 1] = own;
      }
    });
    std::partial_sum(begin.begin(), begin.end(), begin.begin());
    return begin;
  }

  Feed<R> feed_;
  SourceIndex index_;      // of the sources that have synapses in the store
  TargetNumbers targets_;  // that have
  Plasticity plasticity_;
  double dt_;
  Step span_;
  Calendar<Sent<R>> sent_;
  std::vector<std::uint32_t> counts_;

 private:
  R low_, high_;
};

// Reads the feed's table and does not keep it.
template <class R>
std::unique_ptr<PlasticStore<R>> make_plastic_store(PlasticLayout layout, const Feed<R>& feed,
                                                    const Plasticity& plasticity, double dt,
                                                    std::size_t span, Step born,
                                                    const RewardSignal* reward);

}  // namespace spikelet
