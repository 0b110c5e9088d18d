// What the processes that share a network agree on.
#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>
#include <utility>

#include "spikelet/network/network.hpp"

namespace spikelet {

template <class R>
void Network<R>::agree() {
  std::vector<std::int64_t> least{longest_interval, -1};
  for (const Projection<R>& projection : projections) {
    if (projection.size > 0) {
      least[0] = std::min(least[0], projection.shortest);
      least[1] = std::min(least[1], -projection.longest);
    }
  }
  if (ranks_) {
    for (const Projection<R>& projection : projections) {
      if (projection.facts) {
        least.insert(least.end(), projection.facts->least.begin(), projection.facts->least.end());
      }
    }
    ranks_->minimum(least);
    auto fact = least.begin() + 2;
    for (Projection<R>& projection : projections) {
      if (projection.facts) {
        std::copy_n(fact, TableFacts::count, projection.facts->least.begin());
        fact += TableFacts::count;
        choose_plastic_layout(projection, *projection.facts);
        projection.facts.reset();
      }
    }
  }
  interval = least[0];
  agreed_longest = -least[1];
}

template <class R>
void Network<R>::share_changes(const Call& call, std::exception_ptr error) {
  if (ranks_ == nullptr) {
    if (error) {
      std::rethrow_exception(error);
    }
    return;
  }
  const auto count = [](auto n) { return static_cast<std::int64_t>(n); };
  using Fact = std::pair<const char*, std::int64_t>;
  const bool runs = call.what == Call::run;
  const char* const method = "the method that they call";
  const std::array alike{
      Fact{"their number of populations", count(nodes.size())},
      Fact{"their number of neurons and sources", count(gids_)},
      Fact{"their number of projections", count(projections.size())},
      Fact{"their number of inputs", count(inputs.size())},
      Fact{"their number of random streams of inputs", count(streams)},
      Fact{"the seed", count(seed % 0x7fffffff)},
      Fact{"the present step", count(now)},
      Fact{method, count(call.what)},
      Fact{runs ? "the number of steps to run" : "the projection", call.argument},
      Fact{"their recorders of weights and regulations", call.recorders},
      Fact{"their recorders or checkpoints", call.plan},
  };
  std::array<std::int64_t, 2 + 2 * alike.size()> least{changed ? 0 : 1, error ? 0 : 1};
  for (std::size_t k = 0; k < alike.size(); ++k) {
    least[2 + 2 * k] = alike[k].second;
    least[3 + 2 * k] = -alike[k].second;
  }
  ranks_->minimum(least);
  if (error) {
    std::rethrow_exception(error);
  }
  if (least[1] == 0) {
    throw std::runtime_error("another rank that shares this network has failed");
  }
  for (std::size_t k = 0; k < alike.size(); ++k) {
    const std::int64_t low = least[2 + 2 * k], high = -least[3 + 2 * k];
    if (low != high) {
      const auto text = [&](std::int64_t value) {
        return alike[k].first == method ? Call::names[static_cast<std::size_t>(value)]
                                        : std::to_string(value);
      };
      throw std::logic_error(
          "the ranks that share this network must make the same calls with the same arguments, but "
          "they differ in " +
          std::string(alike[k].first) + ": from " + text(low) + " to " + text(high));
    }
  }
  changed = least[0] == 0;
}

template <class R>
void Network<R>::share_error(std::exception_ptr error) {
  std::array<std::int64_t, 1> least{error ? 0 : 1};
  if (ranks_ != nullptr) {
    ranks_->minimum(least);
  }
  if (error) {
    std::rethrow_exception(error);
  }
  if (least[0] == 0) {
    throw std::runtime_error("another rank that shares this network has failed");
  }
}

template void Network<float>::agree();
template void Network<float>::share_changes(const Call&, std::exception_ptr);
template void Network<float>::share_error(std::exception_ptr);
template void Network<double>::agree();
template void Network<double>::share_changes(const Call&, std::exception_ptr);
template void Network<double>::share_error(std::exception_ptr);

}  // namespace spikelet
