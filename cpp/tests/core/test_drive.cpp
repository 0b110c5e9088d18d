#include <doctest/doctest.h>

#include <random>
#include <vector>

#include "core/drive.hpp"

namespace test_core_drive {

namespace {

using namespace spikelet;

constexpr double dt = 0.1;

// Plausible values for any parameter of any model.
std::vector<double> some_parameters(const ModelInfo& model, std::mt19937& random) {
  std::vector<double> p;
  std::uniform_real_distribution<double> uniform(1.0, 20.0);
  for (std::size_t k = 0; k < p_first + model.parameters.size(); ++k) {
    p.push_back(uniform(random));
  }
  return p;
}

std::vector<double> lowered(const ModelInfo& model, const std::vector<double>& p) {
  std::vector<double> c(max_coefficients);
  model.lower(dt, p.data(), c.data());
  return c;
}

bool is_driven(const ModelInfo& model, int k) {
  return std::ranges::find(model.driven, k) != model.driven.end();
}

struct Plain {
  static constexpr std::string_view name = "Plain";
  static constexpr std::array<std::string_view, 2> parameters{"tau_m", "I_e"};
  static constexpr std::array<std::string_view, 1> states{"V_m"};
  static constexpr std::array<int, 0> input_states{};
  static constexpr bool conductance = false;
  static constexpr int coefficient_count = 2;
  static void lower(double, const double* p, double* c) {
    std::copy_n(p + p_first, 2, c + k_first);
  }
};
struct WithCurrent : Plain {
  static constexpr int current = k_first + 1;
};

}  // namespace

TEST_CASE("a model that names no driven coefficient has none") {
  constexpr ModelInfo plain = describe_model<Plain>();
  CHECK(plain.driving == 0);
  CHECK(plain.driven.empty());
  CHECK(plain.reads_E_L);
  constexpr ModelInfo current = describe_model<WithCurrent>();
  CHECK(current.driving == bit_of(p_first + 1));
  CHECK(current.driven.size() == 1);
  CHECK_FALSE(current.follows);
}

TEST_CASE("drive() writes what lower() does, for any number of elements") {
  std::mt19937 random(7);
  int found = 0;
  for (const ModelInfo& model : models()) {
    CAPTURE(model.name);
    if (model.driving == 0) {
      continue;
    }
    ++found;
    constexpr std::size_t n = 5;
    const std::vector<double> shared = some_parameters(model, random);
    std::vector<std::vector<double>> rows(n, shared);
    std::vector<std::vector<double>> columns(max_parameters);
    std::vector<const double*> from(max_parameters);
    for (std::size_t k = 0; k < shared.size(); ++k) {
      if ((model.driving >> k & 1) != 0) {
        for (auto& row : rows) {
          row[k] = some_parameters(model, random)[k];
          columns[k].push_back(row[k]);
        }
        from[k] = columns[k].data();
      }
    }
    std::vector<std::vector<double>> values(model.driven.size(), std::vector<double>(n));
    std::vector<double*> to;
    for (auto& column : values) {
      to.push_back(column.data());
    }
    // What it does not follow does not count.
    const auto before =
        model.follows ? lowered(model, shared) : std::vector<double>(max_coefficients, -1.0);
    model.drive(from.data(), before.data(), n, to.data());
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < model.driven.size(); ++j) {
        const auto expected = lowered(model, rows[i])[static_cast<std::size_t>(model.driven[j])];
        CHECK(values[j][i] == expected);
      }
    }
  }
  CHECK(found > 3);
}

TEST_CASE(
    "other coefficients depend neither on the driving parameters nor, if it says so, on E_L") {
  std::mt19937 random(8);
  for (const ModelInfo& model : models()) {
    CAPTURE(model.name);
    const std::vector<double> p = some_parameters(model, random);
    const auto expected = lowered(model, p);
    for (std::size_t k = 0; k < p.size(); ++k) {
      const bool driving = (model.driving >> k & 1) != 0;
      if (!driving && !(k == p_E_L && !model.reads_E_L)) {
        continue;
      }
      std::vector<double> other = p;
      other[k] += 3;
      const auto got = lowered(model, other);
      for (int c = k_first; c < model.coefficients; ++c) {
        if (!driving || !is_driven(model, c)) {
          CHECK(got[static_cast<std::size_t>(c)] == expected[static_cast<std::size_t>(c)]);
        }
      }
    }
  }
}

}  // namespace test_core_drive
