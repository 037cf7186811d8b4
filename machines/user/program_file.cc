#include "machines/user/program_file.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace mimus::user {

FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) close(fd_);
}

u16 ProgramFile::elf_machine() const {
  Elf64_Ehdr header;
  if (!is_elf() || head.size() < sizeof header) return 0;
  std::memcpy(&header, head.data(), sizeof header);
  return header.e_ident[EI_CLASS] == ELFCLASS64 ? header.e_machine : 0;
}

s64 open_program_file(const std::string& path, ProgramFile& program) {
  constexpr size_t kHead = 65536;
  struct stat info;
  if (stat(path.c_str(), &info) != 0) return -errno;
  if (!S_ISREG(info.st_mode)) return -EACCES;
  if (faccessat(AT_FDCWD, path.c_str(), X_OK, AT_EACCESS) != 0) return -errno;
  program.file = FileDescriptor(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (program.file.get() < 0) return -errno;
  program.bytes = u64(info.st_size);
  program.host_path = path;
  program.head.resize(std::min<u64>(kHead, program.bytes));
  const ssize_t got = pread(program.file.get(), program.head.data(), program.head.size(), 0);
  if (got < 0) return -errno;
  program.head.resize(size_t(got));
  return 0;
}

std::optional<ScriptLine> parse_script(std::string_view head) {
  constexpr std::string_view kBlank = " \t";
  if (!head.starts_with("#!")) return std::nullopt;
  std::string_view line = head.substr(2, std::min<size_t>(head.find('\n'), 256) - 2);
  const size_t start = line.find_first_not_of(kBlank);
  if (start == std::string_view::npos) return std::nullopt;
  line = line.substr(start, line.find_last_not_of(kBlank) + 1 - start);
  const size_t end = line.find_first_of(kBlank);
  ScriptLine script{std::string(line.substr(0, end)), {}};
  if (end != std::string_view::npos) script.argument = line.substr(line.find_first_not_of(kBlank, end));
  return script;
}

s64 resolve_scripts(Sysroot& sysroot, std::string& path, std::vector<std::string>& arguments, ProgramFile& program) {
  constexpr unsigned kLevels = 5;
  for (unsigned level = 0; level < kLevels; level++) {
    if (s64 error = open_program_file(sysroot.to_host(path), program)) return error;
    const auto script = parse_script(program.head);
    if (!script) return 0;
    if (arguments.empty()) arguments.emplace_back();
    arguments[0] = path;
    if (!script->argument.empty()) arguments.insert(arguments.begin(), script->argument);
    arguments.insert(arguments.begin(), script->interpreter);
    path = script->interpreter;
  }
  return -ELOOP;
}

}  // namespace mimus::user
