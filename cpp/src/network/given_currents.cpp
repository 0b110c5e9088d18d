#include "spikelet/network/given_currents.hpp"

#include <algorithm>
#include <array>

namespace spikelet {

template <class R>
StepCurrent<R>::StepCurrent(const InputSite& site, std::vector<Step> starts,
                            std::span<const R> values, std::size_t columns)
    : Injector<R>(site.targets, Act::current),
      one_(columns == 1),
      values_(of_targets(this->targets(), values, columns)),
      changes_(starts, active_rows(values_, starts.size())) {}

template <class R>
void StepCurrent<R>::apply(Step step, std::size_t begin, std::size_t end,
                           const InjectionTarget<R>& target) {
  this->add_row(values_, changes_.row(step), one_, begin, end, target.external);
}

template <class R>
SineCurrent<R>::SineCurrent(const InputSite& site, ByTarget amplitude, ByTarget offset,
                            ByTarget frequency, ByTarget phase, Step start)
    : Injector<R>(site.targets, Act::current) {
  const std::array given{amplitude, offset, frequency, phase};
  one_ = std::ranges::all_of(given, [](ByTarget values) { return values.size() == 1; });
  std::array<std::vector<double>, 4> own;
  std::ranges::transform(given, own.begin(), [&](ByTarget values) {
    return of_targets(this->targets(), values, values.size());
  });
  bool any = false;
  for (std::size_t place = 0; place < (one_ ? 1 : this->targets().size()); ++place) {
    const auto of = [&](std::size_t k) { return own[k][own[k].size() == 1 ? 0 : place]; };
    waves_.push_back({of(1), Sine(of(0), of(2), of(3), site.dt)});
    any = any || of(0) != 0 || of(1) != 0;
  }
  this->last(any ? start : 0, any ? Window{}.end : 0);
}

template <class R>
void SineCurrent<R>::apply(Step step, std::size_t begin, std::size_t end,
                           const InjectionTarget<R>& target) {
  R* external = target.external;
  const R common = one_ ? waves_[0].at(step) : R(0);
  for (const TargetBlock& block : this->targets().within(begin, end)) {
    if (one_) {
      for_each_target(block,
                      [&](std::size_t element, std::size_t) { external[element] += common; });
    } else {
      for_each_target(block, [&](std::size_t element, std::size_t place) {
        external[element] += waves_[place].at(step);
      });
    }
  }
}

template class StepCurrent<float>;
template class StepCurrent<double>;
template class SineCurrent<float>;
template class SineCurrent<double>;

}  // namespace spikelet
