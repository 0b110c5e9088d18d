#include <doctest/doctest.h>

#include <array>
#include <stdexcept>
#include <vector>

#include "spikelet/core/model.hpp"
#include "spikelet/core/receptors.hpp"

namespace test_core_receptors {

using namespace spikelet;

namespace {

Ends ends(const Receptors& receptors, int number) { return receptors.ends(Receptor{number}); }

bool same(const Ends& a, const Ends& b) {
  return a.up == b.up && a.down == b.down && a.magnitude == b.magnitude;
}

}  // namespace

TEST_CASE("channels: late receptors are odd from the third on, early ones are even") {
  const std::array infos{ReceptorInfo{3}, ReceptorInfo{}, ReceptorInfo{5}, ReceptorInfo{-1, true},
                         ReceptorInfo{0}};
  const Receptors receptors(infos, false);
  std::vector<int> channels;
  for (std::size_t r = 0; r < receptors.size(); ++r) {
    channels.push_back(receptors.channel(r));
    CHECK(is_early(receptors.channel(r)) == infos[r].early());
  }
  CHECK(channels == std::vector{0, 4, 3, 8, 7});
  CHECK(std::vector(receptors.early().begin(), receptors.early().end()) == std::vector{4, 8});
  REQUIRE(receptors.late().size() == 3);
  CHECK(receptors.late()[1].channel == 3);
  CHECK(receptors.late()[1].state == 5);
  CHECK(same(ends(receptors, 3), {8, 8, true}));
  CHECK(same(ends(receptors, -1), {0, 0, false}));  // without signs, the first one
  CHECK_THROWS_AS(ends(receptors, 5), std::invalid_argument);
  CHECK_THROWS_AS(ends(receptors, -2), std::invalid_argument);
}

TEST_CASE("as many receptors as a program may have fit the channels, and no more") {
  for (const bool early : {false, true}) {
    std::vector<ReceptorInfo> infos(max_receptors);
    for (std::size_t r = 0; r < infos.size(); ++r) {
      infos[r].state = early ? -1 : static_cast<int>(r);
    }
    const Receptors receptors(infos, true);
    CHECK(static_cast<std::size_t>(receptors.channel(max_receptors - 1)) < max_channels);
    infos.push_back({});
    CHECK_THROWS_AS(Receptors(infos, true), std::invalid_argument);
  }
}

TEST_CASE("late receptors of one state share a channel, unless one counts magnitudes") {
  const std::array infos{ReceptorInfo{1}, ReceptorInfo{2}, ReceptorInfo{1}};
  const Receptors receptors(infos, true);
  CHECK(receptors.channel(2) == receptors.channel(0));
  CHECK(receptors.late().size() == 2);
  for (const std::size_t magnitude : {0u, 2u}) {
    auto changed = infos;
    changed[magnitude].magnitude = true;
    CHECK_THROWS_AS(Receptors(changed, true), std::invalid_argument);
  }
}

TEST_CASE("signs choose between two receptors that act at one time") {
  const std::array infos{ReceptorInfo{1, true}, ReceptorInfo{-1}, ReceptorInfo{}};
  CHECK_THROWS_AS(Receptors(infos, true), std::invalid_argument);
  CHECK_THROWS_AS(Receptors(std::span(infos).first(1), true), std::invalid_argument);
  const std::array late{ReceptorInfo{1}, ReceptorInfo{2, true}};
  CHECK(same(ends(Receptors(late, true), -1), {0, 1, true}));
  CHECK(same(ends(Receptors(late, true), 0), {0, 0, false}));
  CHECK(ends(Receptors(late, true), -1).by_sign());
  CHECK(!ends(Receptors(late, true), 1).by_sign());
}

TEST_CASE("kernels: two late receptors, or one early one whatever is named") {
  const Receptors lif(models()[find_model("LIF")]), cond(models()[find_model("LIFCond")]),
      delta(models()[find_model("LIFDelta")]);
  CHECK(same(ends(lif, -1), {excitatory_channel, inhibitory_channel, false}));
  CHECK(same(ends(cond, 1), {inhibitory_channel, inhibitory_channel, true}));
  for (const int number : {-1, 0, 1}) {
    CHECK(same(ends(delta, number), {early_channel, early_channel, false}));
    CHECK(ends(delta, number).early());
  }
}

}  // namespace test_core_receptors
