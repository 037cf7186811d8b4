// A regular file or block device of the host that holds an image.
#pragma once

#include <sys/uio.h>

#include <span>
#include <string>
#include <utility>

#include "core/base/error.h"
#include "core/base/types.h"

namespace mimus {

class HostFile {
 public:
  enum class Access { read_only, read_write };

  // Opens and locks `path`: one writer or any number of readers, over all processes. Errors name the file and the way
  // out.
  static Expected<HostFile> open(const std::string& path, Access access);
  // Takes over a descriptor without locking it.
  static Expected<HostFile> adopt(int fd, std::string name, Access access);

  HostFile(HostFile&& other) noexcept { *this = std::move(other); }
  HostFile& operator=(HostFile&& other) noexcept;
  ~HostFile();

  int fd() const { return fd_; }
  const std::string& name() const { return name_; }
  u64 size() const { return size_; }  // bytes, when it was opened
  Access access() const { return access_; }
  // Equal for two names of one file.
  std::pair<u64, u64> identity() const { return {device_, inode_}; }

  // Reads up to out.size() bytes; the number read is smaller only at the end of the file. -errno on failure.
  s64 read_at(u64 offset, std::span<u8> out) const;

 private:
  HostFile() = default;
  Expected<void> inspect();
  Expected<void> lock();

  int fd_ = -1;
  std::string name_;
  Access access_ = Access::read_only;
  u64 size_ = 0;
  u64 device_ = 0;
  u64 inode_ = 0;
};

}  // namespace mimus
