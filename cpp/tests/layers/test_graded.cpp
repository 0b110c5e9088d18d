#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "spikelet/layers/engine.hpp"
#include "spikelet/layers/graded.hpp"

namespace test_layers_graded {

using namespace spikelet::layers;

TEST_CASE_TEMPLATE("activations act by channel and leave the padding alone", R, float, double) {
  const std::vector<R> x{-2, 3, 9, 1, -4, 9};  // two pixels of two channels and padding
  std::vector<R> y(6, R(7));
  const std::vector<R> alpha{R(0.5), R(0.25)};
  activate(Function::leaky_relu, alpha.data(), static_cast<const R*>(nullptr), x.data(), y.data(),
           std::size_t{2}, std::size_t{3}, std::size_t{2});
  CHECK(y == std::vector<R>{-1, 3, 7, 1, -1, 7});
}

TEST_CASE("functions use the parameters that they say they use") {
  CHECK(uses_alpha(Function::clip));
  CHECK(uses_beta(Function::clip));
  CHECK(uses_alpha(Function::elu));
  CHECK_FALSE(uses_beta(Function::elu));
  CHECK_FALSE(uses_alpha(Function::tanh));
}

TEST_CASE_TEMPLATE("softmax, norms and reductions act along their axis", R, float, double) {
  const Axis axis{1, 2, 3};  // [2][3], along the first
  const std::vector<R> x{1, 2, 3, 1, 4, 3};
  std::vector<R> y(6);
  softmax(Softmax{axis, false}, x.data(), y.data());
  CHECK(y[0] == R(0.5));
  CHECK(y[3] == R(0.5));
  CHECK(static_cast<double>(y[1] + y[4]) == doctest::Approx(1));
  CHECK(static_cast<double>(y[4]) == doctest::Approx(1 / (1 + std::exp(-2.0))));
  softmax(Softmax{axis, true}, x.data(), y.data());
  CHECK(static_cast<double>(y[0]) == doctest::Approx(-std::log(2.0)));
  normalise(Normalise{axis, true, 0}, x.data(), y.data());
  CHECK(y[1] == R(-1));
  CHECK(y[4] == R(1));
  normalise(Normalise{axis, false, 0}, x.data(), y.data());
  CHECK(static_cast<double>(y[4]) == doctest::Approx(4 / std::sqrt(10.0)));
  local_response(LocalResponse{{1, 3, 2}, 2, 2, 1, 0}, x.data(), y.data());  // a channel before
  CHECK(static_cast<double>(y[0]) == doctest::Approx(1));
  CHECK(static_cast<double>(y[2]) == doctest::Approx(3.0 / (9 + 1)));
  std::vector<R> sums(3);
  reduce(Reduce{Reduce::Kind::max, axis}, x.data(), sums.data());
  CHECK(sums == std::vector<R>{1, 4, 3});
  reduce(Reduce{Reduce::Kind::mean, axis}, x.data(), sums.data());
  CHECK(sums == std::vector<R>{1, 3, 3});
  reduce(Reduce{Reduce::Kind::l2, axis}, x.data(), sums.data());
  CHECK(static_cast<double>(sums[1]) == doctest::Approx(std::sqrt(20.0)));
}

TEST_CASE("each unit counts what it multiplies, divides and evaluates") {
  const Graph graph{{Input{}, {}, {2, 3, 4}},
                    {Activation{Function::tanh, {}, {}}, {0}, {2, 3, 4}},
                    {MatMul{3, 4, 3, {0, 1}, {0, 1}}, {0, 0}, {2, 3, 3}},
                    {Softmax{{2, 12, 1}, false}, {0}, {2, 3, 4}},
                    {Mix{{0, 2}, {0, 5}, {1, 1}}, {0}, {2, 1, 1}},
                    {Gather{{0, 1}}, {0}, {2, 1, 1}}};
  const std::vector<std::uint64_t> wanted{0, 24, 2 * 9 * 4, 48, 4, 0};
  for (std::size_t k = 0; k < graph.size(); ++k) {
    CAPTURE(k);
    CHECK(products_of(graph, k) == wanted[k]);
    CHECK(dense_operations(graph, k) == wanted[k]);
  }
}

TEST_CASE("nodes that would read or write beyond their inputs are refused") {
  const Graph input{{Input{}, {}, {2, 3, 4}}};
  const auto refused = [&](const Node& node) {
    CHECK_THROWS_AS(check(input, node), std::invalid_argument);
  };
  const std::size_t huge = std::size_t{1} << 62;
  CHECK_NOTHROW(check(input, {Gather{{23, -1}}, {0}, {2, 1, 1}}));
  CHECK_NOTHROW(check(input, {Gather{{47}}, {0, 0}, {1, 1, 1}}));
  refused({Gather{{24}}, {0}, {1, 1, 1}});
  refused({Gather{{0}}, {0}, {2, 1, 1}});
  refused({Gather{{0}}, {}, {1, 1, 1}});
  refused({Gather{{0}}, {0}, {1, huge, 1}});
  CHECK_NOTHROW(check(input, {Mix{{0, 1}, {11}, {1}}, {0}, {2, 1, 1}}));
  refused({Mix{{0, 1}, {12}, {1}}, {0}, {2, 1, 1}});
  refused({Mix{{0, 1}, {0}, {1}}, {0}, {3, 1, 1}});
  refused({Mix{{0, 2, 1}, {0}, {1}}, {0}, {2, 1, 2}});
  refused({Mix{{0, 2}, {0}, {1}}, {0}, {2, 1, 1}});
  refused({Mix{{1, 1}, {0}, {1}}, {0}, {2, 1, 1}});
  CHECK_NOTHROW(check(input, {Constant{{1, 2}}, {}, {2, 1, 1}}));
  refused({Constant{{1}}, {}, {2, 1, 1}});
  refused({Constant{{1, 2}}, {0}, {2, 1, 1}});
  CHECK_NOTHROW(check(input, {Activation{Function::clip, {0}, {1, 2}}, {0}, {2, 3, 4}}));
  refused({Activation{Function::clip, {0}, {}}, {0}, {2, 3, 4}});
  refused({Activation{Function::tanh, {0}, {}}, {0}, {2, 3, 4}});
  refused({Activation{Function::elu, {1, 2, 3}, {}}, {0}, {2, 3, 4}});
  refused({Activation{Function::tanh, {}, {}}, {0}, {2, 3, 5}});
  using Kind = Binary::Kind;
  CHECK_NOTHROW(check(input, {Binary{Kind::divide, {}}, {0, 0}, {2, 3, 4}}));
  CHECK_NOTHROW(check(input, {Binary{Kind::divide, {{{23}, {0}}}}, {0, 0}, {1, 1, 1}}));
  refused({Binary{Kind::divide, {{{24}, {0}}}}, {0, 0}, {1, 1, 1}});
  refused({Binary{Kind::divide, {{{0}, {}}}}, {0, 0}, {1, 1, 1}});
  refused({Binary{Kind::divide, {}}, {0}, {2, 3, 4}});
  refused({MatMul{3, 4, 3, {0, 2}, {0, 0}}, {0, 0}, {2, 3, 3}});
  refused({MatMul{3, 4, 3, {0}, {0}}, {0, 0}, {2, 3, 3}});
  refused({MatMul{5, 4, 3, {0}, {0}}, {0, 0}, {1, 5, 3}});
  refused({MatMul{0, 4, 3, {}, {}}, {0, 0}, {2, 3, 3}});
  refused({Softmax{{2, 3, 5}, false}, {0}, {2, 3, 4}});
  refused({Softmax{{huge, 4, 1}, false}, {0}, {2, 3, 4}});
  refused({Normalise{{2, 12, 1}, true, -1}, {0}, {2, 3, 4}});
  refused({Normalise{{2, 12, 1}, true, std::numeric_limits<double>::quiet_NaN()}, {0}, {2, 3, 4}});
  refused({LocalResponse{{1, 2, 12}, 0, 1, 1, 1}, {0}, {2, 3, 4}});
  refused({Reduce{Reduce::Kind::max, {2, 3, 4}}, {0}, {2, 3, 1}});
  refused({Reduce{Reduce::Kind::max, {2, 0, 4}}, {0}, {2, 4, 1}});
  refused({Foreign{}, {0}, {2, 3, 4}});
  // Volumes: depths that do not divide the rows.
  Conv conv{std::vector<double>(2 * 2 * 3), {}, 3, 1};
  conv.kernel_depth = 3;
  conv.in_depth = 3;
  conv.front = 1;
  conv.out_depth = 3;
  CHECK_NOTHROW(check(input, {conv, {0}, {2, 3, 4}}));
  for (std::size_t Conv::* field :
       {&Conv::kernel_depth, &Conv::in_depth, &Conv::out_depth, &Conv::stride_z}) {
    Conv bad = conv;
    bad.*field = 0;
    refused({bad, {0}, {2, 3, 4}});
    bad.*field = huge;
    refused({bad, {0}, {2, 3, 4}});
  }
  Conv bad = conv;
  bad.in_depth = 2;
  refused({bad, {0}, {2, 3, 4}});
  MaxPool pool{{{0}, {3}, {}, 0}, {{0}, {4}, {}}, false};
  refused({pool, {0}, {2, 1, 1}});
}

}  // namespace test_layers_graded
