#include "spikelet/network/near_pairs.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <type_traits>
#include <utility>

#include "spikelet/core/parallel.hpp"
#include "spikelet/network/distribution.hpp"

namespace spikelet {

void Pairs::resize(std::size_t n, std::size_t displacements) {
  around.resize(n);
  near.resize(n);
  distance.resize(n);
  for (std::size_t k = 0; k < displacements; ++k) {
    displacement[k].resize(n);
  }
}

namespace {

constexpr std::size_t points_together = 32, pairs_together = 16384;

// Calls body(begin, end, part) for pieces of [begin, end), each with a part of its own.
template <class Part, class Body>
std::vector<Part> in_pieces(std::size_t begin, std::size_t end, std::size_t together, int threads,
                            Body&& body) {
  std::vector<Part> parts((end - begin + together - 1) / together);
  parallel_for(threads, parts.size(), [&](std::size_t k) {
    const std::size_t first = begin + k * together;
    body(first, std::min(first + together, end), parts[k]);
  });
  return parts;
}

// A vector of each part, one after the other.
template <class Part, class Get>
auto appended(const std::vector<Part>& parts, Get&& get) {
  std::remove_cvref_t<decltype(get(parts[0]))> all;
  std::size_t n = 0;
  for (const Part& part : parts) {
    n += get(part).size();
  }
  all.reserve(n);
  for (const Part& part : parts) {
    all.insert(all.end(), get(part).begin(), get(part).end());
  }
  return all;
}

template <class Part, class Get = std::identity>
Drawn joined(const std::vector<Part>& parts, Get&& get = {}) {
  return {appended(parts, [&](const Part& p) -> const auto& { return get(p).around; }),
          appended(parts, [&](const Part& p) -> const auto& { return get(p).near; })};
}

}  // namespace

NearPairs::NearPairs(PointSet around, PointSet near, std::vector<double> extent, PairLimits limits,
                     bool inward)
    : around_(std::move(around)),
      near_(std::move(near)),
      extent_(std::move(extent)),
      limits_(std::move(limits)),
      inward_(inward) {
  // Wrapped coordinates and sums of squares are rounded; the limits are applied exactly later.
  reach_ = std::max(limits_.outer * (1 + 1e-9) + 1e-15 * std::ranges::max(extent_),
                    std::numeric_limits<double>::min());
  make_cells();
}

double NearPairs::wrapped(double x, std::size_t k) const {
  if (extent_[k] == 0) {
    return x;
  }
  const double rest = std::fmod(x, extent_[k]), wrapped = rest < 0 ? rest + extent_[k] : rest;
  return wrapped < extent_[k] ? wrapped : 0.0;
}

void NearPairs::make_cells() {
  const std::size_t n = near_.ids.size(), dimensions = extent_.size();
  // Cells of half the reach, but no more of them than points.
  const double most = std::max(
      std::floor(std::pow(static_cast<double>(n), 1 / static_cast<double>(dimensions))), 1.0);
  std::vector<std::size_t> cell(n, 0);
  std::size_t cells = 1;
  for (std::size_t k = 0; k < dimensions && n > 0; ++k) {
    std::vector<double>& x = at_[k];
    x.resize(n);
    for (std::size_t i = 0; i < n; ++i) {
      x[i] = wrapped(near_.coordinates[k * n + i], k);
    }
    const auto [least, greatest] = std::ranges::minmax(x);
    const bool wraps = extent_[k] > 0;
    const double origin = wraps ? 0.0 : least, size = wraps ? extent_[k] : greatest - least;
    const double fitting = std::floor(2 * size / reach_);  // NaN if both are infinite
    const double count = fitting > 1 ? std::min(fitting, most) : 1.0;
    axis_[k] = {origin, size / count, static_cast<std::int64_t>(count)};
    cells *= static_cast<std::size_t>(count);
    for (std::size_t i = 0; i < n; ++i) {
      const double at = (x[i] - origin) / axis_[k].width;  // NaN where sizes are 0 or infinite
      cell[i] = cell[i] * static_cast<std::size_t>(count) +
                (at > 0 ? static_cast<std::size_t>(std::min(at, count - 1)) : 0);
    }
  }
  begin_.assign(cells + 1, 0);
  for (const std::size_t c : cell) {
    ++begin_[c + 1];
  }
  std::partial_sum(begin_.begin(), begin_.end(), begin_.begin());
  place_.resize(n);
  std::vector<std::uint32_t> next(begin_.begin(), begin_.end() - 1);
  for (std::size_t i = 0; i < n; ++i) {
    place_[next[cell[i]]++] = static_cast<std::uint32_t>(i);
  }
  for (std::vector<double>& x : at_) {
    const std::vector<double> before = std::move(x);
    x.resize(before.size());
    for (std::size_t i = 0; i < before.size(); ++i) {
      x[i] = before[place_[i]];
    }
  }
}

// Appends those of the elements [first, last) of cells that may be within reach.
template <std::size_t dimensions>
void NearPairs::in_cells(std::uint32_t first, std::uint32_t last, const double* at,
                         Found& found) const {
  const double most = reach_ * reach_;
  std::size_t n = found.places.size();
  found.places.resize(n + (last - first));
  std::uint32_t* const out = found.places.data();
  for (std::uint32_t i = first; i < last; ++i) {
    double square = 0;
    for (std::size_t k = 0; k < dimensions; ++k) {
      const double step = std::abs(at_[k][i] - at[k]);
      const double nearest = std::min(step, std::abs(extent_[k] - step));
      const double d = extent_[k] > 0 ? nearest : step;
      square += d * d;
    }
    out[n] = place_[i];
    n += square <= most;
  }
  found.places.resize(n);
}

// The places in `near` that may be within reach of a point, in ascending order.
template <std::size_t dimensions>
void NearPairs::candidates(std::size_t point, Found& found) const {
  const std::size_t n = around_.ids.size();
  double at[most_dimensions];
  std::int64_t low[most_dimensions], count[most_dimensions];
  found.places.clear();
  if (near_.ids.empty()) {
    return;
  }
  for (std::size_t k = 0; k < dimensions; ++k) {
    const Axis& axis = axis_[k];
    at[k] = wrapped(around_.coordinates[k * n + point], k);
    low[k] = 0;
    count[k] = axis.cells;
    if (axis.cells > 1) {
      const auto last = static_cast<double>(axis.cells - 1), end = last + 1;
      double from = std::floor((at[k] - reach_ - axis.origin) / axis.width);
      double to = std::floor((at[k] + reach_ - axis.origin) / axis.width);
      if (extent_[k] == 0) {
        if (from > end || to < 0) {
          return;
        }
        from = std::max(from, 0.0);
        to = std::min(to, last);
      }
      from = std::min(from, last);  // the last cell holds its upper edge, as make_cells() has it
      if (to - from < last) {
        low[k] = static_cast<std::int64_t>(from < 0 ? from + end : from);
        count[k] = static_cast<std::int64_t>(to - from) + 1;
      }
    }
  }
  // Cells that follow each other in the last dimension are one range.
  const std::size_t last = dimensions - 1;
  const auto in_line = [&](std::int64_t line) {
    const std::int64_t cells = axis_[last].cells, first = line * cells + low[last];
    const std::int64_t until = std::min(low[last] + count[last], cells),
                       rest = low[last] + count[last] - until;
    const auto at_cell = [&](std::int64_t c) { return begin_[static_cast<std::size_t>(c)]; };
    in_cells<dimensions>(at_cell(first), at_cell(line * cells + until), at, found);
    in_cells<dimensions>(at_cell(line * cells), at_cell(line * cells + rest), at, found);
  };
  const auto cell = [&](std::size_t k, std::int64_t i) { return (low[k] + i) % axis_[k].cells; };
  if constexpr (dimensions == 1) {
    in_line(0);
  } else if constexpr (dimensions == 2) {
    for (std::int64_t i = 0; i < count[0]; ++i) {
      in_line(cell(0, i));
    }
  } else {
    for (std::int64_t i = 0; i < count[0]; ++i) {
      for (std::int64_t j = 0; j < count[1]; ++j) {
        in_line(cell(0, i) * axis_[1].cells + cell(1, j));
      }
    }
  }
  if (begin_.size() > 2) {
    in_order(found);
  }
}

void NearPairs::in_order(Found& found) const {
  const std::size_t words = (near_.ids.size() + 63) / 64;
  if (words > 16 * found.places.size()) {
    std::sort(found.places.begin(), found.places.end());
    return;
  }
  found.marks.resize(words);
  for (const std::uint32_t place : found.places) {
    found.marks[place / 64] |= std::uint64_t{1} << place % 64;
  }
  std::uint32_t* out = found.places.data();
  for (std::size_t w = 0; w < words; ++w) {
    for (std::uint64_t marks = std::exchange(found.marks[w], 0); marks != 0; marks &= marks - 1) {
      *out++ =
          static_cast<std::uint32_t>(64 * w) + static_cast<std::uint32_t>(std::countr_zero(marks));
    }
  }
}

// Appends the pairs of a point that are within the limits.
template <std::size_t dimensions>
void NearPairs::take(std::size_t point, const Found& found, bool displacements, Pairs& out) const {
  const std::size_t n = around_.ids.size(), m = near_.ids.size();
  const std::uint32_t id = around_.ids[point];
  const bool boxed = !limits_.low.empty();
  std::size_t taken = out.near.size();
  out.resize(taken + found.places.size(), displacements ? dimensions : 0);
  for (const std::uint32_t place : found.places) {  // whether a pair counts cannot be predicted
    double step[most_dimensions], square = 0;
    bool inside = limits_.same || near_.ids[place] != id;
    for (std::size_t k = 0; k < dimensions; ++k) {
      const double here = around_.coordinates[k * n + point];
      const double there = near_.coordinates[k * m + place];
      step[k] = inward_ ? here - there : there - here;
      if (extent_[k] > 0) {
        step[k] -= extent_[k] * std::rint(step[k] / extent_[k]);
      }
      square += step[k] * step[k];
      inside &= !boxed || (step[k] >= limits_.low[k] && step[k] <= limits_.high[k]);
    }
    const double distance = std::sqrt(square);
    out.around[taken] = id;
    out.near[taken] = near_.ids[place];
    out.distance[taken] = distance;
    for (std::size_t k = 0; displacements && k < dimensions; ++k) {
      out.displacement[k][taken] = step[k];
    }
    taken += inside & (distance >= limits_.inner) & (distance <= limits_.outer);
  }
  out.resize(taken, displacements ? dimensions : 0);
}

template <std::size_t dimensions>
void NearPairs::append(std::size_t begin, std::size_t end, bool displacements, Pairs& out) const {
  Found found;
  for (std::size_t point = begin; point < end; ++point) {
    candidates<dimensions>(point, found);
    take<dimensions>(point, found, displacements, out);
  }
}

Pairs NearPairs::of(std::size_t begin, std::size_t end, bool displacements, int threads) const {
  const auto append_some = extent_.size() == 1   ? &NearPairs::append<1>
                           : extent_.size() == 2 ? &NearPairs::append<2>
                                                 : &NearPairs::append<3>;
  const auto parts = in_pieces<Pairs>(begin, end, points_together, threads,
                                      [&](std::size_t first, std::size_t last, Pairs& out) {
                                        (this->*append_some)(first, last, displacements, out);
                                      });
  Pairs all;
  all.around = appended(parts, [](const Pairs& p) -> const auto& { return p.around; });
  all.near = appended(parts, [](const Pairs& p) -> const auto& { return p.near; });
  all.distance = appended(parts, [](const Pairs& p) -> const auto& { return p.distance; });
  for (std::size_t k = 0; displacements && k < extent_.size(); ++k) {
    all.displacement[k] =
        appended(parts, [k](const Pairs& p) -> const auto& { return p.displacement[k]; });
  }
  return all;
}

Drawn draw_by_chance(const Stream& stream, std::span<const std::uint32_t> around,
                     std::span<const std::uint32_t> near, std::span<const double> chance,
                     int threads) {
  return joined(in_pieces<Drawn>(0, around.size(), pairs_together, threads,
                                 [&](std::size_t first, std::size_t last, Drawn& out) {
                                   const std::size_t n = last - first;
                                   const std::vector<double> u = pair_uniforms(
                                       stream, around.subspan(first, n), near.subspan(first, n));
                                   for (std::size_t k = 0; k < n; ++k) {
                                     if (u[k] < chance[first + k]) {
                                       out.around.push_back(around[first + k]);
                                       out.near.push_back(near[first + k]);
                                     }
                                   }
                                 }));
}

namespace {

struct Candidates {
  std::uint32_t around;
  std::span<const std::uint32_t> near;  // ids
  std::span<const double> weight;
};

// Appends draws with repetition.
void draw_again(const Stream& stream, const Candidates& all, std::size_t number, Drawn& out) {
  std::vector<double> sums(all.weight.size());
  std::partial_sum(all.weight.begin(), all.weight.end(), sums.begin());
  std::vector<std::uint32_t> row(number, all.around), draw(number), chosen(number);
  std::iota(draw.begin(), draw.end(), 0u);
  const std::vector<double> u = pair_uniforms(stream, row, draw);
  for (std::size_t k = 0; k < number; ++k) {
    const auto at = std::upper_bound(sums.begin(), sums.end(), u[k] * sums.back()) - sums.begin();
    chosen[k] = all.near[std::min(static_cast<std::size_t>(at), sums.size() - 1)];
  }
  out.around.insert(out.around.end(), row.begin(), row.end());
  out.near.insert(out.near.end(), chosen.begin(), chosen.end());
}

// Appends those with the greatest u^(1 / weight), in their order: Efraimidis & Spirakis 2006.
void draw_once(const Stream& stream, const Candidates& all, std::size_t number, Drawn& out) {
  const std::vector<std::uint32_t> row(all.near.size(), all.around);
  const std::vector<double> u = pair_uniforms(stream, row, all.near);
  std::vector<std::pair<double, std::uint32_t>> best;  // a heap, the worst first
  best.reserve(number + 1);
  for (std::uint32_t k = 0; k < u.size(); ++k) {
    // -log(u) is at least 1 - u, so most need no logarithm.
    if (best.size() == number && 1 - u[k] > best.front().first * all.weight[k] * (1 + 1e-12)) {
      continue;
    }
    best.emplace_back(-std::log(u[k]) / all.weight[k], k);
    std::push_heap(best.begin(), best.end());
    if (best.size() > number) {
      std::pop_heap(best.begin(), best.end());
      best.pop_back();
    }
  }
  std::sort(best.begin(), best.end(), [](auto a, auto b) { return a.second < b.second; });
  for (const auto& [key, k] : best) {
    out.around.push_back(all.around);
    out.near.push_back(all.near[k]);
  }
}

}  // namespace

Degrees draw_degrees(const Stream& stream, std::span<const std::uint32_t> points,
                     std::span<const std::uint32_t> around, std::span<const std::uint32_t> near,
                     std::span<const double> weight, std::size_t number, bool multapses,
                     int threads) {
  std::vector<std::size_t> begin(points.size() + 1, around.size());
  for (std::size_t k = 0, at = 0; k < points.size(); ++k) {
    begin[k] = at;
    while (at < around.size() && around[at] == points[k]) {
      ++at;
    }
  }
  const std::size_t enough = multapses ? std::min<std::size_t>(number, 1) : number;
  const auto parts =
      in_pieces<Degrees>(0, points.size(), points_together, threads,
                         [&](std::size_t first, std::size_t last, Degrees& out) {
                           std::vector<std::uint32_t> ids;
                           std::vector<double> weights;
                           for (std::size_t k = first; k < last && !out.few; ++k) {
                             ids.clear();
                             weights.clear();
                             for (std::size_t i = begin[k]; i < begin[k + 1]; ++i) {
                               if (weight[i] > 0) {
                                 ids.push_back(near[i]);
                                 weights.push_back(weight[i]);
                               }
                             }
                             if (ids.size() < enough) {
                               out.few = {points[k], ids.size()};
                             } else if (number > 0) {
                               (multapses ? draw_again : draw_once)(
                                   stream, {points[k], ids, weights}, number, out.drawn);
                             }
                           }
                         });
  for (const Degrees& part : parts) {
    if (part.few) {
      return part;
    }
  }
  return {joined(parts, [](const Degrees& part) -> const Drawn& { return part.drawn; }), {}};
}

}  // namespace spikelet
