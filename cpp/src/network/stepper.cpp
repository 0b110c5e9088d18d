#include "network/stepper.hpp"

#include <algorithm>

namespace spikelet {

template <class R>
void Stepper<R>::bind_arrays() {
  for (Partition<R>& partition : layout_.partitions) {
    partition.channel.clear();
    partition.reached.clear();
    for (const auto& store : partition.stores) {
      if (store && !partition.watch.many()) {
        store->fetch();
      }
    }
    for (Buffer<R>& buffer : partition.input) {
      partition.channel.push_back(buffer.data());
    }
    for (Slice<R>& slice : partition.slices) {
      if (network_.nodes[slice.node].neurons) {
        bind_neurons(partition, slice);
      }
    }
  }
}

template <class R>
void Stepper<R>::bind_neurons(Partition<R>& partition, Slice<R>& slice) {
  const Population<R>& neurons = *network_.nodes[slice.node].neurons;
  const Receptors& receptors = neurons.receptors();
  slice.args = neurons.step_args(network_.now);
  slice.args.step = network_.now;
  slice.step = {neurons.step_function(false), neurons.step_function(true)};
  slice.state = neurons.state_arrays();
  slice.target = {};
  // May lie before the buffer: it is indexed from slice.begin on.
  const auto element_0_of = [&]<class T>(T* buffer) {
    return reinterpret_cast<T*>(reinterpret_cast<std::uintptr_t>(buffer) +
                                (std::uintptr_t{slice.local} - slice.begin) * sizeof(T));
  };
  for (const int channel : receptors.early()) {
    const auto c = static_cast<std::size_t>(channel);
    slice.target.input[c] = element_0_of(partition.input[c].data());
  }
  slice.taken_in.clear();
  for (const auto& [channel, number] : receptors.late()) {
    const auto c = static_cast<std::size_t>(channel);
    R*& state = slice.state[static_cast<std::size_t>(number)];
    std::copy(state + slice.begin, state + slice.end, partition.input[c].data() + slice.local);
    state = slice.target.input[c] = element_0_of(partition.input[c].data());
    for (SliceSums& of : slice.sums) {
      std::uint32_t* const narrow = partition.sums[of.channel].at().narrow;
      if (of.channel == c && narrow != nullptr && !neurons.program()) {
        of.in_step = true;
        slice.taken_in.push_back({number, element_0_of(narrow), static_cast<R>(of.step)});
      }
    }
  }
  for (PlasticStore<R>* store : slice.plastic) {
    store->bind_targets(neurons, slice.state);
  }
  if (neurons.program()) {
    ProgramArrays<R> arrays = neurons.program_arrays();
    arrays.state = slice.state;
    arrays.channel.assign(slice.target.input.begin(), slice.target.input.end());
    arrays.begin = slice.begin;
    arrays.end = slice.end;
    slice.program = std::make_unique<ProgramRun<R>>(neurons.program(), std::move(arrays),
                                                    slice.node, network_.dt, network_.seed);
    slice.args.program = slice.program.get();
    if (!receptors.early().empty()) {
      partition.reached.resize((partition.elements + spare) / (64 * block_size) + 1);
      slice.args.reached_shift = std::ptrdiff_t{slice.local} - std::ptrdiff_t{slice.begin};
    }
    return;
  }
  std::ranges::copy(slice.state, slice.args.state.begin());
  slice.args.early = slice.target.input[early_channel];
}

template <class R>
void Stepper<R>::return_inputs() {
  for (const Node<R>& node : network_.nodes) {
    if (node.neurons) {
      node.neurons->leave(network_.now);
    }
  }
  for (Partition<R>& partition : layout_.partitions) {
    for (Slice<R>& slice : partition.slices) {
      const Node<R>& node = network_.nodes[slice.node];
      if (!node.neurons) {
        continue;
      }
      add_sums(partition, slice, slice.begin, slice.end);
      const std::vector<R*> own = node.neurons->state_arrays();
      for (const auto& [channel, state] : node.neurons->receptors().late()) {
        const R* from = partition.input[static_cast<std::size_t>(channel)].data() + slice.local;
        std::copy(from, from + (slice.end - slice.begin),
                  own[static_cast<std::size_t>(state)] + slice.begin);
      }
    }
  }
}

template <class R>
void Stepper<R>::advance(std::size_t p, Step begin, Step end, int parity) {
  Partition<R>& partition = layout_.partitions[p];
  std::vector<Gid>& spikes = partition.spikes[static_cast<std::size_t>(parity)];
  std::vector<std::size_t>& step_end = partition.step_end[static_cast<std::size_t>(parity)];
  spikes.clear();
  step_end.clear();
  for (Step step = begin; step < end; ++step) {
    deliver(partition, step, true);
    if (!partition.reached.empty()) {
      mark_reached(partition, step);
    }
    for (Slice<R>& slice : partition.slices) {
      const std::size_t before = spikes.size();
      emit(partition, slice, step, spikes);
      if (spikes.size() > before) {
        note(p, slice, {spikes.data() + before, spikes.size() - before}, step + 1);
      }
    }
    step_end.push_back(spikes.size());
    if (step + 1 < end) {
      complete(p, step);
    }
  }
}

template <class R>
void Stepper<R>::complete(std::size_t p, Step step) {
  Partition<R>& partition = layout_.partitions[p];
  deliver(partition, step, false);
  partition.watch.pass(step);
  for (const Slice<R>& slice : partition.slices) {
    if (!slice.samples.empty()) {
      sample(partition, slice, step + 1);
    }
  }
}

template <class R>
void Stepper<R>::deliver(Partition<R>& partition, Step step, bool early) const {
  partition.watch.for_busy(
      step, [&](std::size_t s) { partition.stores[s]->deliver(step, partition.channel, early); });
}

template <class R>
void Stepper<R>::mark_reached(Partition<R>& partition, Step step) const {
  std::ranges::fill(partition.reached, 0);
  partition.knows_reached = true;
  partition.watch.for_busy(step, [&](std::size_t s) {
    partition.knows_reached =
        partition.knows_reached && partition.stores[s]->mark_reached(partition.reached);
  });
}

// Appends the spikes of a slice in this step.
template <class R>
void Stepper<R>::emit(Partition<R>& partition, Slice<R>& slice, Step step,
                      std::vector<Gid>& spikes) {
  const Node<R>& node = network_.nodes[slice.node];
  if (node.events) {
    node.events->emit(step + 1, slice.begin, slice.end, node.first_gid, spikes);
  } else if (node.poisson) {
    node.poisson->emit(step + 1, slice.begin, slice.end, node.first_gid, spikes);
  } else {
    step_neurons(partition, slice, step, spikes);
  }
}

template <class R>
void Stepper<R>::step_neurons(Partition<R>& partition, Slice<R>& slice, Step step,
                              std::vector<Gid>& spikes) {
  StepArgs<R>& args = slice.args;
  if (args.peak != nullptr) {
    std::fill(args.peak + slice.begin, args.peak + slice.end, Population<R>::no_peak);
  }
  InjectionTarget<R>& target = slice.target;
  Gid* scratch = partition.scratch.data();
  for (const Segment<R>& segment : slice.inputs.at(step)) {
    args.drives = segment.drives;
    // Inputs that act before the step act on that to which sums and early events are added.
    const bool none_before = segment.before.empty();
    args.sums = none_before ? std::span<const StateSums<R>>(slice.taken_in)
                            : std::span<const StateSums<R>>();
    args.external = nullptr;
    args.reached = partition.knows_reached && none_before ? partition.reached.data() : nullptr;
    for (std::size_t begin = segment.begin; begin < segment.end; begin += step_chunk) {
      const std::size_t end = std::min<std::size_t>(begin + step_chunk, segment.end);
      if (segment.external) {
        args.external = target.external = partition.external_of(begin);
        std::fill(target.external + begin, target.external + end, R(0));
      }
      add_sums(partition, slice, begin, end, none_before);
      for (Injector<R>* input : segment.before) {
        input->apply(step, begin, end, target);
      }
      const Gid* last = slice.step[segment.external](args, begin, end, scratch);
      for (Injector<R>* input : segment.after) {
        input->apply(step, begin, end, target);
      }
      spikes.insert(spikes.end(), static_cast<const Gid*>(scratch), last);
    }
  }
  ++args.now;
  ++args.step;
}

// without_taken_in: only those that the step does not take in by itself.
template <class R>
void Stepper<R>::add_sums(Partition<R>& partition, const Slice<R>& slice, std::size_t begin,
                          std::size_t end, bool without_taken_in) const {
  for (const SliceSums& of : slice.sums) {
    if (!without_taken_in || !of.in_step) {
      kernels().add_sums<R>()(partition.sums[of.channel].at(), slice.local + begin - slice.begin,
                              end - begin, static_cast<R>(of.step),
                              slice.target.input[of.channel] + begin);
    }
  }
}

template <class R>
void Stepper<R>::note(std::size_t partition, const Slice<R>& slice, std::span<const Gid> spikes,
                      Step stamp) {
  const Gid first_gid = network_.nodes[slice.node].first_gid;
  if (slice.plastic_index) {
    for (const Gid& spike : spikes) {
      for (const StoreIndex::Visit& visit : slice.plastic_index.of(spike)) {
        slice.plastic[visit.store]->note_posts({&spike, 1}, first_gid, stamp);
      }
    }
  } else {
    for (PlasticStore<R>* store : slice.plastic) {
      store->note_posts(spikes, first_gid, stamp);
    }
  }
  for (const std::size_t k : slice.spike_recorders) {
    recorders_.spikes[k].note(partition, spikes, first_gid, stamp);
  }
}

template <class R>
void Stepper<R>::sample(Partition<R>& partition, const Slice<R>& slice, Step stamp) {
  const auto due = [&](const auto& sampled) {
    return !sampled.runs.empty() && recorders_.states[sampled.recorder].samples(stamp);
  };
  if (!slice.sums.empty() && std::ranges::any_of(slice.samples, due)) {
    add_sums(partition, slice, slice.begin, slice.end);
  }
  for (const auto& [k, runs] : slice.samples) {
    StateRecorder<R>& recorder = recorders_.states[k];
    if (runs.empty() || !recorder.samples(stamp)) {
      continue;
    }
    const Population<R>& neurons = *network_.nodes[slice.node].neurons;
    const R* state = recorder.state < slice.state.size() ? slice.state[recorder.state] : nullptr;
    R* row = recorder.row(stamp);
    for (const auto& [column, element, length] : runs) {
      if (recorder.before_reset) {
        neurons.sample_before_reset(element, length, state, row + column);
      } else {
        neurons.sample(recorder.state, element, length, state, row + column);
      }
    }
  }
}

template class Stepper<float>;
template class Stepper<double>;

}  // namespace spikelet
