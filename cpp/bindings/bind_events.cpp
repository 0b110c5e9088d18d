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
#include "spikelet/events/changes.hpp"
#include "spikelet/events/columns.hpp"
#include "spikelet/events/downsampling.hpp"
#include "spikelet/events/draws.hpp"
#include "spikelet/events/filters.hpp"
#include "spikelet/events/frames.hpp"
#include "spikelet/events/surfaces.hpp"
#include "spikelet/events/voxels.hpp"

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
    throw py::type_error(
        "fields must be columns of integers in native byte order, all of the same length");
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
        throw py::value_error("field must be t, x, y or p");
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
    throw py::value_error("bounds of slices must lie in 0 .. the number of events");
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
  throw py::value_error("dtype of counts must be uint8, int16, int32 or float32, got " + dtype);
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
    throw py::value_error("there must be at least 1 bin, and its width must be > 0");
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

// Calls make with a T{} of float or double.
template <class Make>
py::array real(const std::string& dtype, Make make) {
  if (dtype == "float32") {
    return make(float{});
  }
  if (dtype == "float64") {
    return make(double{});
  }
  throw py::value_error("dtype of values must be float32 or float64, got " + dtype);
}

py::array voxels(const EventColumns& columns, const Size& size, std::int64_t number,
                 const std::string& dtype, int threads) {
  require_threads(threads);
  const Sensor sensor = sensor_of(size);
  if (number < 1 || number > INT32_MAX / sensor.plane - 2 || sensor.polarities != 2) {
    throw py::value_error(
        "a voxel grid must have 2 polarities, at least 1 bin and fewer than 2^31 voxels");
  }
  return real(dtype, [&]<class T>(T) {
    py::array out =
        zeros<T>({static_cast<py::ssize_t>(number), 1, static_cast<py::ssize_t>(sensor.height),
                  static_cast<py::ssize_t>(sensor.width)});
    T* const data = static_cast<T*>(out.mutable_data());
    const py::gil_scoped_release release;
    voxel_grid(columns.events, sensor, number, data, threads);
    return out;
  });
}

py::array surfaces_of(const EventColumns& columns, const Size& size,
                      const Array<std::int64_t>& last, double end, double stride, double tau,
                      const std::string& dtype, int threads) {
  require_threads(threads);
  const Sensor sensor = sensor_of(size);
  require_bounds(last, last, columns.events.n);
  if (!(stride > 0) || !(tau > 0)) {
    throw py::value_error("interval and tau must be > 0");
  }
  return real(dtype, [&]<class T>(T) {
    const std::vector<py::ssize_t> shape{last.size(), static_cast<py::ssize_t>(sensor.polarities),
                                         static_cast<py::ssize_t>(sensor.height),
                                         static_cast<py::ssize_t>(sensor.width)};
    py::array_t<T> out(shape);
    T* const data = out.mutable_data();
    const SurfaceTimes times{as_span(last), end, stride, tau};
    const py::gil_scoped_release release;
    time_surface(columns.events, sensor, times, data, threads);
    return out;
  });
}

py::array averaged_surfaces(const EventColumns& columns, const Size& size, std::int64_t cell,
                            std::int64_t surface, double window, double tau, bool linear,
                            int threads) {
  require_threads(threads);
  const Sensor sensor = sensor_of(size);
  if (cell < 1 || cell > INT32_MAX || surface < 1 || surface > cell || surface % 2 == 0 ||
      !(window >= 0) || !(tau > 0)) {
    throw py::value_error("surface must be odd and at most cell, window must be >= 0, and tau > 0");
  }
  const auto cells = ((sensor.width - 1) / cell + 1) * ((sensor.height - 1) / cell + 1);
  py::array out =
      zeros<float>({static_cast<py::ssize_t>(cells), static_cast<py::ssize_t>(sensor.polarities),
                    static_cast<py::ssize_t>(surface), static_cast<py::ssize_t>(surface)});
  auto* const data = static_cast<float*>(out.mutable_data());
  const py::gil_scoped_release release;
  averaged_time_surface(columns.events, sensor, {cell, surface, window, tau, linear}, data,
                        threads);
  return out;
}

using Mask = py::array_t<bool>;

std::span<std::uint8_t> bytes(Mask& mask) {
  static_assert(sizeof(bool) == 1);
  return {reinterpret_cast<std::uint8_t*>(mask.mutable_data()),
          static_cast<std::size_t>(mask.size())};
}

// A mask of the events, which make(bytes) fills. Each pixel and a border of one must fit 31 bits.
template <class Make>
Mask kept(const EventColumns& columns, std::int64_t width, std::int64_t height, Make make) {
  if (width < 1 || height < 1 || width + 2 > INT32_MAX / (height + 2)) {
    throw py::value_error("a sensor must have 1 .. 2^31 - 1 pixels");
  }
  Mask mask(static_cast<py::ssize_t>(columns.events.n));
  const auto out = bytes(mask);
  const py::gil_scoped_release release;
  make(out);
  return mask;
}

py::tuple integrated(const EventColumns& columns, const Size& size, std::int64_t width,
                     std::int64_t height, const Array<std::int64_t>& first,
                     const Array<std::int64_t>& last, std::int64_t threshold) {
  const Sensor sensor = sensor_of(size);
  require_bounds(first, last, columns.events.n);
  if (sensor.polarities != 2 || width < 1 || height < 1 || width > sensor.width ||
      height > sensor.height || threshold < 0) {
    throw py::value_error("the smaller sensor must lie within the sensor");
  }
  Emitted out;
  {
    const auto from = as_span(first), to = as_span(last);
    const py::gil_scoped_release release;
    out = integrate(columns.events, sensor, width, height, from, to, threshold);
  }
  return py::make_tuple(to_array(std::move(out.frame)), to_array(std::move(out.pixel)),
                        to_array(std::move(out.p)));
}

// A writable column of the same type and length as that of `columns`.
std::byte* written(py::array& out, const Column& in, std::size_t n, const Column& missing) {
  const Column made = column(out, n, missing);
  if (made.kind != in.kind) {
    throw py::type_error("out must have the type of the field that is read");
  }
  return static_cast<std::byte*>(out.mutable_data());
}

void affine_into(const EventColumns& columns, char name, double factor, double offset,
                 py::array out) {
  const Column in = columns.field(name);
  const std::size_t n = columns.events.n;
  std::byte* const data = written(out, in, n, in);
  const std::ptrdiff_t stride = n > 0 ? out.strides(0) : 0;
  const char field[]{name, 0};
  const py::gil_scoped_release release;
  affine(field, in, n, factor, offset, data, stride);
}

void shift_into(const EventColumns& columns, char name, const Array<double>& shifts, double low,
                double high, py::array out, Mask keep) {
  const Column& in = columns.field(name);
  const std::size_t n = columns.events.n;
  std::byte* const data = written(out, in, n, in);
  if (static_cast<std::size_t>(shifts.size()) != n || keep.ndim() != 1 ||
      static_cast<std::size_t>(keep.size()) != n || (n > 0 && keep.strides(0) != 1)) {
    throw py::value_error("shifts and keep must have one value for each event");
  }
  const std::ptrdiff_t stride = n > 0 ? out.strides(0) : 0;
  const char field[]{name, 0};
  const auto by = as_span(shifts);
  const auto flags = bytes(keep);
  const py::gil_scoped_release release;
  shift(field, by, low, high, in, data, stride, flags);
}

py::array taken(const py::array& items, const Mask& mask) {
  if (items.ndim() != 1 || mask.ndim() != 1 || items.size() != mask.size() ||
      items.dtype().attr("hasobject").cast<bool>()) {
    throw py::value_error(
        "items must be one-dimensional and hold no Python objects, and mask must have one value "
        "for each");
  }
  const Array<bool> keep(mask);
  const std::span<const std::uint8_t> flags{reinterpret_cast<const std::uint8_t*>(keep.data()),
                                            static_cast<std::size_t>(keep.size())};
  const std::size_t number = number_kept(flags);
  py::array out(items.dtype(), static_cast<py::ssize_t>(number));
  if (number > 0) {
    const auto* from = static_cast<const std::byte*>(items.data());
    auto* to = static_cast<std::byte*>(out.mutable_data());
    const auto size = static_cast<std::size_t>(items.itemsize());
    const std::ptrdiff_t stride = items.strides(0);
    const py::gil_scoped_release release;
    take(from, stride, size, flags, to, number);
  }
  return out;
}

template <class Draw>
py::array_t<double> drawn(std::int64_t n, Draw draw) {
  py::array_t<double> out(n);
  const std::span<double> values{out.mutable_data(), static_cast<std::size_t>(n)};
  const py::gil_scoped_release release;
  draw(values);
  return out;
}

}  // namespace

void bind_events(py::module_& m) {
  py::class_<EventColumns>(m, "EventColumns", "The fields of an event array, read in place.")
      .def(py::init<py::array, py::object, py::object, py::object>(), py::arg("t"), py::arg("x"),
           py::arg("y"), py::arg("p"), "Columns of integers; a missing one (None) holds zeros.")
      .def(
          "__len__", [](const EventColumns& self) { return self.events.n; }, "Number of events.")
      .def(
          "range",
          [](const EventColumns& self, char name) {
            if (self.events.n == 0) {
              throw py::value_error("events must not be empty: without events there is no range");
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
  m.def("event_voxels", &voxels, py::arg("columns"), py::arg("size"), py::arg("bins"),
        py::arg("dtype"), py::arg("threads"), "Voxel grid [bins, 1, H, W] of sorted events.");
  m.def("event_surfaces", &surfaces_of, py::arg("columns"), py::arg("size"), py::arg("last"),
        py::arg("end"), py::arg("stride"), py::arg("tau"), py::arg("dtype"), py::arg("threads"),
        "Time surfaces [len(last), P, H, W] at end, end + stride, ...");
  m.def("event_averaged_surfaces", &averaged_surfaces, py::arg("columns"), py::arg("size"),
        py::arg("cell"), py::arg("surface"), py::arg("window"), py::arg("tau"), py::arg("linear"),
        py::arg("threads"), "Averaged time surfaces [cells, P, surface, surface].");
  m.def(
      "event_denoise",
      [](const EventColumns& columns, std::int64_t width, std::int64_t height, std::int64_t limit) {
        return kept(columns, width, height,
                    [&](auto out) { denoise(columns.events, width, height, limit, out); });
      },
      py::arg("columns"), py::arg("width"), py::arg("height"), py::arg("limit"),
      "Which events a neighbour preceded by less than `limit`.");
  m.def(
      "event_refractory",
      [](const EventColumns& columns, std::int64_t width, std::int64_t height, std::int64_t limit) {
        return kept(columns, width, height, [&](auto out) {
          refractory_filter(columns.events, width, height, limit, out);
        });
      },
      py::arg("columns"), py::arg("width"), py::arg("height"), py::arg("limit"),
      "Which events came more than `limit` after the one before at their pixel.");
  m.def(
      "event_decimate",
      [](const EventColumns& columns, std::int64_t width, std::int64_t height, std::int64_t n) {
        return kept(columns, width, height,
                    [&](auto out) { decimate(columns.events, width, height, n, out); });
      },
      py::arg("columns"), py::arg("width"), py::arg("height"), py::arg("n"),
      "Every n-th event of each pixel.");
  m.def(
      "event_drop_pixels",
      [](const EventColumns& columns, const Array<bool>& dropped) {
        if (dropped.ndim() != 2) {
          throw py::value_error("pixels must be [H, W]");
        }
        return kept(columns, dropped.shape(1), dropped.shape(0), [&](auto out) {
          drop_pixels(columns.events, dropped.shape(1), dropped.shape(0),
                      {reinterpret_cast<const std::uint8_t*>(dropped.data()),
                       static_cast<std::size_t>(dropped.size())},
                      out);
        });
      },
      py::arg("columns"), py::arg("dropped"), "Which events are not at pixels dropped [H, W].");
  m.def(
      "event_within",
      [](const EventColumns& columns, char name, double low, double high, bool inside) {
        const Column& field = columns.field(name);
        return kept(columns, 1, 1, [&](auto out) { within(field, low, high, inside, out); });
      },
      py::arg("columns"), py::arg("field"), py::arg("low"), py::arg("high"), py::arg("inside"),
      "Which events have a field in [low, high], or not.");
  m.def("event_integrate", &integrated, py::arg("columns"), py::arg("size"), py::arg("width"),
        py::arg("height"), py::arg("first"), py::arg("last"), py::arg("threshold"),
        "Events (frame, pixel, p) of integrating pixels of a smaller sensor.");
  m.def("event_affine", &affine_into, py::arg("columns"), py::arg("field"), py::arg("factor"),
        py::arg("offset"), py::arg("out"),
        "out[k] = value * factor + offset, cut towards 0; `out` is a column of a copy.");
  m.def("event_shift", &shift_into, py::arg("columns"), py::arg("field"), py::arg("shifts"),
        py::arg("low"), py::arg("high"), py::arg("out"), py::arg("keep").noconvert(),
        "out[k] = value + the rounded shift, within [low, high); else keep[k] = False.");
  m.def("event_take", &taken, py::arg("items"), py::arg("keep"), "items[keep] of a mask.");
  m.def(
      "event_uniforms",
      [](std::uint64_t seed, std::uint32_t purpose, std::int64_t n) {
        return drawn(n, [&](auto out) { uniforms(seed, purpose, out); });
      },
      py::arg("seed"), py::arg("purpose"), py::arg("n"), "n numbers in (0, 1).");
  m.def(
      "event_normals",
      [](std::uint64_t seed, std::uint32_t purpose, std::int64_t n) {
        return drawn(n, [&](auto out) { normals(seed, purpose, out); });
      },
      py::arg("seed"), py::arg("purpose"), py::arg("n"), "n standard normal numbers.");
  m.def(
      "event_drop",
      [](std::uint64_t seed, std::int64_t dropped, std::int64_t n) {
        if (dropped < 0 || dropped > n) {
          throw py::value_error("dropped must lie in 0 .. " + std::to_string(n) +
                                ", the number of events, got " + std::to_string(dropped));
        }
        Mask mask(n);
        const auto out = bytes(mask);
        const py::gil_scoped_release release;
        drop(seed, static_cast<std::size_t>(dropped), out);
        return mask;
      },
      py::arg("seed"), py::arg("dropped"), py::arg("n"), "A mask without `dropped` of n events.");
}

}  // namespace spikelet::events
