// `mimus exec --gdb`: a process debugged by GDB through the remote serial protocol. The session has a host thread of
// its own; the guest's threads stop in Tracer's calls and wait there.
//
// Breakpoints are planted in the guest's memory, as debuggers do everywhere. While there is a watchpoint, all threads
// run by single steps and what is watched is compared after each.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "machines/debug/gdb_target.h"
#include "machines/user/process.h"
#include "machines/user/tracer.h"

namespace mimus::user {

class GdbDebugger final : public Tracer, public gdb::Target {
 public:
  // Listens on "[HOST:]PORT". The process's threads stop before their first instruction, until GDB lets them go on.
  static Expected<std::unique_ptr<GdbDebugger>> create(Process& process, const std::string& where);
  ~GdbDebugger() override;
  // Starts the session's thread; once the process's descriptors and signals are set up.
  void start();
  std::string address() const;

  // -- Tracer: the guest's threads --
  TraceResume stopped(UserThread& thread, const TraceStop& stop) override;
  TraceResume thread_started(UserThread& thread) override;
  void thread_ended(UserThread& thread) override;
  void process_exits(UserThread& thread, int status) override;
  void process_dies(UserThread& thread, int signal) override;
  void forked_away() override;

  // -- gdb::Target: the session's thread --
  const StateLayout& layout() const override { return layout_; }
  std::vector<u64> threads() override;
  CpuState* cpu(u64 thread) override;
  std::string thread_name(u64 thread) override;
  size_t read_memory(u64 thread, u64 address, std::span<u8> to) override;
  bool write_memory(u64 thread, u64 address, std::span<const u8> from) override;
  PointResult insert_point(gdb::PointKind kind, u64 address, u64 size) override;
  PointResult remove_point(gdb::PointKind kind, u64 address, u64 size) override;
  void resume(const std::function<gdb::Action(u64 thread)>& action_of) override;
  void interrupt() override;
  std::optional<gdb::Stop> take_stop() override;
  void detach() override;
  void kill() override;
  std::string auxiliary_vector() override;
  std::string program() override;
  int open_file(const std::string& path) override;

 private:
  struct Record {
    UserThread* thread = nullptr;
    bool standing = false;           // in wait_for_resumption
    bool stepping = false;           // GDB has asked for one step
    std::optional<gdb::Stop> event;  // why it stands, not reported yet
    TraceResume resume;
  };
  struct Breakpoint {
    std::vector<u8> original;
    unsigned uses = 0;
  };
  struct Watch {
    u64 address = 0, size = 0;
    std::string value;
  };
  using Lock = std::unique_lock<std::mutex>;

  GdbDebugger(Process& process, int listener, int wake, int memory);
  void session_main();
  void wait_for_first_stop();
  std::optional<gdb::Stop> event_of(Record& record, const TraceStop& stop);
  TraceResume stand_still(Lock& lock, Record& record);
  void stop_all();
  bool all_standing() const;
  void end_process(UserThread& thread, const gdb::Stop& stop);
  bool put_bytes(u64 address, std::span<const u8> bytes);
  void plant(u64 address, const Breakpoint& breakpoint, std::span<const u8> instruction);
  std::optional<u64> changed_watch();
  void notify();

  Process& process_;
  const StateLayout& layout_;
  int listener_, wake_, memory_;  // memory_: /proc/self/mem
  std::thread server_;

  std::mutex mutex_;  // a leaf; everything below
  std::condition_variable changed_;
  std::map<u64, Record> records_;  // by tid
  bool attached_ = true;           // false: everything runs and nothing is reported any more
  bool stopping_ = true;           // all threads stand still, or shall do so soon
  bool interrupted_ = false;       // by GDB: to be reported though nothing has happened
  u64 first_thread_ = 0;
  std::optional<gdb::Stop> end_;  // the process is about to end
  bool end_reported_ = false;
  std::map<u64, Breakpoint> breakpoints_;
  std::vector<Watch> watches_;
};

}  // namespace mimus::user
