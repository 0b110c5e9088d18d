// Kernels for event data. EventColumns reads the fields of a structured array in place; results are
// new arrays. The package checks sizes before it calls, the kernels every coordinate.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "array.hpp"
#include "bindings.hpp"
#include "spikelet/events/columns.hpp"
#include "spikelet/events/frames.hpp"

namespace spikelet::events {
namespace {

using Size = std::tuple<std::int64_t, std::int64_t, std::int64_t>;

Column column(const py::object& values, std::size_t n, const Column& missing) {
  if (values.is_none()) {
    return missing;
  }
  const auto array = py::cast<py::array>(values);
  const py::dtype type = array.dtype();
  if (array.ndim() != 1 || static_cast<std::size_t>(array.size()) != n || type.byteorder() == '>' ||
      (type.kind() != 'i' && type.kind() != 'u' && type.kind() != 'b')) {
    throw py::type_error("fields must be columns of native integers of equal length");
  }
  constexpr Kind with_sign[] = {Kind::i8, Kind::i16, Kind::i32, Kind::i64},
                 without[] = {Kind::u8, Kind::u16, Kind::u32, Kind::u64};
  const int log = type.itemsize() == 1   ? 0
                  : type.itemsize() == 2 ? 1
                  : type.itemsize() == 4 ? 2
                                         : 3;
  return {static_cast<const std::byte*>(array.data()), n > 0 ? array.strides(0) : 0,
          type.kind() == 'i' ? with_sign[log] : without[log]};
}

// The fields of an event array, kept alive.
struct EventColumns {
  py::object t, x, y, p;
  Events events;

  EventColumns(py::array t_, py::object x_, py::object y_, py::object p_)
      : t(std::move(t_)), x(std::move(x_)), y(std::move(y_)), p(std::move(p_)) {
    events.n = static_cast<std::size_t>(py::len(t));
    events.t = column(t, events.n, events.t);
    events.x = column(x, events.n, events.x);
    events.y = column(y, events.n, events.y);
    events.p = column(p, events.n, events.p);
  }

  const Column& field(char name) const {
    switch (name) {
      case 't':
        return events.t;
      case 'x':
        return events.x;
      case 'y':
        return events.y;
      case 'p':
        return events.p;
      default:
        throw py::value_error("the fields are t, x, y and p");
    }
  }
};

Sensor sensor_of(const Size& size) {
  const auto [width, height, polarities] = size;
  if (width < 1 || height < 1 || polarities < 1 || width > INT32_MAX / height ||
      width * height > INT32_MAX / polarities) {
    throw py::value_error("a sensor must have 1 .. 2^31 - 1 cells");
  }
  return {width, height, polarities};
}

void require_bounds(const Array<std::int64_t>& first, const Array<std::int64_t>& last,
                    std::size_t n) {
  bool ok = first.ndim() == 1 && last.ndim() == 1 && first.size() == last.size();
  for (py::ssize_t i = 0; ok && i < first.size(); ++i) {
    ok = first.data()[i] >= 0 && last.data()[i] >= 0 &&
         static_cast<std::size_t>(first.data()[i]) <= n &&
         static_cast<std::size_t>(last.data()[i]) <= n;
  }
  if (!ok) {
    throw py::value_error("slices must lie within the events");
  }
}

template <class T>
py::array zeros(const std::vector<py::ssize_t>& shape) {
  // numpy's zeros cost nothing until they are touched.
  return py::module_::import("numpy").attr("zeros")(shape, py::dtype::of<T>());
}

// Calls make with a T{} of a dtype that counts are made in.
template <class Make>
py::array counted(const std::string& dtype, Make make) {
  if (dtype == "uint8") {
    return make(std::uint8_t{});
  }
  if (dtype == "int16") {
    return make(std::int16_t{});
  }
  if (dtype == "int32") {
    return make(std::int32_t{});
  }
  if (dtype == "float32") {
    return make(float{});
  }
  throw py::value_error("counts are uint8, int16, int32 or float32");
}

py::array frames(const EventColumns& columns, const Size& size, const Array<std::int64_t>& first,
                 const Array<std::int64_t>& last, const std::string& dtype, int threads) {
  require_threads(threads);
  const Sensor sensor = sensor_of(size);
  require_bounds(first, last, columns.events.n);
  return counted(dtype, [&]<class T>(T) {
    py::array out =
        zeros<T>({first.size(), static_cast<py::ssize_t>(sensor.polarities),
                  static_cast<py::ssize_t>(sensor.height), static_cast<py::ssize_t>(sensor.width)});
    T* const data = static_cast<T*>(out.mutable_data());
    const auto from = as_span(first), to = as_span(last);
    const py::gil_scoped_release release;
    count_frames(columns.events, sensor, from, to, data, threads);
    return out;
  });
}

py::array bins(const EventColumns& columns, const Size& size, double start, double width,
               std::int64_t number, const std::string& dtype) {
  const Sensor sensor = sensor_of(size);
  if (number < 1 || !(width > 0)) {
    throw py::value_error("bins must be at least 1 and wider than 0");
  }
  return counted(dtype, [&]<class T>(T) {
    py::array out =
        zeros<T>({static_cast<py::ssize_t>(number), static_cast<py::ssize_t>(sensor.cells())});
    T* const data = static_cast<T*>(out.mutable_data());
    const py::gil_scoped_release release;
    count_bins(columns.events, sensor, start, width, number, data);
    return out;
  });
}

}  // namespace

void bind_events(py::module_& m) {
  py::class_<EventColumns>(m, "EventColumns", "The fields of an event array, read in place.")
      .def(py::init<py::array, py::object, py::object, py::object>(), py::arg("t"), py::arg("x"),
           py::arg("y"), py::arg("p"), "Columns of integers; a missing one (None) holds zeros.")
      .def("__len__", [](const EventColumns& self) { return self.events.n; })
      .def(
          "range",
          [](const EventColumns& self, char name) {
            if (self.events.n == 0) {
              throw py::value_error("there are no events");
            }
            Range found;
            {
              const Column& field = self.field(name);
              const py::gil_scoped_release release;
              found = range(field, self.events.n);
            }
            return std::pair(found.low, found.high);
          },
          py::arg("field"), "Least and greatest value of a field.")
      .def(
          "first_unsorted",
          [](const EventColumns& self) {
            const py::gil_scoped_release release;
            return first_unsorted(self.events);
          },
          "The first event earlier than the one before it, or the number of events.")
      .def(
          "search",
          [](const EventColumns& self, const Array<double>& times) {
            py::array_t<std::int64_t> out(times.size());
            search(self.events, as_span(times),
                   {out.mutable_data(), static_cast<std::size_t>(out.size())});
            return out;
          },
          py::arg("times"), "For each time, the number of sorted events before it.");
  m.def("event_frames", &frames, py::arg("columns"), py::arg("size"), py::arg("first"),
        py::arg("last"), py::arg("dtype"), py::arg("threads"),
        "Counts [frames, P, H, W] of slices [first, last) of the events.");
  m.def("event_bins", &bins, py::arg("columns"), py::arg("size"), py::arg("start"),
        py::arg("width"), py::arg("bins"), py::arg("dtype"),
        "Counts [bins, P * H * W] in bins of equal width.");
}

}  // namespace spikelet::events
