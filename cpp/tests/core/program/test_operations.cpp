// Each operation against the C library in long double; all levels and forms against each other.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "spikelet/core/cpu.hpp"
#include "spikelet/core/kernels.hpp"
#include "spikelet/core/program_run.hpp"
#include "support/values.hpp"

namespace test_core_program_operations {

namespace {

using namespace spikelet;

// One operation on n elements; operands in `single` (bit k: operand k) are single values.
template <class R>
std::vector<R> apply(SimdLevel level, Opcode op, std::vector<std::vector<R>> operands,
                     unsigned single, bool& exists) {
  const Operation<R> run = kernels(level).program<R>().operation(op, single);
  exists = run != nullptr;
  if (!exists) {
    return {};
  }
  BoundInstruction<R> in{run, 6, {0, 1, 2, 3, 4, 5}};
  std::vector<R> out(operands[0].size(), R(7));
  std::array<R*, 7> slot{};
  for (std::size_t k = 0; k < operands.size(); ++k) {
    slot[k] = operands[k].data();
  }
  slot[6] = out.data();
  run(slot.data(), in, out.size());
  return out;
}

template <class R>
R number_of(bool mask) {
  using Word = std::conditional_t<sizeof(R) == 4, std::uint32_t, std::uint64_t>;
  const Word bits = mask ? ~Word{0} : Word{0};
  R x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}
template <class R>
bool is_set(R x) {
  using Word = std::conditional_t<sizeof(R) == 4, std::uint32_t, std::uint64_t>;
  Word bits;
  std::memcpy(&bits, &x, sizeof x);
  CHECK((bits == 0 || bits == ~Word{0}));
  return bits != 0;
}

// Difference from the exact value in units of the last place there.
template <class R>
double ulps(R got, long double exact) {
  if (std::isnan(exact)) {
    return std::isnan(got) ? 0 : 1e9;
  }
  const long double most = std::numeric_limits<R>::max();
  if (std::abs(exact) > most) {  // may round to either
    return std::isinf(got) && std::signbit(got) == std::signbit(exact)        ? 0
           : std::abs(exact) < most * (1 + std::numeric_limits<R>::epsilon()) ? 0
                                                                              : 1e9;
  }
  if (std::abs(exact) < std::numeric_limits<R>::min()) {  // denormals may be 0
    return std::abs(got) <= std::numeric_limits<R>::min() ? 0 : 1e9;
  }
  const int exponent = std::ilogb(exact) - std::numeric_limits<R>::digits + 1;
  return static_cast<double>(std::abs(static_cast<long double>(got) - exact) /
                             std::ldexp(1.0L, exponent));
}

struct Exact {
  long double (*value)(const long double*);  // of the operands
  double low, high;                          // of random operands
  double error = 0.5;                        // in ulps
};

// For numbers of operands R: what rounds several times is checked apart.
const std::map<Opcode, Exact>& exact_of() {
  using X = const long double*;
  static const std::map<Opcode, Exact> all{
      {Opcode::MOV, {[](X x) { return x[0]; }, -9, 9}},
      {Opcode::ADD, {[](X x) { return x[0] + x[1]; }, -9, 9}},
      {Opcode::SUB, {[](X x) { return x[0] - x[1]; }, -9, 9}},
      {Opcode::MUL, {[](X x) { return x[0] * x[1]; }, -9, 9}},
      {Opcode::DIV, {[](X x) { return x[0] / x[1]; }, -9, 9}},
      {Opcode::NEG, {[](X x) { return -x[0]; }, -9, 9}},
      {Opcode::ABS, {[](X x) { return std::abs(x[0]); }, -9, 9}},
      {Opcode::MIN, {[](X x) { return x[0] < x[1] ? x[0] : x[1]; }, -9, 9}},
      {Opcode::MAX, {[](X x) { return x[0] > x[1] ? x[0] : x[1]; }, -9, 9}},
      {Opcode::SQRT, {[](X x) { return std::sqrt(x[0]); }, 0, 9}},
      {Opcode::EXP, {[](X x) { return std::exp(x[0]); }, -120, 120, 1}},
      {Opcode::EXPM1, {[](X x) { return std::expm1(x[0]); }, -30, 90, 1.5}},
      {Opcode::EXPREL, {[](X x) { return x[0] == 0 ? 1 : std::expm1(x[0]) / x[0]; }, -30, 80, 2.5}},
      {Opcode::LOG, {[](X x) { return std::log(x[0]); }, 1e-9, 30, 1}},
      {Opcode::LOG1P, {[](X x) { return std::log1p(x[0]); }, -0.9999, 30, 2}},
      {Opcode::SIN, {[](X x) { return std::sin(x[0]); }, -9, 9, 1}},
      {Opcode::COS, {[](X x) { return std::cos(x[0]); }, -9, 9, 1}},
      {Opcode::TAN, {[](X x) { return std::tan(x[0]); }, -9, 9, 1}},
      {Opcode::TANH, {[](X x) { return std::tanh(x[0]); }, -12, 12, 2.5}},
      {Opcode::SINH, {[](X x) { return std::sinh(x[0]); }, -9, 9, 2}},
      {Opcode::COSH, {[](X x) { return std::cosh(x[0]); }, -9, 9, 2}},
      {Opcode::ASIN, {[](X x) { return std::asin(x[0]); }, -1, 1, 1}},
      {Opcode::ACOS, {[](X x) { return std::acos(x[0]); }, -1, 1, 1}},
      {Opcode::ATAN, {[](X x) { return std::atan(x[0]); }, -9, 9, 1}},
      {Opcode::POW, {[](X x) { return std::pow(x[0], x[1]); }, 0.01, 9, 1}},
      {Opcode::FLOOR, {[](X x) { return std::floor(x[0]); }, -9, 9}},
      {Opcode::CEIL, {[](X x) { return std::ceil(x[0]); }, -9, 9}},
      {Opcode::SIGN, {[](X x) { return x[0] > 0   ? 1.0L
                                       : x[0] < 0 ? -1.0L
                                                  : 0.0L; }, -9, 9}},
      {Opcode::LT, {[](X x) -> long double { return x[0] < x[1]; }, -9, 9}},
      {Opcode::LE, {[](X x) -> long double { return x[0] <= x[1]; }, -9, 9}},
      {Opcode::EQ, {[](X x) -> long double { return x[0] == x[1]; }, -9, 9}},
      {Opcode::NE, {[](X x) -> long double { return x[0] != x[1]; }, -9, 9}},
      {Opcode::AND, {[](X x) -> long double { return x[0] != 0 && x[1] != 0; }, -9, 9}},
      {Opcode::OR, {[](X x) -> long double { return x[0] != 0 || x[1] != 0; }, -9, 9}},
      {Opcode::NOT, {[](X x) -> long double { return x[0] == 0; }, -9, 9}},
      {Opcode::SELECT, {[](X x) { return x[0] != 0 ? x[1] : x[2]; }, -9, 9}},
      {Opcode::TO_NUMBER, {[](X x) { return x[0]; }, -9, 9}},
  };
  return all;
}

// What an operation that rounds several times gives, in R.
template <class R>
R in_steps(Opcode op, const std::vector<R>& x) {
  const auto product = [&](std::size_t k) { return static_cast<R>(x[k] * x[k + 1]); };
  switch (op) {
    case Opcode::MOD: {
      const R quotient = x[0] / x[1];
      const R whole = static_cast<R>(std::floor(quotient) * x[1]);
      return x[0] - whole;
    }
    case Opcode::MULADD:
      return product(0) + x[2];
    case Opcode::LIN2:
      return product(0) + product(2);
    default: {
      const R two = product(0) + product(2);
      return two + product(4);
    }
  }
}

constexpr std::size_t n = 4096;

// Random operands, and in every second half of them special ones.
template <class R>
std::vector<std::vector<R>> operands_of(Opcode op, double low, double high, bool special) {
  const std::string_view kinds = opcodes()[static_cast<std::size_t>(op)].operands;
  constexpr R infinity = std::numeric_limits<R>::infinity();
  const std::vector<R> extremes{0,
                                -R(0),
                                1,
                                -1,
                                R(0.5),
                                R(-0.5),
                                infinity,
                                -infinity,
                                std::numeric_limits<R>::quiet_NaN(),
                                R(1e-20),
                                R(-1e-20),
                                R(1e-35),
                                R(1e30),
                                R(-1e30),
                                R(88.7),
                                R(88.8),
                                R(-87.3),
                                R(-87.4),
                                R(-103),
                                R(709.7),
                                R(709.8),
                                R(-708.3),
                                R(-708.5),
                                R(-745),
                                R(8388607.5),
                                R(-8388607.5),
                                R(4503599627370495.5),
                                R(3),
                                R(-2.5),
                                std::numeric_limits<R>::max(),
                                std::numeric_limits<R>::min()};
  std::vector<std::vector<R>> operands;
  for (std::uint32_t k = 0; k < kinds.size(); ++k) {
    std::vector<R> x = test::values<R>(n, low, high, 10 * static_cast<std::uint32_t>(op) + k);
    for (std::size_t i = 0; i < n; ++i) {
      if (kinds[k] == 'm') {
        x[i] = number_of<R>(x[i] > static_cast<R>((low + high) / 2));
      } else if (special) {
        x[i] = extremes[(k == 0 ? i : k == 1 ? i / extremes.size() : 7 * i + k) % extremes.size()];
      } else if (i % 7 == 0) {
        x[i] = std::floor(x[i]);  // ties, integers and zeros
      } else if (i % 7 == 1) {
        x[i] = x[i] * R(1e-6);
      }
    }
    operands.push_back(std::move(x));
  }
  return operands;
}

}  // namespace

TEST_CASE_TEMPLATE("operations: within their error of the exact value", R, float, double) {
  for (const auto& [op, exact] : exact_of()) {
    const OpcodeInfo& info = opcodes()[static_cast<std::size_t>(op)];
    CAPTURE(std::string(info.name));
    const auto operands = operands_of<R>(op, exact.low, exact.high, false);
    bool exists = false;
    const auto got = apply<R>(simd_level(), op, operands, 0, exists);
    REQUIRE(exists);
    for (std::size_t i = 0; i < n; ++i) {
      std::array<long double, 6> x{};
      bool outside = false;
      for (std::size_t k = 0; k < operands.size(); ++k) {
        x[k] = info.operands[k] == 'm' ? (is_set(operands[k][i]) ? 1.0L : 0.0L)
                                       : static_cast<long double>(operands[k][i]);
        outside = outside || x[k] < exact.low * (1 + 1e-6L) - 1e-6L;
      }
      const long double expected = exact.value(x.data());
      if (info.result == 'm') {
        CHECK(is_set(got[i]) == (expected != 0));
      } else if (!outside) {
        const double error = ulps(got[i], expected);
        if (error > exact.error) {
          CAPTURE(x[0]);
          CAPTURE(got[i]);
          CAPTURE(expected);
          CHECK(error <= exact.error);
        }
      }
    }
  }
}

TEST_CASE_TEMPLATE("operations that round several times, each time", R, float, double) {
  for (const Opcode op : {Opcode::MOD, Opcode::MULADD, Opcode::LIN2, Opcode::LIN3}) {
    const auto operands = operands_of<R>(op, -9, 9, false);
    bool exists = false;
    const auto got = apply<R>(simd_level(), op, operands, 0, exists);
    for (std::size_t i = 0; i < n; ++i) {
      std::vector<R> x;
      for (const auto& values : operands) {
        x.push_back(values[i]);
      }
      const R expected = in_steps(op, x);
      CHECK((got[i] == expected || (std::isnan(got[i]) && std::isnan(expected))));
    }
  }
}

TEST_CASE_TEMPLATE("operations: limits, infinities and what is not a number", R, float, double) {
  constexpr R infinity = std::numeric_limits<R>::infinity();
  for (const auto& [op, exact] : exact_of()) {
    const OpcodeInfo& info = opcodes()[static_cast<std::size_t>(op)];
    CAPTURE(std::string(info.name));
    const auto operands = operands_of<R>(op, exact.low, exact.high, true);
    bool exists = false;
    const auto got = apply<R>(simd_level(), op, operands, 0, exists);
    for (std::size_t i = 0; i < n; ++i) {
      std::array<long double, 6> x{};
      for (std::size_t k = 0; k < operands.size(); ++k) {
        x[k] = info.operands[k] == 'm' ? (is_set(operands[k][i]) ? 1.0L : 0.0L)
                                       : static_cast<long double>(operands[k][i]);
      }
      CAPTURE(x[0]);
      CAPTURE(x[1]);
      const long double expected = op == Opcode::EXPREL && x[0] == -infinity ? 0
                                   : op == Opcode::EXPREL && x[0] == infinity
                                       ? static_cast<long double>(infinity)
                                   : op == Opcode::SIGN && std::isnan(x[0]) ? x[0]
                                                                            : exact.value(x.data());
      if (info.result == 'm') {
        CHECK(is_set(got[i]) == (expected != 0));
      } else {
        CHECK(ulps(got[i], expected) <= std::max(exact.error, 0.5) + 0.5);
      }
    }
  }
}

TEST_CASE_TEMPLATE("operations: the same bits at each level, with single values or arrays", R,
                   float, double) {
  for (std::size_t k = 0; k < opcodes().size(); ++k) {
    const auto op = static_cast<Opcode>(k);
    CAPTURE(std::string(opcodes()[k].name));
    const auto found = exact_of().find(op);
    const double low = found == exact_of().end() ? -9 : found->second.low,
                 high = found == exact_of().end() ? 9 : found->second.high;
    for (const bool special : {false, true}) {
      auto operands = operands_of<R>(op, low, high, special);
      std::size_t forms = 0;
      for (unsigned single = 0; single < 1u << operands.size(); ++single) {
        auto spread = operands;
        for (std::size_t o = 0; o < operands.size(); ++o) {
          if ((single >> o & 1) != 0) {
            std::ranges::fill(spread[o], operands[o][5]);
          }
        }
        auto given = spread;
        for (std::size_t o = 0; o < operands.size(); ++o) {
          if ((single >> o & 1) != 0) {
            std::fill(given[o].begin() + 1, given[o].end(), R(1e9));  // not to be read
          }
        }
        bool exists = false;
        const auto expected = apply<R>(SimdLevel::baseline, op, spread, 0, exists);
        REQUIRE(exists);
        for (const SimdLevel level : available_simd_levels()) {
          auto got = apply<R>(level, op, given, single, exists);
          if (!exists) {
            continue;
          }
          ++forms;
          for (std::size_t i = 0; i < n; ++i) {  // payloads and signs of NaN may differ
            if (opcodes()[k].result == 'n' && std::isnan(got[i]) && std::isnan(expected[i])) {
              got[i] = expected[i];
            }
          }
          CHECK(test::same_bits(got, expected));
        }
      }
      CHECK(forms >= available_simd_levels().size());
    }
  }
}

}  // namespace test_core_program_operations
