#include "machines/user/start_stack.h"

#include <elf.h>
#include <sys/random.h>

namespace mimus::user {
namespace {

class Builder {
 public:
  Builder(AddressSpace& memory, GuestVa top) : memory_(memory), at_(top) {}

  GuestVa push(const void* bytes, u64 count, u64 alignment = 1) {
    at_ = align_down(at_ - count, alignment);
    ok_ &= memory_.copy_out(at_, bytes, count) == 0;
    return at_;
  }
  GuestVa push(const std::string& text) { return push(text.c_str(), text.size() + 1); }
  // In order of address, so the last one first. Addresses of each.
  std::vector<u64> push(const std::vector<std::string>& texts) {
    std::vector<u64> addresses(texts.size());
    for (size_t i = texts.size(); i-- > 0;) addresses[i] = push(texts[i]);
    return addresses;
  }
  GuestVa at() const { return at_; }
  bool ok() const { return ok_; }

 private:
  AddressSpace& memory_;
  GuestVa at_;
  bool ok_ = true;
};

}  // namespace

Expected<StackLayout> build_stack(const StartStack& start, AddressSpace& memory, GuestVa top) {
  Builder b(memory, top);
  StackLayout layout;
  u64 zero = 0;
  b.push(&zero, sizeof zero);
  const GuestVa path = b.push(start.path);
  const auto environment = b.push(start.environment);
  const GuestVa arguments_end = b.at();
  const auto arguments = b.push(start.arguments);
  layout.arguments = b.at();
  layout.arguments_bytes = arguments_end - b.at();
  u8 random[16];
  if (getrandom(random, sizeof random, 0) < 0) std::memset(random, 0x5a, sizeof random);
  const GuestVa random_at = b.push(random, sizeof random, 16);
  const GuestVa platform = start.platform.empty() ? 0 : b.push(start.platform);

  std::vector<u64> words;
  words.push_back(arguments.size());
  words.insert(words.end(), arguments.begin(), arguments.end());
  words.push_back(0);
  words.insert(words.end(), environment.begin(), environment.end());
  words.push_back(0);
  const size_t auxv = words.size();
  for (auto [type, value] : start.auxv) words.insert(words.end(), {type, value});
  if (platform) words.insert(words.end(), {AT_PLATFORM, platform});
  words.insert(words.end(), {AT_RANDOM, random_at, AT_EXECFN, path, AT_NULL, 0});
  layout.sp = b.push(words.data(), words.size() * 8, 16);
  layout.auxv = layout.sp + auxv * 8;
  layout.auxv_bytes = (words.size() - auxv) * 8;
  if (!b.ok()) return fail("arguments and environment do not fit on the stack");
  return layout;
}

}  // namespace mimus::user
