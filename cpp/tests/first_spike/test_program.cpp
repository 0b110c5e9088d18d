// A small network by hand, and descriptions that do not fit. Python's tests compare with a
// simulation step by step.
#include <doctest/doctest.h>

#include <stdexcept>
#include <vector>

#include "spikelet/first_spike/program.hpp"

namespace spikelet::first_spike::test_program {

struct Parts {
  std::vector<Map> maps{{{1, 1, 2}, Form::bytes, {0}}, {{1, 1, 1}, Form::bytes, {0}}};
  std::vector<Input> inputs{{0, {10.0F}, 0, 255}};
  Sum sum{{{0, Kernel{1, 2, {1, 1}, {1, 1}, {0, 0}, 1, {3, -2}}}}, Neurons{{1}, {4}, 8, {0}, {}}};
  Program program() const { return Program(maps, inputs, {{1, sum}}); }
};

TEST_CASE("first-spike program: a neuron of two synapses, and its work") {
  const std::vector<float> x{0.9F, 0.2F, 0.0F, 3.0F, 2.0F, 0.0F};
  const float* input = x.data();
  std::vector<std::int32_t> k(3);
  std::int32_t* out = k.data();
  const std::size_t wanted = 1;
  const auto work = Parts().program().run({&input, 1}, 3, 2, {&wanted, 1}, {&out, 1});
  CHECK(k == std::vector<std::int32_t>{(27 - 4 + 1) / 4, 0, 8});
  CHECK(work[0].operations == std::vector<std::uint64_t>{4});
  CHECK(work[0].spikes == 2);
}

TEST_CASE("first-spike program: pairs of neurons, and functions of a potential") {
  Parts parts;
  parts.maps[1].zero[0] = 8;
  parts.sum.neurons = Neurons{{17}, {4}, 12, {8}, {}};
  const std::vector<float> x{0.9F, 0.2F, 0.0F, 3.0F, 2.0F, 0.0F};
  const float* input = x.data();
  std::vector<std::int32_t> k(3);
  std::int32_t* out = k.data();
  const std::size_t wanted = 1;
  parts.program().run({&input, 1}, 3, 1, {&wanted, 1}, {&out, 1});
  CHECK(k == std::vector<std::int32_t>{2, -8, 4});
  parts.sum.neurons->table = {-8, 5, 4, 3, 2, 1, 0, 1, 2, 3, 4, 5, 100};
  parts.program().run({&input, 1}, 3, 1, {&wanted, 1}, {&out, 1});
  CHECK(k == std::vector<std::int32_t>{4, -8, 100});
}

TEST_CASE("first-spike program: weighted sums along both axes") {
  const std::vector<Map> maps{{{1, 2, 3}, Form::bytes, {5}}, {{1, 1, 2}, Form::sums, {}}};
  const Mix mix{0, {{{0, 1}, {0, 2, 1, 1}}}, {{{1, -2}, {3, 1, 2, 0}}}};
  const std::vector<Input> inputs{{0, {1.0F}, -5, 250}};
  const std::vector<float> x{1.0F, 2.0F, 0.0F, -4.0F, 0.0F, 7.0F};
  const float* input = x.data();
  std::vector<std::int32_t> sums(2);
  std::int32_t* out = sums.data();
  const std::size_t wanted = 1;
  const auto work =
      Program(maps, inputs, {{1, mix}}).run({&input, 1}, 1, 1, {&wanted, 1}, {&out, 1});
  CHECK(sums == std::vector<std::int32_t>{3 + 0 - 2 * (-12 + 7), 2 * 2 - 0});
  CHECK(work[0].operations == std::vector<std::uint64_t>{4});
  const auto refused = [&](auto change) {
    Mix wrong = mix;
    change(wrong);
    CHECK_THROWS_AS(Program(maps, inputs, {{1, wrong}}), std::invalid_argument);
  };
  refused([](Mix& m) { m.from[1][1] = 3; });
  refused([](Mix& m) { m.weights[0].pop_back(); });
  refused([](Mix& m) { m.map = 1; });
}

TEST_CASE("first-spike program: what does not fit is refused") {
  const auto refused = [](auto change) {
    Parts parts;
    change(parts);
    CHECK_THROWS_AS(parts.program(), std::invalid_argument);
  };
  refused([](Parts& p) { p.maps[0].zero.clear(); });
  refused([](Parts& p) { p.maps[1].form = Form::sums; });
  refused([](Parts& p) { p.inputs[0].scale.clear(); });
  refused([](Parts& p) { p.sum.terms.clear(); });
  refused([](Parts& p) { p.sum.terms[0].map = 1; });
  refused([](Parts& p) { p.sum.neurons.reset(); });
  refused([](Parts& p) { p.sum.neurons->high = 256; });
  refused([](Parts& p) { p.maps[1].zero[0] = 1; });
  refused([](Parts& p) { p.sum.neurons->zero[0] = 1; });
  refused([](Parts& p) { p.sum.neurons->zero.clear(); });
  refused([](Parts& p) { p.sum.neurons->table = {1, 2}; });
  refused([](Parts& p) { p.sum.neurons->table = {0, 1, 2, 3, 4, 5, 6, 7, -1}; });
  refused([](Parts& p) { p.sum.neurons->unit[0] = 0; });
  refused([](Parts& p) { p.sum.neurons->unit[0] = 1 << 30; });
  refused([](Parts& p) { std::get<Kernel>(p.sum.terms[0].weights).weights.pop_back(); });
  refused([](Parts& p) { std::get<Kernel>(p.sum.terms[0].weights).weights[1] = 128; });
  refused([](Parts& p) { std::get<Kernel>(p.sum.terms[0].weights).groups = 0; });
}

}  // namespace spikelet::first_spike::test_program
