// The receptors of a node's neurons, and the channels through which events reach them. A channel is
// an array that events are added to. Projections, stores and inputs see channels, never models.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "spikelet/core/types.hpp"

namespace spikelet {

struct ModelInfo;

// Late events change a state that nothing reads before the next step: they are added to that state
// itself at the end of the step, after its decay, which saves a buffer. Early events are first
// summed in a buffer, which the step reads. Receptor r has channel 2r + 2 if it is early; else r,
// or 2r - 1 from the third on.
enum Channel : int { excitatory_channel, inhibitory_channel, early_channel };
inline constexpr std::size_t max_receptors = 64;
inline constexpr std::size_t max_channels = 2 * max_receptors + 1;
constexpr bool is_early(int channel) { return channel >= early_channel && channel % 2 == 0; }

// A receptor by its number; by_sign: the sign of each weight picks it.
enum class Receptor : int { by_sign = -1, excitatory = 0, inhibitory = 1 };

// The channels of events that name one receptor, or none.
struct Ends {
  int up = excitatory_channel, down = inhibitory_channel;  // of weights >= 0 and < 0
  bool magnitude = false;                                  // events count by their magnitude

  bool by_sign() const { return up != down; }
  bool early() const { return is_early(up); }  // both are alike
};

struct ReceptorInfo {
  int state = -1;  // that events are added to; -1: early
  bool magnitude = false;

  bool early() const { return state < 0; }
};

class Receptors {
 public:
  struct Late {
    int channel, state;
  };

  // by_sign: events that name no receptor go to number 0, or 1 if their weight is negative. Throws
  // std::invalid_argument unless these two are both early or both late, and unless late receptors
  // that share a state count signed weights.
  Receptors(std::span<const ReceptorInfo> receptors, bool by_sign);
  Receptors(const ModelInfo& model);  // NOLINT: a model is its receptors here

  std::size_t size() const { return channel_.size(); }
  int channel(std::size_t receptor) const { return channel_[receptor]; }
  // Throws std::invalid_argument if there is no such receptor. A model with one receptor has no
  // other.
  Ends ends(Receptor receptor) const;
  // Late receptors that share a state share a channel, the first one's.
  std::span<const Late> late() const { return late_; }
  std::span<const int> early() const { return early_; }  // channels

 private:
  std::vector<int> channel_;
  std::vector<bool> magnitude_;
  std::vector<Late> late_;
  std::vector<int> early_;
  bool by_sign_;
};

}  // namespace spikelet
