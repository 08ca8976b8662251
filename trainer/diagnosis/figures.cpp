#include "diagnosis/figures.h"

#include "run/figures.h"

namespace allmodes::diagnosis {
namespace {

constexpr records::Figure kDiagnosisFigures[] = {
    {"features", "", "", "", "the features in which samples are compared, with their number"},
    {"samples", "samples", "", "", "that were generated"},
    {"reals", "samples", "", "", "that they are compared with"},
    {"near_reals", "share", "[0, 1]", "measured",
     "of fakes four times as near to a real as that real is to its nearest other one: learnt by "
     "heart"},
    {"learnt_by_heart", "share", "[0, 1]", "0",
     "of fakes that are nearer to training data (--train) than held-out data is"},
    {"class_accuracy_of_reals", "share", "[0, 1]", "",
     "of reals whose class is seen rightly by whoever sorts the fakes, who has not seen them"},
    {"asked_class", "share", "[0, 1]", "that of reals",
     "of fakes that have the class that was asked for (--fake-labels), by the same eye"},
    {"near_own", "share", "[-1, 1]", "0; measured",
     "of fakes whose second nearest other fake is far nearer, beside their second nearest real, "
     "than that of most fakes is, less the same of reals: copies with noise"},
    {"near_fakes", "share", "[0, 1]", "measured",
     "of fakes that have two other fakes a quarter as far as reals there lie apart: few things in "
     "many copies"},
    {"clumps", "share", "[0, 1]", "that of the data",
     "of fakes in tight clumps with nothing around them: few things that differ by noise"},
    {"invented", "share", "[0, 1]", "measured",
     "of fakes far from every real, or amid fakes alone: places where no data is"},
    {"mean_shift", "deviations", ">= 0", "0; measured",
     "of the fakes' mean from the reals', in the root of the reals' total variance"},
    {"spread_ratio", "", "> 0", "1; measured",
     "mean distance of the fakes from the mean of both sets, over that of the reals"},
    {"frechet_distance_limit", "", "", "0",
     "what frechet_distance tends to for ever more samples (jackknife)"},
    {"fd_inception_64_limit", "", "", "0", "the same of fd_inception_64"},
    {"fd_inception_192_limit", "", "", "0", "the same of fd_inception_192"},
    {"kernel_effect", "", "", "0",
     "the kernel distance (kid in Inception's features) over the mean of its kernel between two "
     "samples of one set: a size without units"},
    {"intervals_99", "", "", "",
     "of figures by name: low, high and the method (Clopper-Pearson for shares)"},
    {"ndb", "", "", "5 % of the cells",
     "cells of the reals (k-means) whose shares differ, each tested at 5 %"},
    {"ndb_corrected", "", "", "0", "the same, corrected for the number of cells"},
    {"jsd", "nats", "[0, ln 2]", "its floor",
     "Jensen-Shannon divergence of the shares of the cells"},
    {"mutual_information", "nats", "[0, ln N]", "",
     "between sample and latent, of all N posteriors as a mixture"},
    {"marginal_kl", "nats", "", "0",
     "KL of the aggregate posterior from the prior: kl_total less mutual_information"},
    {"class_coverage", "share", "[0, 1]", "coverage_expected",
     "of the balls of the reals of each class that hold a fake"},
    {"expected_share", "share", "[0, 1]", "",
     "of each class: what whoever sorts the fakes takes the reals for"},
    {"missing_modes", "", "", "none",
     "classes with significantly and far too few fakes: name, expected, observed, log10_p"},
    {"parts", "", "", "none",
     "of the data that are missing, starved, narrow or crowded: name, finding, share, made, "
     "made_99, width, log10_p, reals (numbers of a few of its samples in the data, from 0)"},
    {"brief", "", "", "",
     "the first clause of reason: what decided, and what is missing or starved beside it"},
    {"findings", "", "", "none",
     "the witnesses as the table in the terminal has them, worst first: state, kind, what, parts, "
     "found, expected, log10_p; explained: it follows from the first, and the table leaves it out"},
    {"try", "", "", "none", "what helps against the kind: changes of fields, each with its words"},
    {"witnesses", "", "", "none",
     "what speaks for another state than healthy: state, kind, reason"},
    {"evaluation", "", "", "", "the evaluation record of a run, as its collectors measure it anew"},
    {"neighborhood_cpu_s", "s", "> 0", "",
     "processor time of precision, recall, density and coverage"},
};

}  // namespace

records::FigureTables figure_tables() {
  records::FigureTables tables = run::figure_tables();
  tables.push_back({"diagnosis", "", kDiagnosisFigures});
  return tables;
}

}  // namespace allmodes::diagnosis
