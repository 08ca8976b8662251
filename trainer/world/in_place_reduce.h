#pragma once

// All-reduces of memory that the ranks of a node share, where it lies. An operation is begun, which
// writes nothing but a flag, and finished later. In between, when every rank of the node has begun
// it, each adds up its slice over all ranks' buffers and writes the sum into every one of them:
// each element crosses the memory bus once.
//
// Why a buffer may be written: its owner lets it stand still from begin() to finish(). A rank
// writes its own slice of every rank's buffer, which no other rank reads or writes, and only after
// all have arrived; and the owner reads and writes the buffer again only after all have said that
// their slices are reduced (finish() awaits that).
//
// Operations start in the order of their numbers, by whoever calls finish() or by a thread of its
// own.

#include "world/meeting.h"

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace allmodes::world {

class NodeExchange;

class InPlaceReduce {
 public:
  // `nodes`: adds up between nodes; null on one node. `thread`: exchanges on a thread of its own.
  InPlaceReduce(Meeting& meeting, NodeExchange* nodes, bool thread);
  // Waits for no other rank: what was begun and not finished is left undone.
  ~InPlaceReduce();
  InPlaceReduce(const InPlaceReduce&) = delete;
  InPlaceReduce& operator=(const InPlaceReduce&) = delete;

  // `places`: of the buffer, by rank of the node. Returns the operation's number.
  uint64_t begin(const Buffer& buffer, ReduceOp op, std::vector<std::byte*> places);
  // Returns when the operation's result is in the buffer. Throws what the exchange has thrown:
  // kProtocol where the ranks do not mean the same operation, or where MPI fails.
  void finish(uint64_t operation);
  // Finishes all that was begun.
  void drain() { finish(last_); }

 private:
  struct Operation {
    uint64_t number = 0;
    Buffer buffer;
    ReduceOp op = ReduceOp::sum;
    std::vector<std::byte*> places;
  };

  // Does what can be done without waiting, and says whether that was anything. The next operation
  // starts when all ranks of the node are there; with other nodes while the one before it is still
  // on its way.
  bool advance();
  const Operation* next_to_start();
  void start(const Operation& operation);
  void spread(const Operation& operation);
  void end(const Operation& operation);
  void run_up_to(uint64_t number);
  void work();  // of the thread

  Meeting& meeting_;
  NodeExchange* nodes_;
  uint64_t last_ = 0;              // begun here
  std::deque<Operation> waiting_;  // begun and not yet done; references to them hold
  size_t started_ = 0;             // of them, the first ones

  std::mutex mutex_;  // of waiting_, started_, failure_ and ending_ when there is a thread
  std::condition_variable changed_;
  std::exception_ptr failure_;
  bool ending_ = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace allmodes::world
