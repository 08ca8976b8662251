#include "cli/exit_codes.h"

#include <fmt/format.h>

#include <array>

#include "report/wrapped.h"

namespace allmodes::cli {
namespace {

constexpr auto kRows = std::to_array<ExitCodeRow>({
    {0, "good", R"(good)"},
    {2, "at risk (diagnose)", R"(`diagnose`: at risk)"},
    {3, "collapsed",
     R"(stopped because of a collapse (`--on-collapse stop`, or `rollback` with none left), or because `consistency.nonfinite_limit` updates in a row were not finite; `diagnose`: collapsed)"},
    {64, "command line", R"(wrong command line)"},
    {65, "damaged data",
     R"(input data or checkpoint damaged, or not the data the checkpoint was made on)"},
    {66, "missing input", R"(input missing or unreadable)"},
    {68, "a rank was lost",
     R"(a rank is frozen, cut off or no longer moves; stderr says which, and what every rank was at. Plain mpirun may say 205 when it notices a lost host first; `launch/run.sh` makes that 68. Continue with `--resume auto`)"},
    {69, "device or service unavailable", R"(a device or service is not there)"},
    {70, "internal error", R"(internal error)"},
    {71, "system call failed", R"(an operating-system call failed)"},
    {73, "cannot create output", R"(output cannot be created)"},
    {74, "input/output error", R"(reading or writing failed midway)"},
    {75, "stopped by a signal after a checkpoint (resume)",
     R"(stopped by a signal after a checkpoint ([which ones](resuming.md#signals)); the log has the command that continues. Under mpirun use `launch/run.sh`, which turns Ctrl-C and TERM into USR1; mpirun itself gives ranks one second after TERM or INT)"},
    {76, "ranks disagree",
     R"(ranks disagree (configuration, version, data, or their replicas of the weights), or a collective failed)"},
    {78, "configuration refused", R"(configuration refused)"},
});

}  // namespace

std::span<const ExitCodeRow> exit_codes() {
  return kRows;
}

std::string exit_codes_in_brief() {
  std::string text = "Exit codes:";
  for (const ExitCodeRow& row : kRows)
    text += fmt::format("{} {} {}", row.code == 0 ? "" : ",", row.code, row.brief);
  return report::wrapped(text + ".", 80);
}

}  // namespace allmodes::cli
