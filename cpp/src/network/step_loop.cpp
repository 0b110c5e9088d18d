#include "spikelet/network/step_loop.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <iterator>
#include <limits>
#include <mutex>
#include <stdexcept>
#include <utility>

#include "network/stepper.hpp"
#include "spikelet/core/cpu.hpp"
#include "spikelet/core/parallel.hpp"
#include "spikelet/core/program_run.hpp"

namespace spikelet {

template <class R>
struct StepLoop<R>::Span {
  Step begin, end;
  const Poll& poll;
  Stepper<R> stepper;
  std::exception_ptr error{};
  // After an error: the step up to which all partitions of all processes are whole.
  Step whole = std::numeric_limits<Step>::max();
  std::mutex mutex{};
  // A step and not a flag: a fast thread must not stop a slow one an interval early. It is set
  // before the mail of that interval goes out, so all threads see it once they have read the mail.
  alignas(128) std::atomic<Step> stop_at{std::numeric_limits<Step>::max()};
  // Member 0 writes these in every interval: the step reached, and the step up to which the spikes
  // of all processes have arrived.
  alignas(128) Step reached;
  std::atomic<Step> exchanged{-1};

  void stop_by(Step step) {
    for (Step seen = stop_at; step < seen && !stop_at.compare_exchange_weak(seen, step);) {
    }
  }
  void fail(std::exception_ptr why, Step last_whole) {
    const std::lock_guard lock(mutex);
    if (!error || last_whole < whole) {
      error = std::move(why);
    }
    whole = std::min(whole, last_whole);
  }
};

template <class R>
class StepLoop<R>::Member {
 public:
  Member(StepLoop& loop, Span& span, int number, int members)
      : loop_(loop),
        span_(span),
        partitions_(loop.layout_.partitions),
        number_(static_cast<std::size_t>(number)),
        members_(static_cast<std::size_t>(members)),
        failed_(span.error != nullptr) {}

  void run() {
    const FlushDenormals guard;
    for (before_ = begin_ = span_.begin; begin_ < span_.end;
         before_ = begin_, begin_ = stop_, parity_ ^= 1) {
      stop_ = std::min(begin_ + loop_.network_.interval, span_.end);
      attempt(stop_, [&] { advance(); });
      if (number_ == 0 && span_.poll(stop_)) {
        span_.stop_by(stop_);
      }
      // Spikes go out before the last events are delivered, which gives the others time to send
      // theirs.
      post();
      attempt(stop_ + 1, [&] { complete(); });
      await_mail();
      if (loop_.exchange_ != nullptr) {
        if (number_ == 0) {
          exchange();
          span_.exchanged.store(stop_, std::memory_order_release);
        }
        // Even after a failure: what comes back can stop the run here.
        wait_until([&] { return span_.exchanged.load(std::memory_order_acquire) == stop_; });
      }
      attempt(stop_ + 1, [&] { enqueue(); });
      if (span_.stop_at <= stop_) {
        return;
      }
    }
  }

 private:
  // Does the work unless earlier work failed. A member that fails stops the run at `step`, but goes
  // on sending mail until all have stopped.
  template <class Work>
  void attempt(Step step, Work&& work) {
    if (failed_) {
      return;
    }
    try {
      work();
    } catch (...) {
      fail(step, begin_);
    }
  }

  // Called while an exception is handled.
  void fail(Step stop, Step last_whole) {
    span_.fail(std::current_exception(), last_whole);
    failed_ = true;
    span_.stop_by(stop);
  }

  template <class Work>
  void for_own(Work&& work) {
    for (std::size_t p = number_; p < partitions_.size(); p += members_) {
      work(p);
    }
  }

  // Where a neuron diverges, the other partitions end the interval: what was recorded until then is
  // whole. (Several processes agree on intervals only.)
  void advance() {
    for_own([&](std::size_t p) {
      try {
        span_.stepper.advance(p, begin_, stop_, parity_);
      } catch (const Divergence& found) {
        fail(stop_, loop_.exchange_ == nullptr ? found.step - 1 : begin_);
      }
    });
  }

  void complete() {
    for_own([&](std::size_t p) { span_.stepper.complete(p, stop_ - 1); });
  }

  void post() {
    const auto slot = static_cast<std::size_t>(parity_);
    for_own([&](std::size_t p) {
      Partition<R>& partition = partitions_[p];
      if (failed_) {  // the spikes of an earlier interval must not go out again
        partition.step_end[slot].clear();
      }
      (*partition.mail)[slot].post(partition.spikes[slot], partition.step_end[slot], begin_, stop_);
    });
  }

  void await_mail() {
    for (const Partition<R>& partition : partitions_) {
      wait_until([&] { return mail_of(partition).arrived(stop_); });
    }
  }

  const Mail& mail_of(const Partition<R>& partition) const {
    return (*partition.mail)[static_cast<std::size_t>(parity_)];
  }

  // The spikes of all partitions in a step, by gid.
  std::span<const Gid> collect(Step step) {
    const auto k = static_cast<std::size_t>(step - begin_);
    if (partitions_.size() == 1) {
      return mail_of(partitions_[0]).step(k);
    }
    merged_.clear();
    for (const Partition<R>& partition : partitions_) {  // each list ascends
      const std::span<const Gid> spikes = mail_of(partition).step(k);
      // One population: its partitions have ascending ranges.
      if (merged_.empty() || spikes.empty() || merged_.back() < spikes.front()) {
        merged_.insert(merged_.end(), spikes.begin(), spikes.end());
        continue;
      }
      scratch_.clear();
      std::merge(merged_.begin(), merged_.end(), spikes.begin(), spikes.end(),
                 std::back_inserter(scratch_));
      merged_.swap(scratch_);
    }
    return merged_;
  }

  // With the other processes; even after a failure, or they would wait forever.
  void exchange() {
    SpikeExchange& exchange = *loop_.exchange_;
    exchange.start();
    for (Step step = begin_; step < stop_; ++step) {
      std::span<const Gid> spikes;
      attempt(stop_, [&] { spikes = collect(step); });
      exchange.add(spikes);
    }
    using Status = SpikeExchange::Status;
    const Status own = status();
    Status worst = Status::failed;
    try {
      worst = exchange.meet(own);
    } catch (...) {  // on all ranks
      span_.fail(std::current_exception(), begin_);
      failed_ = true;
    }
    if (worst != Status::going_on) {
      span_.stop_by(stop_);
    }
    if (worst >= Status::failed) {
      span_.fail(std::make_exception_ptr(std::runtime_error("another rank has failed")),
                 worst == Status::failed_before ? before_ : begin_);
    }
    attempt(stop_ + 1, [&] { exchange.sort(); });
  }

  SpikeExchange::Status status() {
    using Status = SpikeExchange::Status;
    const std::lock_guard lock(span_.mutex);
    if (span_.error) {
      return span_.whole < begin_ ? Status::failed_before : Status::failed;
    }
    return span_.stop_at <= stop_ ? Status::stopping : Status::going_on;
  }

  // Hands the spikes of the interval to the stores.
  void enqueue() {
    for (Step step = begin_; step < stop_; ++step) {
      const std::span<const Gid> spikes =
          loop_.exchange_ ? loop_.exchange_->step(static_cast<std::size_t>(step - begin_))
                          : collect(step);
      if (spikes.empty()) {
        continue;
      }
      for_own([&](std::size_t p) {
        Partition<R>& partition = partitions_[p];
        const auto enqueue = [&](std::size_t s, std::span<const Gid> taken) {
          partition.stores[s]->enqueue_all(taken, step + 1, step + 1);
        };
        partition.watch.for_takers(spikes, step + 1, enqueue);
      });
      if (number_ == 0) {
        loop_.flight_.add(spikes, step + 1);
      }
    }
    if (number_ == 0) {
      span_.reached = stop_;
      loop_.forget_old_spikes(stop_);
    }
  }

  StepLoop& loop_;
  Span& span_;
  std::vector<Partition<R>>& partitions_;
  std::size_t number_, members_;
  Step begin_ = 0, stop_ = 0;  // of the interval
  Step before_ = 0;            // begin of the one before
  int parity_ = 0;
  bool failed_;
  std::vector<Gid> merged_, scratch_;
};

template <class R>
bool StepLoop<R>::run(Step end, const Poll& poll, std::exception_ptr before, int threads) {
  bool stopped = false;
  const std::exception_ptr error =
      caught([&] { stopped = run_paced(end, poll, std::move(before), threads); });
  recorders_.trim(network_.now);  // there was room up to the end
  if (error) {
    std::rethrow_exception(error);
  }
  return stopped;
}

template <class R>
bool StepLoop<R>::run_paced(Step end, const Poll& poll, std::exception_ptr before, int threads) {
  constexpr std::size_t most_paced = 32768;  // neurons: larger networks always gain from threads
  const auto partitions = static_cast<int>(layout_.partitions.size());
  const int most = std::min({network_.threads, threads, partitions});
  std::size_t elements = 0;
  for (const Partition<R>& partition : layout_.partitions) {
    elements += partition.elements;
  }
  // Processes must cut their runs alike.
  if (!paced_ || most <= 1 || exchange_ != nullptr || elements > most_paced) {
    return run_part(end, poll, std::move(before), most);
  }
  using Clock = std::chrono::steady_clock;
  bool stopped = false;
  do {
    const Step first = network_.now;
    const Pace::Part part = pace_.next(end - first, network_.interval);
    const Step stop = first + part.steps;
    const int team = part.all ? most : 1;
    if (!part.timed) {
      stopped = run_part(stop, poll, std::exchange(before, nullptr), team);
      pace_.pass(network_.now - first);
      continue;
    }
    const auto start = Clock::now();
    const auto passed = [&] {
      return std::chrono::duration<double, std::nano>(Clock::now() - start).count();
    };
    bool late = false;
    std::uint32_t intervals = 0;
    auto within = [&](Step step) {
      if (poll(step)) {
        return true;
      }
      late = step < stop && (++intervals <= 8 || intervals % 8 == 0) && passed() > part.most;
      return late;
    };
    stopped = run_part(stop, std::ref(within), std::exchange(before, nullptr), team);  // no memory
    stopped = stopped && !late;
    pace_.note(network_.now - first, passed());
  } while (!stopped && network_.now < end);
  return stopped;
}

template <class R>
bool StepLoop<R>::run_part(Step end, const Poll& poll, std::exception_ptr before, int threads) {
  Span span{.begin = network_.now,
            .end = end,
            .poll = poll,
            .stepper = Stepper<R>(network_, layout_, recorders_),
            .reached = network_.now};
  span.stepper.bind_arrays();
  try {
    if (before) {
      std::rethrow_exception(before);
    }
    if (network_.now == 0 && flight_.stamps.empty()) {
      emit_at_time_0();
    }
  } catch (...) {
    span.fail(std::current_exception(), network_.now - 1);
    span.stop_by(network_.now);
  }
  for (Partition<R>& partition : layout_.partitions) {
    for (Mail& mail : *partition.mail) {
      mail.clear();
    }
  }
  run_team(threads, [&](int member, int members) { Member(*this, span, member, members).run(); });
  network_.now = span.error ? std::max(span.begin, span.whole) : span.reached;
  span.stepper.return_inputs();
  if (span.error) {
    recorders_.forget_after(span.whole);
    std::rethrow_exception(span.error);
  }
  return span.stop_at <= network_.now;
}

// Spikes that event sources give at time 0, which all processes know.
template <class R>
void StepLoop<R>::emit_at_time_0() {
  for (std::size_t k = 0; k < network_.nodes.size(); ++k) {
    const Node<R>& node = network_.nodes[k];
    if (!node.events) {
      continue;
    }
    std::vector<Gid> spikes;
    node.events->emit(0, 0, static_cast<std::uint32_t>(node.size), node.first_gid, spikes);
    flight_.add(spikes, 0);
    const Range own = network_.own(k);
    std::erase_if(spikes, [&](Gid gid) { return !own.contains(gid - node.first_gid); });
    for (SpikeRecorder& recorder : recorders_.spikes) {
      if (recorder.population() == k) {
        recorder.note(0, spikes, node.first_gid, 0);
      }
    }
  }
  layout_.enqueue(flight_);
}

// Only occasionally, so that it costs a step almost nothing.
template <class R>
void StepLoop<R>::forget_old_spikes(Step step) {
  if (flight_.stamps.size() >= flight_limit_) {
    flight_.forget(step - network_.longest_delay());
    flight_limit_ = 2 * flight_.stamps.size() + few_in_flight;
  }
}

template class StepLoop<float>;
template class StepLoop<double>;

}  // namespace spikelet
