"""Studies: several configurations x seeds, run to the end, in one table (see launch/study.sh)."""
