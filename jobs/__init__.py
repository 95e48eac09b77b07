"""Leased background work: queues in PostgreSQL, taken in fair turns, done exactly once as far as its effect goes.

A Celery message (`jobs.celery_bridge`) only says that a queue has work; the statements here choose which.
"""

from jobs.heart import Heart
from jobs.queue import JobQueue, Steering
from jobs.runner import Runner
from jobs.steering import QueueState
from jobs.types import (
    Effect,
    Handler,
    Job,
    JobCancelled,
    JobContext,
    JobState,
    Later,
    LeaseLost,
    Move,
    NewJob,
    Registration,
    Schedule,
    Waker,
)
from jobs.watching import JobWatch

__all__ = [
    "Effect",
    "Handler",
    "Heart",
    "Job",
    "JobCancelled",
    "JobContext",
    "JobQueue",
    "JobState",
    "JobWatch",
    "Later",
    "LeaseLost",
    "Move",
    "NewJob",
    "QueueState",
    "Registration",
    "Runner",
    "Schedule",
    "Steering",
    "Waker",
]
