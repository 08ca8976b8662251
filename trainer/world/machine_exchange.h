#pragma once

// All-reduces between machines, of one rank each. Every machine adds up its share of the elements,
// as a binary tree over the machines, and sends the result to all: an element crosses each
// machine's link once on its way there and once back, the least that is possible, and all machines
// have the same bits. The next piece is on its way while one is added up and sent back.

#include "world/communicator.h"

#ifndef OMPI_SKIP_MPICXX
#define OMPI_SKIP_MPICXX 1
#endif
#include <mpi.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace allmodes::world {

class FlightLog;

struct MachineExchangeOptions {
  int64_t piece_bytes = int64_t{1} << 20;  // of a machine's share
  bool bfloat16 = false;                   // sums of floats that may be rounded travel so
  // While the network works, sleep: for a thread that must leave its core to others.
  bool sleeps = false;
  FlightLog* log = nullptr;  // hears of each piece: a slow network is no standstill
};

class MachineExchange {
 public:
  // Takes the communicator, in the order of the machines, and frees it.
  MachineExchange(MPI_Comm across, MachineExchangeOptions options);
  ~MachineExchange();
  MachineExchange(const MachineExchange&) = delete;
  MachineExchange& operator=(const MachineExchange&) = delete;

  int machines() const { return machines_; }
  // A mean is left a sum. `may_round`: as bfloat16 where the options say so.
  void all_reduce(std::byte* data, int64_t count, DataType type, ReduceOp op, bool may_round);

 private:
  struct Piece {
    int64_t begin = 0;   // of its elements
    int64_t length = 0;  // 0: there is none
    int64_t share = 0;   // elements that a machine adds up
    std::vector<std::byte> sent;
    std::vector<std::byte> received;
    MPI_Request request = MPI_REQUEST_NULL;
  };

  void scatter(Piece& piece, const std::byte* data);
  void fold(Piece& piece, ReduceOp op);
  void gather(Piece& piece, std::byte* data);
  void await(MPI_Request& request, const char* call);

  MPI_Comm across_;
  MachineExchangeOptions options_;
  int machine_ = 0;  // this one's number
  int machines_ = 1;
  DataType type_ = DataType::f32;  // of the running all-reduce
  bool rounded_ = false;
  std::array<Piece, 2> pieces_;    // memory is used again
  std::vector<std::byte> folded_;  // a rounded piece in float
};

}  // namespace allmodes::world
