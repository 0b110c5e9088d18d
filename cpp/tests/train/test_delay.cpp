// Layers with delays against a sum over single synapses.
#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "spikelet/train/delay.hpp"
#include "support/values.hpp"

namespace test_train_delay {

using namespace spikelet::train;

namespace {

template <class R>
struct Scene {
  DelayShape shape;
  std::vector<R> early, late, x, by_y;
  std::vector<std::int32_t> lag;

  explicit Scene(const DelayShape& s)
      : shape(s),
        early(test::values<R>(s.inputs * s.outputs, -1, 1, 1)),
        late(test::values<R>(s.inputs * s.outputs, -1, 1, 2)),
        x(test::values<R>(s.steps * s.samples * s.inputs, -1, 1, 3)),
        by_y(test::values<R>(s.steps * s.samples * s.outputs, -1, 1, 4)) {
    for (const double at : test::values<double>(s.inputs * s.outputs, 0, 1, 5)) {
      lag.push_back(static_cast<std::int32_t>(at * static_cast<double>(s.longest)));
    }
  }

  Taps<R> taps() const { return {early.data(), late.data(), lag.data()}; }

  // Calls body(place in x, place in y, synapse, late) for each product.
  template <class Body>
  void products(Body&& body) const {
    for (std::size_t t = 0; t < shape.steps; ++t) {
      for (std::size_t b = 0; b < shape.samples; ++b) {
        for (std::size_t o = 0; o < shape.outputs; ++o) {
          for (std::size_t i = 0; i < shape.inputs; ++i) {
            const std::size_t k = o * shape.inputs + i;
            for (std::size_t tap = 0; tap < 2; ++tap) {
              const std::size_t back = static_cast<std::size_t>(lag[k]) + tap;
              if (back <= t) {
                body(((t - back) * shape.samples + b) * shape.inputs + i,
                     (t * shape.samples + b) * shape.outputs + o, k, tap == 1);
              }
            }
          }
        }
      }
    }
  }
};

template <class R>
void check(const std::vector<R>& found, const std::vector<double>& wanted) {
  for (std::size_t k = 0; k < wanted.size(); ++k) {
    REQUIRE(static_cast<double>(found[k]) ==
            doctest::Approx(wanted[k]).epsilon(sizeof(R) == 4 ? 2e-5 : 1e-12).scale(10));
  }
}

}  // namespace

TEST_CASE_TEMPLATE("delays, and their gradients, as sums over synapses", R, float, double) {
  for (const DelayShape shape : {DelayShape{9, 3, 4, 5, 3}, DelayShape{130, 17, 7, 3, 25},
                                 DelayShape{1, 1, 1, 1, 0}, DelayShape{30, 20, 40, 33, 7}}) {
    const Scene<R> s(shape);
    std::vector<double> y(s.by_y.size()), by_x(s.x.size()), by_early(s.early.size()),
        by_late(s.late.size());
    s.products([&](std::size_t at_x, std::size_t at_y, std::size_t k, bool late) {
      const double weight = late ? s.late[k] : s.early[k];
      y[at_y] += weight * s.x[at_x];
      by_x[at_x] += weight * s.by_y[at_y];
      (late ? by_late : by_early)[k] += double{s.x[at_x]} * s.by_y[at_y];
    });
    std::vector<std::vector<R>> first;
    for (const int threads : {1, 3}) {
      std::vector<R> out(y.size()), of_x(by_x.size()), of_early(s.early.size()),
          of_late(s.late.size());
      delayed(shape, s.taps(), s.x.data(), out.data(), threads);
      delayed_input(shape, s.taps(), s.by_y.data(), of_x.data(), threads);
      delayed_weights(shape, s.lag.data(), s.x.data(), s.by_y.data(), of_early.data(),
                      of_late.data(), threads);
      check(out, y);
      check(of_x, by_x);
      check(of_early, by_early);
      check(of_late, by_late);
      const std::vector<std::vector<R>> all{out, of_x, of_early, of_late};
      CHECK((first.empty() || first == all));
      first = all;
    }
  }
}

TEST_CASE("a layer without steps or samples has outputs of 0") {
  const DelayShape shape{0, 3, 2, 2, 4};
  const Scene<float> s(DelayShape{1, 1, 2, 2, 4});
  std::vector<float> early(4, 1), late(4, 1);
  delayed<float>(shape, s.taps(), nullptr, nullptr, 1);
  delayed_weights<float>(shape, s.lag.data(), nullptr, nullptr, early.data(), late.data(), 1);
  CHECK(early == std::vector<float>(4));
  CHECK(late == std::vector<float>(4));
}

}  // namespace test_train_delay
