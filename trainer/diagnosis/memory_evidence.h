#pragma once

// Whether samples are learnt by heart, from what the model was trained on and data that it was not.

#include "diagnosis/inputs.h"
#include "diagnostics/features/sample_features.h"
#include "diagnostics/statistics/training_copies.h"
#include "world/communicator.h"

namespace allmodes::diagnosis {

// Collective. In features that neither of the two sets had a part in. Rows that are there more than
// once, in one set or in both, are left out: data may repeat themselves. Throws kDataError where
// more than half of the held-out rows are training rows, or hardly any is left.
diagnostics::TrainingCopies training_copies(world::Communicator& control,
                                            const DiagnosedSamples& training,
                                            const DiagnosedSamples& held_out,
                                            const DiagnosedSamples& fakes,
                                            const diagnostics::FeatureMap& features);

}  // namespace allmodes::diagnosis
