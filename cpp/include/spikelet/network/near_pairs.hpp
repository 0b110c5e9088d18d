// Pairs of points within limits of distance and displacement, found by a grid of cells, and which
// of them a random draw connects.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "spikelet/core/random.hpp"

namespace spikelet {

constexpr std::size_t most_dimensions = 3;

struct PointSet {
  std::vector<std::uint32_t> ids;
  std::vector<double> coordinates;  // [dimension][point]
};

// Which pairs count. The limits themselves are inside.
struct PairLimits {
  double inner = 0, outer = std::numeric_limits<double>::infinity();
  std::vector<double> low, high;  // of the displacement, by dimension; empty: none
  bool same = true;               // whether a point may be paired with itself, by id
};

struct Pairs {
  std::vector<std::uint32_t> around, near;  // ids
  std::vector<double> distance;
  std::vector<double> displacement[most_dimensions];  // if wanted
  void resize(std::size_t n, std::size_t displacements);
};

class NearPairs {
 public:
  // extent: the size of each dimension, 0 where it is not periodic. inward: displacements are from
  // `near` to `around`, else the other way.
  NearPairs(PointSet around, PointSet near, std::vector<double> extent, PairLimits limits,
            bool inward);

  std::size_t size() const { return around_.ids.size(); }
  std::size_t dimensions() const { return extent_.size(); }

  // The pairs of the points [begin, end) of `around`, in their order, and for each in the order of
  // `near`.
  Pairs of(std::size_t begin, std::size_t end, bool displacements, int threads) const;

 private:
  struct Axis {
    double origin = 0, width = 0;  // of a cell
    std::int64_t cells = 1;
  };
  struct Found {  // what a thread reuses
    std::vector<std::uint32_t> places;
    std::vector<std::uint64_t> marks;
  };
  double wrapped(double x, std::size_t k) const;
  void make_cells();
  template <std::size_t dimensions>
  void append(std::size_t begin, std::size_t end, bool displacements, Pairs& out) const;
  template <std::size_t dimensions>
  void candidates(std::size_t point, Found& found) const;
  template <std::size_t dimensions>
  void in_cells(std::uint32_t first, std::uint32_t last, const double* at, Found& found) const;
  void in_order(Found& found) const;
  template <std::size_t dimensions>
  void take(std::size_t point, const Found& found, bool displacements, Pairs& out) const;

  PointSet around_, near_;
  std::vector<double> extent_;
  PairLimits limits_;
  bool inward_;
  double reach_ = 0;  // the outer limit and some rounding
  Axis axis_[most_dimensions];
  std::vector<std::uint32_t> begin_;  // of each cell in what follows
  std::vector<std::uint32_t> place_;  // in `near`
  std::vector<double> at_[most_dimensions];
};

struct Drawn {
  std::vector<std::uint32_t> around, near;
};

// Those of the pairs whose random number, a function of the pair alone, is below their chance.
Drawn draw_by_chance(const Stream& stream, std::span<const std::uint32_t> around,
                     std::span<const std::uint32_t> near, std::span<const double> chance,
                     int threads);

struct Degrees {
  struct Few {
    std::uint32_t point;
    std::size_t candidates;
  };
  Drawn drawn;
  std::optional<Few> few;  // the first point that has too few candidates; nothing is drawn then
};

// A number of pairs for each of the points, in proportion to weights; those of weight 0 do not
// count. The pairs are in the order of the points.
Degrees draw_degrees(const Stream& stream, std::span<const std::uint32_t> points,
                     std::span<const std::uint32_t> around, std::span<const std::uint32_t> near,
                     std::span<const double> weight, std::size_t number, bool multapses,
                     int threads);

}  // namespace spikelet
