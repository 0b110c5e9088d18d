// Runs a layered network for T steps over a batch. As nothing flows back, it runs each layer over
// all steps before the next one, which gives the same results as step by step and keeps the weights
// of one layer in the cache. A sample belongs to one thread, so that no result depends on their
// number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "spikelet/layers/description.hpp"
#include "spikelet/layers/graph.hpp"

namespace spikelet::layers {

// How an engine holds the values of a node. constant: one array for all steps. sequence: one array
// per step. spikes: bits. current: a linear function of spikes, stored as one array per step only
// if needed.
enum class Form { constant, sequence, spikes, current };
enum class What { spikes, potential, mean, value, packed };

// The values of one input, in its form.
//   constant  [count][c][y][x]
//   sequence  [steps][count][c][y][x]
//   spikes    the same, of -1, 0, 1
//   packed    [count][packed_size]
template <class R>
struct Given {
  const R* analog = nullptr;
  const std::int8_t* spikes = nullptr;
  const std::uint8_t* packed = nullptr;
};

// When a sample may end before the last step: at the first check at which the mean output so far of
// a node is certain enough.
struct Until {
  std::size_t node;  // its mean must be recorded
  enum class Of {
    margin,  // by which the greatest channel leads at each place; at least the (finite) limit
    change   // of each value since the last check; less than the limit
  } of;
  std::vector<std::size_t> checks;  // after so many steps, rising
  std::vector<double> limits;       // of each check
};

template <class R>
struct Batch {
  std::vector<Given<R>> inputs;
  std::size_t count, steps;
  std::size_t delay = 0;  // means are over the steps from here on
  std::optional<Until> until;
  R* so_far = nullptr;  // of the node of `until`: its mean at each check, [checks][count][c][y][x]
};

// What is recorded of a node, for each sample.
//   spikes     [steps][count][c][y][x], in amplitudes
//   potential  the same, after reset
//   value      the same: the node's output at each step
//   mean       [count][c][y][x]
//   packed     [count][packed_size]: spikes as bits, which may be the input of another run
template <class R>
struct Record {
  std::size_t node;
  What what;
  R* out = nullptr;
  std::int8_t* whole = nullptr;    // spikes of one size, instead of `out`
  std::uint8_t* packed = nullptr;  // packed spikes, instead of `out`
};

struct NodeCounts {
  std::uint64_t spikes = 0;     // sent
  std::uint64_t additions = 0;  // one weight for one spike
  std::uint64_t products = 0;   // one weight for one analog input that is not 0, at each step
};

template <class R>
class Engine {
 public:
  // Records are named here, and nothing else is kept. `whole`: weights are rounded to 16 bits where
  // a neuron's input consists of spikes alone; sums are then exact.
  // `sizes`: of all spikes, by step; the input of neurons and all means are weighted with them.
  // Empty if all are 1.
  Engine(const Graph& graph, bool whole, std::span<const std::pair<std::size_t, What>> records,
         std::span<const double> sizes = {});
  ~Engine();
  Engine(Engine&&) noexcept;

  Form form(std::size_t node) const;
  // The input of another graph that takes the packed spikes of a node which sends them.
  Input packed_input(std::size_t node) const;
  // Bytes of the packed spikes of one sample; 0 for nodes that send none.
  std::size_t packed_size(std::size_t node, std::size_t steps) const;

  // Throws std::invalid_argument unless the batch has the forms of the inputs, and steps that the
  // graph allows. The caller checks the sizes of its arrays.
  void check(const Batch<R>& batch, int threads) const;

  // Whether the mean output so far is one of the whole network at each step. It is not if a node
  // waits for the mean of spikes, and others for that node.
  bool is_anytime() const;

  // Counts are summed over the batch. `taken` gets the steps of each sample, if it is not empty;
  // records are 0 from there on. One thread calls `keep_going(done)` occasionally; returns how many
  // samples were run.
  std::size_t run(const Batch<R>& batch, std::span<const Record<R>> records, int threads,
                  std::span<NodeCounts> counts, std::span<std::int64_t> taken = {},
                  const std::function<bool(std::size_t)>& keep_going = {}) const;

  // What it computes, node by node.
  std::vector<NodeDescription> describe() const;

  struct Plan;

 private:
  std::unique_ptr<const Plan> plan_;
};

// Multiplications of the convolution at `node` in one step if no input is 0; 0 for other nodes.
std::uint64_t dense_operations(const Graph& graph, std::size_t node);

}  // namespace spikelet::layers
