// What a GDB session debugs: a process (machines/user/gdb_debugger.h), or whatever else has CPUs and memory. All calls
// come from the session's thread; everything but interrupt() and take_stop() only while all threads stand still.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/state/cpu.h"
#include "core/state/layout.h"

namespace mimus::gdb {

// Why everything stands still. Signals are the host's numbers.
struct Stop {
  enum class Kind : u8 { signal, breakpoint, watchpoint, exited, killed };
  Kind kind = Kind::signal;
  u64 thread = 0;
  int signal = 0;   // also of `killed`
  int status = 0;   // of `exited`
  u64 address = 0;  // of `watchpoint`
};

// What a thread is to do next.
struct Action {
  enum class Kind : u8 { stay, run, step };
  Kind kind = Kind::stay;
  int signal = 0;  // to be delivered to it first; 0: none
};

// The numbers of the protocol's Z packets.
enum class PointKind : u8 { software_break, hardware_break, write_watch, read_watch, access_watch };

class Target {
 public:
  virtual ~Target() = default;
  virtual const StateLayout& layout() const = 0;
  virtual std::vector<u64> threads() = 0;  // never 0
  virtual CpuState* cpu(u64 thread) = 0;   // null: no such thread
  virtual std::string thread_name(u64 thread) = 0;

  // Bytes read, from the front.
  virtual size_t read_memory(u64 thread, u64 address, std::span<u8> to) = 0;
  virtual bool write_memory(u64 thread, u64 address, std::span<const u8> from) = 0;

  enum class PointResult : u8 { done, failed, unsupported };
  // `size`: for breakpoints the protocol's "kind", for watchpoints bytes.
  virtual PointResult insert_point(PointKind kind, u64 address, u64 size) = 0;
  virtual PointResult remove_point(PointKind kind, u64 address, u64 size) = 0;

  virtual void resume(const std::function<Action(u64 thread)>& action_of) = 0;
  virtual void interrupt() = 0;                 // stop soon, with SIGINT
  virtual std::optional<Stop> take_stop() = 0;  // after resume(): once, when everything stands still
  virtual void detach() = 0;                    // removes all points; everything runs on
  virtual void kill() = 0;

  // -- of a Linux process; empty elsewhere --
  virtual std::string auxiliary_vector() { return {}; }
  virtual std::string program() { return {}; }  // its path, as the debugged system has it
  // Opens a file of that system for reading: a host descriptor, or -errno.
  virtual int open_file(const std::string& path) = 0;
};

}  // namespace mimus::gdb
