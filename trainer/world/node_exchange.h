#pragma once

// All-reduces between nodes, of one rank each. Every node adds up its share of the elements,
// as a binary tree over the nodes, and sends the result to all: an element crosses each
// node's link once on its way there and once back, the least that is possible, and all nodes
// have the same bits.
//
// Elements travel in pieces, several at a time: the next ones are on their way there, of the same
// all-reduce or of one begun behind it, while one is added up and sent back, so that the link does
// not rest between two all-reduces.

#include "world/communicator.h"

#ifndef OMPI_SKIP_MPICXX
#define OMPI_SKIP_MPICXX 1
#endif
#include <mpi.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <vector>

namespace allmodes::world {

class FlightLog;

struct NodeExchangeOptions {
  int64_t piece_bytes = int64_t{1} << 20;  // of a node's share
  bool bfloat16 = false;                   // sums of floats that may be rounded travel so
  // While the network works, sleep: for a thread that must leave its core to others.
  bool sleeps = false;
  FlightLog* log = nullptr;  // hears of each piece: a slow network is no standstill
};

class NodeExchange {
 public:
  // Takes the communicator, in the order of the nodes, and frees it. Collective.
  NodeExchange(MPI_Comm across, NodeExchangeOptions options);
  ~NodeExchange();
  NodeExchange(const NodeExchange&) = delete;
  NodeExchange& operator=(const NodeExchange&) = delete;

  int nodes() const { return nodes_; }

  struct Request {
    std::byte* data = nullptr;
    int64_t count = 0;
    DataType type = DataType::f32;
    ReduceOp op = ReduceOp::sum;  // a mean is left a sum
    bool may_round = false;       // as bfloat16 where the options say so
    std::function<void()> done =
        {};  // called by advance() with the result in place, in order of begin()
  };
  // Begins an all-reduce; `data` stands still until it is done. All nodes begin the same ones in
  // the same order, and may be differently far with them.
  void begin(Request request);
  // Does what can be done without waiting, and says whether that was anything.
  bool advance();
  bool idle() const { return jobs_.empty(); }

  // Begins, and advances until all is done.
  void all_reduce(Request request);

 private:
  struct Job {
    Request request;
    bool rounded = false;
    int64_t sent = 0;  // elements that are on their way or delivered
    int64_t delivered = 0;

    int64_t width() const { return rounded ? 2 : size_of(request.type); }
  };
  struct Piece {
    Job* job = nullptr;
    int64_t begin = 0;  // of its elements
    int64_t length = 0;
    int64_t share = 0;  // elements that a node adds up
    std::vector<std::byte> sent;
    std::vector<std::byte> received;
    MPI_Request request = MPI_REQUEST_NULL;
  };

  Piece& under_way(size_t place) { return pieces_[(oldest_ + place) % pieces_.size()]; }
  Job* next_to_send();
  void scatter(Job& job);
  void fold(Piece& piece);
  void gather(Piece& piece);
  void deliver(Piece& piece);
  bool arrived(Piece& piece, const char* call);
  void end_jobs();

  MPI_Comm scatters_;                 // pieces on their way there
  MPI_Comm gathers_ = MPI_COMM_NULL;  // and back: the order between the two is each node's own
  NodeExchangeOptions options_;
  int node_ = 0;  // this one's number
  int nodes_ = 1;
  std::deque<Job> jobs_;           // in the order of begin(); references to them hold
  std::array<Piece, 8> pieces_;    // a ring, whose memory is used again
  size_t oldest_ = 0;              // index in the ring of the oldest piece under way
  size_t in_flight_ = 0;           // pieces in the ring
  size_t on_way_back_ = 0;         // of them, how many are already on their way back
  std::vector<std::byte> folded_;  // a rounded piece in float
};

}  // namespace allmodes::world
