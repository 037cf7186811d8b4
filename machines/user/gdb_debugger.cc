#include "machines/user/gdb_debugger.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>

#include "machines/debug/gdb_listener.h"
#include "machines/debug/gdb_session.h"
#include "machines/user/host_signals.h"
#include "machines/user/own_fds.h"
#include "machines/user/thread.h"

namespace mimus::user {
namespace {

int move_away(int fd) {
  const int copy = copy_out_of_the_way(fd);
  if (copy < 0) return fd;
  close(fd);
  return copy;
}

}  // namespace

// -- the session's side --

Expected<std::unique_ptr<GdbDebugger>> GdbDebugger::create(Process& process, const std::string& where) {
  MIMUS_TRY(const int listener, gdb::listen_on(where));
  const int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), memory = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
  if (wake < 0 || memory < 0) return fail(fmt::format("--gdb: {}", strerror(errno)));
  return std::unique_ptr<GdbDebugger>(
      new GdbDebugger(process, move_away(listener), move_away(wake), move_away(memory)));
}

GdbDebugger::GdbDebugger(Process& process, int listener, int wake, int memory)
    : process_(process), layout_(process.accelerator.layout()), listener_(listener), wake_(wake), memory_(memory) {
  process.own_fds.insert({listener, wake, memory});
}

GdbDebugger::~GdbDebugger() = default;

std::string GdbDebugger::address() const { return gdb::address_of(listener_); }

void GdbDebugger::start() {
  server_ = std::thread([this] {
    set_host_mask(kAllSignals & ~kFaultSignals);  // they are for the guest's threads
    session_main();
  });
  server_.detach();
}

void GdbDebugger::wait_for_first_stop() {
  Lock lock(mutex_);
  changed_.wait(lock, [&] { return !records_.empty() && all_standing(); });
  first_thread_ = records_.begin()->first;
  records_.begin()->second.event.reset();
}

void GdbDebugger::session_main() {
  wait_for_first_stop();
  const int connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (connection >= 0) {
    gdb::Session session(*this, {gdb::Stop::Kind::signal, first_thread_, SIGTRAP, 0, 0});
    gdb::serve(session, connection, wake_);
  }
  detach();
  close(connection);
  Lock lock(mutex_);
  end_reported_ = true;
  changed_.notify_all();
}

void GdbDebugger::notify() {
  const u64 one = 1;
  if (write(wake_, &one, sizeof one) < 0) return;
  changed_.notify_all();
}

bool GdbDebugger::all_standing() const {
  return std::ranges::all_of(
      records_, [](const auto& row) { return row.second.standing || row.second.thread->waits_for_vfork.load(); });
}

// Caller holds the lock.
void GdbDebugger::stop_all() {
  stopping_ = true;
  for (auto& [tid, record] : records_)
    if (!record.standing) record.thread->request_stop();
}

std::vector<u64> GdbDebugger::threads() {
  Lock lock(mutex_);
  std::vector<u64> all;
  for (const auto& [tid, record] : records_) all.push_back(tid);
  return all;
}

CpuState* GdbDebugger::cpu(u64 thread) {
  Lock lock(mutex_);
  const auto it = records_.find(thread);
  return it == records_.end() ? nullptr : &it->second.thread->state();
}

std::string GdbDebugger::thread_name(u64 thread) {
  std::ifstream file(fmt::format("/proc/self/task/{}/comm", thread));
  std::string name;
  std::getline(file, name);
  return name;
}

void GdbDebugger::resume(const std::function<gdb::Action(u64)>& action_of) {
  Lock lock(mutex_);
  // Something else has happened that has not been told yet: nothing moves.
  for (const auto& [tid, record] : records_)
    if (record.event && action_of(tid).kind != gdb::Action::Kind::stay) return notify();
  stopping_ = interrupted_ = false;
  for (auto& [tid, record] : records_) {
    const gdb::Action action = action_of(tid);
    if (!record.standing || action.kind == gdb::Action::Kind::stay) continue;
    record.stepping = action.kind == gdb::Action::Kind::step;
    record.resume = {action.signal, record.stepping || !watches_.empty()};
    record.standing = false;
  }
  changed_.notify_all();
}

void GdbDebugger::interrupt() {
  Lock lock(mutex_);
  interrupted_ = true;
  stop_all();
  notify();
}

std::optional<gdb::Stop> GdbDebugger::take_stop() {
  Lock lock(mutex_);
  if (end_) return end_;
  if (!stopping_ || !all_standing() || records_.empty()) return std::nullopt;
  const auto told = std::ranges::find_if(records_, [](const auto& row) { return row.second.event.has_value(); });
  if (told == records_.end()) {
    if (!std::exchange(interrupted_, false)) return std::nullopt;
    const u64 thread = records_.contains(first_thread_) ? first_thread_ : records_.begin()->first;
    return gdb::Stop{gdb::Stop::Kind::signal, thread, SIGINT, 0, 0};
  }
  interrupted_ = false;
  const gdb::Stop stop = *told->second.event;
  // Others at a breakpoint will meet it again, if it is still there; a step that GDB has forgotten is no news.
  told->second.event.reset();
  for (auto& [tid, record] : records_)
    if (record.event && record.event->signal == SIGTRAP) record.event.reset();
  return stop;
}

void GdbDebugger::detach() {
  Lock lock(mutex_);
  if (!attached_) return;
  changed_.wait(lock, [&] { return end_ || all_standing() || !stopping_; });
  for (const auto& [address, breakpoint] : breakpoints_) put_bytes(address, breakpoint.original);
  breakpoints_.clear();
  watches_.clear();
  attached_ = false;
  for (auto& [tid, record] : records_) {
    const bool trap = record.event && record.event->signal == SIGTRAP;
    record.resume = {record.event && !trap ? record.event->signal : 0, false};
    record.event.reset();
    record.standing = false;
  }
  changed_.notify_all();
}

void GdbDebugger::kill() { ::kill(getpid(), SIGKILL); }

std::string GdbDebugger::auxiliary_vector() {
  const StackLayout& stack = process_.program.stack;
  std::string bytes(stack.auxv_bytes, '\0');
  if (process_.memory.copy_in(bytes.data(), stack.auxv, bytes.size()) != 0) bytes.clear();
  return bytes;
}

std::string GdbDebugger::program() { return process_.sysroot.to_guest(process_.program.exe); }

int GdbDebugger::open_file(const std::string& path) {
  const int fd = open(process_.sysroot.to_host(path).c_str(), O_RDONLY | O_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

// -- memory and points --

size_t GdbDebugger::read_memory(u64, u64 address, std::span<u8> to) {
  AddressSpace& memory = process_.memory;
  size_t readable = 0;
  while (readable < to.size()) {
    const u64 piece = std::min<u64>(kPageSize - ((address + readable) & kPageMask), to.size() - readable);
    if (!memory.allows(address + readable, piece, 0)) break;
    readable += piece;
  }
  const ssize_t got = pread(memory_, to.data(), readable, off_t(reinterpret_cast<u64>(memory.host(address))));
  if (got <= 0) return 0;
  Lock lock(mutex_);
  for (const auto& [at, breakpoint] : breakpoints_)
    for (size_t i = 0; i < breakpoint.original.size(); i++)
      if (at + i - address < u64(got)) to[at + i - address] = breakpoint.original[i];
  return size_t(got);
}

// Whatever the protection, as for any debugger; the pages' translations go.
bool GdbDebugger::put_bytes(u64 address, std::span<const u8> bytes) {
  AddressSpace& memory = process_.memory;
  if (bytes.empty()) return true;
  if (!memory.allows(address, bytes.size(), 0)) return false;
  for (u64 page = align_down(address, kPageSize); page < address + bytes.size(); page += kPageSize)
    process_.accelerator.page_written(page);
  const auto at = off_t(reinterpret_cast<u64>(memory.host(address)));
  const bool written = pwrite(memory_, bytes.data(), bytes.size(), at) == ssize_t(bytes.size());
  process_.accelerator.sync_code(address, bytes.size());
  return written;
}

bool GdbDebugger::write_memory(u64, u64 address, std::span<const u8> from) {
  Lock lock(mutex_);
  std::vector<u8> bytes(from.begin(), from.end());
  for (auto& [at, breakpoint] : breakpoints_) {  // they stay in place
    u8 planted[16];
    const size_t size = breakpoint.original.size();
    if (pread(memory_, planted, size, off_t(reinterpret_cast<u64>(process_.memory.host(at)))) != ssize_t(size))
      continue;
    for (size_t i = 0; i < size; i++)
      if (at + i - address < bytes.size()) breakpoint.original[i] = std::exchange(bytes[at + i - address], planted[i]);
  }
  return put_bytes(address, bytes);
}

GdbDebugger::PointResult GdbDebugger::insert_point(gdb::PointKind kind, u64 address, u64 size) {
  if (kind == gdb::PointKind::software_break) {
    const auto instruction = process_.isa.breakpoint(size);
    if (instruction.empty()) return PointResult::unsupported;
    std::vector<u8> original(instruction.size());
    if (read_memory(0, address, original) != original.size()) return PointResult::failed;
    Lock lock(mutex_);
    Breakpoint& point = breakpoints_[address];
    if (point.uses++) return PointResult::done;
    if (put_bytes(address, instruction)) {
      point.original = original;
      return PointResult::done;
    }
    breakpoints_.erase(address);
    return PointResult::failed;
  }
  if (kind != gdb::PointKind::write_watch) return PointResult::unsupported;
  constexpr u64 kMostWatched = 4096;
  if (!size || size > kMostWatched) return PointResult::unsupported;
  Watch watch{address, size, std::string(size, '\0')};
  if (read_memory(0, address, {reinterpret_cast<u8*>(watch.value.data()), size}) != size) return PointResult::failed;
  Lock lock(mutex_);
  watches_.push_back(std::move(watch));
  return PointResult::done;
}

GdbDebugger::PointResult GdbDebugger::remove_point(gdb::PointKind kind, u64 address, u64 size) {
  Lock lock(mutex_);
  if (kind == gdb::PointKind::software_break) {
    const auto it = breakpoints_.find(address);
    if (it == breakpoints_.end()) return PointResult::failed;
    if (--it->second.uses) return PointResult::done;
    const bool done = put_bytes(address, it->second.original);
    breakpoints_.erase(it);
    return done ? PointResult::done : PointResult::failed;
  }
  if (kind != gdb::PointKind::write_watch) return PointResult::unsupported;
  const auto it =
      std::ranges::find_if(watches_, [&](const Watch& w) { return w.address == address && w.size == size; });
  if (it == watches_.end()) return PointResult::failed;
  watches_.erase(it);
  return PointResult::done;
}

// The address of what has changed since the last look.
std::optional<u64> GdbDebugger::changed_watch() {
  for (Watch& watch : watches_) {
    std::string now(watch.size, '\0');
    if (process_.memory.copy_in(now.data(), watch.address, watch.size) != 0 || now == watch.value) continue;
    watch.value = std::move(now);
    return watch.address;
  }
  return std::nullopt;
}

// -- the guest's side --

std::optional<gdb::Stop> GdbDebugger::event_of(Record& record, const TraceStop& stop) {
  const u64 tid = u64(record.thread->tid());
  gdb::Stop event{gdb::Stop::Kind::signal, tid, stop.info.si_signo, 0, 0};
  switch (stop.kind) {
    case TraceStop::Kind::requested:
    case TraceStop::Kind::call_entry:
    case TraceStop::Kind::call_exit: return std::nullopt;
    case TraceStop::Kind::stepped:
      if (const auto address = changed_watch()) {
        event.kind = gdb::Stop::Kind::watchpoint;
        event.address = *address;
        return event;
      }
      return record.stepping ? std::optional(event) : std::nullopt;
    case TraceStop::Kind::signal:
      if (stop.info.si_signo == SIGTRAP && stop.info.si_code > 0 && breakpoints_.contains(record.thread->state().pc))
        event.kind = gdb::Stop::Kind::breakpoint;
      return event;
  }
  return std::nullopt;
}

TraceResume GdbDebugger::stand_still(Lock& lock, Record& record) {
  record.standing = true;
  if (all_standing()) notify();
  changed_.wait(lock, [&] { return !record.standing; });
  return record.resume;
}

TraceResume GdbDebugger::stopped(UserThread& thread, const TraceStop& stop) {
  Lock lock(mutex_);
  const bool signal = stop.kind == TraceStop::Kind::signal;
  if (!attached_) return {signal ? stop.info.si_signo : 0, false};
  Record& record = records_[u64(thread.tid())];
  if (!record.event) record.event = event_of(record, stop);
  if (record.event && !stopping_) stop_all();
  if (!stopping_) return {0, record.stepping || !watches_.empty()};
  return stand_still(lock, record);
}

TraceResume GdbDebugger::thread_started(UserThread& thread) {
  Lock lock(mutex_);
  if (!attached_) return {};
  Record& record = records_[u64(thread.tid())];
  record.thread = &thread;
  if (stopping_) return stand_still(lock, record);
  return {0, !watches_.empty()};
}

void GdbDebugger::thread_ended(UserThread& thread) {
  Lock lock(mutex_);
  records_.erase(u64(thread.tid()));
  notify();
}

// Returns when GDB has been told.
void GdbDebugger::end_process(UserThread& thread, const gdb::Stop& stop) {
  Lock lock(mutex_);
  if (!attached_) return;
  if (stopping_) {  // first what has happened before
    const auto it = records_.find(u64(thread.tid()));
    if (it != records_.end()) stand_still(lock, it->second);
  }
  if (!attached_) return;
  end_ = stop;
  notify();
  changed_.wait(lock, [&] { return end_reported_; });
}

void GdbDebugger::process_exits(UserThread& thread, int status) {
  end_process(thread, {gdb::Stop::Kind::exited, u64(thread.tid()), 0, status, 0});
}
void GdbDebugger::process_dies(UserThread& thread, int signal) {
  end_process(thread, {gdb::Stop::Kind::killed, u64(thread.tid()), signal, 0, 0});
}

// The lock may be anybody's; points change only while no thread runs, so they are as they were at the fork.
void GdbDebugger::forked_away() {
  close(listener_), close(wake_), close(memory_);
  for (const int fd : {listener_, wake_, memory_}) process_.own_fds.erase(fd);
  memory_ = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
  for (const auto& [address, breakpoint] : breakpoints_) put_bytes(address, breakpoint.original);
  close(memory_);
}

}  // namespace mimus::user
