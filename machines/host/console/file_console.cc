#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstring>

#include "machines/host/console/open_console.h"
#include "machines/host/console/output_thread.h"

namespace mimus {
namespace {

class FileConsole final : public CharEndpoint {
 public:
  FileConsole(int fd, EventQueue& events)
      : output_(fd, true, events, [this] {
          if (handlers_.on_writable) handlers_.on_writable();
        }) {}
  size_t write(std::span<const u8> data) override { return output_.write(data); }
  void attach(Handlers handlers) override { handlers_ = std::move(handlers); }
  void resume() override {}

 private:
  Handlers handlers_;
  OutputThread output_;
};

}  // namespace

Expected<std::unique_ptr<CharEndpoint>> open_file_console(const std::string& path, EventQueue& events) {
  int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) return fail(fmt::format("serial file {}: {}", path, strerror(errno)));
  return std::make_unique<FileConsole>(fd, events);
}

}  // namespace mimus
