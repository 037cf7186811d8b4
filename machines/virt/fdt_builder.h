// Writes a flattened device tree with libfdt.
// Source: Devicetree Specification v0.4.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/base/types.h"

namespace mimus {

class FdtBuilder {
 public:
  FdtBuilder();

  // A node for as long as it lives.
  class Node {
   public:
    Node(FdtBuilder& tree, const std::string& name) : tree_(tree) { tree_.begin(name); }
    ~Node() { tree_.end(); }
    Node(const Node&) = delete;

   private:
    FdtBuilder& tree_;
  };
  [[nodiscard]] Node node(const std::string& name) { return Node(*this, name); }

  void empty(const char* name) { property(name, {}); }
  void cells(const char* name, std::initializer_list<u32> values);
  void cells(const char* name, const std::vector<u32>& values);
  void pairs(const char* name, std::initializer_list<u64> values);  // two cells each
  void string(const char* name, std::string_view value) { strings(name, {std::string(value)}); }
  void strings(const char* name, const std::vector<std::string>& values);
  void bytes(const char* name, std::span<const u8> data) { property(name, data); }
  // A number that other nodes refer to, put into the current node.
  u32 phandle();
  // The same for a node that comes later, which puts it into a "phandle" property itself.
  u32 reserve_phandle() { return next_phandle_++; }

  Expected<std::vector<u8>> finish();

 private:
  void begin(const std::string& name);
  void end();
  void property(const char* name, std::span<const u8> data);
  void check(int result) {
    if (result < 0 && !error_) error_ = result;
  }

  std::vector<u8> buffer_;
  u32 next_phandle_ = 1;
  int error_ = 0;
};

}  // namespace mimus
