// A plasticity rule as the engine sees it: names, time constants, bounds, compiled loops. The rules
// themselves are the headers in src/core/plasticity/, listed in plasticity_rules.hpp there.
//
// A rule sees traces of the source's and the target's spikes and changes one weight at a time. At a
// spike of the target the weight goes up by the source's trace times post_factor(), at a spike of
// the source it goes down by the target's trace times pre_factor(); see
// docs/adding_a_plasticity_rule.md.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "spikelet/core/decay.hpp"
#include "spikelet/core/line.hpp"
#include "spikelet/core/types.hpp"

namespace spikelet {

// Which pairs of spikes count (Morrison, Diesmann & Gerstner 2008).
enum class Pairing : int {
  all_to_all,
  nearest_symmetric,
  nearest_pre_centered,
  nearest_restricted
};

// The traces a rule may use; a time constant of 0 means that it does not use that trace.
enum Trace : int { trace_pre, trace_post, trace_pre_2, trace_post_2 };
inline constexpr int trace_count = 4;

class EventRule;

struct PlasticityInfo {
  std::string_view name;
  std::span<const std::string_view> parameters;
  bool summable;         // several potentiations may be summed and applied as one
  bool modulated;        // changes go to an eligibility trace, and with a reward to the weight
  bool idle_depression;  // depression changes a weight even if the target has not fired
  bool keeps_sign;       // of a weight
  bool short_term;       // weights stay; each spike of a source is scaled by a factor
  // Time constants of the traces [ms], by Trace; bounds of the weight.
  std::array<double, trace_count> (*time_constants)(const double* parameters);
  std::array<double, 2> (*bounds)(const double* parameters);
};

// Where a modulated rule has its reward's parameters: decay of the reward and of the eligibility
// [ms], reward at which nothing is learned.
inline constexpr int reward_tau = 6, reward_tau_eligibility = 7, reward_baseline = 8;

// All rules, in the order of the kernel table.
std::span<const PlasticityInfo> plasticity_rules();

// Index of the rule of that name; throws std::invalid_argument that lists the names.
std::size_t find_plasticity(std::string_view name);

// Parameters that differ from synapse to synapse: by parameter, a value for each synapse in
// canonical order, or nothing where all share one.
using SynapseParameters = std::vector<std::vector<double>>;

// The rule of one projection, with its parameters.
struct Plasticity {
  std::size_t rule = 0;
  std::vector<double> parameters;
  Pairing pairing = Pairing::all_to_all;
  bool tie_potentiates = true;  // a tie potentiates after that spike is sent, or is dropped (NEST)
  double axonal_fraction = 0;   // of each delay; the rest is dendritic
  // Of short-term rules, and of those from text; often none.
  std::shared_ptr<const SynapseParameters> varied{};
  std::shared_ptr<const EventRule> events{};  // of a rule from text
  std::uint64_t seed = 0;                     // the network's, for a rule that draws numbers

  const PlasticityInfo& info() const { return plasticity_rules()[rule]; }
};

// What a synapse of a closed row looks up of its target, together: the sum of potentiations in the
// epoch of now, the trace, and the sum of the epoch before.
template <class R>
struct alignas(4 * sizeof(R)) ClosedTarget {
  R grown, k_minus, ended;
};

// Rows in the order in which they are updated, of which those that come next are fetched: always
// `ahead` synapses beyond those updated.
template <class R>
class RowsAhead {
 public:
  static constexpr std::size_t block = 64, lead = 512;  // synapses

  struct Row {
    const R *weight, *own;  // own: if synapses have another value
    const std::uint16_t* target;
    std::size_t n;
    const std::uint16_t* dendritic = nullptr;  // if synapses have their own
  };

  RowsAhead() = default;
  explicit RowsAhead(std::span<const Row> rows, std::size_t ahead = lead) : rows_(rows) {
    advance(ahead);
  }

  // So many synapses more are updated. Lines are fetched in bursts: a prefetch whose page is not in
  // the translation buffer holds up the loads behind it, but not other prefetches.
  void advance(std::size_t synapses) {
    due_ += static_cast<std::ptrdiff_t>(synapses);
    while (due_ > 0 && !rows_.empty()) {
      const Row& row = rows_.front();
      const std::size_t left = row.n - at_, n = left <= block + block / 2 ? left : block;
      fetch(row.weight + at_, n);
      fetch(row.target + at_, n);
      if (row.own != nullptr) {
        fetch(row.own + at_, n);
      }
      if (row.dendritic != nullptr) {
        fetch(row.dendritic + at_, n);
      }
      due_ -= static_cast<std::ptrdiff_t>(n);
      at_ += n;
      if (at_ == row.n) {
        rows_ = rows_.subspan(1);
        at_ = 0;
      }
    }
  }

 private:
  template <class T>
  static void fetch(const T* from, std::size_t n) {
    constexpr std::size_t line = 64 / sizeof(T);
    if (n == block) {
#pragma GCC unroll 8
      for (std::size_t k = 0; k < block; k += line) {
        fetch_line(from + k);
      }
      return;
    }
    for (std::size_t k = 0; k < n; k += line) {
      fetch_line(from + k);
    }
    fetch_line(from + n - 1);  // which may lie on one more line
  }

  std::span<const Row> rows_;
  std::size_t at_ = 0;      // of the first
  std::ptrdiff_t due_ = 0;  // synapses to be fetched
};

// A source's spike on a row whose potentiation is kept in closed form: since the row's last update
// its targets' potentiation has grown from `seen` to the sum of now; the difference times `up` is
// what the weights get. Epochs that ended in between come first.
template <class R>
struct ClosedRow {
  R* weight;
  R* seen;
  const std::uint16_t* target;
  std::size_t n;
  const ClosedTarget<R>* at;  // by target
  R up;
  R down;    // factor of the trace
  R sign;    // of what is sent
  R* input;  // by target; none: nothing is sent and nothing depresses
  // By target, of each ended epoch but the last, the oldest first.
  const R* const* ended;
  const R* ended_up;              // of all of them
  int n_ended;                    // `seen` belongs to the oldest
  RowsAhead<R>* ahead = nullptr;  // to be fetched meanwhile
};

// The last spike of a target and the one before it, or `never`, and the traces with them; together,
// as they are looked up.
template <class R>
struct alignas(4 * sizeof(R)) NewestSpikes {
  std::int32_t stamp, stamp_before;
  R trace, trace_before;
};

// So many values follow the last target's in a column by target: kernels read that far from any
// target on.
inline constexpr std::size_t column_padding = 32;

// The same in columns, for targets that lie close together.
template <class R>
struct NewestColumns {
  const std::int32_t *stamp, *stamp_before;
  const R *trace, *trace_before;
};

// The spikes of the targets of a row that replays them: the latest few of each target together, the
// newest last, and all of them, those of a target at [.., end), the oldest first. Spikes that never
// were come before the first.
template <class R>
struct TargetSpikes {
  static constexpr std::int32_t never = -(std::int32_t{1} << 30);
  static constexpr std::uint32_t kept = 8;  // of each target

  const NewestSpikes<R>* newest;  // by target
  NewestColumns<R> column;        // by target
  const std::int32_t* latest;     // by target, `kept` each, and as many more: stamps
  const R* latest_factor;         // the factors of potentiation; none: the row's is for all
  const std::uint32_t* end;       // by target
  const std::int32_t* stamp;      // by spike
  const R* trace;                 // by spike: with it
  const R* factor;                // by spike
};

// Decay over the first steps; `beyond` has the others, unless all of them are 0.
template <class R>
struct DecayTable {
  const R* factor;
  std::int32_t count;
  const Decay<R>* beyond;
};

// A row that is brought up to date with its targets' spikes. All times have the base of the stamps.
// They are those at which a target's spike leaves that is at the synapse then; or, if synapses have
// dendritic parts of their own, those at the synapse.
template <class R>
struct ReplayedRow {
  R* weight;
  R* own;  // by synapse: the source's trace of nearest_pre_centered, or the eligibility; or none
  const std::uint16_t* target;
  const std::uint16_t* dendritic;  // by synapse: steps from a target to it; or none
  std::size_t n;
  std::int32_t from, to;  // spikes in (from, to] potentiate, unless pre is 0
  std::int32_t last;      // the row's last spike of its source
  std::int32_t time;      // if rows depress: a spike of the source is at the synapses
  const R* post;          // by target: the trace that depresses then; or none: it is looked up
  R pre;                  // the source's trace then
  R down;                 // factor of depression
  R own_decay;            // of `own`, since the last spike
};

// What the rows of one call share.
template <class R>
struct Replaying {
  TargetSpikes<R> posts;
  DecayTable<R> pre_decay, post_decay;
  R up;                           // factor of potentiation
  std::int32_t tie;               // 1: ties potentiate
  bool first_only;                // nearest_restricted
  bool depresses;                 // at a spike of the source
  RowsAhead<R>* ahead = nullptr;  // to be fetched meanwhile
};

// What a reward does from each step of a stretch on. From a to b, an eligibility of 1 becomes
// weight (b.sum - a.sum) * a.rise, and a.rise * b.fall of it is left. Kernels look up one pair of
// each.
struct alignas(16) RewardFrom {
  double rise, sum;
};
struct alignas(16) RewardUntil {
  double sum, fall;
};

// A row of a modulated rule at a spike of its source, all of whose synapses were last touched at
// the same step; `own` is the eligibility. Steps have the base of `Modulating`.
template <class R>
struct ModulatedRow {
  ReplayedRow<R> row;
  // When the synapses were last touched; the source's last spike, and this one.
  std::int32_t touched, last, time;
};

// What the rows of one call share. Stretches have 2^shift steps, and slots in the tables
// (reward_sums.hpp). The sums over a span that begins at `from` are in the slot of that step's
// stretch: ((from & slot) << reward_reach_bits) + (from & within) entries from the start, and those
// of later steps up to `size` behind the stretch's start follow. For a span beyond, `passed`
// computes them.
inline constexpr int reward_reach_bits = 2;
template <class R>
struct Modulating {
  Replaying<R> how;
  R low, high;  // limits of weights
  const RewardFrom* reward_from;
  const RewardUntil* reward_until;
  std::int32_t shift, within, slot, size;  // within: of steps in a stretch; slot: of slots
  Step base;
  const void* signal;
  void (*passed)(const void* signal, Step from, Step to, double& integral, double& decay);
};

// Compiled loops of one rule at one SIMD level. `parameters` are the rule's.
template <class R>
struct PlasticKernels {
  // Factors of one spike, from the second trace before it.
  R (*pre_factor)(const double* parameters, R trace);
  R (*post_factor)(const double* parameters, R trace);
  // A source's spike on its row of a dense block: depresses by k_minus * down where a block of
  // targets is active, then adds sign * weight to the input.
  void (*dense_row)(const double* parameters, R* weight, const R* k_minus,
                    const std::uint8_t* active, R down, R sign, R* input, std::size_t n);
  // A target's spike on its column.
  void (*dense_column)(const double* parameters, R* weight, std::size_t stride, const R* k_plus,
                       R up, std::size_t n);
  void (*closed_row)(const double* parameters, const ClosedRow<R>& row);
  // Unless modulated: several rows, which differ.
  void (*replayed_rows)(const double* parameters, const Replaying<R>& how,
                        std::span<const ReplayedRow<R>> rows);
  // If modulated: the same.
  void (*modulated_rows)(const double* parameters, const Modulating<R>& how,
                         std::span<const ModulatedRow<R>> rows);
  // For any rule: the traces that depress at a time, of all targets, unless pairs are restricted.
  void (*traces_at)(const Replaying<R>& how, std::int32_t time, std::span<R> traces);
  // For any rule: sums += |row|; row = row * factors within [low, high].
  void (*add_row)(const R* row, double* sums, std::size_t n);
  void (*scale_row)(R* row, const R* factors, R low, R high, std::size_t n);
};

}  // namespace spikelet
