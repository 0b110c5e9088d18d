// Fused training steps of neurons. Arrays are views of tensors; nothing is copied or converted
// here, and arrays that do not fit are refused.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <array>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "bindings.hpp"
#include "enums.hpp"
#include "spikelet/core/pool.hpp"
#include "spikelet/train/neuron.hpp"
#include "spikelet/train/recurrent.hpp"

namespace spikelet::train {
namespace {

using Optional = std::optional<py::array>;

// The data of an array of n values, or null for None.
template <class R>
const R* data(const Optional& array, std::size_t n) {
  if (!array) {
    return nullptr;
  }
  if (!py::isinstance<py::array_t<R>>(*array) || (array->flags() & py::array::c_style) == 0 ||
      static_cast<std::size_t>(array->size()) != n) {
    throw std::invalid_argument("array must be contiguous, have the type of the input and " +
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

// A cell as PyTorch's operators take it: its fields, the values of its parameters, and the table of
// its surrogate, as one list of numbers.
using Packed = std::vector<double>;

#define SPIKELET_COUNT(...) +1
constexpr std::size_t field_count = 0 SPIKELET_CELL_FIELDS(SPIKELET_COUNT);
constexpr std::size_t parameter_count = 0 SPIKELET_CELL_PARAMETERS(SPIKELET_COUNT);
#undef SPIKELET_COUNT

// For each parameter (values, inner), or none if the value in the cell holds for all neurons.
using Given = std::array<std::optional<std::pair<py::array, std::size_t>>, parameter_count>;

template <class T>
T unpacked(const char* name, double number) {
  if constexpr (std::is_enum_v<T>) {
    for (const auto& member : EnumTable<T>::members) {
      if (static_cast<double>(member.value) == number) {
        return member.value;
      }
    }
    refuse<T>(std::string("cell: ") + name, py::repr(py::float_(number)).cast<std::string>());
  } else {
    return static_cast<T>(number);
  }
}

// steps * size; sizes of arrays are compared with it, so it must not overflow.
std::size_t product(std::size_t steps, std::size_t size) {
  if (size != 0 && steps > (std::size_t{1} << 48) / size) {
    throw std::invalid_argument("steps times neurons must be at most 2^48");
  }
  return steps * size;
}

template <class R>
struct Built {
  Cell<R> cell;
  std::array<R, parameter_count> constants;

  Built(const Packed& packed, const Given& given, std::size_t size) {
    if (packed.size() < field_count + parameter_count) {
      throw py::value_error("cell: must have at least " +
                            std::to_string(field_count + parameter_count) + " numbers, got " +
                            std::to_string(packed.size()));
    }
    const double* next = packed.data();
#define SPIKELET_TAKE(type, name, otherwise) cell.name = unpacked<type>(#name, *next++);
    SPIKELET_CELL_FIELDS(SPIKELET_TAKE)
#undef SPIKELET_TAKE
    std::size_t k = 0;
#define SPIKELET_TAKE(name, otherwise)              \
  constants[k] = static_cast<R>(*next++);           \
  cell.name = groups(given[k], size, constants[k]); \
  ++k;
    SPIKELET_CELL_PARAMETERS(SPIKELET_TAKE)
#undef SPIKELET_TAKE
    cell.table.assign(next, packed.data() + packed.size());
    if (cell.surrogate == Surrogate::table && cell.table.size() < 2) {
      throw py::value_error("cell: table must have at least 2 values");
    }
  }
  Built(const Built&) = delete;
  Built& operator=(const Built&) = delete;

 private:
  static Groups<R> groups(const typename Given::value_type& given, std::size_t size,
                          const R& constant) {
    if (!given) {
      return {&constant, 1, 1};
    }
    const auto count = static_cast<std::size_t>(given->first.size());
    const std::size_t inner = given->second;
    if (count == 0 || inner == 0 || size % (count * inner) != 0) {
      throw std::invalid_argument(
          "the number of neurons must be a multiple of the number of parameters");
    }
    return {data<R>(given->first, count), count, inner};
  }
};

// Names and defaults, in the order in which they are packed.
py::list cell_fields() {
  const Cell<double> cell;
  py::list all;
#define SPIKELET_LIST(type, name, otherwise) all.append(py::make_tuple(#name, cell.name));
  SPIKELET_CELL_FIELDS(SPIKELET_LIST)
#undef SPIKELET_LIST
  return all;
}
py::list cell_parameters() {
  py::list all;
#define SPIKELET_LIST(name, otherwise) all.append(py::make_tuple(#name, double{otherwise}));
  SPIKELET_CELL_PARAMETERS(SPIKELET_LIST)
#undef SPIKELET_LIST
  return all;
}

template <class R, class Many>
State<const R> state(const Many& arrays, std::size_t n) {
  return {data<R>(arrays[0], n), data<R>(arrays[1], n), data<R>(arrays[2], n)};
}
template <class R, class Many>
State<R> state_out(const Many& arrays, std::size_t n) {
  return {out<R>(arrays[0], n), out<R>(arrays[1], n), out<R>(arrays[2], n)};
}

using States = std::array<Optional, 3>;  // v, i, a
using Gradients = std::array<Optional, parameter_count>;

// Weights between neurons, and the spikes of the step before the first.
struct Recurrence {
  py::array weights;
  Optional first_spikes;
  std::size_t neurons;
};

void check(const Recurrence& recurrence, std::size_t size, bool complete) {
  if (recurrence.neurons == 0 || size % recurrence.neurons != 0) {
    throw std::invalid_argument(
        "the number of neurons must be a multiple of the rows of the recurrent weights");
  }
  if (!complete) {
    throw std::invalid_argument("recurrent neurons need the input and the spikes of each step");
  }
}

template <class R>
ParameterGradients<R> gradients(const Gradients& arrays, const Cell<R>& cell) {
  std::size_t k = 0;
#define SPIKELET_OUT(name, otherwise) out<R>(arrays[k++], cell.name.count),
  return {SPIKELET_CELL_PARAMETERS(SPIKELET_OUT)};
#undef SPIKELET_OUT
}

// Calls run(R{}), where R is the type of the array.
template <class Run>
void in_type_of(const py::array& array, Run&& run) {
  if (py::isinstance<py::array_t<float>>(array)) {
    run(float{});
  } else {
    run(double{});
  }
}

void run_forward(const Packed& packed, const Given& given, const py::array& x, std::size_t steps,
                 bool constant, const States& first, const Optional& spikes,
                 const Optional& charged, const Optional& v, const States& last,
                 const std::optional<Recurrence>& recurrence, const Optional& input, int threads) {
  require_threads(threads);
  in_type_of(x, [&]<class R>(R) {
    Forward<R> run;
    run.steps = steps;
    run.constant = constant;
    run.size =
        static_cast<std::size_t>(x.size()) / (constant ? 1 : std::max<std::size_t>(steps, 1));
    const std::size_t all = product(steps, run.size);
    const Built<R> built(packed, given, run.size);
    run.x = data<R>(x, constant ? run.size : all);
    run.first = state<R>(first, run.size);
    run.spikes = out<R>(spikes, all);
    run.charged = out<R>(charged, all);
    run.v = out<R>(v, all);
    run.last = state_out<R>(last, run.size);
    if (!recurrence) {
      const py::gil_scoped_release release;
      return forward(built.cell, run, threads);
    }
    check(*recurrence, run.size, !constant && run.spikes != nullptr);
    RecurrentForward<R> r;
    r.neurons = recurrence->neurons;
    r.samples = run.size / r.neurons;
    r.weights = data<R>(recurrence->weights, r.neurons * r.neurons);
    r.first_spikes = data<R>(recurrence->first_spikes, run.size);
    r.input = out<R>(input, all);
    const py::gil_scoped_release release;
    forward(built.cell, r, run, threads);
  });
}

// Whether a gradient has one row for all steps.
bool is_alike(const Optional& gradient, std::size_t steps, std::size_t size) {
  return gradient && steps > 1 && static_cast<std::size_t>(gradient->size()) == size;
}

void run_backward(const Packed& packed, const Given& given, const Optional& x,
                  const Optional& charged, std::size_t steps, std::size_t size, bool constant,
                  const States& first, const Optional& by_spikes, const Optional& by_v,
                  const States& by_last, const py::array& by_x, const States& by_first,
                  const Gradients& by_parameters, const std::optional<Recurrence>& recurrence,
                  const Optional& spikes, const Optional& by_weights,
                  const Optional& by_first_spikes, int threads) {
  require_threads(threads);
  in_type_of(by_x, [&]<class R>(R) {
    Backward<R> run;
    run.steps = steps;
    run.size = size;
    const std::size_t all = product(steps, size);
    const Built<R> built(packed, given, size);
    run.constant = constant;
    run.x = data<R>(x, constant ? size : all);
    run.charged = data<R>(charged, all);
    run.first = state<R>(first, size);
    run.spikes_alike = is_alike(by_spikes, steps, size);
    run.v_alike = is_alike(by_v, steps, size);
    run.by_spikes = data<R>(by_spikes, run.spikes_alike ? size : all);
    run.by_v = data<R>(by_v, run.v_alike ? size : all);
    run.by_last = state<R>(by_last, size);
    run.by_x = out<R>(by_x, constant ? size : all);
    run.by_first = state_out<R>(by_first, size);
    run.by_parameters = gradients<R>(by_parameters, built.cell);
    if (run.x == nullptr &&
        (run.charged == nullptr || needs_input(built.cell, run.by_parameters))) {
      throw std::invalid_argument(
          "x must not be None: the backward pass of these neurons needs the input");
    }
    if (!recurrence) {
      const py::gil_scoped_release release;
      return backward(built.cell, run, threads);
    }
    check(*recurrence, size, !constant && run.x != nullptr && spikes);
    RecurrentBackward<R> r;
    r.neurons = recurrence->neurons;
    r.samples = size / r.neurons;
    r.weights = data<R>(recurrence->weights, r.neurons * r.neurons);
    r.first_spikes = data<R>(recurrence->first_spikes, size);
    r.spikes = data<R>(spikes, all);
    r.by_weights = out<R>(by_weights, r.neurons * r.neurons);
    r.by_first_spikes = out<R>(by_first_spikes, size);
    const py::gil_scoped_release release;
    backward(built.cell, r, run, threads);
  });
}

// Never destroyed: tensors may outlive the module.
Pool& pool() {
  static Pool* const the_pool = new Pool(std::size_t{1} << 30);
  return *the_pool;
}

// Smaller results do not come from the pool: below this size, glibc's malloc never maps memory for
// one result alone.
constexpr std::size_t least_pooled = std::size_t{1} << 17;
constexpr std::align_val_t line{64};

struct Loan {
  void* p;
  std::size_t bytes;

  explicit Loan(std::size_t n)
      : p(n < least_pooled ? ::operator new(n, line) : pool().take(n)), bytes(n) {}
  ~Loan() {
    if (bytes < least_pooled) {
      ::operator delete(p, line);
    } else {
      pool().give(p, bytes);
    }
  }
  Loan(const Loan&) = delete;
  Loan& operator=(const Loan&) = delete;
};

// An array of aligned memory that, if it is large, goes back to the pool.
py::array pooled(const std::vector<py::ssize_t>& shape, const py::dtype& dtype) {
  if (std::string("biufcV").find(dtype.kind()) == std::string::npos) {
    throw py::type_error("pooled: dtype must be numeric");
  }
  // Not above 2^62 bytes, which no machine has, so that the product does not overflow.
  std::size_t bytes = static_cast<std::size_t>(dtype.itemsize());
  for (const py::ssize_t n : shape) {
    if (n < 0 || (n > 0 && bytes > (std::size_t{1} << 62) / static_cast<std::size_t>(n))) {
      throw py::value_error("pooled: shape must have sizes >= 0 whose product fits in memory");
    }
    bytes *= static_cast<std::size_t>(n);
  }
  auto loan = std::make_unique<Loan>(bytes);
  void* p = loan->p;
  py::capsule owner(loan.get(), [](void* held) { delete static_cast<Loan*>(held); });
  static_cast<void>(loan.release());
  return py::array(dtype, shape, p, owner);
}

}  // namespace

void bind_neuron(py::module_& m) {
  m.def("cell_fields", &cell_fields,
        "Names and defaults of a cell's fields, in the order in which a cell is packed.");
  m.def("cell_parameters", &cell_parameters,
        "Names and defaults of a cell's parameters; a packed cell has them after its fields, and "
        "then the table of its surrogate.");
  py::class_<Recurrence>(m, "Recurrence", "Weights between the neurons of one layer.")
      .def(py::init([](py::array weights, Optional first_spikes, std::size_t neurons) {
             return Recurrence{std::move(weights), std::move(first_spikes), neurons};
           }),
           py::arg("weights"), py::arg("first_spikes"), py::arg("neurons"),
           "Weights [to, from] and the spikes of the step before the first.");
  m.def("train_forward", &run_forward, py::arg("cell"), py::arg("parameters"), py::arg("x"),
        py::arg("steps"), py::arg("constant"), py::arg("first"), py::arg("spikes"),
        py::arg("charged"), py::arg("v"), py::arg("last"), py::arg("recurrence"),
        py::arg("x_total"), py::arg("threads"),
        "Step neurons over x [steps, size] (constant: [size]) and write spikes, charged "
        "potentials, potentials, the last states (v, i, a) and the input plus the recurrent one, "
        "each unless None. parameters: for each, None or (values, neurons that share each). All "
        "arrays are float32 or all float64.");
  m.def("train_backward", &run_backward, py::arg("cell"), py::arg("parameters"), py::arg("x"),
        py::arg("charged"), py::arg("steps"), py::arg("size"), py::arg("constant"),
        py::arg("first"), py::arg("by_spikes"), py::arg("by_v"), py::arg("by_last"),
        py::arg("by_x"), py::arg("by_first"), py::arg("by_parameters"), py::arg("recurrence"),
        py::arg("spikes"), py::arg("by_weights"), py::arg("by_first_spikes"), py::arg("threads"),
        "The backward pass of `train_forward`: takes the gradients of spikes, potentials and last "
        "states, and writes those of the input, the first states, parameters, recurrent weights "
        "and first spikes.");
  m.def("pooled", &pooled, py::arg("shape"), py::arg("dtype"),
        "A new array without values; the memory of a large one comes from the pool and returns to "
        "it.");
  m.def(
      "pool_limit", [] { return pool().limit(); },
      "The number of idle bytes that the pool may hold.");
  m.def(
      "set_pool_limit", [](std::size_t n_bytes) { pool().set_limit(n_bytes); }, py::arg("n_bytes"),
      "Set the number of idle bytes that the pool may hold.");
  m.def("pool_idle", [] { return pool().idle(); }, "The number of idle bytes in the pool.");
}

}  // namespace spikelet::train
