#include "spikelet/network/slice_inputs.hpp"

#include <algorithm>

namespace spikelet {
namespace {

// Calls visit(run, begin, end) for the parts of an input's runs that lie within [begin, end).
template <class R, class Visit>
void for_each_run(const Injector<R>& input, std::uint32_t begin, std::uint32_t end, Visit visit) {
  const auto runs = input.targets().runs();
  auto run = std::ranges::upper_bound(runs, begin, {}, &TargetRun::end);
  for (; run != runs.end() && run->begin < end; ++run) {
    visit(*run, std::max(run->begin, begin), std::min(run->end, end));
  }
}

}  // namespace

template <class R>
void SliceInputs<R>::bind(const std::vector<Injector<R>*>& inputs, std::uint32_t begin,
                          std::uint32_t end, Step now) {
  begin_ = begin;
  end_ = end;
  inputs_.clear();
  for (Injector<R>* input : inputs) {
    bool here = false;
    for_each_run(*input, begin, end, [&](const auto&...) { here = true; });
    if (here) {
      inputs_.push_back(input);
    }
  }
  split(now);
}

template <class R>
void SliceInputs<R>::fetch_drives() const {
  for (const Segment<R>& segment : segments_) {
    for (const PoissonDrive<R>& drive : segment.drives) {
      fetch_object(*drive.table);
      fetch_line(drive.stream);
      fetch_line(drive.tie);
      fetch_if_small(
          drive.weight + (segment.begin & drive.weight_mask),
          (drive.weight_mask == 0 ? block_size : segment.end - segment.begin) * sizeof(R));
    }
  }
}

template <class R>
void SliceInputs<R>::split(Step step) {
  std::erase_if(inputs_, [&](const Injector<R>* input) { return input->window(step).end <= step; });
  change_ = std::numeric_limits<Step>::max();
  std::vector<std::uint32_t> cuts{begin_, end_};
  for (const Injector<R>* input : inputs_) {
    const Window window = input->window(step);
    if (window.begin > step) {
      change_ = std::min(change_, window.begin);
      continue;
    }
    change_ = std::min(change_, window.end);
    for_each_run(*input, begin_, end_, [&](const TargetRun&, std::uint32_t from, std::uint32_t to) {
      cuts.push_back(from);
      cuts.push_back(to);
    });
  }
  std::ranges::sort(cuts);
  cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
  segments_.clear();
  for (std::size_t k = 0; k + 1 < cuts.size(); ++k) {
    segments_.push_back({cuts[k], cuts[k + 1], {}});
  }
  for (Injector<R>* input : inputs_) {
    if (input->window(step).begin > step) {
      continue;
    }
    for_each_run(
        *input, begin_, end_, [&](const TargetRun& run, std::uint32_t from, std::uint32_t to) {
          auto segment = std::ranges::lower_bound(segments_, from, {}, &Segment<R>::begin);
          for (; segment != segments_.end() && segment->begin < to; ++segment) {
            if (input->drawn_in_step()) {
              input->drives(run, segment->drives);
            } else {
              (input->act() == Act::late ? segment->after : segment->before).push_back(input);
              segment->external |= input->act() == Act::current;
            }
          }
        });
  }
}

template class SliceInputs<float>;
template class SliceInputs<double>;

}  // namespace spikelet
