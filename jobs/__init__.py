"""Leased background work: queues in PostgreSQL, taken in fair turns, done exactly once as far as its effect goes.

A Celery message (`jobs.celery_bridge`) only says that a queue has work; the statements here choose which.
"""

from jobs.queue import JobQueue
from jobs.runner import Runner
from jobs.types import Effect, Handler, Job, JobContext, LeaseLost, NewJob, Registration, Schedule, Waker

__all__ = [
    "Effect",
    "Handler",
    "Job",
    "JobContext",
    "JobQueue",
    "LeaseLost",
    "NewJob",
    "Registration",
    "Runner",
    "Schedule",
    "Waker",
]
