// Runs a batch: samples over threads, and the records of each.
#include "spikelet/layers/engine.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <mutex>
#include <stdexcept>
#include <string>

#include "layers/sample_run.hpp"
#include "spikelet/core/cpu.hpp"
#include "spikelet/core/parallel.hpp"

namespace spikelet::layers {
namespace {

constexpr double most_values = 0x1p44;  // of a node, over all steps

// From [y][x][pixel] to [c][y][x].
template <class R>
void unpack(const Layout& l, const R* from, R* to) {
  for (std::size_t c = 0; c < l.channels; ++c) {
    for (std::size_t p = 0; p < l.height * l.width; ++p) {
      to[c * l.height * l.width + p] = from[p * l.pixel + c];
    }
  }
}

template <class R>
void keep(const SampleRun<R>& sample, const NodePlan<R>& node, const Record<R>& record,
          std::size_t index, std::size_t count, std::size_t steps, std::size_t taken) {
  const Layout& l = node.layout;
  const std::size_t size = l.channels * l.height * l.width;
  if (record.what == What::mean) {
    unpack(l, sample.dense(record.node), record.out + index * size);
    return;
  }
  if (record.what == What::packed) {
    const auto bits = sample.packed(record.node);
    std::ranges::copy(bits, record.packed + index * bits.size());
    return;
  }
  for (std::size_t t = 0; t < steps; ++t) {
    const std::size_t first = (t * count + index) * size;
    if (t >= taken) {
      if (record.whole != nullptr) {
        std::fill_n(record.whole + first, size, std::int8_t{0});
      } else {
        std::fill_n(record.out + first, size, R{});
      }
      continue;
    }
    if (record.what == What::value) {
      unpack(l, sample.at(record.node, t), record.out + first);
    } else if (record.what == What::potential) {
      unpack(l, sample.potential(record.node, t), record.out + first);
    } else {
      for (std::size_t c = 0, k = first; c < l.channels; ++c) {
        for (std::size_t y = 0; y < l.height; ++y) {
          for (std::size_t x = 0; x < l.width; ++x, ++k) {
            const R spike = sample.spike(record.node, t, y, x, c);
            if (record.whole != nullptr) {
              record.whole[k] = static_cast<std::int8_t>(spike);
            } else {
              record.out[k] = spike;
            }
          }
        }
      }
    }
  }
}

// The least margin of all places between the greatest channel and the next.
template <class R>
R margin_of(const Layout& l, const R* values) {
  R least = std::numeric_limits<R>::infinity();
  for (std::size_t p = 0; p < l.height * l.width; ++p) {
    R most = -std::numeric_limits<R>::infinity(), next = most;
    for (std::size_t c = 0; c < l.channels; ++c) {
      const R value = values[p * l.pixel + c];
      next = std::max(next, std::min(most, value));
      most = std::max(most, value);
    }
    least = std::min(least, most - next);
  }
  return least;
}

template <class R>
R greatest_change(const Layout& l, const R* values, const R* before) {
  R most{};
  for (std::size_t k = 0; k < l.size(); ++k) {
    most = k % l.pixel < l.channels ? std::max(most, std::abs(values[k] - before[k])) : most;
  }
  return most;
}

// Runs a sample until it is certain enough; returns its steps.
template <class R>
std::size_t run_until(SampleRun<R>& sample, const Batch<R>& batch, std::size_t index,
                      const Layout* l, Buffer<R>& before, const std::function<bool()>& keep_going) {
  const std::optional<Until>& until = batch.until;
  sample.restart();
  for (std::size_t k = 0; until && k < until->checks.size(); ++k) {
    sample.advance(until->checks[k], keep_going);
    const R* mean = sample.dense(until->node);
    const R limit = static_cast<R>(until->limits[k]);
    const bool sure = until->of == Until::Of::margin
                          ? margin_of(*l, mean) >= limit && std::isfinite(limit)
                          : k > 0 && greatest_change(*l, mean, before.data()) < limit;
    const std::size_t size = l->channels * l->height * l->width;
    // The mean at the last check is also that of the checks that are left.
    const std::size_t kept = sure ? until->checks.size() : k + 1;
    for (std::size_t j = k; batch.so_far != nullptr && j < kept; ++j) {
      unpack(*l, mean, batch.so_far + (j * batch.count + index) * size);
    }
    if (sure) {
      return until->checks[k];
    }
    if (until->of == Until::Of::change) {
      before.assign(mean, mean + l->size());
    }
  }
  sample.advance(batch.steps, keep_going);
  return batch.steps;
}

}  // namespace

template <class R>
Engine<R>::Engine(const Graph& graph, bool whole,
                  std::span<const std::pair<std::size_t, What>> records,
                  std::span<const double> sizes)
    : plan_(make_plan<R>(graph, whole, records, sizes)) {}
template <class R>
Engine<R>::~Engine() = default;
template <class R>
Engine<R>::Engine(Engine&&) noexcept = default;

template <class R>
Form Engine<R>::form(std::size_t node) const {
  return plan_->nodes.at(node).form;
}

template <class R>
Input Engine<R>::packed_input(std::size_t node) const {
  const NodePlan<R>& plan = plan_->nodes.at(node);
  if (plan.form != Form::spikes) {
    throw std::invalid_argument("node " + std::to_string(node) + " must be one that sends spikes");
  }
  Input input{InputForm::packed, {}, plan.planes > 1, plan.differential};
  input.levels = std::max(static_cast<int>(plan.planes) / 2, 1);
  input.level_ratio = plan.level_ratio;
  input.amplitude.assign(
      plan.amplitude.begin(),
      plan.amplitude.begin() + static_cast<std::ptrdiff_t>(plan.layout.channels));
  return input;
}

template <class R>
std::size_t Engine<R>::packed_size(std::size_t node, std::size_t steps) const {
  const NodePlan<R>& plan = plan_->nodes.at(node);
  if (static_cast<double>(steps) * static_cast<double>(plan.layout.size()) > most_values) {
    throw std::invalid_argument("steps times values of a node must be at most 2^44");
  }
  return plan.form == Form::spikes ? plan.planes * plan.layout.plane_bytes(steps) : 0;
}

template <class R>
void Engine<R>::check(const Batch<R>& batch, int threads) const {
  const Plan& plan = *plan_;
  if (batch.inputs.size() != plan.inputs) {
    throw std::invalid_argument("x must have one array for each input of the network");
  }
  for (std::size_t k = 0; k < plan.inputs; ++k) {
    const InputForm form = std::get<Input>(plan.graph[k].kind).form;
    const Given<R>& given = batch.inputs[k];
    const bool spikes = form == InputForm::spikes, packed = form == InputForm::packed;
    if ((given.spikes != nullptr) != spikes || (given.packed != nullptr) != packed ||
        (given.analog != nullptr) != (!spikes && !packed)) {
      throw std::invalid_argument(
          "x must have arrays in the form of their inputs: analog values, spikes or packed spikes");
    }
  }
  if (batch.steps == 0 || batch.steps >= std::size_t{1} << 31 || batch.delay >= batch.steps) {
    throw std::invalid_argument("steps must lie in 1 .. 2^31 - 1, and delay in 0 .. steps - 1");
  }
  if (!plan.sizes.empty() && plan.sizes.size() != batch.steps) {
    throw std::invalid_argument("steps must equal the number of sizes");
  }
  if (threads < 1) {
    throw std::invalid_argument("threads must be at least 1");
  }
  if (batch.until) {
    const Until& until = *batch.until;
    const std::pair<std::size_t, What> needed{until.node, What::mean};
    if (!is_anytime() || std::ranges::find(plan.records, needed) == plan.records.end()) {
      throw std::invalid_argument(
          "until needs a recorded mean, and a network in which no layer waits for all steps");
    }
    if (until.checks.size() != until.limits.size()) {
      throw std::invalid_argument("until must have a limit for each check");
    }
    std::size_t last = batch.delay;
    for (const std::size_t check : until.checks) {
      if (check <= last || check >= batch.steps) {
        throw std::invalid_argument(
            "checks must ascend strictly, and be greater than delay and less than steps");
      }
      last = check;
    }
  }
  for (const NodePlan<R>& node : plan.nodes) {
    if (static_cast<double>(batch.steps) * static_cast<double>(node.layout.size()) > most_values) {
      throw std::invalid_argument("steps times values of a node must be at most 2^44");
    }
    if (!node.pace.empty() && node.pace.size() < batch.steps * node.layout.pixel) {
      throw std::invalid_argument("steps must be at most the number of steps in pace and limit");
    }
  }
}

template <class R>
bool Engine<R>::is_anytime() const {
  std::vector<bool> waits(plan_->nodes.size());
  for (std::size_t i = 0; i < waits.size(); ++i) {
    const auto& inputs = plan_->graph[i].inputs;
    const bool constant = plan_->nodes[i].form == Form::constant;
    for (const std::size_t from : inputs) {
      if (!constant && waits[from]) {
        return false;
      }
      waits[i] = waits[i] || waits[from] || (constant && plan_->nodes[from].form != Form::constant);
    }
  }
  return true;
}

template <class R>
std::size_t Engine<R>::run(const Batch<R>& batch, std::span<const Record<R>> records, int threads,
                           std::span<NodeCounts> counts, std::span<std::int64_t> taken,
                           const std::function<bool(std::size_t)>& keep_going) const {
  const Plan& plan = *plan_;
  check(batch, threads);
  const auto set = [&](SampleRun<R>& sample, std::size_t k, std::size_t i) {
    const Given<R>& given = batch.inputs[k];
    const std::size_t size = plan.graph[k].shape.size();
    if (given.packed != nullptr) {
      const std::size_t bytes = packed_size(k, batch.steps);
      sample.set_packed(k, {given.packed + i * bytes, bytes});
    } else if (given.spikes != nullptr) {
      sample.set_input(k, given.spikes + i * size, batch.count * size);
    } else {
      sample.set_input(k, given.analog + i * size, batch.count * size);
    }
  };
  std::atomic<std::size_t> next{0}, done{0};
  std::atomic<bool> stopped{false};
  std::exception_ptr error;
  std::mutex mutex;
  const auto team = static_cast<int>(std::min<std::size_t>(static_cast<std::size_t>(threads),
                                                           std::max<std::size_t>(batch.count, 1)));
  const auto ask = [&] {
    if (keep_going && !keep_going(done)) {
      stopped = true;
    }
    return !stopped;
  };
  run_team(team, [&](int member, int) {
    try {
      const FlushDenormals flush;
      SampleRun<R> sample(plan, batch.steps, batch.delay);
      std::vector<NodeCounts> own(plan.nodes.size());
      const Layout* decides = batch.until ? &plan.nodes[batch.until->node].layout : nullptr;
      Buffer<R> before;
      for (std::size_t i = next++; i < batch.count && !stopped; i = next++) {
        for (std::size_t k = 0; k < plan.inputs; ++k) {
          set(sample, k, i);
        }
        const std::size_t steps =
            run_until(sample, batch, i, decides, before,
                      member == 0 ? std::function<bool()>(ask) : std::function<bool()>{});
        if (stopped) {
          break;
        }
        sample.count(own);
        if (!taken.empty()) {
          taken[i] = static_cast<std::int64_t>(steps);
        }
        for (const Record<R>& record : records) {
          keep(sample, plan.nodes[record.node], record, i, batch.count, batch.steps, steps);
        }
        ++done;
      }
      const std::lock_guard lock(mutex);
      for (std::size_t i = 0; i < own.size(); ++i) {
        counts[i].spikes += own[i].spikes;
        counts[i].additions += own[i].additions;
        counts[i].products += own[i].products;
      }
    } catch (...) {
      const std::lock_guard lock(mutex);
      error = error ? error : std::current_exception();
      stopped = true;
    }
  });
  if (error) {
    std::rethrow_exception(error);
  }
  return done;
}

template class Engine<float>;
template class Engine<double>;

}  // namespace spikelet::layers
