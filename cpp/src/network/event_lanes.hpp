// A program of a rule from text and the lanes that it runs on: one synapse, source or target each.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "spikelet/core/buffer.hpp"
#include "spikelet/core/event_rule.hpp"
#include "spikelet/core/program_run.hpp"

namespace spikelet {

template <class R>
class EventLanes {
 public:
  static constexpr std::size_t stride = 512;  // from one state's lanes to the next one's

  // coefficients: their values; varies: those that have one for each synapse.
  EventLanes(const EventRule& rule, EventRule::Event event, std::span<const double> parameters,
             std::vector<bool> varies)
      : program_(rule.parts().programs[event]),
        coefficients_(
            parameters.begin() + static_cast<std::ptrdiff_t>(rule.first(event)),
            parameters.begin() + static_cast<std::ptrdiff_t>(rule.first(event) + varies.size())),
        varies_(std::move(varies)) {
    bind();
  }
  EventLanes(const EventLanes& other)
      : program_(other.program_), coefficients_(other.coefficients_), varies_(other.varies_) {
    bind();
  }
  EventLanes& operator=(const EventLanes&) = delete;

  const Program& program() const { return *program_; }
  bool reads(std::size_t state) const { return program_->reads(state); }
  bool does_nothing() const { return run_->step.empty(); }
  std::size_t room() const { return run_->tile; }  // lanes at once
  R* state(std::size_t v) { return states_.data() + v * stride; }
  R* coefficient(std::size_t c) { return values_.data() + c * stride; }
  R* draw(std::size_t d) { return run_->slot[program_->slots().draw + d]; }
  void run(std::size_t lanes) {
    const std::size_t n = (lanes + group_size - 1) / group_size * group_size;
    for (const BoundInstruction<R>& in : run_->step) {
      in.run(run_->slot.data(), in, n);
    }
  }

 private:
  void bind() {
    ProgramArrays<R> arrays;
    states_.resize(program_->parts().states.size() * stride);
    for (std::size_t v = 0; v < program_->parts().states.size(); ++v) {
      arrays.state.push_back(state(v));
    }
    values_.resize(coefficients_.size() * stride);
    for (std::size_t c = 0; c < coefficients_.size(); ++c) {
      std::fill_n(coefficient(c), stride, static_cast<R>(coefficients_[c]));
      arrays.coefficient.push_back(coefficient(c));
    }
    arrays.varies = varies_;
    arrays.end = stride;
    run_ = std::make_unique<ProgramRun<R>>(program_, std::move(arrays), 0, 0.0, 0);
    for (const auto& [slot, base] : run_->moving) {
      run_->slot[slot] = base;
    }
  }

  std::shared_ptr<const Program> program_;
  std::vector<double> coefficients_;
  std::vector<bool> varies_;
  Buffer<R> states_, values_;
  std::unique_ptr<ProgramRun<R>> run_;
};

}  // namespace spikelet
