#include "machines/debug/gdb_files.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "machines/debug/gdb_packet.h"

namespace mimus::gdb {
namespace {

constexpr size_t kMostOpen = 64;

std::string failure(int error) {
  constexpr int kKnown[] = {EPERM,   ENOENT, EINTR,  EBADF,  EACCES, EFAULT, EBUSY,  EEXIST, ENODEV,
                            ENOTDIR, EISDIR, EINVAL, ENFILE, EMFILE, EFBIG,  ENOSPC, ESPIPE, EROFS};
  constexpr int kUnknown = 9999;
  return fmt::format("F-1,{:x}", std::ranges::find(kKnown, error) != std::end(kKnown) ? error : kUnknown);
}

void put(std::string& text, u64 value, unsigned bytes) {  // most significant first
  for (unsigned i = bytes; i > 0; i--) text += char(value >> (i - 1) * 8);
}

}  // namespace

Files::~Files() {
  for (int fd : open_) ::close(fd);
}

std::string Files::execute(std::string_view request) {
  static constexpr struct {
    std::string_view name;
    Operation operation;
  } kOperations[] = {{"setfs", &Files::setfs},
                     {"open", &Files::open},
                     {"close", &Files::close},
                     {"pread", &Files::pread},
                     {"fstat", &Files::fstat}};
  const std::string_view name = take_until(request, ':');
  for (const auto& row : kOperations)
    if (row.name == name) return (this->*row.operation)(request);
  return {};
}

std::string Files::setfs(std::string_view) { return "F0"; }

std::string Files::open(std::string_view arguments) {
  const auto path = from_hex(take_until(arguments, ','));
  const auto flags = take_number(arguments);
  if (!path || !flags || path->find('\0') != std::string::npos) return failure(EINVAL);
  if (*flags) return failure(EROFS);  // O_RDONLY alone
  if (open_.size() >= kMostOpen) return failure(EMFILE);
  const int fd = target_.open_file(*path);
  if (fd < 0) return failure(-fd);
  open_.insert(fd);
  return fmt::format("F{:x}", fd);
}

std::string Files::close(std::string_view arguments) {
  const auto fd = take_number(arguments);
  if (!fd || !open_.erase(int(*fd))) return failure(EBADF);
  ::close(int(*fd));
  return "F0";
}

std::string Files::pread(std::string_view arguments) {
  const auto fd = take_number(arguments);
  if (!fd || !open_.contains(int(*fd)) || !take(arguments, ",")) return failure(EBADF);
  const auto count = take_number(arguments);
  if (!count || !take(arguments, ",")) return failure(EINVAL);
  const auto offset = take_number(arguments);
  if (!offset || s64(*offset) < 0) return failure(EINVAL);
  std::string data(std::min<u64>(*count, kPacketBytes / 2 - 32), '\0');  // room for escapes
  const ssize_t got = ::pread(int(*fd), data.data(), data.size(), off_t(*offset));
  if (got < 0) return failure(errno);
  return fmt::format("F{:x};", got) + data.substr(0, size_t(got));
}

std::string Files::fstat(std::string_view arguments) {
  const auto fd = take_number(arguments);
  struct stat info;
  if (!fd || !open_.contains(int(*fd)) || ::fstat(int(*fd), &info) != 0) return failure(EBADF);
  std::string data;
  put(data, info.st_dev, 4);
  put(data, info.st_ino, 4);
  put(data, info.st_mode, 4);
  put(data, info.st_nlink, 4);
  put(data, info.st_uid, 4);
  put(data, info.st_gid, 4);
  put(data, info.st_rdev, 4);
  put(data, u64(info.st_size), 8);
  put(data, u64(info.st_blksize), 8);
  put(data, u64(info.st_blocks), 8);
  put(data, u64(info.st_atime), 4);
  put(data, u64(info.st_mtime), 4);
  put(data, u64(info.st_ctime), 4);
  return fmt::format("F{:x};", data.size()) + data;
}

}  // namespace mimus::gdb
