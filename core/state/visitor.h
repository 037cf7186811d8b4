// StateVisitor: one description of a component's state serves saving, loading, comparing and describing it.
// Fields are named; a section has a version; loads are bounds-checked and fail by name.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "core/base/error.h"
#include "core/base/types.h"

namespace mimus {

class StateVisitor {
 public:
  enum class Mode { save, load, compare, describe };
  virtual ~StateVisitor() = default;
  virtual Mode mode() const = 0;
  bool loading() const { return mode() == Mode::load; }

  // Opens a named section; `version` is what this code writes. Returns the version found when loading.
  virtual u32 begin(std::string_view section, u32 version) = 0;
  virtual void end() = 0;

  // `bytes` of raw little-endian data under `name`.
  virtual void raw(std::string_view name, void* data, size_t bytes) = 0;
  // A byte string of variable length, at most `limit` when loading.
  virtual void blob(std::string_view name, std::vector<u8>& data, size_t limit) = 0;
  // Marks the load as failed: "section.field: why". Later calls do nothing.
  virtual void reject(std::string_view name, std::string_view why) = 0;

  template <class T>
    requires(std::is_integral_v<T> || std::is_enum_v<T>)
  void field(std::string_view name, T& value) {
    raw(name, &value, sizeof value);
  }

  // One byte; refused when loaded as anything but 0 and 1.
  void field(std::string_view name, bool& value) {
    u8 byte = value;
    raw(name, &byte, 1);
    if (!loading()) return;
    if (byte > 1) return reject(name, "not a truth value");
    value = byte != 0;
  }

  template <class T>
  void field(std::string_view name, std::atomic<T>& value) {
    T copy = value.load();
    field(name, copy);
    if (loading()) value.store(copy);
  }
  template <class T, size_t N>
  void field(std::string_view name, T (&values)[N]) {
    raw(name, values, sizeof values);
  }
  template <class T, size_t N>
  void field(std::string_view name, std::array<T, N>& values) {
    raw(name, values.data(), sizeof values);
  }

  // An integer that indexes something: refused when loaded as `limit` or more.
  template <class T>
  void index(std::string_view name, T& value, u64 limit) {
    T copy = value;
    field(name, copy);
    if (loading()) {
      if (u64(copy) >= limit) return reject(name, "index out of range");
      value = copy;
    }
  }
};

// Byte-vector implementations (core/state/visitor.cc).
std::vector<u8> save_state(const std::function<void(StateVisitor&)>& visit);
Expected<void> load_state(std::span<const u8> data, const std::function<void(StateVisitor&)>& visit);
// "section.field: saved X, now Y" lines of every field that differs from `data`; empty when nothing does.
Expected<std::string> compare_state(std::span<const u8> data, const std::function<void(StateVisitor&)>& visit);
// "section.field = value" lines of every field, for tests and the monitor.
std::string describe_state(const std::function<void(StateVisitor&)>& visit);

}  // namespace mimus
