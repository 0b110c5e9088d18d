#include "network/event_rows.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "spikelet/core/line.hpp"
#include "spikelet/network/population.hpp"

namespace spikelet {
namespace {

constexpr std::size_t most_rows = 16;  // that are updated together

std::vector<std::size_t> kept(const EventRule& rule, EventRule::Keeper keeper) {
  std::vector<std::size_t> found;
  for (const int v : rule.kept_by(keeper)) {
    found.push_back(static_cast<std::size_t>(v));
  }
  return found;
}

}  // namespace

template <class R>
EventRows<R>::EventRows(const Feed<R>& feed, const Plasticity& plasticity, double dt,
                        std::size_t span)
    : PlasticStore<R>(feed, plasticity, dt, span),
      of_synapse_(kept(rule(), Keeper::synapse)),
      of_source_(kept(rule(), Keeper::source)),
      of_target_(kept(rule(), Keeper::target)),
      synapse_(rule(), Keeper::synapse, dt),
      source_(rule(), Keeper::source, dt),
      target_(rule(), Keeper::target, dt),
      rows_(this->index_.rows() + 1),
      variables_(of_synapse_.size()),
      row_values_(of_source_.size()),
      posts_(this->targets_.size()),
      newest_(this->targets_.size()),
      read_(rule().parts().reads.size(), std::vector<R>(this->targets_.size())) {
  for (std::size_t v = 0; v < of_target_.size(); ++v) {
    newest_before_[v].resize(this->targets_.size());
    newest_after_[v].resize(this->targets_.size());
  }
  const SynapseTable<R>& table = *feed.table;
  const auto draws = [&](EventRule::Event event) {
    return !rule().program(event).parts().draws.empty();
  };
  const bool drawn = draws(EventRule::on_pre) || draws(EventRule::on_post);
  if (plasticity.varied) {
    varied_.resize(plasticity.varied->size());
  }
  for_each_by_delay(
      table, feed.post_begin, feed.post_end, [&](std::uint32_t i, std::uint64_t k, bool first) {
        const std::uint16_t delay = table.delay_of(k);
        if (first) {
          const Step dendritic = dendritic_part(delay, plasticity.axonal_fraction);
          Row row{};
          row.first = variables_[0].size();
          row.source = i;
          row.delay = delay;
          row.dendritic = static_cast<std::uint16_t>(dendritic);
          segments_.push_back(row);
          longest_ = std::max(longest_, dendritic);
          ++rows_[this->row_of_element(i) + 1];
        }
        ++segments_.back().count;
        variables_[0].push_back(table.weight_of(k));
        target_of_.push_back(static_cast<std::uint16_t>(this->targets_.of_known(table.post[k])));
        if (drawn) {
          canonical_.push_back(static_cast<std::uint32_t>(k));
        }
        for (std::size_t c = 0; c < varied_.size(); ++c) {
          const std::vector<double>& values = (*plasticity.varied)[c];
          if (!values.empty()) {
            varied_[c].push_back(values[k]);
          }
        }
      });
  std::partial_sum(rows_.begin(), rows_.end(), rows_.begin());
  this->feed_.table = nullptr;  // the table is freed after building
  for (std::size_t v = 1; v < variables_.size(); ++v) {
    variables_[v].resize(weights().size());
  }
  for (std::vector<R>& values : row_values_) {
    values.resize(segments_.size());
  }
  if (synapse_.moves()) {
    touched_.resize(weights().size());
  }
  calendar_.resize(span);
  make_lanes();
}

template <class R>
EventLanes<R> EventRows<R>::lanes_of(EventRule::Event event) const {
  const std::size_t first = rule().first(event);
  std::vector<bool> varies(rule().program(event).parts().coefficients);
  for (std::size_t c = 0; c < varies.size(); ++c) {
    varies[c] = !varied_.empty() && !varied_[first + c].empty();
  }
  return EventLanes<R>(rule(), event, this->plasticity_.parameters, std::move(varies));
}

template <class R>
void EventRows<R>::make_lanes() {
  lanes_.clear();
  lanes_.reserve(EventRule::events);
  for (int event = 0; event < static_cast<int>(EventRule::events); ++event) {
    lanes_.push_back(lanes_of(static_cast<EventRule::Event>(event)));
  }
  constexpr std::size_t lanes = EventLanes<R>::stride;
  at_.resize(lanes);
  steps_.resize(lanes);
  piece_of_.resize(lanes);
  pending_.resize(lanes);
  round_lane_.resize(lanes);
  round_time_.resize(lanes);
}

template <class R>
void EventRows<R>::set_parameters(const std::vector<double>& parameters) {
  PlasticStore<R>::set_parameters(parameters);
  make_lanes();
}

template <class R>
void EventRows<R>::start(Step born) {
  const Step from = std::max<Step>(born, 0);
  for (Row& row : segments_) {
    row.last = -1;
    row.done = from - 1;
    row.at = from;
    row.again = 0;
  }
  const auto& all = rule().parts().variables;
  for (std::size_t v = 1; v < variables_.size(); ++v) {
    std::fill(variables_[v].begin(), variables_[v].end(),
              static_cast<R>(all[of_synapse_[v]].initial));
  }
  for (std::size_t v = 0; v < row_values_.size(); ++v) {
    std::fill(row_values_[v].begin(), row_values_[v].end(),
              static_cast<R>(all[of_source_[v]].initial));
  }
  std::fill(touched_.begin(), touched_.end(), from);
}

template <class R>
void EventRows<R>::enqueue(Gid source, Step stamp, Step from) {
  if (const std::uint32_t i = this->row_of(source); i != SourceIndex::none) {
    push_arrivals(segments_, rows_[i], rows_[i + 1], stamp, from, calendar_);
  }
}

// The latest spike of a target of stamp <= `upto`, or null.
template <class R>
auto EventRows<R>::latest(std::uint32_t target, Step upto) const -> const Post* {
  const std::vector<Post>& posts = posts_[target];
  std::size_t k = posts.size();
  while (k > 0 && posts[k - 1].stamp > upto) {
    --k;
  }
  return k > 0 ? &posts[k - 1] : nullptr;
}

// The target's variables at a time [as stamps of its spikes], with its spikes up to then.
template <class R>
void EventRows<R>::target_values(std::uint32_t target, Step upto, Step at, R* value,
                                 std::size_t stride) const {
  const Post* post = latest(target, upto);
  for (std::size_t v = 0; v < of_target_.size(); ++v) {
    value[of_target_[v] * stride] = post != nullptr ? post->after[v] : R(0);
  }
  if (post != nullptr) {
    target_.advance(at - post->stamp, value, stride);
  }
}

template <class R>
void EventRows<R>::source_values(const Row& row, Step at, R* value, std::size_t stride) const {
  const auto r = static_cast<std::size_t>(&row - segments_.data());
  for (std::size_t v = 0; v < of_source_.size(); ++v) {
    value[of_source_[v] * stride] = row_values_[v][r];
  }
  source_.advance(at - row.at, value, stride);
}

// A target's spike, given the one before it.
template <class R>
auto EventRows<R>::after(std::uint32_t /*target*/, Step stamp, const Post* last) -> Post {
  Post post{stamp, {}, {}};
  if (of_target_.empty()) {
    return post;
  }
  constexpr std::size_t stride = EventLanes<R>::stride;
  EventLanes<R>& lanes = lanes_[EventRule::on_target];
  R* value = lanes.state(0);
  for (std::size_t v = 0; v < of_target_.size(); ++v) {
    value[of_target_[v] * stride] = last != nullptr ? last->after[v] : R(0);
  }
  if (last != nullptr) {
    target_.advance(stamp - last->stamp, value, stride);
  }
  for (std::size_t v = 0; v < of_target_.size(); ++v) {
    post.before[v] = value[of_target_[v] * stride];
  }
  lanes.run(1);
  for (std::size_t v = 0; v < of_target_.size(); ++v) {
    post.after[v] = value[of_target_[v] * stride];
  }
  return post;
}

template <class R>
void EventRows<R>::note_post(std::uint32_t target, Step stamp) {
  std::vector<Post>& posts = posts_[target];
  posts.push_back(after(target, stamp, posts.empty() ? nullptr : &posts.back()));
  set_newest(target);
  // Settling takes a pass over all synapses, and a spike less memory than a few of them.
  const std::size_t least = 16 * posts_.size() + 1024 + weights().size() / 64;
  post_limit_ = std::max(post_limit_, least);
  if (++post_count_ > post_limit_) {
    settle(stamp - 1);
    post_limit_ = std::max(2 * post_count_, least);
  }
}

template <class R>
void EventRows<R>::set_newest(std::uint32_t target) {
  const std::vector<Post>& posts = posts_[target];
  const std::size_t n = posts.size();
  newest_[target] = {n > 0 ? posts[n - 1].stamp : -1, n > 1 ? posts[n - 2].stamp : -1};
  for (std::size_t v = 0; v < of_target_.size(); ++v) {
    newest_before_[v][target] = n > 0 ? posts[n - 1].before[v] : R(0);
    newest_after_[v][target] = n > 0 ? posts[n - 1].after[v] : R(0);
  }
}

// The next spikes of the sources of several different rows, which arrive at `arrival`.
template <class R>
void EventRows<R>::update(std::span<const std::uint32_t> rows, Step arrival) {
  const std::size_t room =
      std::min(lanes_[EventRule::on_pre].room(), lanes_[EventRule::on_post].room());
  sending_.clear();
  pieces_.clear();
  std::size_t lanes = 0;
  const auto flush = [&] {
    replay(pieces_);
    pieces_.clear();
    lanes = 0;
  };
  for (const std::uint32_t r : rows) {
    Row& row = segments_[r];
    const Step time = time_at(row, arrival);
    row.again = time == row.last ? row.again + 1 : 0;
    for (std::size_t k = 0; k < row.count;) {
      const std::size_t n = std::min<std::size_t>(room - lanes, row.count - k);
      pieces_.push_back({&row, row.first + k, n, time - 1, true, time});
      k += n;
      lanes += n;
      if (lanes == room) {
        flush();
      }
    }
  }
  if (lanes > 0) {
    flush();
  }
  pass(rows, arrival);
}

// The variables of the sources meet their spikes.
template <class R>
void EventRows<R>::pass(std::span<const std::uint32_t> rows, Step arrival) {
  constexpr std::size_t stride = EventLanes<R>::stride;
  EventLanes<R>& lanes = lanes_[EventRule::on_source];
  if (!of_source_.empty()) {
    for (std::size_t k = 0; k < rows.size(); ++k) {
      const Row& row = segments_[rows[k]];
      source_values(row, time_at(row, arrival), lanes.state(0) + k, stride);
    }
    lanes.run(rows.size());
  }
  for (std::size_t k = 0; k < rows.size(); ++k) {
    Row& row = segments_[rows[k]];
    row.last = row.at = time_at(row, arrival);
    row.done = std::max(row.done, row.last - 1);
    for (std::size_t v = 0; v < of_source_.size(); ++v) {
      row_values_[v][rows[k]] = lanes.state(of_source_[v])[k];
    }
  }
}

// Brings pieces up to date that fill no more than the lanes.
template <class R>
void EventRows<R>::replay(std::span<const Piece> pieces) {
  EventLanes<R>& lanes = lanes_[EventRule::on_pre];
  std::size_t n = 0;
  bool spikes = false;
  first_lane_.clear();
  for (const Piece& piece : pieces) {
    std::fill_n(piece_of_.data() + n, piece.n, static_cast<std::uint16_t>(first_lane_.size()));
    first_lane_.push_back(n);
    for (std::size_t v = 0; v < variables_.size(); ++v) {
      std::copy_n(variables_[v].data() + piece.first, piece.n, lanes.state(of_synapse_[v]) + n);
    }
    if (!touched_.empty()) {
      std::copy_n(touched_.data() + piece.first, piece.n, at_.data() + n);
    }
    n += piece.n;
    spikes = piece.spikes;
  }
  replay_posts(pieces);
  if (spikes) {
    meet_spikes(pieces, n);
  }
  n = 0;
  for (const Piece& piece : pieces) {
    for (std::size_t v = 0; v < variables_.size(); ++v) {
      std::copy_n(lanes.state(of_synapse_[v]) + n, piece.n, variables_[v].data() + piece.first);
    }
    if (!touched_.empty()) {
      std::copy_n(at_.data() + n, piece.n, touched_.data() + piece.first);
    }
    n += piece.n;
  }
}

// Spikes of targets, from the oldest of each synapse on, in rounds that have every synapse at most
// once. Most synapses have one spike to replay, the newest of their target, if any.
template <class R>
void EventRows<R>::replay_posts(std::span<const Piece> pieces) {
  EventLanes<R>& lanes = lanes_[EventRule::on_post];
  if (lanes.does_nothing()) {
    return;
  }
  std::size_t once = 0, often = 0;
  std::uint32_t lane = 0;
  for (const Piece& piece : pieces) {
    const Step dendritic = piece.row->dendritic, upto = piece.upto - dendritic;
    const Step from = std::max<Step>(piece.row->done - dendritic, -1);  // no spike is at -1
    for (std::uint64_t k = piece.first; k < piece.first + piece.n; ++k, ++lane) {
      const Newest newest = newest_[target_of_[k]];
      const bool some = newest.stamp > from;
      const bool one = some && newest.stamp <= upto && newest.before <= from;
      round_lane_[once] = lane;  // kept if the count goes on
      round_time_[once] = newest.stamp + dendritic;
      once += one ? 1 : 0;
      pending_[often].lane = lane;
      often += some && !one ? 1 : 0;
    }
  }
  if (once > 0) {
    for (std::size_t v = 0; v < of_target_.size(); ++v) {
      for (std::size_t k = 0; k < once; ++k) {
        lanes.state(of_target_[v])[k] =
            newest_before_[v][target_of_[position(pieces, round_lane_[k])]];
      }
    }
    round(pieces, once);
  }
  for (std::size_t k = 0; k < often; ++k) {  // these lie far apart
    fetch_line(&posts_[target_of_[position(pieces, pending_[k].lane)]]);
  }
  for (std::size_t k = 0; k < often; ++k) {
    const std::vector<Post>& posts = posts_[target_of_[position(pieces, pending_[k].lane)]];
    pending_[k].next = posts.data();
    pending_[k].end = posts.data() + posts.size();
    fetch_line(pending_[k].end - 1);
  }
  std::size_t left = 0;
  for (std::size_t k = 0; k < often; ++k) {
    const auto [of, first, last] = pending_[k];
    const Row& row = *pieces[piece_of_[of]].row;
    const Step from = row.done - row.dendritic;
    const Step upto = pieces[piece_of_[of]].upto - row.dendritic;
    const Post* end = last;
    while (end > first && end[-1].stamp > upto) {
      --end;
    }
    const Post* next = end;
    while (next > first && next[-1].stamp > from) {
      --next;
    }
    if (next < end) {
      pending_[left++] = {of, next, end};
    }
  }
  while (left > 0) {
    const std::size_t n = left;
    left = 0;
    for (std::size_t k = 0; k < n; ++k) {
      Pending of = pending_[k];
      const Post& post = *of.next;
      round_lane_[k] = of.lane;
      round_time_[k] = post.stamp + pieces[piece_of_[of.lane]].row->dendritic;
      for (std::size_t v = 0; v < of_target_.size(); ++v) {
        lanes.state(of_target_[v])[k] = post.before[v];
      }
      if (++of.next < of.end) {
        pending_[left++] = of;
      }
    }
    round(pieces, n);
  }
}

// A round: what targets keep is in the lanes.
template <class R>
void EventRows<R>::round(std::span<const Piece> pieces, std::size_t n) {
  constexpr std::size_t stride = EventLanes<R>::stride;
  EventLanes<R>&lanes = lanes_[EventRule::on_post], &all = lanes_[EventRule::on_pre];
  const std::span<const Step> steps(steps_.data(), n);
  if (!of_source_.empty()) {
    for (std::size_t k = 0; k < n; ++k) {
      const Row& row = *pieces[piece_of_[round_lane_[k]]].row;
      steps_[k] = round_time_[k] - row.at;
      for (std::size_t v = 0; v < of_source_.size(); ++v) {
        lanes.state(of_source_[v])[k] =
            row_values_[v][static_cast<std::size_t>(&row - segments_.data())];
      }
    }
    source_.advance_all(steps, lanes.state(0), stride);
  }
  for (const std::size_t v : of_synapse_) {
    for (std::size_t k = 0; k < n; ++k) {
      lanes.state(v)[k] = all.state(v)[round_lane_[k]];
    }
  }
  if (synapse_.moves()) {
    for (std::size_t k = 0; k < n; ++k) {
      Step& at = at_[round_lane_[k]];
      steps_[k] = round_time_[k] - at;
      at = round_time_[k];
    }
    synapse_.advance_all(steps, lanes.state(0), stride);
  }
  const std::size_t first = rule().first(EventRule::on_post);
  for (std::size_t c = 0; !varied_.empty() && c < lanes.program().parts().coefficients; ++c) {
    const std::vector<double>& values = varied_[first + c];
    for (std::size_t k = 0; !values.empty() && k < n; ++k) {
      lanes.coefficient(c)[k] = static_cast<R>(values[position(pieces, round_lane_[k])]);
    }
  }
  if (!lanes.program().parts().draws.empty()) {
    for (std::size_t k = 0; k < n; ++k) {
      draw(lanes, EventRule::on_post, k, position(pieces, round_lane_[k]), round_time_[k], 0);
    }
  }
  lanes.run(n);
  for (const std::size_t v : of_synapse_) {
    for (std::size_t k = 0; k < n; ++k) {
      all.state(v)[round_lane_[k]] = lanes.state(v)[k];
    }
  }
}

// Spikes of sources, which then send what the targets get.
template <class R>
void EventRows<R>::meet_spikes(std::span<const Piece> pieces, std::size_t n) {
  constexpr std::size_t stride = EventLanes<R>::stride;
  EventLanes<R>& lanes = lanes_[EventRule::on_pre];
  const std::size_t first = rule().first(EventRule::on_pre);
  const bool reads_target =
      std::ranges::any_of(of_target_, [&](std::size_t v) { return lanes.reads(v); });
  const auto& reads = rule().parts().reads;
  std::size_t lane = 0;
  for (const Piece& piece : pieces) {
    const Step dendritic = piece.row->dendritic;
    R* begin = lanes.state(0) + lane;
    source_values(*piece.row, piece.time, begin, stride);
    for (const std::size_t v : of_source_) {
      std::fill_n(begin + v * stride, piece.n, begin[v * stride]);
    }
    for (std::size_t c = 0; c < lanes.program().parts().coefficients; ++c) {
      if (!varied_.empty() && !varied_[first + c].empty()) {
        std::transform(varied_[first + c].data() + piece.first,
                       varied_[first + c].data() + piece.first + piece.n,
                       lanes.coefficient(c) + lane, [](double x) { return static_cast<R>(x); });
      }
    }
    for (std::size_t r = 0; r < reads.size(); ++r) {
      R* read = begin + static_cast<std::size_t>(reads[r].variable) * stride;
      for (std::size_t k = 0; k < piece.n; ++k) {
        read[k] = read_[r][target_of_[piece.first + k]];
      }
    }
    if (reads_target) {
      const Step left = piece.time - dendritic, upto = piece.upto - dendritic;
      for (std::size_t k = 0; k < piece.n; ++k) {
        const std::uint32_t target = target_of_[piece.first + k];
        const Step newest = newest_[target].stamp;
        if (newest > upto) [[unlikely]] {  // an earlier one counts
          target_values(target, upto, left, begin + k, stride);
          steps_[lane + k] = 0;
          continue;
        }
        steps_[lane + k] = newest < 0 ? 0 : left - newest;
        for (std::size_t v = 0; v < of_target_.size(); ++v) {
          begin[of_target_[v] * stride + k] = newest_after_[v][target];
        }
      }
    }
    if (!lanes.program().parts().draws.empty()) {
      for (std::size_t k = 0; k < piece.n; ++k) {
        draw(lanes, EventRule::on_pre, lane + k, piece.first + k, piece.time, piece.row->again);
      }
    }
    lane += piece.n;
  }
  if (reads_target) {
    target_.advance_all({steps_.data(), n}, lanes.state(0), stride);
  }
  if (synapse_.moves()) {
    for (std::size_t k = 0; k < n; ++k) {
      const Step time = pieces[piece_of_[k]].time;
      steps_[k] = time - at_[k];
      at_[k] = time;
    }
    synapse_.advance_all({steps_.data(), n}, lanes.state(0), stride);
  }
  lanes.run(n);
  const R* sent = lanes.state(static_cast<std::size_t>(rule().parts().transmit));
  sending_.insert(sending_.end(), sent, sent + n);
}

// Random numbers of one synapse at one event.
template <class R>
void EventRows<R>::draw(EventLanes<R>& lanes, EventRule::Event event, std::size_t lane,
                        std::uint64_t position, Step time, std::uint32_t again) const {
  const std::vector<DrawKind>& kinds = lanes.program().parts().draws;
  for (std::size_t d = 0; d < kinds.size(); ++d) {
    const auto number = static_cast<std::uint32_t>((this->feed_.projection << 7) |
                                                   (event == EventRule::on_pre ? 0u : 64u) | d);
    const Stream stream(this->plasticity_.seed, Purpose::synapse_event, number);
    // Steps end at 2^53: the bits beyond tell apart spikes of a source that come together.
    const Words words = stream.at(canonical_[position], time | static_cast<Step>(again) << 53);
    const double u = uniform(words[0], words[1]);
    if (kinds[d] == DrawKind::uniform) {
      constexpr R below_1 = R(1) - (sizeof(R) == 4 ? R(0x1p-24) : R(0x1p-53));
      lanes.draw(d)[lane] = std::min(static_cast<R>(u), below_1);
    } else {
      lanes.draw(d)[lane] = static_cast<R>(normal_quantile(u));
    }
  }
}

template <class R>
void EventRows<R>::deliver(Step step, Channels<R> input, bool early) {
  if (early != this->feed_.ends.early()) {
    return;
  }
  this->deliver_sent(step, input);  // of earlier stamps than any arrival below
  auto& arrivals = calendar_.at(step);
  const std::span<const std::uint32_t> rows(arrivals);
  if (!rows.empty()) {
    read_targets();
  }
  for (std::size_t begin = 0, end = 0; begin < rows.size(); begin = end) {
    // A few rows are updated together. None of them twice: a source may spike twice in a step.
    do {
      ++end;
    } while (end < rows.size() && end - begin < most_rows && rows[end] != rows[end - 1]);
    update(rows.subspan(begin, end - begin), step);
    const R* sent = sending_.data();
    for (std::size_t a = begin; a < end; ++a) {
      const Row& row = segments_[rows[a]];
      const std::uint16_t* target = target_of_.data() + row.first;
      for (std::uint32_t k = 0; k < row.count; ++k, ++sent) {
        input[static_cast<std::size_t>(this->feed_.channel_of(*sent))][this->local(target[k])] +=
            this->feed_.sent(*sent);
      }
    }
  }
  arrivals.clear();
}

template <class R>
void EventRows<R>::read_targets() {
  const TargetNumbers& targets = this->targets_;
  for (std::size_t r = 0; r < read_.size(); ++r) {
    const std::size_t state = rule().parts().reads[r].state;
    const R* stored = state < states_.size() ? states_[state] : nullptr;
    if (!targets.scattered()) {
      neurons_->sample(state, targets.element(0), targets.size(), stored, read_[r].data());
      continue;
    }
    for (std::uint32_t j = 0; j < targets.size(); ++j) {
      neurons_->sample(state, targets.element(j), 1, stored, &read_[r][j]);
    }
  }
}

template <class R>
void EventRows<R>::signal(double value, Step now) {
  constexpr std::size_t stride = EventLanes<R>::stride;
  EventLanes<R>& lanes = lanes_[EventRule::on_signal];
  const std::size_t first = rule().first(EventRule::on_signal);
  const auto number = static_cast<std::size_t>(rule().parts().signal);
  for (const Row& row : segments_) {
    const Step left = now - row.dendritic;
    for (std::size_t done = 0; done < row.count;) {
      const std::size_t n = std::min<std::size_t>(lanes.room(), row.count - done);
      const std::uint64_t begin = row.first + done;
      std::fill_n(lanes.state(number), n, static_cast<R>(value));
      source_values(row, now, lanes.state(0), stride);
      for (const std::size_t v : of_source_) {
        std::fill_n(lanes.state(v), n, *lanes.state(v));
      }
      for (std::size_t k = 0; k < n && !of_target_.empty(); ++k) {
        target_values(target_of_[begin + k], left, left, lanes.state(0) + k, stride);
      }
      for (std::size_t c = 0; !varied_.empty() && c < lanes.program().parts().coefficients; ++c) {
        const std::vector<double>& values = varied_[first + c];
        for (std::size_t k = 0; !values.empty() && k < n; ++k) {
          lanes.coefficient(c)[k] = static_cast<R>(values[begin + k]);
        }
      }
      for (std::size_t v = 0; v < variables_.size(); ++v) {
        std::copy_n(variables_[v].data() + begin, n, lanes.state(of_synapse_[v]));
      }
      lanes.run(n);
      for (std::size_t v = 0; v < variables_.size(); ++v) {
        std::copy_n(lanes.state(of_synapse_[v]), n, variables_[v].data() + begin);
      }
      done += n;
    }
  }
}

// Replays the posts that are at the synapses by then.
template <class R>
void EventRows<R>::settle_row(Row& row, Step upto) {
  if (upto <= row.done) {
    return;
  }
  const std::size_t room =
      std::min(lanes_[EventRule::on_pre].room(), lanes_[EventRule::on_post].room());
  for (std::size_t k = 0; k < row.count; k += room) {
    const Piece piece{&row, row.first + k, std::min<std::size_t>(room, row.count - k),
                      upto, false,         0};
    replay({&piece, 1});
  }
  row.done = upto;
}

template <class R>
void EventRows<R>::finish(Step now) {
  for (Step arrival = now; arrival < now + this->span_; ++arrival) {
    std::vector<std::uint32_t> later;
    for (const std::uint32_t r : calendar_.at(arrival)) {
      const Row& row = segments_[r];
      if (time_at(row, arrival) > now) {
        later.push_back(r);
        continue;
      }
      update({&r, 1}, arrival);  // events wait with what they send
      for (std::uint32_t k = 0; k < row.count; ++k) {
        const R sent = sending_[k];
        this->add_sent(arrival, {static_cast<std::uint16_t>(this->local(target_of_[row.first + k])),
                                 static_cast<std::uint16_t>(this->feed_.channel_of(sent)),
                                 this->feed_.sent(sent)});
      }
    }
    calendar_.at(arrival).swap(later);
  }
  for (Row& row : segments_) {
    settle_row(row, now);
  }
  if (touched_.empty()) {
    return;
  }
  std::vector<R> value(rule().parts().variables.size());
  for (std::size_t k = 0; k < touched_.size(); ++k) {
    if (touched_[k] < now) {
      for (std::size_t v = 0; v < variables_.size(); ++v) {
        value[of_synapse_[v]] = variables_[v][k];
      }
      synapse_.advance(now - touched_[k], value.data(), 1);
      for (std::size_t v = 0; v < variables_.size(); ++v) {
        variables_[v][k] = value[of_synapse_[v]];
      }
      touched_[k] = now;
    }
  }
}

template <class R>
R EventRows<R>::trace(Readable which, std::uint32_t source, std::uint32_t target,
                      std::uint64_t position, Step now) const {
  const auto v = static_cast<std::size_t>(which) - static_cast<std::size_t>(Readable::variable);
  const auto at = std::ranges::find(of_synapse_, v);
  if (at != of_synapse_.end()) {
    return variables_[static_cast<std::size_t>(at - of_synapse_.begin())][position];
  }
  std::size_t r = rows_[this->row_of_element(source)];
  while (position >= segments_[r].first + segments_[r].count) {
    ++r;
  }
  const Row& row = segments_[r];
  std::vector<R> value(rule().parts().variables.size());
  if (rule().parts().variables[v].keeper == Keeper::source) {
    source_values(row, now, value.data(), 1);
  } else {
    const Step left = now - row.dendritic;
    target_values(this->targets_.of(target), left, left, value.data(), 1);
  }
  return value[v];
}

// See HistoryRows::settle. Variables that move stay where they were last touched, so that later
// bits do not depend on this.
template <class R>
void EventRows<R>::settle(Step step) {
  for (Row& row : segments_) {
    settle_row(row, step - row.dendritic);
  }
  post_count_ = 0;
  for (std::vector<Post>& posts : posts_) {
    std::size_t gone = 0;  // the latest of those that are in stays: later ones need its values
    while (gone + 1 < posts.size() && posts[gone + 1].stamp <= step - 2 * longest_) {
      ++gone;
    }
    posts.erase(posts.begin(), posts.begin() + static_cast<std::ptrdiff_t>(gone));
    post_count_ += posts.size();
  }
}

template <class R>
void EventRows<R>::add_weights(std::span<double> sums) const {
  for (std::size_t k = 0; k < target_of_.size(); ++k) {
    sums[target_of_[k]] += std::abs(static_cast<double>(variables_[0][k]));
  }
}

template <class R>
void EventRows<R>::scale_weights(std::span<const R> factors) {
  for (std::size_t k = 0; k < target_of_.size(); ++k) {
    variables_[0][k] *= factors[target_of_[k]];
  }
}

template <class R>
PlasticParts<R> EventRows<R>::parts() {
  PlasticParts<R> parts;
  for (Buffer<R>& values : variables_) {
    parts.synapse.emplace_back(values);
  }
  if (!touched_.empty() || synapse_.moves()) {
    parts.synapse_step.emplace_back(touched_);
  }
  for (std::vector<R>& values : row_values_) {
    parts.row.emplace_back(values);
  }
  for (Step Row::* field : {&Row::last, &Row::done, &Row::at}) {
    parts.row_step.emplace_back(segments_.empty() ? nullptr : &(segments_.front().*field),
                                segments_.size(), sizeof(Row));
  }
  return parts;
}

template <class R>
std::vector<std::pair<std::uint32_t, std::uint16_t>> EventRows<R>::rows() const {
  std::vector<std::pair<std::uint32_t, std::uint16_t>> rows;
  for (const Row& row : segments_) {
    rows.emplace_back(row.source, row.delay);
  }
  return rows;
}

template <class R>
std::vector<PostSpike<R>> EventRows<R>::posts() const {
  std::vector<PostSpike<R>> list;
  for (std::uint32_t j = 0; j < posts_.size(); ++j) {
    for (const Post& post : posts_[j]) {
      list.push_back({post.stamp, j, post.after});
    }
  }
  return list;
}

template <class R>
void EventRows<R>::set_posts(std::span<const PostSpike<R>> list) {
  for (std::vector<Post>& posts : posts_) {
    posts.clear();
  }
  post_count_ = list.size();
  for (const PostSpike<R>& spike : list) {
    std::vector<Post>& posts = posts_[spike.target];
    // What it was before follows from the spike before it; the first one is in already, or has
    // none.
    posts.push_back(after(spike.target, spike.stamp, posts.empty() ? nullptr : &posts.back()));
    posts.back().after = spike.value;
  }
  for (std::uint32_t j = 0; j < posts_.size(); ++j) {
    set_newest(j);
  }
}

template <class R>
void EventRows<R>::clear() {
  PlasticStore<R>::clear();
  calendar_.clear();
  set_posts({});
  start(-1);
}

template <class R>
void EventRows<R>::for_sources(const ForSource& visitor) const {
  for (const Row& row : segments_) {
    visitor(this->feed_.pre_gid + row.source, row.delay, row.delay);
  }
}

template <class R>
void EventRows<R>::visit(Gid source, const std::function<void(const SynapseRef<R>&)>& visitor) {
  const std::uint32_t i = this->row_of(source);
  if (i == SourceIndex::none) {
    return;
  }
  for (std::uint32_t s = rows_[i]; s < rows_[i + 1]; ++s) {
    for (std::uint64_t k = segments_[s].first; k < segments_[s].first + segments_[s].count; ++k) {
      R& weight = variables_[0][k];
      visitor({segments_[s].delay, this->local(target_of_[k]), &weight,
               this->feed_.channel_of(weight), k});
    }
  }
}

template <class R>
std::size_t EventRows<R>::bytes() const {
  const std::size_t synapses = target_of_.size();
  std::size_t varied = 0;
  for (const std::vector<double>& values : varied_) {
    varied += values.size() * sizeof(double);
  }
  return synapses * (variables_.size() * sizeof(R) + sizeof(std::uint16_t)) +
         touched_.size() * sizeof(Step) + canonical_.size() * sizeof(std::uint32_t) + varied +
         segments_.size() * (sizeof(Row) + of_source_.size() * sizeof(R)) +
         rows_.size() * sizeof(std::uint32_t);
}

template class EventRows<float>;
template class EventRows<double>;

}  // namespace spikelet
