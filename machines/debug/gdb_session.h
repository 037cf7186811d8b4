// One conversation with GDB: takes bytes, gives bytes, knows no sockets. All-stop mode of the remote serial protocol.
// Source: Debugging with GDB, appendix "Remote Protocol". Unknown packets are answered as unsupported; malformed ones
// with an error.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "machines/debug/gdb_files.h"
#include "machines/debug/gdb_packet.h"
#include "machines/debug/gdb_registers.h"
#include "machines/debug/gdb_target.h"

namespace mimus::gdb {

class Session {
 public:
  // `first`: why the target stands still now.
  Session(Target& target, const Stop& first);

  // Bytes from GDB; answers are appended to `out`.
  void receive(std::string_view bytes, std::string& out);
  // Call it when the target may have stopped.
  void target_changed(std::string& out);
  bool running() const { return running_; }
  bool over() const { return over_; }  // detached, killed or ended

 private:
  using Command = std::string (Session::*)(std::string_view arguments);
  struct Row;
  std::string execute(std::string_view packet);  // the answer
  void send(std::string_view payload, std::string& out);

  // -- commands, by packet --
  std::string why_stopped(std::string_view);
  std::string read_registers(std::string_view);
  std::string write_registers(std::string_view);
  std::string read_register(std::string_view);
  std::string write_register(std::string_view);
  std::string read_memory(std::string_view);
  std::string write_memory_hex(std::string_view);
  std::string write_memory(std::string_view);
  std::string insert_point(std::string_view);
  std::string remove_point(std::string_view);
  std::string point(std::string_view, bool insert);
  std::string select_thread(std::string_view);
  std::string thread_alive(std::string_view);
  std::string go(std::string_view);
  std::string step(std::string_view);
  std::string go_with_signal(std::string_view);
  std::string step_with_signal(std::string_view);
  std::string go_one(std::string_view arguments, bool step, bool with_signal);
  std::string actions(std::string_view);
  std::string known_actions(std::string_view);
  std::string detach(std::string_view);
  std::string kill(std::string_view);
  std::string kill_quietly(std::string_view);
  std::string host_io(std::string_view);
  std::string supported(std::string_view);
  std::string no_acknowledgments(std::string_view);
  std::string attached(std::string_view);
  std::string current_thread(std::string_view);
  std::string first_threads(std::string_view);
  std::string more_threads(std::string_view);
  std::string thread_text(std::string_view);
  std::string transfer(std::string_view);
  std::string nothing_wanted(std::string_view);

  std::string stop_reply(const Stop& stop) const;
  std::string thread_list() const;
  CpuState* cpu() const;  // of the selected thread; null: gone

  Target& target_;
  Registers registers_;
  Files files_;
  PacketReader reader_;
  Stop last_;
  u64 selected_ = 0;
  std::optional<u64> to_continue_;  // Hc
  bool running_ = false, over_ = false, acknowledges_ = true;
  bool quiet_ = false;  // the last command wants no answer
  std::string last_sent_;
};

}  // namespace mimus::gdb
