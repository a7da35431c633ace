"""Floor 5: one file per job: parameters, plan, work, collect."""
