#include <doctest/doctest.h>

#include <vector>

#include "spikelet/network/recorder.hpp"

using namespace spikelet;

namespace {

SpikeRecorder recorder(std::size_t partitions, std::vector<bool> wanted = {}) {
  SpikeRecorder r;
  r.wanted = std::move(wanted);
  r.logs.resize(partitions);
  return r;
}

}  // namespace

TEST_CASE("spikes of all partitions are merged by stamp, then element") {
  SpikeRecorder r = recorder(3);
  const std::vector<Gid> a{102, 105}, b{101}, c{104, 100, 100};
  r.note(1, a, 100, 7);
  r.note(0, b, 100, 7);
  r.note(2, c, 100, 5);
  r.note(0, a, 100, 9);
  const auto log = r.merged();
  CHECK(log.stamps == std::vector<Step>{5, 5, 5, 7, 7, 7, 9, 9});
  CHECK(log.elements == std::vector<std::uint32_t>{0, 0, 4, 1, 2, 5, 2, 5});
}

TEST_CASE("only wanted elements are kept") {
  SpikeRecorder r = recorder(1, {true, false, false, true});
  const std::vector<Gid> all{10, 11, 12, 13};
  r.note(0, all, 10, 3);
  CHECK(r.merged().elements == std::vector<std::uint32_t>{0, 3});
}

TEST_CASE("nothing recorded") {
  CHECK(recorder(0).merged().stamps.empty());
  CHECK(recorder(4).merged().elements.empty());
}
