// Plastic synapses that all have one delay, so that one set of traces serves them all, step by
// step. A trace x is kept as x * exp((t - T) / tau), where T is the start of the epoch: spikes
// change this number, the passing of time does not. At the end of each epoch of a few time
// constants, all traces are rescaled.
#pragma once

#include "spikelet/core/kernels.hpp"
#include "spikelet/core/shared_table.hpp"
#include "spikelet/network/plastic_store.hpp"

namespace spikelet {

// The length of an epoch.
Step epoch_steps(const Plasticity& plasticity, double dt);

template <class R>
class TraceStore : public PlasticStore<R> {
 public:
  TraceStore(const Feed<R>& feed, const Plasticity& plasticity, double dt, std::size_t span);

  void enqueue(Gid source, Step stamp, Step from) override;
  void deliver(Step step, Channels<R> input, bool early) override;
  void finish(Step now) override;
  R trace(Readable which, std::uint32_t source, std::uint32_t target, std::uint64_t position,
          Step now) const override;
  void settle(Step now) override;
  std::vector<std::pair<std::uint32_t, std::uint16_t>> rows() const override;
  std::vector<PostSpike<R>> posts() const override;
  void set_posts(std::span<const PostSpike<R>> posts) override;
  void fetch_ahead() const override;
  Step clock() const override { return clock_; }
  void set_clock(Step clock) override { clock_ = clock; }
  void clear() override;
  void start(Step born) override { clock_ = born; }

 protected:
  void note_post(std::uint32_t target, Step stamp) override;
  // input: by number of the target.
  virtual void on_pre(std::uint32_t row, R down, R* input) = 0;
  // The targets of a row, where they may be scattered.
  virtual std::span<const std::uint16_t> targets_of(std::uint32_t /*row*/) const { return {}; }
  // These rows are the next ones, in this order; none: other rows may follow.
  virtual void fetch_rows(std::span<const std::uint32_t> /*rows*/) {}
  virtual void on_post(std::uint32_t target, R up) = 0;
  virtual void on_mark(std::uint32_t) {}             // at a target's spike, its trace has changed
  virtual R pre_trace(std::uint32_t row) const = 0;  // of the present epoch, after flush()
  virtual void on_epoch() = 0;                       // the epoch of step clock_ + 1 begins
  virtual void flush() = 0;  // applies all pending potentiation to the weights
  void add_traces(PlasticParts<R>& parts);

  Step epoch(Step time) const { return time / epoch_steps_; }
  R rise(Trace trace, Step time) const {
    return within_epoch_[trace]->rise[static_cast<std::size_t>(time % epoch_steps_)];
  }
  R fall(Trace trace, Step time) const {
    return within_epoch_[trace]->fall[static_cast<std::size_t>(time % epoch_steps_)];
  }
  R epoch_decay(Trace trace, Step epochs) const;
  void mark(std::vector<R>& trace, std::size_t k, R value) const {
    trace[k] = saturating_ ? value : trace[k] + value;
  }
  void scale(std::vector<R>& trace, Trace which) const;

  const PlasticKernels<R>& kernels_;
  const double* parameters() const { return this->plasticity_.parameters.data(); }
  std::uint16_t delay_ = 1;
  Step dendritic_ = 1;
  int channel_ = 0;
  R sign_ = 1;
  bool saturating_;
  Step epoch_steps_ = 1;
  // Of the synapse: sources' spikes up to it are in. Where none arrives it stands, for some time.
  Step clock_ = -1;
  struct WithinEpoch {
    std::vector<R> rise, fall;  // exp(+-k dt / tau)
  };
  std::array<std::shared_ptr<const WithinEpoch>, trace_count> within_epoch_;
  std::array<double, trace_count> rate_{};  // dt / tau, 0: not used
  std::vector<R> pre_2_, post_, post_2_;
  std::vector<std::uint8_t> active_;  // by block of targets: some trace is not 0

 private:
  struct Post {
    Step time;  // at the synapse
    std::uint32_t target;
  };
  void catch_up(Step time);
  void begin(Step time);
  void step(Step time, R* input);
  void potentiate_until(Step time);
  void mark_until(Step time);

  std::vector<Post> posts_;  // by time
  std::size_t potentiated_ = 0, marked_ = 0;
  Calendar<std::uint32_t> calendar_;  // of rows
  std::vector<R> scattered_;          // input of targets that are, by number
};

}  // namespace spikelet
