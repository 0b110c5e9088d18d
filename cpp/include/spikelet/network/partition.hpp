// A partition: the unit of work that only one thread touches. It owns slices of the nodes, the
// arrays that events are added to, and all synapses onto its neurons.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "spikelet/core/buffer.hpp"
#include "spikelet/core/kernels.hpp"
#include "spikelet/network/injector.hpp"
#include "spikelet/network/mail.hpp"
#include "spikelet/network/plastic_store.hpp"
#include "spikelet/network/slice_inputs.hpp"
#include "spikelet/network/store.hpp"

namespace spikelet {

inline constexpr std::size_t step_chunk =
    2048;  // elements that stay in the first-level cache between input and update

// The columns of a state recorder whose elements lie in one slice.
struct SampledColumns {
  std::size_t recorder;
  std::vector<std::uint32_t> columns;
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
  std::vector<PlasticStore<R>*> plastic;  // stores that need its spikes
  std::vector<std::size_t> spike_recorders;
  std::vector<SampledColumns> samples;
};

template <class R>
struct alignas(128) Partition {
  std::vector<Slice<R>> slices;
  std::array<Buffer<R>, max_channels>
      input;  // during a run: the input states of all neurons, and the early buffer
  std::vector<std::unique_ptr<SynapseStore<R>>> stores;
  std::array<std::vector<Gid>, 2> spikes;            // of an interval, double-buffered
  std::array<std::vector<std::size_t>, 2> step_end;  // where the spikes of each step end
  Buffer<Gid> scratch;
  Buffer<R> external;  // the injected current of a chunk
  // Double-buffered: a slot is written again only after every reader has answered with the interval
  // in between.
  std::unique_ptr<std::array<Mail, 2>> mail;

  // `external`, indexed as elements are, for the chunk that begins there.
  R* external_of(std::size_t begin) {
    return reinterpret_cast<R*>(reinterpret_cast<std::uintptr_t>(external.data()) -
                                begin * sizeof(R));
  }
};

}  // namespace spikelet
