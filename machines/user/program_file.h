// What a file is that somebody wants to run: a program of some ISA, a script, or nothing of the sort.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "machines/user/elf_image.h"
#include "machines/user/sysroot.h"

namespace mimus::user {

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd = -1) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& o) noexcept : fd_(std::exchange(o.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& o) noexcept {
    std::swap(fd_, o.fd_);
    return *this;
  }
  ~FileDescriptor();
  int get() const { return fd_; }

 private:
  int fd_;
};

struct ProgramFile {
  FileDescriptor file;
  std::string host_path;
  std::string head;  // the first 64 KiB
  u64 bytes = 0;

  bool is_elf() const { return head.starts_with("\177ELF"); }
  u16 elf_machine() const;  // 0: no ELF file
};

// 0 or -errno, as execve would answer. `path` is a host path.
s64 open_program_file(const std::string& path, ProgramFile& program);

struct ScriptLine {
  std::string interpreter, argument;  // the argument may be empty
};
// Of a "#!" line.
std::optional<ScriptLine> parse_script(std::string_view head);

// A script's interpreter in its place, through several levels: `path` becomes the guest path of an ELF file (or of what
// is neither), `arguments` what it is started with. 0 or -errno.
s64 resolve_scripts(Sysroot& sysroot, std::string& path, std::vector<std::string>& arguments, ProgramFile& program);

}  // namespace mimus::user
