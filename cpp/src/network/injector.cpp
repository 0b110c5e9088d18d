#include "spikelet/network/injector.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace spikelet {
namespace {

// One value, or one for each place, of what the caller has for all targets.
std::vector<double> by_place(const Targets& targets, std::span<const double> values) {
  if (values.size() == 1) {
    return {values[0]};
  }
  std::vector<double> own(targets.size());
  for (std::size_t place = 0; place < own.size(); ++place) {
    own[place] = values[targets.source(place)];
  }
  return own;
}

// Whether a kernel that draws for all 64 elements costs less than to draw for each target.
bool worth_vectors(const TargetBlock& block) { return std::popcount(block.mask) > 16; }

template <class T>
T* from_0(T* first, std::size_t begin) {  // may lie before the array: indexed from `begin` on
  return reinterpret_cast<T*>(reinterpret_cast<std::uintptr_t>(first) - begin * sizeof(T));
}

}  // namespace

template <class R>
PoissonInput<R>::PoissonInput(const InputSite& site, std::span<const double> rates, bool each,
                              std::span<const double> weights, Receptor receptor)
    : Injector<R>(site.targets,
                  site.receptors.ends(receptor).early() ? Act::early : Act::late) {
  const Ends ends = site.receptors.ends(receptor);
  const Targets& targets = this->targets();
  const auto some = [&](auto sign) { return std::ranges::any_of(weights, sign); };
  const bool up = some([](double w) { return w > 0; }), down = some([](double w) { return w < 0; });
  const bool split = ends.by_sign() && up && down;
  const bool by_receptor = split || site.restored;
  streams_ = split ? 2 : 1;
  if (std::ranges::none_of(rates, [](double rate) { return rate > 0; })) {
    this->last(0, 0);  // never
    return;
  }
  if (each) {
    for (const double rate : by_place(targets, rates)) {
      counts_.emplace_back(rate * site.dt * 1e-3);
    }
  } else {
    table_ = PoissonTable(rates[0] * site.dt * 1e-3);
  }
  const std::vector<double> given = by_place(targets, weights);
  for (const bool negative : {false, true}) {
    if (!split && negative != (ends.by_sign() && down)) {
      continue;
    }
    const std::uint32_t object = site.streams[by_receptor && negative ? 1 : 0];
    Train& train = trains_.emplace_back(Train{negative ? ends.down : ends.up,
                                              Stream(site.seed, Purpose::injector, object),
                                              Stream(site.seed, Purpose::injector_tie, object),
                                              {},
                                              !each && targets.whole() && given.size() == 1});
    const auto weight = [&](std::size_t place) {
      const double w = given[given.size() == 1 ? 0 : place];
      const bool other = split && (w < 0) != negative;
      return other ? R(0) : static_cast<R>(ends.magnitude ? std::abs(w) : w);
    };
    if (train.one_weight) {
      train.weight.assign(block_size, weight(0));
    } else if (each) {
      for (std::size_t place = 0; place < targets.size(); ++place) {
        train.weight.push_back(weight(place));
      }
    } else {
      train.weight.resize(targets.covered());
      for (const TargetRun& run : targets.runs()) {
        R* to = train.weight.data() + run.before;
        for (const TargetBlock& block : targets.within(run.begin, run.end)) {
          for_each_target(block, [&](std::size_t element, std::size_t place) {
            to[element - run.begin] = weight(place);
          });
        }
      }
    }
  }
}

template <class R>
void PoissonInput<R>::drives(const TargetRun& run, std::vector<PoissonDrive<R>>& out) const {
  for (const Train& train : trains_) {
    const R* weight = train.weight.data();
    out.push_back({&table_, &train.stream, &train.tie,
                   train.one_weight ? weight : from_0(weight + run.before, run.begin),
                   train.one_weight ? 0 : ~std::size_t{0}, train.channel});
  }
}

template <class R>
void PoissonInput<R>::apply(Step step, std::size_t begin, std::size_t end,
                            const InjectionTarget<R>& target) {
  alignas(64) std::array<double, block_size> u;
  for (const TargetBlock& block : this->targets().within(begin, end)) {
    for (const Train& train : trains_) {
      R* input = target.input[static_cast<std::size_t>(train.channel)];
      if (worth_vectors(block)) {
        const auto first = static_cast<std::uint32_t>(block.begin());
        kernels().uniforms(train.stream, first, step, u.data());
        for_each_target(block, [&](std::size_t element, std::size_t place) {
          const int count = counts_[place].draw(u[element - first], train.stream,
                                                static_cast<std::uint32_t>(element), step);
          input[element] += train.weight[place] * static_cast<R>(count);
        });
        continue;
      }
      for_each_target(block, [&](std::size_t element, std::size_t place) {
        const int count =
            counts_[place].draw(train.stream, static_cast<std::uint32_t>(element), step);
        input[element] += train.weight[place] * static_cast<R>(count);
      });
    }
  }
}

template <class R>
CurrentInput<R>::CurrentInput(const InputSite& site, std::span<const R> values, std::size_t columns,
                              Step start)
    : Injector<R>(site.targets, Act::current), one_(columns == 1) {
  const Targets& targets = this->targets();
  const std::size_t steps = columns == 0 ? 0 : values.size() / columns;
  this->last(start, start + static_cast<Step>(steps));
  if (one_) {
    values_.assign(values.begin(), values.end());
    return;
  }
  values_.reserve(steps * targets.size());
  for (std::size_t k = 0; k < steps; ++k) {
    const R* row = values.data() + k * columns;
    for (std::size_t place = 0; place < targets.size(); ++place) {
      values_.push_back(row[targets.source(place)]);
    }
  }
}

template <class R>
void CurrentInput<R>::apply(Step step, std::size_t begin, std::size_t end,
                            const InjectionTarget<R>& target) {
  const auto k = static_cast<std::size_t>(step - this->begin());
  const R* row = values_.data() + (one_ ? k : k * this->targets().size());
  R* external = target.external;
  for (const TargetBlock& block : this->targets().within(begin, end)) {
    if (one_) {
      const R value = *row;
      for_each_target(block, [&](std::size_t element, std::size_t) { external[element] += value; });
    } else {
      for_each_target(
          block, [&](std::size_t element, std::size_t place) { external[element] += row[place]; });
    }
  }
}

template <class R>
NoiseInput<R>::NoiseInput(const InputSite& site, std::span<const double> mean,
                          std::span<const double> std, Step every, Step start)
    : Injector<R>(site.targets, Act::current),
      stream_(site.seed, Purpose::injector, site.streams[0]),
      mean_(by_place(site.targets, mean)),
      std_(by_place(site.targets, std)),
      held_(site.targets.size()),
      drawn_(site.targets.blocks().size(), -1),
      every_(every) {
  this->last(start, std::numeric_limits<Step>::max());
}

template <class R>
void NoiseInput<R>::draw(const TargetBlock& block, Step number) {
  const auto keep = [&](std::size_t place, double z) {
    held_[place] = static_cast<R>(mean_[mean_.size() == 1 ? 0 : place] +
                                  std_[std_.size() == 1 ? 0 : place] * z);
  };
  if (worth_vectors(block)) {
    alignas(64) std::array<double, block_size> z;
    const std::size_t first = block.begin();
    kernels().normals(stream_, static_cast<std::uint32_t>(first), number, z.data());
    for_each_target(
        block, [&](std::size_t element, std::size_t place) { keep(place, z[element - first]); });
    return;
  }
  for_each_target(block, [&](std::size_t element, std::size_t place) {
    const Words w = stream_.at(static_cast<std::uint32_t>(element), number);
    keep(place, normal_quantile(uniform(w[0], w[1])));
  });
}

template <class R>
void NoiseInput<R>::apply(Step step, std::size_t begin, std::size_t end,
                          const InjectionTarget<R>& target) {
  const Step number = (step - this->begin()) / every_;
  const auto all = this->targets().blocks();
  R* external = target.external;
  const R* held = held_.data();
  for (const TargetBlock& block : this->targets().within(begin, end)) {
    Step& drawn = drawn_[static_cast<std::size_t>(&block - all.data())];
    if (drawn != number) {
      drawn = number;
      draw(block, number);
    }
    for_each_target(
        block, [&](std::size_t element, std::size_t place) { external[element] += held[place]; });
  }
}

template class PoissonInput<float>;
template class PoissonInput<double>;
template class CurrentInput<float>;
template class CurrentInput<double>;
template class NoiseInput<float>;
template class NoiseInput<double>;

}  // namespace spikelet
