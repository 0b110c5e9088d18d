#include "spikelet/train/event_prop.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>

#include "event_flow.hpp"
#include "spikelet/core/parallel.hpp"

namespace spikelet::train {
namespace {

constexpr std::size_t lanes = 8;  // neurons that process the input spikes together
constexpr double never = -std::numeric_limits<double>::infinity();

using Lanes = std::array<double, lanes>;

// Weights [n_in][stride], rows padded with zeros to whole groups of lanes: padding never spikes.
struct Transposed {
  std::size_t stride;
  std::vector<double> values;

  Transposed(std::span<const double> weights, std::size_t n_in, std::size_t n_out)
      : stride((n_out + lanes - 1) / lanes * lanes), values(n_in * stride) {
    if (weights.size() != n_in * n_out) {
      refuse("weights must be [" + std::to_string(n_out) + ", " + std::to_string(n_in) + "]");
    }
    for (std::size_t o = 0; o < n_out; ++o) {
      for (std::size_t k = 0; k < n_in; ++k) {
        values[k * stride + o] = weights[o * n_in + k];
      }
    }
    if (!std::all_of(values.begin(), values.end(), [](double w) { return std::isfinite(w); })) {
      refuse("weights must be finite");
    }
  }
  const double* row(std::int64_t id) const {
    return values.data() + static_cast<std::size_t>(id) * stride;
  }
};

// The input spikes of one sample up to t_max, and the decay from each to the next.
struct Drive {
  std::size_t first;                  // in the lists of the batch
  std::span<const std::int64_t> ids;  // [n]
  std::vector<double> times;          // [n + 1], the last is t_max
  std::vector<Decay> decays;          // [n]
  std::size_t size() const { return ids.size(); }
};

Drive drive_of(const Flow& flow, const EventView& input, std::size_t sample) {
  const auto begin = static_cast<std::size_t>(input.offsets[sample]);
  const auto end = static_cast<std::size_t>(input.offsets[sample + 1]);
  const auto all = input.times.subspan(begin, end - begin);
  const auto last = std::upper_bound(all.begin(), all.end(), flow.lif().t_max);
  Drive drive{begin, {}, {all.begin(), last}, {}};
  const std::size_t n = drive.times.size();
  drive.ids = input.ids.subspan(begin, n);
  drive.times.push_back(flow.lif().t_max);
  drive.decays.reserve(n);
  for (std::size_t k = 0; k < n; ++k) {
    drive.decays.push_back(flow(drive.times[k + 1] - drive.times[k]));
  }
  return drive;
}

// All spikes of one neuron from t to t_end, where v and i go; v_end, i_end: without any spike.
void spike_until(const Flow& flow, double t, double t_end, double& v, double& i, double v_end,
                 double i_end, std::int64_t id, std::size_t most, std::vector<Spike>& spikes) {
  while (flow.may_cross(i, v_end, i_end)) {
    const double s = flow.cross(v, i, t_end - t, v_end, i_end);
    if (s < 0) {
      break;
    }
    t = std::min(t + s, t_end);
    if (spikes.size() >= most) {
      refuse("weights make neuron " + std::to_string(id) + " spike more than " +
             std::to_string(most_spikes) + " times in one sample");
    }
    spikes.push_back({t, id, i});
    v = 0;
    const Decay d = flow(t_end - t);
    v_end = i * d.across;
    i_end = i * d.syn;
  }
  v = v_end;
  i = i_end;
}

std::vector<Spike> forward_sample(const Flow& flow, const Transposed& weights, const Drive& drive) {
  std::vector<Spike> spikes;
  for (std::size_t block = 0; block < weights.stride; block += lanes) {
    const std::size_t most = spikes.size() + most_spikes;
    Lanes v{}, i{}, v_end, i_end;
    for (std::size_t k = 0; k < drive.size(); ++k) {
      const double* w = weights.row(drive.ids[k]) + block;
      const Decay d = drive.decays[k];
      bool any = false;
      for (std::size_t l = 0; l < lanes; ++l) {
        i[l] += w[l];
        v_end[l] = v[l] * d.mem + i[l] * d.across;
        i_end[l] = i[l] * d.syn;
        any |= flow.may_cross(i[l], v_end[l], i_end[l]);
      }
      for (std::size_t l = 0; any && l < lanes; ++l) {
        spike_until(flow, drive.times[k], drive.times[k + 1], v[l], i[l], v_end[l], i_end[l],
                    static_cast<std::int64_t>(block + l), most, spikes);
      }
      if (!any) {
        v = v_end;
        i = i_end;
      }
    }
  }
  in_order(spikes);
  return spikes;
}

// The spikes of one sample by neuron: those of o are order[start[o]] .. order[start[o + 1]].
struct ByNeuron {
  std::vector<std::size_t> start, order;

  ByNeuron(const EventView& spikes, std::size_t sample, std::size_t n) : start(n + 1) {
    const auto begin = static_cast<std::size_t>(spikes.offsets[sample]);
    const auto end = static_cast<std::size_t>(spikes.offsets[sample + 1]);
    order.resize(end - begin);
    for (std::size_t j = begin; j < end; ++j) {
      ++start[static_cast<std::size_t>(spikes.ids[j]) + 1];
    }
    for (std::size_t o = 0; o < n; ++o) {
      start[o + 1] += start[o];
    }
    std::vector<std::size_t> next(start);
    for (std::size_t j = begin; j < end; ++j) {
      order[next[static_cast<std::size_t>(spikes.ids[j])]++] = j;
    }
  }
};

struct Backward {
  const Flow& flow;
  const Transposed& weights;
  const EventView& output;
  std::span<const double> currents, time_gradients;

  // Adds one sample's dL/dw to sums [n_in][stride]; sets dL/dt of its input spikes.
  //
  // Backwards in time go p_v = dL/dV and p_i = dL/dI. A change of V just before a spike moves the
  // spike by -dV/V'; what follows is then later by as much, which changes V after it by V'(after)
  // times that: V' = (I - v_threshold)/tau_mem before, I/tau_mem after the reset to 0.
  void operator()(std::size_t sample, const Drive& drive, std::span<double> sums,
                  std::span<double> times) const {
    const double tau_mem = flow.lif().tau_mem, threshold = flow.lif().v_threshold;
    const double per_mem = 1 / tau_mem, per_syn = 1 / flow.lif().tau_syn;
    const ByNeuron spikes(output, sample, weights.stride);
    for (std::size_t block = 0; block < weights.stride; block += lanes) {
      std::array<std::size_t, lanes> left;  // spikes still ahead, as an index into their order
      Lanes next, p_v{}, p_i{};             // next: the time of the latest of those
      double latest = never;
      const auto peek = [&](std::size_t l) {
        return left[l] > spikes.start[block + l] ? output.times[spikes.order[left[l] - 1]] : never;
      };
      for (std::size_t l = 0; l < lanes; ++l) {
        left[l] = spikes.start[block + l + 1];
        next[l] = peek(l);
        latest = std::max(latest, next[l]);
      }
      const auto end = drive.times.end() - 1;
      auto k = static_cast<std::size_t>(std::lower_bound(drive.times.begin(), end, latest) -
                                        drive.times.begin());
      while (k-- > 0) {
        const double t_k = drive.times[k];
        const Decay d = drive.decays[k];
        bool any = false;
        for (std::size_t l = 0; l < lanes; ++l) {
          any |= next[l] > t_k;
        }
        for (std::size_t l = 0; any && l < lanes; ++l) {
          double t = drive.times[k + 1];
          for (; next[l] > t_k; next[l] = peek(l)) {
            const std::size_t j = spikes.order[--left[l]];
            back(flow(t - next[l]), p_v[l], p_i[l]);
            t = next[l];
            p_v[l] =
                (p_v[l] * currents[j] - time_gradients[j] * tau_mem) / (currents[j] - threshold);
          }
          back(t < drive.times[k + 1] ? flow(t - t_k) : d, p_v[l], p_i[l]);
        }
        for (std::size_t l = 0; !any && l < lanes; ++l) {
          back(d, p_v[l], p_i[l]);
        }
        const double* w = weights.row(drive.ids[k]) + block;
        double* sum = sums.data() + static_cast<std::size_t>(drive.ids[k]) * weights.stride + block;
        double later = 0;  // effect of a later input spike: more current, less potential
        for (std::size_t l = 0; l < lanes; ++l) {
          sum[l] += p_i[l];
          later += w[l] * (p_i[l] * per_syn - p_v[l] * per_mem);
        }
        times[drive.first + k] += later;
      }
    }
  }
};

}  // namespace

void check(const EventView& spikes, std::size_t n) {
  const auto& [offsets, times, ids] = spikes;
  if (ids.size() != times.size()) {
    refuse("ids and times must have the same length, got " + std::to_string(ids.size()) + " and " +
           std::to_string(times.size()));
  }
  if (offsets.empty() || offsets.front() != 0 ||
      offsets.back() != static_cast<std::int64_t>(times.size()) ||
      !std::is_sorted(offsets.begin(), offsets.end())) {
    refuse("offsets must ascend from 0 to the number of spikes, " + std::to_string(times.size()));
  }
  for (std::size_t j = 0; j < times.size(); ++j) {
    if (!(std::isfinite(times[j]) && times[j] >= 0)) {
      refuse("times must be finite and >= 0, got " + std::to_string(times[j]) + " at index " +
             std::to_string(j));
    }
    if (ids[j] < 0 || static_cast<std::size_t>(ids[j]) >= n) {
      refuse("ids must lie in 0 .. " + std::to_string(static_cast<std::int64_t>(n) - 1) + ", got " +
             std::to_string(ids[j]) + " at index " + std::to_string(j));
    }
  }
  for (std::size_t b = 0; b + 1 < offsets.size(); ++b) {
    if (!std::is_sorted(times.begin() + offsets[b], times.begin() + offsets[b + 1])) {
      refuse("times must ascend within each sample, but do not in sample " + std::to_string(b));
    }
  }
}

EventOutput event_forward(const EventLif& lif, const EventView& input,
                          std::span<const double> weights, std::size_t n_in, std::size_t n_out,
                          int threads) {
  const Flow flow(lif);
  check(input, n_in);
  threads = team(threads, input.times.size(), n_out);
  const Transposed transposed(weights, n_in, n_out);
  const std::size_t samples = input.offsets.size() - 1;
  std::vector<std::vector<Spike>> found(samples);
  parallel_for(threads, samples, [&](std::size_t b) {
    found[b] = forward_sample(flow, transposed, drive_of(flow, input, b));
  });

  return joined(found);
}

EventGradients event_backward(const EventLif& lif, const EventView& input,
                              std::span<const double> weights, std::size_t n_in, std::size_t n_out,
                              const EventView& output, std::span<const double> currents,
                              std::span<const double> time_gradients, int threads) {
  const Flow flow(lif);
  check(input, n_in);
  check(output, n_out);
  threads = team(threads, input.times.size(), n_out);
  if (output.offsets.size() != input.offsets.size()) {
    refuse("output must have as many samples as input");
  }
  if (currents.size() != output.times.size() || time_gradients.size() != output.times.size()) {
    refuse("currents and gradients must have one value for each output spike");
  }
  const Transposed transposed(weights, n_in, n_out);
  const Backward backward{flow, transposed, output, currents, time_gradients};
  const std::size_t samples = input.offsets.size() - 1;
  const std::size_t each = std::max<std::size_t>(1, (samples + chunks - 1) / chunks);
  const std::size_t parts = (samples + each - 1) / each;

  EventGradients out{std::vector<double>(n_in * n_out), std::vector<double>(input.times.size())};
  std::vector<std::vector<double>> sums(parts);
  parallel_for(threads, parts, [&](std::size_t part) {
    sums[part].resize(transposed.values.size());
    for (std::size_t b = part * each; b < std::min(samples, (part + 1) * each); ++b) {
      backward(b, drive_of(flow, input, b), sums[part], out.times);
    }
  });
  for (const auto& sum : sums) {
    for (std::size_t o = 0; o < n_out; ++o) {
      for (std::size_t k = 0; k < n_in; ++k) {
        out.weights[o * n_in + k] += sum[k * transposed.stride + o];
      }
    }
  }
  return out;
}

}  // namespace spikelet::train
