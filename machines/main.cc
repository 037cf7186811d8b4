// The composition root's entry: parses the command line, runs the verb, turns errors into one message and an exit code.
#include <fmt/format.h>
#include <signal.h>

#include <cstdio>
#include <exception>
#include <string_view>

#include "machines/cli/commands.h"
#include "machines/cli/exec_command.h"
#include "machines/cli/img_command.h"

namespace {

using namespace mimus;

constexpr int kFailure = 1, kUsage = 2;

Expected<int> run_verb(int argc, char** argv) {
  // These two have parsers of their own, which start faster.
  const std::string_view name = argc > 0 ? argv[0] : "", verb = argc > 1 ? argv[1] : "";
  if (name.substr(name.rfind('/') + 1) == cli::kBinfmtName) return cli::exec_for_binfmt(argc - 1, argv + 1);
  if (verb == "exec") return cli::exec_command(argc - 2, argv + 2);
  if (verb == "binfmt") return cli::binfmt_command(argc - 2, argv + 2);
  if (argc > 1 && std::string_view(argv[1]) == "img") return cli::img_command(argc - 2, argv + 2);
  signal(SIGPIPE, SIG_IGN);  // a reader that goes away is an error of one write
  MIMUS_TRY(auto line, cli::parse_command_line(argc, argv));
  switch (line.verb) {
    case cli::Verb::run: return cli::run_command(line.run);
    case cli::Verb::dump: return cli::dump_command(line.dump);
    case cli::Verb::doctor: return cli::doctor_command();
    case cli::Verb::version: fmt::print("mimus {}\n", MIMUS_VERSION); return 0;
    case cli::Verb::help: fmt::print("{}", line.text); return 0;
  }
  return kFailure;
}

int report(const Error& error) {
  fmt::print(stderr, "mimus: {}\n", error.message);
  return error.kind == Error::Kind::usage ? kUsage : kFailure;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    auto result = run_verb(argc, argv);
    return result ? *result : report(result.error());
  } catch (const std::bad_alloc&) {
    return report({"out of memory"});
  } catch (const std::exception& error) {
    return report({fmt::format("internal error: {}", error.what())});
  }
}
