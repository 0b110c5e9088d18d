// A partition: the unit of work that only one thread touches. It owns slices of the nodes, the
// arrays that events are added to, and all synapses onto its neurons.
#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "spikelet/core/buffer.hpp"
#include "spikelet/core/fetch.hpp"
#include "spikelet/core/kernels.hpp"
#include "spikelet/core/program_run.hpp"
#include "spikelet/network/injector.hpp"
#include "spikelet/network/integer_sums.hpp"
#include "spikelet/network/mail.hpp"
#include "spikelet/network/plastic_store.hpp"
#include "spikelet/network/slice_inputs.hpp"
#include "spikelet/network/store.hpp"
#include "spikelet/network/store_watch.hpp"

namespace spikelet {

inline constexpr std::size_t step_chunk =
    2048;  // elements that stay in the first-level cache between input and update

// The columns of a state recorder whose elements lie in one slice: runs of neighbouring columns
// that hold neighbouring elements.
struct SampledColumns {
  struct Run {
    std::uint32_t column, element, length;
  };
  std::size_t recorder;
  std::vector<Run> runs;

  void add(std::uint32_t column, std::uint32_t element) {
    if (!runs.empty() && column == runs.back().column + runs.back().length &&
        element == runs.back().element + runs.back().length) {
      ++runs.back().length;
    } else {
      runs.push_back({column, element, 1});
    }
  }
};

struct SliceSums {
  std::size_t channel;
  double step;
  bool in_step = false;  // a step takes them in: they are among Slice::taken_in
};

// The part of a node that a partition owns.
template <class R>
struct Slice {
  std::size_t node;
  std::uint32_t begin, end;  // elements; whole blocks
  std::uint32_t local;       // first place in the partition's buffers
  StepArgs<R> args;
  std::array<StepFunction<R>, 2> step{};  // without and with an injected current
  InjectionTarget<R> target{};
  SliceInputs<R> inputs;
  std::vector<R*> state;                   // by number, indexed from element 0 on
  std::vector<SliceSums> sums;             // integer ones of the partition that become its input
  std::vector<StateSums<R>> taken_in;      // those that a step takes in with its states
  std::unique_ptr<ProgramRun<R>> program;  // of neurons that a program moves
  std::vector<PlasticStore<R>*> plastic;   // stores that need its spikes
  StoreIndex plastic_index;                // of many: those of an element
  std::vector<std::size_t> spike_recorders;
  std::vector<SampledColumns> samples;

  // Prefetches what the last step used. Only its inputs are read here: the rest may be gone.
  void fetch() const {
    inputs.fetch_drives();
    const auto whole = [&](const auto* array) {
      if (array != nullptr) {
        fetch_if_small(array + begin, (end - begin) * sizeof(*array));
      }
    };
    for (const R* array : state) {
      whole(array);
    }
    for (const R* array : args.state) {
      whole(array);
    }
    whole(args.early);
    whole(args.theta);
    whole(args.hold);
    whole(args.held_until);
    for (std::size_t k = 0; k < args.coefficient.size() && args.coefficient[k] != nullptr; ++k) {
      args.index_mask[k] != 0 ? whole(args.coefficient[k]) : fetch_line(args.coefficient[k]);
    }
    args.t_ref_mask != 0 ? whole(args.t_ref) : fetch_line(args.t_ref);
  }
};

template <class R>
struct alignas(128) Partition {
  std::vector<Slice<R>> slices;
  std::size_t elements = 0;  // of neurons: their places in the buffers come before the spare ones
  // By channel; during a run: the input states of all neurons, and what early channels sum. Empty
  // where no neuron has such a channel.
  std::vector<Buffer<R>> input;
  std::vector<R*> channel;        // where each of these begins
  std::vector<IntegerSums> sums;  // by channel, as far as they are needed
  std::vector<std::unique_ptr<SynapseStore<R>>> stores;
  StoreWatch watch;                                  // of these, by the same numbers
  std::array<std::vector<Gid>, 2> spikes;            // of an interval, double-buffered
  std::array<std::vector<std::size_t>, 2> step_end;  // where the spikes of each step end
  // For programs with early receptors: a bit for each block that the events of this step reached,
  // if it is known.
  std::vector<std::uint64_t> reached;
  bool knows_reached = false;
  Buffer<Gid> scratch;
  Buffer<R> external;  // the injected current of a chunk
  // Double-buffered: a slot is written again only after every reader has answered with the interval
  // in between.
  std::unique_ptr<std::array<Mail, 2>> mail;

  void need_channel(int number) {
    const auto k = static_cast<std::size_t>(number);
    input.resize(std::max(input.size(), k + 1));
    input[k].resize(elements + spare);
  }
  void need_sums(int number) {
    const auto k = static_cast<std::size_t>(number);
    sums.resize(std::max(sums.size(), k + 1));
    if (sums[k].empty()) {
      sums[k].resize(elements, spare);
    }
  }
  // Prefetches what the next steps need, in stages 2 to 4.
  void fetch(int stage) const {
    if (stage == 2) {
      fetch_values(slices);
      fetch_values(stores);
      fetch_values(input);
      if (mail) {
        fetch_object(*mail);
      }
      fetch_values(channel);
      fetch_line(scratch.data());
      watch.fetch();
      for (std::size_t k = 0; k < spikes.size(); ++k) {
        fetch_line(spikes[k].data());
        fetch_line(step_end[k].data());
      }
      return;
    }
    for (const Slice<R>& slice : slices) {
      stage == 3 ? slice.inputs.fetch() : slice.fetch();
    }
    constexpr std::size_t store_bytes = 1024;  // at most, of most kinds
    for (const auto& store : stores) {
      if (store) {
        stage == 3 ? fetch_if_small(store.get(), store_bytes) : store->fetch_ahead();
      }
    }
    for (const auto& buffer : input) {
      fetch_values(buffer);
    }
  }
  // `external`, indexed as elements are, for the chunk that begins there.
  R* external_of(std::size_t begin) {
    return reinterpret_cast<R*>(reinterpret_cast<std::uintptr_t>(external.data()) -
                                begin * sizeof(R));
  }
};

}  // namespace spikelet
