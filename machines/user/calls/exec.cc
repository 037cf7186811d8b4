// execve: programs of the guest's ISA run under this emulator again, with the same options; all others are the host's.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "machines/user/paths.h"
#include "machines/user/program_file.h"
#include "machines/user/strace.h"
#include "machines/user/syscalls.h"

namespace mimus::user {
namespace {

constexpr const char* kSelf = "/proc/self/exe";

s64 get_strings(UserThread& thread, GuestVa at, std::vector<std::string>& texts) {
  constexpr u64 kLongest = 128 << 10;  // MAX_ARG_STRLEN
  for (; at; at += 8) {
    u64 address = 0;
    if (s64 error = thread.memory.get(address, at)) return error;
    if (!address) return 0;
    if (s64 error = thread.memory.get_string(texts.emplace_back(), address, kLongest))
      return error == -ENAMETOOLONG ? -E2BIG : error;
  }
  return 0;
}

std::vector<const char*> pointers(const std::vector<std::string>& texts) {
  std::vector<const char*> list;
  for (const std::string& text : texts) list.push_back(text.c_str());
  list.push_back(nullptr);
  return list;
}

// The command line that runs `path` under this emulator.
std::vector<std::string> under_emulator(const Process& process, const std::string& path,
                                        const std::vector<std::string>& arguments, bool traced) {
  std::vector<std::string> line{"mimus", "exec"};
  line.insert(line.end(), process.exec_options.begin(), process.exec_options.end());
  if (!process.sysroot.root().empty()) line.insert(line.end(), {"-L", process.sysroot.root()});
  if (traced) line.emplace_back("--traced");
  line.insert(line.end(), {"--argv0", arguments.empty() ? "" : arguments[0], "--", path});
  if (arguments.size() > 1) line.insert(line.end(), arguments.begin() + 1, arguments.end());
  return line;
}

struct ExecState {
  std::vector<std::string> arguments, environment;
  std::string program_path;
  std::vector<std::string> program_arguments;  // with the interpreters of scripts
  ProgramFile program;
  std::vector<std::string> line;
  std::vector<const char*> argv, envp;
};

s64 execute(UserThread& thread, std::string path, const u64 argv, const u64 envp) {
  thread.exec_state = std::make_shared<ExecState>();  // no second owner on a stack that execve leaves behind
  ExecState& s = *static_cast<ExecState*>(thread.exec_state.get());
  if (s64 error = get_strings(thread, argv, s.arguments)) return error;
  if (s64 error = get_strings(thread, envp, s.environment)) return error;
  Process& process = thread.process;
  if (own_proc_entry(path) == "exe") path = process.sysroot.to_guest(process.program.exe);
  s.program_path = path;
  s.program_arguments = s.arguments;
  const s64 error = resolve_scripts(process.sysroot, s.program_path, s.program_arguments, s.program);
  // Closed while this is certain to be the process that has opened it: a vfork child's state ends in the parent.
  {
    const FileDescriptor closed = std::move(s.program.file);
  }
  if (error) return error;
  const char* file = kSelf;
  if (s.program.elf_machine() == thread.isa.facts().elf_machine) {
    s.line = under_emulator(process, s.program_path, s.program_arguments, thread.tracer && !process.debugger);
  } else {
    // Its interpreter, if it is a script, is looked up by the host: it gets host paths.
    const bool script = s.program_path != path;
    const size_t name = s.program_arguments.size() - std::max<size_t>(s.arguments.size(), 1);
    if (script) s.program_arguments[name] = process.sysroot.to_host(path);
    s.line = s.program_arguments;
    file = s.program.host_path.c_str();
  }
  s.argv = pointers(s.line);
  s.envp = pointers(s.environment);
  if (!thread.vfork_child) process.accelerator.save_translations();
  if (!thread.tracer && !process.debugger)
    return thread.host(SYS_execve, u64(file), u64(s.argv.data()), u64(s.envp.data()));
  // What the guest ignores is ignored by the next program, too.
  Tracer* const tracer = thread.tracer;
  if (tracer) tracer->before_host_stop(thread);
  thread.tracer = nullptr;
  thread.set_all_actions_of_host();
  const s64 result = thread.host(SYS_execve, u64(file), u64(s.argv.data()), u64(s.envp.data()));
  thread.tracer = tracer;
  thread.set_all_actions_of_host();
  return result;
}

}  // namespace

s64 call_execve(UserThread& thread, const Call&, const u64* arg) {
  std::string path;
  if (s64 error = thread.memory.get_string(path, arg[0])) return error;
  return execute(thread, std::move(path), arg[1], arg[2]);
}

s64 call_execveat(UserThread& thread, const Call&, const u64* arg) {
  std::string path;
  if (s64 error = thread.memory.get_string(path, arg[1])) return error;
  if (path.empty() && !(arg[4] & AT_EMPTY_PATH)) return -ENOENT;
  if (path.empty() || (path[0] != '/' && int(arg[0]) != AT_FDCWD)) {
    const std::string folder = fmt::format("/proc/self/fd/{}", int(arg[0]));
    char name[4096];
    const ssize_t length = readlink(folder.c_str(), name, sizeof name);
    if (length < 0) return -EBADF;
    const std::string real(name, size_t(length));
    if (!path.empty()) {
      path = real + "/" + path;
    } else if (access(real.c_str(), F_OK) == 0) {
      path = real;
    } else {  // without a name any more: the next program inherits it
      const int kept = dup(int(arg[0]));
      if (kept < 0) return -errno;
      path = fmt::format("/proc/self/fd/{}", kept);
      const s64 result = execute(thread, path, arg[2], arg[3]);
      close(kept);
      return result;
    }
  }
  return execute(thread, path, arg[2], arg[3]);
}

}  // namespace mimus::user
