#include "spikelet/core/receptors.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "spikelet/core/model.hpp"

namespace spikelet {
namespace {

std::vector<ReceptorInfo> of_model(const ModelInfo& model) {
  if (model.early()) {
    return {ReceptorInfo{}};
  }
  std::vector<ReceptorInfo> all;
  for (const int state : model.input_states) {
    all.push_back({state, model.conductance});
  }
  return all;
}

}  // namespace

Receptors::Receptors(const ModelInfo& model) : Receptors(of_model(model), !model.early()) {}

Receptors::Receptors(std::span<const ReceptorInfo> receptors, bool by_sign) : by_sign_(by_sign) {
  if (receptors.size() > max_receptors) {
    throw std::invalid_argument("a model must have at most " + std::to_string(max_receptors) +
                                " receptors, got " + std::to_string(receptors.size()));
  }
  if (by_sign && receptors.size() < 2) {
    throw std::invalid_argument(
        "the sign of a weight selects one of two receptors, so a model by sign must have at least "
        "2, got " +
        std::to_string(receptors.size()));
  }
  if (by_sign && receptors[0].early() != receptors[1].early()) {
    throw std::invalid_argument(
        "the sign of a weight selects receptor 0 or 1, so both must be early or both must be late");
  }
  for (std::size_t r = 0; r < receptors.size(); ++r) {
    const ReceptorInfo& receptor = receptors[r];
    const auto number = static_cast<int>(r);
    magnitude_.push_back(receptor.magnitude);
    if (receptor.early()) {
      channel_.push_back(2 * number + 2);
      early_.push_back(channel_.back());
      continue;
    }
    const auto same = std::ranges::find(late_, receptor.state, &Late::state);
    if (same == late_.end()) {
      channel_.push_back(number < 2 ? number : 2 * number - 1);
      late_.push_back({channel_.back(), receptor.state});
      continue;
    }
    channel_.push_back(same->channel);
    for (std::size_t other = 0; other <= r; ++other) {
      if (receptors[other].state == receptor.state && receptors[other].magnitude) {
        throw std::invalid_argument("receptor " + std::to_string(other) +
                                    " takes magnitudes and must not share state " +
                                    std::to_string(receptor.state) + " with another late receptor");
      }
    }
  }
}

Ends Receptors::ends(Receptor receptor) const {
  const auto number = static_cast<int>(receptor);
  if (channel_.empty() || number < -1 ||
      (number >= static_cast<int>(channel_.size()) && channel_.size() > 1)) {
    throw std::invalid_argument("receptor must be one of the " + std::to_string(channel_.size()) +
                                " of these neurons, counted from 0, got " + std::to_string(number));
  }
  if (number < 0 && by_sign_) {
    return {channel_[0], channel_[1], magnitude_[1]};
  }
  const std::size_t r = number < 0 || channel_.size() == 1 ? 0 : static_cast<std::size_t>(number);
  return {channel_[r], channel_[r], magnitude_[r]};
}

}  // namespace spikelet
