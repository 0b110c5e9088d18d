#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <utility>
#include <vector>

#include "spikelet/network/store.hpp"

namespace test_network_store {

using namespace spikelet;

namespace {

// Records its calls.
class Notes final : public SynapseStore<float> {
 public:
  void enqueue(Gid source, Step stamp, Step from) override {
    noted.push_back({source, stamp, from});
  }
  void deliver(Step, Channels<float>, bool) override {}
  std::size_t bytes() const override { return 0; }
  void clear() override { noted.clear(); }
  void visit(Gid, const std::function<void(const SynapseRef<float>&)>&) override {}

  struct Note {
    Gid source;
    Step stamp, from;
    bool operator==(const Note&) const = default;
  };
  std::vector<Note> noted;
};

}  // namespace

TEST_CASE("the channel of a weight follows from its sign, unless the receptor is given") {
  Feed<double> feed;
  CHECK(feed.channel_of(2) == excitatory_channel);
  CHECK(feed.channel_of(0) == excitatory_channel);
  CHECK(feed.channel_of(-2) == inhibitory_channel);
  feed.ends = {inhibitory_channel, inhibitory_channel};
  CHECK(feed.channel_of(2) == inhibitory_channel);
  CHECK(feed.channel_of(-2) == inhibitory_channel);
}

TEST_CASE("conductances are sent as magnitudes, currents with their sign") {
  Feed<double> feed;
  CHECK(feed.sent(-2) == -2);
  CHECK(feed.sent(3) == 3);
  feed.ends.magnitude = true;
  CHECK(feed.sent(-2) == 2);
  CHECK(feed.sent(3) == 3);
}

TEST_CASE("by default, a store enqueues the spikes of a step one by one") {
  Notes store;
  const std::vector<Gid> spikes{3, 8, 9};
  store.enqueue_all(spikes, 7, 5);
  CHECK(store.noted == std::vector<Notes::Note>{{3, 7, 5}, {8, 7, 5}, {9, 7, 5}});
}

TEST_CASE("a calendar has a list for each step up to its span") {
  for (const Step span : {1, 2, 5, 8}) {
    CAPTURE(span);
    Calendar<Step> calendar;
    calendar.resize(static_cast<std::size_t>(span));
    for (Step now = 0; now < 50; ++now) {
      for (Step ahead = 1; ahead <= span; ++ahead) {
        calendar.push(now + ahead, now + ahead);
      }
      std::vector<Step>& due = calendar.at(now);
      CHECK(due == std::vector<Step>(static_cast<std::size_t>(std::min(now, span)), now));
      due.clear();
    }
    calendar.clear();
    for (Step step = 0; step < 50; ++step) {
      CHECK(calendar.at(step).empty());
    }
  }
}

}  // namespace test_network_store
