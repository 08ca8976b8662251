#include "world/machine_exchange.h"

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

MachineExchange::MachineExchange(MPI_Comm across, MachineExchangeOptions options)
    : across_(across), options_(options) {
  check_mpi(MPI_Comm_rank(across_, &machine_), "MPI_Comm_rank", -1);
  check_mpi(MPI_Comm_size(across_, &machines_), "MPI_Comm_size", machine_);
}

MachineExchange::~MachineExchange() {
  int finalized = 0;
  if (std::uncaught_exceptions() > 0 || MPI_Finalized(&finalized) != MPI_SUCCESS || finalized != 0)
    return;
  MPI_Comm_free(&across_);
}

void MachineExchange::all_reduce(std::byte* data, int64_t count, DataType type, ReduceOp op,
                                 bool may_round) {
  const bool sums = op == ReduceOp::sum || op == ReduceOp::mean;
  type_ = type;
  rounded_ = options_.bfloat16 && may_round && sums && type == DataType::f32;
  const int64_t most = options_.piece_bytes / size_of(type) * machines_;
  const auto start = [&](Piece& piece, int64_t begin) {
    piece.begin = begin;
    piece.length = std::min(most, count - begin);
    if (piece.length > 0) scatter(piece, data);
  };
  Piece* current = pieces_.data();
  Piece* next = current + 1;
  for (start(*current, 0); current->length > 0; std::swap(current, next)) {
    await(current->request, "MPI_Ialltoall");
    start(*next, current->begin + current->length);
    fold(*current, op);
    gather(*current, data);
    if (options_.log != nullptr) options_.log->note_progress();
  }
}

void MachineExchange::scatter(Piece& piece, const std::byte* data) {
  const int64_t width = rounded_ ? 2 : size_of(type_);
  // Whole cache lines.
  piece.share = ((piece.length + machines_ - 1) / machines_ + 63) / 64 * 64;
  const auto bytes = static_cast<size_t>(piece.share * machines_ * width);
  piece.sent.resize(bytes);
  piece.received.resize(bytes);
  const std::byte* from = data + piece.begin * size_of(type_);
  if (rounded_) {
    to_bfloat16(from, piece.length, piece.sent.data());
  } else {
    std::memcpy(piece.sent.data(), from, static_cast<size_t>(piece.length * width));
  }
  // What lies behind the elements is added up too, and left behind.
  std::fill(piece.sent.begin() + piece.length * width, piece.sent.end(), std::byte{0});
  const auto part = static_cast<int>(piece.share * width);
  check_mpi(MPI_Ialltoall(piece.sent.data(), part, MPI_BYTE, piece.received.data(), part, MPI_BYTE,
                          across_, &piece.request),
            "MPI_Ialltoall", machine_);
}

// The machines' parts of this one's share, into the head of `sent`.
void MachineExchange::fold(Piece& piece, ReduceOp op) {
  const int64_t width = size_of(type_);
  std::byte* parts = piece.received.data();
  std::byte* sum = piece.sent.data();
  if (rounded_) {
    folded_.resize(static_cast<size_t>(piece.share * (machines_ + 1) * width));
    from_bfloat16(parts, piece.share * machines_, folded_.data());
    parts = folded_.data();
    sum = parts + piece.share * machines_ * width;
  }
  std::vector<std::byte*> sources;
  for (int machine = 0; machine < machines_; ++machine)
    sources.push_back(parts + machine * piece.share * width);
  fold_range(type_, sources, {sum}, 0, piece.share, op, 0);
  if (rounded_) to_bfloat16(sum, piece.share, piece.sent.data());
}

void MachineExchange::gather(Piece& piece, std::byte* data) {
  const int64_t width = rounded_ ? 2 : size_of(type_);
  const auto part = static_cast<int>(piece.share * width);
  check_mpi(MPI_Iallgather(piece.sent.data(), part, MPI_BYTE, piece.received.data(), part, MPI_BYTE,
                           across_, &piece.request),
            "MPI_Iallgather", machine_);
  await(piece.request, "MPI_Iallgather");
  std::byte* to = data + piece.begin * size_of(type_);
  if (rounded_) {
    from_bfloat16(piece.received.data(), piece.length, to);
  } else {
    std::memcpy(to, piece.received.data(), static_cast<size_t>(piece.length * width));
  }
}

// MPI moves data only while it is called.
void MachineExchange::await(MPI_Request& request, const char* call) {
  if (!options_.sleeps) return check_mpi(MPI_Wait(&request, MPI_STATUS_IGNORE), call, machine_);
  for (int done = 0;;) {
    check_mpi(MPI_Test(&request, &done, MPI_STATUS_IGNORE), call, machine_);
    if (done != 0) return;
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
}

}  // namespace allmodes::world
