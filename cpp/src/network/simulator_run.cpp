// The step loop.
#include <algorithm>
#include <chrono>
#include <iterator>
#include <limits>
#include <mutex>
#include <stdexcept>

#include "spikelet/core/cpu.hpp"
#include "spikelet/core/parallel.hpp"
#include "spikelet/network/simulator.hpp"

namespace spikelet {
namespace {

constexpr std::size_t chunk =
    2048;  // elements that stay in the first-level cache between input and update

// Asks `poll` about fifty times a second, without reading the clock in every slice.
class Poller {
 public:
  template <class Poll>
  bool operator()(const Poll& poll, Step step) {
    if (!poll || ++slices_ < every_) {
      return false;
    }
    slices_ = 0;
    const auto time = std::chrono::steady_clock::now();
    const std::chrono::duration<double> passed = time - last_;
    if (passed.count() < 0.01) {
      every_ = std::min<std::uint64_t>(2 * every_, 1u << 20);
      return false;
    }
    every_ = passed.count() > 0.03 ? std::max<std::uint64_t>(every_ / 2, 1) : every_;
    last_ = time;
    return poll(step);
  }

 private:
  std::uint64_t slices_ = 0, every_ = 1;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

}  // namespace

template <class R>
Step Simulator<R>::run(Step steps, const Poll& poll) {
  const Use use(busy_);
  make_ready();
  bind_slices();  // recorders and injectors may be new

  const Step first = now_, end = now_ + steps;
  for (Node& node : nodes_) {  // where reset() goes back to
    for (std::size_t k = 0; node.neurons && node.initial.size() < node.neurons->state_count();
         ++k) {
      node.initial.push_back(node.neurons->raw_state(k));
    }
  }
  Poller poller;
  const Poll timed = [&](Step step) { return poller(poll, step); };
  while (now_ < end) {
    // Cut where weights are sampled, and before the refractory clocks (32 bits) could overflow.
    Step stop = std::min(end, now_ + (Step{1} << 29));
    for (const WeightRecorder<R>& recorder : weight_recorders_) {
      stop = std::min(stop, (now_ / recorder.every + 1) * recorder.every);
    }
    for (const Regulation& regulation : regulations_) {
      stop = std::min(stop, (now_ / regulation.every + 1) * regulation.every);
    }
    for (Node& node : nodes_) {
      if (node.neurons) {
        node.neurons->rebase(now_);
      }
    }
    const bool stopped = run_span(stop, timed);
    apply_regulations();
    sample_weights();
    if (stopped) {
      break;
    }
  }
  return now_ - first;
}

template <class R>
void Simulator<R>::sample_weights() {
  for (WeightRecorder<R>& recorder : weight_recorders_) {
    if (now_ % recorder.every == 0) {
      const std::vector<R> values = read_weights(recorder.projection);
      recorder.stamps.push_back(now_);
      recorder.values.insert(recorder.values.end(), values.begin(), values.end());
    }
  }
}

template <class R>
void Simulator<R>::allot_records(Step end) {
  for (StateRecorder<R>& recorder : state_recorders_) {
    for (Step stamp = (now_ / recorder.every + 1) * recorder.every; stamp <= end;
         stamp += recorder.every) {
      recorder.stamps.push_back(stamp);
    }
    recorder.values.resize(recorder.stamps.size() * recorder.elements.size());
  }
}

template <class R>
void Simulator<R>::trim_records() {
  for (StateRecorder<R>& recorder : state_recorders_) {
    while (!recorder.stamps.empty() && recorder.stamps.back() > now_) {
      recorder.stamps.pop_back();
    }
    recorder.values.resize(recorder.stamps.size() * recorder.elements.size());
  }
}

// Publishes the spikes of a slice of time.
template <class R>
void Simulator<R>::post(Partition& partition, int parity, Step begin, Step stop) {
  const auto slot = static_cast<std::size_t>(parity);
  const std::vector<Gid>& spikes = partition.spikes[slot];
  const std::vector<std::size_t>& ends = partition.step_end[slot];
  Mail& mail = (*partition.mail)[slot];
  if (static_cast<Step>(ends.size()) != stop - begin) {  // the slice failed: no spikes
    mail.count = 0;
    mail.ends = nullptr;
    mail.stop.store(stop, std::memory_order_release);
    return;
  }
  mail.count = static_cast<std::uint32_t>(spikes.size());
  mail.spikes = spikes.data();
  mail.ends = ends.size() == 1 ? nullptr : ends.data();
  if (spikes.size() <= mail.few.size()) {
    std::copy(spikes.begin(), spikes.end(), mail.few.begin());
    mail.spikes = mail.few.data();
  }
  mail.stop.store(stop, std::memory_order_release);
}

// All spikes of a step of the slice, by gid.
template <class R>
std::span<const Gid> Simulator<R>::collect(Step index, int parity, std::vector<Gid>& merged,
                                           std::vector<Gid>& scratch) const {
  const auto at = static_cast<std::size_t>(index);
  const auto spikes_of = [&](const Partition& partition) {
    const Mail& mail = (*partition.mail)[static_cast<std::size_t>(parity)];
    if (mail.ends == nullptr) {
      return std::span<const Gid>(mail.spikes, mail.count);
    }
    const std::size_t begin = at == 0 ? 0 : mail.ends[at - 1];
    return std::span<const Gid>(mail.spikes + begin, mail.ends[at] - begin);
  };
  if (partitions_.size() == 1) {
    return spikes_of(partitions_[0]);
  }
  merged.clear();
  for (const Partition& partition : partitions_) {  // each list ascends
    const auto spikes = spikes_of(partition);
    if (merged.empty() || spikes.empty()) {
      merged.insert(merged.end(), spikes.begin(), spikes.end());
      continue;
    }
    scratch.clear();
    std::merge(merged.begin(), merged.end(), spikes.begin(), spikes.end(),
               std::back_inserter(scratch));
    merged.swap(scratch);
  }
  return merged;
}

// Points the slices' kernels at their arrays. Input states live in the partition's buffers while a
// run goes on, where events are added to them.
template <class R>
void Simulator<R>::bind_arrays() {
  for (Partition& partition : partitions_) {
    for (Slice& slice : partition.slices) {
      Node& node = nodes_[slice.node];
      if (!node.neurons) {
        continue;
      }
      slice.args = node.neurons->step_args(now_);
      slice.args.drives = slice.drives;
      slice.args.step = now_;
      slice.step = node.neurons->step_function(node.external);
      const auto at_element_0 =
          [&](int channel) {  // may lie before the buffer: it is indexed from slice.begin on
            return reinterpret_cast<R*>(
                reinterpret_cast<std::uintptr_t>(
                    partition.input[static_cast<std::size_t>(channel)].data()) +
                (std::uintptr_t{slice.local} - slice.begin) * sizeof(R));
          };
      slice.args.early = at_element_0(early_channel);
      const auto inputs = node.neurons->model().input_states;
      for (std::size_t c = 0; c < inputs.size(); ++c) {
        R*& state = slice.args.state[static_cast<std::size_t>(inputs[c])];
        std::copy(state + slice.begin, state + slice.end, partition.input[c].data() + slice.local);
        state = at_element_0(static_cast<int>(c));
      }
    }
  }
}

template <class R>
void Simulator<R>::return_inputs() {
  for (Partition& partition : partitions_) {
    for (Slice& slice : partition.slices) {
      if (!nodes_[slice.node].neurons) {
        continue;
      }
      const StepArgs<R> own = nodes_[slice.node].neurons->step_args(now_);
      const auto inputs = nodes_[slice.node].neurons->model().input_states;
      for (std::size_t c = 0; c < inputs.size(); ++c) {
        const R* from = partition.input[c].data() + slice.local;
        std::copy(from, from + (slice.end - slice.begin),
                  own.state[static_cast<std::size_t>(inputs[c])] + slice.begin);
      }
    }
  }
}

template <class R>
bool Simulator<R>::run_span(Step end, const Poll& poll) {
  allot_records(end);
  bind_arrays();
  if (now_ == 0 && history_.stamps.empty()) {  // spikes given at time 0, known to all processes
    std::vector<Gid> gids;
    for (const Node& node : nodes_) {
      if (node.events) {
        node.events->emit(0, 0, static_cast<std::uint32_t>(node.size), node.first_gid, gids);
      }
    }
    for (const Gid gid : gids) {
      history_.stamps.push_back(0);
      history_.gids.push_back(gid);
      for (std::size_t k = 0; k < spike_recorders_.size(); ++k) {
        const Node& node = nodes_[spike_recorders_[k].population];
        if (gid >= node.first_gid && gid - node.first_gid < node.size &&
            own(spike_recorders_[k].population).contains(gid - node.first_gid)) {
          spike_recorders_[k].note(0, {&gid, 1}, node.first_gid, 0);
        }
      }
    }
    requeue();
  }

  for (Partition& partition : partitions_) {
    for (Mail& mail : *partition.mail) {
      mail.stop = -1;
    }
  }
  // The step to stop at, not a flag: a fast member must not stop a slow one a slice early. It is
  // set before the mail of that slice goes out, so all members see it after they have read the
  // mail.
  alignas(128) std::atomic<Step> stop_at{std::numeric_limits<Step>::max()};
  const auto stop_by = [&](Step step) {
    for (Step seen = stop_at; step < seen && !stop_at.compare_exchange_weak(seen, step);) {
    }
  };
  std::exception_ptr error;
  std::mutex mutex;
  struct alignas(128) {  // member 0 writes here in every slice
    Step step;
    std::atomic<Step> exchanged{-1};  // the spikes of all processes are there, up to this step
  } reached{now_, -1};
  const Step begin_of_run = now_;
  const auto loop = [&](int member, int members) {
    const FlushDenormals guard;
    bool failed = false;
    const auto guarded = [&](Step step, auto&& work, bool always = false) {
      try {
        if (always || !failed) {
          work();
        }
      } catch (...) {
        const std::lock_guard lock(mutex);
        error = std::current_exception();
        failed = true;  // but goes on to send mail until all have stopped
        stop_by(step);
      }
    };
    const auto for_own = [&](auto&& work) {
      for (auto p = static_cast<std::size_t>(member); p < partitions_.size();
           p += static_cast<std::size_t>(members)) {
        work(p);
      }
    };
    std::vector<Gid> merged, scratch;
    int parity = 0;
    for (Step begin = begin_of_run; begin < end; parity ^= 1) {
      const Step stop = std::min(begin + slice_steps_, end);
      guarded(stop, [&] { for_own([&](std::size_t p) { advance(p, begin, stop, parity); }); });
      if (member == 0 && poll(stop)) {
        stop_by(stop);
      }
      if (failed) {  // those of an earlier slice must not go out again
        for_own([&](std::size_t p) {
          partitions_[p].step_end[static_cast<std::size_t>(parity)].clear();
        });
      }
      // Spikes go out before the last events are delivered: the others have that time to
      // send theirs.
      for_own([&](std::size_t p) { post(partitions_[p], parity, begin, stop); });
      guarded(stop + 1, [&] { for_own([&](std::size_t p) { complete(p, stop - 1); }); });
      for (const Partition& partition : partitions_) {
        const Mail& mail = (*partition.mail)[static_cast<std::size_t>(parity)];
        wait_until([&] { return mail.stop.load(std::memory_order_acquire) == stop; });
      }
      if (exchange_ && member == 0) {
        const auto meet = [&] {
          exchange_->start();
          for (Step step = begin; step < stop; ++step) {
            exchange_->add(collect(step - begin, parity, merged, scratch));
          }
          if (exchange_->meet(stop_at <= stop)) {
            stop_by(stop);
          }
        };
        guarded(stop, meet, true);  // or the other processes would wait for ever
        reached.exchanged.store(stop, std::memory_order_release);
      }
      guarded(stop + 1, [&] {
        wait_until([&] {
          return !exchange_ || reached.exchanged.load(std::memory_order_acquire) == stop;
        });
        for (Step step = begin; step < stop; ++step) {
          const std::span<const Gid> spikes =
              exchange_ ? exchange_->step(static_cast<std::size_t>(step - begin))
                        : collect(step - begin, parity, merged, scratch);
          for_own([&](std::size_t p) {
            for (const auto& store : partitions_[p].stores) {
              if (store) {
                store->enqueue_all(spikes, step + 1, step + 1);
              }
            }
          });
          if (member == 0) {
            history_.stamps.insert(history_.stamps.end(), spikes.size(), step + 1);
            history_.gids.insert(history_.gids.end(), spikes.begin(), spikes.end());
          }
        }
        if (member == 0) {
          reached.step = stop;
          forget_old_spikes(stop);
        }
      });
      if (stop_at <= stop) {
        break;
      }
      begin = stop;
    }
  };
  run_team(static_cast<int>(std::min(static_cast<std::size_t>(threads_), partitions_.size())),
           loop);
  now_ = reached.step;
  return_inputs();
  trim_records();
  if (error) {
    std::rethrow_exception(error);
  }
  return stop_at <= now_;
}

// Keeps the spikes that are still in flight; only now and then, so that a step pays almost nothing
// for it.
template <class R>
void Simulator<R>::forget_old_spikes(Step step) {
  if (history_.stamps.size() < history_limit_) {
    return;
  }
  const Step oldest = step - longest_delay();
  const auto keep = std::upper_bound(history_.stamps.begin(), history_.stamps.end(), oldest) -
                    history_.stamps.begin();
  history_.stamps.erase(history_.stamps.begin(), history_.stamps.begin() + keep);
  history_.gids.erase(history_.gids.begin(), history_.gids.begin() + keep);
  history_limit_ = 2 * history_.stamps.size() + 65536;
}

// All of a slice of time but the end of its last step.
template <class R>
void Simulator<R>::advance(std::size_t p, Step begin, Step end, int parity) {
  Partition& partition = partitions_[p];
  std::vector<Gid>& spikes = partition.spikes[static_cast<std::size_t>(parity)];
  std::vector<std::size_t>& step_end = partition.step_end[static_cast<std::size_t>(parity)];
  spikes.clear();
  step_end.clear();
  for (Step step = begin; step < end; ++step) {
    deliver(partition, step, true);
    for (Slice& slice : partition.slices) {
      advance_slice(p, slice, step, spikes);
    }
    step_end.push_back(spikes.size());
    if (step + 1 < end) {
      complete(p, step);
    }
  }
}

// What is left of a step once its spikes are known.
template <class R>
void Simulator<R>::complete(std::size_t p, Step step) {
  Partition& partition = partitions_[p];
  deliver(partition, step, false);
  for (Slice& slice : partition.slices) {
    sample_states(slice, step + 1);
  }
}

template <class R>
void Simulator<R>::deliver(Partition& partition, Step step, bool early) {
  const std::array<R*, max_channels> input{partition.input[0].data(), partition.input[1].data(),
                                           partition.input[2].data()};
  for (const auto& store : partition.stores) {
    if (store) {
      store->deliver(step, input, early);
    }
  }
}

template <class R>
void Simulator<R>::advance_slice(std::size_t p, Slice& slice, Step step, std::vector<Gid>& spikes) {
  Node& node = nodes_[slice.node];
  const std::size_t before = spikes.size();
  const Step stamp = step + 1;
  if (node.events) {
    node.events->emit(stamp, slice.begin, slice.end, node.first_gid, spikes);
  } else if (node.poisson) {
    node.poisson->emit(stamp, slice.begin, slice.end, node.first_gid, spikes);
  } else {
    StepArgs<R>& args = slice.args;
    InjectionTarget<R> target{{nullptr, nullptr, args.early}, node.neurons->external()};
    const auto inputs = node.neurons->model().input_states;
    for (std::size_t c = 0; c < inputs.size(); ++c) {
      target.input[c] = args.state[static_cast<std::size_t>(inputs[c])];
    }
    const auto inject = [&](bool ahead, std::size_t begin, std::size_t end) {
      for (const auto& injector : node.injectors) {
        if (injector->before_step() == ahead && !injector->drive()) {
          injector->apply(step, begin, end, target);
        }
      }
    };
    Gid* scratch = partitions_[p].scratch.data();
    for (std::size_t begin = slice.begin; begin < slice.end; begin += chunk) {
      const std::size_t end = std::min<std::size_t>(begin + chunk, slice.end);
      if (node.external) {
        std::fill(target.external + begin, target.external + end, R(0));
      }
      inject(true, begin, end);
      const Gid* last = slice.step(args, begin, end, scratch);
      inject(false, begin, end);
      spikes.insert(spikes.end(), static_cast<const Gid*>(scratch), last);
    }
    ++args.now;
    ++args.step;
  }
  if (spikes.size() > before) {
    const std::span<const Gid> fresh(spikes.data() + before, spikes.size() - before);
    for (PlasticStore<R>* store : slice.plastic) {
      store->note_posts(fresh, node.first_gid, stamp);
    }
    for (const std::size_t k : slice.spike_recorders) {
      spike_recorders_[k].note(p, fresh, node.first_gid, stamp);
    }
  }
}

template <class R>
void Simulator<R>::sample_states(Slice& slice, Step stamp) {
  for (const std::size_t k : slice.state_recorders) {
    StateRecorder<R>& recorder = state_recorders_[k];
    if (stamp % recorder.every != 0) {
      continue;
    }
    const auto row = static_cast<std::size_t>(
        std::lower_bound(recorder.stamps.begin(), recorder.stamps.end(), stamp) -
        recorder.stamps.begin());
    R* values = recorder.values.data() + row * recorder.elements.size();
    for (std::size_t column = 0; column < recorder.elements.size(); ++column) {
      const std::uint32_t element = recorder.elements[column];
      if (element >= slice.begin && element < slice.end) {
        const auto& neurons = *nodes_[slice.node].neurons;
        const bool moved = recorder.state > 0 && recorder.state < neurons.state_count() - 1;
        values[column] = moved ? slice.args.state[recorder.state][element]
                               : neurons.state_of(recorder.state, element);
      }
    }
  }
}

template class Simulator<float>;
template class Simulator<double>;

}  // namespace spikelet
