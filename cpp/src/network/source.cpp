#include "spikelet/network/source.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <utility>

namespace spikelet {

EventSource::EventSource(std::vector<Step> stamps, std::vector<std::uint32_t> elements)
    : stamps_(std::move(stamps)), elements_(std::move(elements)) {
  if (!std::ranges::is_sorted(stamps_)) {
    sort_by_stamp();
  }
  for (auto first = stamps_.begin(); first != stamps_.end();) {  // those of a step
    const auto last =
        std::find_if(first, stamps_.end(), [&](Step other) { return other != *first; });
    std::sort(elements_.begin() + (first - stamps_.begin()),
              elements_.begin() + (last - stamps_.begin()));
    first = last;
  }
}

void EventSource::sort_by_stamp() {
  std::vector<std::size_t> order(stamps_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t k) { return stamps_[k]; });
  std::vector<std::uint32_t> elements(order.size());
  std::ranges::transform(order, elements.begin(), [&](std::size_t k) { return elements_[k]; });
  elements_ = std::move(elements);
  std::ranges::sort(stamps_);
}

void EventSource::emit(Step stamp, std::uint32_t begin, std::uint32_t end, Gid first_gid,
                       std::vector<Gid>& out) const {
  const auto [from, to] = std::equal_range(stamps_.begin(), stamps_.end(), stamp);
  for (auto it = from; it != to; ++it) {
    const std::uint32_t element = elements_[static_cast<std::size_t>(it - stamps_.begin())];
    if (element >= begin && element < end) {
      out.push_back(first_gid + element);
    }
  }
}

PoissonSource::PoissonSource(std::size_t n, std::uint64_t seed, std::uint32_t object)
    : n_(n),
      stream_(seed, Purpose::source, object),
      tie_(seed, Purpose::source_tie, object),
      count_(seed, Purpose::source_count, object),
      thin_(seed, Purpose::source_thin, object),
      high_(round_up(n, block_size)),
      low_(round_up(n, block_size)),
      mean_(n),
      p_any_(n),
      live_(round_up(n, block_size) / block_size) {}

PoissonSource::PoissonSource(std::vector<Part> parts) : PoissonSource(0, 0, 0) {
  parts_ = std::move(parts);
}

void PoissonSource::set_rates(std::span<const double> rates, double dt) {
  for (const double rate : rates) {
    if (!(rate * dt * 1e-3 <= largest_mean)) {
      throw std::invalid_argument(
          "a Poisson source must have a rate of at most 2^18 spikes a step");
    }
  }
  changing_.reset();
  set_means([&](std::size_t i) { return rates[rates.size() == 1 ? 0 : i] * dt * 1e-3; });
}

void PoissonSource::set_rates(std::unique_ptr<const Rates> rates) {
  for (const double mean : rates->most()) {
    if (!(mean <= largest_mean)) {
      throw std::invalid_argument(
          "a Poisson source must have a rate of at most 2^18 spikes a step");
    }
  }
  changing_ = std::move(rates);
  set_means([&](std::size_t i) { return changing_->most()[changing_->one() ? 0 : i]; });
}

template <class Mean>
void PoissonSource::set_means(Mean&& mean) {
  std::fill(live_.begin(), live_.end(), std::uint8_t{0});
  for (std::size_t i = 0; i < n_; ++i) {
    mean_[i] = mean(i);
    p_any_[i] = mean_[i] > PoissonTable::max_mean ? 1.0 : -std::expm1(-mean_[i]);
    const Threshold threshold = to_threshold(p_any_[i]);
    high_[i] = threshold.high;
    low_[i] = threshold.low;
    live_[i / block_size] |= mean_[i] > 0 ? 1 : 0;
  }
}

void PoissonSource::emit(Step stamp, std::uint32_t begin, std::uint32_t end, Gid first_gid,
                         std::vector<Gid>& out) const {
  for (const Part& part : parts_) {
    if (part.begin < end && part.end > begin) {
      part.source->emit(stamp, std::max(begin, part.begin) - part.begin,
                        std::min(end, part.end) - part.begin, first_gid + part.begin, out);
    }
  }
  if (n_ == 0) {
    return;
  }
  if (changing_ && changing_->window(stamp - 1).begin > stamp - 1) {
    return;
  }
  const std::size_t before = out.size();
  const auto below = kernels().below;
  for (std::uint32_t block = begin / block_size; block * block_size < end; ++block) {
    if (live_[block] == 0) {
      continue;
    }
    const std::uint32_t first = block * static_cast<std::uint32_t>(block_size);
    std::uint64_t events =
        below(stream_, tie_, block, stamp, high_.data() + first, low_.data() + first);
    for (; events != 0; events &= events - 1) {
      const std::uint32_t i = first + static_cast<std::uint32_t>(__builtin_ctzll(events));
      if (i >= n_) {
        break;  // padding: p = 0, but a draw may equal it
      }
      if (mean_[i] > PoissonTable::max_mean) {  // so large a rate is of no use, and may be slow
        out.insert(out.end(),
                   static_cast<std::size_t>(PoissonCount(mean_[i]).draw(count_, i, stamp)),
                   first_gid + i);
        continue;
      }
      out.push_back(first_gid + i);
      // The number of events, given at least one, by inversion: P(k) / P(>= 1), with
      // P(k + 1) = P(k) mean / (k + 1).
      const Words w = count_.at(i, stamp);
      double rest = uniform(w[0], w[1]) * p_any_[i], p = mean_[i] * (1 - p_any_[i]);
      for (int k = 1; rest > p && k < 1000; ++k) {
        rest -= p;
        p *= mean_[i] / (k + 1);
        out.push_back(first_gid + i);
      }
    }
  }
  if (changing_) {
    thin(stamp - 1, first_gid, before, out);
  }
}

void PoissonSource::thin(Step step, Gid first_gid, std::size_t before,
                         std::vector<Gid>& out) const {
  auto kept = out.begin() + static_cast<std::ptrdiff_t>(before);
  for (auto spike = kept; spike != out.end();) {
    Rates::Events events;
    while (spike != out.end() && !events.full()) {  // those of an element in a row
      const Gid gid = *spike;
      const auto next = std::find_if(spike, out.end(), [gid](Gid other) { return other != gid; });
      events.add(gid - first_gid, gid - first_gid, static_cast<int>(next - spike));
      spike = next;
    }
    changing_->thin(events, thin_, step);
    for (std::size_t k = 0; k < events.size; ++k) {  // no more than were read
      kept = std::fill_n(kept, events.count[k], first_gid + static_cast<Gid>(events.element[k]));
    }
  }
  out.erase(kept, out.end());
}

}  // namespace spikelet
