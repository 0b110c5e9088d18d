#include <doctest/doctest.h>

#include <numeric>
#include <span>
#include <vector>

#include "spikelet/network/mail.hpp"

namespace test_network_mail {

using namespace spikelet;

namespace {

std::vector<Gid> read(const Mail& mail, std::size_t k) {
  const std::span<const Gid> spikes = mail.step(k);
  return {spikes.begin(), spikes.end()};
}

}  // namespace

TEST_CASE("mail carries the spikes of each step, few or many") {
  for (const std::size_t n : {0u, 3u, 24u, 25u, 1000u}) {
    CAPTURE(n);
    std::vector<Gid> spikes(n);
    std::iota(spikes.begin(), spikes.end(), Gid{7});
    Mail mail;
    CHECK(!mail.arrived(12));
    mail.post(spikes, {n}, 11, 12);  // one step
    CHECK(mail.arrived(12));
    CHECK(!mail.arrived(13));
    CHECK(read(mail, 0) == spikes);
    const auto half = spikes.begin() + static_cast<std::ptrdiff_t>(n / 2);
    const std::vector<std::size_t> ends{n / 2, n / 2, n};
    mail.post(spikes, ends, 12, 15);
    CHECK(mail.arrived(15));
    CHECK(read(mail, 0) == std::vector<Gid>(spikes.begin(), half));
    CHECK(read(mail, 1).empty());
    CHECK(read(mail, 2) == std::vector<Gid>(half, spikes.end()));
    mail.clear();
    CHECK(!mail.arrived(15));
  }
}

TEST_CASE("an interval that failed sends no spikes") {
  Mail mail;
  mail.post({1, 2, 3}, {}, 4, 6);
  CHECK(mail.arrived(6));
  CHECK(read(mail, 0).empty());
  CHECK(read(mail, 1).empty());
}

}  // namespace test_network_mail
