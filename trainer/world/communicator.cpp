#include "world/communicator.h"

#include "base/error.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

namespace allmodes::world {

int64_t size_of(DataType type) {
  switch (type) {
    case DataType::f32:
      return 4;
    case DataType::f64:
    case DataType::i64:
      return 8;
    case DataType::u8:
      return 1;
  }
  ALLMODES_FAIL(ExitCode::kSoftware, "no such data type: {}", static_cast<int>(type));
}

std::string name_of(DataType type) {
  switch (type) {
    case DataType::f32:
      return "f32";
    case DataType::f64:
      return "f64";
    case DataType::i64:
      return "i64";
    case DataType::u8:
      return "u8";
  }
  ALLMODES_FAIL(ExitCode::kSoftware, "no such data type: {}", static_cast<int>(type));
}

std::string name_of(ReduceOp op) {
  switch (op) {
    case ReduceOp::sum:
      return "sum";
    case ReduceOp::max:
      return "max";
    case ReduceOp::min:
      return "min";
    case ReduceOp::mean:
      return "mean";
  }
  ALLMODES_FAIL(ExitCode::kSoftware, "no such reduction: {}", static_cast<int>(op));
}

namespace {

void check_buffer(const Buffer& buffer) {
  ALLMODES_CHECK(buffer.count >= 0, "a collective on {} elements", buffer.count);
  ALLMODES_CHECK(buffer.data != nullptr || buffer.count == 0, "a collective on no memory");
}

void check_reduction(const Buffer& buffer, ReduceOp op) {
  check_buffer(buffer);
  const bool real = buffer.type == DataType::f32 || buffer.type == DataType::f64;
  ALLMODES_CHECK(op != ReduceOp::mean || real, "the mean of {} is not an integer; reduce the sum",
                 name_of(buffer.type));
}

// What the host knows of a collective whose call has returned.
FlightState end_state(const Buffer& buffer) {
  return buffer.place == Place::device ? FlightState::queued : FlightState::done;
}

// One rank is every rank: each collective leaves the buffer as it is.
class SelfCommunicator final : public Communicator {
 public:
  SelfCommunicator() : Communicator(0, 1) {}

 private:
  Ticket do_all_reduce(Buffer, ReduceOp, Stream) override { return {}; }
  Ticket do_reduce(Buffer, ReduceOp, int, Stream) override { return {}; }
  Ticket do_broadcast(Buffer, int, Stream) override { return {}; }
  std::vector<std::vector<std::byte>> do_all_gather_v(std::span<const std::byte> mine) override {
    return {std::vector<std::byte>(mine.begin(), mine.end())};
  }
  void do_barrier() override {}
  std::unique_ptr<Communicator> do_split(int color, int) override {
    return color < 0 ? nullptr : make_self_communicator();
  }
};

template <typename T>
void divide(void* data, int64_t count, int divisor) {
  const std::span<T> values(static_cast<T*>(data), static_cast<size_t>(count));
  for (T& value : values) value /= static_cast<T>(divisor);
}

}  // namespace

Ticket Communicator::all_reduce(Buffer buffer, ReduceOp op, Stream stream) {
  check_reduction(buffer, op);
  if (buffer.count == 0) return {};
  FlightLog::Running flight(log_, Collective::all_reduce, buffer.bytes(), size_, buffer.label, op,
                            buffer.type);
  Ticket ticket = do_all_reduce(buffer, op, stream);
  flight.finish(ticket.done() ? end_state(buffer) : FlightState::queued);
  return ticket;
}

Ticket Communicator::reduce(Buffer buffer, ReduceOp op, int root, Stream stream) {
  check_reduction(buffer, op);
  ALLMODES_CHECK(root >= 0 && root < size_, "root {} of {} ranks", root, size_);
  if (buffer.count == 0) return {};
  FlightLog::Running flight(log_, Collective::reduce, buffer.bytes(), size_, buffer.label, op,
                            buffer.type);
  Ticket ticket = do_reduce(buffer, op, root, stream);
  flight.finish(end_state(buffer));
  return ticket;
}

Ticket Communicator::broadcast(Buffer buffer, int root, Stream stream) {
  check_buffer(buffer);
  ALLMODES_CHECK(root >= 0 && root < size_, "root {} of {} ranks", root, size_);
  if (buffer.count == 0) return {};
  FlightLog::Running flight(log_, Collective::broadcast, buffer.bytes(), size_, buffer.label, {},
                            buffer.type);
  Ticket ticket = do_broadcast(buffer, root, stream);
  flight.finish(end_state(buffer));
  return ticket;
}

std::vector<std::vector<std::byte>> Communicator::all_gather_v(std::span<const std::byte> mine,
                                                               std::string_view label) {
  FlightLog::Running flight(log_, Collective::all_gather, static_cast<int64_t>(mine.size()), size_,
                            label);
  auto all = do_all_gather_v(mine);
  flight.finish(FlightState::done);
  return all;
}

void Communicator::barrier(std::string_view label) {
  FlightLog::Running flight(log_, Collective::barrier, 0, size_, label);
  do_barrier();
  flight.finish(FlightState::done);
}

std::shared_ptr<void> Communicator::allocate(int64_t bytes) {
  ALLMODES_CHECK(bytes > 0, "{} bytes of memory", bytes);
  return do_allocate(bytes);
}

std::shared_ptr<void> Communicator::do_allocate(int64_t bytes) {
  const auto whole = static_cast<size_t>((bytes + 63) / 64 * 64);
  void* memory = std::aligned_alloc(64, whole);
  if (memory == nullptr) throw std::bad_alloc();
  std::memset(memory, 0, whole);
  return {memory, std::free};
}

std::unique_ptr<Communicator> Communicator::split(int color, int key) {
  FlightLog::Running flight(log_, Collective::split, 0, size_, {});
  auto part = do_split(color, key);
  if (part != nullptr) part->record_into(log_);
  flight.finish(FlightState::done);
  return part;
}

std::unique_ptr<Communicator> make_self_communicator() {
  return std::make_unique<SelfCommunicator>();
}

std::vector<std::string> all_gather_text(Communicator& communicator, const std::string& mine) {
  std::vector<std::string> texts;
  for (const auto& bytes : communicator.all_gather_v(std::as_bytes(std::span(mine)))) {
    std::string& text = texts.emplace_back(bytes.size(), '\0');
    std::transform(bytes.begin(), bytes.end(), text.begin(),
                   [](std::byte byte) { return static_cast<char>(byte); });
  }
  return texts;
}

void divide_host(void* data, int64_t count, DataType type, int divisor) {
  if (type == DataType::f32) return divide<float>(data, count, divisor);
  if (type == DataType::f64) return divide<double>(data, count, divisor);
  ALLMODES_FAIL(ExitCode::kSoftware, "the mean of {} is not an integer", name_of(type));
}

}  // namespace allmodes::world
