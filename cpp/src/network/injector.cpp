#include "spikelet/network/injector.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

namespace spikelet {
namespace {

// Whether a kernel that draws for all 64 elements costs less than to draw for each target.
bool worth_vectors(const TargetBlock& block) { return std::popcount(block.mask) > 16; }

std::uint64_t nonzero(const std::array<std::uint32_t, block_size>& counts) {
  std::uint32_t any = 0;
  for (const std::uint32_t count : counts) {
    any |= count;
  }
  std::uint64_t mask = 0;
  for (std::size_t k = 0; any != 0 && k < block_size; ++k) {
    mask |= std::uint64_t{counts[k] != 0} << k;
  }
  return mask;
}

std::size_t place_of(const TargetBlock& block, std::size_t k) {
  const std::uint64_t before = block.mask & ((std::uint64_t{1} << k) - 1);
  const bool whole = block.mask == ~std::uint64_t{0};
  return block.first + (whole ? k : static_cast<std::size_t>(std::popcount(before)));
}

Act act(const InputSite& site, Receptor receptor) {
  return site.receptors.ends(receptor).early() ? Act::early : Act::late;
}

template <class T>
T* from_0(T* first, std::size_t begin) {  // may lie before the array: indexed from `begin` on
  return reinterpret_cast<T*>(reinterpret_cast<std::uintptr_t>(first) - begin * sizeof(T));
}

}  // namespace

template <class R>
PoissonInput<R>::PoissonInput(const InputSite& site, std::span<const double> rates, bool each,
                              std::span<const double> weights, Receptor receptor, Step start)
    : Injector<R>(site.targets, act(site, receptor)) {
  const bool any = std::ranges::any_of(rates, [](double rate) { return rate > 0; });
  this->last(any ? start : 0, any ? Window{}.end : 0);
  if (any && each) {
    std::vector<double> means = of_targets(this->targets(), rates, rates.size());
    for (double& mean : means) {
      mean *= site.dt * 1e-3;
    }
    draw_each(means);
  } else if (any) {
    table_ = PoissonTable(rates[0] * site.dt * 1e-3);
  }
  make_trains(site, weights, receptor);
}

template <class R>
PoissonInput<R>::PoissonInput(const InputSite& site, std::unique_ptr<const Rates> rates,
                              std::span<const double> weights, Receptor receptor, Step start)
    : Injector<R>(site.targets, act(site, receptor)), changing_(std::move(rates)) {
  this->last(start, Window{}.end);
  if (!changing_->one()) {
    draw_each(changing_->most());
  }
  make_trains(site, weights, receptor);
}

// means: by place.
template <class R>
void PoissonInput<R>::draw_each(std::span<const double> means) {
  const Targets& targets = this->targets();
  std::vector<double> covered(targets.covered());
  for (const TargetRun& run : targets.runs()) {
    for (const TargetBlock& block : targets.within(run.begin, run.end)) {
      for_each_target(block, [&](std::size_t element, std::size_t place) {
        covered[run.before + (element - run.begin)] = means[place];
      });
    }
  }
  each_ = PoissonRates(covered);
}

template <class R>
Window PoissonInput<R>::window(Step step) const {
  Window window = Injector<R>::window(step);
  if (changing_) {
    const Window rates = changing_->window(std::max(step, window.begin));
    window = {std::max(window.begin, rates.begin), std::min(window.end, rates.end)};
  }
  return window.begin < window.end ? window : never;
}

template <class R>
void PoissonInput<R>::make_trains(const InputSite& site, std::span<const double> weights,
                                  Receptor receptor) {
  const Ends ends = site.receptors.ends(receptor);
  const Targets& targets = this->targets();
  const auto some = [&](auto sign) { return std::ranges::any_of(weights, sign); };
  const bool up = some([](double w) { return w > 0; }), down = some([](double w) { return w < 0; });
  const bool split = ends.by_sign() && up && down;
  const bool by_receptor = split || site.restored;
  streams_ = split ? 2 : 1;
  const std::vector<double> given = of_targets(targets, weights, weights.size());
  for (const bool negative : {false, true}) {
    if (!split && negative != (ends.by_sign() && down)) {
      continue;
    }
    const std::uint32_t object = site.streams[by_receptor && negative ? 1 : 0];
    Train& train = trains_.emplace_back(Train{negative ? ends.down : ends.up,
                                              Stream(site.seed, Purpose::injector, object),
                                              Stream(site.seed, Purpose::injector_tie, object),
                                              Stream(site.seed, Purpose::injector_thin, object),
                                              {},
                                              targets.whole() && given.size() == 1});
    const auto weight = [&](std::size_t place) {
      const double w = given[given.size() == 1 ? 0 : place];
      const bool other = split && (w < 0) != negative;
      return other ? R(0) : static_cast<R>(ends.magnitude ? std::abs(w) : w);
    };
    if (train.one_weight) {
      train.weight.assign(block_size, weight(0));
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
template <class Draw>
void PoissonInput<R>::for_each_drive(std::size_t begin, std::size_t end, Draw&& draw) const {
  const auto runs = this->targets().runs();
  std::vector<PoissonDrive<R>> drives;
  for (auto run = std::ranges::upper_bound(runs, begin, {}, &TargetRun::end);
       run != runs.end() && run->begin < end; ++run) {
    drives.clear();
    this->drives(*run, drives);
    for (const PoissonDrive<R>& drive : drives) {
      draw(drive, *run, std::max<std::size_t>(run->begin, begin),
           std::min<std::size_t>(run->end, end));
    }
  }
}

template <class R>
void PoissonInput<R>::apply(Step step, std::size_t begin, std::size_t end,
                            const InjectionTarget<R>& target) {
  if (!changing_) {
    for_each_drive(begin, end, [&](const auto& drive, const auto& run, auto first, auto last) {
      kernels().rates<R>()(each_, (run.before + (first - run.begin)) / block_size, *drive.stream,
                           *drive.tie, step, first, last, drive.weight, drive.weight_mask,
                           target.input[static_cast<std::size_t>(drive.channel)]);
    });
  } else if (!changing_->one()) {
    apply_changing(step, begin, end, target);
  } else {
    // The table of this step costs less than to thin the events of all.
    const PoissonTable table(changing_->mean(step, 0));
    if (table.repeats == 0) {
      return;
    }
    for_each_drive(begin, end, [&](const auto& drive, const auto&, auto first, auto last) {
      kernels().poisson<R>()(table, *drive.stream, *drive.tie, step, first, last, drive.weight,
                             drive.weight_mask,
                             target.input[static_cast<std::size_t>(drive.channel)]);
    });
  }
}

// Of rates that change, each in its own way: of the events at the largest rate, some remain.
template <class R>
void PoissonInput<R>::apply_changing(Step step, std::size_t begin, std::size_t end,
                                     const InjectionTarget<R>& target) const {
  alignas(64) std::array<std::uint32_t, block_size> counts;
  for (const TargetBlock& block : this->targets().within(begin, end)) {
    const auto run =
        std::ranges::upper_bound(this->targets().runs(), block.begin(), {}, &TargetRun::end);
    const std::size_t covered = run->before + (block.begin() - run->begin);
    for (const Train& train : trains_) {
      R* input = target.input[static_cast<std::size_t>(train.channel)];
      const R* weight = train.weight.data() + (train.one_weight ? 0 : covered);
      kernels().rate_counts(each_, covered / block_size, train.stream, train.tie, block.block, step,
                            counts.data());
      Rates::Events events;
      for (std::uint64_t left = block.mask & nonzero(counts); left != 0; left &= left - 1) {
        const auto k = static_cast<std::size_t>(std::countr_zero(left));
        events.add(block.begin() + k, place_of(block, k), static_cast<int>(counts[k]));
      }
      changing_->thin(events, train.thin, step);
      for (std::size_t k = 0; k < events.size; ++k) {
        const std::uint64_t element = events.element[k];
        input[element] += weight[element - block.begin()] * static_cast<R>(events.count[k]);
      }
    }
  }
}

template <class R>
void Injector<R>::add_row(const std::vector<R>& values, std::size_t k, bool one, std::size_t begin,
                          std::size_t end, R* current) const {
  const R* row = values.data() + (one ? k : k * targets_.size());
  for (const TargetBlock& block : targets_.within(begin, end)) {
    if (one) {
      const R value = *row;
      for_each_target(block, [&](std::size_t element, std::size_t) { current[element] += value; });
    } else {
      for_each_target(
          block, [&](std::size_t element, std::size_t place) { current[element] += row[place]; });
    }
  }
}

template <class R>
CurrentInput<R>::CurrentInput(const InputSite& site, std::span<const R> values, std::size_t columns,
                              Step start)
    : Injector<R>(site.targets, Act::current), one_(columns == 1) {
  const std::size_t steps = columns == 0 ? 0 : values.size() / columns;
  this->last(start, start + static_cast<Step>(steps));
  values_ = of_targets(this->targets(), values, columns);
}

template <class R>
void CurrentInput<R>::apply(Step step, std::size_t begin, std::size_t end,
                            const InjectionTarget<R>& target) {
  const auto k = static_cast<std::size_t>(step - this->begin());
  this->add_row(values_, k, one_, begin, end, target.external);
}

template <class R>
NoiseInput<R>::NoiseInput(const InputSite& site, std::span<const double> mean,
                          std::span<const double> std, Step every, Step start)
    : Injector<R>(site.targets, Act::current),
      stream_(site.seed, Purpose::injector, site.streams[0]),
      mean_(of_targets(site.targets, mean, mean.size())),
      std_(of_targets(site.targets, std, std.size())),
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

template class Injector<float>;
template class Injector<double>;
template class PoissonInput<float>;
template class PoissonInput<double>;
template class CurrentInput<float>;
template class CurrentInput<double>;
template class NoiseInput<float>;
template class NoiseInput<double>;

}  // namespace spikelet
