// Bindings of fused training steps of neurons. Arrays are views of tensors: nothing is copied or
// converted here, and what does not fit is refused. Arguments are explained in torch/ops.py.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <array>
#include <optional>
#include <stdexcept>
#include <string>

#include "spikelet/core/pool.hpp"
#include "spikelet/train/neuron.hpp"
#include "spikelet/train/recurrent.hpp"

namespace py = pybind11;
using namespace spikelet;
using namespace spikelet::train;

namespace {

using Optional = std::optional<py::array>;

// What a Cell is, without its parameters.
struct Spec {
  Charge charge;
  Reset reset;
  When when;
  bool strict, detached, synapse, adaptive;
  Surrogate surrogate;
  double alpha, gain, rest, v_reset;
  std::array<double, 5> constants;
  std::vector<double> table;
  double table_low, table_step;
};

// The data of an array of so many values, or null for None.
template <class R>
const R* data(const Optional& array, std::size_t n) {
  if (!array) {
    return nullptr;
  }
  if (!py::isinstance<py::array_t<R>>(*array) || (array->flags() & py::array::c_style) == 0 ||
      static_cast<std::size_t>(array->size()) != n) {
    throw std::invalid_argument("array must be contiguous, of the type of the input, with " +
                                std::to_string(n) + " values");
  }
  return static_cast<const R*>(array->data());
}
template <class R>
R* out(const Optional& array, std::size_t n) {
  const R* p = data<R>(array, n);
  if (p != nullptr && !array->writeable()) {
    throw std::invalid_argument("array must be writeable");
  }
  return const_cast<R*>(p);
}

// A parameter given as (values, inner), else the constant of the spec.
using Given = std::array<std::optional<std::pair<py::array, std::size_t>>, 5>;

template <class R>
struct Built {
  Cell<R> cell;
  std::array<R, 5> constants;

  Built(const Spec& spec, const Given& given, std::size_t size) {
    cell.charge = spec.charge;
    cell.reset = spec.reset;
    cell.when = spec.when;
    cell.strict = spec.strict;
    cell.detached = spec.detached;
    cell.synapse = spec.synapse;
    cell.adaptive = spec.adaptive;
    cell.surrogate = spec.surrogate;
    cell.alpha = static_cast<R>(spec.alpha);
    cell.gain = static_cast<R>(spec.gain);
    cell.rest = static_cast<R>(spec.rest);
    cell.v_reset = static_cast<R>(spec.v_reset);
    cell.table.assign(spec.table.begin(), spec.table.end());
    cell.table_low = static_cast<R>(spec.table_low);
    cell.table_step = static_cast<R>(spec.table_step);
    Groups<R>* const groups[] = {&cell.leak, &cell.threshold, &cell.syn_decay, &cell.adapt_decay,
                                 &cell.boost};
    for (std::size_t k = 0; k < 5; ++k) {
      constants[k] = static_cast<R>(spec.constants[k]);
      if (given[k]) {
        const auto count = static_cast<std::size_t>(given[k]->first.size());
        const std::size_t inner = given[k]->second;
        if (count == 0 || inner == 0 || size % (count * inner) != 0) {
          throw std::invalid_argument("parameters must divide the neurons");
        }
        *groups[k] = {data<R>(given[k]->first, count), count, inner};
      } else {
        *groups[k] = {&constants[k], 1, 1};
      }
    }
  }
  Built(const Built&) = delete;
  Built& operator=(const Built&) = delete;
};

template <class R, class Many>
State<const R> state(const Many& arrays, std::size_t n) {
  return {data<R>(arrays[0], n), data<R>(arrays[1], n), data<R>(arrays[2], n)};
}
template <class R, class Many>
State<R> state_out(const Many& arrays, std::size_t n) {
  return {out<R>(arrays[0], n), out<R>(arrays[1], n), out<R>(arrays[2], n)};
}

using Three = std::array<Optional, 3>;
using Five = std::array<Optional, 5>;

// Weights, spikes before the first step, and what belongs to one direction.
struct Recurrence {
  py::array weights;
  Optional first_spikes;
  std::size_t neurons;
};

void check(const Recurrence& recurrence, std::size_t size) {
  if (recurrence.neurons == 0 || size % recurrence.neurons != 0) {
    throw std::invalid_argument("recurrent weights must be of the neurons of a sample");
  }
}

template <class R>
ParameterGradients<R> gradients(const Five& arrays, const Cell<R>& cell) {
  return {out<R>(arrays[0], cell.leak.count), out<R>(arrays[1], cell.threshold.count),
          out<R>(arrays[2], cell.syn_decay.count), out<R>(arrays[3], cell.adapt_decay.count),
          out<R>(arrays[4], cell.boost.count)};
}

template <class R>
void run_forward(const Spec& spec, const Given& given, const py::array& x, std::size_t steps,
                 bool constant, const Three& first, const Optional& spikes, const Optional& charged,
                 const Optional& v, const Three& last, const std::optional<Recurrence>& recurrence,
                 const Optional& input, int threads) {
  Forward<R> run;
  run.steps = steps;
  run.constant = constant;
  run.size = static_cast<std::size_t>(x.size()) / (constant ? 1 : std::max<std::size_t>(steps, 1));
  const std::size_t all = steps * run.size;
  const Built<R> built(spec, given, run.size);
  run.x = data<R>(x, constant ? run.size : all);
  run.first = state<R>(first, run.size);
  run.spikes = out<R>(spikes, all);
  run.charged = out<R>(charged, all);
  run.v = out<R>(v, all);
  run.last = state_out<R>(last, run.size);
  if (recurrence) {
    check(*recurrence, run.size);
    if (constant || run.spikes == nullptr) {
      throw std::invalid_argument("recurrent neurons need the input and the spikes of each step");
    }
  }
  if (recurrence) {
    RecurrentForward<R> r;
    r.neurons = recurrence->neurons;
    r.samples = run.size / std::max<std::size_t>(r.neurons, 1);
    r.weights = data<R>(recurrence->weights, r.neurons * r.neurons);
    r.first_spikes = data<R>(recurrence->first_spikes, run.size);
    r.input = out<R>(input, all);
    const py::gil_scoped_release release;
    forward(built.cell, r, run, threads);
    return;
  }
  const py::gil_scoped_release release;
  forward(built.cell, run, threads);
}

template <class R>
void run_backward(const Spec& spec, const Given& given, const Optional& x, const Optional& charged,
                  std::size_t steps, std::size_t size, bool constant, const Three& first,
                  const Optional& by_spikes, const Optional& by_v, const Three& by_last,
                  const py::array& by_x, const Three& by_first, const Five& by_parameters,
                  const std::optional<Recurrence>& recurrence, const Optional& spikes,
                  const Optional& by_weights, const Optional& by_first_spikes, int threads) {
  Backward<R> run;
  run.steps = steps;
  run.size = size;
  const std::size_t all = steps * size;
  const Built<R> built(spec, given, size);
  run.constant = constant;
  run.x = data<R>(x, constant ? size : all);
  run.charged = data<R>(charged, all);
  run.first = state<R>(first, size);
  run.by_spikes = data<R>(by_spikes, all);
  run.by_v = data<R>(by_v, all);
  run.by_last = state<R>(by_last, size);
  run.by_x = out<R>(by_x, constant ? size : all);
  run.by_first = state_out<R>(by_first, size);
  run.by_parameters = gradients<R>(by_parameters, built.cell);
  if (run.x == nullptr && (run.charged == nullptr || needs_input(built.cell, run.by_parameters))) {
    throw std::invalid_argument("the input is needed");
  }
  if (recurrence) {
    check(*recurrence, size);
    if (constant || run.x == nullptr || !spikes) {
      throw std::invalid_argument("recurrent neurons need the input and the spikes of each step");
    }
  }
  if (recurrence) {
    RecurrentBackward<R> r;
    r.neurons = recurrence->neurons;
    r.samples = size / std::max<std::size_t>(r.neurons, 1);
    r.weights = data<R>(recurrence->weights, r.neurons * r.neurons);
    r.first_spikes = data<R>(recurrence->first_spikes, size);
    r.spikes = data<R>(spikes, all);
    r.by_weights = out<R>(by_weights, r.neurons * r.neurons);
    r.by_first_spikes = out<R>(by_first_spikes, size);
    const py::gil_scoped_release release;
    backward(built.cell, r, run, threads);
    return;
  }
  const py::gil_scoped_release release;
  backward(built.cell, run, threads);
}

// Never destroyed: tensors may outlive the module.
Pool& pool() {
  static Pool* const the_pool = new Pool(std::size_t{1} << 30);
  return *the_pool;
}

// An array whose memory goes back to the pool.
py::array pooled(const std::vector<py::ssize_t>& shape, const py::dtype& dtype) {
  std::size_t bytes = static_cast<std::size_t>(dtype.itemsize());
  for (const py::ssize_t n : shape) {
    bytes *= static_cast<std::size_t>(n);
  }
  struct Loan {
    void* p;
    std::size_t bytes;
  };
  auto loan = std::make_unique<Loan>(Loan{pool().take(bytes), bytes});
  void* p = loan->p;
  py::capsule owner(loan.release(), [](void* held) {
    const std::unique_ptr<Loan> ended(static_cast<Loan*>(held));
    pool().give(ended->p, ended->bytes);
  });
  return py::array(dtype, shape, p, owner);
}

}  // namespace

void bind_train(py::module_& m) {
  py::class_<Spec>(m, "TrainCell")
      .def(py::init([](int charge, int reset, int when, bool strict, bool detached, bool synapse,
                       bool adaptive, int surrogate, double alpha, double gain, double rest,
                       double v_reset, const std::array<double, 5>& constants,
                       const std::vector<double>& table, double low, double step) {
             if (charge < 0 || charge > 2 || reset < 0 || reset > 2 || when < 0 || when > 2 ||
                 surrogate < 0 || surrogate > static_cast<int>(Surrogate::table)) {
               throw std::invalid_argument("TrainCell: no such charge, reset or surrogate");
             }
             if (surrogate == static_cast<int>(Surrogate::table) && table.size() < 2) {
               throw std::invalid_argument("TrainCell: table must have at least 2 values");
             }
             return Spec{static_cast<Charge>(charge),
                         static_cast<Reset>(reset),
                         static_cast<When>(when),
                         strict,
                         detached,
                         synapse,
                         adaptive,
                         static_cast<Surrogate>(surrogate),
                         alpha,
                         gain,
                         rest,
                         v_reset,
                         constants,
                         table,
                         low,
                         step};
           }),
           py::kw_only(), py::arg("charge"), py::arg("reset"), py::arg("when"), py::arg("strict"),
           py::arg("detached"), py::arg("synapse"), py::arg("adaptive"), py::arg("surrogate"),
           py::arg("alpha"), py::arg("gain"), py::arg("rest"), py::arg("v_reset"),
           py::arg("constants"), py::arg("table"), py::arg("table_low"), py::arg("table_step"));
  py::class_<Recurrence>(m, "Recurrence")
      .def(py::init([](py::array weights, Optional first_spikes, std::size_t neurons) {
             return Recurrence{std::move(weights), std::move(first_spikes), neurons};
           }),
           py::arg("weights"), py::arg("first_spikes"), py::arg("neurons"), py::pos_only());
  m.def("train_forward32", &run_forward<float>);
  m.def("train_forward64", &run_forward<double>);
  m.def("train_backward32", &run_backward<float>);
  m.def("train_backward64", &run_backward<double>);
  m.def("pooled", &pooled, py::arg("shape"), py::arg("dtype"), py::pos_only());
  m.def("pool_limit", [] { return pool().limit(); });
  m.def(
      "set_pool_limit", [](std::size_t bytes) { pool().set_limit(bytes); }, py::arg("n_bytes"),
      py::pos_only());
  m.def("pool_idle", [] { return pool().idle(); });
}
