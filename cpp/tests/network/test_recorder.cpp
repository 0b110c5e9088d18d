#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "spikelet/network/recorder.hpp"

namespace test_network_recorder {

using namespace spikelet;

namespace {

SpikeRecorder recorder(std::size_t partitions, std::vector<bool> wanted = {}) {
  SpikeRecorder r(0, std::move(wanted));
  r.need_logs(partitions);
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
  const auto log = *r.share();
  CHECK(log.stamps == std::vector<Step>{5, 5, 5, 7, 7, 7, 9, 9});
  CHECK(log.elements == std::vector<std::uint32_t>{0, 0, 4, 1, 2, 5, 2, 5});
}

TEST_CASE("logs of several partitions become one, however they interleave") {
  constexpr std::size_t partitions = 5;
  SpikeRecorder r = recorder(partitions);
  std::vector<std::pair<Step, std::uint32_t>> all, read;
  std::vector<std::size_t> order{3, 0, 4, 1, 2};
  for (Step stamp = 1; stamp < 400; ++stamp) {
    for (const std::size_t p : order) {
      std::vector<Gid> gids;
      for (Gid k = 0; k < (static_cast<Gid>(stamp) * 7 + static_cast<Gid>(p) * 3) % 4; ++k) {
        gids.push_back(static_cast<Gid>(100 * p) + 10 * k + static_cast<Gid>(stamp) % 9);
        all.emplace_back(stamp, gids.back());
      }
      r.note(p, gids, 0, stamp);
    }
    if (stamp % 150 == 0) {
      CHECK(r.share()->stamps.size() == all.size());
    }
  }
  std::sort(all.begin(), all.end());
  const auto log = r.share();
  for (std::size_t k = 0; k < log->stamps.size(); ++k) {
    read.emplace_back(log->stamps[k], log->elements[k]);
  }
  CHECK(read == all);
}

TEST_CASE("spikes of a step are sorted, in whatever order a source gave them") {
  SpikeRecorder r = recorder(1);
  const std::vector<Gid> a{7, 3, 5};
  r.note(0, a, 0, 1);
  CHECK(r.share()->elements == std::vector<std::uint32_t>{3, 5, 7});
}

TEST_CASE("only wanted elements are kept") {
  SpikeRecorder r = recorder(1, {true, false, false, true});
  const std::vector<Gid> all{10, 11, 12, 13};
  r.note(0, all, 10, 3);
  CHECK(r.share()->elements == std::vector<std::uint32_t>{0, 3});
}

TEST_CASE("spikes noted elsewhere are kept as if they had been noted here") {
  SpikeRecorder::Log log;
  for (const auto& [stamp, element] :
       {std::pair<Step, std::uint32_t>{3, 1}, {4, 0}, {4, 2}, {9, 2}}) {
    log.stamps.push_back(stamp);
    log.elements.push_back(element);
  }
  for (const std::vector<bool>& wanted : {std::vector<bool>{}, {true, false, true}}) {
    for (const RecordingWindow& window : {RecordingWindow{}, RecordingWindow{3, 8},
                                          RecordingWindow{0, 3}, RecordingWindow{-1, 20, true}}) {
      SpikeRecorder whole(0, wanted), each = recorder(1, wanted);
      whole.window = each.window = window;
      for (std::size_t k = 0; k < log.stamps.size(); ++k) {
        each.note(0, {log.elements.data() + k, 1}, 0, log.stamps[k]);
      }
      whole.note_all(log.stamps, log.elements);
      CHECK(whole.share()->stamps.to_vector() == each.share()->stamps.to_vector());
      CHECK(whole.share()->elements.to_vector() == each.share()->elements.to_vector());
    }
  }
}

TEST_CASE("nothing recorded") {
  CHECK(recorder(0).share()->stamps.empty());
  CHECK(recorder(4).share()->elements.empty());
}

TEST_CASE("reading again appends new spikes and leaves logs still held unchanged") {
  SpikeRecorder r = recorder(2);
  const std::vector<Gid> a{3, 5}, b{1};
  r.note(0, a, 0, 4);
  const auto first = r.share();
  CHECK(r.share() == first);
  r.note(0, a, 0, 6);
  r.note(1, b, 0, 6);
  CHECK(r.size() == 5);
  CHECK(r.share()->stamps == std::vector<Step>{4, 4, 6, 6, 6});
  CHECK(r.share()->elements == std::vector<std::uint32_t>{3, 5, 1, 3, 5});
  CHECK(first->stamps == std::vector<Step>{4, 4});
  r.clear();
  CHECK(r.size() == 0);
  CHECK(r.share()->stamps.empty());
  CHECK(first->elements == std::vector<std::uint32_t>{3, 5});
}

TEST_CASE("a log with no other holder grows in place") {
  SpikeRecorder r = recorder(1);
  const std::vector<Gid> a{2};
  const SpikeRecorder::Log* log = r.share().get();
  for (Step stamp = 1; stamp < 100; ++stamp) {
    r.note(0, a, 0, stamp);
    CHECK(r.share().get() == log);
  }
  CHECK(log->stamps.size() == 99);
}

TEST_CASE("spikes after a step are forgotten, also those of which only the stamp was noted") {
  SpikeRecorder r = recorder(2);
  const std::vector<Gid> a{3, 5}, b{1};
  r.note(0, a, 0, 4);
  r.note(1, b, 0, 6);
  r.note(0, a, 0, 7);
  r.forget_after(5);
  CHECK(r.size() == 2);
  CHECK(r.share()->elements == std::vector<std::uint32_t>{3, 5});
}

TEST_CASE(
    "a state recorder makes room for the multiples of its interval, and drops what was not "
    "reached") {
  StateRecorder<float> r{0, 0, {4, 7}, 3};
  r.allot(2, 10);
  CHECK(r.stamps == std::vector<Step>{3, 6, 9});
  CHECK(r.values.size() == 6);
  CHECK(r.row(6) == r.values.data() + 2);
  r.trim(8);
  CHECK(r.stamps == std::vector<Step>{3, 6});
  CHECK(r.values.size() == 4);
}

TEST_CASE("nothing is recorded outside of a recorder's window, or while it pauses") {
  SpikeRecorder spikes(0);
  spikes.need_logs(1);
  const std::vector<Gid> one{2};
  const auto note_all = [&] {
    for (Step stamp = 0; stamp < 8; ++stamp) {
      spikes.note(0, one, 0, stamp);
    }
  };
  spikes.window = {2, 5, false};
  note_all();
  CHECK(spikes.share()->stamps == std::vector<Step>{3, 4, 5});
  spikes.window.paused = true;
  note_all();
  CHECK(spikes.size() == 3);

  StateRecorder<double> states{0, 0, {1}, 3};
  states.window = {3, 10, false};
  states.allot(0, 7);
  states.allot(7, 30);
  CHECK(states.stamps == std::vector<Step>{6, 9});
  CHECK(states.samples(9));
  CHECK_FALSE(states.samples(8));   // no multiple
  CHECK_FALSE(states.samples(3));   // not after the start
  CHECK_FALSE(states.samples(12));  // after the end
  states.window = {-1, 100, true};
  states.allot(30, 60);
  CHECK(states.stamps.size() == 2);

  Recorders<double> all;
  all.weights.push_back({0, 1});
  all.set_window(RecorderKind::weights, 0, {1, 2, false});
  CHECK_FALSE(all.weights[0].window.includes(1));
  CHECK(all.weights[0].window.includes(2));
}

}  // namespace test_network_recorder
