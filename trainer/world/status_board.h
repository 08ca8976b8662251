#pragma once

// Where the watchdogs of all ranks see each other: a window of memory that the ranks of a node
// share, and short messages between nodes. Nothing here waits for another rank, so it also works
// while the rank itself hangs in a collective.

#include <mpi.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "world/runtime.h"
#include "world/stall_judge.h"

namespace allmodes::world {

// Used by one thread at a time. On several nodes that thread calls MPI beside others
// (Runtime::concurrent_mpi()); on one node it makes no MPI call but in construction and
// destruction.
class StatusBoard {
 public:
  // Collective over all ranks; ranks of one `world.node` share memory. Throws kProtocol when MPI
  // refuses.
  explicit StatusBoard(const World& world);
  // Collective, except while an exception unwinds. Ranks need not have made as many exchanges.
  ~StatusBoard();
  StatusBoard(const StatusBoard&) = delete;
  StatusBoard& operator=(const StatusBoard&) = delete;

  // Shows this rank's status to all others.
  void publish(const Status& mine);
  // Sends this node's statuses to rank 0; receives rank 0's signs of life and its order to end.
  void exchange();
  // By rank, as far as they are known here: on rank 0 those of all ranks, on others of their node.
  const std::vector<Status>& statuses() const { return statuses_; }
  // Counts rank 0's signs of life.
  uint64_t judge_beats() const;
  // Tells all ranks that can be reached to print and to end: by rank 0 those of all nodes, by
  // another one those of its own node.
  void order_end();
  bool end_ordered() const;

 private:
  struct Shared {
    std::atomic<uint64_t> judge_beats{0};
    std::atomic<uint32_t> end_ordered{0};
  };
  struct Entry {
    int64_t rank;
    Status status;
  };
  struct RootMessage {
    uint64_t judge_beats;
    uint64_t end_ordered;
  };

  void open_window();
  SeqLocked<Status>& slot(int local_rank) const;
  void read_node();
  bool speaks_for_node();
  void exchange_at_root();
  void exchange_with_root();
  void receive_tables();
  void receive_table();
  void receive_root_messages();
  void finish_messages();

  World world_;
  std::vector<Status> statuses_;
  std::vector<int> node_ranks_;  // ranks of this node, by local rank
  MPI_Comm local_ = MPI_COMM_NULL;
  MPI_Comm own_ = MPI_COMM_NULL;
  MPI_Win window_ = MPI_WIN_NULL;
  Shared* shared_ = nullptr;
  int most_local_ranks_ = 1;

  struct Heard {
    uint64_t beats = 0;
    int looks = 0;  // since they last changed
  };
  std::vector<Heard> heard_;  // by local rank
  std::vector<Entry> sent_;
  std::vector<Entry> received_;
  MPI_Request sending_ = MPI_REQUEST_NULL;
  MPI_Request receiving_ = MPI_REQUEST_NULL;
  RootMessage from_root_{};                            // received
  std::vector<std::unique_ptr<RootMessage>> replies_;  // rank 0's, by rank that asked
  std::vector<MPI_Request> replying_;
};

}  // namespace allmodes::world
