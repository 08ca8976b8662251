#include "world/node_exchange.h"

#include "base/error.h"
#include "world/flight_log.h"
#include "world/fold.h"
#include "world/mpi_communicator.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstring>
#include <exception>
#include <thread>
#include <utility>

namespace allmodes::world {
namespace {

// The upper half of a float, rounded to the nearest, ties to even; NaN stays NaN.
uint16_t to_bfloat16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  if (std::isnan(value)) return static_cast<uint16_t>((bits >> 16) | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

float from_bfloat16(uint16_t value) {
  return std::bit_cast<float>(static_cast<uint32_t>(value) << 16);
}

// What lies at `from` as the other type.
void to_bfloat16(const std::byte* from, int64_t count, std::byte* to) {
  const auto* floats = reinterpret_cast<const float*>(from);
  std::transform(floats, floats + count, reinterpret_cast<uint16_t*>(to),
                 [](float value) { return to_bfloat16(value); });
}
void from_bfloat16(const std::byte* from, int64_t count, std::byte* to) {
  const auto* halves = reinterpret_cast<const uint16_t*>(from);
  std::transform(halves, halves + count, reinterpret_cast<float*>(to),
                 [](uint16_t value) { return from_bfloat16(value); });
}

}  // namespace

NodeExchange::NodeExchange(MPI_Comm across, NodeExchangeOptions options)
    : scatters_(across), options_(options) {
  check_mpi(MPI_Comm_rank(scatters_, &node_), "MPI_Comm_rank", -1);
  check_mpi(MPI_Comm_size(scatters_, &nodes_), "MPI_Comm_size", node_);
  check_mpi(MPI_Comm_dup(scatters_, &gathers_), "MPI_Comm_dup", node_);
}

NodeExchange::~NodeExchange() {
  int finalized = 0;
  if (std::uncaught_exceptions() > 0 || MPI_Finalized(&finalized) != MPI_SUCCESS || finalized != 0)
    return;
  MPI_Comm_free(&gathers_);
  MPI_Comm_free(&scatters_);
}

void NodeExchange::begin(Request request) {
  const bool sums = request.op == ReduceOp::sum || request.op == ReduceOp::mean;
  const bool rounded =
      options_.bfloat16 && request.may_round && sums && request.type == DataType::f32;
  jobs_.push_back({.request = std::move(request), .rounded = rounded});
}

bool NodeExchange::advance() {
  bool moved = false;
  while (in_flight_ < pieces_.size()) {
    Job* const job = next_to_send();
    if (job == nullptr) break;
    scatter(*job);
    moved = true;
  }
  if (on_way_back_ < in_flight_ && arrived(under_way(on_way_back_), "MPI_Ialltoall")) {
    fold(under_way(on_way_back_));
    gather(under_way(on_way_back_));
    ++on_way_back_;
    moved = true;
  }
  if (on_way_back_ > 0 && arrived(under_way(0), "MPI_Iallgather")) {
    deliver(under_way(0));
    oldest_ = (oldest_ + 1) % pieces_.size();
    --on_way_back_;
    --in_flight_;
    moved = true;
    if (options_.log != nullptr) options_.log->note_progress();
  }
  end_jobs();
  return moved;
}

void NodeExchange::all_reduce(Request request) {
  begin(std::move(request));
  while (!idle()) {
    if (advance()) continue;
    if (options_.sleeps) {
      std::this_thread::sleep_for(std::chrono::microseconds(50));
    } else {
      std::this_thread::yield();
    }
  }
}

NodeExchange::Job* NodeExchange::next_to_send() {
  const auto unsent =
      std::ranges::find_if(jobs_, [](const Job& job) { return job.sent < job.request.count; });
  return unsent == jobs_.end() ? nullptr : &*unsent;
}

void NodeExchange::end_jobs() {
  while (!jobs_.empty() && jobs_.front().delivered == jobs_.front().request.count) {
    const auto done = std::move(jobs_.front().request.done);
    jobs_.pop_front();
    if (done) done();
  }
}

void NodeExchange::scatter(Job& job) {
  Piece& piece = under_way(in_flight_++);
  const int64_t width = job.width();
  piece.job = &job;
  piece.begin = job.sent;
  piece.length = std::min(options_.piece_bytes / size_of(job.request.type) * nodes_,
                          job.request.count - job.sent);
  job.sent += piece.length;
  // Whole cache lines.
  piece.share = ((piece.length + nodes_ - 1) / nodes_ + 63) / 64 * 64;
  const auto bytes = static_cast<size_t>(piece.share * nodes_ * width);
  piece.sent.resize(bytes);
  piece.received.resize(bytes);
  const std::byte* from = job.request.data + piece.begin * size_of(job.request.type);
  if (job.rounded) {
    to_bfloat16(from, piece.length, piece.sent.data());
  } else {
    std::memcpy(piece.sent.data(), from, static_cast<size_t>(piece.length * width));
  }
  // What lies behind the elements is added up too, and left behind.
  std::fill(piece.sent.begin() + piece.length * width, piece.sent.end(), std::byte{0});
  const auto part = static_cast<int>(piece.share * width);
  check_mpi(MPI_Ialltoall(piece.sent.data(), part, MPI_BYTE, piece.received.data(), part, MPI_BYTE,
                          scatters_, &piece.request),
            "MPI_Ialltoall", node_);
}

// The nodes' parts of this one's share, into the head of `sent`.
void NodeExchange::fold(Piece& piece) {
  const Job& job = *piece.job;
  const int64_t full = size_of(job.request.type);
  std::byte* parts = piece.received.data();
  std::byte* sum = piece.sent.data();
  if (job.rounded) {
    folded_.resize(static_cast<size_t>(piece.share * (nodes_ + 1) * full));
    from_bfloat16(parts, piece.share * nodes_, folded_.data());
    parts = folded_.data();
    sum = parts + piece.share * nodes_ * full;
  }
  std::vector<std::byte*> sources;
  for (int node = 0; node < nodes_; ++node) sources.push_back(parts + node * piece.share * full);
  fold_range(job.request.type, sources, {sum}, 0, piece.share, job.request.op, 0);
  if (job.rounded) to_bfloat16(sum, piece.share, piece.sent.data());
}

void NodeExchange::gather(Piece& piece) {
  const auto part = static_cast<int>(piece.share * piece.job->width());
  check_mpi(MPI_Iallgather(piece.sent.data(), part, MPI_BYTE, piece.received.data(), part, MPI_BYTE,
                           gathers_, &piece.request),
            "MPI_Iallgather", node_);
}

void NodeExchange::deliver(Piece& piece) {
  Job& job = *piece.job;
  std::byte* to = job.request.data + piece.begin * size_of(job.request.type);
  if (job.rounded) {
    from_bfloat16(piece.received.data(), piece.length, to);
  } else {
    std::memcpy(to, piece.received.data(), static_cast<size_t>(piece.length * job.width()));
  }
  job.delivered += piece.length;
}

// MPI moves data only while it is called.
bool NodeExchange::arrived(Piece& piece, const char* call) {
  int done = 0;
  check_mpi(MPI_Test(&piece.request, &done, MPI_STATUS_IGNORE), call, node_);
  return done != 0;
}

}  // namespace allmodes::world
