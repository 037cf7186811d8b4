// What comes over the wire to a GDB session. Memory and registers that GDB writes change nothing that the session
// itself stands on.
#include "machines/debug/gdb_session.h"
#include "tests/debug/gdb_fake_target.h"

extern "C" int LLVMFuzzerTestOneInput(const mimus::u8* data, size_t size) {
  using namespace mimus::gdb;
  FakeTarget target;
  Session session(target, {Stop::Kind::signal, FakeTarget::kFirst, 5, 0, 0});
  std::string out;
  // Each line is a packet; lines that begin with '\1' are raw bytes.
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  while (!rest.empty() && !session.over()) {
    const std::string_view line = take_until(rest, '\n');
    if (line.starts_with('\1'))
      session.receive(line.substr(1), out);
    else
      session.receive(frame(line), out);
    if (session.running()) {
      target.stop = Stop{Stop::Kind::signal, FakeTarget::kSecond, 11, 0, 0};
      session.target_changed(out);
    }
    out.clear();
  }
  return 0;
}
