#include "machines/user/ptrace_tracer.h"

#include <elf.h>
#include <fmt/format.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <fstream>

#include "machines/user/ptrace_tracee.h"

namespace mimus::user {
namespace {

constexpr int kEventStop = 128;               // PTRACE_EVENT_STOP
constexpr u64 kSysGood = 1, kTraceExec = 16;  // PTRACE_O_TRACESYSGOOD, PTRACE_O_TRACEEXEC
constexpr u64 kKnownOptions = 0x30'00ff;
// FORK, VFORK, CLONE, VFORK_DONE, EXIT, EXITKILL are the host's business.
constexpr u64 kHostOptions = 2 | 4 | 8 | 32 | 64 | 0x10'0000;

s64 host_ptrace(long request, int tid, u64 address, u64 data) {
  const long result = syscall(SYS_ptrace, request, tid, address, data);
  return result < 0 ? -errno : result;
}

bool read_from(int tid, u64 address, void* to, u64 bytes) {
  const iovec local{to, bytes}, remote{reinterpret_cast<void*>(address), bytes};
  return process_vm_readv(tid, &local, 1, &remote, 1, 0) == ssize_t(bytes);
}
bool write_to(int tid, u64 address, const void* from, u64 bytes) {
  const iovec local{const_cast<void*>(from), bytes}, remote{reinterpret_cast<void*>(address), bytes};
  return process_vm_writev(tid, &local, 1, &remote, 1, 0) == ssize_t(bytes);
}

// A field of the tracee's block.
template <class T>
bool get_field(int tid, u64 block, T TraceBlock::* field, T& value) {
  return read_from(tid, block + u64(reinterpret_cast<ptrdiff_t>(&(static_cast<TraceBlock*>(nullptr)->*field))), &value,
                   sizeof value);
}
template <class T>
bool set_field(int tid, u64 block, T TraceBlock::* field, const T& value) {
  return write_to(tid, block + u64(reinterpret_cast<ptrdiff_t>(&(static_cast<TraceBlock*>(nullptr)->*field))), &value,
                  sizeof value);
}

bool read_block(int tid, u64 at, TraceBlock& block) {
  return at && read_from(tid, at, &block, sizeof block) && block.magic == TraceBlock::kMagic;
}

// What the kernel counts register sets in.
// A set of registers in the block, by the type of its ELF note.
struct SetPlace {
  u64 note;
  size_t offset;
  u32 TraceBlock::* bytes;
  u32 element;  // what its size is a multiple of
  bool writable;

  u8* in(TraceBlock& block) const { return reinterpret_cast<u8*>(&block) + offset; }
};
std::optional<SetPlace> find_set(const TraceBlock& block, u64 note) {
  const u32 floating = (block.architecture & 0xffff) == EM_AARCH64 ? 4 : 8;
  const SetPlace sets[] = {
      {NT_PRSTATUS, offsetof(TraceBlock, general), &TraceBlock::general_bytes, 8, true},
      {NT_FPREGSET, offsetof(TraceBlock, floating), &TraceBlock::floating_bytes, floating, true},
      {NT_ARM_PAC_MASK, offsetof(TraceBlock, pac_masks), &TraceBlock::pac_mask_bytes, 8, false},
  };
  for (const SetPlace& set : sets)
    if (set.note == note && block.*set.bytes != 0) return set;
  return {};
}

int stop_status(int signal, int event = 0) { return (signal | event << 8) << 8 | 0x7f; }

// Runs this very program, and so has the other side of all this.
bool is_emulator(int tid) {
  struct stat own, other;
  return stat("/proc/self/exe", &own) == 0 && stat(fmt::format("/proc/{}/exe", tid).c_str(), &other) == 0 &&
         own.st_dev == other.st_dev && own.st_ino == other.st_ino;
}

int process_of(int tid) {
  std::ifstream file(fmt::format("/proc/{}/status", tid));
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("Tgid:")) return std::stoi(line.substr(5));
  return tid;
}

}  // namespace

PtraceTracer::Tracee& PtraceTracer::record(int tid) {
  Tracee& tracee = tracees_[tid];
  if (!tracee.group) tracee.group = process_of(tid);
  return tracee;
}

void PtraceTracer::send_request(int tid, Tracee& tracee, u32 requests) {
  tracee.wanted |= requests;
  siginfo_t info{};
  info.si_signo = SIGSEGV;
  info.si_code = kTraceRequestCode;
  syscall(SYS_rt_tgsigqueueinfo, tracee.group, tid, SIGSEGV, &info);
}

// -- stops --

std::optional<int> PtraceTracer::tell(Tracee& tracee, Tracee::At at, int status) {
  tracee.at = at;
  tracee.status = status;
  return status;
}

std::optional<int> PtraceTracer::pass(int tid, int signal) {
  host_ptrace(PTRACE_CONT, tid, 0, u64(signal));
  return std::nullopt;
}

// Goes on from a stop of its emulator's own that is no news.
std::optional<int> PtraceTracer::pass_over(int tid, Tracee& tracee) {
  set_field(tid, tracee.block, &TraceBlock::resumed, u32{1});
  return pass(tid, 0);
}

std::optional<int> PtraceTracer::translate_own(int tid, Tracee& tracee) {
  using Kind = TraceBlock::Kind;
  Kind kind{};
  siginfo_t info{};
  if (!get_field(tid, tracee.block, &TraceBlock::kind, kind) || !get_field(tid, tracee.block, &TraceBlock::info, info))
    return pass(tid, 0);
  int status = stop_status(info.si_signo);
  switch (kind) {
    case Kind::none: return pass_over(tid, tracee);
    case Kind::signal:
    case Kind::stepped: break;
    case Kind::interrupted: status = stop_status(SIGTRAP, tracee.seized ? kEventStop : 0); break;
    case Kind::started: status = tracee.seized ? stop_status(SIGTRAP, kEventStop) : stop_status(SIGSTOP); break;
    case Kind::call_entry:
    case Kind::call_exit: status = stop_status(tracee.options & kSysGood ? SIGTRAP | 0x80 : SIGTRAP); break;
    case Kind::executed:
      if (tracee.options & kTraceExec)
        status = stop_status(SIGTRAP, PTRACE_EVENT_EXEC);
      else if (tracee.seized)
        return pass_over(tid, tracee);
      break;
  }
  return tell(tracee, Tracee::At::own_stop, status);
}

// The host says that a signal is about to be delivered, or that the process has stopped for one.
std::optional<int> PtraceTracer::signal_stop(int tid, Tracee* known, int status) {
  siginfo_t info{};
  const s64 error = host_ptrace(PTRACE_GETSIGINFO, tid, 0, reinterpret_cast<u64>(&info));
  if (error == -ESRCH) return status;  // not traced: a child that has stopped
  const bool fresh = !known;
  Tracee& tracee = record(tid);
  if (error) return tell(tracee, Tracee::At::host_stop, status);  // stopped as a whole process
  const int signal = WSTOPSIG(status);
  if (info.si_code == kTraceStopCode && signal == SIGSEGV) {
    if (!tracee.block && !tracee.options) host_ptrace(PTRACE_SETOPTIONS, tid, 0, kTraceExec);
    tracee.block = reinterpret_cast<u64>(info.si_value.sival_ptr);
    return translate_own(tid, tracee);
  }
  if (!is_emulator(tid)) return tell(tracee, Tracee::At::host_stop, status);
  // By the kernel, without a sender: of a new tracee, whose emulator will say that it has started.
  if (signal == SIGSTOP && info.si_code == SI_USER && !info.si_pid) return pass(tid, 0);
  // The end of execve, where nothing else tells of it; the new program's emulator will.
  if (signal == SIGTRAP && info.si_code == SI_USER && fresh) return pass(tid, 0);
  const bool request = signal == SIGSEGV && info.si_code == kTraceRequestCode;
  if (signal != SIGSTOP && !request) return pass(tid, signal);
  u32 own = 0;
  if (request) {
    tracee.wanted |= u32(info.si_value.sival_int);  // one that was blocked comes again
  } else {
    if (tracee.block && get_field(tid, tracee.block, &TraceBlock::self_stop, own) && own) return pass(tid, SIGSTOP);
    tracee.wanted |= kTraceRequestBegin | kTraceRequestStop;
  }
  siginfo_t wanted{};
  wanted.si_signo = SIGSEGV;
  wanted.si_code = kTraceRequestCode;
  wanted.si_value.sival_int = int(std::exchange(tracee.wanted, 0));
  host_ptrace(PTRACE_SETSIGINFO, tid, 0, reinterpret_cast<u64>(&wanted));
  return pass(tid, SIGSEGV);
}

std::optional<int> PtraceTracer::translate(int tid, int status) {
  std::lock_guard lock(mutex_);
  const auto it = tracees_.find(tid);
  Tracee* known = it == tracees_.end() ? nullptr : &it->second;
  if (!WIFSTOPPED(status)) {
    if (known && !WIFCONTINUED(status)) tracees_.erase(it);
    return status;
  }
  const int event = status >> 16;
  if (!event) return signal_stop(tid, known, status);
  Tracee& tracee = record(tid);
  switch (event) {
    case PTRACE_EVENT_FORK:
    case PTRACE_EVENT_VFORK:
    case PTRACE_EVENT_CLONE: {
      unsigned long child = 0;
      host_ptrace(PTRACE_GETEVENTMSG, tid, 0, reinterpret_cast<u64>(&child));
      Tracee& born = tracees_[int(child)];
      born.seized = tracee.seized;
      born.options = tracee.options;
      if (!born.group) born.group = process_of(int(child));
      break;
    }
    case PTRACE_EVENT_EXEC:
      std::erase_if(tracees_, [&](const auto& row) { return row.second.group == tracee.group && row.first != tid; });
      tracee.block = 0;
      if (is_emulator(tid)) return pass(tid, 0);  // it will say so itself when the program starts
      break;
    case kEventStop:
      if (WSTOPSIG(status) != SIGTRAP || tracee.block) break;
      // New, and it will say so itself; or no longer stopped as a whole process, before its emulator knew of us.
      if (tracee.status) send_request(tid, tracee, kTraceRequestBegin | kTraceRequestInterrupt);
      return pass(tid, 0);
    default: break;
  }
  return tell(tracee, Tracee::At::host_stop, status);
}

// -- requests --

struct PtraceTracer::Row {
  u64 request;
  Function function;
  bool while_running;
};

const PtraceTracer::Row* PtraceTracer::find_row(u64 request) {
  static constexpr Row kRows[] = {
      {PTRACE_PEEKTEXT, &PtraceTracer::peek, false},
      {PTRACE_PEEKDATA, &PtraceTracer::peek, false},
      {PTRACE_POKETEXT, &PtraceTracer::poke, false},
      {PTRACE_POKEDATA, &PtraceTracer::poke, false},
      {PTRACE_CONT, &PtraceTracer::go, false},
      {PTRACE_SYSCALL, &PtraceTracer::go_to_call, false},
      {PTRACE_SINGLESTEP, &PtraceTracer::step, false},
      {PTRACE_DETACH, &PtraceTracer::detach, false},
      {PTRACE_LISTEN, &PtraceTracer::listen, false},
      {PTRACE_INTERRUPT, &PtraceTracer::interrupt, true},
      {PTRACE_KILL, &PtraceTracer::kill, true},
      {PTRACE_SETOPTIONS, &PtraceTracer::set_options, false},
      {PTRACE_GETEVENTMSG, &PtraceTracer::event_message, false},
      {PTRACE_GETSIGINFO, &PtraceTracer::get_info, false},
      {PTRACE_SETSIGINFO, &PtraceTracer::set_info, false},
      {PTRACE_GETREGSET, &PtraceTracer::get_registers, false},
      {PTRACE_SETREGSET, &PtraceTracer::set_registers, false},
      {PTRACE_GETSIGMASK, &PtraceTracer::get_mask, false},
      {PTRACE_SETSIGMASK, &PtraceTracer::set_mask, false},
      {0x420e, &PtraceTracer::call_info, false},  // PTRACE_GET_SYSCALL_INFO
  };
  const auto* row = std::ranges::find(kRows, request, &Row::request);
  return row == std::end(kRows) ? nullptr : row;
}

s64 PtraceTracer::request(UserThread& thread, u64 request, int tid, u64 address, u64 data) {
  if (request == PTRACE_TRACEME) return trace_me(thread);
  std::lock_guard lock(mutex_);
  if (request == PTRACE_ATTACH || request == PTRACE_SEIZE) return attach(tid, request == PTRACE_SEIZE, data);
  const auto it = tracees_.find(tid);
  const Row* row = find_row(request);
  if (it == tracees_.end() || (it->second.at == Tracee::At::running && !(row && row->while_running))) return -ESRCH;
  return row ? (this->*row->function)(thread, tid, it->second, address, data) : -EIO;
}

s64 PtraceTracer::trace_me(UserThread& thread) {
  if (thread.process.debugger) return -EPERM;
  const s64 error = host_ptrace(PTRACE_TRACEME, 0, 0, 0);
  if (!error) PtraceTracee::begin(thread);
  return error;
}

s64 PtraceTracer::attach(int tid, bool seize, u64 options) {
  if (seize && options & ~kKnownOptions) return -EIO;
  if (tid <= 0 || ::kill(tid, 0) != 0) return errno == EPERM ? -EPERM : -ESRCH;
  if (!is_emulator(tid)) return -EPERM;
  const s64 error =
      host_ptrace(seize ? PTRACE_SEIZE : PTRACE_ATTACH, tid, 0, seize ? (options & kHostOptions) | kTraceExec : 0);
  if (error) return error;
  Tracee& tracee = tracees_[tid] = {};
  tracee.seized = seize;
  tracee.options = seize ? options : 0;
  tracee.group = process_of(tid);
  if (seize) send_request(tid, tracee, kTraceRequestBegin);
  return 0;
}

s64 PtraceTracer::peek(UserThread& thread, int tid, Tracee&, u64 address, u64 data) {
  u64 value = 0;
  if (!thread.memory.in_range(address, sizeof value)) return -EIO;
  const s64 got = host_ptrace(PTRACE_PEEKDATA, tid, u64(thread.memory.host(address)), reinterpret_cast<u64>(&value));
  return got < 0 ? got : thread.memory.put(data, value);
}

s64 PtraceTracer::poke(UserThread& thread, int tid, Tracee& tracee, u64 address, u64 data) {
  if (!thread.memory.in_range(address, sizeof data)) return -EIO;
  const s64 error = host_ptrace(PTRACE_POKEDATA, tid, u64(thread.memory.host(address)), data);
  const int group = tracee.group;
  if (!error) note_pages(group, address, sizeof data);
  return error;
}

// Every thread of the process that goes on from here on looks at what has changed.
void PtraceTracer::note_pages(int group, u64 address, u64 bytes) {
  for (auto& [tid, tracee] : tracees_) {
    u32 count = 0;
    if (tracee.group != group || !tracee.block || !get_field(tid, tracee.block, &TraceBlock::pages, count)) continue;
    for (u64 page = align_down(address, kPageSize); page < address + bytes; page += kPageSize) {
      if (count < TraceBlock::kMostPages)
        write_to(tid, tracee.block + offsetof(TraceBlock, page) + count * sizeof page, &page, sizeof page);
      count = std::min(count + 1, TraceBlock::kMostPages + 1);
    }
    set_field(tid, tracee.block, &TraceBlock::pages, count);
  }
}

void PtraceTracer::memory_written(int tid, u64 address, u64 bytes) {
  std::lock_guard lock(mutex_);
  const auto it = tracees_.find(tid);
  note_pages(it == tracees_.end() ? tid : it->second.group, address, bytes);
}

// -- going on --

s64 PtraceTracer::resume(int tid, Tracee& tracee, long how, u64 signal, bool calls, bool single) {
  if (signal > u64(kSignals)) return -EIO;
  const bool own = tracee.at == Tracee::At::own_stop;
  if (tracee.block) {
    set_field(tid, tracee.block, &TraceBlock::signal, s32(own ? signal : 0));
    set_field(tid, tracee.block, &TraceBlock::trace_calls, u32(calls));
    set_field(tid, tracee.block, &TraceBlock::step, u32(single));
    set_field(tid, tracee.block, &TraceBlock::detach, u32(how == PTRACE_DETACH));
    set_field(tid, tracee.block, &TraceBlock::resumed, u32{1});
  }
  const bool native = !own && !tracee.block && !(tracee.status >> 16) && !is_emulator(tid);
  tracee.at = Tracee::At::running;
  return host_ptrace(how, tid, 0, native ? signal : 0);
}

s64 PtraceTracer::go(UserThread&, int tid, Tracee& tracee, u64, u64 data) {
  return resume(tid, tracee, PTRACE_CONT, data, false, false);
}
s64 PtraceTracer::go_to_call(UserThread&, int tid, Tracee& tracee, u64, u64 data) {
  return resume(tid, tracee, PTRACE_CONT, data, true, false);
}
s64 PtraceTracer::step(UserThread&, int tid, Tracee& tracee, u64, u64 data) {
  return resume(tid, tracee, PTRACE_CONT, data, false, true);
}
s64 PtraceTracer::detach(UserThread&, int tid, Tracee& tracee, u64, u64 data) {
  const s64 error = resume(tid, tracee, PTRACE_DETACH, data, false, false);
  if (!error) tracees_.erase(tid);
  return error;
}
s64 PtraceTracer::listen(UserThread&, int tid, Tracee& tracee, u64, u64) {
  if (tracee.at != Tracee::At::host_stop) return -EIO;
  const s64 error = host_ptrace(PTRACE_LISTEN, tid, 0, 0);
  if (!error) tracee.at = Tracee::At::running;
  return error;
}
s64 PtraceTracer::interrupt(UserThread&, int tid, Tracee& tracee, u64, u64) {
  if (!tracee.seized) return -EIO;
  send_request(tid, tracee, kTraceRequestBegin | kTraceRequestInterrupt);
  return 0;
}
s64 PtraceTracer::kill(UserThread&, int tid, Tracee& tracee, u64, u64) {
  syscall(SYS_tgkill, tracee.group, tid, SIGKILL);
  return 0;
}

// -- what a stop is about --

s64 PtraceTracer::set_options(UserThread&, int tid, Tracee& tracee, u64, u64 data) {
  if (data & ~kKnownOptions) return -EINVAL;
  tracee.options = data;
  return host_ptrace(PTRACE_SETOPTIONS, tid, 0, (data & kHostOptions) | kTraceExec);
}

s64 PtraceTracer::event_message(UserThread& thread, int tid, Tracee& tracee, u64, u64 data) {
  u64 message = 0;
  if (tracee.at == Tracee::At::host_stop) {
    const s64 error = host_ptrace(PTRACE_GETEVENTMSG, tid, 0, reinterpret_cast<u64>(&message));
    if (error) return error;
  } else {
    TraceBlock block;
    if (!read_block(tid, tracee.block, block)) return -ESRCH;
    using Kind = TraceBlock::Kind;
    message = block.kind == Kind::call_entry  ? 1
              : block.kind == Kind::call_exit ? 2
              : block.kind == Kind::executed  ? u64(tid)
                                              : 0;
  }
  return thread.memory.put(data, message);
}

s64 PtraceTracer::get_info(UserThread& thread, int tid, Tracee& tracee, u64, u64 data) {
  siginfo_t info{};
  if (tracee.at == Tracee::At::host_stop) {
    const s64 error = host_ptrace(PTRACE_GETSIGINFO, tid, 0, reinterpret_cast<u64>(&info));
    return error ? error : thread.memory.put(data, info);
  }
  TraceBlock block;
  if (!read_block(tid, tracee.block, block)) return -ESRCH;
  info = block.info;
  const bool told = block.kind == TraceBlock::Kind::signal || block.kind == TraceBlock::Kind::stepped;
  if (!told) info.si_code = tracee.status >> 8;  // as the kernel has it
  return thread.memory.put(data, info);
}

s64 PtraceTracer::set_info(UserThread& thread, int tid, Tracee& tracee, u64, u64 data) {
  siginfo_t info{};
  if (s64 error = thread.memory.get(info, data)) return error;
  if (!tracee.block) return -ESRCH;
  return set_field(tid, tracee.block, &TraceBlock::info, info) &&
                 set_field(tid, tracee.block, &TraceBlock::info_changed, u32{1})
             ? 0
             : -ESRCH;
}

s64 PtraceTracer::get_registers(UserThread& thread, int tid, Tracee& tracee, u64 address, u64 data) {
  TraceBlock block;
  iovec to{};
  if (s64 error = thread.memory.get(to, data)) return error;
  if (!read_block(tid, tracee.block, block)) return -ESRCH;
  const auto set = find_set(block, address);
  if (!set || to.iov_len % set->element) return -EINVAL;
  to.iov_len = std::min<u64>(to.iov_len, block.*set->bytes);
  if (s64 error = thread.memory.copy_out(reinterpret_cast<u64>(to.iov_base), set->in(block), to.iov_len)) return error;
  return thread.memory.put(data, to);
}

s64 PtraceTracer::set_registers(UserThread& thread, int tid, Tracee& tracee, u64 address, u64 data) {
  TraceBlock block;
  iovec from{};
  if (s64 error = thread.memory.get(from, data)) return error;
  if (!read_block(tid, tracee.block, block)) return -ESRCH;
  const auto set = find_set(block, address);
  if (!set || !set->writable || from.iov_len % set->element) return -EINVAL;
  from.iov_len = std::min<u64>(from.iov_len, block.*set->bytes);
  u8* to = set->in(block);
  if (s64 error = thread.memory.copy_in(to, reinterpret_cast<u64>(from.iov_base), from.iov_len)) return error;
  if (!write_to(tid, tracee.block + set->offset, to, from.iov_len) ||
      !set_field(tid, tracee.block, &TraceBlock::registers_changed, u32{1}))
    return -ESRCH;
  return thread.memory.put(data, from);
}

s64 PtraceTracer::get_mask(UserThread& thread, int tid, Tracee& tracee, u64 address, u64 data) {
  u64 mask = 0;
  if (address != sizeof mask) return -EINVAL;
  if (!tracee.block || !get_field(tid, tracee.block, &TraceBlock::mask, mask)) return -ESRCH;
  return thread.memory.put(data, mask);
}

s64 PtraceTracer::set_mask(UserThread& thread, int tid, Tracee& tracee, u64 address, u64 data) {
  u64 mask = 0;
  if (address != sizeof mask) return -EINVAL;
  if (s64 error = thread.memory.get(mask, data)) return error;
  if (!tracee.block || !set_field(tid, tracee.block, &TraceBlock::mask, mask) ||
      !set_field(tid, tracee.block, &TraceBlock::mask_changed, u32{1}))
    return -ESRCH;
  return 0;
}

// struct ptrace_syscall_info.
s64 PtraceTracer::call_info(UserThread& thread, int tid, Tracee& tracee, u64 address, u64 data) {
  struct Info {
    u8 op = 0, padding[3] = {};
    u32 architecture = 0;
    u64 pc = 0, sp = 0;
    u64 detail[7] = {};
  } info;
  static_assert(sizeof info == 80);
  constexpr u64 kHead = 24, kEntry = 80, kExit = 33;
  TraceBlock block;
  if (!read_block(tid, tracee.block, block)) return -ESRCH;
  info.architecture = block.architecture;
  info.pc = block.pc;
  info.sp = block.sp;
  u64 bytes = kHead;
  if (tracee.at == Tracee::At::own_stop && block.kind == TraceBlock::Kind::call_entry) {
    info.op = 1;
    info.detail[0] = block.call_number;
    std::ranges::copy(block.call_args, info.detail + 1);
    bytes = kEntry;
  } else if (tracee.at == Tracee::At::own_stop && block.kind == TraceBlock::Kind::call_exit) {
    info.op = 2;
    info.detail[0] = u64(block.call_result);
    info.detail[1] = block.call_result < 0 && block.call_result > -4096;
    bytes = kExit;
  }
  const s64 error = thread.memory.copy_out(data, &info, std::min(address, bytes));
  return error ? error : s64(bytes);
}

// -- /proc --

std::optional<std::string> PtraceTracer::proc_text(int tid, const std::string& entry) {
  std::lock_guard lock(mutex_);
  const auto it = std::ranges::find_if(
      tracees_, [&](const auto& row) { return row.second.block && (row.first == tid || row.second.group == tid); });
  TraceBlock block;
  if (it == tracees_.end() || !read_block(it->first, it->second.block, block)) return std::nullopt;
  constexpr u64 kMostText = 1 << 20;
  auto bytes_at = [&](u64 address, u64 bytes) -> std::optional<std::string> {
    std::string text(std::min(bytes, kMostText), '\0');
    return read_from(it->first, block.base + address, text.data(), text.size()) ? std::optional(text) : std::nullopt;
  };
  block.program[sizeof block.program - 1] = 0;
  if (entry == "exe") return block.program;
  if (entry == "auxv") return bytes_at(block.auxv, block.auxv_bytes);
  if (entry == "cmdline") return bytes_at(block.arguments, block.arguments_bytes);
  if (entry != "maps") return std::nullopt;
  // The host's, without the emulator. What is executable is not known to it.
  std::ifstream file(fmt::format("/proc/{}/maps", tid));
  std::string text;
  for (std::string line; std::getline(file, line);) {
    const u64 start = std::strtoull(line.c_str(), nullptr, 16);
    if (start >= block.base && start - block.base < block.limit && !block.base) text += line + "\n";
  }
  return text;
}

}  // namespace mimus::user
