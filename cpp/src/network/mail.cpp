#include "spikelet/network/mail.hpp"

#include <algorithm>

namespace spikelet {

void Mail::post(const std::vector<Gid>& spikes, const std::vector<std::size_t>& ends, Step begin,
                Step stop) {
  if (static_cast<Step>(ends.size()) != stop - begin) {  // the interval failed
    count_ = 0;
    ends_ = nullptr;
  } else {
    count_ = static_cast<std::uint32_t>(spikes.size());
    spikes_ = spikes.data();
    ends_ = ends.size() == 1 ? nullptr : ends.data();
    if (spikes.size() <= few_.size()) {
      std::copy(spikes.begin(), spikes.end(), few_.begin());
      spikes_ = few_.data();
    }
  }
  stop_.store(stop, std::memory_order_release);
}

}  // namespace spikelet
