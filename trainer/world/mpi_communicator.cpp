#include "world/mpi_communicator.h"

#include "base/error.h"
#include "world/flight_log.h"

#include <algorithm>
#include <exception>
#include <numeric>

namespace allmodes::world {

void check_mpi(int code, const char* call, int rank) {
  if (code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  // Asking for the text of an error before MPI runs would end the process.
  int running = 0;
  if (MPI_Initialized(&running) != MPI_SUCCESS || running == 0 ||
      MPI_Error_string(code, text, &length) != MPI_SUCCESS)
    length = 0;
  ALLMODES_FAIL(ExitCode::kProtocol, "{} failed on rank {}: {} (MPI error {})", call, rank,
                length > 0 ? std::string(text, static_cast<size_t>(length)) : "unknown error",
                code);
}

MPI_Datatype mpi_type(DataType type) {
  switch (type) {
    case DataType::f32:
      return MPI_FLOAT;
    case DataType::f64:
      return MPI_DOUBLE;
    case DataType::i64:
      return MPI_INT64_T;
    case DataType::u8:
      return MPI_UINT8_T;
  }
  ALLMODES_FAIL(ExitCode::kSoftware, "no such data type: {}", static_cast<int>(type));
}

MPI_Op mpi_op(ReduceOp op) {
  switch (op) {
    case ReduceOp::sum:
    case ReduceOp::mean:
      return MPI_SUM;
    case ReduceOp::max:
      return MPI_MAX;
    case ReduceOp::min:
      return MPI_MIN;
  }
  ALLMODES_FAIL(ExitCode::kSoftware, "no such reduction: {}", static_cast<int>(op));
}

namespace {

// An all-reduce that was begun; to wait for it leaves a line of its own in the flight log.
class InSharedMemory final : public Completion {
 public:
  InSharedMemory(HostExchange& exchange, uint64_t operation, const Buffer& buffer, ReduceOp op,
                 int ranks, FlightLog* log)
      : exchange_(exchange),
        operation_(operation),
        buffer_(buffer),
        op_(op),
        ranks_(ranks),
        log_(log),
        label_(buffer.label) {}

  void wait(Stream) override {
    FlightLog::Running flight(log_, Collective::all_reduce, buffer_.bytes(), ranks_, label_.view(),
                              op_, buffer_.type);
    exchange_.finish(operation_);
    flight.finish(FlightState::done);
  }

 private:
  HostExchange& exchange_;
  uint64_t operation_;
  Buffer buffer_;
  ReduceOp op_;
  int ranks_;
  FlightLog* log_;
  ShortText<40> label_;
};

}  // namespace

MpiCommunicator::MpiCommunicator(MPI_Comm own, int rank, int size, MpiOptions options)
    : Communicator(rank, size), own_(own), options_(options), staging_(options.piece_bytes) {}

std::unique_ptr<MpiCommunicator> MpiCommunicator::duplicate(MPI_Comm parent, MpiOptions options) {
  ALLMODES_CHECK(
      options.piece_bytes >= 8 && options.piece_bytes % 8 == 0 && options.piece_bytes <= INT_MAX,
      "pieces of {} bytes", options.piece_bytes);
  MPI_Comm own = MPI_COMM_NULL;
  check_mpi(MPI_Comm_dup(parent, &own), "MPI_Comm_dup", -1);
  return adopt(own, options);
}

std::unique_ptr<MpiCommunicator> MpiCommunicator::adopt(MPI_Comm own, MpiOptions options) {
  // Without this, MPI ends the process before any check below could say what failed.
  check_mpi(MPI_Comm_set_errhandler(own, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler", -1);
  int rank = -1;
  int size = 0;
  check_mpi(MPI_Comm_rank(own, &rank), "MPI_Comm_rank", -1);
  check_mpi(MPI_Comm_size(own, &size), "MPI_Comm_size", rank);
  return std::unique_ptr<MpiCommunicator>(new MpiCommunicator(own, rank, size, options));
}

MpiCommunicator::~MpiCommunicator() {
  exchange_.reset();
  // MPI_Comm_free is collective: a rank that unwinds an exception must not wait for the others.
  int finalized = 0;
  if (std::uncaught_exceptions() > 0 || MPI_Finalized(&finalized) != MPI_SUCCESS || finalized != 0)
    return;
  MPI_Comm_free(&own_);
}

HostExchange* MpiCommunicator::exchange() {
  if (!has_exchange_ && size() > 1) {
    exchange_ = HostExchange::make(
        own_, {.piece_bytes = std::max<int64_t>(64, options_.piece_bytes / 64 * 64),
               .bfloat16 = bfloat16_,
               .thread = thread_,
               .log = flight_log()});
  }
  has_exchange_ = true;
  return exchange_.get();
}

void MpiCommunicator::drain() {
  if (exchange_ != nullptr) exchange_->drain();
}

std::shared_ptr<void> MpiCommunicator::do_allocate(int64_t bytes) {
  HostExchange* shared = exchange();
  return shared != nullptr ? shared->allocate(bytes) : Communicator::do_allocate(bytes);
}

template <typename Work>
void MpiCommunicator::in_pieces(const Buffer& buffer, Stream stream, bool write_back, Work work) {
  if (buffer.place == Place::device) return staging_.each(buffer, stream, write_back, work);
  const int64_t width = size_of(buffer.type);
  const int64_t step = options_.piece_bytes / width;
  auto* bytes = static_cast<std::byte*>(buffer.data);
  for (int64_t first = 0; first < buffer.count; first += step)
    work(bytes + first * width, std::min(step, buffer.count - first));
}

Ticket MpiCommunicator::do_all_reduce(Buffer buffer, ReduceOp op, Stream stream) {
  HostExchange* shared = buffer.place == Place::host ? exchange() : nullptr;
  if (shared != nullptr) {
    if (const auto operation = shared->begin(buffer, op))
      return Ticket(
          std::make_unique<InSharedMemory>(*shared, *operation, buffer, op, size(), flight_log()));
    shared->all_reduce(buffer, op);
    return {};
  }
  drain();
  in_pieces(buffer, stream, true, [&](void* piece, int64_t count) {
    check_mpi(MPI_Allreduce(MPI_IN_PLACE, piece, static_cast<int>(count), mpi_type(buffer.type),
                            mpi_op(op), own_),
              "MPI_Allreduce", rank());
    if (op == ReduceOp::mean) divide_host(piece, count, buffer.type, size());
  });
  return {};
}

Ticket MpiCommunicator::do_reduce(Buffer buffer, ReduceOp op, int root, Stream stream) {
  drain();
  const bool receives = rank() == root;
  in_pieces(buffer, stream, receives, [&](void* piece, int64_t count) {
    check_mpi(MPI_Reduce(receives ? MPI_IN_PLACE : piece, receives ? piece : nullptr,
                         static_cast<int>(count), mpi_type(buffer.type), mpi_op(op), root, own_),
              "MPI_Reduce", rank());
    if (receives && op == ReduceOp::mean) divide_host(piece, count, buffer.type, size());
  });
  return {};
}

Ticket MpiCommunicator::do_broadcast(Buffer buffer, int root, Stream stream) {
  drain();
  in_pieces(buffer, stream, rank() != root, [&](void* piece, int64_t count) {
    check_mpi(MPI_Bcast(piece, static_cast<int>(count), mpi_type(buffer.type), root, own_),
              "MPI_Bcast", rank());
  });
  return {};
}

std::vector<std::vector<std::byte>> MpiCommunicator::do_all_gather_v(
    std::span<const std::byte> mine) {
  drain();
  const auto ranks = static_cast<size_t>(size());
  const auto self = static_cast<size_t>(rank());
  std::vector<int64_t> sizes(ranks, 0);
  const auto own_size = static_cast<int64_t>(mine.size());
  check_mpi(MPI_Allgather(&own_size, 1, MPI_INT64_T, sizes.data(), 1, MPI_INT64_T, own_),
            "MPI_Allgather", rank());
  std::vector<std::vector<std::byte>> all(ranks);

  if (std::reduce(sizes.begin(), sizes.end()) > options_.gather_limit) {
    for (size_t root = 0; root < ranks; ++root) {
      all[root].resize(static_cast<size_t>(sizes[root]));
      if (root == self) std::copy(mine.begin(), mine.end(), all[root].begin());
      if (sizes[root] > 0)
        do_broadcast({all[root].data(), sizes[root], DataType::u8, Place::host},
                     static_cast<int>(root), nullptr);
    }
    return all;
  }

  std::vector<int> counts(sizes.begin(), sizes.end());
  std::vector<int> starts(ranks, 0);
  std::exclusive_scan(counts.begin(), counts.end(), starts.begin(), 0);
  std::vector<std::byte> joined(static_cast<size_t>(starts.back() + counts.back()));
  check_mpi(MPI_Allgatherv(mine.data(), counts[self], MPI_BYTE, joined.data(), counts.data(),
                           starts.data(), MPI_BYTE, own_),
            "MPI_Allgatherv", rank());
  for (size_t from = 0; from < ranks; ++from) {
    const auto begin = joined.begin() + starts[from];
    all[from].assign(begin, begin + counts[from]);
  }
  return all;
}

void MpiCommunicator::do_barrier() {
  drain();
  check_mpi(MPI_Barrier(own_), "MPI_Barrier", rank());
}

std::unique_ptr<Communicator> MpiCommunicator::do_split(int color, int key) {
  drain();
  MPI_Comm part = MPI_COMM_NULL;
  check_mpi(MPI_Comm_split(own_, color < 0 ? MPI_UNDEFINED : color, key, &part), "MPI_Comm_split",
            rank());
  if (part == MPI_COMM_NULL) return nullptr;
  return adopt(part, options_);
}

}  // namespace allmodes::world
