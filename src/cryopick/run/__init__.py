"""Floor 4: where work happens: jobs, executors, records."""

from cryopick.run.drive import Plan, plan_job, resume_job, run_job
from cryopick.run.executor import Executor
from cryopick.run.inline import InlineExecutor
from cryopick.run.job import Cost, Item, Job, Outcome, Params, Plot, Worker, param
from cryopick.run.local import LocalExecutor
from cryopick.run.progress import Progress

__all__ = [
    "Cost",
    "Executor",
    "InlineExecutor",
    "Item",
    "Job",
    "LocalExecutor",
    "Outcome",
    "Params",
    "Plan",
    "Plot",
    "Progress",
    "Worker",
    "param",
    "plan_job",
    "resume_job",
    "run_job",
]
