// The byte-vector visitors. A saved state is a sequence of items, all numbers little-endian:
//   section  'S' u16 name length, name, u32 version, u32 body bytes, body (items)
//   field    'F' u16 name length, name, u32 bytes, data
// Loading looks items up by name within their section, the first unused one first; an item that nobody asked for is
// an error, as is one that is missing or has another size.
#include "core/state/visitor.h"

#include <algorithm>

namespace mimus {
namespace {

constexpr char kSection = 'S';
constexpr char kField = 'F';
constexpr unsigned kMaxDepth = 16;

class Writer final : public StateVisitor {
 public:
  Mode mode() const override { return Mode::save; }

  u32 begin(std::string_view section, u32 version) override {
    header(kSection, section);
    number(version, 4);
    open_.push_back(out_.size());
    number(0, 4);
    return version;
  }
  void end() override {
    size_t at = open_.back();
    open_.pop_back();
    size_t bytes = out_.size() - at - 4;
    for (unsigned i = 0; i < 4; i++) out_[at + i] = u8(bytes >> (8 * i));
  }
  void raw(std::string_view name, void* data, size_t bytes) override {
    header(kField, name);
    number(bytes, 4);
    auto* from = static_cast<const u8*>(data);
    out_.insert(out_.end(), from, from + bytes);
  }
  void blob(std::string_view name, std::vector<u8>& data, size_t) override { raw(name, data.data(), data.size()); }
  void reject(std::string_view, std::string_view) override {}

  std::vector<u8> take() { return std::move(out_); }

 private:
  void number(u64 value, unsigned bytes) {
    for (unsigned i = 0; i < bytes; i++) out_.push_back(u8(value >> (8 * i)));
  }
  void header(char kind, std::string_view name) {
    out_.push_back(u8(kind));
    number(name.size(), 2);
    out_.insert(out_.end(), name.begin(), name.end());
  }
  std::vector<u8> out_;
  std::vector<size_t> open_;  // where the body sizes of open sections go
};

struct Item {
  char kind;
  std::string_view name;
  u32 version = 0;
  std::span<const u8> body;
  bool used = false;
};

// Splits `data` into items; false when it is not a sequence of whole items.
bool split(std::span<const u8> data, std::vector<Item>& items) {
  size_t at = 0;
  auto number = [&](unsigned bytes, u64& value) {
    if (data.size() - at < bytes) return false;
    value = 0;
    for (unsigned i = 0; i < bytes; i++) value |= u64{data[at + i]} << (8 * i);
    at += bytes;
    return true;
  };
  while (at < data.size()) {
    Item item{char(data[at++]), {}, 0, {}, false};
    u64 length = 0, version = 0, bytes = 0;
    if (item.kind != kSection && item.kind != kField) return false;
    if (!number(2, length) || data.size() - at < length) return false;
    item.name = {reinterpret_cast<const char*>(data.data() + at), length};
    at += length;
    if (item.kind == kSection && !number(4, version)) return false;
    if (!number(4, bytes) || data.size() - at < bytes) return false;
    item.version = u32(version);
    item.body = data.subspan(at, bytes);
    at += bytes;
    items.push_back(item);
  }
  return true;
}

// Walks saved items in step with a component; what is done with a field found is the derived class's business.
class Reader : public StateVisitor {
 public:
  explicit Reader(std::span<const u8> data) { enter("", data); }

  u32 begin(std::string_view section, u32 version) override {
    depth_++;
    const Item* item = find(kSection, section);
    if (!item) return version;
    if (item->version > version) reject(section, "written by a newer version of this program");
    if (item->version == 0 || levels_.size() >= kMaxDepth) reject(section, "malformed section");
    enter(section, item->body);
    return error_.empty() ? item->version : version;
  }
  void end() override {
    if (--depth_ + 1 < levels_.size()) {
      leave();
      levels_.pop_back();
    }
  }
  void raw(std::string_view name, void* data, size_t bytes) override {
    const Item* item = find(kField, name);
    if (!item) return;
    if (item->body.size() != bytes) return reject(name, "wrong size");
    visit_raw(name, item->body, static_cast<u8*>(data));
  }
  void blob(std::string_view name, std::vector<u8>& data, size_t limit) override {
    const Item* item = find(kField, name);
    if (!item) return;
    if (item->body.size() > limit) return reject(name, "too long");
    visit_blob(name, item->body, data);
  }
  void reject(std::string_view name, std::string_view why) override {
    if (error_.empty()) error_ = path(name) + ": " + std::string(why);
  }

  // After the walk: what went wrong, or empty.
  const std::string& finish() {
    leave();
    return error_;
  }

 protected:
  std::string path(std::string_view name) const {
    std::string result;
    for (const Level& level : levels_)
      if (!level.name.empty()) result += std::string(level.name) + ".";
    return result + std::string(name);
  }

 private:
  struct Level {
    std::string_view name;
    std::vector<Item> items;
  };
  virtual void visit_raw(std::string_view name, std::span<const u8> saved, u8* data) = 0;
  virtual void visit_blob(std::string_view name, std::span<const u8> saved, std::vector<u8>& data) = 0;

  void enter(std::string_view name, std::span<const u8> body) {
    levels_.push_back({name, {}});
    if (!split(body, levels_.back().items)) reject("", "damaged data");
  }
  void leave() {
    for (const Item& item : levels_.back().items)
      if (!item.used) return reject(item.name, "not known to this program");
  }
  const Item* find(char kind, std::string_view name) {
    if (!error_.empty()) return nullptr;
    auto& items = levels_.back().items;
    auto it = std::ranges::find_if(items, [&](const Item& i) { return !i.used && i.kind == kind && i.name == name; });
    if (it == items.end()) return reject(name, "missing"), nullptr;
    it->used = true;
    return &*it;
  }

  std::vector<Level> levels_;
  size_t depth_ = 0;  // begin() calls open; levels_ lacks the ones opened after an error
  std::string error_;
};

class Loader final : public Reader {
 public:
  using Reader::Reader;
  Mode mode() const override { return Mode::load; }

 private:
  void visit_raw(std::string_view, std::span<const u8> saved, u8* data) override {
    if (!saved.empty()) std::memcpy(data, saved.data(), saved.size());
  }
  void visit_blob(std::string_view, std::span<const u8> saved, std::vector<u8>& data) override {
    data.assign(saved.begin(), saved.end());
  }
};

// A number of up to 8 bytes in hex, else the bytes themselves.
std::string show(std::span<const u8> data) {
  static constexpr char kDigits[] = "0123456789abcdef";
  static constexpr size_t kShown = 32;
  std::string text;
  if (data.size() <= 8) {
    u64 value = 0;
    for (size_t i = 0; i < data.size(); i++) value |= u64{data[i]} << (8 * i);
    do text.insert(text.begin(), kDigits[value & 15]);
    while (value >>= 4);
    return "0x" + text;
  }
  for (u8 byte : data.first(std::min(data.size(), kShown))) text += {kDigits[byte >> 4], kDigits[byte & 15]};
  if (data.size() > kShown) text += "... (" + std::to_string(data.size()) + " bytes)";
  return text;
}

class Comparer final : public Reader {
 public:
  using Reader::Reader;
  Mode mode() const override { return Mode::compare; }
  std::string differences;

 private:
  void visit_raw(std::string_view name, std::span<const u8> saved, u8* data) override {
    compare(name, saved, {data, saved.size()});
  }
  void visit_blob(std::string_view name, std::span<const u8> saved, std::vector<u8>& data) override {
    compare(name, saved, data);
  }
  void compare(std::string_view name, std::span<const u8> saved, std::span<const u8> now) {
    if (!std::ranges::equal(saved, now))
      differences += path(name) + ": saved " + show(saved) + ", now " + show(now) + "\n";
  }
};

class Describer final : public StateVisitor {
 public:
  Mode mode() const override { return Mode::describe; }
  u32 begin(std::string_view section, u32 version) override {
    marks_.push_back(prefix_.size());
    prefix_ += std::string(section) + ".";
    return version;
  }
  void end() override {
    prefix_.resize(marks_.back());
    marks_.pop_back();
  }
  void raw(std::string_view name, void* data, size_t bytes) override {
    text += prefix_ + std::string(name) + " = " + show({static_cast<const u8*>(data), bytes}) + "\n";
  }
  void blob(std::string_view name, std::vector<u8>& data, size_t) override { raw(name, data.data(), data.size()); }
  void reject(std::string_view, std::string_view) override {}
  std::string text;

 private:
  std::string prefix_;
  std::vector<size_t> marks_;
};

}  // namespace

std::vector<u8> save_state(const std::function<void(StateVisitor&)>& visit) {
  Writer writer;
  visit(writer);
  return writer.take();
}

Expected<void> load_state(std::span<const u8> data, const std::function<void(StateVisitor&)>& visit) {
  Loader loader(data);
  visit(loader);
  if (!loader.finish().empty()) return fail("saved state: " + loader.finish());
  return {};
}

Expected<std::string> compare_state(std::span<const u8> data, const std::function<void(StateVisitor&)>& visit) {
  Comparer comparer(data);
  visit(comparer);
  if (!comparer.finish().empty()) return fail("saved state: " + comparer.finish());
  return comparer.differences;
}

std::string describe_state(const std::function<void(StateVisitor&)>& visit) {
  Describer describer;
  visit(describer);
  return describer.text;
}

}  // namespace mimus
