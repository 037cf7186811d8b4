// A regular file or block device of the host that holds an image.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "core/base/error.h"
#include "machines/host/block/storage.h"

namespace mimus {

class HostFile final : public Storage {
 public:
  enum class Access { read_only, read_write };

  // Opens and locks `path` (file_lock.h): one writer or any number of readers, over all processes. Errors name the
  // file and the way out.
  static Expected<std::unique_ptr<HostFile>> open(const std::string& path, Access access);
  // For a look at a file that another program may be writing.
  static Expected<std::unique_ptr<HostFile>> open_unlocked(const std::string& path);
  // A new file of 0 bytes, open for writing and locked. An existing file is emptied, but not one that is in use.
  static Expected<std::unique_ptr<HostFile>> create(const std::string& path);
  // A file without name that lives as long as it is open. It is never made durable: sync() does nothing.
  static Expected<std::unique_ptr<HostFile>> temporary();
  // Takes over a descriptor without locking it.
  static Expected<std::unique_ptr<HostFile>> adopt(int fd, std::string name, Access access);

  HostFile(const HostFile&) = delete;
  ~HostFile() override;

  Access access() const { return access_; }
  // Equal for two names of one file.
  std::pair<u64, u64> identity() const { return {device_, inode_}; }

  const std::string& name() const override { return name_; }
  u64 size() const override { return size_; }  // as far as this object knows
  bool writable() const override { return access_ == Access::read_write; }
  bool grows() const override { return !block_device_; }
  int fd() const override { return fd_; }
  s64 read_at(u64 offset, std::span<u8> out) const override;
  using Storage::write_at;
  int write_at(u64 offset, std::span<const iovec> buffers) override;
  int sync() override;
  int resize(u64 bytes) override;
  int zero(u64 offset, u64 bytes, bool may_unmap) override;
  int discard(u64 offset, u64 bytes) override;

 private:
  HostFile(int fd, std::string name, Access access) : fd_(fd), name_(std::move(name)), access_(access) {}
  static Expected<std::unique_ptr<HostFile>> open_path(const std::string& path, Access access);
  Expected<void> inspect();
  int write_zeroes(u64 offset, u64 bytes);

  int fd_;
  std::string name_;
  Access access_;
  u64 size_ = 0;
  u64 device_ = 0;
  u64 inode_ = 0;
  bool block_device_ = false;
  bool throw_away_ = false;
  bool sync_failed_ = false;
};

}  // namespace mimus
