#include "world/host_exchange.h"

#include "base/error.h"
#include "world/mpi_communicator.h"
#include "world/node_exchange.h"
#include "world/shared_window.h"

#include <algorithm>
#include <array>
#include <exception>
#include <utility>

namespace allmodes::world {
namespace {

int size_of_group(MPI_Comm group) {
  int size = 0;
  check_mpi(MPI_Comm_size(group, &size), "MPI_Comm_size", -1);
  return size;
}

}  // namespace

std::unique_ptr<HostExchange> HostExchange::make(MPI_Comm group, HostExchangeOptions options) {
  int rank = 0;
  check_mpi(MPI_Comm_rank(group, &rank), "MPI_Comm_rank", -1);
  MPI_Comm node = MPI_COMM_NULL;
  check_mpi(MPI_Comm_split_type(group, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &node),
            "MPI_Comm_split_type", rank);
  check_mpi(MPI_Comm_set_errhandler(node, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler", rank);
  const int size = size_of_group(node);
  std::array<int, 2> extremes{size, -size};
  check_mpi(MPI_Allreduce(MPI_IN_PLACE, extremes.data(), 2, MPI_INT, MPI_MAX, group),
            "MPI_Allreduce", rank);
  if (extremes[0] != -extremes[1]) {
    check_mpi(MPI_Comm_free(&node), "MPI_Comm_free", rank);
    return nullptr;
  }
  MPI_Comm across = MPI_COMM_NULL;
  if (size_of_group(group) > size) {
    int place = 0;
    check_mpi(MPI_Comm_rank(node, &place), "MPI_Comm_rank", rank);
    check_mpi(MPI_Comm_split(group, place, rank, &across), "MPI_Comm_split", rank);
    check_mpi(MPI_Comm_set_errhandler(across, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler", rank);
  }
  return std::unique_ptr<HostExchange>(new HostExchange(node, across, options));
}

HostExchange::HostExchange(MPI_Comm node, MPI_Comm across, HostExchangeOptions options)
    : node_(node) {
  ALLMODES_CHECK(options.piece_bytes >= 64 && options.piece_bytes % 64 == 0, "pieces of {} bytes",
                 options.piece_bytes);
  int rank = 0;
  check_mpi(MPI_Comm_rank(node_, &rank), "MPI_Comm_rank", -1);
  if (across != MPI_COMM_NULL)
    nodes_ = std::make_unique<NodeExchange>(across,
                                            NodeExchangeOptions{.piece_bytes = options.piece_bytes,
                                                                .bfloat16 = options.bfloat16,
                                                                .sleeps = options.thread,
                                                                .log = options.log});
  const int64_t slots_at = Meeting::head_bytes() + InlineReduce::place_bytes();
  window_ = std::make_shared<SharedWindow>(node_, slots_at + 2 * options.piece_bytes);
  const auto bases_at = [this](int64_t offset) {
    std::vector<std::byte*> bases = window_->bases();
    for (std::byte*& base : bases) base += offset;
    return bases;
  };
  // MPI moves what it still has to send to other nodes only while it is called; where there is a
  // thread, that calls it.
  const auto probe = [this, rank] {
    int found = 0;
    check_mpi(MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, node_, &found, MPI_STATUS_IGNORE),
              "MPI_Iprobe", rank);
  };
  meeting_.emplace(bases_at(0), rank, options.thread ? std::function<void()>() : probe);
  inline_.emplace(*meeting_, bases_at(Meeting::head_bytes()));
  staged_.emplace(*meeting_, bases_at(slots_at), options.piece_bytes, nodes_.get());
  in_place_.emplace(*meeting_, nodes_.get(), options.thread);
}

HostExchange::~HostExchange() {
  in_place_.reset();
  window_.reset();
  nodes_.reset();
  int finalized = 0;
  if (std::uncaught_exceptions() > 0 || MPI_Finalized(&finalized) != MPI_SUCCESS || finalized != 0)
    return;
  MPI_Comm_free(&node_);
}

std::shared_ptr<void> HostExchange::allocate(int64_t bytes) {
  ALLMODES_CHECK(bytes > 0, "{} bytes of shared memory", bytes);
  drain();
  auto window = std::make_shared<SharedWindow>(node_, bytes);
  std::erase_if(allocated_, [](const auto& other) { return other.window.expired(); });
  allocated_.push_back({window->own(), bytes, window});
  std::byte* own = window->own();
  return {std::move(window), own};
}

std::shared_ptr<SharedWindow> HostExchange::window_of(const Buffer& buffer) const {
  const auto* data = static_cast<const std::byte*>(buffer.data);
  for (const Allocated& memory : allocated_)
    if (data >= memory.own && data + buffer.bytes() <= memory.own + memory.bytes)
      if (auto window = memory.window.lock()) return window;
  return nullptr;
}

bool HostExchange::goes_inline(const Buffer& buffer) const {
  return nodes_ == nullptr && InlineReduce::fits(buffer);
}

void HostExchange::all_reduce(const Buffer& buffer, ReduceOp op) {
  drain();
  if (goes_inline(buffer)) return inline_->all_reduce(buffer, op);
  staged_->all_reduce(buffer, op);
}

std::optional<uint64_t> HostExchange::begin(const Buffer& buffer, ReduceOp op) {
  if (goes_inline(buffer)) return std::nullopt;
  const auto window = window_of(buffer);
  if (window == nullptr) return std::nullopt;
  std::vector<std::byte*> places = window->bases();
  for (std::byte*& place : places)
    place += static_cast<const std::byte*>(buffer.data) - window->own();
  return in_place_->begin(buffer, op, std::move(places));
}

}  // namespace allmodes::world
