// Pairs of elements near each other, and draws by the chance of each.
#include <array>
#include <memory>
#include <utility>

#include "array.hpp"
#include "bindings.hpp"
#include "spikelet/network/near_pairs.hpp"

namespace spikelet {
namespace {

PointSet as_points(const Array<std::uint32_t>& ids, const Array<double>& coordinates) {
  if (coordinates.ndim() != 2 || coordinates.shape(1) != ids.size()) {
    throw py::value_error("NearPairs: coordinates must be [dimensions, points]");
  }
  return {as_vector(ids), as_vector(coordinates)};
}

}  // namespace

void bind_near_pairs(py::module_& m) {
  m.attr("least_uniform") = uniform(0);
  py::class_<NearPairs>(m, "NearPairs", "Pairs of points within limits. Immutable.")
      .def(
          py::init([](const Array<std::uint32_t>& around_ids, const Array<double>& around,
                      const Array<std::uint32_t>& near_ids, const Array<double>& near,
                      const Array<double>& extent, double inner, double outer,
                      const Array<double>& low, const Array<double>& high, bool same, bool inward) {
            const auto dimensions = static_cast<std::size_t>(extent.size());
            const auto is = [&](py::ssize_t n) {
              return static_cast<std::size_t>(n) == dimensions;
            };
            if (dimensions < 1 || dimensions > most_dimensions || around.ndim() != 2 ||
                !is(around.shape(0)) || near.ndim() != 2 || !is(near.shape(0)) ||
                low.size() != high.size() || (low.size() != 0 && !is(low.size()))) {
              throw py::value_error("NearPairs: as many dimensions everywhere, at most 3");
            }
            return std::make_unique<NearPairs>(
                as_points(around_ids, around), as_points(near_ids, near), as_vector(extent),
                PairLimits{inner, outer, as_vector(low), as_vector(high), same}, inward);
          }),
          py::kw_only(), py::arg("around_ids"), py::arg("around"), py::arg("near_ids"),
          py::arg("near"), py::arg("extent"), py::arg("inner"), py::arg("outer"), py::arg("low"),
          py::arg("high"), py::arg("same"), py::arg("inward"),
          "Coordinates are [dimensions, points]. extent: sizes of periodic dimensions, 0 for "
          "others. low, high: limits of displacements, or empty. same: whether a point may be "
          "paired with itself. inward: displacements are from `near` to `around`.")
      .def(
          "of",
          [](const NearPairs& search, std::size_t begin, std::size_t end, bool displacements,
             int threads) {
            require_threads(threads);
            if (begin > end || end > search.size()) {
              throw py::value_error("NearPairs: 0 <= begin <= end <= points");
            }
            Pairs found = [&] {
              const py::gil_scoped_release release;
              return search.of(begin, end, displacements, threads);
            }();
            py::list steps;
            for (std::size_t k = 0; displacements && k < search.dimensions(); ++k) {
              steps.append(to_array(std::move(found.displacement[k])));
            }
            return py::make_tuple(to_array(std::move(found.around)),
                                  to_array(std::move(found.near)),
                                  to_array(std::move(found.distance)), steps);
          },
          py::arg("begin"), py::arg("end"), py::arg("displacements"), py::arg("threads"),
          "Ids around, ids near, distances and displacements of the pairs of some points around.");
  m.def(
      "draw_by_chance",
      [](std::uint64_t seed, std::uint32_t number, const Array<std::uint32_t>& around,
         const Array<std::uint32_t>& near, const Array<double>& chance, int threads) {
        require_threads(threads);
        if (around.size() != near.size() || around.size() != chance.size()) {
          throw py::value_error("draw_by_chance: arrays must have the same length");
        }
        Drawn drawn = [&] {
          const py::gil_scoped_release release;
          return draw_by_chance(Stream(seed, Purpose::connect, number), as_span(around),
                                as_span(near), as_span(chance), threads);
        }();
        return py::make_tuple(to_array(std::move(drawn.around)), to_array(std::move(drawn.near)));
      },
      py::arg("seed"), py::arg("number"), py::arg("around"), py::arg("near"), py::arg("chance"),
      py::arg("threads"),
      "The pairs whose random number, as of pair_uniforms, is below their chance.");
  m.def(
      "draw_degrees",
      [](std::uint64_t seed, std::uint32_t number, const Array<std::uint32_t>& points,
         const Array<std::uint32_t>& around, const Array<std::uint32_t>& near,
         const Array<double>& weight, std::size_t degree, bool multapses, int threads) {
        require_threads(threads);
        if (around.size() != near.size() || around.size() != weight.size()) {
          throw py::value_error("draw_degrees: arrays must have the same length");
        }
        Degrees found = [&] {
          const py::gil_scoped_release release;
          return draw_degrees(Stream(seed, Purpose::connect, number), as_span(points),
                              as_span(around), as_span(near), as_span(weight), degree, multapses,
                              threads);
        }();
        const py::object few =
            found.few ? py::object(py::make_tuple(found.few->point, found.few->candidates))
                      : py::none();
        return py::make_tuple(to_array(std::move(found.drawn.around)),
                              to_array(std::move(found.drawn.near)), few);
      },
      py::arg("seed"), py::arg("number"), py::arg("points"), py::arg("around"), py::arg("near"),
      py::arg("weight"), py::arg("degree"), py::arg("multapses"), py::arg("threads"),
      "So many pairs for each point, in proportion to weights; and the first point that has too "
      "few candidates, with their number, or None.");
}

}  // namespace spikelet
