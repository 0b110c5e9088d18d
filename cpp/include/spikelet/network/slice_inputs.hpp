// The inputs of a slice: which of them act at a step, and on which blocks.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "spikelet/core/buffer.hpp"
#include "spikelet/core/fetch.hpp"
#include "spikelet/core/model.hpp"
#include "spikelet/network/injector.hpp"

namespace spikelet {

// Neighbouring blocks of a slice that get the same inputs.
template <class R>
struct Segment {
  std::uint32_t begin, end;             // elements
  std::vector<PoissonDrive<R>> drives;  // the inputs that the step draws itself
  std::vector<Injector<R>*> before{}, after{};
  bool external = false;  // some input drives a current
};

template <class R>
class SliceInputs {
 public:
  // inputs: of the population, in order of creation. They must outlive this, or the next bind().
  void bind(const std::vector<Injector<R>*>& inputs, std::uint32_t begin, std::uint32_t end,
            Step now);

  // The slice at a step, which must not go back.
  const std::vector<Segment<R>>& at(Step step) {
    if (step >= change_) [[unlikely]] {
      split(step);
    }
    return segments_;
  }
  // Prefetches what a step reads of the inputs that it draws itself; first, where that is.
  void fetch() const { fetch_values(segments_); }
  void fetch_drives() const;

 private:
  void split(Step step);

  std::uint32_t begin_ = 0, end_ = 0;
  std::vector<Injector<R>*> inputs_;  // that have not ended
  std::vector<Segment<R>> segments_;
  Step change_ = std::numeric_limits<Step>::min();  // when an input begins or ends
};

}  // namespace spikelet
