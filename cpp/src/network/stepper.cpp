#include "network/stepper.hpp"

#include <algorithm>

namespace spikelet {

template <class R>
void Stepper<R>::bind_arrays() {
  for (Partition<R>& partition : layout_.partitions) {
    for (Slice<R>& slice : partition.slices) {
      Node<R>& node = network_.nodes[slice.node];
      if (!node.neurons) {
        continue;
      }
      slice.args = node.neurons->step_args(network_.now);
      slice.args.step = network_.now;
      slice.step = {node.neurons->step_function(false), node.neurons->step_function(true)};
      const auto at_element_0 =
          [&](int channel) {  // may lie before the buffer: it is indexed from slice.begin on
            return reinterpret_cast<R*>(
                reinterpret_cast<std::uintptr_t>(
                    partition.input[static_cast<std::size_t>(channel)].data()) +
                (std::uintptr_t{slice.local} - slice.begin) * sizeof(R));
          };
      slice.args.early = at_element_0(early_channel);
      slice.target = {{nullptr, nullptr, slice.args.early}, nullptr};
      const auto inputs = node.neurons->model().input_states;
      for (std::size_t c = 0; c < inputs.size(); ++c) {
        R*& state = slice.args.state[static_cast<std::size_t>(inputs[c])];
        std::copy(state + slice.begin, state + slice.end, partition.input[c].data() + slice.local);
        state = slice.target.input[c] = at_element_0(static_cast<int>(c));
      }
    }
  }
}

template <class R>
void Stepper<R>::return_inputs() {
  for (Partition<R>& partition : layout_.partitions) {
    for (Slice<R>& slice : partition.slices) {
      const Node<R>& node = network_.nodes[slice.node];
      if (!node.neurons) {
        continue;
      }
      const StepArgs<R> own = node.neurons->step_args(network_.now);
      const auto inputs = node.neurons->model().input_states;
      for (std::size_t c = 0; c < inputs.size(); ++c) {
        const R* from = partition.input[c].data() + slice.local;
        std::copy(from, from + (slice.end - slice.begin),
                  own.state[static_cast<std::size_t>(inputs[c])] + slice.begin);
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
  for (const Slice<R>& slice : partition.slices) {
    sample(slice, step + 1);
  }
}

template <class R>
void Stepper<R>::deliver(Partition<R>& partition, Step step, bool early) const {
  const std::array<R*, max_channels> input{partition.input[0].data(), partition.input[1].data(),
                                           partition.input[2].data()};
  for (const auto& store : partition.stores) {
    if (store) {
      store->deliver(step, input, early);
    }
  }
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
    args.external = nullptr;
    for (std::size_t begin = segment.begin; begin < segment.end; begin += step_chunk) {
      const std::size_t end = std::min<std::size_t>(begin + step_chunk, segment.end);
      if (segment.external) {
        args.external = target.external = partition.external_of(begin);
        std::fill(target.external + begin, target.external + end, R(0));
      }
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

template <class R>
void Stepper<R>::note(std::size_t partition, const Slice<R>& slice, std::span<const Gid> spikes,
                      Step stamp) {
  const Gid first_gid = network_.nodes[slice.node].first_gid;
  for (PlasticStore<R>* store : slice.plastic) {
    store->note_posts(spikes, first_gid, stamp);
  }
  for (const std::size_t k : slice.spike_recorders) {
    recorders_.spikes[k].note(partition, spikes, first_gid, stamp);
  }
}

template <class R>
void Stepper<R>::sample(const Slice<R>& slice, Step stamp) {
  for (const auto& [k, columns] : slice.samples) {
    StateRecorder<R>& recorder = recorders_.states[k];
    if (columns.empty() || !recorder.samples(stamp)) {
      continue;
    }
    const Population<R>& neurons = *network_.nodes[slice.node].neurons;
    R* values = recorder.row(stamp);
    if (recorder.before_reset) {
      for (const std::uint32_t column : columns) {
        values[column] = neurons.before_reset(recorder.elements[column]);
      }
      continue;
    }
    // Potentials are converted, and theta is no state of the kernels.
    if (recorder.state == 0 || recorder.state == neurons.state_count() - 1) {
      for (const std::uint32_t column : columns) {
        values[column] = neurons.state_of(recorder.state, recorder.elements[column]);
      }
    } else {
      const R* state = slice.args.state[recorder.state];
      for (const std::uint32_t column : columns) {
        values[column] = state[recorder.elements[column]];
      }
    }
  }
}

template class Stepper<float>;
template class Stepper<double>;

}  // namespace spikelet
