#include "world/status_board.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <new>
#include <thread>

#include "base/error.h"
#include "world/mpi_communicator.h"

namespace allmodes::world {
namespace {

constexpr int kTableTag = 1;
constexpr int kRootTag = 2;
// Looks without a new beat after which the next rank of a node speaks for it.
constexpr int kLooksUntilSuccession = 8;

bool is_complete(MPI_Request& request, MPI_Status* status, int rank) {
  int done = 0;
  check_mpi(MPI_Test(&request, &done, status), "MPI_Test", rank);
  return done != 0;
}

}  // namespace

StatusBoard::StatusBoard(const World& world)
    : world_(world), statuses_(static_cast<size_t>(world.size)) {
  const int rank = world_.rank;
  check_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &own_), "MPI_Comm_dup", rank);
  check_mpi(MPI_Comm_set_errhandler(own_, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler", rank);
  check_mpi(MPI_Comm_split(own_, world_.node, world_.local_rank, &local_), "MPI_Comm_split", rank);
  node_ranks_.resize(static_cast<size_t>(world_.local_size));
  heard_.resize(node_ranks_.size());
  check_mpi(MPI_Allgather(&rank, 1, MPI_INT, node_ranks_.data(), 1, MPI_INT, local_),
            "MPI_Allgather", rank);
  check_mpi(MPI_Allreduce(&world_.local_size, &most_local_ranks_, 1, MPI_INT, MPI_MAX, own_),
            "MPI_Allreduce", rank);
  open_window();
  received_.resize(static_cast<size_t>(most_local_ranks_));
  if (world_.nodes == 1) return;
  if (rank == 0) {
    replies_.resize(static_cast<size_t>(world_.size));
    replying_.assign(static_cast<size_t>(world_.size), MPI_REQUEST_NULL);
    receive_table();
  } else if (world_.node != 0) {
    check_mpi(MPI_Irecv(&from_root_, sizeof from_root_, MPI_BYTE, 0, kRootTag, own_, &receiving_),
              "MPI_Irecv", rank);
  }
}

void StatusBoard::open_window() {
  const int rank = world_.rank;
  const size_t bytes =
      sizeof(Shared) + static_cast<size_t>(world_.local_size) * sizeof(SeqLocked<Status>);
  void* base = nullptr;
  check_mpi(MPI_Win_allocate_shared(world_.local_rank == 0 ? static_cast<MPI_Aint>(bytes) : 0, 1,
                                    MPI_INFO_NULL, local_, &base, &window_),
            "MPI_Win_allocate_shared", rank);
  MPI_Aint size = 0;
  int unit = 0;
  check_mpi(MPI_Win_shared_query(window_, 0, &size, &unit, &base), "MPI_Win_shared_query", rank);
  shared_ = static_cast<Shared*>(base);
  if (world_.local_rank == 0) {
    new (shared_) Shared();
    for (int i = 0; i < world_.local_size; ++i) new (&slot(i)) SeqLocked<Status>();
  }
  check_mpi(MPI_Barrier(local_), "MPI_Barrier", rank);
}

StatusBoard::~StatusBoard() {
  // Freeing is collective: a rank that unwinds an exception must not wait for the others.
  if (std::uncaught_exceptions() > 0) return;
  try {
    finish_messages();
  } catch (const Error&) {
    return;  // MPI has failed, and frees nothing more
  }
  MPI_Win_free(&window_);
  MPI_Comm_free(&local_);
  MPI_Comm_free(&own_);
}

// A message of more than some KiB is sent only while its receiver receives it. So all go on
// receiving until everyone's own messages are sent, which a barrier that does not block tells them;
// only then is the last receive, which nothing answers, taken back.
void StatusBoard::finish_messages() {
  std::vector<MPI_Request> mine = replying_;
  mine.push_back(sending_);
  MPI_Request everyone = MPI_REQUEST_NULL;
  bool all_mine_sent = false;
  for (int all_sent = 0; all_sent == 0;) {
    if (world_.nodes > 1 && world_.rank == 0) receive_tables();
    if (world_.node != 0) receive_root_messages();
    if (!all_mine_sent) {
      int sent = 0;
      MPI_Testall(static_cast<int>(mine.size()), mine.data(), &sent, MPI_STATUSES_IGNORE);
      all_mine_sent = sent != 0;
      if (all_mine_sent) MPI_Ibarrier(own_, &everyone);
    } else {
      MPI_Test(&everyone, &all_sent, MPI_STATUS_IGNORE);
    }
    if (all_sent == 0) std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  if (receiving_ == MPI_REQUEST_NULL) return;
  MPI_Cancel(&receiving_);
  MPI_Wait(&receiving_, MPI_STATUS_IGNORE);
}

SeqLocked<Status>& StatusBoard::slot(int local_rank) const {
  return reinterpret_cast<SeqLocked<Status>*>(shared_ + 1)[local_rank];
}

void StatusBoard::publish(const Status& mine) {
  slot(world_.local_rank).store(mine);
  if (world_.rank == 0) shared_->judge_beats.store(mine.beats);
}

void StatusBoard::exchange() {
  read_node();
  if (world_.nodes == 1) return;
  if (world_.rank == 0) {
    exchange_at_root();
  } else if (world_.node != 0) {
    exchange_with_root();
  }
}

void StatusBoard::read_node() {
  for (size_t i = 0; i < node_ranks_.size(); ++i)
    if (const auto status = slot(static_cast<int>(i)).load())
      statuses_[static_cast<size_t>(node_ranks_[i])] = *status;
}

// The lowest rank of the node that lives.
bool StatusBoard::speaks_for_node() {
  bool lower_lives = false;
  for (size_t i = 0; i < static_cast<size_t>(world_.local_rank); ++i) {
    const uint64_t beats = statuses_[static_cast<size_t>(node_ranks_[i])].beats;
    heard_[i].looks = beats == heard_[i].beats ? heard_[i].looks + 1 : 0;
    heard_[i].beats = beats;
    lower_lives = lower_lives || heard_[i].looks < kLooksUntilSuccession;
  }
  return !lower_lives;
}

void StatusBoard::receive_table() {
  check_mpi(MPI_Irecv(received_.data(), static_cast<int>(received_.size() * sizeof(Entry)),
                      MPI_BYTE, MPI_ANY_SOURCE, kTableTag, own_, &receiving_),
            "MPI_Irecv", world_.rank);
}

void StatusBoard::receive_tables() {
  MPI_Status from{};
  while (is_complete(receiving_, &from, world_.rank)) {
    int bytes = 0;
    check_mpi(MPI_Get_count(&from, MPI_BYTE, &bytes), "MPI_Get_count", world_.rank);
    const size_t entries = static_cast<size_t>(bytes) / sizeof(Entry);
    for (size_t i = 0; i < entries; ++i)
      statuses_.at(static_cast<size_t>(received_[i].rank)) = received_[i].status;
    auto& reply = replies_[static_cast<size_t>(from.MPI_SOURCE)];
    if (reply == nullptr) reply = std::make_unique<RootMessage>();
    receive_table();
  }
}

void StatusBoard::exchange_at_root() {
  receive_tables();
  // One message a look to whoever has ever spoken for a node; none while the last is still under
  // way.
  for (size_t to = 0; to < replies_.size(); ++to) {
    if (replies_[to] == nullptr || !is_complete(replying_[to], MPI_STATUS_IGNORE, world_.rank))
      continue;
    *replies_[to] = {shared_->judge_beats.load(), shared_->end_ordered.load()};
    check_mpi(MPI_Isend(replies_[to].get(), sizeof(RootMessage), MPI_BYTE, static_cast<int>(to),
                        kRootTag, own_, &replying_[to]),
              "MPI_Isend", world_.rank);
  }
}

void StatusBoard::receive_root_messages() {
  while (is_complete(receiving_, MPI_STATUS_IGNORE, world_.rank)) {
    shared_->judge_beats.store(std::max(from_root_.judge_beats, shared_->judge_beats.load()));
    if (from_root_.end_ordered != 0) shared_->end_ordered.store(1);
    check_mpi(MPI_Irecv(&from_root_, sizeof from_root_, MPI_BYTE, 0, kRootTag, own_, &receiving_),
              "MPI_Irecv", world_.rank);
  }
}

void StatusBoard::exchange_with_root() {
  receive_root_messages();
  if (!speaks_for_node() || !is_complete(sending_, MPI_STATUS_IGNORE, world_.rank)) return;
  sent_.clear();
  for (const int rank : node_ranks_) sent_.push_back({rank, statuses_[static_cast<size_t>(rank)]});
  check_mpi(MPI_Isend(sent_.data(), static_cast<int>(sent_.size() * sizeof(Entry)), MPI_BYTE, 0,
                      kTableTag, own_, &sending_),
            "MPI_Isend", world_.rank);
}

uint64_t StatusBoard::judge_beats() const {
  return shared_->judge_beats.load();
}

void StatusBoard::order_end() {
  shared_->end_ordered.store(1);
}

bool StatusBoard::end_ordered() const {
  return shared_->end_ordered.load() != 0;
}

}  // namespace allmodes::world
