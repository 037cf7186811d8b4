// A disk in memory whose completions the test releases one by one.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <vector>

#include "core/endpoint/block_endpoint.h"

namespace mimus::virtio {

struct MemoryDisk : BlockEndpoint {
  explicit MemoryDisk(size_t bytes) : data(bytes) {
    for (size_t i = 0; i < bytes; ++i) data[i] = u8(i / 512 + i);
  }
  u64 size_bytes() const override { return data.size(); }
  bool read_only() const override { return locked; }
  std::string serial() const override { return "MIMUS-TEST-DISK"; }
  void read(u64 offset, std::span<const std::span<u8>> buffers, Done done) override {
    work.push_back([this, offset, list = std::vector(buffers.begin(), buffers.end()), done]() mutable {
      for (auto buffer : list) {
        std::copy_n(data.begin() + offset, buffer.size(), buffer.begin());
        offset += buffer.size();
      }
      done(result);
    });
  }
  void write(u64 offset, std::span<const std::span<const u8>> buffers, Done done) override {
    work.push_back([this, offset, list = std::vector(buffers.begin(), buffers.end()), done]() mutable {
      for (auto buffer : list) {
        std::ranges::copy(buffer, data.begin() + offset);
        offset += buffer.size();
      }
      done(result);
    });
  }
  void flush(Done done) override {
    work.push_back([this, done] {
      ++flushes;
      done(result);
    });
  }
  void discard(u64 offset, u64 bytes, Done done) override { write_zeroes(offset, bytes, true, done); }
  void write_zeroes(u64 offset, u64 bytes, bool, Done done) override {
    work.push_back([this, offset, bytes, done] {
      std::fill_n(data.begin() + offset, bytes, 0);
      done(result);
    });
  }
  void quiesce() override { ++quiesces; }

  void complete_one() {
    auto job = std::move(work.front());
    work.pop_front();
    job();
  }
  void complete_all() {
    while (!work.empty()) complete_one();
  }

  std::vector<u8> data;
  std::deque<std::function<void()>> work;
  Status result = Status::ok;
  bool locked = false;
  int flushes = 0;
  int quiesces = 0;
};

}  // namespace mimus::virtio
